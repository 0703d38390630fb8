import * as fs from 'node:fs';
import * as path from 'node:path';
import { violationsOf } from '../support/objects';
import {
  addedBy,
  BINARY,
  checkout,
  cloneOf,
  git,
  imageOf,
  Pod,
  treeOf,
  upstreamForTests,
  write,
} from './stand';

const { repository: upstream, image } = upstreamForTests();

/** What the pod has must be the checkout, file by file, and what the build of the image added, and nothing else. */
async function expectCheckout(folder: string): Promise<Pod> {
  const pod = new Pod(checkout(folder), image);
  expect(await pod.apply()).toMatchObject({ code: 0 });
  expect(treeOf(pod.tree)).toEqual({ ...addedBy(image), ...withoutIgnored(folder) });
  return pod;
}

/** Documents that did not change are not in the images. */
function withoutIgnored(folder: string) {
  const tree = treeOf(folder);
  const ignored = git(folder, 'ls-files', '--others', '--ignored', '--exclude-standard').split('\n');
  return Object.fromEntries(
    Object.entries(tree).filter(([file]) => !ignored.includes(file) && file !== 'docs/guide.md'),
  );
}

const CHANGES: [string, (folder: string) => void][] = [
  ['nothing', () => undefined],
  [
    'a commit that is not pushed',
    (folder) => {
      write(folder, 'vllm/engine.py', '# SPDX\nENGINE = "committed"\n');
      git(folder, 'commit', '-q', '-a', '-m', 'mine');
    },
  ],
  [
    'a staged change',
    (folder) => {
      write(folder, 'vllm/engine.py', 'ENGINE = "staged"\n');
      git(folder, 'add', '-A');
    },
  ],
  [
    'a staged change that is modified again',
    (folder) => {
      write(folder, 'vllm/engine.py', 'ENGINE = "staged"\n');
      git(folder, 'add', '-A');
      write(folder, 'vllm/engine.py', 'ENGINE = "modified"\n');
    },
  ],
  ['a modified file', (folder) => write(folder, 'vllm/engine.py', 'ENGINE = "modified"\n')],
  [
    'a staged new file',
    (folder) => {
      write(folder, 'vllm/new.py', '# SPDX-License-Identifier: Apache-2.0\nNEW = 1\n');
      git(folder, 'add', 'vllm/new.py');
    },
  ],
  [
    'an untracked file that begins as those of vLLM do',
    (folder) =>
      write(folder, 'vllm/new.py', '# SPDX-License-Identifier: Apache-2.0\n# a\n\nNEW = 1\n# end\n'),
  ],
  ['new folders', (folder) => write(folder, 'vllm/a/b/c/new.py', 'NEW = 1\n')],
  ['a new binary', (folder) => write(folder, 'vllm/new.bin', BINARY)],
  ['a modified binary', (folder) => write(folder, 'vllm/table.bin', Buffer.concat([BINARY, BINARY]))],
  ['an empty file', (folder) => write(folder, 'vllm/py.typed', '')],
  ['a file without a line feed at its end', (folder) => write(folder, 'vllm/engine.py', 'ENGINE = "x"')],
  ['line ends of Windows', (folder) => write(folder, 'vllm/engine.py', 'ENGINE = "x"\r\n')],
  ['a deleted file', (folder) => fs.rmSync(path.join(folder, 'vllm/old.py'))],
  [
    'a deleted file, staged',
    (folder) => {
      git(folder, 'rm', '-q', 'vllm/old.py');
    },
  ],
  ['a deleted folder', (folder) => fs.rmSync(path.join(folder, 'vllm/gone'), { recursive: true })],
  [
    'a renamed file',
    (folder) => {
      git(folder, 'mv', 'vllm/old.py', 'vllm/renamed.py');
    },
  ],
  [
    'a file that is renamed, staged and modified',
    (folder) => {
      git(folder, 'mv', 'vllm/old.py', 'vllm/renamed.py');
      write(folder, 'vllm/renamed.py', 'OLD = 2\n');
    },
  ],
  ['a new program', (folder) => write(folder, 'tools/new.sh', '#!/bin/sh\n', 0o755)],
  ['a file that became a program', (folder) => fs.chmodSync(path.join(folder, 'vllm/engine.py'), 0o755)],
  ['a program that is none any more', (folder) => fs.chmodSync(path.join(folder, 'tools/run.sh'), 0o644)],
  ['a new link', (folder) => fs.symlinkSync('../vllm/engine.py', path.join(folder, 'tests/engine.py'))],
  ['a new link to a folder', (folder) => fs.symlinkSync('vllm', path.join(folder, 'package'))],
  [
    'a link with another target',
    (folder) => {
      fs.rmSync(path.join(folder, 'vllm/alias.py'));
      fs.symlinkSync('old.py', path.join(folder, 'vllm/alias.py'));
    },
  ],
  ['a link that became a file', (folder) => write(folder, 'vllm/alias.py', 'ALIAS = 1\n')],
  [
    'a file that became a link',
    (folder) => {
      fs.rmSync(path.join(folder, 'vllm/old.py'));
      fs.symlinkSync('engine.py', path.join(folder, 'vllm/old.py'));
    },
  ],
  [
    'a file that became a folder',
    (folder) => {
      fs.rmSync(path.join(folder, 'vllm/old.py'));
      write(folder, 'vllm/old.py/__init__.py', 'OLD = 1\n');
    },
  ],
  [
    'a folder that became a file',
    (folder) => {
      fs.rmSync(path.join(folder, 'vllm/gone'), { recursive: true });
      write(folder, 'vllm/gone', 'not a folder\n');
    },
  ],
  [
    'a folder that became a link to another',
    (folder) => {
      fs.rmSync(path.join(folder, 'tests/data'), { recursive: true });
      write(folder, 'tests/other/image.png', BINARY);
      fs.symlinkSync('other', path.join(folder, 'tests/data'));
    },
  ],
  [
    'names that tools trip over',
    (folder) => {
      for (const name of [
        'a b.py',
        "it's.py",
        'ä🚀.py',
        '-rf.py',
        '$(touch x).py',
        'tab\there.py',
        'line\nfeed.py',
      ]) {
        write(folder, `vllm/names/${name}`, name);
      }
    },
  ],
  ['a file that git ignores', (folder) => write(folder, 'vllm/mine.so', 'built here')],
  [
    'a file that git was told to take for unchanged',
    (folder) => {
      git(folder, 'update-index', '--assume-unchanged', 'vllm/engine.py');
      write(folder, 'vllm/engine.py', 'ENGINE = "assumed"\n');
    },
  ],
  [
    'a file that is only to be added some time',
    (folder) => {
      write(folder, 'vllm/new.py', 'NEW = 1\n');
      git(folder, 'add', '--intent-to-add', 'vllm/new.py');
    },
  ],
  [
    'a file out of the index that is still there',
    (folder) => {
      git(folder, 'rm', '-q', '--cached', 'vllm/old.py');
    },
  ],
];

test.each(CHANGES)('the pod has the checkout with %s', async (_, change) => {
  const folder = cloneOf(upstream);
  change(folder);
  await expectCheckout(folder);
});

test('changes of all kinds at once, on a branch that upstream has left behind, from a folder within', async () => {
  const moving = cloneOf(upstream);
  const folder = cloneOf(moving);
  git(folder, 'checkout', '-q', '-b', 'feature');
  const together =
    /committed|not pushed|staged new|new folders|binary|deleted folder|program|new link|trip over|ignores/;
  for (const [name, change] of CHANGES) if (together.test(name)) change(folder);
  write(folder, 'vllm/old.py', 'OLD = "staged"\n');
  git(folder, 'add', 'vllm/old.py');
  write(folder, 'vllm/old.py', 'OLD = "modified"\n');
  git(folder, 'mv', 'vllm/alias.py', 'vllm/renamed.py');
  write(moving, 'vllm/engine.py', 'ENGINE = "newer"\n');
  git(moving, 'commit', '-q', '-a', '-m', 'newer');
  git(folder, 'fetch', '-q', 'upstream');
  const { checkout: packed } = await expectCheckout(folder);
  expect(packed.baseCommit).toBe(git(folder, 'rev-parse', 'upstream/main~1'));
  expect(checkout(path.join(folder, 'vllm')).sha256).toBe(packed.sha256);
});

test('a document that the image was built without is there when it changed, and not when it did not', async () => {
  const folder = cloneOf(upstream);
  write(folder, 'docs/new.md', 'new\n');
  const pod = await expectCheckout(folder);
  expect(fs.existsSync(path.join(pod.tree, 'docs/guide.md'))).toBe(false);
  write(folder, 'docs/guide.md', '# Another\n');
  const again = new Pod(checkout(folder), image);
  const outcome = await again.apply();
  expect(outcome).toMatchObject({ code: 0 });
  expect(outcome.log).toContain('the image was built without docs/guide.md');
  expect(fs.readFileSync(path.join(again.tree, 'docs/guide.md'), 'utf8')).toBe('# Another\n');
});

test('a package below src is where Python looks for it', async () => {
  const moved = cloneOf(upstream);
  fs.mkdirSync(path.join(moved, 'src'));
  git(moved, 'mv', 'vllm', 'src/vllm');
  git(moved, 'commit', '-q', '-m', 'src layout');
  const folder = cloneOf(moved);
  write(folder, 'src/vllm/engine.py', 'ENGINE = "changed"\n');
  fs.rmSync(path.join(folder, 'src/vllm/old.py'));
  const ofMoved = imageOf(moved);
  const pod = new Pod(checkout(folder), ofMoved);
  expect(await pod.apply()).toMatchObject({ code: 0 });
  expect(treeOf(pod.tree)).toEqual({ ...addedBy(ofMoved, 'src'), ...withoutIgnored(folder) });
});

test('an image that has the package alone gives the package', async () => {
  const folder = cloneOf(upstream);
  write(folder, 'vllm/engine.py', 'ENGINE = "changed"\n');
  fs.rmSync(path.join(folder, 'vllm/old.py'));
  const pod = new Pod(checkout(folder), { ...image, workspace: '/nonexistent' });
  expect(await pod.apply()).toMatchObject({ code: 0 });
  const expected = Object.entries({ ...addedBy(image), ...withoutIgnored(folder) });
  expect(treeOf(pod.tree)).toEqual(Object.fromEntries(expected.filter(([file]) => file.startsWith('vllm/'))));
});

test('the ConfigMaps pass the rules', () => {
  const folder = cloneOf(upstream);
  write(folder, 'vllm/engine.py', 'ENGINE = "changed"\n');
  expect(violationsOf(new Pod(checkout(folder), image).objects)).toBe('');
});
