import { ModelArchitecture, ModelFacts } from '../model-facts';
import { FloatType } from './float-type';

/**
 * Why distributed-llama cannot run a model: for each reason one sentence that says what it is and what to do;
 * empty when nothing speaks against it. What only the weights or the tokenizer can tell (SentencePiece, stray
 * biases, missing tensors) is found by the conversion program.
 *
 * @param weights how its weights are to be stored, where that is decided
 * @internal
 */
export function unsupportedByDllama(facts: ModelFacts, weights?: FloatType): string[] {
  const config = facts._config ?? {};
  if (facts.architecture === undefined) return [architectureProblem(facts)];
  return [
    activationProblem(config),
    epsilonProblem(facts),
    biasProblem(config),
    ropeProblem(config),
    slidingWindowProblem(config),
    denseLayersProblem(facts, config),
    quantizationProblem(config),
    expertWeightsProblem(facts, weights),
  ].filter((problem) => problem !== undefined);
}

type Config = Readonly<Record<string, unknown>>;

function architectureProblem(facts: ModelFacts): string {
  const supported = Object.values(ModelArchitecture).join(', ');
  return (
    `model_type is '${facts.modelType}' and distributed-llama runs ${supported} alone; ` +
    `take a model of one of these, or serve this one with another engine`
  );
}

/** The header of a `.m` file has room for gelu, but the runtime computes silu whatever it says. */
function activationProblem(config: Config): string | undefined {
  const activation = config.hidden_act ?? 'silu';
  if (activation === 'silu') return undefined;
  return `hidden_act is ${JSON.stringify(activation)} and distributed-llama computes silu alone; take a model with silu`;
}

/** What the header can say. */
const EPSILONS = [1e-5, 1e-6];

function epsilonProblem(facts: ModelFacts): string | undefined {
  if (facts.normEpsilon === undefined || EPSILONS.includes(facts.normEpsilon)) return undefined;
  return (
    `rms_norm_eps is ${facts.normEpsilon} and distributed-llama knows 1e-5 and 1e-6 alone; ` +
    `take a model with one of these`
  );
}

function biasProblem(config: Config): string | undefined {
  const biases = ['attention_bias', 'mlp_bias'].filter((name) => config[name] === true);
  if (biases.length === 0) return undefined;
  return `${biases.join(' and ')} is true and distributed-llama adds no biases; take a model without them`;
}

const LLAMA3_ROPE_FIELDS = [
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
];

function ropeProblem(config: Config): string | undefined {
  const rope = (config.rope_parameters ?? config.rope_scaling) as Config | null | undefined;
  const type = rope?.rope_type ?? rope?.type ?? 'default';
  if (rope === null || rope === undefined || type === 'default') return undefined;
  if (type !== 'llama3') {
    return (
      `the rope type is ${JSON.stringify(type)} and distributed-llama knows llama3 alone; ` +
      `take a model without it, or remove it from config.json and stay within the original context`
    );
  }
  const wrong = LLAMA3_ROPE_FIELDS.filter((name) => !Number.isInteger(rope[name]));
  if (wrong.length === 0) return undefined;
  return (
    `${wrong.join(', ')} of the llama3 rope scaling is no whole number, and the header of a .m file holds nothing ` +
    `else; take a model with whole numbers`
  );
}

function slidingWindowProblem(config: Config): string | undefined {
  if (config.use_sliding_window !== true) return undefined;
  return `use_sliding_window is true and distributed-llama attends to the whole context; take a model without it`;
}

function denseLayersProblem(facts: ModelFacts, config: Config): string | undefined {
  if (!facts.isMixtureOfExperts) return undefined;
  const someDense = Array.isArray(config.mlp_only_layers) && config.mlp_only_layers.length > 0;
  if (!someDense && (config.decoder_sparse_step ?? 1) === 1) return undefined;
  return (
    `mlp_only_layers or decoder_sparse_step puts dense layers between expert layers and distributed-llama takes ` +
    `all layers alike; take a model whose layers all have experts`
  );
}

function quantizationProblem(config: Config): string | undefined {
  if (config.quantization_config === undefined || config.quantization_config === null) return undefined;
  return (
    `quantization_config says that the weights are quantized, and a conversion reads bfloat16, float16 and float32 ` +
    `alone; take the repository with the original weights`
  );
}

/** Seen at start: no operation of the runtime spreads tokens over experts in f32. */
function expertWeightsProblem(facts: ModelFacts, weights: FloatType | undefined): string | undefined {
  if (!facts.isMixtureOfExperts || weights !== FloatType.F32) return undefined;
  return `weights are f32 and distributed-llama computes a mixture of experts with q40 alone; convert it to q40`;
}
