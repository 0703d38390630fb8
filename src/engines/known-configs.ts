import { ModelFacts } from './model-facts';

/** What serving takes of a repository's config.json, and the size of its safetensors files where it is known. */
interface KnownConfig {
  readonly config: Readonly<Record<string, unknown>>;
  readonly sourceBytes?: number;
}

/**
 * Facts of well-known models for engines that run them as they are: quantized ones, and of architectures that this
 * library does not convert.
 *
 * @internal
 */
export function knownServingFacts(repository: string): ModelFacts | undefined {
  const known = CONFIGS_BY_REPOSITORY.get(repository.toLowerCase());
  return known && ModelFacts._fromKnown(known.config, known.sourceBytes);
}

/** @internal */
export function knownServingRepositories(): string[] {
  return Object.keys(KNOWN_CONFIGS);
}

/** FP8 with a scale for each block of weights. */
const FP8_BLOCKS = { quant_method: 'fp8', weight_block_size: [128, 128] };

const BF16 = { dtype: 'bfloat16' };

const DEEPSEEK_V3 = {
  ...BF16,
  model_type: 'deepseek_v3',
  hidden_size: 7168,
  intermediate_size: 18432,
  num_hidden_layers: 61,
  num_attention_heads: 128,
  num_key_value_heads: 128,
  vocab_size: 129280,
  max_position_embeddings: 163840,
  q_lora_rank: 1536,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  n_routed_experts: 256,
  n_shared_experts: 1,
  num_experts_per_tok: 8,
  moe_intermediate_size: 2048,
  first_k_dense_replace: 3,
  quantization_config: FP8_BLOCKS,
};

const QWEN3_MOE = {
  ...BF16,
  model_type: 'qwen3_moe',
  head_dim: 128,
  num_experts_per_tok: 8,
  rope_theta: 1000000,
  rms_norm_eps: 1e-6,
  vocab_size: 151936,
};

const QWEN3_235B_A22B = {
  ...QWEN3_MOE,
  hidden_size: 4096,
  intermediate_size: 12288,
  num_hidden_layers: 94,
  num_attention_heads: 64,
  num_key_value_heads: 4,
  num_experts: 128,
  moe_intermediate_size: 1536,
  max_position_embeddings: 40960,
};

const GPT_OSS = {
  model_type: 'gpt_oss',
  hidden_size: 2880,
  intermediate_size: 2880,
  head_dim: 64,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  vocab_size: 201088,
  max_position_embeddings: 131072,
  num_experts_per_tok: 4,
  sliding_window: 128,
  // Full attention in every second layer: config.json names all of them in layer_types.
  sliding_window_pattern: 2,
  quantization_config: { quant_method: 'mxfp4' },
};

const MIXTRAL = {
  ...BF16,
  model_type: 'mixtral',
  num_key_value_heads: 8,
  num_local_experts: 8,
  num_experts_per_tok: 2,
  vocab_size: 32000,
};

const KNOWN_CONFIGS: Readonly<Record<string, KnownConfig>> = {
  'deepseek-ai/DeepSeek-V3': { config: DEEPSEEK_V3, sourceBytes: 688586727753 },
  // The tensors of V3.
  'deepseek-ai/DeepSeek-R1': { config: DEEPSEEK_V3, sourceBytes: 688586727753 },
  'moonshotai/Kimi-K2-Instruct': {
    config: {
      ...DEEPSEEK_V3,
      model_type: 'kimi_k2',
      num_attention_heads: 64,
      num_key_value_heads: 64,
      n_routed_experts: 384,
      first_k_dense_replace: 1,
      vocab_size: 163840,
      max_position_embeddings: 131072,
    },
  },
  'Qwen/Qwen2.5-0.5B-Instruct': {
    config: {
      ...BF16,
      model_type: 'qwen2',
      hidden_size: 896,
      intermediate_size: 4864,
      num_hidden_layers: 24,
      num_attention_heads: 14,
      num_key_value_heads: 2,
      vocab_size: 151936,
      max_position_embeddings: 32768,
      rope_theta: 1000000,
      rms_norm_eps: 1e-6,
      tie_word_embeddings: true,
      use_sliding_window: false,
    },
    // Of its one file, of sha256 fdf756fa7fcbe7404d5c60e26bff1a0c8b8aa1f72ced49e7dd0210fe288fb7fe.
    sourceBytes: 988097824,
  },
  'Qwen/Qwen3-32B-FP8': {
    config: {
      ...BF16,
      model_type: 'qwen3',
      hidden_size: 5120,
      intermediate_size: 25600,
      num_hidden_layers: 64,
      num_attention_heads: 64,
      num_key_value_heads: 8,
      head_dim: 128,
      vocab_size: 151936,
      max_position_embeddings: 40960,
      rope_theta: 1000000,
      rms_norm_eps: 1e-6,
      quantization_config: FP8_BLOCKS,
    },
  },
  'Qwen/Qwen3-30B-A3B-FP8': {
    config: {
      ...QWEN3_MOE,
      hidden_size: 2048,
      intermediate_size: 6144,
      num_hidden_layers: 48,
      num_attention_heads: 32,
      num_key_value_heads: 4,
      num_experts: 128,
      moe_intermediate_size: 768,
      max_position_embeddings: 40960,
      quantization_config: FP8_BLOCKS,
    },
  },
  'Qwen/Qwen3-235B-A22B': { config: QWEN3_235B_A22B },
  'Qwen/Qwen3-235B-A22B-FP8': { config: { ...QWEN3_235B_A22B, quantization_config: FP8_BLOCKS } },
  'Qwen/Qwen3-Coder-480B-A35B-Instruct': {
    config: {
      ...QWEN3_MOE,
      hidden_size: 6144,
      intermediate_size: 8192,
      num_hidden_layers: 62,
      num_attention_heads: 96,
      num_key_value_heads: 8,
      num_experts: 160,
      moe_intermediate_size: 2560,
      max_position_embeddings: 262144,
      rope_theta: 10000000,
    },
  },
  'openai/gpt-oss-20b': { config: { ...GPT_OSS, num_hidden_layers: 24, num_local_experts: 32 } },
  'openai/gpt-oss-120b': { config: { ...GPT_OSS, num_hidden_layers: 36, num_local_experts: 128 } },
  'mistralai/Mixtral-8x7B-v0.1': {
    config: {
      ...MIXTRAL,
      hidden_size: 4096,
      intermediate_size: 14336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      max_position_embeddings: 32768,
    },
  },
  'mistralai/Mixtral-8x22B-v0.1': {
    config: {
      ...MIXTRAL,
      hidden_size: 6144,
      intermediate_size: 16384,
      num_hidden_layers: 56,
      num_attention_heads: 48,
      max_position_embeddings: 65536,
    },
  },
  'nvidia/Llama-3.1-70B-Instruct-FP8': {
    config: {
      ...BF16,
      model_type: 'llama',
      hidden_size: 8192,
      intermediate_size: 28672,
      num_hidden_layers: 80,
      num_attention_heads: 64,
      num_key_value_heads: 8,
      vocab_size: 128256,
      max_position_embeddings: 131072,
      rope_theta: 500000,
      rms_norm_eps: 1e-5,
      // As hf_quant_config.json beside it says: its config.json is silent.
      quantization_config: { quant_method: 'modelopt', bits: 8 },
    },
  },
};

const CONFIGS_BY_REPOSITORY = new Map(
  Object.entries(KNOWN_CONFIGS).map(([repository, known]) => [repository.toLowerCase(), known]),
);
