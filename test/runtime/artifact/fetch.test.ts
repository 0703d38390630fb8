import * as fs from 'node:fs';
import * as path from 'node:path';
import { COMMIT } from '../../doubles/hub';
import {
  MIB,
  REPO,
  expectComplete,
  fetchArgs,
  filesOf,
  large,
  markerOf,
  patched,
  run,
  small,
  temporaryFolder,
  hubForTests,
} from './program';

const FILES = [
  large('model-00001-of-00002.safetensors', 5 * MIB + 12345),
  large('model-00002-of-00002.safetensors', 3 * MIB),
  large('original/consolidated.pth', 2 * MIB + 1),
  small('config.json', '{"model_type": "qwen3"}'),
  small('nested/deep er/tokenizer ä.json', '{"a": 1}'.repeat(1000)),
  small('.gitattributes', ''),
];

describe('fetch into a folder', () => {
  const hub = hubForTests(
    { name: REPO, files: FILES },
    { name: 'org/data', kind: 'dataset', files: [small('a.txt', 'hello'), large('b.bin', MIB)] },
    {
      name: 'org/other',
      files: [small('a', 'a')],
      card: { license: 'other', license_name: 'tongyi-qianwen' },
    },
  );
  test('brings every file, verified, and a marker; the result and the log say so', async () => {
    const dir = path.join(temporaryFolder(), 'new', 'folder');
    const outcome = await run(fetchArgs(hub, ['--dir', dir]));
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    const total = FILES.reduce((sum, file) => sum + file.content.length, 0);
    expect(outcome.result).toEqual({
      files: 6,
      bytes: total,
      fetched: total,
      source: `${REPO} at ${COMMIT}`,
      key: 'k1',
      seconds: expect.any(Number),
    });
    expect(markerOf(dir)).toMatchObject({
      licence: 'apache-2.0',
      parents: [],
      source: {
        type: 'huggingface',
        endpoint: hub.endpoint,
        repo: REPO,
        repoType: 'model',
        revision: COMMIT,
      },
    });
    expect(outcome.log).toContain('complete: 6 files');
    // One request to the Hub for each file, however many ranges it is fetched in: the Hub limits them.
    expect(hub.count('hub', /\/resolve\//)).toBe(5);
    expect(hub.count('cdn')).toBeGreaterThan(10);
  });

  test('reads a listing of several pages', async () => {
    hub.pageSize = 2;
    const dir = temporaryFolder();
    const outcome = await run(fetchArgs(hub, ['--dir', dir]));
    hub.pageSize = 1000;
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(hub.count('hub', /tree/)).toBe(5);
  });

  test('does nothing, and asks nobody, when the artifact is complete', async () => {
    const dir = temporaryFolder();
    await run(fetchArgs(hub, ['--dir', dir]));
    const before = fs.statSync(path.join(dir, '.artifact.json')).mtimeMs;
    hub.forget();
    const outcome = await run(fetchArgs(hub, ['--dir', dir]));
    expect(outcome.code).toBe(0);
    expect(outcome.result).toMatchObject({ files: 6, fetched: 0, source: `${REPO} at ${COMMIT}` });
    expect(hub.requests).toEqual([]);
    expect(fs.statSync(path.join(dir, '.artifact.json')).mtimeMs).toBe(before);
  });

  test('opens none of the files when the artifact is complete: a warm run costs what their names do', async () => {
    const dir = temporaryFolder();
    await run(fetchArgs(hub, ['--dir', dir]));
    const watch = `sys.addaudithook(lambda e, a: e == "open" and ${JSON.stringify(dir)} in str(a[0]) and print("opened", a[0]))`;
    const { log } = await run(fetchArgs(hub, ['--dir', dir]), patched(watch));
    expect(log.match(/^opened .*/gm)).toEqual([`opened ${dir}/.artifact.json`]);
  });

  test.each([
    ['a byte that changed on the disk', (file: string) => fs.writeSync(fs.openSync(file, 'r+'), 'X', 77)],
    ['a file that became shorter', (file: string) => fs.truncateSync(file, 1000)],
    ['a file that vanished', (file: string) => fs.rmSync(file)],
  ])('repairs %s, and nothing else', async (_, damage) => {
    const dir = temporaryFolder();
    await run(fetchArgs(hub, ['--dir', dir]));
    damage(path.join(dir, FILES[1].path));
    const outcome = await run(fetchArgs(hub, ['--dir', dir]));
    expect(outcome.code).toBe(0);
    expect(outcome.result.fetched).toBe(FILES[1].content.length);
    expectComplete(dir, FILES);
  });

  test('chooses files as huggingface_hub does', async () => {
    const dir = temporaryFolder();
    const outcome = await run(
      fetchArgs(
        hub,
        ['--dir', dir],
        '--include=*.json',
        '--include=original/',
        '--include',
        '*.safetensors',
        '--exclude=*-00002-*',
      ),
    );
    expect(outcome.code).toBe(0);
    expect(filesOf(dir)).toEqual(
      [
        '.artifact.json',
        FILES[0].path,
        'config.json',
        'nested/deep er/tokenizer ä.json',
        'original/consolidated.pth',
      ].sort(),
    );
  });

  test('names what there is when nothing matches', async () => {
    const outcome = await run(fetchArgs(hub, ['--dir', temporaryFolder()], '--include=*.gguf'));
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toMatch(/no file matches include=\['\*\.gguf'\].*config\.json/);
  });

  test('joins files in parts into one, without a second copy', async () => {
    const dir = temporaryFolder();
    const names = [FILES[1].path, FILES[3].path, FILES[0].path];
    const joined = {
      path: 'joined/model.m',
      content: Buffer.concat([FILES[1].content, FILES[3].content, FILES[0].content]),
    };
    const outcome = await run(fetchArgs(hub, ['--dir', dir], `--join=joined/model.m=${names.join(',')}`));
    expect(outcome.code).toBe(0);
    expectComplete(dir, [joined, FILES[2], FILES[4], FILES[5]]);
  });

  test('names the parts that are missing, and what there is', async () => {
    const outcome = await run(
      fetchArgs(hub, ['--dir', temporaryFolder()], '--join', 'm=config.json,absent.bin'),
    );
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toMatch(/absent\.bin; it has: .*config\.json/);
  });

  test('fetches datasets, and tells licences that have a name of their own', async () => {
    const dir = temporaryFolder();
    const args = ['fetch.py', 'huggingface', '--revision', COMMIT, '--endpoint', hub.endpoint, '--key', 'k'];
    expect((await run([...args, '--repo=org/data', '--repo-type=dataset', '--dir', dir])).code).toBe(0);
    expect(filesOf(dir)).toEqual(['.artifact.json', 'a.txt', 'b.bin']);
    const other = temporaryFolder();
    expect((await run([...args, '--repo=org/other', '--dir', other])).code).toBe(0);
    expect(markerOf(other)?.licence).toBe('tongyi-qianwen');
  });

  test('leaves the artifact of another key alone', async () => {
    const dir = temporaryFolder();
    await run(fetchArgs(hub, ['--dir', dir]));
    const outcome = await run(fetchArgs(hub, ['--dir', dir], '--key=k2'));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(/holds the artifact with key k1, not k2/);
    expectComplete(dir, FILES);
  });

  test('does not count what other runs left in the folder as its own', async () => {
    const dir = temporaryFolder();
    fs.writeFileSync(path.join(dir, 'stray.bin'), 'stray');
    expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
    expect(markerOf(dir)?.files.map((file: { path: string }) => file.path)).not.toContain('stray.bin');
  });

  test('does not trust a file of the right size that it did not verify', async () => {
    const dir = temporaryFolder();
    fs.writeFileSync(path.join(dir, FILES[1].path), Buffer.alloc(FILES[1].content.length));
    fs.writeFileSync(path.join(dir, 'config.json'), 'x'.repeat(FILES[3].content.length));
    expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
    expectComplete(dir, FILES);
  });
});
