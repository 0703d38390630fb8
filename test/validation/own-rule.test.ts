import * as fs from 'node:fs';
import * as path from 'node:path';
import { ApiObject, Chart } from 'cdk8s';
import { IRule, LlmValidation, PhasedApp, RuleFinding, RuleObject } from '../../src';
import { checkObjects } from '../../src/validation/check';
import { cache } from '../support/models';
import { temporaryFolder } from '../support/folders';
import { checked, goodObjects } from './good-objects';

/** Every pod is of a priority class. */
const PRIORITY: IRule = {
  id: 'acme/priority',
  why: 'A pod without a priority class is ended first.',
  check: (objects) =>
    objects.flatMap((object) =>
      object.pods
        .filter(({ spec }) => spec.priorityClassName === undefined)
        .map(({ field }) => ({ object, field: `${field}.priorityClassName`, message: 'is missing' })),
    ),
};

/** An app with a download, whose Job has `annotations`. */
function app(rules: IRule[], annotations: Record<string, string> = {}): PhasedApp {
  const made = new PhasedApp({ outdir: temporaryFolder(), rules });
  const pipeline = made.pipeline('qwen', { namespace: 'llm' });
  cache(pipeline.download);
  for (const child of pipeline.node.findAll()) {
    if (!ApiObject.isApiObject(child) || child.kind !== 'Job') continue;
    Object.entries(annotations).forEach(([name, value]) => child.metadata.addAnnotation(name, value));
  }
  return made;
}

const waived = (text: string) => ({ 'cdk8s-llm/skip-checks': text });
const returning = (finding: unknown): IRule => ({
  ...PRIORITY,
  check: () => [finding as RuleFinding],
});

test('what breaks a rule of the user is not written, and the error names rule, object, field and what to do', () => {
  const broken = app([PRIORITY]);
  expect(() => broken.synth()).toThrow(
    /^qwen\/download\/.*: Job llm\/qwen-weights-\w+\n {2}\[acme\/priority\] spec\.template\.spec\.priorityClassName is missing\nWhere a rule is wrong/,
  );
  expect(fs.readdirSync(broken.outdir)).toEqual([]);
});

test('an object is excused from it by the annotation with a reason, which the README tells', () => {
  const excused = app([PRIORITY], waived('acme/priority: the download may wait'));
  excused.synth();
  const readme = fs.readFileSync(path.join(excused.outdir, 'README.md'), 'utf8');
  expect(readme).toMatch(/`acme\/priority`\s+\| the download may wait/);
});

test.each([
  ['acme/priorities: it may wait', /names "acme\/priorities", which is no rule; there is acme\/priority/],
  ['acme/priority', /waives acme\/priority without a reason/],
])('a waiver %j is refused', (text, message) => {
  expect(() => app([PRIORITY], waived(text)).synth()).toThrow(message);
});

test('a waiver of a rule that is known elsewhere is left alone: by `cdk8s-llm check`, or in another app', () => {
  const good = goodObjects();
  good.foreign.metadata.annotations = waived('acme/priority: it may wait');
  expect(checkObjects(checked(good), { kubernetesVersion: '1.31' })).toEqual([]);
});

test('a rule sees all objects of one pipeline at once, and changes none', () => {
  const seen: string[][] = [];
  const made = app([
    {
      ...PRIORITY,
      check: (objects: RuleObject[]) => {
        seen.push(objects.map(({ kind, namespace, isOurs }) => `${kind} ${namespace} ${isOurs}`));
        for (const object of objects) {
          object.manifest.metadata.name = 'defaced';
          object.labels.defaced = 'yes';
          object.pods.forEach(({ spec }) => (spec.hostNetwork = true));
        }
        return [];
      },
    },
  ]);
  const others = new Chart(made, 'others');
  new ApiObject(others, 'settings', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'web' } });
  made.synth();
  const kinds = ['ConfigMap', 'Job', 'NetworkPolicy', 'PersistentVolumeClaim'].map(
    (kind) => `${kind} llm true`,
  );
  expect(seen.map((objects) => [...objects].sort())).toEqual([kinds, ['ConfigMap web false']]);
  const text = fs.readFileSync(path.join(made.outdir, 'qwen/10-download/download.k8s.yaml'), 'utf8');
  expect(text).not.toMatch(/defaced|hostNetwork/);
});

test('a subclass of the plugin gives rules to `cdk8s synth`', async () => {
  class AcmeValidation extends LlmValidation {
    constructor(properties: object = {}) {
      super({ ...properties, foreignRules: 'essential', rules: [PRIORITY] });
    }
  }
  const found: unknown[] = [];
  await new AcmeValidation({ kubernetesVersion: '1.31' }).validate({
    manifests: ['all.yaml'],
    parseManifest: () => Object.values(goodObjects()),
    report: { addViolation: (violation: unknown) => found.push(violation), submit: () => undefined },
  });
  expect(found).toContainEqual({
    ruleName: 'acme/priority',
    recommendation: PRIORITY.why,
    fix: 'spec.template.spec.priorityClassName is missing',
    violatingResources: [
      {
        resourceName: 'Deployment web/proxy',
        manifestPath: 'all.yaml',
        locations: ['spec.template.spec.priorityClassName'],
      },
    ],
  });
});

test.each<[string, unknown, RegExp]>([
  ['no rule', [null], /PhasedApp: 'rules\[0\]' is null; allowed: an IRule: an object with id, why and check/],
  ['no list', PRIORITY, /PhasedApp: 'rules' is .*; allowed: a list/],
  ['an id like one of ours', [{ ...PRIORITY, id: 'pinned-image' }], /'rules\[0\]\.id' is 'pinned-image'/],
  ['no reason', [{ ...PRIORITY, why: ' ' }], /'rules\[0\]\.why' is ' '; allowed: a sentence/],
  ['one id twice', [PRIORITY, PRIORITY], /'rules' is 'acme\/priority'; allowed: each rule once/],
])('%s is refused', (_name, rules, message) => {
  expect(() => new PhasedApp({ rules: rules as IRule[] })).toThrow(message);
});

test.each<[string, IRule, RegExp]>([
  ['no list', { ...PRIORITY, check: () => undefined as never }, /acme\/priority: 'what check returns' is/],
  ['nothing', returning(null), /one of those that check was given/],
  ['a text', returning('broken'), /one of those that check was given/],
  ['no object', returning({ message: 'is wrong' }), /allowed: one of those that check was given/],
  [
    'an object of its own',
    returning({ object: {}, message: 'is wrong' }),
    /one of those that check was given/,
  ],
])('a rule that finds %s is said to', (_name, rule, message) => {
  expect(() => app([rule]).synth()).toThrow(message);
});

test.each<[object, RegExp]>([
  [{ message: '' }, /'message of a finding' is ''/],
  [{ message: 'is wrong', field: 1 }, /'field of a finding' is 1; allowed: a text/],
])('a finding %j is refused', (finding, message) => {
  const rule: IRule = { ...PRIORITY, check: ([object]) => [{ object, ...finding } as RuleFinding] };
  expect(() => app([rule]).synth()).toThrow(message);
});
