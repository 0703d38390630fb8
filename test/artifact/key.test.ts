import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  DllamaConversionProps,
  DllamaConverter,
  FloatType,
  HuggingFaceSourceOptions,
  ModelCacheProps,
  ModelSource,
} from '../../src';
import { plainChart } from '../support/objects';
import {
  cache,
  claim,
  COMMIT,
  conversion,
  downloaded,
  OTHER_COMMIT,
  source,
  tinyFacts,
  sharedClaim,
} from '../support/models';

const FORM = /^[0-9a-f]{12}$/;

describe('the key of downloaded files', () => {
  const keyOf = (options: HuggingFaceSourceOptions = {}, repository = 'org/model', revision = COMMIT) =>
    downloaded(plainChart(), { source: ModelSource.huggingFace(repository, { revision, ...options }) }).key;
  const keyWith = (props: Partial<ModelCacheProps>, id = 'weights', chart = plainChart()) =>
    cache(chart, { source: source('org/model'), ...props }, id).artifact.key;
  const key = keyOf();

  test('is a short hash', () => expect(key).toMatch(FORM));

  test.each<[string, string]>([
    ['repository', keyOf({}, 'org/model2')],
    ['revision', keyOf({}, 'org/model', OTHER_COMMIT)],
    ['included files', keyOf({ include: ['*.json'] })],
    ['excluded files', keyOf({ exclude: ['*.json'] })],
    ['joined files', keyOf({ join: { whole: ['a', 'b'] } })],
  ])('changes with the %s', (_, other) => {
    expect(other).toMatch(FORM);
    expect(other).not.toBe(key);
  });

  test('tells what is included from what is excluded', () => {
    expect(keyOf({ include: ['*.json'] })).not.toBe(keyOf({ exclude: ['*.json'] }));
  });

  test('tells the order of parts', () => {
    expect(keyOf({ join: { whole: ['a', 'b'] } })).not.toBe(keyOf({ join: { whole: ['b', 'a'] } }));
  });

  test('is the same whatever the order of the patterns', () => {
    expect(keyOf({ include: ['a', 'b'] })).toBe(keyOf({ include: ['b', 'a'] }));
    expect(keyOf({ exclude: ['a', 'b'] })).toBe(keyOf({ exclude: ['b', 'a'] }));
  });

  test.each<[string, string]>([
    ['mirror', keyOf({ endpoint: 'https://hub.example.com' })],
    ['token', keyOf({ tokenSecret: Secret.fromSecretName(plainChart(), 'token', 'hf-token') })],
    ['memory', keyWith({ memory: Size.gibibytes(2) })],
    ['concurrency', keyWith({ concurrency: 2 })],
    ['image', keyWith({ image: 'registry.example.com/python:3.12' })],
    ['attempt', keyWith({ attempt: 2 })],
    ['store', keyWith({ store: claim({ name: 'other' }) })],
    ['licence', keyWith({ licence: 'mit' })],
    ['facts', keyWith({ facts: tinyFacts() })],
    ["construct's id", keyWith({}, 'other-id')],
    ['namespace', keyWith({}, 'weights', plainChart({ namespace: 'other', id: 'other' }))],
  ])('does not change with the %s', (_, other) => expect(other).toBe(key));

  test('is in the path of the files, after the name of the repository', () => {
    const { artifact } = cache(plainChart());
    expect(artifact.path).toBe(`qwen--qwen3-1.7b-${artifact.key}`);
  });
});

describe('the key of converted files', () => {
  const keyOf = (props: Partial<DllamaConversionProps> = {}, id?: string) => {
    const chart = plainChart();
    return conversion(chart, props, id).artifact.key;
  };
  const key = keyOf();

  test('is a short hash, and another one than that of the parent', () => {
    expect(key).toMatch(FORM);
    expect(key).not.toBe(downloaded(plainChart()).key);
  });

  test.each<[string, string]>([
    ['parent', keyOf({ model: downloaded(plainChart(), { source: source(undefined, OTHER_COMMIT) }) })],
    ['weights', keyOf({ weights: FloatType.F32 })],
    ['name, which is in the names of the files', keyOf({ name: 'other' })],
    ['converter', keyOf({ converter: DllamaConverter.upstream() })],
  ])('changes with the %s', (_, other) => {
    expect(other).toMatch(FORM);
    expect(other).not.toBe(key);
  });

  test('changes with the version of the upstream converter', () => {
    const of = (version: string) => keyOf({ converter: DllamaConverter.upstream({ version }) });
    expect(of('v0.16.3')).not.toBe(of('v0.16.2'));
  });

  test.each<[string, string]>([
    ['threads', keyOf({ threads: 7 })],
    ['memory', keyOf({ memory: Size.gibibytes(3) })],
    ['image', keyOf({ image: 'registry.example.com/python:3.12' })],
    ['proxy', keyOf({ pipProxy: 'http://proxy:4001' })],
    ['package index', keyOf({ pipIndexUrl: 'https://index.example.com/simple' })],
    ['way to get packages', keyOf({ installPackages: false })],
    ['store', keyOf({ store: sharedClaim() })],
    ['attempt', keyOf({ attempt: 2 })],
    ["construct's id", keyOf({}, 'other-id')],
  ])('does not change with the %s', (_, other) => expect(other).toBe(key));

  test('is in the path of the files, after name and weights', () => {
    const { artifact } = conversion(plainChart());
    expect(artifact.path).toBe(`qwen3-1.7b-q40-${artifact.key}`);
  });
});
