/** Where config.json keeps each field: the name that most models use, then those of others. @internal */
export const CONFIG_NAMES = {
  dim: ['hidden_size', 'n_embd', 'd_model'],
  hiddenDim: ['intermediate_size', 'ffn_dim', 'n_inner'],
  layers: ['num_hidden_layers', 'n_layer', 'n_layers'],
  heads: ['num_attention_heads', 'n_head', 'n_heads'],
  kvHeads: ['num_key_value_heads', 'num_kv_heads'],
  headDim: ['head_dim'],
  vocabSize: ['vocab_size'],
  maxSeqLen: ['max_position_embeddings', 'n_positions', 'max_seq_len', 'seq_length'],
  // The second as transformers 5 names it, the third as DeepSeek does.
  experts: ['num_experts', 'num_local_experts', 'n_routed_experts'],
  activeExperts: ['num_experts_per_tok', 'experts_per_token'],
  moeHiddenDim: ['moe_intermediate_size'],
  ropeTheta: ['rope_theta'],
  normEpsilon: ['rms_norm_eps'],
} as const;

/** @internal */
export type ConfigField = keyof typeof CONFIG_NAMES;

type Config = Readonly<Record<string, unknown>>;

/** A field of config.json by whichever of its names is there. @internal */
export function configField(config: Config, field: ConfigField): unknown {
  for (const name of CONFIG_NAMES[field]) {
    // null is how transformers writes what is not there.
    const value = config[name] ?? undefined;
    if (value !== undefined) return value;
  }
  return DERIVED[field]?.(config);
}

/** What transformers takes for a field that is silent. */
const DERIVED: Partial<Record<ConfigField, (config: Config) => unknown>> = {
  // GPT-2 and its relatives.
  hiddenDim: ({ n_embd: dim }) => (typeof dim === 'number' ? 4 * dim : undefined),
};

/** What transformers takes for a language model whose config.json has only what differs from it. */
const DEFAULTS: Readonly<Record<string, Config>> = {
  // transformers, configuration_gemma3.py: Gemma3TextConfig.
  gemma3_text: {
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    vocab_size: 262208,
    max_position_embeddings: 131072,
    sliding_window: 4096,
    sliding_window_pattern: 6,
  },
};

/**
 * The part of config.json that is about language: models that see or hear keep it apart. What is of both
 * parts, as quantization, the whole may say.
 *
 * @internal
 */
export function languageConfig(config: Config): Config {
  const text = config.text_config ?? config.llm_config;
  if (typeof text !== 'object' || text === null || config.hidden_size !== undefined) return config;
  const { model_type: type, ...language } = text as Config;
  const ofWhole = SAID_BY_THE_WHOLE.flatMap<[string, unknown]>((name) =>
    config[name] == null ? [] : [[name, config[name]]],
  );
  return { ...DEFAULTS[String(type)], ...Object.fromEntries(ofWhole), ...language };
}

const SAID_BY_THE_WHOLE = ['quantization_config', 'dtype', 'torch_dtype', 'tie_word_embeddings'];
