import { KnownModels } from '../../src';
import { knownFacts, knownRepositories } from '../../src/engines/known-models';

/** Repositories whose files hold the output matrix beside the embedding that it equals. */
const STORED_TWICE = ['Qwen/Qwen3-0.6B', 'Qwen/Qwen3-1.7B'];

describe('known models', () => {
  // The sizes come from the repositories, the numbers of parameters from the dimensions: one checks the other.
  test.each(knownRepositories())('%s: the dimensions give the size of its files', (repository) => {
    const facts = knownFacts(repository)!;
    const outputMatrix = STORED_TWICE.includes(repository) ? facts.vocabSize * facts.dim : 0;
    expect(facts.sourceBytes).toBe(2 * (facts.parameters + outputMatrix));
  });

  test.each([
    ['Qwen/Qwen3-1.7B', 28, 16, 8],
    ['Qwen/Qwen3-32B', 64, 64, 8],
    ['Qwen/Qwen3-30B-A3B', 48, 32, 4],
    ['meta-llama/Llama-3.2-3B-Instruct', 28, 24, 8],
    ['deepseek-ai/DeepSeek-R1-Distill-Llama-8B', 32, 32, 8],
  ])('%s has %i layers, %i heads and %i key-value heads', (repository, layers, heads, kvHeads) => {
    expect(knownFacts(repository)).toMatchObject({ layers, heads, kvHeads });
  });

  // What a file of safetensors has besides its tensors is a header of about a hundred bytes for each of them.
  test('Qwen/Qwen2.5-0.5B-Instruct: the dimensions, with biases and norms, give the size of its one file', () => {
    const { dim, hiddenDim, layers, heads, kvHeads, headDim, vocabSize, sourceBytes } = knownFacts(
      'Qwen/Qwen2.5-0.5B-Instruct',
    )!;
    const [queries, keys] = [heads * headDim, kvHeads * headDim];
    const attention = 2 * dim * queries + 2 * dim * keys + queries + 2 * keys;
    const layer = attention + 3 * dim * hiddenDim + 2 * dim;
    const tensors = 2 * (vocabSize * dim + layers * layer + dim);
    expect(tensors).toBe(988065536);
    const perTensor = (sourceBytes! - tensors) / (12 * layers + 2);
    expect(perTensor).toBeGreaterThan(100);
    expect(perTensor).toBeLessThan(150);
  });

  test('upper and lower case are the same, other names are unknown', () => {
    expect(knownFacts('qwen/qwen3-1.7b')?.dim).toBe(2048);
    expect(knownFacts('someone/Qwen3-1.7B')).toBeUndefined();
    expect(knownFacts('constructor')).toBeUndefined();
  });
});

describe('facts for copies of known models', () => {
  test.each(['Qwen/Qwen3-8B', 'qwen/qwen3-8b', 'nvidia/Llama-3.1-70B-Instruct-FP8'])(
    'are those of %s',
    (name) => {
      expect(KnownModels.facts(name)).toEqual(knownFacts(name));
    },
  );

  test('are there for each repository that is listed', () => {
    const { repositories } = KnownModels;
    expect(repositories).toEqual(expect.arrayContaining([...knownRepositories(), 'deepseek-ai/DeepSeek-R1']));
    expect(repositories).toEqual([...new Set(repositories)].sort());
    for (const repository of repositories) expect(KnownModels.facts(repository).layers).toBeGreaterThan(0);
  });

  test.each(['acme/Qwen3-8B', '', null, 8])(
    'are not there for %j, and the error lists the others',
    (name) => {
      const facts = () => KnownModels.facts(name as string);
      expect(facts).toThrow(
        `KnownModels.facts: 'repository' is ${typeof name === 'string' ? `'${name}'` : name};`,
      );
      expect(facts).toThrow(/Qwen\/Qwen3-8B, .*ModelFacts\.fromConfigFile/);
    },
  );
});
