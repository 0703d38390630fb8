import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import {
  Accelerator,
  Artifact,
  ArtifactFormat,
  DllamaConversion,
  FineTuneResult,
  FloatType,
  GgufConversion,
  LlamaServer,
  ModelSource,
  SpeculativeDecoding,
  VllmRun,
  VllmRunServer,
  VllmServer,
} from '../../src';
import { sourceKey } from '../../src/artifact/key';
import { dataset, fineTune } from '../support/fine-tunes';
import { cache, COMMIT, downloaded, sharedClaim, topology } from '../support/models';
import { objectsOf, plainChart, violationsOf } from '../support/objects';
import { inferenceServer } from '../support/servers';
import { SHA256 } from '../support/sources';

const GPU = Accelerator.nvidia({ count: 1 });

/** Files of rows, wherever they are from. */
const DATASETS: [string, ModelSource][] = [
  ['of Hugging Face', ModelSource.huggingFace('acme/tickets', { revision: COMMIT, dataset: true })],
  ['by its address', ModelSource.parse(`hf://datasets/acme/tickets@${COMMIT}`)],
  ['in S3', ModelSource.s3({ bucket: 'sets', unpinned: true, format: ArtifactFormat.DATASET })],
  ['of a claim', ModelSource.claim('sets', { path: 'a', unpinned: true, format: ArtifactFormat.DATASET })],
  [
    'of a web server',
    ModelSource.https('https://example.com/a.jsonl', { sha256: SHA256, format: ArtifactFormat.DATASET }),
  ],
];

test.each(DATASETS)('a dataset %s is one, and is trained with', (_, source) => {
  const chart = plainChart();
  const store = sharedClaim();
  const train = cache(chart, { source, store }, 'set').artifact;
  expect(train.format).toBe(ArtifactFormat.DATASET);
  fineTune(chart, { model: downloaded(chart, { store }), datasets: { train } });
  expect(violationsOf(objectsOf(chart))).toBe('');
});

test('what its format is decides no key', () => {
  const s3 = (format?: ArtifactFormat) => ModelSource.s3({ bucket: 'sets', unpinned: true, format })._spec;
  expect(sourceKey(s3(ArtifactFormat.DATASET))).toBe(sourceKey(s3()));
});

test('a repository of datasets may hold what is none', () => {
  const source = (props: object) =>
    ModelSource.huggingFace('acme/mixed', { revision: COMMIT, dataset: true, ...props })._spec.format;
  expect(source({ include: ['*.gguf'] })).toBe(ArtifactFormat.GGUF);
  expect(source({ format: ArtifactFormat.HUGGING_FACE })).toBe(ArtifactFormat.HUGGING_FACE);
});

/** Each property that takes a model, or what is read like one. */
const READERS: [string, string, (scope: Construct, set: Artifact, model: Artifact) => unknown][] = [
  ['DllamaConversion', 'model', (scope, set) => new DllamaConversion(scope, 'x', { model: set })],
  [
    'DllamaTopology',
    'model',
    (scope, set) =>
      topology(scope, { model: set, modelFile: 'a.m', tokenizerFile: 'a.t', weights: FloatType.Q40 }, 'x'),
  ],
  ['GgufConversion', 'model', (scope, set) => new GgufConversion(scope, 'x', { model: set })],
  [
    'GgufConversion',
    'adapterOf',
    (scope, set, model) => new GgufConversion(scope, 'x', { model, adapterOf: set }),
  ],
  ['LlamaServer', 'model', (scope, set) => new LlamaServer(scope, 'x', { model: set, file: 'a.gguf' })],
  [
    'LlamaServer',
    'draft.model',
    (scope, set, model) =>
      new LlamaServer(scope, 'x', { model, file: 'a.gguf', draft: { model: set, file: 'b.gguf' } }),
  ],
  ['VllmServer', 'model', (scope, set) => new VllmServer(scope, 'x', { model: set, accelerator: GPU })],
  [
    'VllmServer',
    'adapters[0].adapter',
    (scope, set, model) =>
      new VllmServer(scope, 'x', { model, accelerator: GPU, adapters: [{ name: 'a', adapter: set }] }),
  ],
  ['a draft model of vLLM', 'model', (_, set) => SpeculativeDecoding.draftModel({ model: set, tokens: 2 })],
  ['InferenceServer', 'model', (scope, set) => inferenceServer(scope, { model: set }, 'x')],
  [
    'VllmRun',
    'model',
    (scope, set) => new VllmRun(scope, 'x', { command: ['vllm'], model: set, memory: Size.gibibytes(16) }),
  ],
  [
    'VllmRunServer',
    'model',
    (scope, set) => new VllmRunServer(scope, 'x', { command: ['vllm'], model: set, accelerator: GPU }),
  ],
  ['FineTune', 'model', (scope, set) => fineTune(scope, { model: set }, 'x')],
];

test.each(READERS)('%s takes none as %s', (_, field, make) => {
  const chart = plainChart();
  const store = sharedClaim();
  const set = dataset(chart, store);
  const model = downloaded(chart, { store });
  expect(() => make(chart, set, model)).toThrow(
    `'${field}' is 'a dataset'; allowed: a model, or an adapter where one is read. A FineTune takes it as one of its ` +
      'datasets.',
  );
});

test('what a server reads besides may be one', () => {
  const chart = plainChart();
  const store = sharedClaim();
  const artifacts = [{ name: 'prompts', artifact: dataset(chart, store) }];
  const model = downloaded(chart, { store });
  new VllmRun(chart, 'bench', { command: ['vllm'], model, artifacts, memory: Size.gibibytes(16) });
  expect(violationsOf(objectsOf(chart))).toBe('');
});

describe('FineTune trains with no model', () => {
  const chart = plainChart();
  const store = sharedClaim();
  const model = downloaded(chart, { store });
  const gguf = ModelSource.huggingFace('a/b', { revision: COMMIT, include: ['*.gguf'] });
  const told = "'datasets.train' is '";
  test.each<[string, () => Artifact, string]>([
    ['well-known', () => model, `${told}Qwen/Qwen3-1.7B, a model of format 'huggingface''`],
    [
      'of another format',
      () => cache(chart, { source: gguf, store }, 'g').artifact,
      `${told}a/b, a model of`,
    ],
    [
      'lora',
      () => fineTune(chart, { model, result: FineTuneResult.LORA_ADAPTER }, 'adapter').artifact,
      `a model of format 'lora''; allowed: a dataset. Of Hugging Face it is fetched with dataset: true`,
    ],
  ])('%s', (name, train, message) => {
    expect(() => fineTune(chart, { model, datasets: { train: train() } }, name)).toThrow(message);
  });
});
