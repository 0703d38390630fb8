import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { ArtifactFormat, ModelArchitecture, ModelCacheProps, ModelFacts, PhasedApp } from '../../src';
import { GgufConversion } from '../../src/constructs/gguf-conversion';
import type { GgufConversionProps } from '../../src/constructs/gguf-conversion-props';
import { LlamaServer } from '../../src/constructs/llama-server';
import { ggufBytes, GgufType, isConverted } from '../../src/engines/llama/gguf-type';
import { REPOSITORY } from '../support/folders';
import {
  cache,
  claim,
  conversion,
  downloaded,
  s3,
  sharedClaim,
  source,
  tinyFacts,
  UNKNOWN,
} from '../support/models';
import {
  argument,
  container,
  containers,
  objectsOf,
  plainChart,
  podSpec,
  the,
  violationsOf,
} from '../support/objects';

const GIB = 1024 ** 3;

/** The objects of a conversion in a plain chart, with a cache of these props before it. */
function made(props: Partial<GgufConversionProps> = {}, model: Partial<ModelCacheProps> = {}) {
  return madeIn(plainChart(), props, model);
}

function madeIn(
  chart: ReturnType<typeof plainChart>,
  props: Partial<GgufConversionProps>,
  model: Partial<ModelCacheProps> = {},
) {
  const weights = downloaded(chart, model);
  const { artifact } = new GgufConversion(chart, 'gguf', { model: weights, ...props });
  const objects = objectsOf(chart);
  const job = the(objects, 'Job', /-gguf-/);
  return { weights, artifact, objects, job, convert: container(job, 'convert') };
}

const jobName = (props: Partial<GgufConversionProps> = {}) =>
  made(props, { store: sharedClaim() }).job.metadata.name;

const memoryOf = (props: Partial<GgufConversionProps>, model: Partial<ModelCacheProps> = {}) =>
  made(props, model).convert.resources.limits.memory;

test('makes a Job, a NetworkPolicy and its programs, which pass all checks', () => {
  const { objects } = made();
  expect(violationsOf(objects)).toBe('');
  expect(
    objects
      .filter((object) => object.metadata.labels?.['app.kubernetes.io/name'] === 'gguf-conversion')
      .map((object) => object.kind),
  ).toEqual(['Job', 'NetworkPolicy', 'ConfigMap']);
});

test('is in the convert phase of a pipeline, or in that of tuning', () => {
  const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
  const model = downloaded(pipeline.download);
  for (const phase of [pipeline.convert, pipeline.tune]) new GgufConversion(phase, 'gguf', { model });
  expect(() => new GgufConversion(pipeline.serve, 'gguf', { model })).toThrow('convert');
});

describe('the pod', () => {
  test('waits for the model and converts, and has nothing else to do', () => {
    const { job } = made();
    const names = (all: { name: string }[]) => all.map(({ name }) => name);
    expect(names(podSpec(job).initContainers)).toEqual(['await-model']);
    expect(names(podSpec(job).containers)).toEqual(['convert']);
  });

  test('asks for no GPUs in an image that is made for them, which it would ask for by itself', () => {
    const none = { name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' };
    const environments = (image: string) => {
      const chart = plainChart();
      const { job } = madeIn(chart, { image, version: 'v0.4.1', store: s3(chart) });
      return containers(job).map(({ env = [] }) => JSON.stringify(env).includes(JSON.stringify(none)));
    };
    expect(environments('ghcr.io/ggml-org/llama.cpp:full-cuda-v0.4.1')).toEqual([true, true, true, true]);
    expect(environments('registry.example.com/tools:7')).toEqual([true, true, true, true]);
    expect(environments('ghcr.io/ggml-org/llama.cpp:full-v0.4.1')).toEqual([false, false, false, false]);
  });

  test('tells the program what to read, what to write and how', () => {
    const { convert, weights, artifact } = made({ threads: 6, name: 'Chat', weights: GgufType.Q5_K_M });
    expect(convert.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/gguf_convert.py']);
    expect(convert.args).toEqual([
      `--input=/models/${weights.path}`,
      `--input-key=${weights.key}`,
      `--output=/models/${artifact.path}`,
      `--key=${artifact.key}`,
      '--name=Chat-Q5_K_M',
      '--model-name=Chat',
      '--type=Q5_K_M',
      '--intermediate=AUTO',
      `--needs-bytes=${artifact.bytes! + ggufBytes(weights.facts!, GgufType.AUTO)}`,
      '--threads=6',
      '--version=v0.4.1',
      '--tools=/app',
    ]);
  });

  test("runs llama.cpp's own image, by a command of its own", () => {
    const { job } = made();
    for (const name of ['await-model', 'convert']) {
      expect(container(job, name).image).toMatch(/^ghcr\.io\/ggml-org\/llama\.cpp:full-v0\.4\.1/);
    }
  });

  test('has a CPU for each thread', () => {
    expect(made().convert.resources.requests.cpu).toBe('4');
    expect(made({ weights: GgufType.F16 }).convert.resources.requests.cpu).toBe('2');
    const { resources } = made({ threads: 6 }).convert;
    expect([resources.requests.cpu, resources.limits.cpu]).toEqual(['6', '6']);
  });

  test('writes nowhere but to the volume', () => {
    const { convert } = made();
    expect(convert.securityContext.readOnlyRootFilesystem).toBe(true);
    expect(convert.volumeMounts).toEqual([
      { name: 'models', mountPath: '/models' },
      { name: 'programs', mountPath: '/opt/cdk8s-llm', readOnly: true },
    ]);
  });

  test('reaches nothing and is reached by nothing', () => {
    const { spec } = the(made().objects, 'NetworkPolicy', /gguf-convert/);
    expect([spec.ingress, spec.egress]).toEqual([[], []]);
  });
});

describe('memory', () => {
  test('is that of the largest tensor and a fifth more', () => {
    const values = 151936 * 2048; // the embeddings of Qwen3-1.7B
    const expected = Math.ceil((1.2 * (350 * 1024 ** 2 + 8.1 * values)) / 1024 ** 2);
    expect(memoryOf({})).toBe(`${expected}Mi`);
  });

  test('counts the experts of a layer as one tensor', () => {
    const experts = { experts: 64, activeExperts: 4, moeHiddenDim: 4096 };
    const facts = tinyFacts({ architecture: ModelArchitecture.QWEN3_MOE, dim: 2048, ...experts });
    const expected = Math.ceil((1.2 * (350 * 1024 ** 2 + 8.1 * 64 * 4096 * 2048)) / 1024 ** 2);
    expect(memoryOf({}, { facts, source: source(UNKNOWN) })).toBe(`${expected}Mi`);
  });

  test('is at least what torch needs', () => expect(memoryOf({}, { facts: tinyFacts() })).toBe('1Gi'));

  test("is the user's where it is enough", () => {
    expect(memoryOf({ memory: Size.gibibytes(9) })).toBe('9Gi');
    expect(() => made({ memory: Size.gibibytes(2) })).toThrow(
      /models\/gguf: 'memory' is '2Gi'; allowed: \d+Mi or more: the converter computes the largest tensor/,
    );
  });

  test('must be given where the facts are not known', () => {
    const unknown = { source: source(UNKNOWN) };
    expect(() => made({}, unknown)).toThrow(/'memory' is nothing; .* Give memory, or give ModelCache/);
    expect(memoryOf({ memory: Size.gibibytes(9) }, unknown)).toBe('9Gi');
  });
});

describe('the version', () => {
  test("is that of the image's tag, or is said", () => {
    const full = (tag: string) => ({ image: `ghcr.io/ggml-org/llama.cpp:full-${tag}` });
    expect(argument(made(full('cuda-b9900')).convert, 'version')).toEqual(['b9900']);
    const own = { image: 'registry.example.com/tools:7' };
    expect(() => made(own)).toThrow(/'version' is nothing; allowed: a build 'b6500' or a release 'v0\.4\.1'/);
    expect(argument(made({ ...own, version: 'b6500' }).convert, 'version')).toEqual(['b6500']);
    expect(() => made({ ...full('b9900'), version: 'b9901' })).toThrow(
      "'version' is 'b9901'; allowed: b9900, as the tag of image 'ghcr.io/ggml-org/llama.cpp:full-b9900' says",
    );
  });

  test.each([
    ['ghcr.io/ggml-org/llama.cpp:server-b9900', /allowed: one of llama\.cpp's full images/],
    [
      'ghcr.io/ggml-org/llama.cpp:full-b8390',
      /allowed: an image newer than b8390\. The older ones have Python 3\.10/,
    ],
    ['ghcr.io/ggml-org/llama.cpp:full', /'version' is nothing/],
    ['llama.cpp', /'image' is 'llama\.cpp'; allowed: an image pinned/],
  ])('of %s is refused', (image, message) => expect(() => made({ image })).toThrow(message));
});

describe('an importance matrix', () => {
  const matrixOf = (chart: ReturnType<typeof plainChart>, store = sharedClaim({ name: 'matrix' })) =>
    cache(chart, { source: source(UNKNOWN), store }, 'matrix').artifact;

  test('is demanded by the types that llama-quantize refuses without it', () => {
    const refused = Object.values(GgufType).filter((weights) => {
      try {
        made({ weights });
        return false;
      } catch (error) {
        expect((error as Error).message).toMatch(
          /'weights' is '\w+'; allowed: a type that needs no importance/,
        );
        return true;
      }
    });
    expect(refused.sort()).toEqual('IQ1_M IQ1_S IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ3_XS IQ3_XXS Q2_K_S'.split(' '));
  });

  test('is waited for, mounted and told to the program', () => {
    const chart = plainChart();
    const model = matrixOf(chart);
    const { job, convert, objects, weights, artifact } = madeIn(
      chart,
      { weights: GgufType.IQ2_M, importanceMatrix: { model, file: 'data/imatrix.gguf' } },
      { store: sharedClaim() },
    );
    expect(argument(convert, 'imatrix')).toEqual(['data/imatrix.gguf']);
    expect(argument(convert, 'imatrix-dir')).toEqual([`/models-1/${model.path}`]);
    expect(argument(convert, 'imatrix-key')).toEqual([model.key]);
    expect(convert.volumeMounts).toContainEqual({ name: 'models-1', mountPath: '/models-1', readOnly: true });
    expect(container(job, 'await-model').args).toContain(`--key=${model.key}`);
    expect(job.metadata.annotations).toMatchObject({
      'cdk8s-llm/needs-artifact': `${weights.key} ${model.key}`,
      'cdk8s-llm/parents': `${weights.path} ${model.path}`,
    });
    expect(violationsOf(objects)).toBe('');
    expect(artifact.key).not.toBe(made({ weights: GgufType.Q2_K }).artifact.key);
  });

  test.each([
    ['/etc/passwd', GgufType.IQ2_M, /'importanceMatrix.file' is '\/etc\/passwd'/],
    ['a/../b', GgufType.IQ2_M, /'importanceMatrix.file' is 'a\/\.\.\/b'/],
    ['', GgufType.IQ2_M, /'importanceMatrix.file' is ''/],
    [
      'imatrix.gguf',
      GgufType.F16,
      /'importanceMatrix' is 'imatrix\.gguf'; allowed: nothing, as F16 is not quantized/,
    ],
  ])('%s with %s is refused', (file, weights, message) => {
    const chart = plainChart();
    const importanceMatrix = { model: matrixOf(chart), file };
    expect(() => madeIn(chart, { weights, importanceMatrix })).toThrow(message);
  });
});

describe('an adapter', () => {
  function adapter(props: Partial<GgufConversionProps> = {}) {
    const chart = plainChart();
    const store = sharedClaim({ name: 'models' });
    const adapterOf = cache(chart, { store }, 'base').artifact;
    return { adapterOf, ...madeIn(chart, { adapterOf, ...props }, { source: source(UNKNOWN), store }) };
  }

  test('is converted with the configuration of its model', () => {
    const { convert, adapterOf, objects, artifact, job, weights } = adapter();
    expect(argument(convert, 'base')).toEqual([`/models/${adapterOf.path}`]);
    expect(argument(convert, 'base-key')).toEqual([adapterOf.key]);
    expect(job.metadata.annotations?.['cdk8s-llm/parents']).toBe(`${weights.path} ${adapterOf.path}`);
    expect(argument(convert, 'type')).toEqual(['F16']);
    expect(convert.resources.limits.memory).toBe('2Gi');
    expect(artifact.modelFile).toBe('mystery-F16.gguf');
    expect(violationsOf(objects)).toBe('');
  });

  test.each([GgufType.Q4_K_M, GgufType.AUTO])('is not converted to %s', (weights) => {
    expect(() => adapter({ weights })).toThrow(`'weights' is '${weights}'; allowed: F32, F16, BF16, Q8_0.`);
  });
});

describe('the artifact', () => {
  test('is one GGUF file, named after the model and its type', () => {
    const { artifact, weights } = made({}, { licence: 'mit' });
    expect(artifact.format).toBe(ArtifactFormat.GGUF);
    expect(artifact.modelFile).toBe('qwen3-1.7b-Q4_K_M.gguf');
    expect(artifact.path).toMatch(/^qwen3-1\.7b-q4_k_m-[0-9a-f]{12}$/);
    expect(artifact.facts).toBe(weights.facts);
    expect(artifact.provenance).toEqual(weights.provenance);
  });

  test('of several files is named by its first part', () => {
    const { artifact, convert } = made({ maxFileSize: Size.gibibytes(4) });
    expect(artifact.modelFile).toBe('qwen3-1.7b-Q4_K_M-00001-of-*.gguf');
    expect(argument(convert, 'max-file-mb')).toEqual(['4294']);
    expect(() => made({ maxFileSize: Size.kibibytes(900) })).toThrow(
      "'maxFileSize' is '900Ki'; allowed: 1 meg",
    );
  });

  test('has another key for all that decides its bytes', () => {
    const keys = [
      {},
      { weights: GgufType.Q4_K_S },
      { weights: GgufType.F16 },
      { intermediate: GgufType.F32 },
      { name: 'other' },
      { image: 'ghcr.io/ggml-org/llama.cpp:full-v0.5.0' },
      { maxFileSize: Size.gibibytes(4) },
    ].map((props) => made(props).artifact.key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(made({ threads: 1, memory: Size.gibibytes(9) }).artifact.key).toBe(keys[0]);
  });

  // The files of bartowski/Meta-Llama-3.1-8B-Instruct-GGUF and Qwen/Qwen3-8B-GGUF.
  test.each<[string, GgufType, number]>([
    ['meta-llama/Llama-3.1-8B-Instruct', GgufType.Q8_0, 8.54e9],
    ['meta-llama/Llama-3.1-8B-Instruct', GgufType.Q6_K, 6.6e9],
    ['meta-llama/Llama-3.1-8B-Instruct', GgufType.Q5_K_M, 5.73e9],
    ['meta-llama/Llama-3.1-8B-Instruct', GgufType.Q4_K_M, 4.92e9],
    ['meta-llama/Llama-3.1-8B-Instruct', GgufType.Q3_K_M, 4.02e9],
    ['meta-llama/Llama-3.1-8B-Instruct', GgufType.Q2_K, 3.18e9],
    ['Qwen/Qwen3-8B', GgufType.Q4_K_M, 5.03e9],
  ])('%s as %s has about the size of the published file', (repository, type, published) => {
    const { facts } = downloaded(plainChart(), { source: source(repository) });
    expect(Math.abs(ggufBytes(facts!, type) / published - 1)).toBeLessThan(0.02);
  });

  test('has no size where the facts are not known', () => {
    const { artifact, convert } = made({ memory: Size.gibibytes(8) }, { source: source(UNKNOWN) });
    expect(artifact.bytes).toBeUndefined();
    expect(argument(convert, 'needs-bytes')).toEqual([]);
  });
});

describe('a server', () => {
  test.each([
    ['in one file', {}, ['/app/llama-server'], 'qwen3-1.7b-Q4_K_M.gguf'],
    [
      'in several',
      { maxFileSize: Size.gibibytes(1) },
      ['/bin/sh', '/opt/llama-server/llama.sh'],
      'qwen3-1.7b-Q4_K_M-00001-of-*.gguf',
    ],
  ])('waits for the model and is given it %s', (_, props, command, file) => {
    const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
    const model = downloaded(pipeline.download, { store: sharedClaim() });
    const { artifact } = new GgufConversion(pipeline.convert, 'gguf', { model, ...props });
    new LlamaServer(pipeline.serve, 'chat', { model: artifact });
    const objects = objectsOf(...pipeline._phases().map(({ chart }) => chart));
    expect(violationsOf(objects)).toBe('');
    const server = the(objects, 'Deployment');
    expect(container(server, 'await-model').args).toContain(`--key=${artifact.key}`);
    const llama = podSpec(server).containers[0];
    expect(llama.command).toEqual(command);
    expect(llama.args.join('/')).toContain(`${artifact.path}/${file}`);
  });
});

describe('what is refused', () => {
  test.each<[Partial<GgufConversionProps>, string]>([
    [{ weights: 'Q4' as GgufType }, "'weights' is 'Q4'; allowed: AUTO, F32,"],
    [{ intermediate: GgufType.Q8_0 }, "'intermediate' is 'Q8_0'; allowed: AUTO, F32, F16, BF16"],
    [{ weights: GgufType.F16, intermediate: GgufType.F32 }, "'intermediate' is 'F32'; allowed: nothing"],
    [{ name: '../x' }, "'name' is '../x'"],
    [{ name: '' }, "'name' is ''"],
    [{ threads: 0 }, "'threads' is 0"],
    [{ attempt: 0 }, "'attempt' is 0"],
    [
      { scratch: Size.gibibytes(9) },
      "'scratch' is '9Gi'; allowed: nothing, as the files are written into the",
    ],
  ])('%j', (props, message) => expect(() => made(props)).toThrow(`models/gguf: ${message}`));

  test.each<[object, string]>([
    [{ name: 5, weights: GgufType.AUTO }, "'name' is 5; allowed: letters"],
    [{ weights: null }, "'weights' is null; allowed: a value"],
    [{ image: 5 }, "'image' is 5; allowed: an image pinned"],
    [{ version: 5 }, "'version' is 5; allowed: a build"],
    [{ adapterOf: '' }, "'adapterOf' is 'a string'; allowed: an artifact"],
    [
      { importanceMatrix: 'imatrix.gguf' },
      "'importanceMatrix' is 'a string'; allowed: an object of model, file",
    ],
    [
      { importanceMatrix: {}, weights: GgufType.IQ2_M },
      "'importanceMatrix.file' is nothing; allowed: a path",
    ],
    [{ maxFileSize: 5 }, "'maxFileSize' is 5; allowed: a size"],
    [{ store: 'models' }, "'store' is 'a string'; allowed: a ModelStore"],
  ])('of plain JavaScript: %j', (props, message) => expect(() => made(props)).toThrow(message));

  test('a model that is converted already', () => {
    const chart = plainChart();
    const { artifact } = conversion(chart, { model: downloaded(chart) });
    expect(() => new GgufConversion(chart, 'gguf', { model: artifact })).toThrow(
      "'model' is 'an artifact of format 'dllama''",
    );
    expect(() => new GgufConversion(chart, 'none', {} as GgufConversionProps)).toThrow("'model' is nothing");
  });

  test('a claim that has no room for what is quantized beside the result', () => {
    const facts = ModelFacts.fromConfig({ ...tinyFacts(), ...BIG });
    const [whole, half] = [GgufType.AUTO, GgufType.Q8_0].map((type) => ggufBytes(facts, type));
    const model = { source: source(UNKNOWN), facts, store: sharedClaim() };
    const into = (bytes: number, weights: GgufType) =>
      made({ weights, store: claim({ size: Size.gibibytes(Math.ceil(bytes / GIB)) }) }, model);
    expect(into(1.1 * half, GgufType.Q8_0).artifact.bytes).toBe(half);
    expect(() => into(1.1 * half, GgufType.Q4_K_M)).toThrow(
      /'store' is 'a new claim of .*what is there besides, while it is made/,
    );
    expect(into(1.1 * (whole + half), GgufType.Q4_K_M).artifact.bytes).toBeLessThan(half);
  });
});

/** The config.json of an 8B model. */
const BIG = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  max_position_embeddings: 8192,
};

describe('output in another claim', () => {
  test('leaves the model as it is', () => {
    const { convert, job, artifact, objects } = made(
      { store: sharedClaim({ name: 'converted' }) },
      { store: sharedClaim() },
    );
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
    expect(violationsOf(objects)).toBe('');
  });
});

describe('output in S3', () => {
  test('passes through a disk that holds the result and what it is quantized from', () => {
    const chart = plainChart();
    const { job, artifact, objects, weights } = madeIn(chart, { store: s3(chart, { bucket: 'gguf' }) });
    expect(podSpec(job).initContainers.map(({ name }: { name: string }) => name)).toEqual([
      'await-model',
      'look',
      'convert',
    ]);
    expect(podSpec(job).containers.map(({ name }: { name: string }) => name)).toEqual(['upload']);
    const { emptyDir } = podSpec(job).volumes.find(({ name }: { name: string }) => name === 'output');
    const disk = parseInt(emptyDir.sizeLimit) * 1024 ** 2;
    const needed = artifact.bytes! + ggufBytes(weights.facts!, GgufType.AUTO);
    expect(disk / needed).toBeGreaterThan(1.05);
    expect(disk / needed).toBeLessThan(1.2);
    const { resources } = container(job, 'convert');
    expect(parseInt(resources.limits['ephemeral-storage'])).toBe(parseInt(emptyDir.sizeLimit) + 64);
    expect(job.metadata.annotations?.['cdk8s-llm/secrets']).toContain('minio-creds');
    expect(violationsOf(objects)).toBe('');
  });

  test('needs to be told of that disk where the facts are not known', () => {
    const unknown = { source: source(UNKNOWN) };
    const memory = Size.gibibytes(8);
    const chart = plainChart();
    expect(() => madeIn(chart, { memory, store: s3(chart) }, unknown)).toThrow(
      /'scratch' is nothing; .* acme/,
    );
    const other = plainChart();
    const { job } = madeIn(other, { memory, store: s3(other), scratch: Size.gibibytes(40) }, unknown);
    expect(podSpec(job).volumes).toContainEqual({ name: 'output', emptyDir: { sizeLimit: '40Gi' } });
  });
});

describe('the Job', () => {
  test('has the same name for the same spec, and another for another', () => {
    const names = [
      {},
      { attempt: 2 },
      { weights: GgufType.Q6_K },
      { threads: 3 },
      { memory: Size.gibibytes(9) },
      { image: 'ghcr.io/ggml-org/llama.cpp:full-v0.5.0' },
      { placement: { nodeSelector: { disk: 'fast' } } },
    ].map(jobName);
    expect(new Set(names).size).toBe(names.length);
    expect(jobName()).toBe(names[0]);
    expect(names[0]).toMatch(/^models-gguf-[0-9a-f]{8}$/);
  });

  test('is made once for two conversions that are the same, and not for two that differ in how', () => {
    const chart = plainChart();
    const model = downloaded(chart);
    const [one, two] = ['one', 'two'].map((id) => new GgufConversion(chart, id, { model }).artifact);
    expect(one.path).toBe(two.path);
    expect(objectsOf(chart).filter(({ kind }) => kind === 'Job')).toHaveLength(2);
    expect(() => new GgufConversion(chart, 'three', { model, threads: 9 })).toThrow(
      'the same threads as there',
    );
  });

  test('says what it needs, what it makes, and where both come from', () => {
    const { job, weights, artifact } = made({}, { licence: 'apache-2.0' });
    expect(job.metadata.annotations).toMatchObject({
      'argocd.argoproj.io/sync-wave': '30',
      'cdk8s-llm/needs-artifact': weights.key,
      'cdk8s-llm/artifact-key': artifact.key,
      'cdk8s-llm/artifact-bytes': String(artifact.bytes),
      'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
      'cdk8s-llm/licence': 'apache-2.0',
    });
  });
});

test('the program knows the same types, and the same that need no quantizer', () => {
  const script =
    `import sys; sys.path.insert(0, ${JSON.stringify(path.join(REPOSITORY, 'src/runtime'))}); ` +
    'import gguf_convert as g; print(*g.FILE_TYPES, g.AUTO); print(*g.CONVERTED)';
  const [types, converted] = execFileSync('python3', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  expect(types.split(' ').sort()).toEqual(Object.values(GgufType).map(String).sort());
  expect(converted.split(' ').sort()).toEqual(Object.values(GgufType).filter(isConverted).map(String).sort());
});
