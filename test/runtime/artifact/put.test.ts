import * as fs from 'node:fs';
import * as path from 'node:path';
import { sha256 } from '../../doubles/hub';
import { S3Double } from '../../doubles/s3';
import { mark, Workplace } from '../convert/convert';
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
import {
  artifactFolder,
  bytes,
  large,
  markerOf,
  MIB,
  run,
  sleep,
  small,
  SOON,
  start,
  temporaryFolder,
  writeFile,
} from './program';

const MODEL = large('dllama_model_tiny_q40.m', 11 * MIB + 123);
const FILES = [
  MODEL,
  large('dllama_tokenizer_tiny.t', 5 * MIB), // exactly one part
  small('nested/to kenizer+ä.json', '{}'),
  small('empty', ''),
];
const TOTAL = FILES.reduce((sum, file) => sum + file.content.length, 0);

function putArgs(server: Server, folder: string, ...more: string[]): string[] {
  const args = ['put.py', '--key=k1', `--dir=${folder}`, ...bucketArgs(server, 'p')];
  return [...args, '--workers=3', '--chunk-mib=5', ...more];
}

function put(server: Server, folder: string, ...more: string[]) {
  return run(putArgs(server, folder, ...more), { env: server.environment });
}

onEachServer('put into a bucket', (check) => {
  check('is complete by its own verification, and reads nothing again', async (server) => {
    const folder = artifactFolder(FILES);
    const first = await put(server, folder);
    expect(first.log).not.toContain('FAILED');
    expect(first.code).toBe(0);
    expect(first.result).toMatchObject({ files: FILES.length, bytes: TOTAL, fetched: TOTAL, key: 'k1' });
    expect((await verifyBucket(server, 'p', '--deep')).code).toBe(0);

    FILES.forEach((file) => fs.rmSync(path.join(folder, file.path)));
    const again = await put(server, folder);
    expect(again.code).toBe(0);
    expect(again.result).toMatchObject({ files: FILES.length, bytes: TOTAL, fetched: 0, key: 'k1' });
  });

  check('a bucket that is missing: 66', async (server) => {
    const outcome = await put(server, artifactFolder(FILES), '--bucket=absent');
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toMatch(/s3:\/\/absent.* NoSuchBucket/);
  });
});

describe('put', () => {
  let s3: S3Double;
  beforeEach(async () => {
    s3 = await S3Double.start('models');
  });
  afterEach(() => s3.stop());

  /** What changes something in the bucket. */
  const writes = () => s3.requests.filter((line) => !line.startsWith('GET') && !line.startsWith('HEAD'));

  test('brings the marker as it is, last, and a sha256 on every object', async () => {
    const folder = artifactFolder(FILES);
    expect((await put(s3, folder)).code).toBe(0);
    expectObjects(s3, 'p', FILES);
    expect({ ...markerIn(s3, 'p'), files: [] }).toEqual({ ...markerOf(folder), files: [] });
    for (const file of FILES) {
      expect(s3.objects.get(`p/${file.path}`)?.metadata.sha256).toBe(sha256(file.content));
    }
    expect(writes().at(-1)).toBe('PUT /models/p/.artifact.json');
  });

  test('needs no right to write to the folder', async () => {
    const folder = artifactFolder([MODEL]);
    fs.chmodSync(path.join(folder, MODEL.path), 0o444);
    fs.chmodSync(folder, 0o555);
    const uid = process.getuid?.() === 0 ? 65532 : undefined;
    const outcome = await run(putArgs(s3, folder), { env: s3.environment, uid });
    fs.chmodSync(folder, 0o755);
    expect(outcome.log).not.toContain('FAILED');
    expectObjects(s3, 'p', [MODEL]);
    expect(fs.readdirSync(folder).sort()).toEqual(['.artifact.json', MODEL.path]);
  });

  test('skips objects that are there, and replaces those of another size or sha256', async () => {
    const folder = artifactFolder(FILES);
    expect((await put(s3, folder)).code).toBe(0);
    s3.objects.delete('p/.artifact.json');
    s3.objects.delete('p/dllama_tokenizer_tiny.t');
    const outcome = await put(s3, folder);
    expect(outcome.result.fetched).toBe(5 * MIB);
    expectObjects(s3, 'p', FILES);

    const changed = [large(MODEL.path, MODEL.content.length, 7), small('empty', '!'), ...FILES.slice(1, 3)];
    s3.objects.delete('p/.artifact.json');
    const replaced = await put(s3, artifactFolder(changed));
    expect(replaced.result.fetched).toBe(MODEL.content.length + 1);
    expectObjects(s3, 'p', changed);
  });

  test('killed at every stage: no marker, no object that is not whole, and the next run completes it', async () => {
    const folder = artifactFolder(FILES);
    s3.uploads.set('of-another-artifact', { key: 'pq/file', metadata: {}, parts: new Map() });
    // After 6 requests the model cannot be complete, so after 10 the marker is not written.
    for (const passed of [1, 3, 4, 5, 6, 10]) {
      await killAtRequest(s3, putArgs(s3, folder), passed);
      expect(s3.objects.has('p/.artifact.json')).toBe(false);
      expectTrueObjects(s3, 'p', FILES);
    }
    const outcome = await put(s3, folder);
    expect(outcome.log).not.toContain('FAILED');
    expect([...s3.uploads.keys()]).toEqual(['of-another-artifact']);
    s3.uploads.clear();
    expectObjects(s3, 'p', FILES);
  });

  test('SIGTERM ends it within a second, with its uploads aborted', async () => {
    s3.faults.push({ match: /partNumber=2/, hang: true, times: 100 });
    const { child, ended } = start(putArgs(s3, artifactFolder(FILES)), { env: s3.environment });
    while (!s3.requests.some((line) => line.includes('partNumber=2'))) {
      await sleep(5);
    }
    const asked = Date.now();
    child.kill('SIGTERM');
    const outcome = await ended;
    expect(Date.now() - asked).toBeLessThan(SOON);
    expect(outcome.result).toMatchObject({ code: 75, retryable: true });
    expect(s3.uploads.size).toBe(0);
  });

  /** [what is wrong, how it comes about, the code, what is said] */
  const damages: [string, (folder: string) => void, number, RegExp][] = [
    [
      'wrong bytes of the right size',
      (folder) => writeFile(folder, MODEL.path, bytes(MODEL.content.length, 7)),
      65,
      /tiny_q40\.m: the checksum is wrong twice; expected [0-9a-f]{64}/,
    ],
    [
      'one wrong byte in a small file',
      (folder) => writeFile(folder, 'nested/to kenizer+ä.json', Buffer.from('[]')),
      65,
      /to kenizer.*: the checksum is wrong twice/,
    ],
    [
      'a file that is cut',
      (folder) => fs.truncateSync(path.join(folder, MODEL.path), 10),
      65,
      /has 10 bytes/,
    ],
    ['a file that is gone', (folder) => fs.rmSync(path.join(folder, MODEL.path)), 66, /q40\.m is missing/],
  ];
  test.each(damages)('%s: no object of it, no marker, no upload', async (_, spoil, code, message) => {
    const folder = artifactFolder(FILES);
    spoil(folder);
    const outcome = await put(s3, folder);
    expect(outcome.code).toBe(code);
    expect(outcome.result.error).toMatch(message);
    expectTrueObjects(s3, 'p', FILES);
    expect(s3.objects.has('p/.artifact.json')).toBe(false);
    expect(s3.uploads.size).toBe(0);
  });

  test('a file that has changed since the marker was written is told before anything is sent: 65', async () => {
    const folder = artifactFolder(FILES);
    fs.writeFileSync(path.join(folder, MODEL.path), bytes(MODEL.content.length, 7));
    const now = Date.now() / 1000;
    fs.utimesSync(path.join(folder, MODEL.path), now + 5, now + 5);
    const outcome = await put(s3, folder);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(/has changed: its sha256 is not/);
    expect(writes()).toEqual([]);
  });

  /** [what is wrong, the folder, other arguments, what is said] */
  const refusals: [string, () => string, string[], RegExp][] = [
    ['no marker', () => temporaryFolder(), [], /holds no complete artifact \(no \.artifact\.json\)/],
    ['no folder', () => path.join(temporaryFolder(), 'absent'), [], /absent holds no complete artifact/],
    ['another key', () => artifactFolder(FILES, { key: 'k2' }), [], /holds the artifact with key k2, not k1/],
    ['no --dir', () => artifactFolder(FILES), ['--dir='], /put\.py needs --dir and --bucket/],
    ['no --bucket', () => artifactFolder(FILES), ['--bucket='], /put\.py needs --dir and --bucket/],
    [
      'a path that leaves the folder',
      () => artifactFolder(FILES, { files: [{ path: '../up', size: 1, sha256: sha256(Buffer.from('')) }] }),
      [],
      /unsafe path: '\.\.\/up'/,
    ],
    [
      'a marker without sums',
      () => artifactFolder(FILES, { files: [{ path: MODEL.path, size: MODEL.content.length }] }),
      [],
      /no size or hash for 'dllama_model_tiny_q40\.m'/,
    ],
  ];
  test.each(refusals)('%s: 64, and nothing is written', async (_, folder, more, message) => {
    const outcome = await put(s3, folder(), ...more);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(message);
    expect(writes()).toEqual([]);
  });

  test('another artifact in its place: 64', async () => {
    expect((await put(s3, artifactFolder([MODEL], { key: 'k2' }), '--key=k2')).code).toBe(0);
    const outcome = await put(s3, artifactFolder(FILES));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(/holds the artifact with key k2, not k1; give this one a folder/);
  });

  test('a wrong secret: 77', async () => {
    const env = { ...s3.environment, AWS_SECRET_ACCESS_KEY: 'wrong' };
    const outcome = await run(putArgs(s3, artifactFolder(FILES)), { env });
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(/SignatureDoesNotMatch/);
  });

  test('a store that is busy is asked again', async () => {
    s3.faults.push({ match: /PUT .*partNumber/, status: 503, code: 'SlowDown', times: 3 });
    s3.faults.push({ match: /POST .*uploadId/, status: 500, code: 'InternalError' });
    const outcome = await put(s3, artifactFolder(FILES));
    expect(outcome.log).toMatch(/HTTP 503 SlowDown/);
    expect(outcome.code).toBe(0);
    expectObjects(s3, 'p', FILES);
  });

  test('a line that is slow is not a stall', async () => {
    s3.faults.push({ match: /PUT .*partNumber=1/, slow: 3 * MIB, times: 100 }); // 4 s for a part
    const patience = ['--chunk-mib=11', '--stall-seconds=2', '--attempts=3'];
    const outcome = await put(s3, artifactFolder([MODEL]), ...patience);
    expect(outcome.log).not.toContain('FAILED');
    expectObjects(s3, 'p', [MODEL]);
  });

  test('a store that is full: 73', async () => {
    s3.faults.push({ match: /PUT .*partNumber/, status: 507, code: 'XMinioStorageFull', times: 100 });
    const outcome = await put(s3, artifactFolder(FILES));
    expect(outcome.code).toBe(73);
    expect(outcome.result.error).toMatch(/HTTP 507 XMinioStorageFull/);
    expect(s3.objects.has('p/.artifact.json')).toBe(false);
    expect(s3.uploads.size).toBe(0);
  });

  test('takes what the conversion has left', async () => {
    const workplace = new Workplace();
    try {
      workplace.makeModels('llama');
      const input = workplace.path('models', 'llama', 't5-one');
      mark(input, 'parent');
      const output = workplace.freshPath();
      const options = { input, 'input-key': 'parent', output, key: 'k1', weights: 'q40', name: 'tiny' };
      expect((await workplace.run(workplace.command(options))).code).toBe(0);
      const outcome = await put(s3, output);
      expect(outcome.log).not.toContain('FAILED');
      const names = ['dllama_model_tiny_q40.m', 'dllama_tokenizer_tiny.t'];
      const files = names.map((name) => ({ path: name, content: fs.readFileSync(path.join(output, name)) }));
      expectObjects(s3, 'p', files);
      expect((await verifyBucket(s3, 'p')).code).toBe(0);
    } finally {
      workplace.remove();
    }
  });
});
