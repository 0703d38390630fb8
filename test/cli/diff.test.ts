import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { unifiedDiff } from '../../src/cli/diff';
import { folderWith } from './run-cli';

test('a changed line stands between three others', () => {
  const lines = Array.from({ length: 9 }, (_unused, i) => `line ${i + 1}\n`);
  const after = lines.with(4, 'other\n');
  expect(unifiedDiff('a.yaml', lines.join(''), after.join(''))).toBe(`--- a/a.yaml
+++ b/a.yaml
@@ -2,7 +2,7 @@
 line 2
 line 3
 line 4
-line 5
+other
 line 6
 line 7
 line 8
`);
});

test('a new file, and one that goes', () => {
  expect(unifiedDiff('a', undefined, 'x\n')).toBe('--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\n');
  expect(unifiedDiff('a', 'x\ny\n', undefined)).toBe('--- a/a\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n');
});

test('nothing that is the same is shown', () => {
  expect(unifiedDiff('a', 'x\n', 'x\n')).toBe('--- a/a\n+++ b/a\n');
});

test('git applies every one', () => {
  let state = 7;
  const below = (most: number) => (state = (state * 48271) % 0x7fffffff) % most;
  const text = (lines: string[]) => lines.join('\n') + (below(4) > 0 ? '\n' : '');
  const texts = Array.from({ length: 60 }, () => {
    const before = Array.from({ length: 1 + below(30) }, () => `line ${below(6)}`);
    const after = before.flatMap((line) =>
      below(5) === 0 ? [] : below(5) === 0 ? [`new ${below(3)}`, line] : line,
    );
    return [text(before), text(after.length > 0 ? after : ['rest'])];
  });
  const changed = texts.filter(([before, after]) => before !== after);
  const folder = folderWith(Object.fromEntries(changed.map(([before], i) => [`${i}.txt`, before])));
  const patch = changed.map(([before, after], i) => unifiedDiff(`${i}.txt`, before, after)).join('');
  execFileSync('git', ['apply', '--unidiff-zero', '-'], { cwd: folder, input: patch, stdio: 'pipe' });
  const applied = changed.map((_unused, i) => fs.readFileSync(path.join(folder, `${i}.txt`), 'utf8'));
  expect(applied).toEqual(changed.map(([, after]) => after));
});

test('the fewest lines are shown', () => {
  const diff = unifiedDiff('a', 'a\nb\nc\na\nb\nb\na\n', 'c\nb\na\nb\na\nc\n');
  expect(diff.split('\n').filter((line) => /^[-+][a-z]$/.test(line))).toHaveLength(5);
});

test('of texts that have little in common, all is shown', () => {
  const lines = (word: string) => Array.from({ length: 3000 }, (_unused, i) => `${word} ${i}\n`).join('');
  const diff = unifiedDiff('a', `first\n${lines('a')}last\n`, `first\n${lines('b')}last\n`);
  expect(diff.split('\n').filter((line) => line.startsWith('-a '))).toHaveLength(3000);
  expect(diff).toContain('@@ -1,3002 +1,3002 @@\n first\n-a 0\n');
});
