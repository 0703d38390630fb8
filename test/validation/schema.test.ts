import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Yaml } from 'cdk8s';
import { checkKubernetesVersion } from '../../src/pod/kubernetes-version';
import { checkObjects, KubeObject } from '../../src/validation/check';
import { checked, Good, goodObjects, goodObjectsOf128 } from './good-objects';
import { trafficObjects } from './traffic-cases';

function schemaViolations(good: Good, kubernetesVersion = '1.31'): string[] {
  return checkObjects(checked(good), { kubernetesVersion })
    .filter((violation) => violation.rule === 'schema')
    .map(({ where, field, message }) => `${where}: ${field ?? ''} ${message}`);
}

function edited(edit: (good: Good) => void, good = goodObjects()): Good {
  edit(good);
  return good;
}

function container(object: KubeObject) {
  return object.spec.template.spec.containers[0];
}

/** What is wrong with one of the objects that lead and scale traffic, once it is edited. */
function trafficViolations(kind: string, edit: (spec: KubeObject['spec']) => void): string[] {
  return schemaViolations(
    edited((good) => {
      const object = trafficObjects().find((each) => each.kind === kind)!;
      edit(object.spec);
      (good as unknown as Record<string, KubeObject>).added1 = object;
    }),
  );
}

test.each<[string, (spec: KubeObject['spec']) => void, string]>([
  [
    'HTTPRoute',
    (spec) => (spec.hostnames = Array.from({ length: 17 }, (_, n) => `h${n}.example.com`)),
    'spec.hostnames has 17 elements; it may have at most 16',
  ],
  [
    'HTTPRoute',
    (spec) => (spec.rules[0].matches = Array(65).fill(spec.rules[0].matches[0])),
    'spec.rules[0].matches has 65 elements; it may have at most 64',
  ],
  ['HTTPRoute', (spec) => (spec.parentRefs = []), 'spec.parentRefs has 0 elements; it may have at least 1'],
  ['HTTPRoute', (spec) => (spec.rules[0].backendRefs[0].port = 0), 'port is 0; it must be at least 1'],
  [
    'HTTPRoute',
    (spec) => (spec.rules[0].backendRefs[0].weight = 2e6),
    'weight is 2000000; it must be at most 1000000',
  ],
  ['ScaledObject', (spec) => (spec.maxReplicaCount = 0), 'maxReplicaCount is 0; it must be at least 1'],
  // The API server writes them, and Argo CD would find the object changed for ever.
  [
    'HTTPRoute',
    (spec) => delete spec.rules[0].backendRefs[0].weight,
    'spec.rules[0].backendRefs[0].weight is missing; it is required',
  ],
  [
    'HTTPRoute',
    (spec) => delete spec.parentRefs[0].kind,
    'spec.parentRefs[0].kind is missing; it is required',
  ],
])('a limit or a default of a %s is that of its definition', (kind, edit, expected) => {
  expect(trafficViolations(kind, edit).join('\n')).toContain(expected);
});

test.each<[string, (good: Good) => void, string]>([
  [
    'a misspelt field',
    ({ download }) => (container(download).comand = ['x']),
    'download: spec.template.spec.containers[0].comand is not a known field. Did you mean command?',
  ],
  [
    'a number as a text',
    ({ foreign }) => (foreign.spec.replicas = '2'),
    'foreign: spec.replicas is "2"; it must be a whole number',
  ],
  [
    'a fraction',
    ({ foreign }) => (foreign.spec.replicas = 1.5),
    'foreign: spec.replicas is 1.5; it must be a whole number',
  ],
  [
    'a number where a text is due',
    ({ foreign }) => (container(foreign).env = [{ name: 'PORT', value: 80 }]),
    'foreign: spec.template.spec.containers[0].env[0].value is 80; it must be a string (in quotes, where it reads as something else)',
  ],
  [
    'null',
    ({ foreign }) => (foreign.metadata.creationTimestamp = null),
    'foreign: metadata.creationTimestamp is null; it must be a string (in quotes, where it reads as something else)',
  ],
  [
    'a field of another type',
    ({ foreign }) => (container(foreign).command = 'sh'),
    'foreign: spec.template.spec.containers[0].command is "sh"; it must be a list',
  ],
  [
    'a value that is none',
    ({ root }) => (root.spec.strategy.type = 'recreate'),
    'root: spec.strategy.type is "recreate"; allowed are "Recreate", "RollingUpdate". Did you mean "Recreate"?',
  ],
  [
    'a quantity that is none',
    ({ claim }) => (claim.spec.resources.requests.storage = '20GB'),
    'claim: spec.resources.requests.storage is "20GB"; it must be a quantity: a number with a suffix or none, such as 500m, 2, 20Gi',
  ],
  [
    'what is missing',
    ({ service }) => delete service.spec.ports[0].port,
    'service: spec.ports[0].port is missing; it is required',
  ],
  ['status', ({ root }) => (root.status = {}), 'root: status is written by the cluster; leave it out'],
  [
    'a volume that is two',
    ({ root }) => (root.spec.template.spec.volumes[0].emptyDir = {}),
    'root: spec.template.spec.volumes[0] is {"name":"models","persistentVolumeClaim":{"claimName":"qw...; it must say exactly one thing of what it can',
  ],
  [
    'an unknown field far from any other',
    ({ workerBudget }) => (workerBudget.spec.zzzzzzzzz = 1),
    'workerBudget: spec.zzzzzzzzz is not a known field; allowed are maxUnavailable, minAvailable, selector, unhealthyPodEvictionPolicy',
  ],
  [
    'a field of a custom resource',
    ({ downloadPhase }) => (downloadPhase.spec.dependson = []),
    'downloadPhase: spec.dependson is not a known field. Did you mean dependsOn?',
  ],
  [
    'a value of a custom resource',
    ({ application }) => (application.spec.syncPolicy.automated.prune = 'true'),
    'application: spec.syncPolicy.automated.prune is "true"; it must be true or false',
  ],
  [
    'a kind under an apiVersion that is not its own',
    ({ root }) => (root.apiVersion = 'extensions/v1beta1'),
    'root: apiVersion is "extensions/v1beta1"; a Deployment is of apiVersion "apps/v1"',
  ],
])('%s is refused', (_name, edit, message) => {
  expect(schemaViolations(edited(edit))).toEqual([message]);
});

test('a whole number or a text, and quantities as numbers, are taken', () => {
  const good = edited(({ workerBudget, foreign }) => {
    workerBudget.spec.maxUnavailable = '25%';
    container(foreign).resources.limits.cpu = 1;
    container(foreign).resources.requests.cpu = 0.5;
  });
  expect(schemaViolations(good)).toEqual([]);
});

test('every kind is closed, at its top, in its spec and in its metadata', () => {
  const good = goodObjects() as unknown as Record<string, KubeObject>;
  for (const [where, object] of Object.entries(good)) {
    object.unknwon = 1;
    object.metadata.unknwon = 1;
    if (object.spec) object.spec.unknwon = 1;
    const found = schemaViolations({ [where]: object } as unknown as Good);
    expect(found).toHaveLength(object.spec ? 3 : 2);
    for (const text of found) expect(text).toMatch(/unknwon is not a known field/);
  }
});

test.each<[string, string, string, (good: Good) => void]>([
  [
    'spec.podReplacementPolicy',
    '1.28',
    '1.29',
    ({ download }) => (download.spec.podReplacementPolicy = 'Failed'),
  ],
  ['spec.backoffLimitPerIndex', '1.28', '1.29', ({ download }) => (download.spec.backoffLimitPerIndex = 1)],
  ['spec.maxFailedIndexes', '1.28', '1.29', ({ download }) => (download.spec.maxFailedIndexes = 1)],
  [
    'spec.template.spec.initContainers[0].restartPolicy',
    '1.28',
    '1.29',
    ({ root }) => {
      const pod = root.spec.template.spec;
      pod.initContainers = [{ ...pod.containers.pop(), restartPolicy: 'Always' }];
    },
  ],
  ['spec.managedBy', '1.31', '1.32', ({ download }) => (download.spec.managedBy = 'example.com/x')],
  ['spec.successPolicy', '1.30', '1.31', ({ download }) => (download.spec.successPolicy = { rules: [] })],
  [
    'spec.template.spec.resourceClaims',
    '1.31',
    '1.32',
    ({ download }) =>
      (download.spec.template.spec.resourceClaims = [{ name: 'gpus', resourceClaimTemplateName: 'gpus' }]),
  ],
  [
    'spec.template.spec.containers[0].lifecycle.preStop.sleep',
    '1.29',
    '1.30',
    ({ root }) => (container(root).lifecycle.preStop = { sleep: { seconds: 5 } }),
  ],
  [
    'spec.template.spec.containers[0].resizePolicy',
    '1.32',
    '1.33',
    ({ foreign }) =>
      (container(foreign).resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }]),
  ],
  [
    'spec.trafficDistribution',
    '1.30',
    '1.31',
    ({ service }) => (service.spec.trafficDistribution = 'PreferClose'),
  ],
])('%s is refused for %s and taken for %s', (field, older, newer, edit) => {
  const message = `${field} needs Kubernetes ${newer}; the target is ${older}. Leave it out, or raise kubernetesVersion`;
  const object = () => edited(edit, older === '1.28' ? goodObjectsOf128() : goodObjects());
  expect(schemaViolations(object(), older)).toEqual([expect.stringContaining(message)]);
  expect(schemaViolations(object(), newer)).toEqual([]);
});

test('a field that was taken away is refused for newer versions', () => {
  const edit = ({ download }: Good) =>
    (download.spec.template.spec.resourceClaims = [{ name: 'gpus', source: { resourceClaimName: 'x' } }]);
  expect(schemaViolations(edited(edit), '1.34')).toEqual([
    expect.stringContaining('resourceClaims[0].source exists up to Kubernetes 1.30 only; the target is 1.34'),
  ]);
});

test('an image volume is unknown before Kubernetes 1.31', () => {
  const good = edited(({ foreign }) => {
    foreign.spec.template.spec.volumes = [{ name: 'model', image: { reference: 'registry.example/m:v1' } }];
    container(foreign).volumeMounts = [{ name: 'model', mountPath: '/m' }];
  });
  expect(schemaViolations(good, '1.30')).toEqual([expect.stringContaining('needs Kubernetes 1.31')]);
  expect(schemaViolations(good, '1.31')).toEqual([]);
});

test('a value that is newer than its field is refused for older versions', () => {
  const good = edited(({ foreign }) => (container(foreign).restartPolicy = 'Never'));
  expect(schemaViolations(good, '1.34')).toEqual([
    expect.stringContaining(
      'containers[0].restartPolicy is "Never", which needs Kubernetes 1.35; the target is 1.34. Choose another',
    ),
  ]);
  expect(schemaViolations(good, '1.35')).toEqual([]);
  const byIndex = edited(
    ({ download }) => (download.spec.podFailurePolicy.rules[0].action = 'FailIndex'),
    goodObjectsOf128(),
  );
  expect(schemaViolations(byIndex, '1.28')).toEqual([
    expect.stringContaining(
      'rules[0].action is "FailIndex", which needs Kubernetes 1.29; the target is 1.28',
    ),
  ]);
  expect(schemaViolations(byIndex, '1.29')).toEqual([]);
  const wrong = edited(({ foreign }) => (container(foreign).restartPolicy = 'Sometimes'));
  expect(schemaViolations(wrong, '1.35')).toEqual([expect.stringContaining('allowed are "Always", "Never"')]);
});

test('there are schemas for exactly the versions that can be asked for', () => {
  const file = path.join(__dirname, '../../src/validation/generated/kubernetes.schema.json');
  const { versions } = JSON.parse(fs.readFileSync(file, 'utf8')) as { versions: string[] };
  const candidates = Array.from({ length: 60 }, (_unused, minor) => `1.${minor}`);
  const askable = candidates.filter((version) => {
    try {
      checkKubernetesVersion('test', version);
      return true;
    } catch {
      return false;
    }
  });
  expect(askable).toEqual(versions);
});

test.each(fs.readdirSync(path.join(__dirname, '../../imports/schemas')))(
  'a field that is none is refused of every kind of %s that this library wrote, and of no other',
  (file) => {
    const documents = Yaml.load(path.join(__dirname, '../../imports/schemas', file));
    for (const { spec } of documents.flatMap((each) => (each.kind === 'List' ? each.items : [each]))) {
      const apiVersion = `${spec.group}/${spec.versions[0].name}`;
      const object = { apiVersion, kind: spec.names.kind, metadata: { name: 'x' }, unknwon: 1 };
      const foreign = { object } as unknown as Good;
      expect(schemaViolations(foreign)).toEqual([]);
      Object.assign(object.metadata, { labels: { 'app.kubernetes.io/managed-by': 'cdk8s-llm' } });
      expect(schemaViolations(foreign).join('\n')).toMatch(/unknwon is not a known field/);
    }
  },
);

test('the generated files are what the schemas give', () => {
  const root = path.join(__dirname, '../..');
  const script = path.join(root, 'scripts/schemas.mjs');
  expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('');
});

function isAccept(file: string): boolean {
  return file.startsWith('accept.');
}

/** Values that break something wherever they are put. */
const WRONG: unknown[] = [undefined, null, '', 'x', -1, 1.5, true, [], [1], {}, { x: 1 }];

/** Every place of an object, as the path to it. */
function placesOf(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Object.entries(value).flatMap(([key, item]) => placesOf(item, [...at, key]));
  return at.length > 0 ? [at, ...inner] : inner;
}

test('accept.*.js accept what explain.js finds nothing wrong with, and only that', () => {
  type Validate = { call(target: object, value: unknown): boolean; errors: object[] | null };
  const generated = path.join(__dirname, '../../src/validation/generated');
  const load = (name: string) => jest.requireActual<Record<string, Validate>>(path.join(generated, name));
  const explain = load('explain.js');
  const accept = Object.assign({}, ...fs.readdirSync(generated).filter(isAccept).map(load)) as typeof explain;
  expect(Object.keys(accept).sort()).toEqual(Object.keys(explain).sort());
  const counts = { accepted: 0, refused: 0 };
  const objects = [...checked(goodObjects()).map(({ object }) => object), ...trafficObjects()];
  for (const object of objects) {
    expect(accept[`${object.apiVersion}/${object.kind}`].call({ minor: 31 }, object)).toBe(true);
    const name = `${object.apiVersion}/${object.kind}`;
    for (const place of placesOf(object)) {
      for (const wrong of WRONG) {
        const broken = structuredClone(object);
        const parent = place.slice(0, -1).reduce((inner, key) => inner[key], broken);
        parent[place.at(-1)!] = wrong;
        const target = { minor: 29 + (counts.refused % 8) };
        const accepted = accept[name].call(target, broken);
        if (explain[name].call(target, broken) !== accepted)
          throw new Error(`${name} ${place.join('.')} ${String(wrong)}`);
        counts[accepted ? 'accepted' : 'refused'] += 1;
      }
    }
  }
  expect(counts.accepted).toBeGreaterThan(1000);
  expect(counts.refused).toBeGreaterThan(5000);
});
