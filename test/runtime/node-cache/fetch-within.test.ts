import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { smallFileSystem } from '../../support/file-system';
import { WebDouble } from '../../doubles/web';
import { sha256 } from '../../doubles/hub';
import {
  expectComplete,
  markerOf,
  fetchArgs,
  hubForTests,
  large,
  MIB,
  REPO,
  run,
  small,
  temporaryFolder,
} from '../artifact/program';
import { tar } from '../sources/archives';
import { webArgs } from '../sources/web-stand';

/** The program of all downloads, in a folder that may take so much and no more. */

const FILES = [large('model.safetensors', 2 * MIB), small('config.json', '{}')];
const hub = hubForTests({ name: REPO, files: FILES });

function within(dir: string, ...more: string[]): string[] {
  return fetchArgs(hub, [`--dir=${dir}`], ...more).map((word) =>
    word === 'fetch.py' ? 'fetch_within.py' : word,
  );
}

test('what fits comes as by fetch.py', async () => {
  const dir = temporaryFolder();
  const outcome = await run(within(dir, `--room-bytes=${3 * MIB}`));
  expect(outcome.result).toMatchObject({ files: 2, source: `${REPO} at ${'a'.repeat(40)}` });
  expectComplete(dir, FILES);
  hub.forget();
  // What is there is not fetched again, however little room there is.
  expect((await run(within(dir, '--room-bytes=1'))).code).toBe(0);
  expect(hub.requests).toEqual([]);
});

test('what does not is refused before its first byte', async () => {
  const { code, result } = await run(within(temporaryFolder(), `--room-bytes=${MIB}`));
  expect(code).toBe(73);
  expect(result.error).toBe('it takes 2.0 MiB, and there is room for 1.0 MiB');
  expect(hub.count('cdn')).toBe(0);
});

test('an archive is measured once it is unpacked; nothing of it stays that does not fit', async () => {
  const archive = execFileSync('gzip', ['-c'], {
    input: tar([{ name: 'zeros', content: Buffer.alloc(MIB) }]),
  });
  const web = await WebDouble.start({ '/model.tar.gz': { content: archive } });
  const dir = `${temporaryFolder()}/artifact`;
  const [, ...args] = webArgs('archive', web.url('/model.tar.gz'), sha256(archive), dir, '--unpack=tar.gz');
  try {
    const { code, result } = await run(['fetch_within.py', ...args, '--room-bytes=500000']);
    expect(code).toBe(73);
    expect(result.error).toBe('it takes 1.0 MiB once it is unpacked, and there is room for 488.3 KiB');
    expect(fs.existsSync(dir)).toBe(false);
    expect((await run(['fetch_within.py', ...args, '--room-bytes=2000000'])).code).toBe(0);
    expect(markerOf(dir)?.files).toMatchObject([{ path: 'zeros', size: MIB }]);
  } finally {
    await web.stop();
  }
});

test('a disk that is smaller than the room', async () => {
  const dir = smallFileSystem('1m');
  if (dir === undefined) return; // who runs the tests may not mount
  const { code, result } = await run(within(dir, `--room-bytes=${9 * MIB}`));
  expect(code).toBe(73);
  expect(result.error).toMatch(/^it takes 2\.0 MiB, and the disk of the node has [\d.]+ (MiB|KiB) left/);
});

test('only a folder has bounds', async () => {
  const bucket = ['--bucket=b', '--prefix=p', '--s3-endpoint=http://127.0.0.1:1'];
  const { code, result } = await run(
    within('', ...bucket, '--room-bytes=1').filter((word) => !word.startsWith('--dir')),
  );
  expect(code).toBe(64);
  expect(result.error).toContain('give --dir');
});
