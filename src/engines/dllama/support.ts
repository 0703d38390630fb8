import { ModelArchitecture, ModelFacts } from '../model-facts';
import { FloatType } from './float-type';

/**
 * Why distributed-llama cannot run a model, with such weights where they are decided: for each reason one sentence that says what it is and
 * what to do; empty when nothing speaks against it. What only the weights or the tokenizer can tell (SentencePiece,
 * stray biases, missing tensors) is found by the conversion program.
 *
 * @internal
 */
export function unsupportedByDllama(facts: ModelFacts, weights?: FloatType): string[] {
  if (facts.architecture === undefined) {
    const supported = Object.values(ModelArchitecture).join(', ');
    return [
      `model_type is '${facts.modelType}' and distributed-llama runs ${supported} alone; ` +
        `take a model of one of these, or serve this one with another engine`,
    ];
  }
  const reasons = CHECKS.flatMap((check) => check(facts, facts._config ?? {}) ?? []);
  if (facts.isMixtureOfExperts && weights === FloatType.F32) {
    reasons.push(
      `weights are ${weights} and distributed-llama computes a mixture of experts with ${FloatType.Q40} alone; ` +
        `convert it with ${FloatType.Q40}`,
    );
  }
  return reasons;
}

type Check = (facts: ModelFacts, config: Readonly<Record<string, unknown>>) => string | undefined;

/** The epsilons that the header of a `.m` file can say. */
const EPSILONS = [1e-5, 1e-6];

const LLAMA3_ROPE_FIELDS = [
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
];

const CHECKS: Check[] = [
  (_facts, config) => {
    const act = config.hidden_act ?? 'silu';
    // The header has room for gelu, but the runtime computes silu whatever it says.
    if (act === 'silu') return undefined;
    return `hidden_act is ${JSON.stringify(act)} and distributed-llama computes silu alone; take a model with silu`;
  },
  (facts) => {
    if (facts.normEpsilon === undefined || EPSILONS.includes(facts.normEpsilon)) return undefined;
    return (
      `rms_norm_eps is ${facts.normEpsilon} and distributed-llama knows 1e-5 and 1e-6 alone; ` +
      `take a model with one of these`
    );
  },
  (_facts, config) => {
    const biases = ['attention_bias', 'mlp_bias'].filter((name) => config[name] === true);
    if (biases.length === 0) return undefined;
    return `${biases.join(' and ')} is true and distributed-llama adds no biases; take a model without them`;
  },
  (_facts, config) => ropeProblem(config),
  (_facts, config) => {
    if (config.use_sliding_window !== true) return undefined;
    return `use_sliding_window is true and distributed-llama attends to the whole context; take a model without it`;
  },
  (facts, config) => {
    if (!facts.isMixtureOfExperts) return undefined;
    const dense = Array.isArray(config.mlp_only_layers) && config.mlp_only_layers.length > 0;
    if (!dense && (config.decoder_sparse_step ?? 1) === 1) return undefined;
    return (
      `mlp_only_layers or decoder_sparse_step mixes dense layers with expert layers and distributed-llama ` +
      `takes all layers alike; take a model whose layers all have experts`
    );
  },
  (_facts, config) => {
    if (typeof config.quantization_config !== 'object' || config.quantization_config === null)
      return undefined;
    return (
      `quantization_config says that the weights are quantized and the conversion reads bfloat16, float16 and ` +
      `float32 alone; take the repository with the original weights`
    );
  },
];

function ropeProblem(config: Readonly<Record<string, unknown>>): string | undefined {
  const rope = (config.rope_parameters ?? config.rope_scaling) as Record<string, unknown> | null | undefined;
  if (rope === null || rope === undefined) return undefined;
  const type = rope.rope_type ?? rope.type ?? 'default';
  if (type === 'default') return undefined;
  if (type !== 'llama3') {
    return (
      `rope type is ${JSON.stringify(type)} and distributed-llama knows llama3 alone; ` +
      `take a model without it, or remove it from config.json and stay within the original context`
    );
  }
  const wrong = LLAMA3_ROPE_FIELDS.filter((name) => !Number.isInteger(rope[name]));
  if (wrong.length === 0) return undefined;
  return `${wrong.join(', ')} of the llama3 rope scaling must be whole numbers for distributed-llama's header`;
}
