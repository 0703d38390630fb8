import { CheckedObject, checkObjects, formatViolations, KubeObject } from '../../src/validation/check';
import { checked, goodObjects } from './good-objects';

const TARGET = { kubernetesVersion: '1.31' };

test('violations are said per object, with rule, field and advice', () => {
  const good = goodObjects();
  good.foreign.spec.template.spec.containers[0].image = 'proxy:latest';
  delete good.foreign.spec.template.spec.containers[0].startupProbe;
  good.secret.data = { token: 'eA==' };
  expect(formatViolations(checkObjects(checked(good), TARGET)).split('\n')).toEqual([
    'secret: Secret web/hub',
    expect.stringMatching(/^ {2}\[no-secret-data\] data holds token; /),
    'foreign: Deployment web/proxy',
    expect.stringMatching(
      /^ {2}\[pinned-image\] spec\.template\.spec\.containers\[0\]\.image is "proxy:latest", /,
    ),
    expect.stringMatching(
      /^ {2}\[server-probes\] spec\.template\.spec\.containers\[0\]\.startupProbe is missing/,
    ),
    expect.stringContaining('by the annotation cdk8s-llm/skip-checks: "<rule>: <reason>"'),
  ]);
});

test.each([
  ['nothing', null, 'apiVersion'],
  ['a text', 'hello', 'apiVersion'],
  ['no kind', { apiVersion: 'v1', metadata: {} }, 'kind'],
  ['no metadata', { apiVersion: 'v1', kind: 'Secret' }, 'metadata'],
])('%s is no object', (_name, object, field) => {
  const violations = checkObjects([{ where: 'x.yaml', object: object as unknown as KubeObject }], TARGET);
  expect(violations).toMatchObject([{ rule: 'schema', where: 'x.yaml', field }]);
});

test('an object with a broken schema is not shown to rules, and hides no other object', () => {
  const good = goodObjects();
  good.foreign.spec.template.spec.containers = 'none';
  good.secret.data = { token: 'eA==' };
  expect(checkObjects(checked(good), TARGET)).toMatchObject([
    { rule: 'schema', where: 'foreign', field: 'spec.template.spec.containers' },
    { rule: 'no-secret-data', where: 'secret' },
  ]);
});

test('a kind without a schema is taken as it is, but for what all objects have', () => {
  const custom = (metadata: object): CheckedObject[] => [
    { where: 'x', object: { apiVersion: 'example.com/v1', kind: 'Thing', metadata, spec: { any: [1] } } },
  ];
  expect(checkObjects(custom({ name: 'a' }), TARGET)).toEqual([]);
  expect(checkObjects(custom({ name: 'a', labels: { x: 1 } }), TARGET)).toMatchObject([
    { rule: 'schema', field: 'metadata.labels' },
  ]);
  expect(checkObjects(custom({ name: 'A' }), TARGET)).toMatchObject([{ rule: 'valid-name' }]);
});

test("somebody else's Application may have fields that we do not write", () => {
  const good = goodObjects();
  good.application.spec.source.helm = { valueFiles: ['a.yaml'] };
  expect(checkObjects(checked(good), TARGET)).toMatchObject([{ rule: 'schema', field: 'spec.source.helm' }]);
  good.application.metadata.labels = {};
  expect(checkObjects(checked(good), TARGET)).toEqual([]);
});

test('objects are not changed by a check', () => {
  const good = goodObjects();
  const before = JSON.stringify(good);
  checkObjects(checked(good), TARGET);
  expect(JSON.stringify(good)).toBe(before);
});

test('the work grows with the number of objects, not with its square', () => {
  // A thousand pipelines in one namespace: what selects what must not be tried pair by pair.
  const set = (size: number): CheckedObject[] =>
    Array.from({ length: size }, (_unused, index) => {
      const { foreign, foreignPolicy } = goodObjects();
      const app = `proxy-${index}`;
      foreign.metadata.name = foreignPolicy.metadata.name = app;
      foreign.spec.selector.matchLabels = { app };
      foreign.spec.template.metadata.labels = { app };
      foreignPolicy.spec.podSelector = { matchLabels: countedLabels({ app }) };
      return [foreign, foreignPolicy].map((object) => ({ where: app, object }));
    }).flat();
  let looks = 0;
  const countedLabels = (labels: Record<string, string>) =>
    new Proxy(labels, {
      get: (target, key: string) => {
        looks += 1;
        return target[key];
      },
    });
  const looksFor = (size: number) => {
    looks = 0;
    expect(checkObjects(set(size), TARGET)).toEqual([]);
    return looks;
  };
  expect(looksFor(400)).toBeLessThan(5 * looksFor(100));
});
