import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { ISecret, Secret } from 'cdk8s-plus-28';
import { ModelSource, NodeCache, NodeCacheProps } from '../../../src';
import { gitForTests } from '../../doubles/git';
import { COMMIT } from '../../doubles/hub';
import { DaemonContainer, DaemonPod } from '../../support/daemon-stand';
import { objectsOf, plainChart } from '../../support/objects';
import { hubForTests, large, markerOf, MIB, REPO, run, small, temporaryFolder } from '../artifact/program';

/** The pod of a NodeCache as its node runs it: what the YAML says, against a hub and a server of Git. */

const FILES = [large('model.safetensors', 3 * MIB + 5), small('config.json', '{}')];
const SMALL = [small('config.json', '{"small": true}')];
const PRIVATE = 'org/private';
const OTHER = 'org/other';

const git = gitForTests();
const hub = hubForTests(
  { name: REPO, files: FILES },
  { name: OTHER, files: SMALL },
  { name: PRIVATE, files: SMALL, token: 'secret-of-ours' },
);
let commit: string;
beforeAll(() => {
  commit = git.current.commit('vllm', [
    { path: 'run.sh', text: 'true\n', executable: true },
    { path: 'docs/index.md', text: '# vLLM\n' },
  ]);
});

const QUICK = ['--every=1', '--retry-seconds=1', '--retry-most-seconds=2'];

interface Kept {
  readonly pod: DaemonPod;
  readonly cache: NodeCache;
  /** The folder of the node. */
  readonly node: string;
  readonly model: string;
}

function keep(node: string, props: Partial<NodeCacheProps> = {}): Kept {
  const chart = plainChart();
  const cache = new NodeCache(chart, 'gpus', {
    repositories: [{ name: 'vllm', url: git.current.url('vllm'), commit }],
    models: [{ name: 'opt', source: source(REPO) }],
    path: '/var/lib/models',
    size: Size.mebibytes(64),
    ...props,
  });
  const pod = new DaemonPod(objectsOf(chart), node, { 'hf-token/token': 'secret-of-ours' });
  const opt = (props.models ?? [{ name: 'opt' }]).some(({ name }) => name === 'opt');
  return { pod, cache, node, model: opt ? path.join(node, cache.artifact('opt').path) : '' };
}

function source(repo: string, tokenSecret?: ISecret): ModelSource {
  return ModelSource.huggingFace(repo, { revision: COMMIT, endpoint: hub.endpoint, tokenSecret });
}

async function complete(kept: Kept, more: string[] = QUICK): Promise<DaemonContainer> {
  const container = await kept.pod.start('cache', more);
  await container.ready();
  return container;
}

/** Whether a consumer's guard lets it go on: what it asks of an artifact's folder. */
async function guardPasses({ cache, node }: Kept): Promise<boolean> {
  const { key, path: folder } = cache.artifact('opt');
  const { code } = await run(['guard.py', `--key=${key}`, `--dir=${path.join(node, folder)}`]);
  return code === 0;
}

test('all items come, each told of in the log, the metrics and the status; then the pod is ready', async () => {
  const kept = keep(temporaryFolder());
  const container = await complete(kept);
  expect(await guardPasses(kept)).toBe(true);
  const { subPath } = kept.cache.repository('vllm');
  expect(fs.readFileSync(path.join(kept.node, subPath, 'docs/index.md'), 'utf8')).toBe('# vLLM\n');
  expect(container.log).toMatch(/model opt: hf:\/\/org\/model@a{40}/);
  expect(container.log).toMatch(/\[opt\] .* complete: 2 files, 3\.0 MiB, verified/);
  expect(container.log).toMatch(/\[vllm\] .* complete: 2 files/);
  const metrics = (await container.ask('/metrics'))?.text ?? '';
  expect(metrics).toContain('cdk8s_llm_node_cache_item_ready{kind="model",name="opt"} 1\n');
  expect(metrics).toContain('cdk8s_llm_node_cache_item_ready{kind="repository",name="vllm"} 1\n');
  expect(metrics).toContain(`cdk8s_llm_node_cache_item_bytes{kind="model",name="opt"} ${3 * MIB + 7}\n`);
  expect(metrics).toContain(`cdk8s_llm_node_cache_size_bytes ${64 * MIB}\n`);
  expect(Number(/used_bytes (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(3 * MIB);
  expect(
    metrics.split('\n').every((line) => /^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? \d+|)$/.test(line)),
  ).toBe(true);
  expect((await container.ask('/live'))?.status).toBe(200);
  expect(await container.stop()).toBe(0);

  // The next pod of the node reads nothing again, and asks nobody.
  hub.forget();
  git.current.forget();
  const next = await complete(kept);
  expect([hub.requests, git.current.requests]).toEqual([[], []]);

  // What is lost under its feet is noticed, and brought again.
  fs.rmSync(path.join(kept.model, 'config.json'));
  await next.until('opt', 'ready');
  while (!fs.existsSync(path.join(kept.model, 'config.json'))) await next.until('opt', 'ready');
  expect(next.log).toContain('model opt: it is not complete any more');
  expect(await next.stop()).toBe(0);

  // What has rotted is found where an attempt says to read it again, and there alone.
  hub.forget();
  const file = path.join(kept.model, 'model.safetensors');
  spoil(file);
  await (await complete(kept)).stop();
  expect(hub.requests).toEqual([]);
  const raised = keep(kept.node, { models: [{ name: 'opt', source: source(REPO), attempt: 2 }] });
  await (await complete(raised)).stop();
  expect(fs.readFileSync(file).equals(FILES[0].content)).toBe(true);
  expect(git.current.requests).toEqual([]);
  hub.forget();
  await (await complete(raised)).stop();
  expect(hub.requests).toEqual([]);
}, 120_000);

test('what cannot be brought is told, keeps nobody else from being brought, and is tried again', async () => {
  const models = [
    { name: 'private', source: source(PRIVATE) },
    { name: 'opt', source: source(OTHER) },
  ];
  const kept = keep(temporaryFolder(), { repositories: [], models });
  const container = await kept.pod.start('cache', QUICK);
  await container.until('opt', 'ready');
  const failed = await container.until('private', 'failed');
  expect(failed).toMatchObject({ kind: 'model', code: 77 });
  expect(failed.error).toContain('no token was set (HF_TOKEN)');
  const ready = await container.ask('/ready');
  expect(ready?.status).toBe(503);
  expect(ready?.text).toMatch(/^model private: failed .*no token was set/);
  const metrics = (await container.ask('/metrics'))?.text;
  expect(metrics).toContain('cdk8s_llm_node_cache_item_exit_code{kind="model",name="private"} 77\n');
  while ((await container.items()).private.failures < 2) await container.until('private', 'failed');
  await container.stop();
}, 60_000);

test('a Secret reaches the item that it is for, and no log', async () => {
  const chart = plainChart();
  const secret = Secret.fromSecretName(chart, 'token', 'hf-token');
  const kept = keep(temporaryFolder(), { models: [{ name: 'opt', source: source(PRIVATE, secret) }] });
  const container = await complete(kept);
  expect(container.log).not.toContain('secret-of-ours');
  expect(git.current.credentials).toEqual([]);
  await container.stop();
}, 60_000);

test('what does not fit is not brought and said to be missing: nothing else is removed', async () => {
  const node = temporaryFolder();
  fs.mkdirSync(path.join(node, 'somebody'));
  fs.writeFileSync(path.join(node, 'somebody/file'), Buffer.alloc(2 * MIB, 1));
  const old = 'org--old-0123456789ab';
  fs.mkdirSync(path.join(node, old));
  fs.writeFileSync(path.join(node, old, 'file'), Buffer.alloc(2 * MIB, 1));
  fs.writeFileSync(
    path.join(node, old, '.artifact.json'),
    JSON.stringify({ key: '0123456789ab', files: [] }),
  );
  const models = [{ name: 'opt', source: source(REPO) }];
  const tight = { repositories: [], models, size: Size.mebibytes(6) };
  const container = await keep(node, tight).pod.start('cache', QUICK);
  const { code, error } = await container.until('opt', 'failed');
  expect(code).toBe(73);
  expect(error).toMatch(
    /^it takes 3\.0 MiB, and there is room for 2\.0 MiB\. Of the 6\.0 MiB that the cache may take/,
  );
  expect(error).toContain('of /var/lib/models');
  expect(error).toContain('2.0 MiB somebody (not of this cache)');
  expect(error).toContain('raise size, or evict what is not needed any more');
  expect(hub.count('cdn')).toBe(0);
  await container.stop();
  expect(fs.readdirSync(node)).toEqual(expect.arrayContaining(['somebody', old]));

  const evicting = await complete(keep(node, { ...tight, evict: [old] }));
  expect(fs.existsSync(path.join(node, old))).toBe(false);
  expect(fs.existsSync(path.join(node, 'somebody/file'))).toBe(true);
  await evicting.stop();
}, 60_000);

test('two caches of one folder take turns, and bring what both keep once', async () => {
  const node = temporaryFolder();
  hub.faults.push({ at: 'cdn', trickle: MIB, times: 1 });
  const containers = await Promise.all([keep(node), keep(node)].map(({ pod }) => pod.start('cache', QUICK)));
  await Promise.all(containers.map((container) => container.ready()));
  expect(hub.sent).toBeLessThan(FILES[0].content.length + 1000);
  expect(containers.map(({ log }) => log).join('')).toContain('another cache is at work in /var/lib/models');
  await Promise.all(containers.map((container) => container.stop()));
}, 60_000);

test.each<NodeJS.Signals>(['SIGKILL', 'SIGTERM'])(
  'a pod that ends by %s in the midst of a model leaves nothing that a server would read',
  async (signal) => {
    const kept = keep(temporaryFolder());
    hub.faults.push({ at: 'cdn', stallAfter: MIB, times: 99 });
    const container = await kept.pod.start('cache', QUICK);
    while (hub.count('cdn') === 0) await container.until('opt', 'working');
    const code = await container.stop(signal);
    expect(code).toBe(signal === 'SIGTERM' ? 0 : null);
    expect(markerOf(kept.model)).toBeUndefined();
    hub.faults.length = 0;
    // A kubelet ends all processes of a container; the one that held the lock has lost its server here.
    const next = await complete(kept);
    expect(await guardPasses(kept)).toBe(true);
    await next.stop();
  },
  60_000,
);

test('a folder that the pod may not write to is told with what to do on the node', async () => {
  if (process.getuid?.() !== 0) return; // who runs the tests may become nobody else
  const container = await keep(temporaryFolder()).pod.start('cache', QUICK, 65532);
  const { code, error } = await container.until('opt', 'failed');
  expect(code).toBe(77);
  expect(error).toContain(
    'cannot write to /var/lib/models as user 65532, group 0: Permission denied. On the node: ',
  );
  expect(error).toContain('install -d -o 65532 -g 0 /var/lib/models');
  await container.stop();
}, 60_000);

test('images are there as long as their containers say so', async () => {
  const images = [
    { name: 'vllm', image: 'docker.io/vllm/vllm-openai:v0.11.0' },
    { name: 'tiny', image: 'registry.example.com/scratch:v1' },
  ];
  const { pod } = keep('', { images, repositories: [], models: [], path: undefined, size: undefined });
  expect(await (await pod.start('tools')).ended).toBe(0);
  const cache = await pod.start('cache', QUICK);
  const vllm = await pod.start('image-vllm');
  await cache.until('vllm', 'ready');
  expect((await cache.ask('/ready'))?.text).toMatch(/^image tiny: pending/);
  const tiny = await pod.start('image-tiny');
  await cache.ready();
  expect(await Promise.all([vllm.stop(), tiny.stop()])).toEqual([0, 0]);
  // A container that is gone for long: by the time of its last word, not by the clock of the test.
  const long = Date.now() / 1000 - 600;
  fs.utimesSync(path.join(pod.folder('held'), 'vllm'), long, long);
  expect((await cache.until('vllm', 'failed')).error).toContain('has not run for');
  expect(await cache.stop()).toBe(0);
}, 60_000);

test.each([
  ['no items', [], undefined, 64, '--items'],
  [
    'a file of items that is not there',
    ['--items=/nowhere/items.json'],
    undefined,
    66,
    '/nowhere/items.json is not there',
  ],
  ['items that are none', [], '[{"kind": "model"}]', 64, 'does not say what is kept'],
  [
    'models without a folder',
    [],
    '[{"kind": "model", "name": "a", "what": "b"}]',
    64,
    'models and repositories need --folder',
  ],
  [
    'a folder without a size',
    ['--folder=/models'],
    '[]',
    64,
    '--folder needs --node-folder and --size-bytes',
  ],
])('it is not started with %s', async (_, args, items, code, text) => {
  const file = path.join(temporaryFolder(), 'items.json');
  if (items !== undefined) fs.writeFileSync(file, items);
  const outcome = await run(['node_cache.py', ...(items === undefined ? [] : [`--items=${file}`]), ...args]);
  expect(`${outcome.code} ${outcome.result.error}`).toMatch(new RegExp(`^${code} `));
  expect(outcome.result.error).toContain(text);
});

/** Changes a byte of a file, and neither its size nor its times. */
function spoil(file: string): void {
  const { atime, mtime } = fs.statSync(file);
  const content = fs.readFileSync(file);
  content[100] ^= 1;
  fs.writeFileSync(file, content);
  fs.utimesSync(file, atime, mtime);
}
