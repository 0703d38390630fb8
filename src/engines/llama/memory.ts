import type { ModelFacts } from '../model-facts';
import { CacheType } from './cache-type';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Code, stacks, allocator, the vocabulary and the connections of the process. */
const PROCESS = 384 * MIB;

/** What a process that uses a GPU holds in the node's memory: the driver's context and pinned buffers. */
const GPU_PROCESS = 2 * GIB;

/** llama_context rounds the context up to this. */
const CONTEXT_PADDING = 256;

/** Bytes of one element, blocks of 32 with their scales included (ggml/src/ggml-common.h). */
const CACHE_BYTES: Readonly<Record<CacheType, number>> = {
  [CacheType.F32]: 4,
  [CacheType.F16]: 2,
  [CacheType.BF16]: 2,
  [CacheType.Q8_0]: 34 / 32,
  [CacheType.Q5_1]: 24 / 32,
  [CacheType.Q5_0]: 22 / 32,
  [CacheType.Q4_1]: 20 / 32,
  [CacheType.Q4_0]: 18 / 32,
  [CacheType.IQ4_NL]: 18 / 32,
};

/** What decides how much memory llama-server takes. @internal */
export interface LlamaLoad {
  readonly facts: ModelFacts;
  /** Of all files that are loaded. */
  readonly weightBytes: number;
  /** Of all slots together. */
  readonly contextTokens: number;
  /** Slots, each of which attends to its own part of the context. */
  readonly parallel: number;
  /** Tokens that are computed at once. */
  readonly ubatchSize: number;
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
  /** Whether attention is computed without its whole matrix of scores. */
  readonly flashAttention: boolean;
}

/** In bytes. @internal */
export interface LlamaMemory {
  readonly weights: number;
  readonly kvCache: number;
  readonly compute: number;
  readonly total: number;
}

/**
 * What the model takes, wherever it is computed.
 *
 * - weights: the size of the files, which are mapped as they are (llama_model_loader)
 * - key-value cache: layers x context x (key bytes + value bytes) x the length of all heads' keys together
 *   (the constructor of llama_kv_cache in src/llama-kv-cache.cpp), the context rounded up to 256; layers with a window
 *   keep the window and a micro-batch (llama_kv_cache_iswa)
 * - compute buffers: f32 for each token of a micro-batch: the logits, the widest tensors of a layer and, without
 *   flash attention, the scores of all heads for a slot's context; with it the mask (what graph_reserve in src/llama-context.cpp measures,
 *   from above)
 *
 * @internal
 */
export function llamaMemory(load: LlamaLoad): LlamaMemory {
  const { facts, weightBytes: weights } = load;
  const context = Math.ceil(load.contextTokens / CONTEXT_PADDING) * CONTEXT_PADDING;
  const kvCache =
    cachedTokens(facts, context, load.ubatchSize) *
    (facts._attention.latentDim ?? facts.kvDim) *
    (CACHE_BYTES[load.cacheTypeK] + CACHE_BYTES[load.cacheTypeV]);
  const feedForward = facts.moeHiddenDim ? facts.moeHiddenDim * facts.activeExperts : facts.hiddenDim;
  const perToken =
    facts.vocabSize +
    8 * facts.dim +
    3 * feedForward +
    2 * facts.queryDim +
    (context / load.parallel) * (load.flashAttention ? 1 : 1 + facts.heads);
  const compute = 4 * load.ubatchSize * perToken;
  return { weights, kvCache, compute, total: weights + kvCache + compute };
}

/** Of all layers together. */
function cachedTokens({ _attention: attention }: ModelFacts, context: number, ubatchSize: number): number {
  const { fullLayers, windowLayers, window = context } = attention;
  return fullLayers * context + windowLayers * Math.min(context, window + ubatchSize + CONTEXT_PADDING);
}

/** Bytes of the container's memory where the model is computed on CPUs. @internal */
export function cpuServerBytes(memory: LlamaMemory, promptCacheBytes: number): number {
  return memory.total + promptCacheBytes + PROCESS;
}

/**
 * Bytes of the container's memory where all layers are on devices. The files pass through the page cache, which gives
 * way.
 *
 * @internal
 */
export function gpuServerBytes(promptCacheBytes: number): number {
  return GPU_PROCESS + promptCacheBytes;
}
