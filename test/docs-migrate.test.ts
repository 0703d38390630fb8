import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { KubeObject } from '../src/validation/kube-object';
import { readDocuments } from '../src/validation/yaml-documents';
import { folderWith, runCli } from './cli/run-cli';
import { blocks } from './support/documents';
import { filesIn, REPOSITORY } from './support/folders';

/** The pages by system: what they show of inputs and outputs is what the commands read and give. */

const DOCS = path.join(REPOSITORY, 'docs');
const SYSTEMS = ['ai-operator', 'dynamo-model', 'k8shazgpu', 'koldun', 'modelserve'];
const textOf = (page: string) => fs.readFileSync(path.join(DOCS, `${page}.md`), 'utf8');

/** The files of a page: YAML whose first line is a comment with the name. */
function filesOf(text: string): Record<string, string> {
  const named = blocks(text, 'yaml').flatMap((block) => {
    const [, name] = /^# ([\w.-]+)\n/.exec(block) ?? [];
    return name ? [[name, block]] : [];
  });
  return Object.fromEntries(named) as Record<string, string>;
}

interface Shown {
  readonly command: string;
  /** The lines that follow it. */
  readonly output: string;
}

const sessionOf = (text: string): Shown[] =>
  blocks(text, 'console').flatMap((block) =>
    [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command, output]) => ({ command, output })),
  );

/** Whether a text is as it is shown: `...` stands for anything, but for the beginning of another warning. */
function expectShown(output: string, shown: string): void {
  const parts = shown.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  expect(output).toMatch(new RegExp(`^(?:warning: .*\\n)*?${asLines(parts.join('[^]*?'))}$`));
}

/** Lines between which there may be warnings that are not shown. */
const asLines = (pattern: string) => pattern.replace(/\n(?=.)/g, '\n(?:warning: .*\\n)*?');

async function run(cwd: string, command: string): Promise<string> {
  const [program, ...args] = command.split(' ');
  if (command === "find dist -name '*.yaml'") {
    return filesIn(path.join(cwd, 'dist'))
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => `dist/${file}\n`)
      .join('');
  }
  expect(program).toBe('cdk8s-llm');
  // Files that answers name are found from where the command is run.
  const before = process.cwd();
  process.chdir(cwd);
  const { stdout, stderr, code } = await runCli(args, { cwd }).finally(() => process.chdir(before));
  // 3: the resources leave a question open.
  const expected = stderr.includes('nothing is written') ? 3 : 0;
  expect({ code, stderr }).toEqual({ code: expected, stderr });
  return stdout + stderr;
}

describe.each(SYSTEMS)('the page of %s', (system) => {
  const text = textOf(`migrate-${system}`);
  const files = filesOf(text);
  let cwd: string;
  beforeAll(() => (cwd = folderWith(files)));

  test('shows what its commands print', async () => {
    const session = sessionOf(text);
    expect(session.length).toBeGreaterThan(3);
    for (const { command, output } of session) expectShown(await run(cwd, command), output);
    const answers = (await runCli(['render', 'models.yaml', '-o', 'other'], { cwd })).stderr;
    const asked = [...answers.matchAll(/^ {2}(\S+): '' {2}#/gm)].map(([, question]) => question);
    expect([...files['answers.yaml'].matchAll(/^(\S+): /gm)].map(([, question]) => question)).toEqual(asked);
  });

  test('names objects that are there', () => {
    const objects = filesIn(path.join(cwd, 'dist'))
      .filter((file) => file.endsWith('.yaml'))
      .flatMap((file) => readDocuments(fs.readFileSync(path.join(cwd, 'dist', file), 'utf8')).documents)
      .map(({ value }) => value as KubeObject)
      .map(({ kind, metadata }) => `${metadata.namespace} ${kind.toLowerCase()}/${metadata.name}`);
    const named = blocks(text, 'sh')
      .join('\n')
      .matchAll(/ -n (\S+) ((?:deployment|daemonset|service)\/\S+)/g);
    for (const [, namespace, name] of named) expect(objects).toContain(`${namespace} ${name}`);
    for (const [, folder] of text.matchAll(/`dist\/([\w./-]+)\/`/g)) {
      expect(fs.existsSync(path.join(cwd, 'dist', folder))).toBe(true);
    }
  });

  test('links to the tables of its fields, and to headings that are there', () => {
    const headings = [...textOf('migrate').matchAll(/^### (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replace(/ /g, '-'),
    );
    const linked = [...text.matchAll(/migrate\.md#([\w-]+)/g)].map(([, anchor]) => anchor);
    expect(linked).not.toEqual([]);
    for (const anchor of linked) expect(headings).toContain(anchor);
    for (const [, anchor] of text.matchAll(/migrate-files\.md#([\w-]+)/g)) {
      expect(textOf('migrate-files').toLowerCase().replace(/ /g, '-')).toContain(`\n##-${anchor}\n`);
    }
  });
});

test('the pod that lists files makes files of a cache of links, and prints the sha256 of the list', () => {
  const [pod] = blocks(textOf('migrate-files'), 'yaml').flatMap((block) => readDocuments(block).documents);
  const [container] = (pod.value as KubeObject).spec.containers;
  const { FROM, TO } = Object.fromEntries(
    container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );
  const claim = folderWith({
    'models--x/blobs/1': '{}',
    'models--x/blobs/2': 'weights',
    'bin/chown': '#!/bin/sh\n[ "$*" = "-R 65532:65532 ." ]\n',
  });
  fs.chmodSync(path.join(claim, 'bin/chown'), 0o755);
  const snapshot = path.join(claim, FROM);
  fs.mkdirSync(path.join(snapshot, 'onnx'), { recursive: true });
  fs.symlinkSync(path.join(claim, 'models--x/blobs/1'), path.join(snapshot, 'config.json'));
  fs.symlinkSync(path.join(claim, 'models--x/blobs/2'), path.join(snapshot, 'onnx/model.safetensors'));

  const env = { PATH: `${path.join(claim, 'bin')}:${process.env.PATH}`, CLAIM: claim };
  const script = ['-ec', container.args[0] as string];
  const first = execFileSync('sh', script, { env: { ...env, FROM, TO }, encoding: 'utf8' });
  expect(first).toMatch(/^[0-9a-f]{64} {2}SHA256SUMS\n$/);
  expect(filesIn(path.join(claim, TO))).toEqual(['SHA256SUMS', 'config.json', 'onnx/model.safetensors']);
  expect(fs.lstatSync(path.join(claim, TO, 'config.json')).isFile()).toBe(true);
  execFileSync('sha256sum', ['--check', '--status', 'SHA256SUMS'], { cwd: path.join(claim, TO) });
  // Again, and where the folder is as it should be: the same list.
  expect(execFileSync('sh', script, { env: { ...env, FROM: TO, TO }, encoding: 'utf8' })).toBe(first);
});
