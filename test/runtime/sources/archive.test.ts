import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { Size } from 'cdk8s';
import { httpsSource } from '../../../src/artifact/sources/https';
import { sha256 } from '../../doubles/hub';
import { findPeer } from '../../doubles/peers';
import { WebDouble } from '../../doubles/web';
import type { LoopbackFault } from '../../doubles/loopback';
import {
  MIB,
  PYTHON,
  SOON,
  bytes,
  expectComplete,
  markerOf,
  removeTemporaryFolders,
  run,
  sleep,
  start,
  temporaryFolder,
} from '../artifact/program';
import type { Outcome, RunOptions } from '../artifact/program';
import { pax, tar, zip } from './archives';
import type { Entry, ZipEntry } from './archives';
import { argsOf, webArgs } from './web-stand';

const WEIGHTS = bytes(MIB + 77);
const CONFIG = Buffer.from('{"a": 1}');
const GOOD: Entry[] = [
  { name: './model/', type: '5', mode: 0o755 },
  { name: './model/weights.bin', content: WEIGHTS, mode: 0o6777 },
  { name: './model/config.json', content: CONFIG },
  { name: './model/empty', content: Buffer.alloc(0) },
  { name: './model/latest.bin', type: '2', target: 'weights.bin' },
  { name: './model/deep/latest.bin', type: '2', target: '../latest.bin' },
  { name: './model/again.bin', type: '1', target: './model/weights.bin' },
  pax({ path: `model/${'long-'.repeat(30)}name` }),
  { name: 'shortened', content: CONFIG },
];
const GOOD_FILES = [
  { path: 'model/weights.bin', content: WEIGHTS },
  { path: 'model/config.json', content: CONFIG },
  { path: 'model/empty', content: Buffer.alloc(0) },
  { path: 'model/latest.bin', content: WEIGHTS },
  { path: 'model/deep/latest.bin', content: WEIGHTS },
  { path: 'model/again.bin', content: WEIGHTS },
  { path: `model/${'long-'.repeat(30)}name`, content: CONFIG },
];

const file = (name: string, content: Buffer = CONFIG): Entry => ({ name, content });

/** What Python's module of this name makes of the content. */
const compressed = (python: string, module: string, content: Buffer): Buffer =>
  execFileSync(
    python,
    [
      '-c',
      `import sys; from ${module} import compress; sys.stdout.buffer.write(compress(sys.stdin.buffer.read()))`,
    ],
    { input: content, maxBuffer: 64 * MIB },
  );

describe('an archive', () => {
  let web: WebDouble;
  let dir: string;
  beforeAll(async () => {
    web = await WebDouble.start({});
  });
  beforeEach(() => {
    web.forget();
    dir = temporaryFolder();
  });
  afterAll(async () => {
    await web.stop();
    removeTemporaryFolders();
  });

  /** The arguments by which an archive is fetched that the server has from now on. */
  const serve = (archive: Buffer, format: string, ...more: string[]): string[] => {
    web.files['/model'] = { content: archive };
    return webArgs('archive', web.url('/model'), sha256(archive), dir, `--unpack=${format}`, ...more);
  };
  const unpack = (
    archive: Buffer,
    format: string,
    more: string[] = [],
    options: RunOptions = {},
  ): Promise<Outcome> => run(serve(archive, format, ...more), options);

  describe('that is good', () => {
    test.each([
      ['tar', (content: Buffer) => content],
      ['tar.gz', gzipSync],
      [
        'tar.gz',
        (content: Buffer) =>
          Buffer.concat([
            gzipSync(content.subarray(0, 999)),
            gzipSync(content.subarray(999)),
            Buffer.alloc(99),
          ]),
      ],
      ['tar.bz2', (content: Buffer) => compressed(PYTHON, 'bz2', content)],
      ['tar.xz', (content: Buffer) => compressed(PYTHON, 'lzma', content)],
    ] as const)('is unpacked from %s', async (format, compress) => {
      const archive = compress(tar(GOOD));
      const outcome = await unpack(archive, format);
      expect(outcome.log).toContain(`complete: ${GOOD_FILES.length} files`);
      expect(outcome.code).toBe(0);
      expectComplete(dir, GOOD_FILES);
      expect(markerOf(dir)).toMatchObject({ source: { type: 'https', unpacked: format } });
      expect(outcome.result.fetched).toBe(archive.length);
      // Neither set-user-id nor executable; and the archive is gone.
      expect(fs.statSync(path.join(dir, 'model/weights.bin')).mode & 0o7111).toBe(0);
      expect(fs.existsSync(path.join(dir, '.artifact.parts'))).toBe(false);

      web.forget();
      expect((await run(serve(archive, format))).log).toContain('is complete already');
      expect(web.requests).toHaveLength(0);
    });

    const zstd = findPeer('compression.zstd');
    (zstd ? test : test.skip)('is unpacked from tar.zst, by Python 3.14', async () => {
      const [python] = zstd as string[];
      const archive = compressed(python, 'compression.zstd', tar(GOOD));
      const byIt = { wrap: [python, '-u'], withoutPython: true };
      expect((await unpack(archive, 'tar.zst', [], byIt)).code).toBe(0);
      expectComplete(dir, GOOD_FILES);
      // Several frames; one that is cut; and one that wants 2 GiB of memory.
      dir = temporaryFolder();
      const [one, two] = [tar(GOOD).subarray(0, 5000), tar(GOOD).subarray(5000)];
      const frames = [one, two].map((frame) => compressed(python, 'compression.zstd', frame));
      expect((await unpack(Buffer.concat(frames), 'tar.zst', [], byIt)).code).toBe(0);
      expectComplete(dir, GOOD_FILES);
      dir = temporaryFolder();
      const cut = archive.subarray(0, archive.length / 2);
      expect((await unpack(cut, 'tar.zst', [], byIt)).result.error).toContain('it ends in the middle');
      const greedy = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
      const outcome = await unpack(greedy, 'tar.zst', [], byIt);
      expect(outcome.code).toBe(64);
      expect(outcome.result.error).toContain('too much memory');
    });

    test('is unpacked from zip', async () => {
      const entries: ZipEntry[] = [
        { name: 'model/', mode: 0o40755 },
        { name: 'model/weights.bin', content: WEIGHTS, compression: 8, compressed: deflateRawSync(WEIGHTS) },
        { name: 'model/config.json', content: CONFIG, mode: 0o106777 },
        { name: 'model/latest.bin', content: Buffer.from('weights.bin'), mode: 0o120777 },
      ];
      expect((await unpack(zip(entries), 'zip')).code).toBe(0);
      const names = entries.slice(1).map(({ name }) => name);
      expectComplete(dir, [
        { path: names[0], content: WEIGHTS },
        { path: names[1], content: CONFIG },
        { path: names[2], content: WEIGHTS },
      ]);
      expect(fs.statSync(path.join(dir, names[1])).mode & 0o7111).toBe(0);
    });

    test('loses the folders above, and the files that are not asked for', async () => {
      const more = ['--strip-components=1', '--include=*.bin', '--include=config.json', '--exclude=deep/'];
      expect((await unpack(tar([...GOOD, file('README')]), 'tar', more)).code).toBe(0);
      const stripped = GOOD_FILES.map(({ path: name, content }) => ({ path: name.slice(6), content }));
      expectComplete(
        dir,
        stripped.filter(({ path: name }) => /^\w+\.(bin|json)$/.test(name)),
      );
    });

    test('is unpacked as the Job of a ModelCache asks for it', async () => {
      const archive = gzipSync(tar(GOOD));
      web.files['/model.tgz'] = { content: archive };
      const spec = httpsSource(web.url('/model.tgz'), {
        sha256: sha256(archive),
        plainHttp: true,
        stripComponents: 1,
        exclude: ['long-*', 'deep/', 'latest.bin', 'again.bin', 'empty'],
        maxUnpackedSize: Size.mebibytes(16),
        maxUnpackedFiles: 50,
      });
      expect((await run(argsOf(spec, dir))).code).toBe(0);
      expectComplete(dir, [
        { path: 'weights.bin', content: WEIGHTS },
        { path: 'config.json', content: CONFIG },
      ]);
    });

    test('is brought in spite of a network that fails, and of links that expire', async () => {
      const archive = tar([file('weights.bin', bytes(5 * MIB))]);
      const args = serve(archive, 'tar');
      web.files['/model'] = { content: archive, elsewhere: true };
      web.links.uses = 3;
      const faults: LoopbackFault[] = [
        { at: 'elsewhere', cutAfter: 300_000, covers: 2 * MIB },
        { at: 'elsewhere', flip: 4 * MIB, covers: 4 * MIB },
        { status: 503 },
      ];
      web.faults.push(...faults);
      expect((await run(args)).code).toBe(0);
      expectComplete(dir, [{ path: 'weights.bin', content: bytes(5 * MIB) }]);
    });
  });

  describe('ends the program', () => {
    const archive = gzipSync(tar(GOOD));

    test('when its checksum is wrong twice, before anything of it is read', async () => {
      const args = serve(archive, 'tar.gz').map((arg) => arg.replace(sha256(archive), '0'.repeat(64)));
      const outcome = await run(args);
      expect(outcome.code).toBe(65);
      expect(markerOf(dir)).toBeUndefined();
    });

    test.each([
      [
        'a bucket',
        (args: string[]) => [
          ...args.filter((arg) => !arg.startsWith('--dir')),
          '--bucket=b',
          '--prefix=p',
          '--s3-endpoint=http://127.0.0.1:9',
        ],
        'an archive is unpacked into a folder',
      ],
      [
        'two archives',
        (args: string[]) => [...args, '--url=http://127.0.0.1:9/x', `--sha256=${'0'.repeat(64)}`],
        'one archive alone',
      ],
      ['a format that nobody knows', (args: string[]) => [...args, '--unpack=rar'], 'invalid choice'],
      [
        'components below zero',
        (args: string[]) => [...args, '--strip-components=-1'],
        'must not be negative',
      ],
      [
        'nothing that is asked for',
        (args: string[]) => [...args, '--include=*.gguf'],
        'nothing of the archive is left',
      ],
    ])('with 64 for %s', async (_, change, told) => {
      const outcome = await run(change(serve(archive, 'tar.gz')));
      expect(outcome.result.error).toContain(told);
      expect(outcome.code).toBe(64);
    });

    test('for tar.zst on a Python that does not know it, before anything is fetched', async () => {
      const without =
        "import sys; sys.modules['compression.zstd'] = None; import runpy; sys.argv.pop(0); " +
        'sys.path.insert(0, sys.argv[0].rpartition("/")[0]); runpy.run_path(sys.argv[0], run_name="__main__")';
      const outcome = await unpack(archive, 'tar.zst', [], {
        wrap: [PYTHON, '-c', without],
        withoutPython: true,
      });
      expect(outcome.result.error).toContain('tar.zst needs Python 3.14 or newer');
      expect(outcome.code).toBe(64);
      expect(web.requests).toHaveLength(0);
    });

    test('when the disk is full while it is unpacked; with more room, nothing is fetched again', async () => {
      const large = gzipSync(tar([file('zeros', Buffer.alloc(4 * MIB)), file('b')]));
      const outcome = await unpack(large, 'tar.gz', [], { wrap: ['prlimit', `--fsize=${2 * MIB}`] });
      expect(outcome.result.error).toContain('it must hold the archive');
      expect(outcome.code).toBe(73);
      expect(markerOf(dir)).toBeUndefined();
      const again = await unpack(large, 'tar.gz');
      expect(again.code).toBe(0);
      expect(again.result.fetched).toBe(0);
    });

    test('when there is no room for the archive and what it holds, before anything is fetched', async () => {
      const { bavail, bsize } = fs.statfsSync(dir);
      const size = Math.ceil((bavail * bsize) / 2 / MIB + 64) * MIB; // it fits, but not what it holds
      const headers = { 'Content-Range': `bytes 0-4/${size}` };
      const args = serve(archive, 'tar.gz');
      web.faults.push({ status: 206, headers });
      const outcome = await run(args);
      expect(outcome.result.error).toContain('the archive and what it unpacks to are there at once');
      expect(outcome.code).toBe(73);
      expect(web.requests).toHaveLength(1);
    });
  });

  test('killed at random instants, it never leaves a marker over a half, and fetches little again', async () => {
    const contents = Array.from({ length: 60 }, (_, i) => file(`model/${i}.bin`, bytes(400_000 + i, i + 1)));
    const archive = gzipSync(tar(contents), { level: 1 });
    const args = serve(archive, 'tar.gz');
    const staging = path.join(dir, '.artifact.parts');
    const unpacks = () =>
      fs.existsSync(staging) && fs.readdirSync(staging).some((name) => /^unpacked/.test(name));
    let [killed, unpacking] = [0, 0];
    for (let attempt = 0; attempt < 16; attempt++) {
      // At first while it is fetched, by a line so slow that this takes its time; then while it is unpacked.
      const fetching = attempt < 6;
      web.faults.splice(0, web.faults.length, ...(fetching ? [{ trickle: 100_000, times: Infinity }] : []));
      const { child, ended } = start(args);
      const begun = fetching ? () => web.requests.length > 0 : unpacks;
      while (!begun() && child.exitCode === null) await sleep(1);
      await sleep(Math.random() * (fetching ? 600 : 60));
      if (unpacks()) unpacking++;
      child.kill('SIGKILL');
      if ((await ended).signal === null || markerOf(dir)) break; // it was complete before
      killed++;
      for (const { name, content } of contents) {
        const final = path.join(dir, name);
        if (fs.existsSync(final)) expect(sha256(fs.readFileSync(final))).toBe(sha256(content as Buffer));
      }
    }
    web.faults.length = 0;
    expect((await run(args)).code).toBe(0);
    expectComplete(
      dir,
      contents.map(({ name, content }) => ({ path: name, content: content as Buffer })),
    );
    expect(fs.existsSync(staging)).toBe(false);
    expect(killed).toBeGreaterThan(6);
    expect(unpacking).toBeGreaterThan(0);
    // A kill loses what was in the buffers, and nothing else.
    expect(web.sent).toBeLessThanOrEqual(archive.length + (killed + 2) * (4 * MIB + 1024));
  }, 60_000);

  test('SIGTERM while it is unpacked ends the program within a second, as transient', async () => {
    const contents = Array.from({ length: 60 }, (_, i) => file(`${i}.bin`, WEIGHTS));
    const args = serve(gzipSync(tar(contents), { level: 1 }), 'tar.gz');
    const { child, ended } = start(args);
    const staging = path.join(dir, '.artifact.parts');
    const unpacks = () =>
      fs.existsSync(staging) && fs.readdirSync(staging).some((name) => /^unpacked/.test(name));
    while (!unpacks() && child.exitCode === null) await sleep(1);
    const asked = Date.now();
    child.kill('SIGTERM');
    const outcome = await ended;
    expect(Date.now() - asked).toBeLessThan(SOON);
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toContain('stopped by SIGTERM');
    expect(markerOf(dir)).toBeUndefined();
  });

  test('two copies at once do no harm', async () => {
    const args = serve(gzipSync(tar(GOOD)), 'tar.gz');
    const outcomes = await Promise.all([run(args), run(args)]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expectComplete(dir, GOOD_FILES);
  });
});
