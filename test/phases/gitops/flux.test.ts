import { Duration } from 'cdk8s';
import { FluxProps, FluxSourceRef } from '../../../src/phases/gitops/flux';
import { GitOps } from '../../../src/phases/gitops/gitops';
import { PHASES, Phase } from '../../../src/phases/phase';
import type { PipelineView } from '../../../src/phases/views';
import { samplePipeline } from './sample-pipelines';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parsed YAML
type Untyped = any;

const SOURCE = FluxSourceRef.gitRepository('models');

function render(props: Partial<FluxProps>, pipelines: PipelineView[]) {
  const files = GitOps.flux({ sourceRef: SOURCE, ...props })._render(pipelines, (objects) =>
    JSON.stringify(objects),
  );
  return Object.fromEntries(files.map((file) => [file.path, JSON.parse(file.content)]));
}

test('one Kustomization a phase, each waiting for the one before it, all on one source', () => {
  const spec = {
    sourceRef: { kind: 'GitRepository', name: 'models' },
    interval: '1h',
    retryInterval: '1m',
    timeout: '5m',
    prune: true,
    wait: true,
    force: false,
  };
  const kustomization = (name: string, rest: object) => ({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace: 'flux-system', labels: { 'app.kubernetes.io/managed-by': 'cdk8s-llm' } },
    spec: { ...spec, ...rest },
  });
  const qwen = samplePipeline('qwen3-1.7b', 'llm', [Phase.DOWNLOAD, Phase.CONVERT, Phase.SERVE]);
  expect(render({}, [qwen])).toEqual({
    'gitops/flux/namespaces.yaml': [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: 'llm',
          labels: { 'app.kubernetes.io/managed-by': 'cdk8s-llm' },
          annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' },
        },
      },
    ],
    'gitops/flux/qwen3-1.7b.yaml': [
      kustomization('qwen3-1.7b-10-download', { path: './dist/qwen3-1.7b/10-download' }),
      kustomization('qwen3-1.7b-30-convert', {
        path: './dist/qwen3-1.7b/30-convert',
        dependsOn: [{ name: 'qwen3-1.7b-10-download' }],
      }),
      kustomization('qwen3-1.7b-40-serve', {
        path: './dist/qwen3-1.7b/40-serve',
        dependsOn: [{ name: 'qwen3-1.7b-30-convert' }],
      }),
    ],
  });
});

test('the chain closes over missing phases, whichever are missing', () => {
  for (let mask = 1; mask < 1 << PHASES.length; mask++) {
    const phases = PHASES.filter((_, index) => mask & (1 << index));
    const pipeline = samplePipeline('m', 'llm', phases);
    const kustomizations = render({}, [pipeline])['gitops/flux/m.yaml'];
    expect(kustomizations.map((k: Untyped) => k.metadata.name)).toEqual(
      pipeline.phases.map((p) => `m-${p.folder}`),
    );
    expect(kustomizations[0].spec.dependsOn).toBeUndefined();
    for (let i = 1; i < kustomizations.length; i++) {
      expect(kustomizations[i].spec.dependsOn).toEqual([{ name: kustomizations[i - 1].metadata.name }]);
    }
  }
});

test('each namespace is written once, and default not at all', () => {
  const pipelines = [
    samplePipeline('a', 'team-b', [Phase.SERVE]),
    samplePipeline('b', 'llm', [Phase.SERVE]),
    samplePipeline('c', 'team-b', [Phase.SERVE]),
    samplePipeline('d', 'default', [Phase.SERVE]),
    samplePipeline('empty', 'unused', []),
  ];
  const files = render({}, pipelines);
  expect(files['gitops/flux/namespaces.yaml'].map((o: Untyped) => o.metadata.name)).toEqual([
    'llm',
    'team-b',
  ]);
  expect(Object.keys(files).sort()).toEqual(
    ['a', 'b', 'c', 'd', 'namespaces'].map((name) => `gitops/flux/${name}.yaml`),
  );
  expect(Object.keys(render({}, [samplePipeline('d', 'default', [Phase.SERVE])]))).toEqual([
    'gitops/flux/d.yaml',
  ]);
});

test('takes source, path, times, namespace and service account from the user', () => {
  const [kustomization] = render(
    {
      sourceRef: FluxSourceRef.ociRepository('models', 'sources'),
      path: 'clusters/gpu',
      interval: Duration.minutes(10),
      retryInterval: Duration.seconds(90),
      timeout: Duration.hours(2),
      fluxNamespace: 'team-b',
      serviceAccountName: 'applier',
    },
    [samplePipeline('m', 'llm', [Phase.SERVE])],
  )['gitops/flux/m.yaml'];
  expect(kustomization.metadata.namespace).toBe('team-b');
  expect(kustomization.spec).toEqual({
    sourceRef: { kind: 'OCIRepository', name: 'models', namespace: 'sources' },
    path: './clusters/gpu/m/40-serve',
    interval: '10m',
    retryInterval: '90s',
    timeout: '2h',
    prune: true,
    wait: true,
    force: false,
    serviceAccountName: 'applier',
  });
});

test("the root of the source is './'", () => {
  const files = render({ path: '.', sourceRef: FluxSourceRef.bucket('b') }, [
    samplePipeline('m', 'llm', [Phase.SERVE]),
  ]);
  expect(files['gitops/flux/m.yaml'][0].spec.path).toBe('./m/40-serve');
  expect(files['gitops/flux/m.yaml'][0].spec.sourceRef).toEqual({ kind: 'Bucket', name: 'b' });
});

test.each<[string, Partial<FluxProps>, RegExp]>([
  [
    'a short interval',
    { interval: Duration.seconds(59) },
    /GitOps\.flux: 'interval' is '59s'; allowed: .*at least 60/,
  ],
  ['broken seconds', { timeout: Duration.millis(90500) }, /'timeout' is '90\.5s'; allowed: whole seconds/],
  [
    'a short retry',
    { retryInterval: Duration.seconds(5) },
    /'retryInterval' is '5s'.*at least 30.*Duration\.seconds\(30\)/,
  ],
  ['a path upwards', { path: '../dist' }, /GitOps\.flux: 'path' is '\.\.\/dist'/],
  ['an absolute path', { path: '/dist' }, /'path' is '\/dist'/],
  ['a namespace that is no name', { fluxNamespace: '' }, /'fluxNamespace' is ''/],
  ['an account that is no name', { serviceAccountName: 'A' }, /'serviceAccountName' is 'A'/],
])('refuses %s', (_, props, message) => {
  expect(() => GitOps.flux({ sourceRef: SOURCE, ...props })).toThrow(message);
});

test('refuses a source and a pipeline that cannot be', () => {
  expect(() => FluxSourceRef.gitRepository('')).toThrow(/FluxSourceRef: 'name' is ''/);
  expect(() => FluxSourceRef.bucket(null as never)).toThrow(/FluxSourceRef: 'name' is null/);
  expect(() => GitOps.flux(null as never)).toThrow(/GitOps.flux: 'props' is null; allowed: an object/);
  expect(() => GitOps.flux({ sourceRef: 'models' as never })).toThrow(
    /'sourceRef' is 'a string'; allowed: a FluxSourceRef/,
  );
  expect(() => FluxSourceRef.gitRepository('a', 'b.c')).toThrow(/FluxSourceRef: 'namespace' is 'b\.c'/);
  expect(() => render({}, [samplePipeline('namespaces', 'llm', [Phase.SERVE])])).toThrow(
    /'pipeline' is 'namespaces'; allowed: any name but/,
  );
});
