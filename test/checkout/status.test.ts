import * as fs from 'node:fs';
import * as path from 'node:path';
import { Yaml } from 'cdk8s';
import type { KubeObject } from '../../src/validation/kube-object';
import { blocks, program, projectWith, synthesize } from '../support/documents';
import { filesIn, REPOSITORY } from '../support/folders';
import { ofKind } from '../support/objects';
import { changedCheckout } from './stand';

const page = fs.readFileSync(path.join(REPOSITORY, 'docs/vllm-checkout.md'), 'utf8');

/** A command of the page that asks by labels. */
interface Command {
  readonly text: string;
  readonly kinds: string[];
  readonly labels: Record<string, string>;
}

const commands = blocks(page, 'sh')
  .join('\n')
  .split('\n')
  .filter((line) => line.startsWith('kubectl '))
  .map((text): Command => {
    const [, verb, kinds] = text.split(' ');
    const selector = / -l (\S+)/.exec(text)?.[1] ?? '';
    const labels = Object.fromEntries(selector.split(',').map((each) => each.split('=') as [string, string]));
    return { text, kinds: verb === 'logs' ? ['pods'] : kinds.split(','), labels };
  });

/** `configmaps` of `ConfigMap`. */
const plural = (kind: string) => `${kind.toLowerCase().replace(/y$/, 'ie')}s`;

/** What Kubernetes makes of an object, which has the labels of its template. */
const MADE: Record<string, string> = {
  Job: 'pods',
  Deployment: 'pods',
  DaemonSet: 'pods',
  ResourceClaimTemplate: 'resourceclaims',
};

let objects: KubeObject[];
beforeAll(() => {
  const project = projectWith({ 'page.ts': program(blocks(page, 'ts').join('\n')) });
  fs.symlinkSync(changedCheckout(), path.join(project, 'vllm'));
  const outdir = synthesize(project, 'page.ts');
  objects = filesIn(outdir)
    .filter((file) => file.endsWith('.k8s.yaml'))
    .flatMap((file) => Yaml.load(path.join(outdir, file)) as KubeObject[]);
}, 120_000);

/** The objects that a command lists, or whose pods or claims it lists. */
function selected({ kinds, labels }: Command): KubeObject[] {
  const has = (given: Record<string, string> = {}) =>
    Object.entries(labels).every(([name, value]) => given[name] === value);
  return objects.filter(({ kind, metadata, spec }) => {
    if (kinds.includes(plural(kind)) && has(metadata.labels)) return true;
    const template = kind === 'ResourceClaimTemplate' ? spec : spec?.template;
    return kinds.includes(MADE[kind]) && has(template?.metadata?.labels);
  });
}

const named = (list: KubeObject[]) => list.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

/** What a construct has made: all of it is named after it. */
const ofInstance = (instance: string) =>
  objects.filter(({ metadata: { name = '' } }) => name === instance || name.startsWith(`${instance}-`));

test('the page has commands for pods, claims, caches, logs and the end', () => {
  const texts = commands.map(({ text }) => text).join('\n');
  for (const what of ['get pods', 'get resourceclaims', 'node-cache', 'kubectl logs', 'kubectl delete']) {
    expect(texts).toContain(what);
  }
});

test.each(commands)('selects what it says: $text', (command) => {
  const { kinds, labels } = command;
  const instance = labels['app.kubernetes.io/instance'];
  const all =
    instance !== undefined
      ? ofInstance(instance)
      : labels['app.kubernetes.io/name'] === 'node-cache'
        ? ofInstance('opt-nodes')
        : ['latency', 'mine', 'unit-tests', 'throughput'].flatMap((id) => ofInstance(`opt-${id}`));
  const expected = all.filter(({ kind }) => kinds.includes(plural(kind)) || kinds.includes(MADE[kind]));
  expect(expected).not.toEqual([]);
  expect(named(selected(command))).toEqual(named(expected));
  for (const kind of kinds) {
    expect(expected.some((object) => plural(object.kind) === kind || MADE[object.kind] === kind)).toBe(true);
  }
  expect(command.text).toContain(' -n llm ');
});

test.each(['opt-latency', 'opt-mine'])('nothing of %s is left out', (instance) => {
  const [command] = commands.filter(
    ({ text, kinds }) => text.includes(`instance=${instance}`) && kinds.includes('configmaps'),
  );
  expect(named(selected(command))).toEqual(named(ofInstance(instance)));
});

test('what is deleted of a run is all of it', () => {
  const [command] = commands.filter(({ text }) => text.startsWith('kubectl delete '));
  expect(named(selected(command))).toEqual(named(ofInstance('opt-latency')));
});

test('the containers whose logs are asked for are there', () => {
  const names = ofKind(objects, 'Job')
    .filter(({ metadata }) => metadata.name?.startsWith('opt-latency-'))
    .flatMap(({ spec }) => [...spec.template.spec.initContainers, ...spec.template.spec.containers])
    .map(({ name }: { name: string }) => name);
  for (const { text } of commands.filter((each) => each.text.startsWith('kubectl logs'))) {
    expect(names).toContain(/ -c (\S+)/.exec(text)?.[1]);
  }
});
