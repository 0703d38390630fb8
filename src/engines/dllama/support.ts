import { ModelArchitecture, ModelFacts } from '../model-facts';
import { rotaryEmbedding } from '../rotary-embedding';
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
    ropeThetaProblem(facts),
    ropeScalingProblem(facts, config),
    partialRopeProblem(config),
    quantizationProblem(config),
    ...(facts.isMixtureOfExperts
      ? [denseLayersProblem(config), expertChoiceProblem(config), expertWeightsProblem(weights)]
      : [strayExpertsProblem(facts)]),
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

function ropeThetaProblem(facts: ModelFacts): string | undefined {
  const { ropeTheta } = facts;
  if (ropeTheta === undefined || (Number.isInteger(ropeTheta) && ropeTheta < 2 ** 31)) return undefined;
  return (
    `rope_theta is ${ropeTheta} and the header of a .m file holds whole numbers below 2^31 alone; ` +
    `take a model with such a base`
  );
}

const LLAMA3_ROPE_FIELDS = [
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
];

function ropeScalingProblem(facts: ModelFacts, config: Config): string | undefined {
  const { type, scaling } = rotaryEmbedding(config);
  if (type === 'default') return undefined;
  if (type !== 'llama3') {
    return (
      `the rope type is ${JSON.stringify(type)} and distributed-llama knows llama3 alone; ` +
      `take a model without it, or remove it from config.json and stay within the original context`
    );
  }
  if (facts.isQwen3) {
    return (
      `the rope type is llama3 in a ${facts.modelType} and distributed-llama stretches that of llama and mistral ` +
      `alone; take a model without it`
    );
  }
  const wrong = LLAMA3_ROPE_FIELDS.filter((name) => !Number.isInteger(scaling[name]));
  if (wrong.length === 0) return undefined;
  return (
    `${wrong.join(', ')} of the llama3 rope scaling is no whole number, and the header of a .m file holds nothing ` +
    `else; take a model with whole numbers`
  );
}

function partialRopeProblem(config: Config): string | undefined {
  const factor =
    config.partial_rotary_factor ?? rotaryEmbedding(config).parameters.partial_rotary_factor ?? 1;
  if (factor === 1) return undefined;
  return (
    `partial_rotary_factor is ${JSON.stringify(factor)} and distributed-llama turns whole heads; ` +
    `take a model without it`
  );
}

function quantizationProblem(config: Config): string | undefined {
  if (config.quantization_config === undefined || config.quantization_config === null) return undefined;
  return (
    `quantization_config says that the weights are quantized, and a conversion reads bfloat16, float16 and float32 ` +
    `alone; take the repository with the original weights`
  );
}

function strayExpertsProblem(facts: ModelFacts): string | undefined {
  if (facts.experts === 0) return undefined;
  return (
    `num_experts is ${facts.experts} in a ${facts.modelType} and distributed-llama has experts in ` +
    `${ModelArchitecture.QWEN3_MOE} alone; take a dense model`
  );
}

function denseLayersProblem(config: Config): string | undefined {
  const someDense = Array.isArray(config.mlp_only_layers) && config.mlp_only_layers.length > 0;
  if (!someDense && (config.decoder_sparse_step ?? 1) === 1) return undefined;
  return (
    `mlp_only_layers or decoder_sparse_step puts dense layers between expert layers and distributed-llama takes ` +
    `all layers alike; take a model whose layers all have experts`
  );
}

function expertChoiceProblem(config: Config): string | undefined {
  if (config.norm_topk_prob === undefined || config.norm_topk_prob === true) return undefined;
  return (
    `norm_topk_prob is ${JSON.stringify(config.norm_topk_prob)} and distributed-llama always makes the weights of ` +
    `the chosen experts add up to 1; take a model that does`
  );
}

/** Seen at start: no operation of the runtime spreads tokens over experts in f32. */
function expertWeightsProblem(weights: FloatType | undefined): string | undefined {
  if (weights !== FloatType.F32) return undefined;
  return `weights are f32 and distributed-llama computes a mixture of experts with q40 alone; convert it to q40`;
}
