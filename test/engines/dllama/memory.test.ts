import { ModelArchitecture, ModelFacts } from '../../../src/engines/model-facts';
import { knownFacts } from '../../../src/engines/known-models';
import { FloatType } from '../../../src/engines/dllama/float-type';
import {
  checkMemoryLimit,
  defaultMaxSeqLen,
  explainMemory,
  longestContext,
  modelFileBytes,
  podMemory,
  requiredMemory,
} from '../../../src/engines/dllama/memory';
import { PublishedDllamaModel } from '../../../src/engines/dllama/published-models';

const { Q40, F32 } = FloatType;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Whether a figure, written with so many digits, is the value rounded. */
function expectRounded(value: number, figure: string): void {
  const digits = figure.split('.')[1]?.length ?? 0;
  expect(Math.abs(value - Number(figure))).toBeLessThanOrEqual(0.5 * 10 ** -digits + 1e-9);
}

describe('the memory of the published models', () => {
  // GiB at 4096 tokens of context on 1, 2, 4, 8 (16) nodes: root/last worker; then one node at full context; and
  // the size of the file in GB.
  test.each([
    ['llama3_1_8b_instruct_q40', ['7.01', '4.49/2.56', '3.23/1.31', '2.61/0.69'], '40.4', '6.32'],
    [
      'llama3_1_405b_instruct_q40',
      ['229.8', '118.9/111.1', '63.4/55.7', '35.6/28.0', '21.8/14.1'],
      '484',
      '238',
    ],
    ['llama3_2_1b_instruct_q40', ['1.96', '1.48/0.51', '1.24/0.28', '1.12/0.16'], '11.2', '1.75'],
    ['llama3_2_3b_instruct_q40', ['4.12', '2.80/1.35', '2.15/0.70', '1.82/0.38'], '33.1', '3.38'],
    ['llama3_3_70b_instruct_q40', ['43.0', '23.5/19.6', '13.7/9.9', '8.8/5.0'], '125', '43.3'],
    ['deepseek_r1_distill_llama_8b_q40', ['7.01', '4.49/2.56', '3.23/1.31', '2.61/0.69'], '40.4', '6.32'],
    ['qwen3_0.6b_q40', ['1.82', '1.21/0.63', '0.90/0.33', '0.75/0.17'], '9.8', '0.96'],
    ['qwen3_1.7b_q40', ['2.99', '2.08/0.93', '1.63/0.47', '1.41/0.25'], '11.0', '2.21'],
    ['qwen3_8b_q40', ['7.47', '4.91/2.59', '3.63/1.31', '2.98/0.67'], '17.8', '6.75'],
    ['qwen3_14b_q40', ['11.6', '7.24/4.34', '5.08/2.18', '4.00/1.10'], '23.0', '10.98'],
    ['qwen3_30b_a3b_q40', ['17.8', '9.54/8.38', '5.38/4.22'], '24.8', '18.3'],
  ])('%s', (key, perNodeCount, fullContext, fileSize) => {
    const { facts } = PublishedDllamaModel.all().find((model) => model.key === key)!;
    perNodeCount.forEach((figures, power) => {
      const [root, lastWorker] = figures.split('/');
      const memory = requiredMemory({ facts, nodes: 2 ** power, weights: Q40, maxSeqLen: 4096 });
      expectRounded(memory.root.total / GIB, root);
      expect(memory.workers).toHaveLength(2 ** power - 1);
      if (lastWorker !== undefined) expectRounded(memory.workers.at(-1)!.total / GIB, lastWorker);
    });
    const full = requiredMemory({ facts, nodes: 1, weights: Q40, maxSeqLen: facts.maxSeqLen });
    expectRounded(full.root.total / GIB, fullContext);
    expectRounded(modelFileBytes(facts, Q40) / 1e9, fileSize);
  });
});

const TINY = { layers: 3, vocabSize: 1152, maxSeqLen: 2048, normEpsilon: 1e-5, ropeTheta: 10000 };
const LLAMA_PROPS = {
  ...TINY,
  architecture: ModelArchitecture.LLAMA,
  ...{ dim: 256, hiddenDim: 768, heads: 8, kvHeads: 4 },
};
const LLAMA = ModelFacts.of(LLAMA_PROPS);
const THREEFOLD = ModelFacts.of({
  ...TINY,
  architecture: ModelArchitecture.LLAMA,
  ...{
    dim: 384,
    hiddenDim: 768,
    heads: 6,
    kvHeads: 3,
    headDim: 64,
    vocabSize: 1026,
    llama3RopeScaling: true,
  },
});
const QWEN3 = ModelFacts.of({
  ...TINY,
  architecture: ModelArchitecture.QWEN3,
  ...{ dim: 256, hiddenDim: 768, heads: 8, kvHeads: 4, headDim: 64, normEpsilon: 1e-6 },
});
const MIXTURE = ModelFacts.of({
  ...TINY,
  architecture: ModelArchitecture.QWEN3_MOE,
  ...{ dim: 256, hiddenDim: 768, heads: 8, kvHeads: 4, headDim: 64 },
  ...{ experts: 8, activeExperts: 2, moeHiddenDim: 384 },
});

describe('what distributed-llama logged', () => {
  // "RequiredMemory: N MB" of root and workers, v0.16.4, --max-seq-len 1000, files of the computed size: it
  // refuses one that is a byte longer or shorter.
  test.each([
    ['llama', LLAMA, Q40, [[8], [4, 4], [3, 2, 2, 2]]],
    ['llama', LLAMA, F32, [[17], [9, 8], [5, 4, 4, 4]]],
    ['llama on three', THREEFOLD, Q40, [[11], [5, 3, 4]]],
    ['llama on three', THREEFOLD, F32, [[25], [9, 8, 8]]],
    ['qwen3', QWEN3, Q40, [[11], [6, 5], [4, 2, 2, 2]]],
    ['qwen3', QWEN3, F32, [[21], [11, 10], [6, 5, 5, 5]]],
    ['qwen3_moe', MIXTURE, Q40, [[13], [7, 6], [4, 3, 3, 3]]],
    ['qwen3_moe', MIXTURE, F32, [[41], [21, 20], [11, 10, 10, 10]]],
  ])('%s', (_name, facts, weights, layouts) => {
    for (const logged of layouts) {
      const { root, workers } = requiredMemory({ facts, nodes: logged.length, weights, maxSeqLen: 1000 });
      expect([root, ...workers].map(({ total }) => Math.floor(total / MIB))).toEqual(logged);
    }
  });
});

describe('the size of the model file', () => {
  const q40 = (values: number): number => (values / 32) * 18;

  test('is that of its tensors and its header', () => {
    const layer = q40(256 * 256) * 2 + q40(256 * 128) * 2 + q40(256 * 768) * 3 + 2 * 4 * 256;
    const tensors = 4 * 1152 * 256 + 3 * layer + 4 * 256 + q40(256 * 1152);
    // Magic and length, 13 fields that are always there, the base of the rotary embedding and epsilon.
    expect(modelFileBytes(LLAMA, Q40)).toBe(8 + 8 * (13 + 2) + tensors);
  });

  test('counts gate, experts and head norms of a mixture of experts', () => {
    const attention = 4 * 256 * 512 * 2 + 4 * 256 * 256 * 2;
    const layer = attention + 4 * 256 * 8 + 8 * 3 * 4 * 256 * 384 + 2 * 4 * 64 + 2 * 4 * 256;
    const tensors = 4 * 1152 * 256 + 3 * layer + 4 * 256 + 4 * 256 * 1152;
    expect(modelFileBytes(MIXTURE, F32)).toBe(8 + 8 * (13 + 4) + tensors);
  });

  test.each([
    [{ llama3RopeScaling: true }, 5],
    [{ headDim: 32 }, 1],
    [{ ropeTheta: undefined }, -1],
    [{ normEpsilon: undefined }, -1],
  ])('has a header that follows config.json: %j', (change, fields) => {
    const changed = ModelFacts.of({ ...LLAMA_PROPS, ...change });
    expect(modelFileBytes(changed, Q40) - modelFileBytes(LLAMA, Q40)).toBe(fields * 8);
  });
});

describe('the memory of a pod', () => {
  const facts = knownFacts('Qwen/Qwen3-1.7B')!;
  const layout = { facts, nodes: 4, weights: Q40, maxSeqLen: 4096 };

  test('adds the slice in transfer and the process, in whole MiB', () => {
    const { root, worker } = podMemory(layout);
    const slice = ((2048 * 151936) / 4 / 32) * 18;
    const required = requiredMemory(layout);
    expect(root.transfer).toBe(slice);
    expect(root.mib).toBe(Math.ceil((required.root.total + slice) / MIB + 64));
    expect(worker?.mib).toBe(Math.ceil((required.workers[2].total + slice) / MIB + 64));
  });

  test('takes the largest worker', () => {
    const llama = { ...layout, facts: knownFacts('meta-llama/Llama-3.1-8B')! };
    const { workers } = requiredMemory(llama);
    expect(workers[2].total).toBeGreaterThan(workers[0].total);
    expect(podMemory(llama).worker?.required).toEqual(workers[2]);
  });

  test('a single node transfers nothing and has no worker', () => {
    const { root, worker } = podMemory({ ...layout, nodes: 1 });
    expect(root.transfer).toBe(0);
    expect(worker).toBeUndefined();
  });

  test('serves 4096 tokens by default, and never more than the model was made for', () => {
    expect(defaultMaxSeqLen(facts)).toBe(4096);
    expect(defaultMaxSeqLen(LLAMA)).toBe(2048);
    const more = requiredMemory({ facts: LLAMA, nodes: 1, weights: Q40, maxSeqLen: 99999 });
    expect(more).toEqual(requiredMemory({ facts: LLAMA, nodes: 1, weights: Q40, maxSeqLen: 2048 }));
  });

  test.each([
    [{ sliding_window: 1024 }, 1024],
    [{ sliding_window: 1024, use_sliding_window: false }, 2048],
    [{ sliding_window: null }, 2048],
    [{ sliding_window: 8192 }, 2048],
  ])('serves no context beyond the window that the layers attend to: %j', (window, longest) => {
    const config = {
      ...{ model_type: 'mistral', hidden_size: 256, intermediate_size: 768, num_hidden_layers: 3 },
      ...{ num_attention_heads: 8, num_key_value_heads: 4, vocab_size: 1152, max_position_embeddings: 2048 },
      ...window,
    };
    expect(longestContext(ModelFacts.fromConfig(config))).toBe(longest);
    expect(defaultMaxSeqLen(ModelFacts.fromConfig(config))).toBe(longest);
  });

  test('is explained term by term', () => {
    expect(explainMemory(layout, 'root')).toBe(
      'the root of 4 nodes with q40 weights and 4096 tokens of context needs weights 231 + embedding 1,187 + ' +
        'KV cache 224 + rope 2 + attention 2 + buffers 26 + transfer 42 + process 64 = 1,778 MiB',
    );
    expect(explainMemory({ ...layout, nodes: 1 }, 'worker')).toBe('a single node has no workers');
  });

  test('suffices to the last MiB', () => {
    expect(checkMemoryLimit(layout, 'root', 1778 * MIB)).toBeUndefined();
    expect(checkMemoryLimit(layout, 'root', 1778 * MIB - 1)).toContain('give at least 1778Mi');
    expect(checkMemoryLimit({ ...layout, nodes: 1 }, 'worker', 0)).toBeUndefined();
  });

  test('proposes every way out that there is', () => {
    expect(checkMemoryLimit(layout, 'root', 1600 * MIB)).toMatch(
      /= 1,778 MiB; the limit given is 1,600 MiB: give at least 1778Mi, or 7 workers \([\d,]+ MiB\), or maxSeqLen \d+ \([\d,]+ MiB\)$/,
    );
    // 1187 MiB of embedding alone.
    expect(checkMemoryLimit(layout, 'root', 1024 * MIB)).toMatch(/1,024 MiB: give at least 1778Mi$/);
  });

  test.each([450, 590])('a context proposed for a limit of %i MiB fits it, and is the longest', (limit) => {
    const proposed = Number(/maxSeqLen (\d+)/.exec(checkMemoryLimit(layout, 'worker', limit * MIB)!)![1]);
    expect(podMemory({ ...layout, maxSeqLen: proposed }).worker!.mib).toBeLessThanOrEqual(limit);
    expect(podMemory({ ...layout, maxSeqLen: proposed + 256 }).worker!.mib).toBeGreaterThan(limit);
  });

  test('no context is proposed where none fits', () => {
    expect(podMemory({ ...layout, maxSeqLen: 256 }).worker!.mib).toBeGreaterThan(300);
    expect(checkMemoryLimit(layout, 'worker', 300 * MIB)).not.toContain('maxSeqLen');
  });
});
