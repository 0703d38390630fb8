import type { ModelFacts } from './model-facts';
import { bytesPerParameter, expertParameters, weightBytes } from './model-size';
import { divisionsOf, Parallelism } from './parallelism';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/**
 * What a process takes of its device beside weights and key-value cache: the context of the driver, communication
 * buffers, captured graphs, activations. vLLM's logs of its memory profiling show 0.1 to 1 GiB of the first kinds and
 * 1 GiB and more of activations ("non_torch_memory", "PyTorch activation peak memory"). This is the least, so that
 * what is refused cannot work; what is not refused may still be tight.
 */
const LEAST_OVERHEAD = 1 * GIB;

/** A server's memory, as far as one device goes. @internal */
export interface ServingDemand {
  readonly facts: ModelFacts;
  readonly parallelism: Parallelism;
  /** Bytes of all weights, where they are known better than by the facts: the artifact's files. */
  readonly weightBytes?: number;
  /** Bytes of one number in the key-value cache: 2, or 1 for fp8. */
  readonly kvCacheBytes: number;
  /** Tokens of the longest request, prompt and answer. */
  readonly contextTokens: number;
  /** Memory of one device, in bytes. */
  readonly deviceBytes: number;
  /** The part of it that the engine takes: vLLM's `--gpu-memory-utilization`. */
  readonly utilization: number;
}

/** What one device holds, in bytes: of the fullest of all. @internal */
export interface ServingMemory {
  readonly weights: number;
  /** Of one request of the longest length: engines refuse to start without room for it. */
  readonly kvCache: number;
  readonly overhead: number;
  readonly total: number;
  /** What the engine may take. */
  readonly budget: number;
  readonly fits: boolean;
}

/**
 * The least memory that a server takes of each device:
 *
 *     weights / (tensor x pipeline)  +  kvCache  +  overhead
 *
 * with the fullest pipeline stage counting layers, and experts spread over tensor x data where they are parallel. An
 * engine starts only if one request of the full context fits (vLLM, `kv_cache_utils.check_enough_kv_cache_memory`).
 *
 * @internal
 */
export function servingMemory(demand: ServingDemand): ServingMemory {
  const weights = weightsPerDevice(demand);
  const kvCache = kvCachePerDevice(demand, demand.contextTokens);
  const budget = demand.deviceBytes * demand.utilization;
  const total = weights + kvCache + LEAST_OVERHEAD;
  return { weights, kvCache, overhead: LEAST_OVERHEAD, total, budget, fits: total <= budget };
}

/**
 * Bytes that one token takes in the key-value cache of the whole model, beyond a window:
 *
 *     2 x layers x kvHeads x headDim x bytes              keys and values
 *     layers x (kv_lora_rank + qk_rope_head_dim) x bytes  multi-head latent attention (DeepSeek)
 *
 * for layers that attend to all of the context; undefined where the form of the cache is not known. Sources: vLLM, `FullAttentionSpec.page_size_bytes` and
 * `MLAAttentionSpec`; DeepSeek-V2, arXiv:2405.04434, section 2.1.
 *
 * @internal
 */
export function kvCacheBytesPerToken(facts: ModelFacts, bytes: number): number | undefined {
  if (!facts._attention.isKnown) return undefined;
  return facts._attention.fullLayers * bytesPerLayer(facts, bytes, 1);
}

/** The longest context of a request that fits; 0 where not even the weights do. @internal */
export function longestContextThatFits(demand: ServingDemand): number {
  const free = demand.deviceBytes * demand.utilization - LEAST_OVERHEAD - weightsPerDevice(demand);
  if (free <= 0) return 0;
  // Bytes grow with tokens, in a line but for the window: the largest number of tokens is found by halving.
  let [least, most] = [0, demand.facts.maxSeqLen];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (kvCachePerDevice(demand, middle) <= free) least = middle;
    else most = middle - 1;
  }
  return least;
}

/** The least number of such devices on which the model fits with its context, and how it is divided. @internal */
export function leastDevices(
  demand: ServingDemand,
): { readonly devices: number; readonly division: Parallelism } | undefined {
  for (let devices = 1; devices <= MOST_DEVICES; devices++) {
    const division = divisionsOf(devices, demand.facts).find(
      (parallelism) => servingMemory({ ...demand, parallelism }).fits,
    );
    if (division) return { devices, division };
  }
  return undefined;
}

const MOST_DEVICES = 64;

/** What does not fit, and what would: sentences for an error. @internal */
export function explainMemory(demand: ServingDemand): string {
  const memory = servingMemory(demand);
  const { tensor, pipeline } = demand.parallelism;
  const context = longestContextThatFits(demand);
  const least = leastDevices(demand);
  const would = [
    context > 0 ? `a context of at most ${context} tokens on the same devices` : undefined,
    least &&
      `${least.devices} such devices (tensor ${least.division.tensor} x pipeline ${least.division.pipeline})`,
  ].filter((way) => way !== undefined);
  return (
    `Of each device's ${gib(demand.deviceBytes)} the engine may take ${gib(memory.budget)} ` +
    `(${demand.utilization}). Weights divided by ${tensor} x ${pipeline} take ${gib(memory.weights)}, the key-value ` +
    `cache of one request of ${demand.contextTokens} tokens ${gib(memory.kvCache)}, the rest at least ` +
    `${gib(memory.overhead)}: ${gib(memory.total)}. ` +
    (would.length > 0
      ? `What would fit: ${would.join(', or ')}.`
      : 'No number of such devices would do: take larger ones, or quantized weights.')
  );
}

function weightsPerDevice({ facts, parallelism, weightBytes: known }: ServingDemand): number {
  const { tensor, pipeline, data, expert = false } = parallelism;
  const all = weightBytes(facts, known);
  // Some weights stay in 16 bits where experts are quantized: they are never more than nearly all.
  const experts = Math.min(expertParameters(facts) * bytesPerParameter(facts), 0.99 * all);
  const spread = expert ? experts / (tensor * data) : experts / tensor;
  return ((all - experts) / tensor + spread) * stagePart(facts.layers, pipeline);
}

/** The part of all layers that the fullest stage has. */
function stagePart(layers: number, pipeline: number): number {
  return Math.ceil(layers / pipeline) / layers;
}

/** Nothing where its form is not known: what is refused must be impossible. */
function kvCachePerDevice({ facts, parallelism, kvCacheBytes }: ServingDemand, tokens: number): number {
  if (!facts._attention.isKnown) return 0;
  const { fullLayers, windowLayers, window = tokens } = facts._attention;
  const { tensor, pipeline } = parallelism;
  const cached = fullLayers * tokens + windowLayers * Math.min(tokens, window);
  return cached * bytesPerLayer(facts, kvCacheBytes, tensor) * stagePart(facts.layers, pipeline);
}

/** Of a token in one layer on one device. Heads are divided, and repeated where there are fewer than devices. */
function bytesPerLayer({ _attention, kvHeads, headDim }: ModelFacts, bytes: number, tensor: number): number {
  const { latentDim } = _attention;
  return latentDim === undefined ? 2 * Math.ceil(kvHeads / tensor) * headDim * bytes : latentDim * bytes;
}

function gib(bytes: number): string {
  return bytes < GIB / 10 ? `${Math.ceil(bytes / MIB)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
}
