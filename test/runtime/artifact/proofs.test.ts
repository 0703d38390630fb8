import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { HubFile } from '../../doubles/hub';
import { S3Double } from '../../doubles/s3';
import { WebDouble } from '../../doubles/web';
import { bucketArgs, expectObjects } from './bucket';
import { MIB, bytes, expectComplete, markerOf, patched, programsWith, run, temporaryFolder } from './program';
import type { Outcome, RunOptions } from './program';

/** What the engine does with whatever a source can prove of its bytes: any hash, or nothing. */

const FILE: HubFile = { path: 'model.bin', content: bytes(5 * MIB + 3) };
const OTHER = bytes(FILE.content.length, 9);

let web: WebDouble;
let programs: string;
beforeAll(async () => {
  programs = programsWith(path.join(__dirname, 'listed.py'));
  web = await WebDouble.start({});
});
beforeEach(() => {
  web.forget();
  serve({});
});
afterAll(async () => {
  await web.stop();
});

/** Has the server serve the file, as it is or with other bytes. */
function serve(how: Omit<WebDouble['files'][string], 'content'>, content = FILE.content): void {
  web.files['/model.bin'] = { content, ...how };
}

/** Brings the file, of which the source says this. */
function bring(place: string[], said: object, options: RunOptions = {}, ...more: string[]): Promise<Outcome> {
  const file = { name: FILE.path, size: FILE.content.length, ...said };
  const limits = ['--key=k1', '--chunk-mib=1', '--workers=2', ...more];
  return run(
    ['fetch.py', 'listed', `--base=${web.endpoint}`, `--file=${JSON.stringify(file)}`, ...limits, ...place],
    {
      programs,
      ...options,
    },
  );
}

/** A run that gives up after the first three of the file's ranges. */
async function bringHalf(dir: string, said: object): Promise<void> {
  web.faults.push({ status: 503, covers: 3 * MIB, times: Infinity });
  expect((await bring([`--dir=${dir}`], said, {}, '--attempts=1', '--workers=1')).code).toBe(75);
  expect(markerOf(dir)).toBeUndefined();
  web.forget();
}

const md5 = { algorithm: 'md5', expected: createHash('md5').update(FILE.content).digest('hex') };
const proofs: [string, object][] = [
  ['a hash that is no sha256', md5],
  ['nothing, but which version it is', { version: 'one' }],
  ['nothing at all', {}],
];

describe.each(proofs)('of a source that proves %s', (_, said) => {
  test('a file is brought, and the marker has its sha256', async () => {
    const dir = temporaryFolder();
    expect((await bring([`--dir=${dir}`], said)).code).toBe(0);
    expectComplete(dir, [FILE]);
    expect(fs.existsSync(path.join(dir, '.artifact.parts'))).toBe(false);
  });

  test('a file is brought into a bucket', async () => {
    const s3 = await S3Double.start('models');
    expect((await bring(bucketArgs(s3, 'm'), said, { env: s3.environment })).code).toBe(0);
    expectObjects(s3, 'm', [FILE]);
    await s3.stop();
  });

  test('a warm run reads nothing', async () => {
    const dir = temporaryFolder();
    await bring([`--dir=${dir}`], said);
    web.forget();
    expect((await bring([`--dir=${dir}`], said)).result).toMatchObject({ files: 1, fetched: 0 });
    expect(web.requests).toEqual([]);
  });

  test('a server that knows no ranges and tells no length is read as one stream', async () => {
    serve({ withoutLength: true });
    const dir = temporaryFolder();
    const outcome = await bring([`--dir=${dir}`], said);
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('the server ignores ranges');
    expectComplete(dir, [FILE]);
  });

  test.each([
    ['with ranges', {}],
    ['as one stream', { ignoreRange: true }],
    ['as one stream without length', { withoutLength: true }],
  ])('a file that is longer than was said is not cut, but refused: 65 (%s)', async (__, how) => {
    serve(how, Buffer.concat([FILE.content, Buffer.from('more')]));
    const dir = temporaryFolder();
    const outcome = await bring([`--dir=${dir}`], said, {}, '--attempts=2');
    expect(outcome.code).toBe(65);
    expect(markerOf(dir)).toBeUndefined();
  });
});

test('bytes that do not match a hash that is no sha256 are read once more, then refused: 65', async () => {
  serve({}, OTHER);
  const dir = temporaryFolder();
  const outcome = await bring([`--dir=${dir}`], md5);
  expect(outcome.code).toBe(65);
  expect(outcome.result.error).toContain(`the checksum is wrong twice; expected ${md5.expected}`);
  expect(markerOf(dir)).toBeUndefined();
});

describe('of a source that proves nothing', () => {
  test.each([
    ['ETag', '"one"', '"two"'],
    ['Last-Modified', 'Sat, 01 Nov 2025 00:00:00 GMT', 'Sun, 02 Nov 2025 00:00:00 GMT'],
  ])(
    'a file that changes between two ranges is never mixed: 65, by its %s',
    async (header, before, after) => {
      serve({ headers: { [header]: before } });
      const dir = temporaryFolder();
      web.faults.push({ status: 503, covers: 3 * MIB });
      const running = bring([`--dir=${dir}`], {}, {}, '--workers=1');
      while (!web.requests.some((request) => /bytes=3145728-/.test(request.headers.range ?? ''))) {
        await new Promise((done) => setTimeout(done, 5));
      }
      serve({ headers: { [header]: after } }, OTHER);
      const outcome = await running;
      expect(outcome.code).toBe(65);
      expect(outcome.result.error).toMatch(
        /has changed while it was read: it was .*run again when nothing writes/,
      );
      expect(markerOf(dir)).toBeUndefined();
      expect((await bring([`--dir=${dir}`], {})).code).toBe(0);
      expectComplete(dir, [{ path: FILE.path, content: OTHER }]);
    },
  );

  test('what is stored of the same version is gone on with', async () => {
    const dir = temporaryFolder();
    await bringHalf(dir, { version: 'one' });
    expect((await bring([`--dir=${dir}`], { version: 'one' })).result.fetched).toBe(2 * MIB + 3);
    expectComplete(dir, [FILE]);
  });

  test.each([
    ['another version', { version: 'one' }, { version: 'two' }],
    ['nobody knows which version', {}, {}],
  ])('what is stored of %s is not', async (_, first, second) => {
    const dir = temporaryFolder();
    await bringHalf(dir, first);
    serve({}, OTHER);
    expect((await bring([`--dir=${dir}`], second)).result.fetched).toBe(OTHER.length);
    expectComplete(dir, [{ path: FILE.path, content: OTHER }]);
  });

  test('a whole file of a run that was killed before its marker is taken, if it is as that run left it', async () => {
    const dir = temporaryFolder();
    const file = path.join(dir, FILE.path);
    const killed = patched('import folder; folder.write_marker = lambda *_: os._exit(9)');
    expect((await bring([`--dir=${dir}`], { version: 'one' }, killed)).code).toBe(9);
    expect(fs.readFileSync(file).equals(FILE.content)).toBe(true);
    const kept = temporaryFolder();
    fs.cpSync(dir, kept, { recursive: true });

    expect((await bring([`--dir=${dir}`], { version: 'one' })).result.fetched).toBe(0);
    expectComplete(dir, [FILE]);

    fs.writeFileSync(path.join(kept, FILE.path), OTHER);
    const outcome = await bring([`--dir=${kept}`], { version: 'one' });
    expect(outcome.log).toContain('stored, but it has changed since; fetching it again');
    expect(outcome.result.fetched).toBe(FILE.content.length);
    expectComplete(kept, [FILE]);
  });

  test('a file of the right size that was there before is not believed', async () => {
    const dir = temporaryFolder();
    fs.writeFileSync(path.join(dir, FILE.path), OTHER);
    expect((await bring([`--dir=${dir}`], { version: 'one' })).result.fetched).toBe(FILE.content.length);
    expectComplete(dir, [FILE]);
  });
});

test.each([
  ['over 50 GB, which such a link cannot serve at all: 64', 51e9, 64],
  ['of any other size, whose link may have expired: 75', 2 * MIB, 75],
])('a signed link that answers 400 for a file %s', async (_, size, code) => {
  serve({ elsewhere: true });
  web.faults.push({ at: 'elsewhere', status: 400, times: Infinity });
  // Any disk has room for it.
  const roomy = patched(
    'os.statvfs = lambda path: type("Room", (), {"f_blocks": 0, "f_bavail": 0, "f_frsize": 1})',
  );
  const outcome = await bring([`--dir=${temporaryFolder()}`], { ...md5, size }, roomy, '--attempts=2');
  expect(outcome.code).toBe(code);
  expect(outcome.result.error).toContain('HTTP 400 for a signed link');
});

test('what lets us in goes to the server itself, and to no other that it leads to', async () => {
  serve({ elsewhere: true, credential: { header: 'authorization', value: 'Bearer sesame' } });
  const dir = temporaryFolder();
  const outcome = await bring([`--dir=${dir}`], md5, { env: { TOKEN: 'Bearer sesame' } });
  expect(outcome.code).toBe(0);
  expectComplete(dir, [FILE]);
  const sentTo = (at: string) =>
    new Set(web.requests.filter((each) => each.at === at).map((each) => each.headers.authorization));
  expect(sentTo('web')).toEqual(new Set(['Bearer sesame']));
  expect(sentTo('elsewhere')).toEqual(new Set([undefined]));
});
