import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { ModelCacheProps, ModelSource, ModelStore, PhasedApp, Pipeline } from '../../../src';
import {
  cache,
  claim,
  COMMIT,
  conversion,
  OTHER_COMMIT,
  QWEN,
  s3,
  source,
  tinyFacts,
  topology,
} from '../../support/models';
import { argument, container, objectsOf, ofKind, the, violationsOf } from '../../support/objects';

/** Two pipelines of one app. */
function pipelines(namespaces = ['llm', 'llm']): [Pipeline, Pipeline] {
  const app = new PhasedApp();
  const [a, b] = ['a', 'b'].map((name, index) => app.pipeline(name, { namespace: namespaces[index] }));
  return [a, b];
}

const jobsOf = (...given: Pipeline[]) =>
  given.flatMap((pipeline) => pipeline._phases().flatMap(({ chart }) => ofKind(objectsOf(chart), 'Job')));

type Stores = (app: Construct) => [ModelStore, ModelStore];

const once = (store: ModelStore): [ModelStore, ModelStore] => [store, store];
const NODE = { hostname: 'gpu-1' };

const ONE_PLACE: [string, Stores][] = [
  ['one store object', () => once(claim({ name: 'models' }))],
  [
    'two objects of one claim',
    () => [ModelStore.existingClaim('models'), ModelStore.existingClaim('models')],
  ],
  [
    'a new claim, and the same by its name',
    () => [claim({ name: 'models' }), ModelStore.existingClaim('models')],
  ],
  ['two objects of one bucket', (app) => [s3(new Construct(app, 'x')), s3(new Construct(app, 'y'))]],
  [
    'two spellings of one server',
    (app) => [
      s3(new Construct(app, 'x'), { endpoint: 'https://minio.example.com' }),
      s3(new Construct(app, 'y'), { endpoint: 'https://MINIO.example.com:443/' }),
    ],
  ],
  [
    "two objects of one node's folder",
    () => [ModelStore.nodeFolder('/m', NODE), ModelStore.nodeFolder('/m', NODE)],
  ],
];

describe.each(ONE_PLACE)('in one place, %s,', (_, stores) => {
  test('two pipelines share one download, one conversion, and serve it both', () => {
    const [a, b] = pipelines();
    const [one, two] = stores(a.node.root);
    const artifacts = [one, two].map((store, index) => {
      const { download, convert, serve } = [a, b][index];
      const model = cache(download, { store, facts: tinyFacts() }).artifact;
      const { artifact } = conversion(convert, { model });
      topology(serve, { model: artifact, replicaPower: 1 });
      return artifact;
    });
    expect(jobsOf(a)).toHaveLength(2);
    expect(jobsOf(b)).toEqual([]);
    expect(artifacts[0].path).toBe(artifacts[1].path);
    for (const { serve } of [a, b]) {
      const guard = container(the(objectsOf(serve), 'Deployment'), 'await-model');
      expect(argument(guard, 'key')).toEqual([artifacts[0].key]);
    }
    for (const { _phases } of [a, b].map((p) => ({ _phases: p._phases() }))) {
      expect(violationsOf(objectsOf(..._phases.map(({ chart }) => chart)))).toBe('');
    }
  });

  test('what is another is another: the revision', () => {
    const [a, b] = pipelines();
    const [one, two] = stores(a.node.root);
    cache(a.download, { store: one });
    cache(b.download, { store: two, source: source(QWEN, OTHER_COMMIT) });
    expect(jobsOf(a, b)).toHaveLength(2);
  });
});

const TWO_PLACES: [string, Stores, string[]][] = [
  [
    'claims of two names',
    () => [ModelStore.existingClaim('one'), ModelStore.existingClaim('two')],
    ['llm', 'llm'],
  ],
  ['claims of one name in two namespaces', () => once(ModelStore.existingClaim('models')), ['one', 'two']],
  [
    'two prefixes',
    (app) => [s3(new Construct(app, 'x'), { prefix: 'a' }), s3(new Construct(app, 'y'), { prefix: 'b' })],
    ['llm', 'llm'],
  ],
  [
    'two nodes',
    () => [ModelStore.nodeFolder('/m', NODE), ModelStore.nodeFolder('/m', { hostname: 'gpu-2' })],
    ['llm', 'llm'],
  ],
  [
    'two folders',
    () => [ModelStore.nodeFolder('/m', NODE), ModelStore.nodeFolder('/n', NODE)],
    ['llm', 'llm'],
  ],
];

test.each(TWO_PLACES)('in %s the same is made twice', (_, stores, namespaces) => {
  const [a, b] = pipelines(namespaces);
  const [one, two] = stores(a.node.root);
  cache(a.download, { store: one });
  cache(b.download, { store: two });
  expect(jobsOf(a)).toHaveLength(1);
  expect(jobsOf(b)).toHaveLength(1);
});

test('in one bucket, namespaces share a download, and each reads it by a volume of its own', () => {
  const [a, b] = pipelines(['one', 'two']);
  const store = s3(a.node.root);
  for (const { download, convert, name } of [a, b]) {
    const model = cache(download, { store, facts: tinyFacts() }).artifact;
    conversion(convert, { model, store: claim({ name }) });
  }
  expect(ofKind(objectsOf(a.download), 'Job')).toHaveLength(1);
  expect(b._phases().map(({ phase }) => phase)).toEqual([10, 30]);
  expect(ofKind(objectsOf(b.download), 'Job')).toEqual([]);
  for (const { convert } of [a, b]) expect(ofKind(objectsOf(convert), 'PersistentVolume')).toHaveLength(1);
});

test('two that are told differently are refused: one would be dropped without a word', () => {
  const [a, b] = pipelines();
  const store = claim({ name: 'models' });
  cache(a.download, { store });
  expect(() => cache(b.download, { store, concurrency: 2 })).toThrow(
    /^b\/download\/weights: 'store' is 'a place where a\/download\/weights makes qwen--\S+ already'; allowed: the same concurrency as there, because one Job serves both\. Give both constructs the same options, or use the \.artifact of the first\.$/,
  );
});

test.each<[string, Partial<ModelCacheProps>]>([
  ['licence', { licence: 'apache-2.0' }],
  ['memory', { memory: Size.gibibytes(1) }],
  ['chunkMax', { chunkMax: Size.mebibytes(32) }],
  ['placement, attempt', { placement: { nodeSelector: { disk: 'ssd' } }, attempt: 2 }],
  ['egressPorts', { egressPorts: [9000] }],
  [
    'source',
    { source: ModelSource.huggingFace(QWEN, { revision: COMMIT, endpoint: 'https://hub.example.com' }) },
  ],
])('the error names what differs: %s', (names, props) => {
  const [a, b] = pipelines();
  const store = claim({ name: 'models' });
  cache(a.download, { store });
  expect(() => cache(b.download, { store, ...props })).toThrow(`allowed: the same ${names} as there,`);
});

test('one bucket that is asked in two ways is refused too', () => {
  const [a, b] = pipelines();
  const bucket = { endpoint: 'http://minio.minio.svc:9000', bucket: 'models' };
  const credentialsSecret = Secret.fromSecretName(a, 'other', 'other');
  cache(a.download, { store: ModelStore.s3(bucket) });
  expect(() =>
    cache(b.download, { store: ModelStore.s3({ ...bucket, credentialsSecret, region: 'eu-west-1' }) }),
  ).toThrow('allowed: the same store.region, store.credentialsSecret as there');
  cache(b.download, { store: ModelStore.s3({ ...bucket, region: 'us-east-1', pathStyle: true }) }, 'alike');
  expect(jobsOf(a, b)).toHaveLength(1);
});

test('what is said in other words is the same', () => {
  const [a, b] = pipelines();
  const store = claim({ name: 'models' });
  cache(a.download, { store, memory: Size.gibibytes(1) });
  cache(b.download, { store, memory: Size.mebibytes(1024), chunkMax: Size.mebibytes(64), concurrency: 8 });
  expect(jobsOf(a, b)).toHaveLength(1);
});

test('two conversions that are told differently are refused too', () => {
  const [a, b] = pipelines();
  const store = claim({ name: 'models' });
  const models = [a, b].map(({ download }) => cache(download, { store }).artifact);
  conversion(a.convert, { model: models[0] });
  expect(() => conversion(b.convert, { model: models[1], threads: 4 })).toThrow(
    /^b\/convert\/q40: 'store' is 'a place where a\/convert\/q40 makes qwen3-1\.7b-q40-\S+ already'; allowed: the same threads as/,
  );
  expect(() =>
    conversion(b.convert, { model: models[1], installPackages: false, attempt: 2 }, 'other'),
  ).toThrow('allowed: the same installPackages, attempt as there');
});

test('two apps of one program know nothing of each other', () => {
  const store = ModelStore.existingClaim('models');
  for (const [a] of [pipelines(), pipelines()]) {
    cache(a.download, { store });
    expect(jobsOf(a)).toHaveLength(1);
  }
});
