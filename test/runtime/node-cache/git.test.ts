import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gitForTests, GitFile } from '../../doubles/git';
import { smallFileSystem } from '../../support/file-system';
import {
  bytes,
  filesOf,
  markerOf,
  Outcome,
  PYTHON,
  run,
  sleep,
  start,
  temporaryFolder,
} from '../artifact/program';

/** git_mirror.py against git's own server: what a node gets of a repository, and what it never gets. */

const FILES: GitFile[] = [
  { path: 'README.md', text: '# SPDX-License-Identifier: Apache-2.0\n' },
  { path: 'vllm/run.sh', text: '#!/bin/sh\n', executable: true },
  { path: 'vllm/empty', text: '' },
  { path: 'vllm/a folder/näme.bin', text: bytes(200_000) },
  { path: 'latest', link: 'vllm' },
];

const git = gitForTests();
let first: string;
let second: string;

beforeAll(() => {
  first = git.current.commit('vllm', FILES);
  second = git.current.commit('vllm', [{ path: 'README.md', text: 'changed\n' }]);
  git.current.commit('private', FILES, { token: 'secret-of-ours' });
  git.current.commit('old', FILES, { old: true });
  git.current.commit('old', [{ path: 'README.md', text: 'changed\n' }], { old: true });
});

/** A folder in which the first commit is complete. */
let whole: string;
beforeAll(async () => {
  whole = temporaryFolder();
  await run(mirror(whole, first));
});

function complete(): string {
  const dir = temporaryFolder();
  fs.cpSync(whole, dir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return dir;
}

function mirror(dir: string, commit: string, ...more: string[]): string[] {
  return [
    'git_mirror.py',
    `--url=${git.current.url('vllm')}`,
    `--commit=${commit}`,
    '--key=k1',
    `--dir=${dir}`,
    ...more,
  ];
}

/** The same of another repository. */
function mirrorOf(name: string, dir: string, commit: string, ...more: string[]): string[] {
  return [...mirror(dir, commit, ...more), `--url=${git.current.url(name)}`];
}

function expectTree(dir: string, files: readonly GitFile[]): void {
  const tree = path.join(dir, 'tree');
  expect(filesOf(tree)).toEqual(files.map((file) => file.path).sort());
  for (const file of files) {
    const at = path.join(tree, file.path);
    if (file.link === undefined) {
      expect(fs.readFileSync(at).equals(Buffer.from(file.text ?? ''))).toBe(true);
      expect((fs.statSync(at).mode & 0o111) !== 0).toBe(file.executable ?? false);
    } else {
      expect(fs.readlinkSync(at)).toBe(file.link);
    }
  }
}

function packs(dir: string): string[] {
  const folder = path.join(dir, 'git/objects/pack');
  return fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
}

function gitIn(dir: string, ...words: string[]): string {
  return execFileSync('git', [`--git-dir=${dir}/git`, ...words], { encoding: 'utf8', stdio: 'pipe' });
}

function expectFailure(outcome: Outcome, code: number, ...texts: string[]): void {
  expect(`${outcome.code} ${outcome.result.error}`).toMatch(new RegExp(`^${code} `));
  for (const text of texts) expect(outcome.result.error).toContain(text);
}

describe('a repository at a commit', () => {
  test('the tree with its links and executable bits, the commit alone, and a marker of all files', async () => {
    const dir = temporaryFolder();
    const outcome = await run(mirror(dir, first));
    expect(outcome.log).toContain('complete: 4 files');
    expect(outcome.code).toBe(0);
    expectTree(dir, FILES);
    expect(gitIn(dir, 'rev-list', '--all').trim()).toBe(first);
    expect(markerOf(dir)).toMatchObject({
      key: 'k1',
      source: { type: 'git', url: git.current.url('vllm'), commit: first },
      links: [{ path: 'tree/latest', target: 'vllm' }],
    });
    expect(markerOf(dir)?.files.map((file) => file.path)).toContain('tree/vllm/a folder/näme.bin');
    expect(fs.readdirSync(dir).sort()).toEqual(['.artifact.json', 'git', 'tree']);
  });

  test('what is complete is not asked for again; nor is a commit that a lost tree was made of', async () => {
    const dir = complete();
    expect((await run(mirror(dir, first))).result).toMatchObject({ fetched: 0 });
    fs.rmSync(path.join(dir, 'tree/vllm'), { recursive: true });
    const outcome = await run(mirror(dir, first));
    expect(outcome.result).toMatchObject({ fetched: 0 });
    expect(outcome.log).toContain('is missing');
    expectTree(dir, FILES);
    expect(git.current.requests).toHaveLength(0);
  });

  test('with its history, where that is asked for', async () => {
    const dir = temporaryFolder();
    await run(mirror(dir, second, '--history'));
    expect(gitIn(dir, 'rev-list', '--all').trim().split('\n')).toEqual([second, first]);
  });

  test('from a server that gives no commit by its id', async () => {
    const dir = temporaryFolder();
    const commit = git.current.id('old', 'HEAD~1');
    const outcome = await run(mirrorOf('old', dir, commit));
    expect(outcome.log).toContain('fetching all branches and tags');
    expect(outcome.code).toBe(0);
    expectTree(dir, FILES);
    const unknown = await run(mirrorOf('old', temporaryFolder(), '1'.repeat(40)));
    expectFailure(unknown, 66, 'no branch or tag leads to commit 1111');
  });

  test('of a repository whose ids have 64 digits; another repository in it is named and not fetched', async () => {
    const dir = temporaryFolder();
    const commit = git.current.commit('modern', FILES, { sha256: true });
    expect(commit).toHaveLength(64);
    expect((await run(mirrorOf('modern', dir, commit))).code).toBe(0);
    expectTree(dir, FILES);
    const outer = git.current.submodule('outer', 'deps/inner', first);
    const outcome = await run(mirrorOf('outer', temporaryFolder(), outer));
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('deps/inner is another repository (a submodule), which is not fetched');
  });

  test('by a token, which is in no argument, log, file or message', async () => {
    const dir = temporaryFolder();
    const commit = git.current.id('private', 'HEAD');
    const token = 'secret-of-ours';
    const outcome = await run(mirrorOf('private', dir, commit, '--username=robot'), {
      env: { GIT_TOKEN: `${token}\n` },
    });
    expect(outcome.code).toBe(0);
    expect(new Set(git.current.credentials)).toEqual(new Set([`robot:${token}`]));
    const traces = [
      outcome.log,
      JSON.stringify(outcome.result),
      fs.readFileSync(path.join(dir, 'git/config'), 'utf8'),
    ];
    expect(traces.join('\n')).not.toContain(token);
    expect(traces.join('\n')).not.toContain(Buffer.from(`robot:${token}`).toString('base64'));
  });
});

describe('what is not there, or not to be had', () => {
  test.each([
    ['a commit that nobody has', 'vllm', '1'.repeat(40), 66, 'not our ref'],
    ['a repository that is not there', 'nothing', '1'.repeat(40), 66, 'not found'],
    [
      'a private one without a token',
      'private',
      '1'.repeat(40),
      77,
      'Is the repository private, and the token',
    ],
  ])('%s', async (_, name, commit, code, text) => {
    const dir = temporaryFolder();
    expectFailure(await run(mirrorOf(name, dir, commit)), code, text);
    expect(markerOf(dir)).toBeUndefined();
  });

  test('the id of a file in the place of a commit', async () => {
    const dir = temporaryFolder();
    const blob = git.current.id('vllm', 'HEAD:README.md');
    expectFailure(await run(mirror(dir, blob)), 64, 'is the id of a blob', 'give that of a commit');
  });

  test('a wrong token, and a server that leads elsewhere, where the token does not go', async () => {
    const env = { GIT_TOKEN: 'another' };
    const commit = git.current.id('private', 'HEAD');
    expectFailure(await run(mirrorOf('private', temporaryFolder(), commit), { env }), 77, 'token');
    git.current.commit('moved', FILES, { movedTo: git.current.url('vllm') });
    git.current.forget();
    expectFailure(
      await run(mirrorOf('moved', temporaryFolder(), first), { env }),
      64,
      'the address that it leads to',
    );
    expect(git.current.requests.filter(({ url }) => url.startsWith('/vllm.git'))).toEqual([]);
    // Without a token there is nothing to lose.
    expect((await run(mirrorOf('moved', temporaryFolder(), first))).code).toBe(0);
  });

  test('another artifact in the folder', async () => {
    const dir = complete();
    expectFailure(await run([...mirror(dir, first), '--key=k2']), 64, 'holds the artifact with key k1');
  });

  test('an image without git', async () => {
    const python = execFileSync(PYTHON, ['-c', 'import sys; print(sys.executable)'], {
      encoding: 'utf8',
    }).trim();
    const wrap = ['/usr/bin/env', `PATH=${temporaryFolder()}`, python];
    const programs = path.join(__dirname, '../../../src/runtime');
    const outcome = await run(mirror(temporaryFolder(), first), { wrap, programs, withoutPython: true });
    expectFailure(outcome, 64, 'there is no git in this image');
  });
});

describe('faults', () => {
  const POST = /git-upload-pack$/;

  test('a connection that is cut: 75, and the next run brings all', async () => {
    const dir = temporaryFolder();
    // The first answer lists what there is, by the second protocol; the pack is in the other.
    git.current.faults.push({ match: POST, cutAfter: 50_000, times: 3 });
    expectFailure(await run(mirror(dir, first)), 75);
    expect(markerOf(dir)).toBeUndefined();
    git.current.forget();
    expect((await run(mirror(dir, first))).code).toBe(0);
    expectTree(dir, FILES);
  });

  test('bytes that are spoilt on the way are not believed', async () => {
    const dir = temporaryFolder();
    git.current.faults.push({ match: POST, flip: 120_000, times: 9 });
    const outcome = await run(mirror(dir, first));
    expect([65, 75]).toContain(outcome.code);
    expect(markerOf(dir)).toBeUndefined();
    expect(fs.existsSync(path.join(dir, 'tree'))).toBe(false);
  });

  test('a server that falls silent is given up', async () => {
    git.current.faults.push({ match: POST, stallAfter: 50_000, times: 9 });
    const outcome = await run(mirror(temporaryFolder(), first, '--stall-seconds=1'));
    expectFailure(outcome, 75);
  });

  test('killed in the midst of a fetch: the next run removes what is half there, and brings all', async () => {
    const dir = temporaryFolder();
    git.current.faults.push({ match: POST, stallAfter: 100_000, times: 9 });
    const { child, ended } = start(mirror(dir, first));
    await until(() => packs(dir).some((name) => name.startsWith('tmp_pack_')));
    child.kill('SIGKILL');
    await ended;
    await until(() => git.current.requests.length > 0);
    git.current.forget();
    expect((await run(mirror(dir, first))).code).toBe(0);
    expectTree(dir, FILES);
    expect(packs(dir).filter((name) => name.startsWith('tmp_'))).toEqual([]);
  });

  test('killed again and again, at any instant: no marker is ever over what is not whole', async () => {
    const dir = temporaryFolder();
    for (let milliseconds = 150; markerOf(dir) === undefined; milliseconds += 150) {
      const { child, ended } = start(mirror(dir, first));
      await Promise.race([ended, sleep(milliseconds)]);
      child.kill('SIGKILL');
      await ended;
    }
    expectTree(dir, FILES);
    expect((await run(mirror(dir, first))).code).toBe(0);
    expect(fs.readdirSync(dir).sort()).toEqual(['.artifact.json', 'git', 'tree']);
  });

  test('SIGTERM ends it and the git that it has started', async () => {
    const dir = temporaryFolder();
    git.current.faults.push({ match: POST, stallAfter: 100_000, times: 9 });
    const { child, ended } = start(mirror(dir, first));
    await until(() => packs(dir).some((name) => name.startsWith('tmp_pack_')));
    child.kill('SIGTERM');
    expectFailure(await ended, 75, 'stopped by SIGTERM');
  });

  test('two at once: one brings, the other waits, and both end well', async () => {
    const dir = temporaryFolder();
    const outcomes = await Promise.all([run(mirror(dir, first)), run(mirror(dir, first))]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expect(outcomes.map(({ result }) => result.fetched === 0).sort()).toEqual([false, true]);
    expectTree(dir, FILES);
  });

  test('more than there is room for: 73 before the tree is made, and while it is fetched', async () => {
    const dir = temporaryFolder();
    expectFailure(await run(mirror(dir, first, '--room-bytes=1000')), 73, 'there is room for 1000 bytes');
    expect(fs.existsSync(path.join(dir, 'tree'))).toBe(false);
    expectFailure(await run(mirror(dir, first, '--room-bytes=300000')), 73, 'takes');
    expect(fs.existsSync(path.join(dir, 'tree'))).toBe(false);
    expect((await run(mirror(dir, first, '--room-bytes=900000'))).code).toBe(0);
  });

  test('a disk that is full: 73, and the next run goes on', async () => {
    const dir = smallFileSystem('150k');
    if (dir === undefined) return; // who runs the tests may not mount
    expectFailure(await run(mirror(dir, first)), 73);
    expect(markerOf(dir)).toBeUndefined();
    execFileSync('mount', ['-o', 'remount,size=2m', dir]);
    expect((await run(mirror(dir, first))).code).toBe(0);
    expectTree(dir, FILES);
  });

  test('what has rotted on the disk is found by --verify alone, and brought anew', async () => {
    const dir = complete();
    for (const [file, at] of [
      ['tree/vllm/a folder/näme.bin', 5],
      [`git/objects/pack/${packs(dir)[1]}`, 5000],
    ] as const) {
      spoil(path.join(dir, file), at);
      expect((await run(mirror(dir, first, '--verify'))).log).toContain('storing what is missing');
      expectTree(dir, FILES);
    }
    expect((await run(mirror(dir, first, '--verify'))).log).toContain('is complete already');
  });

  test('what has rotted since is not read for nothing', async () => {
    const dir = complete();
    spoil(path.join(dir, 'tree/README.md'), 5);
    expect((await run(mirror(dir, first))).log).toContain('is complete already');
  });
});

/** Changes a byte of a file, and neither its size nor its times. */
function spoil(file: string, at: number): void {
  const { atime, mtime } = fs.statSync(file);
  const content = fs.readFileSync(file);
  content[at] ^= 1;
  fs.chmodSync(file, 0o644);
  fs.writeFileSync(file, content);
  fs.utimesSync(file, atime, mtime);
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await sleep(20);
}
