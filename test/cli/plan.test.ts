import * as fs from 'node:fs';
import * as path from 'node:path';
import { GitOps, PhasedApp } from '../../src';
import { PIPELINES } from '../support/pipelines';
import { folderWith, runCli } from './run-cli';

let dist: string;
let readme: string;

beforeAll(() => {
  dist = path.join(folderWith({}), 'dist');
  const app = new PhasedApp({ outdir: dist, gitOps: [GitOps.kubectl()], kubernetesVersion: '1.33' });
  PIPELINES.slice(0, 2).forEach(([, build], i) => build(app.pipeline(`model-${i}`, { namespace: 'llm' })));
  app.synth();
  readme = fs.readFileSync(path.join(dist, 'README.md'), 'utf8');
});

test('of a folder that was synthesized, it prints what its README tells', async () => {
  fs.rmSync(path.join(dist, 'README.md'));
  const ran = await runCli(['plan', 'dist', '--kubernetes-version', '1.33'], { cwd: path.dirname(dist) });
  expect(ran).toEqual({ code: 0, stdout: readme, stderr: '' });
  expect(ran.stdout).toContain('```mermaid\n');
  expect(fs.existsSync(path.join(dist, 'README.md'))).toBe(false);
});

test('of the folder of one pipeline, it prints that one', async () => {
  const { code, stdout } = await runCli(['plan', path.join(dist, 'model-1')]);
  expect(code).toBe(0);
  expect(stdout).toContain('1 pipeline for Kubernetes 1.31.\n');
  expect(stdout).toContain('## Pipeline model-1\n');
});

test.each([
  [['plan'], 2, "name either a folder that was synthesized, or resources by '-f FILE'."],
  [['plan', 'empty', '-f', 'empty'], 2, 'name either a folder'],
  [['plan', 'empty'], 2, 'empty has no pipelines: '],
  [['plan', 'nowhere'], 2, 'nowhere is no folder.'],
  [['plan', 'broken'], 1, 'broken/a/40-serve/a.yaml: line 1: '],
  [
    ['plan', 'other'],
    1,
    "other/a/40-serve/a.yaml: holds what is no Kubernetes object. 'cdk8s-llm check other/a/40-serve' tells all.",
  ],
])('%j is refused', async (args, exit, message) => {
  const cwd = folderWith({
    'empty/a.yaml': 'a: 1\n',
    'broken/a/40-serve/a.yaml': 'a: ]\n',
    'other/a/40-serve/a.yaml': 'a: 1\n',
  });
  const { code, stdout, stderr } = await runCli(args, { cwd });
  expect([code, stdout]).toEqual([exit, '']);
  expect(stderr).toContain(message);
});
