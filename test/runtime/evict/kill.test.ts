import * as fs from 'node:fs';
import * as path from 'node:path';
import { patched, removeTemporaryFolders, run } from '../artifact/program';
import { allIn, CONVERTED, filesOf, folderStore, KEYS, MODEL, OTHER, pathsOf, STORE } from './store';

afterAll(removeTemporaryFolders);

/** Ends the program, as SIGKILL does, before its nth call of those that change a folder. */
function killedBefore(call: number) {
  return patched(
    [
      'import os',
      `left = [${call}]`,
      'def counted(function):',
      '    def change(*args, **more):',
      '        left[0] -= 1',
      '        if left[0] == 0: os._exit(137)',
      '        return function(*args, **more)',
      '    return change',
      'for name in ("unlink", "rename", "rmdir", "mkdir", "fsync"):',
      '    setattr(os, name, counted(getattr(os, name)))',
    ].join('\n'),
  );
}

/** An artifact is there as it was put, or there is none. */
function expectWholeOrNone(root: string, names: string[]): void {
  for (const name of names) {
    if (!fs.existsSync(path.join(root, name, '.artifact.json'))) continue;
    const files = Object.keys(filesOf({ name })).map((file) => `${name}/${file}`);
    expect(allIn(root)).toEqual(expect.arrayContaining(files));
  }
}

test('killed before any of its steps, it leaves whole artifacts or none, and the next run finishes', async () => {
  const both = [`--artifact=${KEYS[0]}`, `--artifact=${KEYS[1]}`];
  let kills = 0;
  for (let call = 1; ; call += 1) {
    const root = folderStore();
    const args = ['evict.py', `--root=${root}`, ...both];
    const killed = await run(args, killedBefore(call));
    expectWholeOrNone(root, [MODEL, CONVERTED]);
    expect(allIn(root)).toEqual(expect.arrayContaining(pathsOf([STORE[2]])));
    if (killed.code === 0) break;
    kills += 1;
    expect(killed.code).toBe(137);
    const left = fs.readdirSync(root).filter((name) => name.startsWith('.evicted.'));
    const outcome = await run(args);
    expect(outcome.code).toBe(0);
    expect(fs.readdirSync(root)).toEqual([OTHER]);
    for (const name of left) {
      expect(outcome.log).toContain(`removing what an eviction left that was stopped: ${name}`);
    }
  }
  expect(kills).toBeGreaterThan(15);
}, 120_000);

test('what a killed eviction left goes with the next one, whatever that is asked for', async () => {
  const root = folderStore();
  const leftover = `.evicted.${MODEL}.12345678`;
  fs.renameSync(path.join(root, MODEL), path.join(root, leftover));
  const outcome = await run(['evict.py', `--root=${root}`, `--artifact=${OTHER}`]);
  expect(outcome.code).toBe(0);
  expect(outcome.result.bytes).toBeGreaterThan(5000 + 3000);
  expect(fs.readdirSync(root)).toEqual([CONVERTED]);
});

test('two copies at once do no harm', async () => {
  const root = folderStore();
  const args = ['evict.py', `--root=${root}`, `--artifact=${KEYS[0]}`, `--artifact=${KEYS[1]}`];
  const outcomes = await Promise.all([run(args), run(args), run(args)]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(fs.readdirSync(root)).toEqual([OTHER]);
});
