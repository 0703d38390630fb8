import { Size } from 'cdk8s';
import {
  ArtifactFormat,
  DllamaConversionProps,
  DllamaConverter,
  FloatType,
  ModelArchitecture,
  ModelCacheProps,
  ModelFacts,
  ModelStore,
  PublishedDllamaModel,
} from '../../src';
import {
  argument,
  container,
  objectsOf,
  plainChart,
  podSpec,
  texts,
  the,
  violationsOf,
} from '../support/objects';
import {
  claim,
  conversion,
  downloaded,
  s3,
  sharedClaim,
  source,
  tinyFacts,
  UNKNOWN,
} from '../support/models';

/** The objects of a conversion in a plain chart, with a cache of these props before it. */
function made(props: Partial<DllamaConversionProps> = {}, model: Partial<ModelCacheProps> = {}) {
  const chart = plainChart();
  return madeIn(chart, props, model);
}

function madeIn(
  chart: ReturnType<typeof plainChart>,
  props: Partial<DllamaConversionProps>,
  model: Partial<ModelCacheProps> = {},
) {
  const weights = downloaded(chart, model);
  const { artifact } = conversion(chart, { model: weights, ...props });
  const objects = objectsOf(chart);
  const job = the(objects, 'Job', /-q40-/);
  return { weights, artifact, objects, job, convert: container(job, 'convert') };
}

const jobName = (props: Partial<DllamaConversionProps> = {}) =>
  made(props, { store: sharedClaim() }).job.metadata.name;

test('makes a Job, a NetworkPolicy and its programs, which pass all checks', () => {
  const { objects } = made();
  expect(violationsOf(objects)).toBe('');
  expect(
    objects
      .filter((object) => object.metadata.labels?.['app.kubernetes.io/name'] === 'dllama-conversion')
      .map((object) => object.kind),
  ).toEqual(['Job', 'NetworkPolicy', 'ConfigMap']);
});

describe('the pod', () => {
  test('waits for the model, installs its packages, converts', () => {
    const { job } = made();
    const names = (all: { name: string }[]) => all.map(({ name }) => name);
    expect(names(podSpec(job).initContainers)).toEqual(['await-model', 'packages']);
    expect(names(podSpec(job).containers)).toEqual(['convert']);
  });

  test('waits for the very files that the download makes', () => {
    const { job, weights } = made();
    const guard = container(job, 'await-model');
    expect(guard.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/guard.py']);
    expect(guard.args).toEqual([`--key=${weights.key}`, `--dir=/models/${weights.path}`]);
    expect(guard.volumeMounts).toContainEqual({ name: 'models', mountPath: '/models', readOnly: true });
  });

  test('tells the program what to read, what to write and how', () => {
    const { convert, weights, artifact } = made({ threads: 6, name: 'Chat', weights: FloatType.Q40 });
    expect(convert.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/dllama_convert.py']);
    expect(convert.args).toEqual([
      `--input=/models/${weights.path}`,
      `--input-key=${weights.key}`,
      `--output=/models/${artifact.path}`,
      `--key=${artifact.key}`,
      '--weights=q40',
      '--name=Chat',
      '--threads=6',
    ]);
  });

  test('has a CPU for each thread', () => {
    expect(made().convert.resources.requests.cpu).toBe('2');
    const { resources } = made({ threads: 6 }).convert;
    expect([resources.requests.cpu, resources.limits.cpu]).toEqual(['6', '6']);
  });

  test('has 1 GiB whatever the model, because the converter needs no more', () => {
    for (const repository of ['Qwen/Qwen3-0.6B', 'meta-llama/Llama-3.3-70B-Instruct', UNKNOWN]) {
      expect(made({}, { source: source(repository) }).convert.resources.limits.memory).toBe('1Gi');
    }
  });

  test('takes image, memory and placement from the user', () => {
    const { job, convert } = made(
      {
        image: 'registry.example.com/python:3.12',
        memory: Size.gibibytes(2),
        placement: { nodeSelector: { disk: 'fast' } },
      },
      { store: sharedClaim() },
    );
    for (const name of ['await-model', 'packages', 'convert']) {
      expect(container(job, name).image).toBe('registry.example.com/python:3.12');
    }
    expect(convert.resources.limits.memory).toBe('2Gi');
    expect(podSpec(job).nodeSelector).toEqual({ disk: 'fast' });
  });

  test.each<[Partial<DllamaConversionProps>, string]>([
    [{ memory: Size.mebibytes(512) }, "'memory' is '512Mi'; allowed: 1Gi or more"],
    [{ threads: 0 }, "'threads' is 0"],
    [{ threads: 1.5 }, "'threads' is 1.5"],
    [{ attempt: 0 }, "'attempt' is 0"],
    [{ backoffLimit: -1 }, "'backoffLimit' is -1"],
    [{ image: 'python' }, "'image' is 'python'"],
    [{ name: '../x' }, "'name' is '../x'"],
    [{ name: '' }, "'name' is ''"],
  ])('is refused with %j', (props, message) => {
    expect(() => made(props)).toThrow(`models/q40: ${message}`);
  });

  test('writes nowhere but to the volume', () => {
    const { convert } = made();
    expect(convert.securityContext.readOnlyRootFilesystem).toBe(true);
    expect(convert.volumeMounts).toEqual([
      { name: 'models', mountPath: '/models' },
      { name: 'packages', mountPath: '/packages', readOnly: true },
      { name: 'programs', mountPath: '/opt/cdk8s-llm', readOnly: true },
    ]);
  });
});

describe('the packages', () => {
  test('are installed by hash, from wheels alone', () => {
    const packages = container(made().job, 'packages');
    expect(packages.command).toEqual(['python3', '-m', 'pip', 'install']);
    expect(packages.args).toEqual(
      expect.arrayContaining([
        '--require-hashes',
        '--only-binary=:all:',
        '--no-deps',
        '--target=/packages',
        '--requirement=/opt/cdk8s-llm/requirements-numpy.txt',
      ]),
    );
  });

  test('are where the converter looks for them', () => {
    expect(made().convert.env).toEqual([{ name: 'PYTHONPATH', value: '/packages' }]);
  });

  test('come through the proxy and from the index that the user names', () => {
    const packages = container(
      made({ pipProxy: 'http://dragonfly:4001', pipIndexUrl: 'https://index.example.com/simple' }).job,
      'packages',
    );
    expect(argument(packages, 'proxy')).toEqual(['http://dragonfly:4001']);
    expect(argument(packages, 'index-url')).toEqual(['https://index.example.com/simple']);
  });

  test('of the upstream converter come from the index of PyTorch too', () => {
    const { job, convert } = made({ converter: DllamaConverter.upstream() });
    const packages = container(job, 'packages');
    expect(argument(packages, 'extra-index-url')).toEqual(['https://download.pytorch.org/whl/cpu']);
    expect(argument(packages, 'index-url')).toEqual([]);
    expect(argument(convert, 'scripts-url')).toEqual([
      'https://raw.githubusercontent.com/b4rtaz/distributed-llama/{version}/converter',
    ]);
    expect(argument(container(made().job, 'packages'), 'extra-index-url')).toEqual([]);
  });

  test('are not installed where the image has them', () => {
    const { job, convert } = made({ installPackages: false });
    expect(podSpec(job).initContainers.map((each: { name: string }) => each.name)).toEqual(['await-model']);
    expect(convert.env).toBeUndefined();
    expect(podSpec(job).volumes.map((volume: { name: string }) => volume.name)).toEqual([
      'models',
      'programs',
    ]);
  });

  test.each(['pipProxy', 'pipIndexUrl'])(
    '%s with credentials is refused, and the error does not repeat them',
    (field) => {
      expect(() => made({ [field]: 'http://me:geheim@proxy:4001' })).toThrow(
        new RegExp(`^(?!.*geheim)models/q40: '${field}' is .*without credentials`),
      );
    },
  );

  test.each(['pipProxy', 'pipIndexUrl'])('%s that is no address is refused', (field) => {
    expect(() => made({ [field]: 'proxy:4001' })).toThrow(`'${field}' is 'proxy:4001'`);
  });

  test.each(['pipProxy', 'pipIndexUrl'])('%s is of no use where nothing is installed', (field) => {
    expect(() => made({ [field]: 'http://proxy:4001', installPackages: false })).toThrow(
      `'${field}' is 'http://proxy:4001'; allowed: nothing, as installPackages is false`,
    );
  });
});

describe('the network', () => {
  const ports = (props: Partial<DllamaConversionProps>) => {
    const { spec } = the(made(props).objects, 'NetworkPolicy', /q40-convert/);
    expect(spec.ingress).toEqual([]);
    return spec.egress.flatMap((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port));
  };

  test.each<[Partial<DllamaConversionProps>, number[]]>([
    [{}, [53, 53, 443]],
    [{ pipProxy: 'http://dragonfly:4001' }, [53, 53, 4001]],
    [{ pipIndexUrl: 'http://index' }, [53, 53, 80]],
    [{ pipProxy: 'http://dragonfly:4001', pipIndexUrl: 'http://index' }, [53, 53, 4001]],
    [{ installPackages: false }, []],
  ])('of %j is open to the ports %j', (props, expected) => expect(ports(props)).toEqual(expected));

  test('of the upstream converter is open to where its scripts are', () => {
    const converter = DllamaConverter.upstream();
    expect(ports({ converter, pipProxy: 'http://dragonfly:4001' })).toEqual([53, 53, 4001, 443]);
    expect(ports({ converter, installPackages: false })).toEqual([53, 53, 443]);
  });
});

describe('the Job', () => {
  test('is retried five times, but not on what a retry cannot cure', () => {
    const { spec } = made().job;
    expect(spec.backoffLimit).toBe(5);
    expect(spec.podFailurePolicy.rules).toContainEqual({
      action: 'FailJob',
      onExitCodes: { operator: 'In', values: [64, 65, 66, 73, 77] },
    });
  });

  test('has the same name for the same spec', () => {
    expect(jobName()).toBe(jobName());
    expect(jobName()).toMatch(/^models-q40-[0-9a-f]{8}$/);
  });

  test.each<[string, Partial<DllamaConversionProps>]>([
    ['attempt', { attempt: 2 }],
    ['weights', { weights: FloatType.F32 }],
    ['name', { name: 'other' }],
    ['threads', { threads: 3 }],
    ['memory', { memory: Size.gibibytes(3) }],
    ['image', { image: 'registry.example.com/python:3.12' }],
    ['proxy', { pipProxy: 'http://proxy:4001' }],
    ['converter', { converter: DllamaConverter.upstream() }],
    ['placement', { placement: { nodeSelector: { disk: 'fast' } } }],
  ])('has another name with another %s', (_, props) => expect(jobName(props)).not.toBe(jobName()));

  test('keeps its name with another number of retries, which can be changed in a Job', () => {
    expect(jobName({ backoffLimit: 1 })).toBe(jobName());
  });

  test('says what it needs, what it makes, and where both come from', () => {
    const { job, weights, artifact } = made({}, { licence: 'apache-2.0' });
    expect(job.metadata.annotations).toMatchObject({
      'argocd.argoproj.io/sync-wave': '30',
      'cdk8s-llm/needs-artifact': weights.key,
      'cdk8s-llm/artifact-key': artifact.key,
      'cdk8s-llm/artifact-path': artifact.path,
      'cdk8s-llm/artifact-bytes': String(artifact.bytes),
      'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
      'cdk8s-llm/licence': 'apache-2.0',
    });
  });
});

describe('the artifact', () => {
  test('has the names that upstream gives the files', () => {
    const { artifact } = made();
    expect(artifact.format).toBe(ArtifactFormat.DLLAMA);
    expect(artifact.modelFile).toBe('dllama_model_qwen3-1.7b_q40.m');
    expect(artifact.tokenizerFile).toBe('dllama_tokenizer_qwen3-1.7b.t');
    expect(artifact.weights).toBe(FloatType.Q40);
  });

  test('has the size of the published file of the same model, to the header of an older converter', () => {
    const published = 2.21e9;
    expect(Math.abs(made().artifact.bytes! - published)).toBeLessThan(0.005e9);
  });

  test('has no size where the facts are not known', () => {
    expect(made({}, { source: source(UNKNOWN) }).artifact.bytes).toBeUndefined();
  });

  test('keeps facts, licence and origin of the model', () => {
    const { artifact, weights } = made({}, { licence: 'mit', facts: tinyFacts() });
    expect(artifact.facts).toBe(weights.facts);
    expect(artifact.provenance).toEqual(weights.provenance);
  });
});

describe('output in another claim', () => {
  test('leaves the model as it is', () => {
    const { convert, job, artifact } = made({ store: sharedClaim({ name: 'converted' }) });
    expect(argument(convert, 'output')).toEqual([`/output/${artifact.path}`]);
    expect(convert.volumeMounts).toEqual(
      expect.arrayContaining([
        { name: 'models', mountPath: '/models', readOnly: true },
        { name: 'output', mountPath: '/output' },
      ]),
    );
    expect(podSpec(job).volumes).toContainEqual({
      name: 'output',
      persistentVolumeClaim: { claimName: 'converted' },
    });
  });

  test('passes all checks', () => expect(violationsOf(made({ store: sharedClaim() }).objects)).toBe(''));
});

describe('output in S3', () => {
  const chart = plainChart();
  const { job, convert, artifact, objects } = madeIn(chart, {
    store: s3(chart, { bucket: 'converted', prefix: 'dllama' }),
  });
  const upload = container(job, 'upload');

  test('goes over a disk, because the size of a file is checked before it is published', () => {
    expect(podSpec(job).initContainers.map((each: { name: string }) => each.name)).toEqual([
      'await-model',
      'look',
      'packages',
      'convert',
    ]);
    expect(argument(convert, 'output')).toEqual([`/output/${artifact.path}`]);
    expect(upload.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/put.py']);
    expect(upload.args).toEqual([
      `--key=${artifact.key}`,
      `--dir=/output/${artifact.path}`,
      '--s3-endpoint=http://minio.minio.svc:9000',
      '--s3-region=us-east-1',
      '--bucket=converted',
      `--prefix=dllama/${artifact.path}`,
    ]);
  });

  test('has a disk that holds the file, and counts it as ephemeral storage', () => {
    const output = podSpec(job).volumes.find((volume: { name: string }) => volume.name === 'output');
    const mebibytes = Number(/^(\d+)Mi$/.exec(output.emptyDir.sizeLimit)![1]);
    expect(mebibytes).toBeGreaterThan(artifact.bytes! / 2 ** 20);
    expect(mebibytes).toBeLessThan((1.1 * artifact.bytes!) / 2 ** 20);
    // Beside it in the pod's account: the packages and the log.
    expect(convert.resources.limits['ephemeral-storage']).toBe(`${mebibytes + 256 + 64}Mi`);
  });

  test('is written with credentials that only the upload has', () => {
    expect(texts(upload)).toContain('minio-creds');
    expect(texts([convert, container(job, 'packages'), container(job, 'await-model')])).not.toContain(
      'minio-creds',
    );
    expect(job.metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'minio-creds/AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY=write to bucket converted',
    );
  });

  test('opens the port of the server', () => {
    const { spec } = the(objects, 'NetworkPolicy', /q40-convert/);
    expect(spec.egress[1].ports).toEqual([
      { protocol: 'TCP', port: 443 },
      { protocol: 'TCP', port: 9000 },
    ]);
  });

  test('needs the facts, because the size of the disk follows from them', () => {
    const other = plainChart();
    expect(() => madeIn(other, { store: s3(other) }, { source: source(UNKNOWN) })).toThrow(
      "models/q40: 'model' is 'acme/mystery, whose facts are not known'; allowed: a model with facts, to write the " +
        'converted files to S3',
    );
  });

  test('passes all checks', () => expect(violationsOf(objects)).toBe(''));
});

describe('the node', () => {
  const labels = (object: ReturnType<typeof the>) =>
    Object.keys(object.spec.template.metadata.labels).filter((label) => label.startsWith('claim.cdk8s-llm/'));

  test('is the one of the download, where one node alone can mount the claim', () => {
    const { objects, job } = made();
    const download = the(objects, 'Job', /weights/);
    expect(labels(job)).toEqual(['claim.cdk8s-llm/models-weights']);
    expect(labels(job)).toEqual(labels(download));
    expect(podSpec(job).affinity).toEqual(podSpec(download).affinity);
  });

  test('is any where all nodes can', () => {
    const { job } = made({}, { store: sharedClaim() });
    expect(podSpec(job)).not.toHaveProperty('affinity');
    expect(labels(job)).toEqual([]);
  });

  test('cannot be one for two claims that are on one node each: a server could take its claim elsewhere', () => {
    const single = claim({ name: 'converted' });
    expect(() => made({ store: single })).toThrow(
      "models/q40: 'store' is 'claim converted, which one node at a time can mount'; allowed: the store of the model " +
        '(claim models-weights), or one that all nodes can mount',
    );
    expect(() => made({ store: claim() }, { store: sharedClaim() })).not.toThrow();
  });

  test('is the same where both stores are one claim', () => {
    const existing = () => ModelStore.existingClaim('models');
    expect(violationsOf(made({ store: existing() }, { store: existing() }).objects)).toBe('');
  });
});

describe('the programs in their ConfigMap', () => {
  const { objects, job } = made();
  const programs = the(objects, 'ConfigMap', /q40-programs/);

  test('are all that the containers run, and no others', () => {
    expect(Object.keys(programs.data).sort()).toEqual([
      'dllama_convert.py',
      'guard.py',
      'marker.py',
      'program.py',
      'requirements-numpy.txt',
    ]);
  });

  test('are mounted by the name of their content', () => {
    expect(programs.metadata.name).toMatch(/^models-q40-programs-[0-9a-f]{8}$/);
    expect(podSpec(job).volumes).toContainEqual({
      name: 'programs',
      configMap: { name: programs.metadata.name },
    });
    expect(programs.immutable).toBe(true);
    expect(programs.metadata.annotations).toMatchObject({
      'argocd.argoproj.io/sync-options': 'PruneLast=true',
      'kustomize.toolkit.fluxcd.io/substitute': 'disabled',
    });
  });

  test('fit in a ConfigMap', () => {
    expect(Buffer.byteLength(JSON.stringify(programs))).toBeLessThan(1_000_000);
  });
});

describe("the converter of distributed-llama's own repository", () => {
  const converter = DllamaConverter.upstream();

  test('has its own program and packages', () => {
    const { convert, job, objects } = made({ converter });
    expect(convert.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/dllama_upstream.py']);
    expect(argument(convert, 'version')).toEqual(['v0.16.2']);
    expect(argument(container(job, 'packages'), 'requirement')).toEqual([
      '/opt/cdk8s-llm/requirements-upstream.txt',
    ]);
    expect(Object.keys(the(objects, 'ConfigMap', /q40-programs/).data)).toContain('dllama_upstream.py');
    expect(violationsOf(objects)).toBe('');
  });

  test('is single-threaded', () => {
    expect(made({ converter }).convert.resources.requests.cpu).toBe('1');
  });

  // 145 MiB and 24.9 bytes for each value of the output matrix, and a fifth more.
  test.each([
    ['Qwen/Qwen3-0.6B', 3.7],
    ['Qwen/Qwen3-1.7B', 7.4],
    ['meta-llama/Llama-3.2-1B', 6.2],
    ['meta-llama/Llama-3.1-8B', 12.3],
    ['Qwen/Qwen3-14B', 18.2],
    ['meta-llama/Llama-3.1-70B', 24.5],
  ])('has for %s %d GiB and a fifth more', (repository, gibibytes) => {
    const { convert } = made({ converter }, { source: source(repository) });
    const given = Number(/^(\d+)Mi$/.exec(convert.resources.limits.memory)![1]) / 1024;
    expect(given / 1.2).toBeGreaterThan(gibibytes - 0.1);
    expect(given / 1.2).toBeLessThan(gibibytes + 0.1);
  });

  test('is refused with less, by the number', () => {
    expect(() => made({ converter, memory: Size.gibibytes(2) })).toThrow(
      /^models\/q40: 'memory' is '2Gi'; allowed: \d{4}Mi or more for converter upstream\/v0\.16\.2\.$/,
    );
  });

  test('needs facts or memory', () => {
    expect(() => made({ converter }, { source: source(UNKNOWN) })).toThrow(
      "models/q40: 'memory' is nothing; allowed: an amount, because it grows with the model, whose facts are not known",
    );
    const { convert } = made({ converter, memory: Size.gibibytes(9) }, { source: source(UNKNOWN) });
    expect(convert.resources.limits.memory).toBe('9Gi');
  });

  test('is refused in a version whose checksums are not known', () => {
    expect(() => DllamaConverter.upstream({ version: 'v0.15.0' })).toThrow(
      "DllamaConverter.upstream: 'version' is 'v0.15.0'; allowed: v0.16.2, v0.16.3, v0.16.4",
    );
  });
});

describe('a model that cannot be converted', () => {
  const CONFIG = {
    hidden_size: 256,
    intermediate_size: 512,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    vocab_size: 1024,
    max_position_embeddings: 2048,
  };

  test.each<[string, Record<string, unknown>, string]>([
    ['of another architecture', { model_type: 'phi3' }, "model_type is 'phi3' and distributed-llama runs"],
    ['with another activation', { model_type: 'llama', hidden_act: 'gelu' }, 'hidden_act is "gelu"'],
    ['with another epsilon', { model_type: 'llama', rms_norm_eps: 1e-12 }, 'rms_norm_eps is 1e-12'],
    ['with biases', { model_type: 'llama', attention_bias: true }, 'attention_bias is true'],
    [
      'with a stretched rotary embedding',
      { model_type: 'llama', rope_scaling: { type: 'linear', factor: 2 } },
      'the rope type is "linear"',
    ],
  ])('%s is refused with advice', (_, config, advice) => {
    const facts = ModelFacts.fromConfig({ ...CONFIG, ...config });
    expect(() => made({}, { facts })).toThrow(
      new RegExp(
        `^models/q40: 'model' is 'Qwen/Qwen3-1.7B'; allowed: a model that distributed-llama can run\\. .*${advice}`,
      ),
    );
  });

  test('a mixture of experts is refused in f32', () => {
    const facts = tinyFacts({
      architecture: ModelArchitecture.QWEN3_MOE,
      experts: 4,
      activeExperts: 2,
      moeHiddenDim: 128,
    });
    expect(() => made({ weights: FloatType.F32 }, { facts })).toThrow('convert it to q40');
  });

  test.each(['q80', 'f16', 'int4'])('to %s is refused: no pair of weights and buffers runs it', (weights) => {
    expect(() => made({ weights: weights as FloatType })).toThrow(
      `models/q40: 'weights' is '${weights}'; allowed: q40, f32. distributed-llama can run no other weights`,
    );
  });

  test('because it is converted already goes straight to a topology', () => {
    const { repository } = PublishedDllamaModel.QWEN3_1_7B_Q40;
    expect(() => made({}, { source: source(repository) })).toThrow(
      "models/q40: 'model' is 'an artifact of format 'dllama''; allowed: an artifact of format 'huggingface'. " +
        'A model that is published for distributed-llama goes straight to DllamaTopology.',
    );
  });
});
