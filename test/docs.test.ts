import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { checkObjects, formatViolations } from '../src/validation/check';
import type { KubeObject } from '../src/validation/kube-object';
import { changedCheckout } from './checkout/stand';
import { blocks, deadLinks, program, projectWith, typeErrors } from './support/documents';
import { filesIn, REPOSITORY } from './support/folders';
import { ofKind, podSpec, the } from './support/objects';
import { README, README_PROGRAM } from './support/readme';
import { parseYaml } from './phases/synth/parse-yaml';

const DOCS = path.join(REPOSITORY, 'docs');
const pages = fs.readdirSync(DOCS).filter((file) => file.endsWith('.md'));
const textOf = (page: string) => fs.readFileSync(path.join(DOCS, page), 'utf8');

/** A page is one program, told in pieces: what a block declares, the blocks after it use. */
const programOf = (page: string) => program(blocks(textOf(page), 'ts').join('\n'));
const withCode = pages.filter((page) => programOf(page) !== '');

/** What the program of a page finds beside it. */
const BESIDE: Record<string, (project: string) => void> = {
  'vllm-checkout.md': (project) => fs.symlinkSync(changedCheckout(), path.join(project, 'vllm')),
};

/** Runs a program in this process, as each start of another takes seconds; returns the folder that it wrote to. */
function run(page: string, text = programOf(page)): string {
  const project = projectWith({ 'page.ts': text });
  BESIDE[page]?.(project);
  const outdir = path.join(project, 'dist');
  const before = process.cwd();
  process.env.CDK8S_OUTDIR = outdir;
  process.chdir(project);
  const warnings = jest.spyOn(console, 'warn').mockReturnValue();
  try {
    jest.requireActual(path.join(project, 'page.ts'));
  } finally {
    warnings.mockRestore();
    process.chdir(before);
    delete process.env.CDK8S_OUTDIR;
  }
  return outdir;
}

/** All objects but ConfigMaps, as programs take long to be parsed. */
function objectsIn(outdir: string): KubeObject[] {
  const documents = filesIn(outdir)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => fs.readFileSync(path.join(outdir, file), 'utf8').split(/^---\n/m));
  const others = documents.filter((document) => !/^kind: ConfigMap$/m.test(document));
  return parseYaml(others.join('---\n')) as KubeObject[];
}

/** Hashes in names are other ones with each change of a program that they are of. */
const withoutHashes = (text: string) => text.replace(/-[0-9a-f]{8}\b/g, '-HASH');

test('there are pages with code', () => expect(withCode.length).toBeGreaterThan(0));

test('all code compiles, that of the README too', () => {
  const programs = withCode.map((page) => [page.replace('.md', '.ts'), programOf(page)]);
  expect(typeErrors({ ...Object.fromEntries(programs), 'README.ts': README_PROGRAM })).toBe('');
}, 240_000);

describe.each(withCode)('%s', (page) => {
  const text = textOf(page);

  test('synthesizes, and what it shows of the output is so', () => {
    const outdir = run(page);
    const files = filesIn(outdir);
    expect(files.filter((file) => file.endsWith('.k8s.yaml')).length).toBeGreaterThan(0);
    for (const shown of shownFiles(text)) expect(files).toEqual(shown);
    for (const { file, objects } of shownObjects(text)) {
      expect(parseYaml(fs.readFileSync(path.join(outdir, file), 'utf8'))).toEqual(
        expect.arrayContaining(objects),
      );
    }
    for (const shown of shownDryRuns(text)) {
      expect(withoutHashes(dryRun(outdir))).toBe(withoutHashes(shown));
    }
    const objects = objectsIn(outdir);
    for (const { kind, name } of namedObjects(text)) {
      expect(objects.map(identityOf)).toContain(`${kind}/${name}`);
    }
    for (const selector of selectors(text)) {
      expect(objects.filter((object) => isSelected(object, selector))).not.toEqual([]);
    }
    // What is in no pipeline has passed no checks yet.
    for (const file of files.filter((each) => /^[^/]+\.k8s\.yaml$/.test(each))) {
      expect(brokenRules(fs.readFileSync(path.join(outdir, file), 'utf8'))).toBe('');
    }
  }, 120_000);
});

test('objects that a page has others write are right', () => {
  const shown = pages
    .flatMap((page) => blocks(textOf(page), 'yaml'))
    .filter((block) => block.startsWith('apiVersion:'));
  expect(shown.length).toBeGreaterThan(0);
  expect(shown.map(brokenRules).join('')).toBe('');
});

test('pages show what is compared with their output', () => {
  const finders: ((text: string) => unknown[])[] = [
    shownFiles,
    shownObjects,
    shownDryRuns,
    namedObjects,
    selectors,
  ];
  const shown = finders.map((find) => pages.flatMap((page) => find(textOf(page))));
  expect(shown.filter((found) => found.length < 2)).toEqual([]);
});

/** Rules that the objects of a YAML text break, whoever wrote it. */
function brokenRules(text: string): string {
  const objects = (parseYaml(text) as KubeObject[]).map((object) => ({ object, where: object.kind }));
  const violations = checkObjects(objects, { kubernetesVersion: '1.36', foreignRules: 'essential' });
  return violations.length > 0 ? formatViolations(violations) : '';
}

/** Listings of the output: lines that begin with a path of it. */
function shownFiles(text: string): string[][] {
  return blocks(text, 'text')
    .filter((block) => block.startsWith('dist/'))
    .map((block) => [...block.matchAll(/^dist\/(\S+)/gm)].map(([, file]) => file));
}

/** Parts of files of the output: blocks whose first line is a comment with the file's path. */
function shownObjects(text: string): { file: string; objects: unknown[] }[] {
  return blocks(text, 'yaml').flatMap((block) => {
    const [, file] = /^# dist\/(\S+)\n/.exec(block) ?? [];
    return file ? [{ file, objects: parseYaml(block) }] : [];
  });
}

const shownDryRuns = (text: string) => blocks(text, 'text').filter((block) => /would be applied/.test(block));

/** What apply.sh says of a cluster without anything. */
function dryRun(outdir: string): string {
  const apply = path.join(outdir, 'gitops/kubectl/apply.sh');
  const env = { ...process.env, KUBECTL: 'true' };
  return execFileSync(apply, ['--dry-run'], { encoding: 'utf8', env });
}

const NAMED =
  /\b(deployment|statefulset|service|persistentvolumeclaim|kustomization|application)\/(?!json)([\w.-]+)/g;

/** What commands name as `kind/name`. */
function namedObjects(text: string): { kind: string; name: string }[] {
  return [...blocks(text, 'sh').join('\n').matchAll(NAMED)].map(([, kind, name]) => ({ kind, name }));
}

const identityOf = ({ kind, metadata }: KubeObject) => `${kind.toLowerCase()}/${metadata.name}`;

/** What commands select by, each as its labels. */
function selectors(text: string): string[][] {
  const found = blocks(text, 'sh')
    .join('\n')
    .matchAll(/ -l '?([a-z][\w./-]*=[\w.-]+(?:,[\w./-]+=[\w.-]+)*)/g);
  return [...found].map(([, selector]) => selector.split(','));
}

function isSelected({ metadata }: KubeObject, selector: string[]): boolean {
  return selector.every((each) => {
    const [label, value] = each.split('=');
    return metadata.labels?.[label] === value;
  });
}

describe('the change of the first model', () => {
  const page = 'first-model.md';
  const [change] = blocks(textOf(page), 'diff');

  /** The lines of one side of the change. */
  const side = (sign: '-' | '+') =>
    change
      .split('\n')
      .filter((line) => line.startsWith(sign))
      .map((line) => line.slice(1))
      .join('\n');

  test('is one of its program, and changes what the page says', () => {
    const before = programOf(page);
    expect(before).toContain(side('-'));
    const [old, changed] = [before, before.replace(side('-'), side('+'))].map((text) => run(page, text));
    const [objects, changedObjects] = [old, changed].map(objectsIn);
    const [names, changedNames] = [objects, changedObjects].map((each) => each.map(identityOf));
    const jobs = names.filter((name) => name.startsWith('job/'));
    expect(jobs).toHaveLength(3);
    // The service of the smoke test asks pods of one version.
    const renamed = names.filter((name) => !changedNames.includes(name));
    expect(renamed.filter((name) => !name.includes('smoke-test')).sort()).toEqual(
      jobs.filter((name) => !name.includes('smoke-test')).sort(),
    );
    expect(jobs.filter((name) => changedNames.includes(name))).toEqual([]);
    const claims = ofKind(objects, 'PersistentVolumeClaim');
    expect(claims).toHaveLength(1);
    expect(ofKind(changedObjects, 'PersistentVolumeClaim')).toEqual(claims);
    const { args } = podSpec(the(changedObjects, 'Deployment')).containers[0];
    expect(args.join(' ')).toMatch(/qwen3-1\.7b.* --alias assistant /);
  }, 120_000);
});

test('the README leads to every page', () => {
  expect(pages.filter((page) => !README.includes(`](docs/${page})`))).toEqual([]);
});

test.each(pages)('%s links to files and sections that are there', (page) => {
  expect(deadLinks(textOf(page), DOCS)).toEqual([]);
  const targets = [...textOf(page).matchAll(/\]\(([\w.-]+\.md)?#([^)]+)\)/g)];
  const missing = targets.filter(([, to = page, section]) => !sections(textOf(to)).includes(section));
  expect(missing.map(([link]) => link)).toEqual([]);
});

/** The sections of a page, as links name them. */
function sections(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  );
}
