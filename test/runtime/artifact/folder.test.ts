import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { HubDouble } from '../../doubles/hub';
import { smallFileSystem } from '../../support/file-system';
import {
  MIB,
  REPO,
  expectComplete,
  fetchArgs,
  filesOf,
  large,
  patched,
  markerOf,
  run,
  sleep,
  small,
  start,
  temporaryFolder,
  hubForTests,
} from './program';

const FILES = [
  large('model.safetensors', 6 * MIB + 7),
  large('b/second.bin', 2 * MIB),
  small('config.json', '{}'),
];
const TOTAL = FILES.reduce((sum, file) => sum + file.content.length, 0);
const isRoot = process.getuid?.() === 0;

describe('a folder that is full, read-only, shared or strange', () => {
  const hub = hubForTests({ name: REPO, files: FILES });

  test('a disk that fills up while files are written: 73, and never a marker', async () => {
    // A limit on the size of a file meets the program at the same place as a full disk: in a write.
    const dir = temporaryFolder();
    const outcome = await run(fetchArgs(hub, ['--dir', dir]), { wrap: ['prlimit', `--fsize=${4 * MIB}`] });
    expect(outcome.code).toBe(73);
    expect(outcome.result).toMatchObject({ code: 73, retryable: false });
    expect(markerOf(dir)).toBeUndefined();
    // With more room the next run goes on from there.
    const again = await run(fetchArgs(hub, ['--dir', dir]));
    expect(again.code).toBe(0);
    expect(again.result.fetched).toBeLessThan(TOTAL - 3 * MIB);
    expectComplete(dir, FILES);
  });

  test('a file system without enough room is told before the first byte', async () => {
    const dir = smallFileSystem('9m');
    if (!dir) {
      return expect(isRoot).toBe(false);
    }
    const other = path.join(dir, 'other');
    fs.writeFileSync(other, Buffer.alloc(2 * MIB));
    const outcome = await run(fetchArgs(hub, ['--dir', dir]));
    expect(outcome.code).toBe(73);
    expect(outcome.result.error).toMatch(
      /has room for 7\.0 MiB, and 8\.0 MiB are needed: enlarge the claim by 1\.0 MiB/,
    );
    expect(hub.count('cdn')).toBe(0);
    // What is there already counts: 8 MiB are not free any more, but only 2 are needed.
    fs.rmSync(other);
    fs.writeFileSync(path.join(dir, 'model.safetensors'), FILES[0].content);
    const again = await run(fetchArgs(hub, ['--dir', dir]));
    expect(again.code).toBe(0);
    expect(again.result.fetched).toBeLessThan(3 * MIB);
  });

  test('a disk that somebody else fills meanwhile: 73', async () => {
    const dir = smallFileSystem('9m');
    if (!dir) {
      return expect(isRoot).toBe(false);
    }
    hub.faults.push({ trickle: 30_000, times: 4 });
    const { child, ended } = start(fetchArgs(hub, ['--dir', dir]));
    while (hub.count('cdn') === 0) {
      await sleep(20);
    }
    fs.writeFileSync(path.join(dir, 'other'), Buffer.alloc(5 * MIB));
    const outcome = await ended;
    expect(child.exitCode).toBe(73);
    expect(outcome.result.error).toMatch(/No space left on device/);
    expect(markerOf(dir)).toBeUndefined();
  });

  test('a folder that this user may not write: 77, and who could', async () => {
    const dir = temporaryFolder();
    fs.chmodSync(dir, 0o555);
    const options = isRoot ? { uid: 65532, env: {} } : {};
    const outcome = await run(fetchArgs(hub, ['--dir', dir]), options);
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(
      /cannot write to .* as user \d+, group \d+: Permission denied; is the volume read-only, or fsGroup not set/,
    );
    expect(hub.requests).toEqual([]);
  });

  test('a read-only mount: 77 when there is work, 0 when all is there', async () => {
    const dir = smallFileSystem('20m');
    if (!dir) {
      return expect(isRoot).toBe(false);
    }
    execFileSync('mount', ['-o', 'remount,ro', dir]);
    const refused = await run(fetchArgs(hub, ['--dir', dir]));
    expect(refused.code).toBe(77);
    expect(refused.result.error).toContain('Read-only file system');
    execFileSync('mount', ['-o', 'remount,rw', dir]);
    expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
    execFileSync('mount', ['-o', 'remount,ro', dir]);
    expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
  });

  test('runs as any user, without a home, with a read-only root file system', async () => {
    const dir = temporaryFolder();
    fs.chmodSync(dir, 0o777);
    const outcome = await run(fetchArgs(hub, ['--dir', dir]), isRoot ? { uid: 65532 } : {});
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
  });

  test('a link inside the folder is not followed: 64', async () => {
    const dir = temporaryFolder();
    const outside = temporaryFolder();
    fs.symlinkSync(outside, path.join(dir, 'b'));
    const outcome = await run(fetchArgs(hub, ['--dir', dir]));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(/b is a link; it could lead out of/);
    expect(filesOf(outside)).toEqual([]);
  });

  test('a link in the place of a file is replaced, and what it points to is left alone', async () => {
    const dir = temporaryFolder();
    const victim = path.join(temporaryFolder(), 'victim');
    fs.writeFileSync(victim, '{}');
    fs.symlinkSync(victim, path.join(dir, 'config.json'));
    expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
    expect(fs.lstatSync(path.join(dir, 'config.json')).isFile()).toBe(true);
    expect(fs.readFileSync(victim, 'utf8')).toBe('{}');
  });

  test('another revision never continues the files of this one', async () => {
    const other = await HubDouble.start({
      name: REPO,
      files: [{ ...FILES[0], content: Buffer.from(FILES[0].content).reverse() }],
    });
    const dir = temporaryFolder();
    hub.faults.push({ status: 503, covers: 5 * MIB, times: 1000 });
    expect((await run(fetchArgs(hub, ['--dir', dir], '--attempts=1'))).code).toBe(75);
    const outcome = await run(fetchArgs(other, ['--dir', dir], '--include=model*'));
    await other.stop();
    expect(outcome.code).toBe(0);
    expect(outcome.result.fetched).toBe(FILES[0].content.length);
  });

  test('of two copies at once the second waits, and fetches nothing', async () => {
    const dir = temporaryFolder();
    hub.faults.push({ trickle: 60_000, times: 4 });
    const args = fetchArgs(hub, ['--dir', dir]);
    const first = start(args);
    while (hub.count('cdn') === 0) {
      await sleep(20);
    }
    const outcomes = await Promise.all([first.ended, run(args)]);
    expect(outcomes.map((outcome) => outcome.code)).toEqual([0, 0]);
    expect(outcomes[1].log).toContain('another copy is at work');
    expect(outcomes[1].result.fetched).toBe(0);
    expectComplete(dir, FILES);
  });

  test('a second copy takes over when the first is killed', async () => {
    const dir = temporaryFolder();
    hub.faults.push({ stallAfter: 1000, times: 4 });
    const args = fetchArgs(hub, ['--dir', dir]);
    const first = start(args);
    while (hub.count('cdn') === 0) {
      await sleep(20);
    }
    const second = run(args);
    await sleep(300);
    first.child.kill('SIGKILL');
    expect((await second).code).toBe(0);
    expectComplete(dir, FILES);
  });

  test.each([0, 60, 200])(
    'copies at once on a file system whose locks do nothing (%d ms apart) end with true files',
    async (apart) => {
      const dir = temporaryFolder();
      const options = patched('import fcntl; fcntl.flock = lambda *a: None');
      const args = fetchArgs(hub, ['--dir', dir]);
      const copies = [];
      for (let copy = 0; copy < 3; copy++) {
        copies.push(run(args, options));
        await sleep(apart);
      }
      for (const outcome of await Promise.all(copies)) {
        // A copy may find its file taken from under it, but then says that another run will do.
        expect([0, 75]).toContain(outcome.code);
      }
      expect((await run(args)).code).toBe(0);
      expectComplete(dir, FILES);
    },
  );
});
