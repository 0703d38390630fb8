/** What a model's layers keep of each token that they have seen. @internal */
export interface AttentionFacts {
  /** Whether the architecture is one whose cache has the form that is told here; else nothing here says anything. */
  readonly isKnown: boolean;
  /**
   * Multi-head latent attention: length of the one vector that a layer keeps of a token in place of keys and values
   * (`kv_lora_rank` + `qk_rope_head_dim`).
   */
  readonly latentDim?: number;
  /** Tokens that layers with a window look back at. */
  readonly window?: number;
  /** Layers that attend to all of the context. */
  readonly fullLayers: number;
  /** Layers that attend to the window alone. */
  readonly windowLayers: number;
  /** Layers without keys and values: linear attention and state space models keep a state of one size. */
  readonly linearLayers: number;
}

/** Architectures, by model_type, that keep keys and values, or one latent vector, of each layer but linear ones. */
const KNOWN_CACHES: ReadonlySet<string> = new Set([
  'deepseek_v2',
  'deepseek_v3',
  'deepseek_v32',
  'gemma',
  'gemma2',
  'gemma3',
  'gemma3_text',
  'gpt2',
  'gpt_oss',
  'granite',
  'kimi_k2',
  'llama',
  'mistral',
  'mistral3',
  'mixtral',
  'olmo2',
  'opt',
  'phi3',
  'qwen2',
  'qwen2_moe',
  'qwen3',
  'qwen3_5',
  'qwen3_moe',
  'qwen3_next',
]);

type Config = Readonly<Record<string, unknown>>;

/**
 * Read as transformers and vLLM do: `layer_types` names each layer; else `sliding_window_pattern` (every n-th layer is
 * a full one, as in Gemma 3) or `full_attention_interval` (as in Qwen3-Next), else a window is of all layers.
 *
 * @internal
 */
export function attentionFacts(modelType: string, config: Config, layers: number): AttentionFacts {
  const { kv_lora_rank: rank, qk_rope_head_dim: rope } = config;
  const latentDim = isCount(rank) && isCount(rope) ? rank + rope : undefined;
  const window =
    isCount(config.sliding_window) && config.use_sliding_window !== false ? config.sliding_window : undefined;
  return {
    isKnown: KNOWN_CACHES.has(modelType),
    latentDim,
    window,
    ...countLayers(config, layers, window),
  };
}

type Layers = Pick<AttentionFacts, 'fullLayers' | 'windowLayers' | 'linearLayers'>;

function countLayers(config: Config, layers: number, window: number | undefined): Layers {
  const types = config.layer_types;
  if (Array.isArray(types) && types.length === layers) {
    const windowLayers =
      window === undefined ? 0 : types.filter((type) => type === 'sliding_attention').length;
    const linearLayers = types.filter((type) => /linear|mamba|conv/.test(String(type))).length;
    return { fullLayers: layers - windowLayers - linearLayers, windowLayers, linearLayers };
  }
  const { full_attention_interval: interval, sliding_window_pattern: pattern } = config;
  if (isCount(interval)) {
    const fullLayers = Math.floor(layers / interval);
    return { fullLayers, windowLayers: 0, linearLayers: layers - fullLayers };
  }
  if (window === undefined) return { fullLayers: layers, windowLayers: 0, linearLayers: 0 };
  const fullLayers = isCount(pattern) ? Math.floor(layers / pattern) : 0;
  return { fullLayers, windowLayers: layers - fullLayers, linearLayers: 0 };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
