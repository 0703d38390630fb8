import * as fs from 'node:fs';
import * as path from 'node:path';
import { filesIn, tree } from '../support/folders';
import { answering, answers, koldun } from './koldun';
import { folderWith, runCli } from './run-cli';

const render = (cwd: string, ...args: string[]) => runCli(['render', ...args], { cwd });
const MADE = ['10-download/download', '30-convert/convert', '40-serve/serve'];
const filesOf = (name: string) => MADE.map((file) => `${name}/${file}.k8s.yaml`);

/** A folder with the YAML of `qwen` in `out`. */
async function rendered(): Promise<string> {
  const cwd = folderWith({ 'models.yaml': koldun('qwen') });
  expect(await render(cwd, '-f', 'models.yaml', '-o', 'out', ...answering('qwen'))).toMatchObject({
    code: 0,
  });
  return cwd;
}

test('resources become the folders of their pipelines', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen', { weights: 'q80' }) });
  const { code, stdout, stderr } = await render(cwd, '-f', 'models.yaml', '-o', 'out', ...answering('qwen'));
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(
    /^warning: models\.yaml, document 1: Model llm\/qwen, spec\.conversion\.weightsFloatType: /,
  );
  expect(stderr).toMatch(/\nout: files 4 new\.\n$/);
  expect(filesIn(path.join(cwd, 'out'))).toEqual(['README.md', ...filesOf('qwen')]);
});

test('files, folders and standard input are read together, by -f or without', async () => {
  const cwd = folderWith({ 'models/a.yaml': koldun('qwen'), 'models/notes.txt': '{' });
  const { code } = await runCli(
    ['render', 'models', '-f', '-', '--output=out', '--quiet', ...answering('qwen', 'other')],
    { cwd, stdin: koldun('other') },
  );
  expect(code).toBe(0);
  expect(filesIn(path.join(cwd, 'out'))).toEqual(['README.md', ...filesOf('other'), ...filesOf('qwen')]);
});

test('what nobody can guess is asked, with the command that tells it; nothing is written', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen') });
  const { code, stdout, stderr } = await render(cwd, '-f', 'models.yaml', '-o', 'out');
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(/^cdk8s-llm render: 2 questions; nothing is written\.\n/);
  expect(stderr).toMatch(/\n {2}Model\/llm\/qwen\/revision: '' {2}# .*git ls-remote .*Qwen\/Qwen3-1\.7B/);
  expect(fs.existsSync(path.join(cwd, 'out'))).toBe(false);
});

test('answers are taken from a file, and those of the command line win over it', async () => {
  const file = Object.entries(answers('qwen')).map(([question, answer]) => `${question}: '${answer}'\n`);
  const cwd = folderWith({ 'models.yaml': koldun('qwen'), 'answers.yaml': file.join('') });
  const other = 'a'.repeat(40);
  const args = ['-f', 'models.yaml', '-o', 'out', '--answers', 'answers.yaml'];
  expect(await render(cwd, ...args, '--answer', `Model/llm/qwen/revision=${other}`)).toMatchObject({
    code: 0,
  });
  const readme = fs.readFileSync(path.join(cwd, 'out/README.md'), 'utf8');
  expect(readme).toContain(other);
  expect(readme).toContain(`registry.example.com/dllama:v0.16.4`);
});

test('a second run changes nothing, and a changed model only what it changes', async () => {
  const cwd = await rendered();
  const before = tree(path.join(cwd, 'out'));
  const args = ['-f', 'models.yaml', '-o', 'out', ...answering('qwen')];
  expect(await render(cwd, ...args, '--diff')).toEqual({ code: 0, stdout: '', stderr: '' });
  expect((await render(cwd, ...args)).stderr).toBe('out: files 4 as before.\n');

  fs.writeFileSync(path.join(cwd, 'models.yaml'), koldun('qwen', { replicaPower: 1 }));
  const { code, stdout } = await render(cwd, ...args, '--diff');
  expect(code).toBe(4);
  expect(stdout.match(/^--- .*$/gm)).toEqual([
    '--- a/out/README.md',
    '--- a/out/qwen/40-serve/serve.k8s.yaml',
  ]);
  expect(stdout).toMatch(/^-.*replicas: 3$/m);
  expect(tree(path.join(cwd, 'out'))).toEqual(before);

  expect((await render(cwd, ...args)).stderr).toBe('out: files 2 changed, 2 as before.\n');
  expect((await render(cwd, ...args, '--diff')).code).toBe(0);
});

test('a diff on a terminal is coloured', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen') });
  const args = ['render', 'models.yaml', '-o', 'out', '--diff', ...answering('qwen')];
  expect((await runCli(args, { cwd, isTTY: true })).stdout).toContain(
    '\x1b[32m+apiVersion: batch/v1\x1b[0m\n',
  );
  expect((await runCli(args, { cwd, isTTY: true, env: { NO_COLOR: '1' } })).stdout).not.toContain('\x1b');
});

test('a pipeline that no resource makes any more is removed on request alone', async () => {
  const cwd = await rendered();
  fs.writeFileSync(path.join(cwd, 'models.yaml'), koldun('other'));
  fs.writeFileSync(path.join(cwd, 'out/qwen/notes.txt'), 'mine');
  const before = tree(path.join(cwd, 'out'));
  const args = ['-f', 'models.yaml', '-o', 'out', ...answering('other')];
  const { code, stderr } = await render(cwd, ...args);
  expect(code).toBe(2);
  expect(stderr).toBe(
    'cdk8s-llm render: out has pipelines that these resources do not make: qwen. ' +
      'Name their files by -f too, write to another folder, or remove them by --prune.\n',
  );
  expect(tree(path.join(cwd, 'out'))).toEqual(before);

  const pruned = await render(cwd, ...args, '--prune');
  expect(pruned.stderr).toContain('removed out/qwen/40-serve/serve.k8s.yaml\n');
  expect(pruned.stderr).toMatch(/out: files 3 new, 1 changed, 3 removed\.\n$/);
  // What a person put there stays.
  expect(filesIn(path.join(cwd, 'out'))).toEqual(['README.md', ...filesOf('other'), 'qwen/notes.txt']);
});

test.each(['README.md', 'qwen/40-serve/serve.k8s.yaml'])(
  '%s of somebody else is not replaced',
  async (file) => {
    const cwd = folderWith({
      'models.yaml': koldun('qwen'),
      [`out/${file}`]: 'mine\n',
      'out/other.yaml': 'mine\n',
    });
    const { code, stderr } = await render(cwd, '-f', 'models.yaml', '-o', 'out', ...answering('qwen'));
    expect(code).toBe(2);
    expect(stderr).toContain(`out/${file} was not written by cdk8s-llm, and would be replaced.`);
    expect(filesIn(path.join(cwd, 'out'))).toEqual([file, 'other.yaml'].sort());
    expect(fs.readFileSync(path.join(cwd, 'out', file), 'utf8')).toBe('mine\n');
  },
);

test('a file is no folder to write to', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen') });
  const { code, stderr } = await render(cwd, '-f', 'models.yaml', '-o', 'models.yaml', ...answering('qwen'));
  expect(code).toBe(2);
  expect(stderr).toBe("cdk8s-llm render: models.yaml is a file; name a folder to write to by '-o DIR'.\n");
});

test('GitOps tools are pointed at the files, as code would point them', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen') });
  const tools = ['--gitops', 'argocd', '--repo-url', 'https://git.example.com/models', '--gitops', 'flux'];
  const args = ['-f', 'models.yaml', ...tools, '--repo-path=yaml', '--gitops=kubectl', ...answering('qwen')];
  expect((await render(cwd, '-o', 'out', ...args)).code).toBe(0);
  const argocd = fs.readFileSync(path.join(cwd, 'out/gitops/argocd/qwen.yaml'), 'utf8');
  expect(argocd).toContain('repoURL: https://git.example.com/models\n');
  expect(argocd).toContain('path: yaml/qwen\n');
  const flux = filesIn(path.join(cwd, 'out/gitops/flux')).map((file) =>
    fs.readFileSync(path.join(cwd, 'out/gitops/flux', file), 'utf8'),
  );
  expect(flux.join('')).toContain('path: ./yaml/qwen/10-download\n');
  expect(fs.statSync(path.join(cwd, 'out/gitops/kubectl/apply.sh')).mode & 0o111).not.toBe(0);
  expect((await render(cwd, '-o', 'out', ...args, '--diff')).code).toBe(0);

  expect((await runCli(['to-code', ...args], { cwd })).stdout).toContain(`const app = new PhasedApp({
  gitOps: [
    GitOps.argoCd({ repoUrl: 'https://git.example.com/models', path: 'yaml' }),
    GitOps.flux({
      sourceRef: FluxSourceRef.gitRepository('flux-system'),
      path: 'yaml',
    }),
    GitOps.kubectl(),
  ],
});
`);
});

test.each([
  [
    ['-f', 'models.yaml', '-o', 'out', '--gitops', 'argocd'],
    2,
    '--gitops argocd needs the repository: --repo-url URL.',
  ],
  [
    ['-f', 'models.yaml', '-o', 'out', '--repo-path', 'x'],
    2,
    '--repo-path says nothing without --gitops argocd',
  ],
  [['-o', 'out'], 2, "no resources are named; name their files by '-f FILE'."],
  [['-f', 'models.yaml'], 2, "no output folder is named; name it by '-o DIR'."],
  [['-f', 'no.yaml', '-o', 'out'], 2, 'no.yaml does not exist.'],
  [['-f', 'models.yaml', '-o', 'out', '--answer', 'x'], 2, "--answer is 'x'; allowed: QUESTION=ANSWER."],
  [['-f', 'models.yaml', '-o', 'out', '--answers', 'list.yaml'], 1, 'list.yaml'],
  [['-f', 'wrong.yaml', '-o', 'out'], 1, 'sourceURL'],
  [['-f', 'list.yaml', '-o', 'out'], 1, 'list.yaml, document 1'],
])('%j is refused', async (args, exit, message) => {
  const cwd = folderWith({
    'models.yaml': koldun('qwen'),
    'wrong.yaml': koldun('qwen').replace('sourceUrl', 'sourceURL'),
    'list.yaml': '[1]\n',
  });
  const { code, stdout, stderr } = await render(cwd, ...args);
  expect([code, stdout]).toEqual([exit, '']);
  expect(stderr).toContain(message);
  expect(fs.existsSync(path.join(cwd, 'out'))).toBe(false);
});

test('what a construct refuses is told as such, and is no defect of the program', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen', { replicaPower: 5 }) });
  const { code, stderr } = await render(cwd, '-f', 'models.yaml', '-o', 'out', ...answering('qwen'));
  expect(code).toBe(1);
  expect(stderr).toContain("'replicaPower' is 5; allowed: ");
  expect(stderr).toMatch(/Nothing is written\.\n$/);
});

test('a folder that cannot be written to is told as such', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen'), out: 'a file\n' });
  const { code, stderr } = await render(cwd, '-f', 'models.yaml', '-o', 'out/yaml', ...answering('qwen'));
  expect(code).toBe(2);
  expect(stderr).toMatch(/^cdk8s-llm render: ENOTDIR: not a directory.*out\/yaml.*\.\n$/);
});

test('the folder that cdk8s names for its own command is left alone', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen') });
  process.env.CDK8S_OUTDIR = path.join(cwd, 'other');
  try {
    const { code } = await render(cwd, '-f', 'models.yaml', '-o', 'out', ...answering('qwen'));
    expect([code, process.env.CDK8S_OUTDIR]).toEqual([0, path.join(cwd, 'other')]);
  } finally {
    delete process.env.CDK8S_OUTDIR;
  }
  expect(fs.readdirSync(cwd).sort()).toEqual(['models.yaml', 'out']);
});

test('plan prints the README that render would write', async () => {
  const cwd = await rendered();
  const { code, stdout } = await runCli(['plan', '-f', 'models.yaml', ...answering('qwen')], { cwd });
  expect(code).toBe(0);
  expect(stdout).toBe(fs.readFileSync(path.join(cwd, 'out/README.md'), 'utf8'));
});
