import { ModelFacts } from '../../../src/engines/model-facts';
import { knownFacts, knownRepositories } from '../../../src/engines/known-models';
import { FloatType } from '../../../src/engines/dllama/float-type';
import { unsupportedByDllama } from '../../../src/engines/dllama/support';

const QWEN3 = {
  model_type: 'qwen3',
  hidden_size: 2048,
  intermediate_size: 6144,
  num_hidden_layers: 28,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  vocab_size: 151936,
  max_position_embeddings: 40960,
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  rope_scaling: null,
  attention_bias: false,
  sliding_window: null,
  use_sliding_window: false,
};
const MIXTURE = {
  ...QWEN3,
  model_type: 'qwen3_moe',
  num_experts: 128,
  num_experts_per_tok: 8,
  moe_intermediate_size: 768,
  mlp_only_layers: [],
  decoder_sparse_step: 1,
  norm_topk_prob: true,
};
const LLAMA3_ROPE = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

const problems = (config: object, weights?: FloatType) =>
  unsupportedByDllama(ModelFacts.fromConfig(config), weights);

test.each([
  ['qwen3', QWEN3],
  ['qwen3_moe', MIXTURE],
  ['llama', { ...QWEN3, model_type: 'llama', rope_scaling: LLAMA3_ROPE }],
  [
    'mistral, whose window is part of the architecture',
    { ...QWEN3, model_type: 'mistral', sliding_window: 4096 },
  ],
  ['transformers 5', { ...QWEN3, rope_parameters: { rope_type: 'default', rope_theta: 1000000 } }],
  [
    'transformers 5, stretched',
    { ...QWEN3, model_type: 'llama', rope_parameters: { ...LLAMA3_ROPE, rope_theta: 500000 } },
  ],
])('%s is supported', (_name, config) => {
  expect(problems(config)).toEqual([]);
  expect(problems(config, FloatType.Q40)).toEqual([]);
});

test.each(knownRepositories())('%s is supported', (repository) => {
  expect(unsupportedByDllama(knownFacts(repository)!)).toEqual([]);
});

const LLAMA = { ...QWEN3, model_type: 'llama' };

test.each([
  [
    "model_type is 'gemma2' and distributed-llama runs llama, mistral, qwen3,",
    { ...QWEN3, model_type: 'gemma2' },
  ],
  ['hidden_act is "gelu" and distributed-llama computes silu alone', { ...QWEN3, hidden_act: 'gelu' }],
  ['rms_norm_eps is 1e-12 and distributed-llama knows 1e-5 and 1e-6', { ...QWEN3, rms_norm_eps: 1e-12 }],
  ['attention_bias is true and distributed-llama adds no biases', { ...QWEN3, attention_bias: true }],
  ['the rope type is "linear"', { ...QWEN3, rope_scaling: { type: 'linear', factor: 2 } }],
  ['the rope type is "yarn"', { ...QWEN3, rope_parameters: { rope_type: 'yarn', factor: 4 } }],
  ['the rope type is llama3 in a qwen3', { ...QWEN3, rope_scaling: LLAMA3_ROPE }],
  ['factor of the llama3 rope scaling is no', { ...LLAMA, rope_scaling: { ...LLAMA3_ROPE, factor: 1.5 } }],
  ['rope_theta is 10000.5', { ...QWEN3, rope_theta: 10000.5 }],
  ['rope_theta is 10000000000', { ...QWEN3, rope_theta: 1e10 }],
  ['partial_rotary_factor is 0.5', { ...QWEN3, partial_rotary_factor: 0.5 }],
  ['quantization_config says', { ...QWEN3, quantization_config: { quant_method: 'fp8' } }],
  ['num_experts is 8 in a qwen3', { ...QWEN3, num_experts: 8 }],
  ['mlp_only_layers or decoder_sparse_step', { ...MIXTURE, mlp_only_layers: [0] }],
  ['mlp_only_layers or decoder_sparse_step', { ...MIXTURE, decoder_sparse_step: 2 }],
  ['norm_topk_prob is false', { ...MIXTURE, norm_topk_prob: false }],
])('refuses: %s', (message, config) => {
  expect(problems(config)).toEqual([expect.stringContaining(message)]);
});

test('a mixture of experts runs in q40 alone', () => {
  expect(problems(MIXTURE, FloatType.F32)).toEqual([expect.stringContaining('convert it to q40')]);
  expect(problems(QWEN3, FloatType.F32)).toEqual([]);
});

test('every reason is given at once', () => {
  expect(problems({ ...QWEN3, hidden_act: 'relu', attention_bias: true, mlp_bias: true })).toEqual([
    expect.stringContaining('hidden_act'),
    expect.stringContaining('attention_bias and mlp_bias'),
  ]);
});
