import { MotoServer } from '../../doubles/moto';
import { S3Double } from '../../doubles/s3';
import { killAtRequest, SERVERS } from '../artifact/bucket';
import type { Server } from '../artifact/bucket';
import { removeTemporaryFolders, run } from '../artifact/program';
import { CONVERTED, filesOf, KEYS, MODEL, OTHER, pathsOf, SIZE, STORE, Stored } from './store';

afterAll(removeTemporaryFolders);

const servers: (S3Double | MotoServer)[] = [];

afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

function args(server: Server, ...more: string[]): string[] {
  return [
    'evict.py',
    `--s3-endpoint=${server.endpoint}`,
    `--bucket=${server.bucket}`,
    '--prefix=llm',
    ...more,
  ];
}

const evict = (server: S3Double, ...more: string[]) =>
  run(args(server, ...more), { env: server.environment });

/** A bucket with artifacts below the prefix `llm`, and with objects beside it. */
async function bucketStore(stored: Stored[] = STORE, modified = new Date()): Promise<S3Double> {
  const server = await S3Double.start('models');
  servers.push(server);
  const put = (key: string, body: Buffer) =>
    server.objects.set(key, { body, metadata: {}, etag: '"1"', modified });
  for (const artifact of stored) {
    for (const [file, content] of Object.entries(filesOf(artifact)))
      put(`llm/${artifact.name}/${file}`, content);
  }
  put('readme.txt', Buffer.from('not ours'));
  put(`llm-2/${OTHER}/config.json`, Buffer.from('{}'));
  return server;
}

const keysIn = (server: S3Double) =>
  [...server.objects.keys()]
    .filter((key) => key.startsWith('llm/'))
    .map((key) => key.slice(4))
    .sort();

const deletions = (server: S3Double) => server.requests.filter((request) => request.startsWith('DELETE'));

describe('an artifact in a bucket', () => {
  test.each([1000, 1])('is removed, the marker first, with pages of %d', async (pageSize) => {
    const server = await bucketStore();
    server.pageSize = pageSize;
    server.uploads.set('1', { key: `llm/${OTHER}/model.gguf`, metadata: {}, parts: new Map() });
    server.uploads.set('2', { key: `llm/${MODEL}/a`, metadata: {}, parts: new Map() });
    const outcome = await evict(server, `--artifact=${KEYS[2]}`);
    expect(outcome.code).toBe(0);
    expect(outcome.result).toMatchObject({ artifacts: 1, dryRun: false });
    expect(keysIn(server)).toEqual(pathsOf(STORE.slice(0, 2)));
    expect([...server.objects.keys()]).toEqual(
      expect.arrayContaining(['readme.txt', `llm-2/${OTHER}/config.json`]),
    );
    expect([...server.uploads.keys()]).toEqual(['2']);
    expect(deletions(server)[0]).toBe(`DELETE /models/llm/${OTHER}/.artifact.json`);
  });

  test('that is not there is no error', async () => {
    const server = await bucketStore([]);
    const outcome = await evict(server, `--artifact=${OTHER}`);
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain(`s3://models/llm/ has no artifact ${OTHER}: nothing to do for it`);
  });

  test('is kept while another one says that it was made from it, and goes with that', async () => {
    const server = await bucketStore();
    const outcome = await evict(server, `--artifact=${KEYS[0]}`);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain(
      `${MODEL} is needed: ${CONVERTED} in s3://models/llm/ was made from it. Nothing was removed.`,
    );
    expect(deletions(server)).toEqual([]);
    expect((await evict(server, `--artifact=${KEYS[0]}`, `--artifact=${KEYS[1]}`)).code).toBe(0);
    expect(keysIn(server)).toEqual(pathsOf([STORE[2]]));
  });

  test('is only told of in a dry run', async () => {
    const server = await bucketStore();
    const outcome = await evict(server, '--dry-run', `--artifact=${KEYS[1]}`);
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain(`would remove ${CONVERTED} of s3://models/llm/: 3.`);
    expect(outcome.result.bytes).toBeGreaterThan(SIZE);
    expect(deletions(server)).toEqual([]);
  });
});

describe('an artifact that may be on its way into a bucket', () => {
  const half: Stored = { name: OTHER, complete: false };
  const hourAgo = new Date(Date.now() - 3_600_000);

  test('is left to the next run', async () => {
    const server = await bucketStore([half]);
    const outcome = await evict(server, `--artifact=${OTHER}`, '--wait-seconds=1');
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toMatch(
      /other-c+ is not complete, and was written to \d+ s ago: a download or conv/,
    );
    expect(deletions(server)).toEqual([]);
  });

  test.each([
    ['begun', { initiated: new Date(), parts: new Map() }],
    [
      'gone on',
      {
        initiated: hourAgo,
        parts: new Map([[1, { body: Buffer.alloc(1), etag: '"1"', modified: new Date() }]]),
      },
    ],
  ])('is told by an upload that has %s', async (_, upload) => {
    const server = await bucketStore([half], hourAgo);
    server.uploads.set('1', { key: `llm/${OTHER}/model.gguf`, metadata: {}, ...upload });
    expect((await evict(server, `--artifact=${OTHER}`, '--wait-seconds=1')).code).toBe(75);
    expect(server.uploads.size).toBe(1);
  });

  test('is removed once nothing was written for long', async () => {
    const server = await bucketStore([half], hourAgo);
    const part = { body: Buffer.alloc(1), etag: '"1"', modified: hourAgo };
    server.uploads.set('1', {
      key: `llm/${OTHER}/model.gguf`,
      metadata: {},
      parts: new Map([[1, part]]),
      initiated: hourAgo,
    });
    expect((await evict(server, `--artifact=${OTHER}`)).code).toBe(0);
    expect(keysIn(server)).toEqual([]);
    expect(server.uploads.size).toBe(0);
  });
});

test('killed before the answer to any request, it leaves a whole artifact or none, and the next run finishes', async () => {
  const passes =
    (await (async () => {
      const server = await bucketStore();
      await evict(server, `--artifact=${KEYS[1]}`);
      return server.requests.length;
    })()) - 1;
  expect(passes).toBeGreaterThan(6);
  for (let passed = 0; passed <= passes; passed += 1) {
    const server = await bucketStore(STORE, new Date(Date.now() - 3_600_000));
    const command = args(server, `--artifact=${KEYS[1]}`);
    await killAtRequest(server, command, passed);
    const left = keysIn(server).filter((key) => key.startsWith(CONVERTED));
    if (left.includes(`${CONVERTED}/.artifact.json`)) expect(left).toEqual(pathsOf([STORE[1]]));
    const outcome = await run(command, { env: server.environment });
    expect(outcome.code).toBe(0);
    expect(keysIn(server)).toEqual(pathsOf([STORE[0], STORE[2]]));
  }
}, 120_000);

test('two copies at once do no harm', async () => {
  const server = await bucketStore();
  const outcomes = await Promise.all(
    [1, 2].map(() => evict(server, `--artifact=${KEYS[1]}`, '--quiet-seconds=1')),
  );
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
  expect(keysIn(server)).toEqual(pathsOf([STORE[0], STORE[2]]));
});

test('without the right to delete, it says so', async () => {
  const server = await bucketStore();
  server.faults.push({ match: /^DELETE/, status: 403, code: 'AccessDenied', times: Infinity });
  const outcome = await evict(server, `--artifact=${KEYS[2]}`);
  expect(outcome.code).toBe(77);
  expect(outcome.result.error).toContain(
    `DELETE s3://models/llm/${OTHER}/.artifact.json: HTTP 403 AccessDenied`,
  );
});

test.each(SERVERS.filter(([name]) => name === 'moto'))('against %s, all of it goes', async (_, start) => {
  const server = (await start('models')) as MotoServer | undefined;
  if (!server) return; // says aloud that it is not there
  servers.push(server);
  for (const artifact of STORE) {
    for (const [file, content] of Object.entries(filesOf(artifact)))
      await server.put(`llm/${artifact.name}/${file}`, content);
  }
  const started = await fetch(`${server.endpoint}/models/llm/${CONVERTED}/late.bin?uploads`, {
    method: 'POST',
  });
  expect(started.status).toBe(200);
  const run1 = await run(args(server, `--artifact=${KEYS[0]}`, `--artifact=${KEYS[1]}`), {
    env: server.environment,
  });
  expect(run1.log).toContain('removed: 2 artifacts');
  const listed = await (await fetch(`${server.endpoint}/models?list-type=2&prefix=llm/`)).text();
  expect([...listed.matchAll(/<Key>llm\/([^<]+)</g)].map(([, key]) => key).sort()).toEqual(
    pathsOf([STORE[2]]),
  );
  expect(await (await fetch(`${server.endpoint}/models?uploads`)).text()).not.toContain('late.bin');
});
