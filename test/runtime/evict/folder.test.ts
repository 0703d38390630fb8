import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PYTHON, patched, removeTemporaryFolders, run, sleep, start } from '../artifact/program';
import { allIn, CONVERTED, folderStore, KEYS, MODEL, OTHER, pathsOf, SIZE, STORE } from './store';

afterAll(removeTemporaryFolders);

const evict = (root: string, ...more: string[]) => run(['evict.py', `--root=${root}`, ...more]);

/** A process that has the lock of an artifact, as a download or conversion has it. */
async function writer(folder: string, workshop = '.artifact.parts'): Promise<() => Promise<void>> {
  const program = [
    'import fcntl, os, sys',
    `os.makedirs('${folder}/${workshop}', exist_ok=True)`,
    `lock = os.open('${folder}/${workshop}/lock', os.O_RDWR | os.O_CREAT)`,
    'fcntl.flock(lock, fcntl.LOCK_EX)',
    'print("locked", flush=True)',
    'sys.stdin.read()',
  ];
  const child = spawn(PYTHON, ['-c', program.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((done) => child.stdout.once('data', done));
  return async () => {
    const ended = new Promise((done) => child.once('close', done));
    child.stdin.end();
    await ended;
  };
}

describe('an artifact', () => {
  test.each([
    ['key', KEYS[2]],
    ['folder', OTHER],
  ])('is removed by its %s, and nothing else is', async (_, artifact) => {
    const root = folderStore();
    const outcome = await evict(root, `--artifact=${artifact}`);
    expect(outcome.code).toBe(0);
    expect(allIn(root)).toEqual(pathsOf(STORE.slice(0, 2)));
    expect(fs.readdirSync(root).sort()).toEqual([MODEL, CONVERTED].sort());
    expect(outcome.result).toMatchObject({ artifacts: 1, dryRun: false });
    expect(outcome.log).toContain(`removing ${OTHER} of ${root}: 5.`);
    expect(outcome.log).toContain('removed: 1 artifacts, 5.');
  });

  test('that is not there, or no longer, is no error', async () => {
    const root = folderStore();
    expect((await evict(root, `--artifact=${OTHER}`)).code).toBe(0);
    const again = await evict(root, `--artifact=${OTHER}`, '--artifact=dddddddddddd');
    expect(again.code).toBe(0);
    expect(again.result).toMatchObject({ artifacts: 0, bytes: 0 });
    for (const name of [OTHER, 'dddddddddddd']) {
      expect(again.log).toContain(`${root} has no artifact ${name}: nothing to do for it`);
    }
  });

  test('is kept while another one says that it was made from it', async () => {
    const root = folderStore();
    const outcome = await evict(root, `--artifact=${KEYS[0]}`, `--artifact=${KEYS[2]}`);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toBe(
      `${MODEL} is needed: ${CONVERTED} in ${root} was made from it. Nothing was removed. Evict ${CONVERTED} too, or ` +
        'keep both',
    );
    expect(allIn(root)).toEqual(pathsOf(STORE));
  });

  test('goes with all that was made from it', async () => {
    const root = folderStore();
    const outcome = await evict(
      root,
      `--artifact=${KEYS[0]}`,
      `--artifact=${CONVERTED}`,
      `--artifact=${KEYS[1]}`,
    );
    expect(outcome.code).toBe(0);
    expect(outcome.result).toMatchObject({ artifacts: 2 });
    expect(fs.readdirSync(root)).toEqual([OTHER]);
  });

  test('goes where what was made from it is not complete', async () => {
    const root = folderStore([STORE[0], { ...STORE[1], complete: false }]);
    expect((await evict(root, `--artifact=${KEYS[0]}`)).code).toBe(0);
    expect(fs.readdirSync(root)).toEqual([CONVERTED]);
  });

  test('goes where it is not complete, with what is staged of it', async () => {
    const root = folderStore([
      { name: OTHER, complete: false, files: { '.artifact.parts/1.part': Buffer.alloc(9) } },
    ]);
    const outcome = await evict(root, `--artifact=${OTHER}`);
    expect(outcome.result).toMatchObject({ artifacts: 1, bytes: 9 });
    expect(fs.readdirSync(root)).toEqual([]);
  });

  test('is left as it is where the marker has another key than the name', async () => {
    const root = folderStore();
    fs.renameSync(path.join(root, OTHER), path.join(root, `strange-${KEYS[0]}`));
    fs.rmSync(path.join(root, CONVERTED), { recursive: true });
    const outcome = await evict(root, `--artifact=${KEYS[0]}`);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain(
      `strange-${KEYS[0]} of ${root} holds the artifact with key ${KEYS[2]}`,
    );
    expect(fs.readdirSync(root)).toHaveLength(2);
  });

  test('that is a link to another folder is none', async () => {
    const root = folderStore();
    const elsewhere = folderStore();
    fs.symlinkSync(path.join(elsewhere, OTHER), path.join(root, `link-dddddddddddd`));
    const outcome = await evict(root, '--artifact=dddddddddddd');
    expect(outcome.result).toMatchObject({ artifacts: 0 });
    expect(allIn(elsewhere)).toEqual(pathsOf(STORE));
  });

  test('may hold links, which are removed and not followed', async () => {
    const root = folderStore();
    const elsewhere = folderStore();
    fs.symlinkSync(elsewhere, path.join(root, OTHER, 'link'));
    expect((await evict(root, `--artifact=${OTHER}`)).code).toBe(0);
    expect(allIn(elsewhere)).toEqual(pathsOf(STORE));
  });
});

describe('a dry run', () => {
  test('tells what would go and how much it is, and leaves all as it is', async () => {
    const root = folderStore();
    const before = fs.statSync(path.join(root, MODEL)).mtimeMs;
    fs.mkdirSync(path.join(root, '.evicted.x-dddddddddddd.1234'));
    const outcome = await evict(root, '--dry-run', `--artifact=${KEYS[0]}`, `--artifact=${KEYS[1]}`);
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain(`would remove ${MODEL} of ${root}: 3.`);
    expect(outcome.log).toContain('nothing was removed (dry run); it would be: 2 artifacts, ');
    const { bytes } = outcome.result;
    expect(bytes).toBeGreaterThan(2 * SIZE);
    expect(outcome.result).toMatchObject({ artifacts: 2, dryRun: true });
    expect(allIn(root)).toEqual(pathsOf(STORE));
    expect(fs.existsSync(path.join(root, '.evicted.x-dddddddddddd.1234'))).toBe(true);
    expect(fs.statSync(path.join(root, MODEL)).mtimeMs).toBe(before);
    // What it said is what goes.
    fs.rmdirSync(path.join(root, '.evicted.x-dddddddddddd.1234'));
    expect((await evict(root, `--artifact=${KEYS[0]}`, `--artifact=${KEYS[1]}`)).result.bytes).toBe(bytes);
  });

  test('refuses what the run would refuse', async () => {
    const outcome = await evict(folderStore(), '--dry-run', `--artifact=${KEYS[0]}`);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain(`${MODEL} is needed`);
  });
});

describe('an artifact that is being written', () => {
  test.each([
    ['a download', '.artifact.parts'],
    ['a conversion', '.building'],
  ])('by %s is waited for', async (_, workshop) => {
    const root = folderStore();
    const release = await writer(path.join(root, OTHER), workshop);
    const { ended } = start(['evict.py', `--root=${root}`, `--artifact=${OTHER}`]);
    await sleep(1500);
    expect(fs.existsSync(path.join(root, OTHER, '.artifact.json'))).toBe(true);
    await release();
    const outcome = await ended;
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain(`${path.join(root, OTHER)} is being written to; waiting for that to end`);
    expect(fs.readdirSync(root)).not.toContain(OTHER);
  });

  test('is left to the next run when that takes too long', async () => {
    const root = folderStore();
    const release = await writer(path.join(root, OTHER));
    const outcome = await evict(root, `--artifact=${OTHER}`, '--wait-seconds=1');
    await release();
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toContain(
      'a download or conversion is at work there. Run again when it is done',
    );
    expect(fs.existsSync(path.join(root, OTHER, '.artifact.json'))).toBe(true);
  });

  describe('on a volume without locks', () => {
    const withoutLocks = patched(
      [
        'import errno, fcntl',
        'def flock(*_): raise OSError(errno.ENOTSUP, "no locks")',
        'fcntl.flock = flock',
      ].join('\n'),
    );
    const half = { name: OTHER, complete: false };
    const evictFrom = (root: string, ...more: string[]) =>
      run(['evict.py', `--root=${root}`, `--artifact=${OTHER}`, '--wait-seconds=1', ...more], withoutLocks);

    test('is told by when it was written to', async () => {
      const root = folderStore([half]);
      const outcome = await evictFrom(root);
      expect(outcome.code).toBe(75);
      const told = `${root} has no locks (no locks); going by when it was written to`;
      expect(outcome.log.split(told)).toHaveLength(2);
      expect(allIn(root)).toEqual(expect.arrayContaining(pathsOf([half])));
    });

    test('long ago, is removed', async () => {
      const root = folderStore([half]);
      for (const file of allIn(root)) fs.utimesSync(path.join(root, file), 1e9, 1e9);
      expect((await evictFrom(root)).code).toBe(0);
      expect(fs.readdirSync(root)).toEqual([]);
    });

    test('but complete, is removed however new it is', async () => {
      const root = folderStore([{ name: OTHER }]);
      expect((await evictFrom(root)).code).toBe(0);
      expect(fs.readdirSync(root)).toEqual([]);
    });
  });
});

describe('what cannot be', () => {
  test.each([
    [[], 'the following arguments are required: --artifact'],
    [['--artifact=../../etc'], "'../../etc' is not the key (12 hex digits) or the folder of an artifact"],
    [['--artifact=lost+found'], 'is not the key'],
    [['--artifact=.evicted.x'], 'is not the key'],
    [[`--artifact=${KEYS[0]}`, '--bucket=models'], 'give either --root or --bucket'],
  ])('%j ends as a wrong use', async (more, message) => {
    const outcome = await evict(folderStore(), ...more);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain(message);
  });

  test('a store that is not mounted is told', async () => {
    const gone = `${folderStore()}-gone`;
    const outcome = await evict(gone, `--artifact=${KEYS[0]}`);
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toBe(`${gone} is no folder: is the store mounted there?`);
  });

  test('a folder that may not be written to is refused with who asks, and stays an artifact', async () => {
    const root = folderStore();
    for (const folder of [root, path.join(root, OTHER)]) fs.chmodSync(folder, 0o555);
    const isRoot = process.getuid?.() === 0;
    const outcome = await run(
      ['evict.py', `--root=${root}`, `--artifact=${OTHER}`],
      isRoot ? { uid: 65532 } : {},
    );
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(
      /cannot remove from \S+ as user \d+, group \d+: Permission denied\./,
    );
    expect(outcome.result.error).toContain("a node's folder not given to this user");
    expect(allIn(root)).toEqual(pathsOf(STORE));
    for (const folder of [root, path.join(root, OTHER)]) fs.chmodSync(folder, 0o755);
  });
});
