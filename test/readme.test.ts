import * as fs from 'node:fs';
import * as path from 'node:path';
import { Construct } from 'constructs';
import * as library from '../src';
import { PhasedApp } from '../src';
import { blocks, deadLinks, projectWith, synthesize } from './support/documents';
import { differences, filesIn, REPOSITORY, tree } from './support/folders';
import { README, README_PROGRAM } from './support/readme';

const { scripts, engines } = JSON.parse(fs.readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  engines: { node: string };
};

describe('the example', () => {
  test('writes the files that the page shows', () => {
    const project = projectWith({ 'program.ts': README_PROGRAM });
    const outdir = synthesize(project, 'program.ts');
    const shown = [...README.matchAll(/^ {4}([\w./-]+\.k8s\.yaml) /gm)].map(
      ([, file]) => `qwen3-1.7b/${file}`,
    );
    expect(shown.length).toBeGreaterThan(0);
    expect(filesIn(outdir)).toEqual(['README.md', ...shown]);
    // As the first of the examples has it, but for the licence, which it names.
    const withoutLicence = (folder: string) =>
      Object.fromEntries(
        Object.entries(tree(folder)).map(([file, text]) => [
          file,
          text.replace(/^.*cdk8s-llm\/licence.*\n/gm, ''),
        ]),
      );
    const [ours, theirs] = [path.join(REPOSITORY, 'dist'), outdir].map((folder) =>
      withoutLicence(path.join(folder, 'qwen3-1.7b')),
    );
    expect(differences(ours, theirs)).toEqual([]);
  }, 120_000);

  test('says what the objects of each phase are', () => {
    for (const phase of ['download', 'convert', 'serve']) {
      expect(README).toMatch(new RegExp(`\\d0-${phase}/${phase}\\.k8s\\.yaml +\\S`));
    }
  });
});

test('it names every construct', () => {
  const constructs = Object.entries(library).flatMap(([name, value]) =>
    typeof value === 'function' && value.prototype instanceof Construct ? [name] : [],
  );
  expect(constructs).toContain('ModelCache');
  expect(constructs.filter((name) => !README.includes(`\`${name}\``))).toEqual(['PhasedApp', 'Pipeline']);
});

describe('what the cluster must have', () => {
  test('is the oldest version of Kubernetes that is accepted', () => {
    const [, oldest] = /Kubernetes 1\.(\d+) or newer/.exec(README)!;
    expect(() => new PhasedApp({ kubernetesVersion: `1.${oldest}` })).not.toThrow();
    expect(() => new PhasedApp({ kubernetesVersion: `1.${Number(oldest) - 1}` })).toThrow(
      'kubernetesVersion',
    );
  });

  test('is what the page about servers says', () => {
    const serving = fs.readFileSync(path.join(REPOSITORY, 'docs/serving.md'), 'utf8');
    const told = README.match(/(Gateway API|KEDA|HTTP add-on) \d+\.\d+/g)!;
    expect(told).toHaveLength(3);
    for (const version of told) expect(serving).toContain(`${version} or newer`);
  });
});

describe('the commands', () => {
  const commands = README.match(/npm (run [\w:]+|test)/g) ?? [];

  test.each([...new Set(commands)])('%s is one of package.json', (command) => {
    expect(scripts).toHaveProperty([command.replace(/^npm (run )?/, '')]);
  });

  test('are two, after which everything is installed, synthesized and tested', () => {
    const [first] = blocks(README, 'sh');
    const lines = first.split('\n').flatMap((line) => line.replace(/ *#.*/, '') || []);
    expect(lines).toEqual(['npm ci && npm run synth', 'npm ci && npm test']);
    expect(scripts.synth).toContain('cdk8s synth');
  });

  test('need the version of Node that package.json asks for', () => {
    expect(README).toContain(`Node ${/[\d.]+/.exec(engines.node)![0].replace(/\.0$/, '')}`);
  });
});

test('every file that it links to is there', () => {
  expect(README).toContain('](dist/)');
  expect(deadLinks(README)).toEqual([]);
});

test('the files that it applies by kubectl are in dist/', () => {
  const applied = [...README.matchAll(/`(?:kubectl apply -f )?(dist\/gitops\/[\w./-]+)`/g)].map(
    ([, file]) => file,
  );
  expect(applied).toHaveLength(3);
  for (const file of applied) expect(fs.existsSync(path.join(REPOSITORY, file))).toBe(true);
});
