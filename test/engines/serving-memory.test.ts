import { knownServingFacts, knownServingRepositories } from '../../src/engines/known-configs';
import { knownFacts } from '../../src/engines/known-models';
import { ModelFacts } from '../../src/engines/model-facts';
import {
  bytesPerParameter,
  estimatedParameters,
  expertParameters,
  weightBytes,
} from '../../src/engines/model-size';
import {
  explainMemory,
  kvCacheBytesPerToken,
  leastDevices,
  longestContextThatFits,
  servingMemory,
  ServingDemand,
} from '../../src/engines/serving-memory';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const L4 = 23034 * MIB;
const H100 = 81559 * MIB;
const MI300X = 192 * GIB;

const llama8b = knownFacts('meta-llama/Llama-3.1-8B')!;
const llama70b = knownFacts('meta-llama/Llama-3.1-70B')!;
const llama70bFp8 = knownFacts('nvidia/Llama-3.1-70B-Instruct-FP8')!;
const deepseek = knownFacts('deepseek-ai/DeepSeek-R1')!;
const gptOss = knownFacts('openai/gpt-oss-20b')!;

function demand(facts: ModelFacts, more: Partial<ServingDemand> = {}): ServingDemand {
  return {
    facts,
    parallelism: { tensor: 1, pipeline: 1, data: 1 },
    kvCacheBytes: 2,
    contextTokens: 8192,
    deviceBytes: H100,
    utilization: 0.9,
    ...more,
  };
}

describe('the size of a model', () => {
  // As the models' own cards name them, in billions.
  test.each([
    ['deepseek-ai/DeepSeek-V3', 671],
    ['moonshotai/Kimi-K2-Instruct', 1026],
    ['Qwen/Qwen3-32B-FP8', 32.8],
    ['Qwen/Qwen3-30B-A3B-FP8', 30.5],
    ['Qwen/Qwen3-235B-A22B', 235],
    ['Qwen/Qwen3-Coder-480B-A35B-Instruct', 480],
    ['openai/gpt-oss-20b', 20.9],
    ['openai/gpt-oss-120b', 117],
    ['mistralai/Mixtral-8x7B-v0.1', 46.7],
    ['mistralai/Mixtral-8x22B-v0.1', 141],
    ['nvidia/Llama-3.1-70B-Instruct-FP8', 70.6],
  ])('%s has %d billion parameters', (repository, billions) => {
    const estimated = estimatedParameters(knownServingFacts(repository)!) / 1e9;
    expect(Math.abs(estimated / billions - 1)).toBeLessThan(0.004);
  });

  test('every known model is estimated within 3 % of its files', () => {
    for (const repository of knownServingRepositories()) {
      const facts = knownServingFacts(repository)!;
      if (facts.sourceBytes === undefined) continue;
      const estimated = estimatedParameters(facts) * bytesPerParameter(facts);
      expect(Math.abs(estimated / facts.sourceBytes - 1)).toBeLessThan(0.03);
    }
    expect(estimatedParameters(llama70b) / llama70b.parameters).toBeCloseTo(1, 4);
  });

  test('what is known of the files is taken before what is computed', () => {
    expect(weightBytes(llama8b)).toBe(16060522496);
    expect(weightBytes(llama8b, 5)).toBe(5);
    expect(weightBytes(deepseek)).toBe(688586727753);
  });

  test.each([
    [{ quant_method: 'fp8' }, 1],
    [{ quant_method: 'mxfp4' }, 0.53125],
    [{ quant_method: 'awq', bits: 4 }, 0.515625],
    [{ quant_method: 'gptq', bits: 8 }, 1.015625],
    [
      { quant_method: 'compressed-tensors', config_groups: { group_0: { weights: { num_bits: 4 } } } },
      0.515625,
    ],
    [{ quant_method: 'bitsandbytes', load_in_4bit: true }, 0.5],
    [{ quant_method: 'bitsandbytes', load_in_8bit: true }, 1],
    [{ quant_method: 'something-new' }, 2],
    [undefined, 2],
  ])('%j takes %d bytes for a parameter', (quantization, bytes) => {
    const facts = ModelFacts.fromConfig({ ...CONFIG, quantization_config: quantization });
    expect(bytesPerParameter(facts)).toBe(bytes);
  });

  test('weights of 32 bits take 4 bytes', () => {
    expect(bytesPerParameter(ModelFacts.fromConfig({ ...CONFIG, torch_dtype: 'float32' }))).toBe(4);
  });

  test('dense layers among mixtures have no experts', () => {
    expect(expertParameters(deepseek)).toBe(58 * 256 * 3 * 7168 * 2048);
    expect(expertParameters(llama8b)).toBe(0);
  });
});

describe('the key-value cache', () => {
  test('of grouped queries: 2 x layers x kvHeads x headDim x bytes', () => {
    expect(kvCacheBytesPerToken(llama8b, 2)).toBe(2 * 32 * 8 * 128 * 2);
    expect(kvCacheBytesPerToken(llama70b, 1)).toBe(2 * 80 * 8 * 128);
  });

  test('of latent attention: layers x (kv_lora_rank + qk_rope_head_dim) x bytes, on each device whole', () => {
    expect(kvCacheBytesPerToken(deepseek, 2)).toBe(61 * (512 + 64) * 2);
    const one = servingMemory(demand(deepseek, { contextTokens: 1000 }));
    const eight = servingMemory(
      demand(deepseek, { contextTokens: 1000, parallelism: { tensor: 8, pipeline: 1, data: 1 } }),
    );
    expect(eight.kvCache).toBe(one.kvCache);
    expect(eight.kvCache).toBe(1000 * 61 * 576 * 2);
  });

  test('of layers with a window: no more tokens than it has', () => {
    const { kvCache } = servingMemory(demand(gptOss, { contextTokens: 10000 }));
    expect(kvCache).toBe((12 * 10000 + 12 * 128) * 2 * 8 * 64 * 2);
  });

  test('of linear layers: none', () => {
    const facts = ModelFacts.fromConfig({ ...CONFIG, model_type: 'qwen3_next', full_attention_interval: 4 });
    expect(kvCacheBytesPerToken(facts, 2)).toBe(2 * 8 * 8 * 128 * 2);
  });

  test('of an architecture that is not known: nothing is counted', () => {
    const facts = ModelFacts.fromConfig({ ...CONFIG, model_type: 'brand_new' });
    expect(kvCacheBytesPerToken(facts, 2)).toBeUndefined();
    expect(servingMemory(demand(facts)).kvCache).toBe(0);
  });

  test('heads are divided among devices, and repeated where they are fewer', () => {
    const of = (tensor: number) =>
      servingMemory(demand(llama8b, { contextTokens: 1, parallelism: { tensor, pipeline: 1, data: 1 } }))
        .kvCache;
    expect([of(1), of(2), of(8), of(16)]).toEqual([131072, 65536, 16384, 16384]);
  });
});

describe('a device', () => {
  test('Llama 3.1 70B in FP8 fits 8 L4 as tensor 2 x pipeline 4, and in 16 bits with its full context it does not', () => {
    const parallelism = { tensor: 2, pipeline: 4, data: 1 };
    const fp8 = demand(llama70bFp8, { parallelism, deviceBytes: L4, contextTokens: 32768, kvCacheBytes: 1 });
    expect(servingMemory(fp8).fits).toBe(true);
    const full = demand(llama70b, { parallelism, deviceBytes: L4, contextTokens: 131072 });
    expect(servingMemory(full).fits).toBe(false);
    expect(explainMemory(full)).toBe(
      "Of each device's 22.5 GiB the engine may take 20.2 GiB (0.9). Weights divided by 2 x 4 take 16.4 GiB, the " +
        'key-value cache of one request of 131072 tokens 5.0 GiB, the rest at least 1.0 GiB: 22.4 GiB. What would ' +
        'fit: a context of at most 73863 tokens on the same devices, or 10 such devices (tensor 2 x pipeline 5).',
    );
  });

  test('DeepSeek-R1 fits 8 MI300X and not 8 H100', () => {
    const parallelism = { tensor: 8, pipeline: 1, data: 1 };
    expect(servingMemory(demand(deepseek, { parallelism, deviceBytes: MI300X })).fits).toBe(true);
    const h100 = demand(deepseek, { parallelism });
    expect(servingMemory(h100).fits).toBe(false);
    expect(longestContextThatFits(h100)).toBe(0);
    expect(leastDevices(h100)).toMatchObject({ devices: 10 });
  });

  test('the context that is said to fit does, and one token more does not', () => {
    const d = demand(llama8b, { deviceBytes: L4, contextTokens: 131072 });
    const context = longestContextThatFits(d);
    expect(context).toBeGreaterThan(0);
    expect(context).toBeLessThan(131072);
    expect(servingMemory({ ...d, contextTokens: context }).fits).toBe(true);
    expect(servingMemory({ ...d, contextTokens: context + 1 }).fits).toBe(false);
  });

  test('the number of devices that is said to fit does, and one less does not in any division', () => {
    const d = demand(llama70b, { contextTokens: 131072 });
    const { devices, division } = leastDevices(d)!;
    expect(servingMemory({ ...d, parallelism: division }).fits).toBe(true);
    expect(devices).toBe(3);
    for (const parallelism of [
      { tensor: 2, pipeline: 1, data: 1 },
      { tensor: 1, pipeline: 2, data: 1 },
    ])
      expect(servingMemory({ ...d, parallelism }).fits).toBe(false);
  });

  test('layers that do not divide evenly: the fullest stage counts', () => {
    const { weights } = servingMemory(demand(llama8b, { parallelism: { tensor: 1, pipeline: 3, data: 1 } }));
    expect(weights).toBe((16060522496 * 11) / 32);
  });

  test('parallel experts are spread over all copies, the rest is in each', () => {
    const parallelism = { tensor: 1, pipeline: 1, data: 16, expert: true };
    const experts = expertParameters(deepseek);
    const { weights } = servingMemory(demand(deepseek, { parallelism }));
    expect(weights).toBeCloseTo(688586727753 - experts + experts / 16, -1);
  });

  test('where no number of devices would do, that is said', () => {
    expect(explainMemory(demand(deepseek, { deviceBytes: 2 * GIB }))).toContain(
      'No number of such devices would do: take larger ones, or quantized weights.',
    );
  });
});

const CONFIG = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  max_position_embeddings: 131072,
};
