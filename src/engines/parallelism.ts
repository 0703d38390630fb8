import type { ModelFacts } from './model-facts';

/**
 * How one copy of a model is divided among devices, and whether it can be. Engines know nothing of cdk8s, so a problem
 * names the number alone; the construct adds its path.
 */

/** @internal */
export interface Parallelism {
  /** Devices among which each layer is divided. */
  readonly tensor: number;
  /** Groups of devices among which the layers are divided. */
  readonly pipeline: number;
  /** Copies of what is not an expert, each with requests of its own. */
  readonly data: number;
  /** Whether whole experts are spread over tensor x data devices, and not each expert divided. */
  readonly expert?: boolean;
}

/** Why a model cannot be divided so. @internal */
export interface ParallelismProblem {
  readonly number: 'tensor' | 'pipeline' | 'data' | 'expert';
  readonly given: number | boolean;
  /** What would do. */
  readonly allowed: string;
  /** Why, and what to do. */
  readonly advice: string;
}

/** The devices that one copy takes. @internal */
export function devicesOf({ tensor, pipeline, data }: Parallelism): number {
  return tensor * pipeline * data;
}

/**
 * The first reason why a model cannot be divided so among so many devices; undefined when nothing speaks against it.
 *
 * Sources: vLLM, `ModelConfig.verify_with_parallel_config` (heads), `models/llama.py` (key-value heads are divided, or
 * repeated), `fp8_utils.validate_fp8_block_shape` (blocks of quantized weights), `distributed/utils.get_pp_indices`,
 * `ModelConfig._verify_with_expert_parallelism`.
 *
 * @param devices those that one copy has, where it is known
 * @param facts the model's, where they are known
 * @internal
 */
export function parallelismProblem(
  parallelism: Parallelism,
  devices: number | undefined,
  facts: ModelFacts | undefined,
): ParallelismProblem | undefined {
  return (
    (devices === undefined ? undefined : devicesProblem(parallelism, devices, facts)) ??
    (facts &&
      (tensorProblem(parallelism, facts) ??
        pipelineProblem(parallelism, facts) ??
        expertProblem(parallelism, facts)))
  );
}

function devicesProblem(
  parallelism: Parallelism,
  devices: number,
  facts: ModelFacts | undefined,
): ParallelismProblem | undefined {
  const taken = devicesOf(parallelism);
  if (taken === devices) return undefined;
  const { tensor, pipeline, data } = parallelism;
  const possible = divisionsOf(devices, facts).map((d) => `${d.tensor} x ${d.pipeline}`);
  return {
    number: 'tensor',
    given: tensor,
    allowed: `tensor x pipeline x data = ${devices}, as many as there are devices`,
    advice:
      `${tensor} x ${pipeline} x ${data} is ${taken}. Ask for ${taken} devices, or, without data parallelism, for ` +
      `tensor x pipeline of ${possible.join(', ')}.`,
  };
}

function tensorProblem(parallelism: Parallelism, facts: ModelFacts): ParallelismProblem | undefined {
  const { tensor } = parallelism;
  const reason = indivisible(parallelism, facts);
  if (reason === undefined) return undefined;
  const possible = range(facts.heads).filter(
    (t) => indivisible({ ...parallelism, tensor: t }, facts) === undefined,
  );
  return {
    number: 'tensor',
    given: tensor,
    allowed: possible.join(', '),
    advice: `${reason} Put the other devices into pipeline or data parallelism.`,
  };
}

/** Why a layer cannot be divided among so many devices. */
function indivisible({ tensor, expert }: Parallelism, facts: ModelFacts): string | undefined {
  const { heads, kvHeads } = facts;
  if (heads % tensor !== 0) return `The ${heads} attention heads cannot be divided by ${tensor}.`;
  const keepsHeads = facts._attention.latentDim === undefined;
  if (keepsHeads && kvHeads % tensor !== 0 && tensor % kvHeads !== 0) {
    return `The ${kvHeads} key-value heads can neither be divided by ${tensor} nor repeated so often.`;
  }
  const block = weightBlock(facts);
  for (const [name, length] of block === undefined ? [] : dividedLengths(facts, expert ?? false)) {
    if (length % tensor === 0 && (length / tensor) % block! === 0) continue;
    return `The weights are quantized in blocks of ${block}, which ${name} ${length} / ${tensor} cuts.`;
  }
  return undefined;
}

/** Side of the blocks in which weights share a scale: 128 for DeepSeek's FP8 and what follows it. */
function weightBlock(facts: ModelFacts): number | undefined {
  const quantization = facts._config?.quantization_config as
    { weight_block_size?: unknown } | null | undefined;
  const sides = quantization?.weight_block_size;
  return Array.isArray(sides) && typeof sides[0] === 'number' ? sides[0] : undefined;
}

/** Lengths that tensor parallelism divides. */
function dividedLengths(facts: ModelFacts, expert: boolean): [string, number][] {
  if (facts.experts === 0) return [['intermediate_size', facts.hiddenDim]];
  return expert ? [] : [['moe_intermediate_size', facts.moeHiddenDim ?? facts.hiddenDim]];
}

function pipelineProblem({ pipeline }: Parallelism, { layers }: ModelFacts): ParallelismProblem | undefined {
  if (pipeline <= layers) return undefined;
  return {
    number: 'pipeline',
    given: pipeline,
    allowed: `1 to ${layers}, the number of layers`,
    advice: 'Each part of a pipeline has a layer at least.',
  };
}

function expertProblem({ expert }: Parallelism, facts: ModelFacts): ParallelismProblem | undefined {
  // Some mixtures say how many experts they have in ways that no facts are read from.
  if (!expert || facts.experts > 0 || /expert|moe/i.test(JSON.stringify(facts._config ?? {})))
    return undefined;
  return {
    number: 'expert',
    given: true,
    allowed: 'false, as the model has no experts',
    advice: 'Leave it out, or say in the facts of the model how many experts it has.',
  };
}

/**
 * All ways to divide a model among devices without copies of parts, the widest tensors first: they answer a single
 * request the fastest.
 *
 * @internal
 */
export function divisionsOf(devices: number, facts: ModelFacts | undefined): Parallelism[] {
  return range(devices)
    .filter((tensor) => devices % tensor === 0)
    .map((tensor) => ({ tensor, pipeline: devices / tensor, data: 1 }))
    .filter((division) => parallelismProblem(division, undefined, facts) === undefined)
    .reverse();
}

/** 1 to so many. */
function range(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
