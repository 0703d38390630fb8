import * as fs from 'node:fs';
import * as path from 'node:path';
import { sha256 } from '../../doubles/hub';
import type { HubFile } from '../../doubles/hub';
import {
  artifactFolder,
  bytes,
  expectComplete,
  filesOf,
  markerOf,
  MIB,
  patched,
  removeTemporaryFolders,
  run,
  small,
  start,
  temporaryFolder,
  writeFile,
} from '../artifact/program';
import type { Outcome } from '../artifact/program';

const FILES: HubFile[] = [
  small('config.json', '{"a": 1}'),
  { path: 'weights/a/model.bin', content: bytes(MIB + 1) },
  small('weights/b.json', '{}'),
];
const PINS = FILES.map((file) => `--file=${sha256(file.content)}:${file.path}`);

/** What a downloader leaves. */
function download(dir: string, files = FILES): void {
  for (const file of files) writeFile(path.join(dir, '.artifact.parts/files'), file.path, file.content);
}

function adopt(dir: string, ...args: string[]): string[] {
  return ['adopt.py', '--key=k1', `--dir=${dir}`, ...args];
}

/** Ends the program at its n-th step. */
function killedAt(at: number, signal = 'SIGKILL') {
  const folder = path.join(__dirname, '../artifact');
  return patched(
    `sys.path.insert(0, ${JSON.stringify(folder)}); import kill_at; kill_at.arm(${at}, '${signal}')`,
  );
}

afterAll(removeTemporaryFolders);

describe('a program that verifies what a downloader left, killed at one step after the other', () => {
  /** A marker is over the right bytes, or there is none. */
  function expectTruth(dir: string): void {
    if (markerOf(dir)) expectTrueFiles(dir, FILES);
  }

  function expectTrueFiles(dir: string, files: HubFile[]): void {
    for (const file of files) {
      expect(sha256(fs.readFileSync(path.join(dir, file.path)))).toBe(sha256(file.content));
    }
  }

  async function stepsOf(args: (dir: string) => string[], prepare: (dir: string) => void): Promise<number> {
    const dir = temporaryFolder();
    prepare(dir);
    const { log } = await run(args(dir), killedAt(0));
    return Number(/steps: (\d+)/.exec(log)?.[1]);
  }

  test.each([
    ['proven by hashes', PINS],
    ['proven by nothing', ['--unpinned']],
  ])(
    'files %s: never a marker over wrong bytes, and the next run completes them',
    async (_, pins) => {
      const args = (dir: string) => adopt(dir, ...pins);
      const steps = await stepsOf(args, download);
      expect(steps).toBeGreaterThan(30);
      for (let at = 1; at <= steps; at += 2) {
        const dir = temporaryFolder();
        download(dir);
        const killed = await run(args(dir), killedAt(at));
        expect(killed.signal).toBe('SIGKILL');
        expectTruth(dir);
        if (!markerOf(dir)) download(dir); // the downloader is run again unless the artifact is complete
        expect((await run(args(dir))).code).toBe(0);
        expectComplete(dir, FILES);
      }
    },
    300_000,
  );

  test('files one of which is wrong: the verdict is the same whenever it was killed', async () => {
    const args = (dir: string) => adopt(dir, ...PINS);
    const wrong = [small('config.json', 'wrong'), ...FILES.slice(1)];
    const steps = await stepsOf(args, (dir) => download(dir, wrong));
    for (let at = 1; at <= steps; at += 2) {
      const dir = temporaryFolder();
      download(dir, wrong);
      await run(args(dir), killedAt(at));
      expect(markerOf(dir)).toBeUndefined();
      download(dir, wrong);
      const outcomes: Outcome[] = [];
      for (let again = 0; again < 2 && outcomes.at(-1)?.code !== 65; again++) {
        outcomes.push(await run(args(dir)));
        expect(markerOf(dir)).toBeUndefined();
        download(dir, wrong);
      }
      expect(outcomes.at(-1)?.code).toBe(65);
    }
  }, 300_000);

  test('files that stay where they are', async () => {
    const args = (dir: string) => adopt(dir, '--in-place', ...PINS);
    const prepare = (dir: string) => FILES.forEach((file) => writeFile(dir, file.path, file.content));
    const steps = await stepsOf(args, prepare);
    const dir = temporaryFolder();
    prepare(dir);
    for (let at = 1; at <= steps; at += 2) {
      fs.rmSync(path.join(dir, '.artifact.json'), { force: true });
      await run(args(dir), killedAt(at));
      expectTruth(dir);
      expectTrueFiles(dir, FILES);
    }
    fs.rmSync(path.join(dir, '.artifact.json'), { force: true });
    expect((await run(args(dir))).code).toBe(0);
    expectComplete(dir, FILES);
  }, 300_000);

  test('SIGTERM ends it as one that may be run again', async () => {
    const dir = temporaryFolder();
    download(dir);
    const outcome = await run(adopt(dir, '--unpinned'), killedAt(20, 'SIGTERM'));
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toContain('stopped by SIGTERM');
    expectTruth(dir);
  });
});

describe('a program that verifies what a downloader left', () => {
  test('two copies: one waits, and finds it done', async () => {
    const dir = temporaryFolder();
    download(dir);
    const runs = [1, 2, 3].map(() => start(adopt(dir, ...PINS)).ended);
    expect((await Promise.all(runs)).map(({ code }) => code)).toEqual([0, 0, 0]);
    expectComplete(dir, FILES);
  });

  test('complete already: nothing is hashed again', async () => {
    const dir = artifactFolder(FILES);
    const outcome = await run(adopt(dir, ...PINS), patched('import hashlib; hashlib.sha256 = None'));
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('is complete already: 3 files');
  });

  test('a marker in a folder that a downloader filled proves nothing, and is left out', async () => {
    const dir = temporaryFolder();
    download(dir, [...FILES, small('.artifact.json', '{"key": "k1", "files": []}')]);
    expect((await run(adopt(dir, '--unpinned'))).code).toBe(0);
    expectComplete(dir, FILES);
  });

  test('progress is told on the way', async () => {
    const dir = temporaryFolder();
    download(dir, [{ path: 'model.bin', content: bytes(20 * MIB) }]);
    const slow = patched(
      'import folder, time; real = folder.blocks\n' +
        'def blocks(path):\n' +
        '    for block in real(path):\n' +
        '        time.sleep(0.2); yield block\n' +
        'folder.blocks = blocks',
    );
    const { log } = await run(adopt(dir, '--unpinned', '--progress-seconds=1'), slow);
    expect(log).toMatch(/ +\d+\.\d%, \d+\.\d MiB of 20\.0 MiB verified/);
  });

  test.each([
    [[], 'give one of --file, --manifest with --manifest-sha256'],
    [['--unpinned', '--version=1'], 'given: version, unpinned'],
    [['--manifest=SUMS'], 'given: manifest'],
    [['--file=abc:x'], "'abc:x' is not SHA256:PATH"],
    [[PINS[0], PINS[0].replace(/[0-9a-f]:/, '0:')], 'two pins of one path'],
    [[`--file=${'0'.repeat(64)}:../x`], "unsafe path: '../x'"],
  ])('%j is refused: 64', async (args, message) => {
    const dir = temporaryFolder();
    download(dir);
    const outcome = await run(adopt(dir, ...args));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain(message);
  });

  test.each([
    ['a folder where a file must be', (dir: string) => fs.mkdirSync(path.join(dir, 'config.json')), 64],
    ['a link in the place of a folder', (dir: string) => fs.symlinkSync('/', path.join(dir, 'weights')), 64],
  ])('%s of the artifact is refused', async (_, prepare, code) => {
    const dir = temporaryFolder();
    download(dir);
    prepare(dir);
    const outcome = await run(adopt(dir, ...PINS));
    expect(outcome.code).toBe(code);
    expect(markerOf(dir)).toBeUndefined();
  });

  test('a folder that is read-only: 77, and what to look at', async () => {
    const dir = temporaryFolder();
    fs.chmodSync(dir, 0o555);
    const outcome = await run(adopt(dir, ...PINS), { uid: 65532, env: { TERMINATION_LOG: '/dev/null' } });
    expect(outcome.code).toBe(77);
    expect(outcome.log).toContain('is the volume read-only, or fsGroup not set?');
  });

  test('a disk that is full: 73', async () => {
    const dir = temporaryFolder();
    download(dir);
    const full = patched(
      'import errno, os\ndef fsync(fd): raise OSError(errno.ENOSPC, "No space left on device")\nos.fsync = fsync',
    );
    const outcome = await run(adopt(dir, ...PINS), full);
    expect(outcome.code).toBe(73);
    expect(markerOf(dir)).toBeUndefined();
  });
});

describe('files that are in their places already', () => {
  function inPlace(files = FILES): string {
    const dir = temporaryFolder();
    files.forEach((file) => writeFile(dir, file.path, file.content));
    return dir;
  }

  test.each([
    ['by hashes', PINS],
    ['by nothing', ['--unpinned']],
  ])('become an artifact where they are, proven %s; no file is touched', async (_, pins) => {
    const dir = inPlace();
    const before = FILES.map((file) => fs.statSync(path.join(dir, file.path)));
    expect((await run(adopt(dir, '--in-place', ...pins))).code).toBe(0);
    expectComplete(dir, FILES);
    FILES.forEach((file, index) => {
      const { ino, mtimeMs, mode } = fs.statSync(path.join(dir, file.path));
      expect({ ino, mtimeMs, mode }).toEqual({
        ino: before[index].ino,
        mtimeMs: before[index].mtimeMs,
        mode: before[index].mode,
      });
    });
  });

  test('by their own marker: nothing is left to do', async () => {
    const dir = artifactFolder(FILES);
    const outcome = await run(adopt(dir, '--in-place', '--artifact=k1'));
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('is complete already');
  });

  test('by their own marker, and damaged: 65, and the marker stays as it is', async () => {
    const dir = artifactFolder(FILES);
    fs.appendFileSync(path.join(dir, 'config.json'), ' ');
    const outcome = await run(adopt(dir, '--in-place', '--artifact=k1'));
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('is damaged, and its own marker is all that could prove it');
    expect(markerOf(dir)).toBeDefined();
  });

  test('an artifact already, and another is asked for: 64, and which file stands in the way', async () => {
    const dir = artifactFolder(FILES);
    const outcome = await run(['adopt.py', '--key=k2', `--dir=${dir}`, '--in-place', ...PINS]);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain('is already the artifact with key k1, and is now asked for as k2');
    expect(outcome.result.error).toContain(
      `Remove ${dir}/.artifact.json if nothing uses that artifact any more`,
    );
    expect(markerOf(dir)).toMatchObject({ key: 'k1' });

    fs.rmSync(path.join(dir, '.artifact.json'));
    expect((await run(['adopt.py', '--key=k2', `--dir=${dir}`, '--in-place', ...PINS])).code).toBe(0);
    expect(markerOf(dir)).toMatchObject({ key: 'k2' });
  });

  test('by a marker that is not there: 66', async () => {
    const outcome = await run(adopt(inPlace(), '--in-place', '--artifact=k1'));
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toContain('holds no complete artifact');
  });

  test('files that are not pinned are not part of it, and stay', async () => {
    const dir = inPlace([...FILES, small('notes.txt', 'of a person')]);
    fs.symlinkSync('/', path.join(dir, 'root'));
    expect((await run(adopt(dir, '--in-place', ...PINS))).code).toBe(0);
    expect(markerOf(dir)?.files.map((file) => file.path)).toEqual(FILES.map((file) => file.path));
    expect(filesOf(dir)).toEqual(expect.arrayContaining(['notes.txt', 'root']));
  });

  test('a file that is wrong is final at once, and is not deleted', async () => {
    const dir = inPlace([small('config.json', 'wrong'), ...FILES.slice(1)]);
    const outcome = await run(adopt(dir, '--in-place', ...PINS));
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('config.json');
    expect(fs.existsSync(path.join(dir, 'config.json'))).toBe(true);
  });

  test('a file that is missing: 66', async () => {
    const outcome = await run(adopt(inPlace(FILES.slice(1)), '--in-place', ...PINS));
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toContain('missing: config.json');
  });

  test('a file that is changed while it is verified: 65', async () => {
    const dir = inPlace();
    const meddled = patched(
      `import folder; real = folder.blocks\n` +
        `def blocks(path):\n` +
        `    yield from real(path)\n` +
        `    if path.endswith('config.json'): open(path, 'a').write(' ')\n` +
        `folder.blocks = blocks`,
    );
    const outcome = await run(adopt(dir, '--in-place', '--unpinned'), meddled);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('was changed while it was verified');
    expect(markerOf(dir)).toBeUndefined();
  });
});
