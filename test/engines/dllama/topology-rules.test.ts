import { ModelArchitecture, ModelFacts } from '../../../src/engines/model-facts';
import { knownFacts } from '../../../src/engines/known-models';
import { FloatType } from '../../../src/engines/dllama/float-type';
import { allowedNodeCounts, checkNodes, workersOfPower } from '../../../src/engines/dllama/topology-rules';

const { Q40, F32 } = FloatType;
const qwen = knownFacts('Qwen/Qwen3-1.7B')!;

/**
 * Six heads on three key-value heads. When it was tried, three nodes gave the same text as one; two ran as well and
 * gave another.
 */
const threefold = {
  architecture: ModelArchitecture.LLAMA,
  dim: 384,
  hiddenDim: 768,
  layers: 3,
  heads: 6,
  kvHeads: 3,
  vocabSize: 1026,
  maxSeqLen: 2048,
};

test.each([
  [0, 0],
  [1, 1],
  [2, 3],
  [3, 7],
  [4, 15],
])('power %i is %i workers', (power, workers) => {
  expect(workersOfPower(power)).toBe(workers);
});

test.each([-1, 1.5, NaN])('power %d is refused', (power) => {
  expect(() => workersOfPower(power)).toThrow(`replicaPower is ${power}; it must be a whole number from 0`);
});

describe('allowed node counts', () => {
  test.each([
    ['Qwen/Qwen3-0.6B', [1, 2, 4, 8]],
    ['Qwen/Qwen3-14B', [1, 2, 4, 8]],
    ['Qwen/Qwen3-30B-A3B', [1, 2, 4]],
    ['meta-llama/Llama-3.2-3B', [1, 2, 4, 8]],
    ['meta-llama/Llama-3.1-70B', [1, 2, 4, 8]],
  ])('%s: %j', (repository, counts) => {
    expect(allowedNodeCounts(knownFacts(repository)!, Q40)).toEqual(counts);
  });

  test('powers of two are a rule of the common models, not of the engine', () => {
    expect(allowedNodeCounts(ModelFacts.of(threefold), F32)).toEqual([1, 3]);
    expect(allowedNodeCounts(ModelFacts.of(threefold), Q40)).toEqual([1, 3]);
  });
});

describe('checkNodes', () => {
  test('accepts what the model allows', () => {
    for (const nodes of [1, 2, 4, 8])
      expect(checkNodes({ facts: qwen, nodes, weights: Q40 })).toBeUndefined();
  });

  test('lists the node counts that the model allows', () => {
    const message = checkNodes({ facts: qwen, nodes: 6, weights: Q40 });
    expect(message).toContain('6 nodes (root and 5 workers) cannot share the model');
    expect(message).toContain('key-value heads 8 not divisible by 6; heads 16 not divisible by 6');
    expect(message).toContain('This model allows 1, 2, 4, 8 nodes (0, 1, 3, 7 workers)');
  });

  test('no more nodes than key-value heads', () => {
    expect(checkNodes({ facts: qwen, nodes: 16, weights: Q40 })).toContain(
      'it has 8 key-value heads, and a node needs at least one',
    );
  });

  test('without facts accepts powers of two alone', () => {
    for (const nodes of [1, 2, 4, 8, 16]) expect(checkNodes({ nodes, weights: Q40 })).toBeUndefined();
    expect(checkNodes({ nodes: 3, weights: Q40 })).toContain(
      "3 nodes (root and 2 workers) is no power of two; without the model's facts allowed are 1, 2, 4, 8, 16",
    );
  });

  test.each([0, -1, 1.5])('%d nodes are none', (nodes) => {
    expect(checkNodes({ facts: qwen, nodes, weights: Q40 })).toContain(
      'must be a whole number of at least 1',
    );
  });

  const facts = (change: Partial<typeof threefold> & { headDim?: number }): ModelFacts =>
    ModelFacts.of({ ...threefold, heads: 8, kvHeads: 4, dim: 256, vocabSize: 1024, ...change });

  // Each rule, broken alone.
  test.each([
    [
      { heads: 6, kvHeads: 2, headDim: 64 },
      3,
      F32,
      '3 nodes (root and 2 workers) cannot share the model: it has 2 key-v',
    ],
    [{ heads: 12, kvHeads: 6, headDim: 64 }, 4, F32, 'model: key-value heads 6 not divisible by 4. This'],
    [
      { heads: 10, headDim: 64 },
      4,
      F32,
      'model: heads 10 not divisible by 4; heads 10 not divisible by key-value heads 4. T',
    ],
    [{ heads: 10, headDim: 64 }, 2, F32, 'model: heads 10 not divisible by key-value heads 4. This'],
    [{ hiddenDim: 770 }, 4, F32, 'model: feed-forward dimension 770 not divisible by 4. This'],
    [{ vocabSize: 1026 }, 4, F32, 'model: vocabulary 1026 not divisible by 4. This'],
    [{ headDim: 31 }, 4, F32, 'model: head dimension 31 not divisible by 2. This'],
    [{ dim: 264, headDim: 32 }, 1, Q40, 'model: dimension 264 not divisible by 32, the block of q40. This'],
    [
      { headDim: 8 },
      4,
      Q40,
      'model: query dimension per node 16 not divisible by 32, the block of q40. This',
    ],
    [
      { hiddenDim: 736 },
      2,
      Q40,
      'model: feed-forward dimension per node 368 not divisible by 32, the block of q40. T',
    ],
  ] as const)('%j on %i nodes in %s', (change, nodes, weights, reason) => {
    expect(checkNodes({ facts: facts(change), nodes, weights })).toContain(reason);
  });

  test('the rules of blocks bind q40 alone', () => {
    const odd = facts({ dim: 264, headDim: 32 });
    expect(checkNodes({ facts: odd, nodes: 4, weights: F32 })).toBeUndefined();
    expect(checkNodes({ facts: odd, nodes: 4, weights: Q40 })).toContain(
      'This model allows no number of nodes',
    );
  });

  test('a mixture of experts divides the experts, not the dense feed-forward vector', () => {
    const mixture = knownFacts('Qwen/Qwen3-30B-A3B')!;
    const { dim, layers, heads, kvHeads, headDim, vocabSize, maxSeqLen, experts, activeExperts } = mixture;
    const changed = ModelFacts.of({
      ...{ dim, layers, heads, kvHeads, headDim, vocabSize, maxSeqLen, experts, activeExperts },
      architecture: ModelArchitecture.QWEN3_MOE,
      hiddenDim: 6144,
      moeHiddenDim: 760,
    });
    expect(checkNodes({ facts: changed, nodes: 4, weights: Q40 })).toContain(
      'feed-forward dimension per node 190 not divisible by 32',
    );
  });
});
