import {
  PhasedApp,
  DllamaConversion,
  DllamaConverter,
  DllamaTopology,
  ModelCache,
  ModelFacts,
  ModelSource,
  PublishedDllamaModel,
  SmokeTest,
  VllmServer,
} from '../../src';
import { LlamaServer } from '../../src/constructs/llama-server';
import { plainChart } from '../support/objects';
import { cache, claim, COMMIT, conversion, DLLAMA_IMAGE, s3, source, topology } from '../support/models';

// What a type checker would stop, a program without one may do. `never` is taken for any type.
const nothing = undefined as never;

describe('what a construct cannot do without', () => {
  const ARTIFACT = 'allowed: an artifact. Give the .artifact of a ModelCache or DllamaConversion.';
  const SOURCE = "allowed: a ModelSource. Make one: ModelSource.parse('hf://org/name@<commit>').";
  const STORE = 'allowed: a ModelStore. Make one: ModelStore.claim({ size: Size.gibibytes(20) }).';

  test.each<[string, unknown, string]>([
    ['no props', undefined, `'source' is nothing; ${SOURCE}`],
    ['no source', { store: claim() }, `'source' is nothing; ${SOURCE}`],
    ['the text of a source', { source: 'hf://a/b', store: claim() }, `'source' is 'a string'; ${SOURCE}`],
    ['a store as the source', { source: claim() }, `'source' is 'an object of class ModelStore'; ${SOURCE}`],
    ['no store', { source: source() }, `'store' is nothing; ${STORE}`],
    ['the name of a store', { source: source(), store: 'models' }, `'store' is 'a string'; ${STORE}`],
    ['a null store', { source: source(), store: null }, `'store' is null; ${STORE}`],
  ])('is asked for by a ModelCache with %s', (_, props, message) => {
    expect(() => new ModelCache(plainChart(), 'weights', props as never)).toThrow(
      `models/weights: ${message}`,
    );
  });

  test.each([
    ['DllamaConversion', DllamaConversion, {}],
    ['DllamaTopology', DllamaTopology, { image: DLLAMA_IMAGE, workers: 1 }],
  ])('is asked for by a %s without a model', (_, Made, others) => {
    const make = (props: unknown) => () => new Made(plainChart(), 'it', props as never);
    const path = { ...others, model: '/models' };
    expect(make(undefined)).toThrow(`models/it: 'model' is nothing; ${ARTIFACT}`);
    expect(make(others)).toThrow(`models/it: 'model' is nothing; ${ARTIFACT}`);
    expect(make(path)).toThrow(`models/it: 'model' is 'a string'; ${ARTIFACT}`);
    const construct = { ...others, model: cache(plainChart()) };
    expect(make(construct)).toThrow(`models/it: 'model' is 'an object of class ModelCache'; ${ARTIFACT}`);
  });

  test('is asked for by a DllamaConversion whose store is only a name', () => {
    expect(() => conversion(plainChart(), { store: 'models' as never })).toThrow(
      `'store' is 'a string'; ${STORE}`,
    );
  });

  test('is asked for by a DllamaTopology without an image', () => {
    const model = conversion(plainChart()).artifact;
    const make = () => new DllamaTopology(plainChart(), 'chat', { model, workers: 1, image: nothing });
    expect(make).toThrow("models/chat: 'image' is nothing; allowed: an image pinned by a tag");
  });

  test('is asked for by a pipeline', () => {
    expect(() => new PhasedApp().pipeline('qwen', nothing)).toThrow(
      "qwen: 'namespace' is nothing; allowed: at most 63 lower-case letters",
    );
  });

  test('is asked for by a source', () => {
    expect(() => ModelSource.huggingFace('a/b', nothing)).toThrow(
      "ModelSource.huggingFace: 'revision' is nothing; allowed: a full commit id",
    );
  });
});

test('a converter is not told nothing, and nothing is no published model', () => {
  expect(() => DllamaConverter.upstream(null as never)).toThrow("DllamaConverter.upstream: 'props' is null");
  expect(() => DllamaConverter.upstream({ scriptsUrl: 5 as never })).toThrow("'scriptsUrl' is 5");
  expect(PublishedDllamaModel.ofRepository(null as never)).toBeUndefined();
  expect(() => ModelFacts.of(null as never)).toThrow('ModelFacts: dim (hidden_size) is missing');
});

test.each(['memory', 'chunkMax', 'scratch'])('a ModelCache is not told a number as its %s', (field) => {
  expect(() => cache(plainChart(), { [field]: 512 })).toThrow(
    `models/weights: '${field}' is 512; allowed: a size above nothing, for instance Size.gibibytes(20).`,
  );
});

describe('null is nothing that can be said', () => {
  const refused = (field: string) =>
    `'${field}' is null; allowed: a value. Leave it out to have the default.`;
  const make: Record<string, (props: never) => unknown> = {
    ModelCache: (props) => cache(plainChart(), props),
    DllamaConversion: (props) => conversion(plainChart(), props),
    DllamaTopology: (props) => topology(plainChart(), props),
    SmokeTest: (props) => new SmokeTest(plainChart(), 'test', props),
    LlamaServer: (props) => new LlamaServer(plainChart(), 'chat', props),
    VllmServer: (props) => new VllmServer(plainChart(), 'chat', props),
  };

  test.each([
    ['ModelCache', 'placement'],
    ['ModelCache', 'chunkMax'],
    ['DllamaConversion', 'image'],
    ['DllamaTopology', 'allowFrom'],
    ['DllamaTopology', 'smokeTest'],
    ['SmokeTest', 'to'],
    ['LlamaServer', 'apiKey'],
    ['VllmServer', 'apiKey'],
  ])('to a %s as its %s', (construct, field) => {
    expect(() => make[construct]({ [field]: null } as never)).toThrow(refused(field));
  });
});

test.each<[string, unknown, string]>([
  ['allowFrom', 'everyone', "'allowFrom' is 'a string'; allowed: a list"],
  ['allowFrom', ['everyone'], "'allowFrom[0]' is 'a string'; allowed: a NetworkPeer"],
  ['smokeTest', { promt: 'x' }, "'name in smokeTest' is 'promt'"],
])('a DllamaTopology refuses %s: %j', (field, value, message) => {
  expect(() => topology(plainChart(), { [field]: value })).toThrow(`models/chat: ${message}`);
});

test.each(['noProxy', 'egressPorts', 'imagePullSecrets'])('a Job has lists as %s', (field) => {
  expect(() => cache(plainChart(), { [field]: 'x' })).toThrow(
    `models/weights: '${field}' is 'a string'; allowed: a list.`,
  );
});

describe('a Secret', () => {
  const secrets: [string, unknown, string][] = [
    ['a name', 'my-hf', "'a string'"],
    ['an object without a name', {}, "'an object of class Object'"],
    ['an empty name', { name: '' }, "'an object of class Object'"],
    ['null', null, 'null'],
  ];
  const allowed = 'allowed: a Secret of cdk8s-plus. Name one that exists: Secret.fromSecretName(';

  test.each(secrets)('with the token is not %s', (_, tokenSecret, given) => {
    expect(() =>
      ModelSource.huggingFace('a/b', { revision: COMMIT, tokenSecret: tokenSecret as never }),
    ).toThrow(`ModelSource.huggingFace: 'tokenSecret' is ${given}; ${allowed}`);
  });

  test.each(secrets)('with the credentials of a bucket is not %s', (_, credentialsSecret, given) => {
    expect(() => s3(plainChart(), { credentialsSecret: credentialsSecret as never })).toThrow(
      `ModelStore.s3: 'credentialsSecret' is ${given}; ${allowed}`,
    );
  });

  test.each(secrets)('that pulls images is not %s', (_, secret, given) => {
    const imagePullSecrets = [{ name: 'registry' }, secret] as never;
    const message = `'imagePullSecrets[1]' is ${given}; ${secret === null ? 'allowed: a value' : allowed}`;
    expect(() => cache(plainChart(), { imagePullSecrets })).toThrow(`models/weights: ${message}`);
    expect(() => conversion(plainChart(), { imagePullSecrets })).toThrow(`models/q40: ${message}`);
    expect(() => topology(plainChart(), { imagePullSecrets })).toThrow(`models/chat: ${message}`);
  });

  test('that was given as its text is not repeated by the error', () => {
    expect(() =>
      ModelSource.huggingFace('a/b', { revision: COMMIT, tokenSecret: 'hf_geheim' as never }),
    ).toThrow(/^(?!.*geheim)/);
  });
});
