import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ArtifactFormat, ModelCacheProps, ModelSource, PublishedDllamaModel, SourceProof } from '../../src';
import {
  argument,
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  the,
  violationsOf,
} from '../support/objects';
import { cache, claim, COMMIT, s3, sharedClaim, source, tinyFacts } from '../support/models';

/** The objects of a cache in a plain chart. */
function made(props: Partial<ModelCacheProps> = {}, chart = plainChart()) {
  const { artifact } = cache(chart, props);
  const objects = objectsOf(chart);
  const job = the(objects, 'Job');
  return { artifact, objects, job, fetch: container(job, 'fetch') };
}

const jobName = (props: Partial<ModelCacheProps> = {}) => made(props).job.metadata.name;

test('makes a claim, a Job, a NetworkPolicy and the program, and they pass all checks', () => {
  const { objects } = made();
  expect(objects.map((object) => object.kind)).toEqual([
    'PersistentVolumeClaim',
    'Job',
    'NetworkPolicy',
    'ConfigMap',
  ]);
  expect(violationsOf(objects)).toBe('');
});

describe('the program', () => {
  test('is told the repository, the commit, the key and where to put it', () => {
    const { fetch, artifact } = made();
    expect(fetch.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/fetch.py', 'huggingface']);
    expect(fetch.args).toEqual([
      '--endpoint=https://huggingface.co',
      '--repo=Qwen/Qwen3-1.7B',
      `--revision=${COMMIT}`,
      `--key=${artifact.key}`,
      `--dir=/models/${artifact.path}`,
      '--workers=8',
      '--chunk-mib=8',
    ]);
  });

  test('is told the patterns, one an argument', () => {
    const { fetch } = made({
      source: ModelSource.huggingFace('a/b', {
        revision: COMMIT,
        include: ['*.json', '*.safetensors'],
        exclude: ['original/'],
        join: { whole: ['aa', 'ab'] },
      }),
    });
    expect(argument(fetch, 'include')).toEqual(['*.json', '*.safetensors']);
    expect(argument(fetch, 'exclude')).toEqual(['original/']);
    expect(argument(fetch, 'join')).toEqual(['whole=aa,ab']);
  });

  test('is told the mirror', () => {
    const mirror = ModelSource.huggingFace('a/b', { revision: COMMIT, endpoint: 'http://hub.internal:8080' });
    expect(argument(made({ source: mirror }).fetch, 'endpoint')).toEqual(['http://hub.internal:8080']);
  });

  test('gets the token from its Secret, and says in an annotation what the Secret is for', () => {
    const chart = plainChart();
    const tokenSecret = Secret.fromSecretName(chart, 'token', 'hf-token');
    const { job, fetch } = made(
      { source: ModelSource.huggingFace('a/b', { revision: COMMIT, tokenSecret }) },
      chart,
    );
    expect(fetch.env).toEqual([
      { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hf-token', key: 'token' } } },
    ]);
    expect(job.metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'hf-token/token=access token for https://huggingface.co/a/b',
    );
  });

  test('needs no Secret for a public model', () => {
    const { job, fetch } = made();
    expect(fetch.env).toBeUndefined();
    expect(job.metadata.annotations).not.toHaveProperty('cdk8s-llm/secrets');
  });

  test('runs in the image of the user', () => {
    expect(made({ image: 'registry.example.com/python:3.12' }).fetch.image).toBe(
      'registry.example.com/python:3.12',
    );
  });

  test('runs by default in an image that is pinned by digest', () => {
    expect(made().fetch.image).toMatch(/^docker\.io\/library\/python:3\.\S+@sha256:[0-9a-f]{64}$/);
  });

  test.each(['python', 'python:latest', 'localhost:5000/python', 'python@sha256:abc', '', 'a b:1'])(
    'does not run in %j, which is not pinned',
    (image) => {
      expect(() => made({ image })).toThrow(
        `models/weights: 'image' is '${image}'; allowed: an image pinned by a tag other than 'latest'`,
      );
    },
  );
});

describe('memory and the size of a range', () => {
  const figures = (props: Partial<ModelCacheProps>) => {
    const { fetch } = made(props);
    const [chunk] = argument(fetch, 'chunk-mib');
    return [fetch.resources.limits.memory, Number(chunk)];
  };

  // An eighth of each worker's share of the memory, at least 8 MiB, at most the cap.
  test.each<[Partial<ModelCacheProps>, string, number]>([
    [{}, '256Mi', 8],
    [{ concurrency: 1 }, '256Mi', 32],
    [{ concurrency: 2 }, '256Mi', 16],
    [{ concurrency: 1, memory: Size.gibibytes(1) }, '1Gi', 64],
    [{ concurrency: 1, memory: Size.gibibytes(1), chunkMax: Size.mebibytes(128) }, '1Gi', 128],
    [{ concurrency: 1, memory: Size.gibibytes(1), chunkMax: Size.mebibytes(16) }, '1Gi', 16],
    [{ concurrency: 4, memory: Size.gibibytes(1) }, '1Gi', 32],
    [{ concurrency: 3, memory: Size.mebibytes(500) }, '500Mi', 20],
    [{ concurrency: 16 }, '286Mi', 8],
    [{ concurrency: 64 }, '1054Mi', 8],
  ])('%j gives %s and ranges of %d MiB', (props, memory, chunk) => {
    expect(figures(props)).toEqual([memory, chunk]);
  });

  test('is limited to what it asks for, whatever the size of the model', () => {
    const { resources } = made({ memory: Size.mebibytes(300) }).fetch;
    expect(resources.requests.memory).toBe('300Mi');
    expect(resources.limits.memory).toBe('300Mi');
  });

  test('can be as small as the program and its ranges are', () => {
    expect(figures({ concurrency: 8, memory: Size.mebibytes(79) })).toEqual(['79Mi', 8]);
  });

  test.each<[number, number, number]>([
    [8, 78, 79],
    [1, 22, 23],
    [32, 128, 271],
  ])('%d workers do not fit in %d MiB, and the error says what they need', (concurrency, given, needed) => {
    expect(() => made({ concurrency, memory: Size.mebibytes(given) })).toThrow(
      `models/weights: 'memory' is '${given} MiB'; allowed: ${needed} MiB or more for a concurrency of ` +
        `${concurrency} (15 MiB + ${concurrency} x 8 MiB). Give more memory, or a lower concurrency.`,
    );
  });

  test('a cap below the smallest range is refused', () => {
    expect(() => made({ chunkMax: Size.mebibytes(4) })).toThrow(
      "'chunkMax' is '4 MiB'; allowed: 8 MiB or more",
    );
  });

  test.each([0, -1, 1.5, NaN])('%d workers are refused', (concurrency) => {
    expect(() => made({ concurrency })).toThrow(/'concurrency' is .*a whole number of at least 1/);
  });
});

describe('the Job', () => {
  test('is retried, but not on what a retry cannot cure', () => {
    const { spec } = made().job;
    expect(spec.backoffLimit).toBe(10);
    expect(spec.podFailurePolicy.rules).toEqual([
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { operator: 'In', values: [64, 65, 66, 73, 77] } },
    ]);
    expect(spec.podReplacementPolicy).toBe('Failed');
    expect(spec.template.spec.restartPolicy).toBe('Never');
  });

  test('stays when it is done: another run is another Job', () => {
    expect(made().job.spec).not.toHaveProperty('ttlSecondsAfterFinished');
  });

  test('has the same name for the same spec', () => {
    expect(jobName()).toBe(jobName());
    expect(jobName()).toMatch(/^models-weights-[0-9a-f]{8}$/);
  });

  test.each<[string, Partial<ModelCacheProps>]>([
    ['attempt', { attempt: 2 }],
    ['commit', { source: source(undefined, '0123456789abcdef0123456789abcdef01234567') }],
    ['image', { image: 'registry.example.com/python:3.12' }],
    ['memory', { memory: Size.gibibytes(1) }],
    ['concurrency', { concurrency: 4 }],
    ['range', { memory: Size.gibibytes(2), chunkMax: Size.mebibytes(9) }],
    ['store', { store: claim({ name: 'other' }) }],
    ['placement', { placement: { nodeSelector: { disk: 'fast' } } }],
    ['toleration', { placement: { tolerations: [{ key: 'llm', operator: 'Exists' }] } }],
  ])('has another name with another %s, which cannot be changed in a Job', (_, props) => {
    expect(jobName(props)).not.toBe(jobName());
  });

  test.each<[string, Partial<ModelCacheProps>]>([
    ['number of retries', { backoffLimit: 3 }],
    ['licence', { licence: 'mit' }],
    ['facts', { facts: tinyFacts() }],
  ])('keeps its name with another %s, which can', (_, props) => {
    expect(jobName(props)).toBe(jobName());
  });

  test('of another attempt differs in its name and in the annotation alone', () => {
    const [first, second] = [made().job, made({ attempt: 2 }).job];
    expect(second.spec).toEqual(first.spec);
    expect(second.metadata).toEqual({
      ...first.metadata,
      name: second.metadata.name,
      annotations: { ...first.metadata.annotations, 'cdk8s-llm/attempt': '2' },
    });
  });

  test.each<[Partial<ModelCacheProps>, string]>([
    [{ attempt: 0 }, "'attempt' is 0"],
    [{ attempt: 1.5 }, "'attempt' is 1.5"],
    [{ backoffLimit: -1 }, "'backoffLimit' is -1"],
  ])('is refused with %j', (props, message) => expect(() => made(props)).toThrow(message));

  test('may never be retried', () => expect(made({ backoffLimit: 0 }).job.spec.backoffLimit).toBe(0));

  test('runs where the user wants it', () => {
    const placement = {
      nodeSelector: { 'topology.kubernetes.io/zone': 'a' },
      tolerations: [{ key: 'llm', operator: 'Equal', value: 'yes', effect: 'NoSchedule' }],
    };
    expect(podSpec(made({ placement }).job)).toMatchObject(placement);
  });

  test('and whatever else mounts a claim of one node run on that node', () => {
    const { job } = made();
    const label = { 'claim.cdk8s-llm/models-weights': 'mounted' };
    expect(job.spec.template.metadata.labels).toMatchObject(label);
    expect(podSpec(job).affinity).toEqual({
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: label }, topologyKey: 'kubernetes.io/hostname' },
        ],
      },
    });
  });

  test('runs anywhere when all nodes can mount the claim', () => {
    const { job } = made({ store: sharedClaim() });
    expect(podSpec(job)).not.toHaveProperty('affinity');
    expect(Object.keys(job.spec.template.metadata.labels).join()).not.toContain('claim.cdk8s-llm');
  });

  test('says where the model comes from, and what is made', () => {
    const { job, artifact } = made({ licence: 'apache-2.0' });
    expect(job.metadata.annotations).toEqual({
      'argocd.argoproj.io/sync-wave': '10',
      'cdk8s-llm/attempt': '1',
      'cdk8s-llm/source': `hf://Qwen/Qwen3-1.7B@${COMMIT}`,
      'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
      'cdk8s-llm/revision': COMMIT,
      'cdk8s-llm/proof': 'content',
      'cdk8s-llm/licence': 'apache-2.0',
      'cdk8s-llm/artifact-key': artifact.key,
      'cdk8s-llm/artifact-path': artifact.path,
      'cdk8s-llm/artifact-bytes': '4063479808',
    });
  });
});

describe('the pod', () => {
  const { job, fetch } = made();

  test('passes Pod Security restricted', () => {
    expect(podSpec(job)).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    expect(fetch.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    });
  });

  test('mounts the claim and its program, the program read-only', () => {
    expect(fetch.volumeMounts).toEqual([
      { name: 'models', mountPath: '/models' },
      { name: 'programs', mountPath: '/opt/cdk8s-llm', readOnly: true },
    ]);
  });

  test('asks for ephemeral storage too', () => {
    expect(fetch.resources.limits).toHaveProperty('ephemeral-storage');
  });
});

describe('the program in its ConfigMap', () => {
  const { objects, job } = made();
  const program = the(objects, 'ConfigMap');

  test('is named after its content, and so is immutable', () => {
    expect(program.metadata.name).toMatch(/^models-weights-programs-[0-9a-f]{8}$/);
    expect(program.immutable).toBe(true);
    expect(Object.keys(program.data)).toEqual([
      'fetch.py',
      'folder.py',
      'huggingface.py',
      'marker.py',
      'place.py',
      'program.py',
      'transfer.py',
      'web.py',
    ]);
  });

  test('is what the Job mounts', () => {
    expect(podSpec(job).volumes).toContainEqual({
      name: 'programs',
      configMap: { name: program.metadata.name },
    });
  });

  test('goes last, and is not taken for a template', () => {
    expect(program.metadata.annotations).toMatchObject({
      'argocd.argoproj.io/sync-options': 'PruneLast=true',
      'kustomize.toolkit.fluxcd.io/substitute': 'disabled',
    });
  });

  test('is written last, after what a reviewer reads', () => {
    expect(objects.at(-1)).toBe(program);
  });
});

describe('the network', () => {
  const openings = (props: Partial<ModelCacheProps>, chart = plainChart()) => {
    const { spec } = the(made(props, chart).objects, 'NetworkPolicy');
    return { ingress: spec.ingress, ports: spec.egress[1].ports.map((port: { port: number }) => port.port) };
  };

  test('is closed inwards, and open to names and web servers outwards', () => {
    const { objects } = made();
    expect(the(objects, 'NetworkPolicy').spec).toEqual({
      podSelector: {
        matchLabels: {
          'app.kubernetes.io/name': 'model-cache',
          'app.kubernetes.io/instance': 'models-weights',
          'app.kubernetes.io/component': 'download',
        },
      },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: [
        {
          ports: [
            { protocol: 'UDP', port: 53 },
            { protocol: 'TCP', port: 53 },
          ],
        },
        { ports: [{ protocol: 'TCP', port: 443 }] },
      ],
    });
  });

  test.each([
    ['http://hub.internal', [443, 80]],
    ['http://hub.internal:8080', [443, 8080]],
    ['https://hub.internal', [443]],
  ])('is open to the port of the mirror %s', (endpoint, ports) => {
    const mirror = ModelSource.huggingFace('a/b', { revision: COMMIT, endpoint });
    expect(openings({ source: mirror }).ports).toEqual(ports);
  });

  test('is open to the port of the S3 server', () => {
    const chart = plainChart();
    expect(openings({ store: s3(chart) }, chart).ports).toEqual([443, 9000]);
  });
});

describe('the artifact', () => {
  test('has what the source says and the library knows of it', () => {
    const { artifact } = made();
    expect(artifact.format).toBe(ArtifactFormat.HUGGING_FACE);
    expect(artifact.provenance).toEqual({
      source: `hf://Qwen/Qwen3-1.7B@${COMMIT}`,
      repository: 'Qwen/Qwen3-1.7B',
      revision: COMMIT,
      proof: SourceProof.CONTENT,
      licence: undefined,
    });
    expect(artifact.facts?.layers).toBe(28);
    expect(artifact.bytes).toBe(4063479808);
    expect(artifact.modelFile).toBeUndefined();
  });

  test('has the facts of the user where both know some', () => {
    expect(made({ facts: tinyFacts() }).artifact.facts?.layers).toBe(2);
  });

  test('has no facts of a repository that nobody knows', () => {
    const { artifact, job } = made({ source: source('acme/mystery') });
    expect(artifact.facts).toBeUndefined();
    expect(artifact.bytes).toBeUndefined();
    expect(job.metadata.annotations).not.toHaveProperty('cdk8s-llm/artifact-bytes');
  });

  test('of a published model is ready for distributed-llama', () => {
    const published = PublishedDllamaModel.QWEN3_14B_Q40;
    const { artifact, fetch } = made({ source: source(published.repository) });
    expect(artifact.format).toBe(ArtifactFormat.DLLAMA);
    expect(artifact.modelFile).toBe(published.modelFile);
    expect(artifact.tokenizerFile).toBe(published.tokenizerFile);
    expect(artifact.weights).toBe(published.weights);
    expect(artifact.bytes).toBe(published.modelBytes);
    expect(argument(fetch, 'join')).toEqual([`${published.modelFile}=${published.parts.join(',')}`]);
  });
});

test('two caches in one chart are two of everything but the store', () => {
  const chart = plainChart();
  const store = claim();
  cache(chart, { store }, 'first');
  cache(chart, { store, source: source('org/other') }, 'second');
  const objects = objectsOf(chart);
  expect(ofKind(objects, 'Job')).toHaveLength(2);
  expect(new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).size).toBe(objects.length);
  expect(violationsOf(objects)).toBe('');
});
