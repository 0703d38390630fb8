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
  sleep,
  start,
  temporaryFolder,
  writeFile,
} from '../artifact/program';

const FILES: HubFile[] = [
  small('config.json', '{"a": 1}'),
  { path: 'weights/model.bin', content: bytes(4 * MIB + 3) },
  small('weights/empty', ''),
];
const PINS = FILES.map((file) => `--file=${sha256(file.content)}:${file.path}`);

/** A folder of somebody's, and the arguments by which it is copied. */
function source(files = FILES): string {
  const folder = temporaryFolder();
  files.forEach((file) => writeFile(folder, file.path, file.content));
  return folder;
}

function copy(folder: string, dir: string, ...pins: string[]): string[] {
  return ['fetch.py', 'mounted', `--folder=${folder}`, `--dir=${dir}`, '--key=k1', '--chunk-mib=1', ...pins];
}

afterAll(removeTemporaryFolders);

describe('a folder of a claim or of a node', () => {
  test.each([
    ['hashes', PINS],
    ['a version', ['--version=3']],
    ['nothing', ['--unpinned']],
  ])('is copied, proven by %s; a second run reads nothing', async (_, pins) => {
    const [folder, dir] = [source(), temporaryFolder()];
    const outcome = await run(
      copy(folder, dir, ...pins, '--origin=type=claim', '--origin=address=pvc://c/f'),
    );
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(markerOf(dir)).toMatchObject({ source: { type: 'claim', address: 'pvc://c/f' } });
    expect(filesOf(folder)).toEqual(FILES.map((file) => file.path).sort());

    fs.rmSync(folder, { recursive: true });
    expect((await run(copy(folder, dir, ...pins))).log).toContain('is complete already');
  });

  test.each([
    ['as sha256sum writes it', (list: string) => list],
    ['with --tag', (list: string) => list.replace(/^(\w+) {2}(.*)$/gm, 'SHA256 ($2) = $1')],
    ['with a binary mark and ./', (list: string) => list.replace(/^(\w+) {2}(.*)$/gm, '$1 *./$2')],
    ['with comments', (list: string) => `# of today\n\n${list}`],
  ])('is copied, proven by a manifest %s', async (_, form) => {
    const list = small(
      'SHA256SUMS',
      form(FILES.map(({ path: name, content }) => `${sha256(content)}  ${name}\n`).join('')),
    );
    const [folder, dir] = [source([...FILES, list, small('notes', 'not listed')]), temporaryFolder()];
    const pins = ['--manifest=SHA256SUMS', `--manifest-sha256=${sha256(list.content)}`];
    expect((await run(copy(folder, dir, ...pins))).code).toBe(0);
    expectComplete(dir, [...FILES, list]);

    const other = await run(copy(folder, temporaryFolder(), pins[0], `--manifest-sha256=${'0'.repeat(64)}`));
    expect(other.code).toBe(65);
    expect(other.result.error).toContain('the files were made anew, or the pin is of something else');
  });

  test('a manifest in a folder names files below that folder', async () => {
    const list = small('weights/SUMS', `${sha256(FILES[1].content)}  model.bin\n`);
    const [folder, dir] = [source([...FILES, list]), temporaryFolder()];
    const pins = ['--manifest=weights/SUMS', `--manifest-sha256=${sha256(list.content)}`];
    expect((await run(copy(folder, dir, ...pins))).code).toBe(0);
    expectComplete(dir, [FILES[1], list]);
  });

  test.each([
    ['a line that is none', 'abc  config.json\n', 64, 'line 1: not "SHA256  PATH"'],
    [
      'two hashes of one file',
      `${'0'.repeat(64)}  a\n${'1'.repeat(64)}  a\n`,
      64,
      'a second sha256 for one path',
    ],
    ['a path that leads out', `${'0'.repeat(64)}  ../a\n`, 64, 'unsafe path'],
    ['a file that is not there', `${'0'.repeat(64)}  gone\n`, 66, 'does not hold: gone'],
    ['nothing that is text', Buffer.from([0xff, 0xfe]), 64, 'neither a marker nor a list'],
  ])('a manifest with %s is refused', async (_, content, code, message) => {
    const list = { path: 'SUMS', content: Buffer.from(content) };
    const folder = source([...FILES, list]);
    const outcome = await run(
      copy(folder, temporaryFolder(), '--manifest=SUMS', `--manifest-sha256=${sha256(list.content)}`),
    );
    expect(outcome.code).toBe(code);
    expect(outcome.result.error).toContain(message);
  });

  test.each([
    ['its key', () => ['--artifact=k1']],
    [
      'the hash of its marker',
      (folder: string) => [
        '--manifest=.artifact.json',
        `--manifest-sha256=${sha256(fs.readFileSync(path.join(folder, '.artifact.json')))}`,
      ],
    ],
  ])('an artifact of ours is copied, proven by %s; the licence comes along', async (_, pins) => {
    const [folder, dir] = [artifactFolder(FILES), temporaryFolder()];
    expect((await run(copy(folder, dir, ...pins(folder)))).code).toBe(0);
    expectComplete(dir, FILES);
    expect(markerOf(dir)).toMatchObject({
      licence: 'apache-2.0',
      source: { artifact: { key: 'k1', source: { type: 'dllama-conversion' } } },
    });
  });

  test.each(['SUMS', 'weights/SUMS'])('what a list %s says of itself is ignored', async (name) => {
    const inside = FILES.filter((file) => path.dirname(file.path) === path.dirname(name));
    const lines = [{ path: name, content: Buffer.alloc(0) }, ...inside].map(
      (file) => `${sha256(file.content)}  ./${path.basename(file.path)}\n`,
    );
    const list = small(name, lines.join(''));
    const dir = temporaryFolder();
    const pins = [`--manifest=${name}`, `--manifest-sha256=${sha256(list.content)}`];
    expect((await run(copy(source([...inside, list]), dir, ...pins))).code).toBe(0);
    expectComplete(dir, [...inside, list]);
  });

  test('a folder that is empty: 66, and where it was looked for', async () => {
    const outcome = await run(
      copy(
        temporaryFolder(),
        temporaryFolder(),
        ...PINS,
        '--origin=type=claim',
        '--origin=address=pvc://c/f',
      ),
    );
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toContain('is empty; is pvc://c/f the right folder?');
  });

  test('an artifact of ours with another key, or none: 66', async () => {
    const other = await run(copy(artifactFolder(FILES), temporaryFolder(), '--artifact=k2'));
    expect(other.code).toBe(66);
    expect(other.result.error).toContain('holds the artifact with key k1, not k2');
    expect((await run(copy(source(), temporaryFolder(), '--artifact=k1'))).code).toBe(66);
  });

  test('a file that is not what is pinned: 65, and no marker', async () => {
    const folder = source([small('config.json', '{"a": 2}'), ...FILES.slice(1)]);
    const dir = temporaryFolder();
    const outcome = await run(copy(folder, dir, ...PINS));
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('config.json: the checksum is wrong twice');
    expect(markerOf(dir)).toBeUndefined();
  });

  test.each([
    [
      'a link',
      (folder: string) => fs.symlinkSync('config.json', path.join(folder, 'link')),
      'link is a symbolic link',
    ],
    [
      'a linked folder',
      (folder: string) => fs.symlinkSync('/etc', path.join(folder, 'etc')),
      'etc is a symbolic link',
    ],
  ])('%s is refused where it would be taken, and left alone where it is not', async (_, prepare, message) => {
    const folder = source();
    prepare(folder);
    const refused = await run(copy(folder, temporaryFolder(), '--unpinned'));
    expect(refused.code).toBe(64);
    expect(refused.result.error).toContain(message);
    expect((await run(copy(folder, temporaryFolder(), ...PINS))).code).toBe(0);
    expect(
      (await run(copy(folder, temporaryFolder(), '--unpinned', '--include=*.json', '--include=weights/')))
        .code,
    ).toBe(0);
  });

  test('a pinned file below a link is refused: it could be anywhere', async () => {
    const folder = source();
    fs.symlinkSync('weights', path.join(folder, 'also'));
    const outcome = await run(copy(folder, temporaryFolder(), PINS[1].replace('weights/', 'also/')));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain('also is a symbolic link');
  });

  test('a folder that is not there: 66; one without a file that matches: 66', async () => {
    const gone = await run(copy('/nonexistent/folder', temporaryFolder(), '--unpinned'));
    expect(gone.code).toBe(66);
    expect(gone.result.error).toContain('there is no folder /nonexistent/folder');
    const none = await run(copy(source(), temporaryFolder(), '--unpinned', '--include=*.gguf'));
    expect(none.code).toBe(66);
    expect(none.result.error).toContain("no file matches include=['*.gguf']");
  });

  test('files that our user may not read: 77, with the user', async () => {
    const [folder, dir] = [source(), temporaryFolder()];
    fs.chmodSync(path.join(folder, 'config.json'), 0o600);
    for (const open of [folder, dir]) fs.chmodSync(open, 0o777);
    fs.chmodSync(path.join(folder, 'weights'), 0o755);
    const outcome = await run(copy(folder, dir, '--unpinned'), { uid: 65532 });
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toContain('user 65532');
    fs.chmodSync(path.join(folder, 'config.json'), 0o644);
    fs.chmodSync(path.join(folder, 'weights'), 0o700);
    expect((await run(copy(folder, dir, '--unpinned'), { uid: 65532 })).code).toBe(77);
  });

  test('a file that is changed while it is copied: 65, and no marker', async () => {
    const [folder, dir] = [source(), temporaryFolder()];
    const meddled = patched(
      `import folder, os; real = folder.Directory.read\n` +
        `def read(self, http, part, start, view):\n` +
        `    real(self, http, part, start, view)\n` +
        `    if start: os.utime(os.path.join(self.path, part.name))\n` +
        `folder.Directory.read = read`,
    );
    const outcome = await run(copy(folder, dir, '--unpinned'), meddled);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('was changed while it was copied');
    expect(markerOf(dir)).toBeUndefined();
  });

  test('killed on the way, and rerun: gone on with, unless the file is another by then', async () => {
    const [folder, dir] = [source(), temporaryFolder()];
    const slow = patched(
      `import folder, time; real = folder.Directory.read\n` +
        `def read(self, *more):\n    time.sleep(0.3); real(self, *more)\n` +
        `folder.Directory.read = read`,
    );
    const args = copy(folder, dir, '--unpinned', '--workers=1');
    const { child, ended } = start(args, slow);
    const staged = path.join(dir, '.artifact.parts');
    const size = () =>
      fs.existsSync(staged)
        ? Math.max(0, ...fs.readdirSync(staged).map((name) => fs.statSync(path.join(staged, name)).size))
        : 0;
    while (size() < MIB && child.exitCode === null) await sleep(20);
    child.kill('SIGKILL');
    await ended;
    expect(markerOf(dir)).toBeUndefined();
    const changed = bytes(4 * MIB + 3, 99);
    fs.writeFileSync(path.join(folder, 'weights/model.bin'), changed);
    expect((await run(args)).code).toBe(0);
    expectComplete(dir, [FILES[0], { path: 'weights/model.bin', content: changed }, FILES[2]]);
  });
});
