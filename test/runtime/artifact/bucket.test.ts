import { sha256 } from '../../doubles/hub';
import type { MotoServer } from '../../doubles/moto';
import { S3Double } from '../../doubles/s3';
import type { S3Fault } from '../../doubles/s3';
import {
  bucketArgs,
  expectObjects,
  expectTrueObjects,
  killAtRequest,
  markerIn,
  onEachServer,
  verifyBucket,
} from './bucket';
import type { Server } from './bucket';
import { MIB, SOON, REPO, fetchArgs, large, run, sleep, small, start, hubForTests } from './program';

const FILES = [
  large('model-1.safetensors', 11 * MIB + 123),
  large('model-2.safetensors', 5 * MIB + 1000),
  small('config.json', '{"a": 1}'.repeat(500)),
  small('nested/to kenizer+ä.json', '{}'),
  small('empty', ''),
  // Beyond one part, and yet not LFS: its sha256 is known only at its end.
  { path: 'vocab.json', content: Buffer.alloc(6 * MIB, 'vocabulary ') },
];
const TOTAL = FILES.reduce((sum, file) => sum + file.content.length, 0);

const hub = hubForTests({ name: REPO, files: FILES });
function fetchTo(server: Server, prefix: string, ...more: string[]) {
  return run(fetchArgs(hub, bucketArgs(server, prefix), '--chunk-mib=5', ...more), {
    env: server.environment,
  });
}

onEachServer('fetch into a bucket', (check) => {
  check(
    'is complete by its own verification, does nothing again, and repairs what was overwritten',
    async (server) => {
      const first = await fetchTo(server, 'org/model/');
      expect(first.log).not.toContain('FAILED');
      expect(first.result).toMatchObject({ files: FILES.length, bytes: TOTAL, fetched: TOTAL });
      expect((await verifyBucket(server, 'org/model')).code).toBe(0);
      expect((await verifyBucket(server, 'org/model', '--deep')).code).toBe(0);

      hub.forget();
      const asked = server instanceof S3Double ? server.requests.length : 0;
      const again = await fetchTo(server, 'org/model');
      expect(again.result).toMatchObject({ files: FILES.length, bytes: TOTAL, fetched: 0 });
      expect(hub.requests).toEqual([]);
      // A listing and the marker: no object is read, nor asked for one by one.
      if (server instanceof S3Double) expect(server.requests.slice(asked)).toHaveLength(2);

      // The marker's time is told in seconds.
      await sleep(1100);
      await overwrite(server, `org/model/${FILES[2].path}`, Buffer.alloc(FILES[2].content.length, 'x'));
      expect((await verifyBucket(server, 'org/model', '--deep')).code).toBe(65);
      const repaired = await fetchTo(server, 'org/model');
      expect(repaired.code).toBe(0);
      expect(repaired.result.fetched).toBe(FILES[2].content.length);
      expect((await verifyBucket(server, 'org/model', '--deep')).code).toBe(0);
    },
  );

  check('joins parts, across the borders of the parts of S3', async (server) => {
    const names = [FILES[1].path, FILES[2].path, FILES[0].path];
    const outcome = await fetchTo(
      server,
      'joined',
      `--join=all.m=${names.join(',')}`,
      '--include=config.json',
      '--include=vocab*',
    );
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.code).toBe(0);
    expect((await verifyBucket(server, 'joined', '--deep')).code).toBe(0);
    const read = await download(server, 'joined/all.m');
    expect(sha256(read)).toBe(sha256(Buffer.concat([FILES[1].content, FILES[2].content, FILES[0].content])));
  });

  check('a bucket that is missing is told before any download: 66', async (server) => {
    const outcome = await run(fetchArgs(hub, [...bucketArgs(server, 'p'), '--bucket=absent']), {
      env: server.environment,
    });
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toMatch(/s3:\/\/absent.* NoSuchBucket/);
    expect(hub.requests).toEqual([]);
  });
});

async function overwrite(server: S3Double | MotoServer, key: string, body: Buffer): Promise<void> {
  if (server instanceof S3Double) {
    server.objects.set(key, { body, metadata: {}, etag: '"x"', modified: new Date() });
  } else {
    // moto checks no signature, but wants one where something is overwritten.
    const authorization =
      'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
    const url = `${server.endpoint}/${server.bucket}/${key}`;
    const answer = await fetch(url, { method: 'PUT', body, headers: { authorization } });
    expect(answer.ok).toBe(true);
  }
}

async function download(server: S3Double | MotoServer, key: string): Promise<Buffer> {
  if (server instanceof S3Double) {
    return server.objects.get(key)?.body ?? Buffer.alloc(0);
  }
  return Buffer.from(await (await fetch(`${server.endpoint}/${server.bucket}/${key}`)).arrayBuffer());
}

describe('a bucket that fails', () => {
  let s3: S3Double;
  beforeEach(async () => {
    s3 = await S3Double.start('models');
  });
  afterEach(() => s3.stop());

  test('every object carries its sha256, and reads as the marker says', async () => {
    s3.pageSize = 2; // every listing has several pages
    expect((await fetchTo(s3, 'p')).code).toBe(0);
    expectObjects(s3, 'p', FILES);
    expect(s3.objects.get('p/model-1.safetensors')?.metadata.sha256).toBe(sha256(FILES[0].content));
    expect(s3.objects.get('p/config.json')?.metadata.sha256).toBe(sha256(FILES[2].content));
    expect(markerIn(s3, 'p')).toMatchObject({ format: 1, key: 'k1', bytes: TOTAL, licence: 'apache-2.0' });
    expect((await fetchTo(s3, 'p')).result.fetched).toBe(0);
  });

  const cured: [string, S3Fault[]][] = [
    [
      '503 SlowDown with Retry-After',
      [
        {
          match: /PUT .*partNumber/,
          status: 503,
          code: 'SlowDown',
          headers: { 'Retry-After': '1' },
          times: 3,
        },
      ],
    ],
    ['connections that are reset', [{ match: /PUT/, reset: true, times: 3 }]],
    [
      '200 with an error on completion',
      [{ match: /POST .*uploadId/, status: 200, code: 'InternalError', times: 2 }],
    ],
    ['500 on completion', [{ match: /POST .*uploadId/, status: 500, code: 'InternalError' }]],
    ['a lost answer to a completion', [{ match: /POST .*uploadId/, loseAnswer: true }]],
    ['a lost answer to a part', [{ match: /PUT .*partNumber/, loseAnswer: true, times: 2 }]],
    ['500 on the listing', [{ match: /GET/, status: 500, times: 2 }]],
    [
      'an upload that another copy aborts',
      [{ match: /PUT .*partNumber=2/, status: 404, code: 'NoSuchUpload' }],
    ],
  ];
  test.each(cured)('%s: complete in one run', async (_, faults) => {
    s3.faults.push(...faults.map((fault) => ({ ...fault })));
    const outcome = await fetchTo(s3, 'p', '--include=model-*', '--include=config*');
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.code).toBe(0);
    s3.uploads.clear(); // an upload whose number was lost stays until the next start
    expectObjects(s3, 'p', FILES.slice(0, 3));
  });

  const final: [string, S3Fault, number, RegExp][] = [
    [
      'a store that is full',
      { match: /PUT .*partNumber/, status: 507, code: 'XMinioStorageFull', times: 100 },
      73,
      /HTTP 507 XMinioStorageFull/,
    ],
    [
      'a store that is full and says so before it read the body',
      { match: /PUT .*partNumber/, status: 507, code: 'XMinioStorageFull', early: true, times: 100 },
      73,
      /HTTP 507/,
    ],
    [
      'keys without the right to write',
      { match: /POST|PUT/, status: 403, code: 'AccessDenied', times: 100 },
      77,
      /AccessDenied .*check what the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY may do/,
    ],
    [
      'a store that stays away',
      { match: /PUT/, status: 503, code: 'SlowDown', times: 1000 },
      75,
      /tried 2 times/,
    ],
    ['a store that hangs', { match: /PUT/, hang: true, times: 1000 }, 75, /no byte for 1 s/],
  ];
  test.each(final)(
    '%s ends with the right code, and nothing of it is to be seen',
    async (_, fault, code, message) => {
      s3.faults.push({ ...fault });
      const outcome = await fetchTo(s3, 'p', '--include=model-1*', '--attempts=2', '--stall-seconds=1');
      expect(outcome.code).toBe(code);
      expect(outcome.result.error).toMatch(message);
      expect(s3.objects.size).toBe(0);
    },
  );

  test.each([
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, [], 77, /SignatureDoesNotMatch/],
    ['a wrong key', { AWS_ACCESS_KEY_ID: 'wrong' }, [], 77, /InvalidAccessKeyId/],
    [
      'half of a key',
      { AWS_ACCESS_KEY_ID: '' },
      [],
      77,
      /AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not: the Secret must hold both/,
    ],
    [
      'no key, and no identity',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      [],
      77,
      /no credentials: .* are not set, and the cluster gave this pod no identity.*Name a credentialsSecret/,
    ],
    ['a wrong region', {}, ['--s3-region=eu-west-1'], 64, /the bucket is in region us-east-1: set that/],
    ['no prefix', {}, ['--prefix=/'], 64, /needs --s3-endpoint and a --prefix/],
  ])('%s', async (_, env, more, code, message) => {
    const outcome = await run(fetchArgs(hub, bucketArgs(s3, 'p'), ...more), {
      env: { ...s3.environment, ...env },
    });
    expect(outcome.code).toBe(code);
    expect(outcome.result.error).toMatch(message);
    expect(hub.requests).toEqual([]);
  });

  test('a session token is signed and sent', async () => {
    const outcome = await run(fetchArgs(hub, bucketArgs(s3, 'p'), '--include=config*'), {
      env: { ...s3.environment, AWS_SESSION_TOKEN: 'session/+=' },
    });
    expect(outcome.code).toBe(0);
  });

  test('a flipped byte from the source: no object before the hash is right', async () => {
    hub.faults.push({ match: /model-1/, flip: 9 * MIB, covers: 9 * MIB });
    expect((await fetchTo(s3, 'p')).code).toBe(0);
    expectObjects(s3, 'p', FILES);
  });

  test('a source that is wrong twice: 65, no object, no upload left', async () => {
    hub.faults.push({ match: /model-1/, flip: 9 * MIB, covers: 9 * MIB, times: 100 });
    const outcome = await fetchTo(s3, 'p', '--include=model-1*');
    expect(outcome.code).toBe(65);
    expect(s3.objects.size).toBe(0);
    expect(s3.uploads.size).toBe(0);
  });

  test('SIGTERM ends it within a second, with its uploads aborted', async () => {
    hub.faults.push({ match: /model-1/, trickle: 100_000, covers: 10 * MIB, times: 100 });
    const { child, ended } = start(
      fetchArgs(hub, bucketArgs(s3, 'p'), '--chunk-mib=5', '--include=model-1*'),
      {
        env: s3.environment,
      },
    );
    // An upload of which the program has not heard yet is left to the next run: wait until it has sent a part.
    while (![...s3.uploads.values()].some(({ parts }) => parts.size > 0)) {
      await sleep(10);
    }
    const asked = Date.now();
    child.kill('SIGTERM');
    expect((await ended).code).toBe(75);
    expect(Date.now() - asked).toBeLessThan(SOON);
    expect(s3.uploads.size).toBe(0);
  });

  test('SIGKILL leaves uploads that the next run aborts, and no object that is not whole', async () => {
    s3.uploads.set('of-another-artifact', { key: 'pq/file', metadata: {}, parts: new Map() });
    const args = fetchArgs(hub, bucketArgs(s3, 'p'), '--chunk-mib=5', '--workers=2');
    // The last run makes 9 requests at least: two listings, one for each file, the marker.
    for (const passed of [1, 3, 5, 6, 7, 8]) {
      await killAtRequest(s3, args, passed);
      expect(s3.objects.has('p/.artifact.json')).toBe(false);
      expectTrueObjects(s3, 'p', FILES);
    }
    const outcome = await fetchTo(s3, 'p');
    expect(outcome.code).toBe(0);
    expect([...s3.uploads.keys()]).toEqual(['of-another-artifact']);
    s3.uploads.clear();
    expectObjects(s3, 'p', FILES);
  });

  test('objects that a former run finished are not fetched again', async () => {
    expect((await fetchTo(s3, 'p')).code).toBe(0);
    s3.objects.delete('p/.artifact.json');
    s3.objects.delete('p/config.json');
    const outcome = await fetchTo(s3, 'p');
    expect(outcome.result.fetched).toBe(FILES[2].content.length);
    expectObjects(s3, 'p', FILES);
  });

  test('two copies at once both end with true objects', async () => {
    hub.faults.push({ trickle: 5 * MIB, times: 4 });
    const copies = [fetchTo(s3, 'p'), sleep(300).then(() => fetchTo(s3, 'p'))];
    for (const outcome of await Promise.all(copies)) {
      expect(outcome.code).toBe(0);
    }
    expectObjects(s3, 'p', FILES);
  });

  test('a server that ignores ranges', async () => {
    hub.faults.push({ match: /model/, ignoreRange: true, times: 100 });
    const outcome = await fetchTo(s3, 'p');
    expect(outcome.code).toBe(0);
    expectObjects(s3, 'p', FILES);
    expect(outcome.result.fetched).toBe(TOTAL);
  });
});
