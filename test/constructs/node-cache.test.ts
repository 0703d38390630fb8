import * as fs from 'node:fs';
import * as path from 'node:path';
import { Duration, Size } from 'cdk8s';
import { PercentOrAbsolute, Secret } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import {
  Accelerator,
  DllamaConversion,
  GgufConversion,
  Mirror,
  ModelCache,
  ModelEviction,
  ModelSource,
  ModelStore,
  NetworkPeer,
  NodeCache,
  NodeCacheModelProps,
  NodeCacheProps,
  NodeCacheRepositoryProps,
  PhasedApp,
  VllmServer,
} from '../../src';
import type { KubeObject } from '../../src/validation/kube-object';
import { KUBERNETES_VERSION_CONTEXT } from '../../src/pod/kubernetes-version';
import { temporaryFolder } from '../support/folders';
import { COMMIT, OTHER_COMMIT, source, tinyFacts } from '../support/models';
import {
  argument,
  container,
  containers,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  texts,
  the,
  Untyped,
  violationsOf,
} from '../support/objects';

const IMAGE = 'docker.io/vllm/vllm-openai:v0.11.0';
const URL = 'https://github.com/vllm-project/vllm.git';
const GPU_NODES = {
  nodeSelector: { 'nvidia.com/gpu.present': 'true' },
  tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
};

const repository = (props: Partial<NodeCacheRepositoryProps> = {}): NodeCacheRepositoryProps => ({
  name: 'vllm',
  url: URL,
  commit: COMMIT,
  ...props,
});
const model = (props: Partial<NodeCacheModelProps> = {}): NodeCacheModelProps => ({
  name: 'opt',
  source: ModelSource.huggingFace('facebook/opt-125m', { revision: OTHER_COMMIT }),
  ...props,
});

/** A cache of one of each. */
function cache(scope: Construct, props: Partial<NodeCacheProps> = {}, id = 'gpus'): NodeCache {
  return new NodeCache(scope, id, {
    placement: GPU_NODES,
    images: [{ name: 'vllm', image: IMAGE }],
    repositories: [repository()],
    models: [model()],
    path: '/var/lib/models',
    size: Size.gibibytes(100),
    ...props,
  });
}

const ONLY_IMAGES = { repositories: [], models: [], path: undefined, size: undefined };

function objects(props: Partial<NodeCacheProps> = {}, kubernetesVersion = '1.31'): KubeObject[] {
  const chart = plainChart();
  chart.node.setContext(KUBERNETES_VERSION_CONTEXT, kubernetesVersion);
  cache(chart, props);
  const made = objectsOf(chart);
  expect(violationsOf(made, kubernetesVersion)).toBe('');
  return made;
}

/** What the program is told of each item. */
function items(made: readonly KubeObject[]): Untyped[] {
  const { data } = the(made, 'ConfigMap', /-items-/) as unknown as { data: Record<string, string> };
  return JSON.parse(data['items.json']) as Untyped[];
}

const refusal = (props: Partial<NodeCacheProps>, version?: string) => () => objects(props, version);

describe('the DaemonSet', () => {
  test('keeps everything on the nodes that are chosen, and is ready once all is there', () => {
    const set = the(objects(), 'DaemonSet');
    const pod = podSpec(set);
    expect(pod).toMatchObject(GPU_NODES);
    const keeper = container(set, 'cache');
    expect(keeper.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/node_cache.py']);
    expect(keeper.readinessProbe.httpGet).toEqual({ path: '/ready', port: 'metrics' });
    expect(keeper.livenessProbe.httpGet.path).toBe('/live');
    expect(argument(keeper, 'size-bytes')).toEqual([String(100 * 1024 ** 3)]);
    expect(set.spec.updateStrategy).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: '25%' },
    });
    expect(items(objects()).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'image vllm',
      'repository vllm',
      'model opt',
    ]);
  });

  test('is on all Linux nodes where none are chosen', () => {
    const everywhere = { 'kubernetes.io/os': 'linux' };
    expect(podSpec(the(objects({ placement: undefined }), 'DaemonSet')).nodeSelector).toEqual(everywhere);
    const tainted = objects({ placement: { tolerations: GPU_NODES.tolerations } });
    expect(podSpec(the(tainted, 'DaemonSet'))).toMatchObject({
      nodeSelector: everywhere,
      tolerations: GPU_NODES.tolerations,
    });
  });

  test('has no runtime socket and no privilege: of the node, the one folder, in the one container', () => {
    const set = the(objects(), 'DaemonSet');
    const { volumes, hostNetwork, hostPID } = podSpec(set);
    expect(hostNetwork ?? hostPID).toBeUndefined();
    const ofNode = (volumes as Untyped[]).filter(({ hostPath }) => hostPath);
    expect(ofNode).toEqual([{ name: 'models', hostPath: { path: '/var/lib/models', type: 'Directory' } }]);
    for (const each of containers(set)) {
      expect(each.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        readOnlyRootFilesystem: true,
      });
      const mounted = (each.volumeMounts as Untyped[]).some(({ name }) => name === 'models');
      expect(mounted).toBe(each.name === 'cache');
    }
    expect(set.metadata.annotations?.['cdk8s-llm/pod-security-opt-out']).toBe(
      'hostPath: the models are kept in folder /var/lib/models of a node',
    );
  });

  test('of images alone passes Pod Security restricted, and reaches nothing', () => {
    const made = objects(ONLY_IMAGES);
    const set = the(made, 'DaemonSet');
    expect(set.metadata.annotations?.['cdk8s-llm/pod-security-opt-out']).toBeUndefined();
    expect((podSpec(set).volumes as Untyped[]).some(({ hostPath }) => hostPath)).toBe(false);
    expect(the(made, 'NetworkPolicy').spec).toMatchObject({ ingress: [], egress: [] });
  });

  test('is replaced when an item changes, on so many nodes at once as is said; the others stay as they are', () => {
    const before = objects();
    const after = objects({
      models: [model({ source: ModelSource.huggingFace('facebook/opt-125m', { revision: COMMIT }) })],
      maxUnavailable: PercentOrAbsolute.absolute(3),
    });
    const name = (made: KubeObject[]) => the(made, 'ConfigMap', /-items-/).metadata.name;
    expect(name(after)).not.toBe(name(before));
    expect(podSpec(the(after, 'DaemonSet')).volumes).toContainEqual({
      name: 'items',
      configMap: { name: name(after) },
    });
    expect(items(after).slice(0, 2)).toEqual(items(before).slice(0, 2));
    expect(items(after)[2].key).not.toBe(items(before)[2].key);
    expect(the(after, 'DaemonSet').spec.updateStrategy.rollingUpdate).toEqual({ maxUnavailable: 3 });
  });

  test('an attempt that is raised replaces it, and has that item alone read again', () => {
    const [, before] = items(objects());
    const [image, after, other] = items(objects({ repositories: [repository({ attempt: 2 })] }));
    expect(after).toEqual({ ...before, attempt: 2 });
    expect([image.attempt, other.attempt]).toEqual([undefined, 1]);
  });
});

describe('images', () => {
  const TWO = {
    images: [
      { name: 'vllm', image: IMAGE },
      { name: 'tiny', image: 'registry.example.com/scratch:v1' },
    ],
  };

  test('before Kubernetes 1.35 a static BusyBox runs in a container of each, and nothing of the image', () => {
    const set = the(objects(TWO), 'DaemonSet');
    expect(podSpec(set).initContainers.map(({ name }: Untyped) => name)).toEqual(['tools']);
    const tools = container(set, 'tools');
    expect(tools.image).toBe('docker.io/library/busybox:1.37.0-musl');
    expect(tools.command).toEqual(['/bin/busybox', 'cp', '/bin/busybox', '/cdk8s-llm/busybox']);
    for (const { name, image } of TWO.images) {
      const held = container(set, `image-${name}`);
      expect(held).toMatchObject({ image, workingDir: '/' });
      expect(held.command).toEqual([
        '/cdk8s-llm/busybox',
        'sh',
        '/opt/cdk8s-llm/hold.sh',
        '/cdk8s-llm/busybox',
        `/held/${name}`,
      ]);
      // An image of CUDA asks for all GPUs, and for a driver that may not be there: this is not what it is here for.
      expect(held.env).toEqual([{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }]);
      expect(held.resources.limits['nvidia.com/gpu']).toBeUndefined();
    }
  });

  test('from Kubernetes 1.35 on they are volumes, each in a container of its own', () => {
    const set = the(objects(TWO, '1.35'), 'DaemonSet');
    expect(podSpec(set).initContainers).toBeUndefined();
    expect((podSpec(set).volumes as Untyped[]).filter(({ image }) => image)).toEqual(
      TWO.images.map(({ name, image }) => ({
        name: `image-${name}`,
        image: { reference: image, pullPolicy: 'IfNotPresent' },
      })),
    );
    // What cannot be pulled keeps only those containers from starting that mount it.
    for (const { name } of TWO.images) {
      const held = container(set, `image-${name}`);
      expect(held.image).toBe('docker.io/library/busybox:1.37.0-musl');
      expect(held.volumeMounts).toContainEqual({
        name: `image-${name}`,
        mountPath: '/image',
        readOnly: true,
      });
    }
    expect((container(set, 'cache').volumeMounts as Untyped[]).some(({ name }) => /^image/.test(name))).toBe(
      false,
    );
  });

  test('either way can be chosen where the nodes have it', () => {
    const volumes = (made: KubeObject[]) =>
      (podSpec(the(made, 'DaemonSet')).volumes as Untyped[]).some(({ image }) => image);
    expect(volumes(objects({ imageVolumes: false }, '1.35'))).toBe(false);
    expect(volumes(objects({ imageVolumes: true }, '1.36'))).toBe(true);
    expect(refusal({ imageVolumes: true }, '1.34')).toThrow(
      "models/gpus: 'imageVolumes' is 'true with Kubernetes 1.34'; allowed: Kubernetes 1.35 or newer",
    );
    expect(refusal({ images: [], imageVolumes: true }, '1.35')).toThrow(
      "'imageVolumes' is true; allowed: nothing",
    );
  });

  test('are pulled by the Secrets that are named, and handed on by name', () => {
    const chart = plainChart();
    const pull = Secret.fromSecretName(chart, 'pull', 'registry');
    const made = cache(chart, { imagePullSecrets: [pull] });
    expect(podSpec(the(objectsOf(chart), 'DaemonSet')).imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(made.image('vllm')).toEqual({ name: 'vllm', image: IMAGE, placement: GPU_NODES });
    expect(() => made.image('other')).toThrow("'images' is 'other'; allowed: the name of one: vllm");
  });
});

describe('models and repositories', () => {
  test('a model is fetched by the program of all downloads, within the size of the folder', () => {
    const [, , opt] = items(objects());
    expect(opt).toMatchObject({
      what: `hf://facebook/opt-125m@${OTHER_COMMIT}`,
      path: `facebook--opt-125m-${opt.key}`,
      program: [
        'fetch_within.py',
        'huggingface',
        '--endpoint=https://huggingface.co',
        '--repo=facebook/opt-125m',
        `--revision=${OTHER_COMMIT}`,
      ],
    });
    const { data } = the(objects(), 'ConfigMap', /-programs-/) as unknown as { data: Record<string, string> };
    expect(Object.keys(data)).toEqual(
      expect.arrayContaining(['fetch.py', 'fetch_within.py', 'git_mirror.py', 'hold.sh', 'huggingface.py']),
    );
  });

  test('a server takes a model of the cache: on the same nodes, waiting for the marker, reading it only', () => {
    const pipeline = new PhasedApp().pipeline('opt', { namespace: 'llm' });
    const made = cache(pipeline.serve, { models: [model({ facts: tinyFacts() })] });
    const artifact = made.artifact('opt');
    new VllmServer(pipeline.serve, 'chat', {
      model: artifact,
      image: IMAGE,
      accelerator: Accelerator.nvidia({ count: 1 }),
      memory: Size.gibibytes(16),
      maxModelLen: 1024,
    });
    const all = objectsOf(...pipeline._phases().map(({ chart }) => chart));
    expect(violationsOf(all)).toBe('');
    const server = the(all, 'Deployment');
    expect(podSpec(server).nodeSelector).toMatchObject(GPU_NODES.nodeSelector);
    expect(podSpec(server).tolerations).toEqual(expect.arrayContaining(GPU_NODES.tolerations));
    expect(podSpec(server).volumes).toContainEqual({
      name: 'models',
      hostPath: { path: '/var/lib/models', type: 'Directory' },
    });
    expect(argument(container(server, 'await-model'), 'key')).toEqual([artifact.key]);
    for (const each of containers(server)) {
      for (const mount of (each.volumeMounts as Untyped[]).filter(({ name }) => name === 'models')) {
        expect(mount.readOnly).toBe(true);
      }
    }
    // It is told where the model is, and reaches no hub: whatever else the image would do by itself.
    const main = podSpec(server).containers[0];
    expect([...main.command, ...main.args].join(' ')).toContain(`/models/${artifact.path}`);
    expect(main.env).toContainEqual({ name: 'HF_HUB_OFFLINE', value: '1' });
  });

  test('a repository tells where it is on the nodes', () => {
    const chart = plainChart();
    const made = cache(chart).repository('vllm');
    expect(made).toMatchObject({ name: 'vllm', url: URL, commit: COMMIT, hostPath: '/var/lib/models' });
    expect(made.artifact.path).toMatch(/^git--vllm-project--vllm-[0-9a-f]{12}$/);
    expect(made.subPath).toBe(`${made.artifact.path}/tree`);
    expect(made.gitDir).toBe(`${made.artifact.path}/git`);
    expect(made.placement).toEqual(GPU_NODES);
    expect(made.artifact.provenance).toMatchObject({ revision: COMMIT, proof: 'content' });
    const [, told] = items(objectsOf(chart));
    expect(told).toMatchObject({ key: made.artifact.key, path: made.artifact.path });
    expect(told.program).toEqual(['git_mirror.py', `--url=${URL}`, `--commit=${COMMIT}`]);
  });

  test('each is handed its own Secret, by reference', () => {
    const chart = plainChart();
    const token = (name: string) => Secret.fromSecretName(chart, name, name);
    const source = ModelSource.huggingFace('facebook/opt-125m', {
      revision: COMMIT,
      tokenSecret: token('hf-token'),
    });
    cache(chart, {
      repositories: [repository({ tokenSecret: token('git-a'), username: 'robot', history: true })],
      models: [model({ source })],
    });
    const made = objectsOf(chart);
    expect(violationsOf(made)).toBe('');
    const set = the(made, 'DaemonSet');
    const env = container(set, 'cache').env as Untyped[];
    expect(env.map(({ valueFrom }) => valueFrom.secretKeyRef)).toEqual([
      { name: 'git-a', key: 'token' },
      { name: 'hf-token', key: 'token' },
    ]);
    const [, git, opt] = items(made);
    expect([git.secrets, opt.secrets]).toEqual([{ GIT_TOKEN: env[0].name }, { HF_TOKEN: env[1].name }]);
    expect(git.program.slice(3)).toEqual(['--history', '--username=robot']);
    expect(set.metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      `git-a/token=read ${URL}\nhf-token/token=access token for https://huggingface.co/facebook/opt-125m`,
    );
  });

  test('mirrors take the place of all servers, and the keys stay', () => {
    const plain = items(objects());
    const app = new PhasedApp({
      mirror: new Mirror({
        huggingFace: 'https://hub.example.com',
        defaultRegistry: 'registry.example.com/{registry}',
        git: { 'https://github.com': 'https://git.example.com/github' },
      }),
    });
    const pipeline = app.pipeline('opt', { namespace: 'llm' });
    const made = cache(pipeline.download);
    const all = objectsOf(pipeline.download);
    const mirrored = items(all);
    expect(mirrored.map(({ key }) => key)).toEqual(plain.map(({ key }) => key));
    expect(made.repository('vllm').url).toBe('https://git.example.com/github/vllm-project/vllm.git');
    expect(made.image('vllm').image).toBe('registry.example.com/docker.io/vllm/vllm-openai:v0.11.0');
    expect(texts(all).filter((text) => /github\.com|huggingface\.co|^docker\.io/.test(text))).toEqual([]);
  });

  test('a copy that is read by ssh is none that a node could read', () => {
    const mirror = new Mirror({
      git: { 'https://github.com': 'git@git.example.com:github' },
      allow: ['huggingface.co', 'docker.io'],
    });
    const { download } = new PhasedApp({ mirror }).pipeline('opt', { namespace: 'llm' });
    expect(() => cache(download)).toThrow(
      "opt/download/gpus: 'repositories[0].url' is 'git@git.example.com:github/vllm-project/vllm.git'; allowed: a copy at",
    );
  });

  test('what is evicted goes first, and is nothing that is in use', () => {
    const made = objects({ evict: ['facebook--opt-125m-0123456789ab'] });
    expect(items(made)[0]).toMatchObject({
      kind: 'eviction',
      program: ['evict.py', '--root=/models', '--artifact=facebook--opt-125m-0123456789ab'],
    });
    const chart = plainChart();
    const [key] = [cache(chart).artifact('opt').key];
    cache(chart, { models: [], evict: [key] }, 'second');
    const errors = chart.node.findAll().flatMap((each) => each.node.validate());
    expect(errors.join()).toContain(
      `models/second: 'evict' is '${key}'; allowed: artifacts that no construct uses`,
    );
    expect(refusal({ evict: ['latest'] })).toThrow("'evict[0]' is 'latest'; allowed: keys");
    expect(refusal({ ...ONLY_IMAGES, evict: [key] })).toThrow("'evict' is 'given'; allowed: nothing here");
  });

  test('an eviction of what a cache keeps is refused', () => {
    const chart = plainChart();
    const { key } = cache(chart).artifact('opt');
    const store = ModelStore.nodeFolder('/var/lib/models', GPU_NODES);
    new ModelEviction(chart, 'old', { store, artifacts: [key] });
    const errors = chart.node.findAll().flatMap((each) => each.node.validate());
    expect(errors.join()).toContain('models/gpus makes facebook--opt-125m');
  });
});

test('the README of a pipeline tells what is kept, by whom it is read, and what departs from Pod Security', () => {
  const app = new PhasedApp({ outdir: temporaryFolder() });
  const { serve } = app.pipeline('opt', { namespace: 'llm' });
  const kept = cache(serve, { models: [model({ facts: tinyFacts(), licence: 'mit' })] });
  const artifact = kept.artifact('opt');
  const accelerator = Accelerator.nvidia({ count: 1 });
  new VllmServer(serve, 'chat', {
    model: artifact,
    accelerator,
    memory: Size.gibibytes(16),
    maxModelLen: 1024,
  });
  app.synth();
  const readme = fs.readFileSync(path.join(app.outdir, 'README.md'), 'utf8');
  const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(artifact.key));
  expect(row).toMatch(
    /hf:\/\/facebook\/opt-125m@\w+ +\| +mit +\| measured by the DaemonSet.*\| DaemonSet.*opt-gpus.*\|.*Deployment.*opt-chat/,
  );
  expect(readme).toContain('hostPath: the models are kept in folder /var/lib/models of a node');
  expect(readme).toContain(`https://github.com/vllm-project/vllm.git@${COMMIT}`);
});

test('Prometheus reads what is there by a PodMonitor, through the NetworkPolicy', () => {
  const made = objects({
    monitoring: {
      from: [NetworkPeer.namespace('monitoring')],
      labels: { release: 'prometheus' },
      interval: Duration.minutes(2),
    },
  });
  const monitor = the(made, 'PodMonitor');
  expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus' });
  expect(monitor.spec.podMetricsEndpoints).toEqual([
    {
      port: 'metrics',
      path: '/metrics',
      interval: '2m',
      relabelings: [
        { action: 'replace', sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' },
      ],
    },
  ]);
  expect(the(made, 'NetworkPolicy').spec.ingress).toEqual([
    {
      from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
      ports: [{ protocol: 'TCP', port: 'metrics' }],
    },
  ]);
  expect(ofKind(objects(), 'PodMonitor')).toEqual([]);
});

describe('what is refused', () => {
  const zstd = ModelSource.https('https://files.example.com/model.tar.zst', { sha256: 'a'.repeat(64) });

  test.each<[string, Partial<NodeCacheProps>, string]>([
    ['nothing to keep', { ...ONLY_IMAGES, images: [] }, "'images' is nothing; allowed: at least one of"],
    [
      'an image by latest',
      { images: [{ name: 'a', image: 'vllm/vllm-openai:latest' }] },
      "'images[0].image'",
    ],
    ['a name that is none', { images: [{ name: 'A b', image: IMAGE }] }, "'images[0].name' is 'A b'"],
    [
      'two that are one',
      { models: [model(), model({ name: 'b' })] },
      "'name' is 'b'; allowed: nothing, as 'opt' is the same",
    ],
    [
      'one name twice',
      { repositories: [repository(), repository({ commit: OTHER_COMMIT })] },
      "'repositories[1].name' is 'vllm'; allowed: each name once",
    ],
    [
      'a branch',
      { repositories: [repository({ commit: 'main' })] },
      `Resolve it with: git ls-remote ${URL} main`,
    ],
    [
      'ssh, which needs a key',
      { repositories: [repository({ url: 'git@github.com:acme/private.git' })] },
      "Name it by https: 'https://github.com/acme/private.git'",
    ],
    [
      'a token in the address',
      { repositories: [repository({ url: 'https://user:hunter2@github.com/a/b' })] },
      "'repositories[0].url' is 'https://***@github.com/a/b'",
    ],
    [
      'a user without a token',
      { repositories: [repository({ username: 'me' })] },
      "'repositories[0].username'",
    ],
    [
      'no folder',
      { path: undefined },
      "'path' is nothing; allowed: an absolute path that is not of the system",
    ],
    ['a folder of the system', { path: '/etc/models' }, 'install -d -o 65532 -g 65532'],
    ['no size', { size: undefined }, "'size' is nothing; allowed: the most that the folder may take"],
    [
      'a folder for nothing',
      { ...ONLY_IMAGES, path: '/var/lib/models' },
      "'path' is 'given'; allowed: nothing here",
    ],
    [
      'more than fits',
      {
        size: Size.gibibytes(1),
        models: [model({ source: ModelSource.parse(`hf://Qwen/Qwen3-1.7B@${COMMIT}`) })],
      },
      'GiB or more:',
    ],
    [
      'a source that is on one node',
      { models: [model({ source: ModelSource.nodeFolder('/srv', { hostname: 'a', unpinned: true }) })] },
      "'models[0].source'",
    ],
    ['git and zstd in one image', { models: [model({ source: zstd })] }, 'has no git'],
    [
      'an unknown property',
      { images: [{ name: 'a', image: IMAGE, pull: 'Always' } as never] },
      "'name in images[0]'",
    ],
    ['null', { images: null as never }, "'images' is null"],
    ['no node at a time', { maxUnavailable: PercentOrAbsolute.absolute(0) }, "'maxUnavailable' is 0"],
    ['a share that is a number', { maxUnavailable: 5 as never }, 'PercentOrAbsolute.percent(25)'],
    [
      'a switch that is a word',
      { imageVolumes: 'no' as never },
      "'imageVolumes' is 'no'; allowed: true or false",
    ],
    [
      'a model without a source',
      { models: [{ name: 'opt' } as never] },
      "'source' is nothing; allowed: a ModelSource",
    ],
    ['an attempt of nothing', { models: [model({ attempt: 0 })] }, "'models[0].attempt' is 0"],
  ])('%s', (_, props, message) => {
    let error = '';
    try {
      objects(props);
    } catch (caught) {
      error = String(caught);
    }
    expect(error).toContain(message);
    expect(error).not.toContain('hunter2');
  });

  test('a result in its folder: it would be on one node, and the servers of the others would wait for it', () => {
    const chart = plainChart();
    const qwen = model({ source: source() });
    const kept = cache(chart, { models: [qwen] }).artifact('opt');
    const error = "'store' is 'folder /var/lib/models of a NodeCache'; allowed: a store that all who read";
    expect(() => new GgufConversion(chart, 'gguf', { model: kept })).toThrow(error);
    expect(() => new DllamaConversion(chart, 'q40', { model: kept })).toThrow(error);
    expect(() => new ModelCache(chart, 'copy', { source: source(), store: kept.store })).toThrow(error);
    const store = ModelStore.claim({ size: Size.gibibytes(20) });
    expect(() => new GgufConversion(chart, 'elsewhere', { model: kept, store })).not.toThrow();
  });

  test('names that are not kept', () => {
    const made = cache(plainChart());
    expect(() => made.artifact('vllm')).toThrow("'models' is 'vllm'; allowed: the name of one: opt");
    expect(() => made.repository('opt')).toThrow("'repositories' is 'opt'; allowed: the name of one: vllm");
  });
});
