import * as fs from 'node:fs';
import * as path from 'node:path';
import { koldun } from './koldun';
import { folderWith, runCli } from './run-cli';

const BROKEN = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: chat
  namespace: llm
spec:
  replicas: "2"
  selector:
    matchLabels: { app: chat }
  template:
    metadata:
      labels: { app: chat }
    spec:
      containers:
        - name: chat
          imagee: registry.example.com/chat:1
`;

const POD = `apiVersion: v1
kind: Pod
metadata: { name: one, namespace: llm }
spec:
  containers:
    - name: one
      image: registry.example.com/one:latest
`;

const CONFIG_MAP =
  'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: llm }\ndata: { a: "1" }\n';

/** Only rules that are not the house style, so that the examples stay short. */
const ESSENTIAL = ['--foreign-rules', 'essential'];

test('a finding reads as the error of a compiler: place, object, field, why, what to do', async () => {
  const cwd = folderWith({ 'yaml/chat.yaml': BROKEN });
  const { code, stdout, stderr } = await runCli(['check', 'yaml'], { cwd });
  expect(code).toBe(1);
  expect(stdout)
    .toBe(`yaml/chat.yaml:7:3: error: Deployment llm/chat: spec.replicas is "2"; it must be a whole number [schema]
    7 |   replicas: "2"
      |   ^^^^^^^^
  why: The API server refuses the object, or drops the field without a word.

yaml/chat.yaml:16:11: error: Deployment llm/chat: spec.template.spec.containers[0].imagee is not a known field. Did you mean image? [schema]
   16 |           imagee: registry.example.com/chat:1
      |           ^^^^^^
  why: The API server refuses the object, or drops the field without a word.
`);
  expect(stderr).toBe('2 findings in 1 of 1 file; 1 object, Kubernetes 1.31.\n');
});

test('a broken rule comes with the way to excuse an object from it', async () => {
  const cwd = folderWith({ 'pod.yml': POD });
  const { code, stdout } = await runCli(['check', 'pod.yml', ...ESSENTIAL], { cwd });
  expect(code).toBe(1);
  expect(stdout).toContain('pod.yml:7:7: error: Pod llm/one: spec.containers[0].image ');
  expect(stdout).toMatch(/\n\nWhere a rule is wrong for an object, .*skip-checks.*\n$/);
});

test('nothing is printed where nothing is found', async () => {
  const cwd = folderWith({ 'a.yaml': CONFIG_MAP });
  expect(await runCli(['check', '.', ...ESSENTIAL], { cwd })).toEqual({
    code: 0,
    stdout: '',
    stderr: 'Nothing found in 1 file; 1 object, Kubernetes 1.31.\n',
  });
  expect((await runCli(['check', '.', '--quiet', ...ESSENTIAL], { cwd })).stderr).toBe('');
});

test('JSON has the same findings for scripts', async () => {
  const cwd = folderWith({ 'chat.yaml': BROKEN });
  const { code, stdout } = await runCli(['check', '.', '--format', 'json'], { cwd });
  const report = JSON.parse(stdout);
  expect(code).toBe(1);
  expect(report).toMatchObject({ version: 1, kubernetesVersion: '1.31', files: 1, objects: 1 });
  expect(report.findings).toHaveLength(2);
  expect(report.findings[0]).toEqual({
    rule: 'schema',
    severity: 'error',
    file: 'chat.yaml',
    line: 7,
    column: 3,
    object: 'Deployment llm/chat',
    field: 'spec.replicas',
    message: 'spec.replicas is "2"; it must be a whole number',
    why: 'The API server refuses the object, or drops the field without a word.',
  });
});

test('the Kubernetes version decides which fields may be used', async () => {
  const image = POD.replace(':latest', ':1').concat(
    '  volumes:\n    - name: m\n      image: { reference: registry.example.com/m:1 }\n',
  );
  const cwd = folderWith({ 'pod.yaml': image });
  const findingsAt = async (version: string) => {
    const { stdout } = await runCli(['check', '.', '--format=json', '--kubernetes-version', version], {
      cwd,
    });
    const { findings } = JSON.parse(stdout) as { findings: { rule: string; field: string }[] };
    return findings.filter(({ rule, field }) => rule === 'schema' && field.includes('volumes')).length;
  };
  expect([await findingsAt('1.30'), await findingsAt('1.36')]).toEqual([1, 0]);
});

test('objects of others are excused from the house style on request', async () => {
  const cwd = folderWith({ 'pod.yaml': POD });
  const rules = async (...flags: string[]) => {
    const { stdout } = await runCli(['check', '.', '--format=json', ...flags], { cwd });
    return (JSON.parse(stdout) as { findings: { rule: string }[] }).findings.map(({ rule }) => rule);
  };
  const [all, essential] = [await rules(), await rules(...ESSENTIAL)];
  expect(all).toContain('pod-hardening');
  expect(essential).not.toContain('pod-hardening');
  expect(all).toEqual(expect.arrayContaining(essential));
});

test('standard input is checked by the name -', async () => {
  const { code, stdout } = await runCli(['check', '-'], { stdin: BROKEN });
  expect(code).toBe(1);
  expect(stdout).toContain('<stdin>:7:3: error: Deployment llm/chat: ');
});

test('all files are one set: what has the name of another is told with its place', async () => {
  const cwd = folderWith({ 'a/a.yaml': CONFIG_MAP, 'b.yaml': `---\n${CONFIG_MAP}` });
  const { stdout } = await runCli(['check', '.', ...ESSENTIAL], { cwd });
  expect(stdout).toContain('b.yaml:4:');
  expect(stdout).toContain('from a/a.yaml:1. ');
});

test('the elements of a List are objects with places of their own', async () => {
  const list = `apiVersion: v1\nkind: List\nitems:\n  - ${CONFIG_MAP.trim().replace(/\n/g, '\n    ')}\n    immutable: "no"\n`;
  const cwd = folderWith({ 'list.yaml': list });
  const { stdout, stderr } = await runCli(['check', '.', ...ESSENTIAL], { cwd });
  expect(stdout).toContain(
    'list.yaml:8:5: error: ConfigMap llm/a: immutable is "no"; it must be true or false',
  );
  expect(stderr).toContain('1 object,');
});

test('a resource that render would refuse is told with the field that is wrong', async () => {
  const cwd = folderWith({
    'models.yaml': koldun('qwen').replace('sourceUrl', 'sourceURL').replace('Power: 2', 'Power: two'),
    'right.yaml': koldun('other'),
  });
  const { code, stdout } = await runCli(['check', '.', ...ESSENTIAL], { cwd });
  expect(code).toBe(1);
  expect(stdout).toContain('models.yaml:5:3: error: Model llm/qwen: spec.sourceURL is ');
  expect(stdout).toContain('Did you mean sourceUrl? [resource]\n    5 |   sourceURL: https://');
  expect(stdout).toMatch(
    /models\.yaml:\d+:3: error: Dllama llm\/qwen-topology: spec\.replicaPower is 'two'; allowed: /,
  );
  expect(stdout).not.toContain('right.yaml');
});

test('what is no object, and what is no YAML, is told and hides nothing else', async () => {
  const cwd = folderWith({
    'a.yaml': 'replicas: 1\n',
    'b.yaml': 'a: {{ .Values.a }}\n',
    'c.yaml': BROKEN,
    'kustomization.yaml':
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [c.yaml]\n',
    'notes.txt': '{',
    '.hidden/d.yaml': '{',
    'node_modules/d.yaml': '{',
  });
  const { code, stdout } = await runCli(['check', '.'], { cwd });
  expect(code).toBe(1);
  const places = stdout.split('\n').filter((line) => / error: /.test(line));
  expect(places.map((line) => line.split(' ')[0])).toEqual(
    expect.arrayContaining(['a.yaml:1:1:', 'c.yaml:7:3:', 'c.yaml:16:11:']),
  );
  expect(places.find((line) => line.startsWith('b.yaml:1:'))).toContain('render it first');
  expect(places.filter((line) => /kustomization|\.hidden|node_modules/.test(line))).toEqual([]);
});

test.each([
  ['nowhere', 'nowhere does not exist.'],
  ['empty', 'empty has no file that ends in .yaml or .yml.'],
])('a place without files, %s, is an error of the command line', async (place, message) => {
  const cwd = folderWith({ 'empty/notes.txt': '' });
  const ran = await runCli(['check', place], { cwd });
  expect(ran).toEqual({ code: 2, stdout: '', stderr: `cdk8s-llm check: ${message}\n` });
});

test('a file that is named twice, or by a link in a folder, is read as it should', async () => {
  const cwd = folderWith({ 'data/a.yaml': CONFIG_MAP });
  fs.symlinkSync('data', path.join(cwd, 'current'));
  const files = async (...names: string[]) => {
    const { stdout } = await runCli(['check', ...names, '--format', 'json'], { cwd });
    return (JSON.parse(stdout) as { files: number }).files;
  };
  expect(await files('data', 'data/a.yaml')).toBe(1);
  expect(await files('.')).toBe(2);
});

describe('on a terminal', () => {
  const many = () => folderWith({ 'a.yaml': BROKEN });

  test.each([
    [{}, [], true],
    [{ CI: 'true' }, [], false],
    [{ NO_COLOR: '1' }, [], false],
    [{ TERM: 'dumb' }, [], false],
    [{}, ['--quiet'], false],
  ])('progress is shown and removed; with %j %j: %s', async (env, flags, isShown) => {
    const { stderr } = await runCli(['check', '.', ...flags], { cwd: many(), env, isTTY: true });
    expect(stderr.includes('\r\x1b[KReading a.yaml (1 of 1)\r\x1b[K')).toBe(isShown);
    if (!isShown) expect(stderr).not.toContain('\x1b');
  });

  test.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ])('errors are red, with %j: %s', async (env, isRed) => {
    const { stdout } = await runCli(['check', '.'], { cwd: many(), env, isTTY: true });
    expect(stdout.includes('\x1b[1;31merror:\x1b[0m')).toBe(isRed);
  });
});
