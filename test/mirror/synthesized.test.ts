import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { examples } from '../../main';
import {
  Accelerator,
  ArtifactFormat,
  ModelSource,
  ModelStore,
  MultiNode,
  NetworkPeer,
  NodeCache,
  PhasedApp,
  PhasedAppProps,
  Pipeline,
  Route,
  SmokeTest,
  VllmServer,
} from '../../src';
import { ModelEviction } from '../../src/constructs/model-eviction';
import { Mirror } from '../../src/mirror/mirror';
import { CASES as SERVERS } from '../cases/cases';
import { temporaryFolder, tree } from '../support/folders';
import { cache, claim, conversion, downloaded, sharedClaim } from '../support/models';
import { PIPELINES } from '../support/pipelines';
import { hostLike } from './scan';

/** By which routes of the examples are asked from outside, and which ask nobody. */
const OWN_HOSTS = ['llm.example.com', 'models.example.com'];

const SHA256 = 'a'.repeat(64);
const MANIFEST = { manifest: { path: 'SHA256SUMS', sha256: SHA256 } };

/** All its servers are below mirror.test. */
const MIRROR = new Mirror({
  huggingFace: 'https://hub.mirror.test/hf',
  registries: {
    'docker.io': 'registry.mirror.test/hub',
    'ghcr.io/models': 'registry.mirror.test/models',
  },
  defaultRegistry: 'registry.mirror.test/others',
  packageIndex: 'https://pypi.mirror.test/simple',
  git: {
    'https://git.example.com': 'https://git.mirror.test',
    'https://github.com': 'https://git.mirror.test/github',
    'git@git.example.com:': 'git@git.mirror.test:',
  },
  addresses: {
    'https://raw.githubusercontent.com': 'https://files.mirror.test/github',
    'https://files.example.com': 'https://files.mirror.test/files',
    'https://s3.eu-west-1.amazonaws.com': 'https://s3.mirror.test',
    'https://storage.googleapis.com': 'https://gcs.mirror.test',
    'https://acct.blob.core.windows.net': 'https://blob.mirror.test',
    'https://api.ngc.nvidia.com': 'https://ngc.mirror.test',
    'https://authn.nvidia.com': 'https://ngc-token.mirror.test',
    'https://tracking.example.com': 'https://tracking.mirror.test',
  },
  // Whose endpoint is tested from outside.
  allow: ['llm.example.com'],
});

/** Names that look like a host's and are none (of APIs, labels, annotations, drivers), or the pod's own. */
const VOCABULARY = [
  '0.0.0.0',
  '127.0.0.1',
  'kubernetes.io',
  'app.kubernetes.io',
  'apps.kubernetes.io',
  'batch.kubernetes.io',
  'cluster-autoscaler.kubernetes.io',
  'networking.k8s.io',
  'gateway.networking.k8s.io',
  'inference.networking.k8s.io',
  'leaderworkerset.sigs.k8s.io',
  'leaderworkerset.x-k8s.io',
  'monitoring.coreos.com',
  'resource.k8s.io',
  'nvidia.com',
  'gpu.nvidia.com',
  'amd.com',
  'google.com',
  'cloud.google.com',
  'argoproj.io',
  'argocd.argoproj.io',
  'kustomize.toolkit.fluxcd.io',
  'istio.io',
  'sidecar.istio.io',
  'linkerd.io',
  's3.csi.aws.com',
  // Of a taint of the examples' platform.
  'example.com',
];

/**
 * Names in the texts of programs that nothing synthesized makes them ask: other names of registries, by which an
 * entry of a pull Secret is found; where AWS gives a pod keys, which is asked where the cluster says in the pod's
 * environment that there are some; an example in a comment.
 */
const IN_PROGRAMS = [
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'hf.co',
  'huggingface.co',
  'amazonaws.com',
  'amazonaws.com.cn',
  'eks.amazonaws.com',
  '169.254.170.2',
  '169.254.170.23',
  '10.1.2.3',
];

interface SourceCase {
  readonly source: (pipeline: Pipeline) => ModelSource;
  readonly store?: () => ModelStore;
  /** What it names without a mirror, besides the registry of the images. */
  readonly outside: string[];
}

const secret = (pipeline: Pipeline) => Secret.fromSecretName(pipeline, 'access', 'access');

/** Each kind of source, with all that it can be told of servers. */
const SOURCES: Record<string, SourceCase> = {
  'Hugging Face': {
    source: (p) =>
      ModelSource.huggingFace('acme/mystery', { revision: 'c'.repeat(40), tokenSecret: secret(p) }),
    outside: ['huggingface.co'],
  },
  S3: {
    source: (p) =>
      ModelSource.s3({
        endpoint: 'https://s3.eu-west-1.amazonaws.com',
        bucket: 'models',
        credentialsSecret: secret(p),
        ...MANIFEST,
      }),
    outside: ['s3.eu-west-1.amazonaws.com'],
  },
  'Google Cloud Storage': {
    source: (p) => ModelSource.gcs({ bucket: 'models', credentialsSecret: secret(p), ...MANIFEST }),
    outside: ['storage.googleapis.com'],
  },
  'Azure Blob Storage': {
    source: (p) =>
      ModelSource.azureBlob({ account: 'acct', container: 'models', keySecret: secret(p), ...MANIFEST }),
    outside: ['acct.blob.core.windows.net'],
  },
  'a file': {
    source: (p) =>
      ModelSource.https('https://files.example.com/a/model.gguf', { sha256: SHA256, tokenSecret: secret(p) }),
    outside: ['files.example.com'],
  },
  'an archive': {
    source: () =>
      ModelSource.https('https://files.example.com/a/model.tar.zst', {
        sha256: SHA256,
        format: ArtifactFormat.GGUF,
        modelFile: 'm.gguf',
      }),
    outside: ['files.example.com'],
  },
  'several files': {
    source: () =>
      ModelSource.httpsFiles({
        files: ['a.gguf', 'b.json'].map((name) => ({
          url: `https://files.example.com/a/${name}`,
          sha256: SHA256,
        })),
      }),
    outside: ['files.example.com'],
  },
  NGC: {
    source: (p) => ModelSource.ngc('org/team/model', { version: '1.0', apiKeySecret: secret(p) }),
    outside: ['api.ngc.nvidia.com', 'authn.nvidia.com'],
  },
  Ollama: {
    source: (p) => ModelSource.ollama(`qwen3:1.7b@sha256:${SHA256}`, { pullSecret: secret(p) }),
    outside: ['registry.ollama.ai'],
  },
  'another registry like that of Ollama': {
    source: (p) => ModelSource.ollama(`hf.co/acme/mystery:q4@sha256:${SHA256}`, { pullSecret: secret(p) }),
    outside: ['hf.co', 'huggingface.co'],
  },
  'an OCI artifact': {
    source: (p) => ModelSource.oci(`ghcr.io/models/org/name:1@sha256:${SHA256}`, { pullSecret: secret(p) }),
    outside: ['ghcr.io'],
  },
  'an image that is mounted': {
    source: () => ModelSource.oci(`docker.io/org/name:1@sha256:${SHA256}`, { path: '/models' }),
    store: () => ModelStore.imageVolume(),
    outside: ['docker.io'],
  },
  'a claim': {
    source: () => ModelSource.claim('old', { path: 'model', ...MANIFEST }),
    store: () => ModelStore.existingClaim('old'),
    outside: [],
  },
  'a folder of a node': {
    source: () =>
      ModelSource.nodeFolder('/models', { nodeSelector: { 'kubernetes.io/hostname': 'n1' }, ...MANIFEST }),
    store: sharedClaim,
    outside: [],
  },
  'a tool of your own': {
    source: () =>
      ModelSource.custom({
        image: 'ghcr.io/mlflow/mlflow:v3.1.0',
        command: ['mlflow', '--uri=https://tracking.example.com/x'],
        env: { MLFLOW_TRACKING_URI: 'https://tracking.example.com' },
        ...MANIFEST,
      }),
    outside: ['ghcr.io', 'tracking.example.com'],
  },
};

type Fill = (pipeline: Pipeline) => void;

/** A source's files, and something that reads them. */
function filled({ source, store = claim }: SourceCase): Fill {
  return (pipeline) => {
    const { artifact } = cache(pipeline.download, { source: source(pipeline), store: store() });
    if (artifact.format === ArtifactFormat.HUGGING_FACE) {
      conversion(pipeline.convert, { model: artifact, store: sharedClaim() });
    }
  };
}

/** A bucket of the user's own. */
const bucket = (pipeline: Pipeline) =>
  ModelStore.s3({
    endpoint: 'https://s3.mirror.test',
    bucket: 'models',
    credentialsSecret: secret(pipeline),
  });

/** What none of the cases has. */
const servers: Fill = (pipeline) => {
  const model = downloaded(pipeline.download, { store: sharedClaim() });
  const chat = new VllmServer(pipeline.serve, 'chat', {
    model,
    nodes: 2,
    pipelineParallel: 2,
    accelerator: Accelerator.nvidia({ memory: Size.gibibytes(80) }),
    multiNode: MultiNode.leaderWorkerSet(),
    routes: [
      Route.inferencePool({
        gateway: { name: 'inference', namespace: 'gateways' },
        from: [NetworkPeer.namespace('gateways')],
        hostnames: ['llm.example.com'],
        picker: { service: 'picker' },
      }),
    ],
  });
  new SmokeTest(pipeline.verify, 'pods', { server: chat });
  new SmokeTest(pipeline.verify, 'route', { endpoint: 'http://inference.gateways.svc/v1' });
};

/** An image, a repository and a model that nodes keep. */
const nodes: Fill = (pipeline) => {
  new NodeCache(pipeline.serve, 'nodes', {
    placement: { nodeSelector: { 'nvidia.com/gpu.present': 'true' } },
    images: [{ name: 'vllm', image: 'docker.io/vllm/vllm-openai:v0.11.0' }],
    repositories: [{ name: 'tools', url: 'https://git.example.com/llm/tools.git', commit: 'c'.repeat(40) }],
    models: [
      { name: 'mystery', source: ModelSource.huggingFace('acme/mystery', { revision: 'c'.repeat(40) }) },
    ],
    path: '/var/lib/models',
    size: Size.gibibytes(100),
  });
};

const CASES: [string, Fill][] = [
  ...PIPELINES,
  ['a group of pods, a pool of them, and tests', servers],
  ['a cache on nodes', nodes],
  [
    'a bucket that is written to, and tidied up',
    (pipeline) => {
      const store = bucket(pipeline);
      const model = downloaded(pipeline.download, { store });
      conversion(pipeline.convert, { model, store });
      new ModelEviction(pipeline.convert, 'old', { store, artifacts: ['0123456789ab'] });
    },
  ],
  ...Object.entries(SOURCES).map(([name, each]): [string, Fill] => [name, filled(each)]),
];

/** The texts of all files, by their paths. */
function synthesized(fill: Fill, props: PhasedAppProps): Record<string, string> {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ kubernetesVersion: '1.35', outdir, ...props });
  fill(app.pipeline('qwen', { namespace: 'llm' }));
  app.synth();
  return tree(outdir);
}

/** The names of hosts in all files; those in the texts of programs and in all else apart. */
function hostsIn(files: Record<string, string>) {
  const hosts = Object.values(files).flatMap(hostLike);
  return [...new Set(hosts)].filter((host) => ![...VOCABULARY, ...OWN_HOSTS].includes(host)).sort();
}

const outside = (hosts: string[]) => hosts.filter((host) => !host.endsWith('.mirror.test'));

/** Without the texts of programs. */
const withoutPrograms = (files: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(files).map(([file, text]) => [
      file,
      text.replace(/^( *)\S+\.(py|sh|txt): \|.*\n(\1 .*\n|\n)*/gm, ''),
    ]),
  );

function expectNoOtherHost(files: Record<string, string>): void {
  expect(outside(hostsIn(withoutPrograms(files)))).toEqual([]);
  expect(outside(hostsIn(files)).filter((host) => !IN_PROGRAMS.includes(host))).toEqual([]);
}

test('with a mirror, the examples name no other host', () => {
  const outdir = temporaryFolder();
  examples({ outdir, mirror: MIRROR }).synth();
  const files = tree(outdir);
  expectNoOtherHost(files);
  expect(hostsIn(files)).toEqual(
    expect.arrayContaining(['git', 'hub', 'pypi', 'registry'].map((name) => `${name}.mirror.test`)),
  );
});

test('without one they do, so that the test above sees something', () => {
  const outdir = temporaryFolder();
  examples({ outdir }).synth();
  expect(hostsIn(withoutPrograms(tree(outdir)))).toEqual(
    expect.arrayContaining(['docker.io', 'git.example.com', 'huggingface.co', 'registry.example.com']),
  );
});

test.each(CASES)('with a mirror, the files of a pipeline with %s name no other host', (_name, fill) => {
  expectNoOtherHost(synthesized(fill, { mirror: MIRROR }));
});

// Servers of all engines, on accelerators of all kinds, by claims and templates of devices, in groups and as pools,
// with all that stands before them, watches, scales and tests them.
test.each(SERVERS)('with a mirror, the case $folder names no other host', ({ build }) => {
  const outdir = temporaryFolder();
  build({ outdir, mirror: MIRROR }).synth();
  expectNoOtherHost(tree(outdir));
});

test.each(Object.entries(SOURCES))('without one, those of %s do', (_name, each) => {
  const hosts = hostsIn(withoutPrograms(synthesized(filled(each), {})));
  expect(hosts).toEqual(expect.arrayContaining(each.outside));
});

test.each(CASES)('the artifacts of %s have the same keys with a mirror and without one', (_name, fill) => {
  const keys = (props: PhasedAppProps) =>
    Object.values(synthesized(fill, props)).flatMap((text) =>
      [...text.matchAll(/artifact-(?:key|path): (\S+)/g)].map(([, key]) => key),
    );
  expect(keys({ mirror: MIRROR })).toEqual(keys({}));
});
