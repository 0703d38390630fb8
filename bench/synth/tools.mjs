// What makes, or reads, the files of a number of pipelines.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where they work; ignored by git. */
export const WORK = fileURLToPath(new URL('../.work/synth', import.meta.url));

/** A script of this folder as a command. */
export function script(name, ...args) {
  return [process.execPath, fileURLToPath(new URL(name, import.meta.url)), ...args.map(String)];
}

/** Engines by which the pipelines serve; the first is that of the README's example. */
export const ENGINES = createRequire(import.meta.url)('./pipelines.cjs').ENGINES;

/** The tool that the others are compared with, and whose files kustomize reads. */
export const PHASED_APP = {
  name: 'PhasedApp, with checks',
  command: (count, engine) => script('phased.cjs', count, output('phased'), engine),
  before: () => empty('phased'),
};

export const CDK8S_APP = {
  name: 'cdk8s App',
  command: (count, engine) => script('stock.cjs', count, output('stock'), engine),
  before: () => empty('stock'),
};

const JSON_STRINGIFY = {
  name: 'JSON.stringify of ready objects',
  command: (count, engine) => script('json.mjs', count, output('json'), objectsFile(engine)),
  before: (engine) => {
    empty('json');
    const [node, ...args] = script('objects.cjs', objectsFile(engine), engine);
    execFileSync(node, args);
  },
};

const KUSTOMIZE = {
  name: 'kubectl kustomize of the YAML',
  command: () => ['kubectl', 'kustomize', '--load-restrictor=LoadRestrictionsNone', output('kustomize')],
  before: () => {
    const resources = yamlFiles('phased').map((file) => `  - ../phased/${file}\n`);
    mkdirSync(output('kustomize'), { recursive: true });
    writeFileSync(join(output('kustomize'), 'kustomization.yaml'), `resources:\n${resources.join('')}`);
  },
};

/** PhasedApp first. What reads ready objects or files does so whatever engine they are for, and is tried with one. */
export function tools(engine) {
  mkdirSync(WORK, { recursive: true });
  const readers = engine === ENGINES[0] ? [JSON_STRINGIFY, ...(hasKubectl() ? [KUSTOMIZE] : [])] : [];
  return [PHASED_APP, CDK8S_APP, ...readers];
}

/** Paths of the YAML files that a tool has written, from its folder. */
export function yamlFiles(name) {
  return readdirSync(output(name), { recursive: true }).filter((file) => file.endsWith('.k8s.yaml'));
}

/** The folder of a tool. */
export function output(name) {
  return join(WORK, name);
}

function empty(name) {
  rmSync(output(name), { recursive: true, force: true });
}

function objectsFile(engine) {
  return join(WORK, `objects-${engine}.json`);
}

function hasKubectl() {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
