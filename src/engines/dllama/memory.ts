import { ModelFacts } from '../model-facts';
import { FloatType } from './float-type';
import { bufferFloatType, bytesOf } from './storage';
import { allowedNodeCounts, feedForwardDim } from './topology-rules';

const MIB = 1024 ** 2;

/** Prompt tokens that distributed-llama computes at once; fixed in its source. */
const BATCHES = 32;

/** Context that is served when none is asked for: a model's full context costs many times its weights. */
const DEFAULT_MAX_SEQ_LEN = 4096;

/** Code, stacks and allocator of a process, measured at 4 to 8 MiB, and room for the restart loop and probes. */
const PROCESS_OVERHEAD = 64 * MIB;

/** A deployment of a model, as far as memory goes. @internal */
export interface DllamaLayout {
  readonly facts: ModelFacts;
  /** Root and workers together. */
  readonly nodes: number;
  readonly weights: FloatType;
  /** Context in tokens (`--max-seq-len`); at most the model's own. */
  readonly maxSeqLen: number;
}

/** What one node holds in memory, in bytes. `total` is what it logs as RequiredMemory. @internal */
export interface MemoryTerms {
  /** The node's slice of the weights, and what every node holds whole. */
  readonly weights: number;
  /** The embedding table: the root alone, always f32. */
  readonly embedding: number;
  readonly kvCache: number;
  /** The table of the rotary embedding. */
  readonly rope: number;
  /** Attention scores. */
  readonly attention: number;
  /** Buffers and pipes between the operations. */
  readonly other: number;
  readonly total: number;
}

/** The memory of each node of a layout. @internal */
export interface RequiredMemory {
  readonly root: MemoryTerms;
  /** Each worker in the order of the root's list; the last is the largest. */
  readonly workers: MemoryTerms[];
}

/** What a pod needs: the terms of its node, what loading needs beside them, and the process. @internal */
export interface PodMemory {
  readonly required: MemoryTerms;
  /** The largest slice in transfer while weights are loaded; 0 for a single node. */
  readonly transfer: number;
  readonly overhead: number;
  /** The sum, in MiB, rounded up: request and limit of the container. */
  readonly mib: number;
}

/** The context to serve when none is asked for. @internal */
export function defaultMaxSeqLen(facts: ModelFacts): number {
  return Math.min(DEFAULT_MAX_SEQ_LEN, longestContext(facts));
}

/**
 * The longest context that is answered right: the model's own, and no longer than the window that its layers attend
 * to, where they have one. distributed-llama attends to all of the context, which is the same within the window.
 *
 * @internal
 */
export function longestContext(facts: ModelFacts): number {
  const { sliding_window: window, use_sliding_window: used } = facts._config ?? {};
  return typeof window === 'number' && used !== false ? Math.min(facts.maxSeqLen, window) : facts.maxSeqLen;
}

/**
 * Size of the header of a `.m` file: magic, length, and a pair of numbers (8 bytes in all) for each field that
 * the converter finds in config.json.
 */
function headerBytes(facts: ModelFacts): number {
  // version, architecture, activation, dim, hiddenDim, layers, heads, kvHeads, weights, maxSeqLen, vocabSize,
  // experts, activeExperts
  const always = 13;
  const pairs =
    always +
    (facts.ropeTheta !== undefined ? 1 : 0) +
    // factor, low, high, original length, type
    (facts.llama3RopeScaling ? 5 : 0) +
    (facts._headDimGiven ? 1 : 0) +
    (facts.normEpsilon !== undefined ? 1 : 0) +
    (facts.moeHiddenDim !== undefined ? 1 : 0);
  return 8 + 8 * pairs;
}

/** Exact size in bytes of the `.m` file that the conversion writes, header included. @internal */
export function modelFileBytes(facts: ModelFacts, weights: FloatType): number {
  return headerBytes(facts) + embeddingBytes(facts) + weightBytes(facts, weights, 1);
}

function embeddingBytes(facts: ModelFacts): number {
  return 4 * facts.vocabSize * facts.dim;
}

/** One node's share of all weights but the embedding. */
function weightBytes(facts: ModelFacts, weights: FloatType, nodes: number): number {
  const { dim, layers } = facts;
  const experts = Math.max(facts.experts, 1);
  const attention =
    2 * bytesOf(weights, (dim * facts.queryDim) / nodes) + 2 * bytesOf(weights, (dim * facts.kvDim) / nodes);
  const feedForward = 3 * experts * bytesOf(weights, (dim * feedForwardDim(facts)) / nodes);
  const gate = facts.isMixtureOfExperts ? 4 * dim * facts.experts : 0;
  const norms = 2 * 4 * dim + (facts.isQwen3 ? 2 * 4 * facts.headDim : 0);
  return (
    layers * (attention + feedForward + gate + norms) +
    4 * dim +
    bytesOf(weights, (dim * facts.vocabSize) / nodes)
  );
}

/** The memory that each node of a layout needs, as distributed-llama itself adds it up. @internal */
export function requiredMemory(layout: DllamaLayout): RequiredMemory {
  const workers = Array.from({ length: layout.nodes - 1 }, (_, index) => nodeMemory(layout, index + 1));
  return { root: nodeMemory(layout, 0), workers };
}

function nodeMemory(layout: DllamaLayout, nodeIndex: number): MemoryTerms {
  const { facts, nodes, weights } = layout;
  const seqLen = Math.min(layout.maxSeqLen, facts.maxSeqLen);
  const queryDim = facts.queryDim / nodes;
  const kvDim = facts.kvDim / nodes;
  const terms = {
    weights: weightBytes(facts, weights, nodes),
    embedding: nodeIndex === 0 ? embeddingBytes(facts) : 0,
    kvCache: facts.layers * 2 * seqLen * kvDim * 4,
    // Llama's table covers all from the node's first key to its last query: the last node holds the most.
    rope: facts.isQwen3
      ? 4 * seqLen * facts.headDim
      : 4 * seqLen * (queryDim * (nodeIndex + 1) - kvDim * nodeIndex),
    attention: 4 * BATCHES * (facts.heads / nodes) * seqLen,
    other: bufferBytes(facts, weights, nodes),
  };
  return { ...terms, total: Object.values(terms).reduce((sum, bytes) => sum + bytes, 0) };
}

/** Pipes and buffers between the operations, in the order in which distributed-llama adds them. */
function bufferBytes(facts: ModelFacts, weights: FloatType, nodes: number): number {
  const sync = bufferFloatType(weights);
  const { dim, vocabSize } = facts;
  const queryDim = facts.queryDim / nodes;
  const kvDim = facts.kvDim / nodes;
  const feedForward = feedForwardDim(facts) / nodes;
  const experts = Math.max(facts.experts, 1);
  const active = Math.max(facts.activeExperts, 1);
  const normColumns = facts.isQwen3 ? Math.max(queryDim, kvDim) / facts.headDim : 1;
  const f32 = (values: number): number => 4 * BATCHES * values;
  // A buffer of its own for the quantized copy; with f32 it is the same buffer.
  const quantized = (values: number): number => (sync === 'f32' ? 0 : bytesOf(sync, BATCHES * values));

  const pipes = f32(1 + 1 + dim + vocabSize) + bytesOf(sync, BATCHES * dim * nodes);
  const attention =
    f32(2 * dim) +
    quantized(dim) +
    f32(facts.queryDim) +
    bytesOf(sync, BATCHES * queryDim) +
    f32(queryDim + 2 * kvDim + normColumns);
  const output = f32(vocabSize / nodes);
  const dense = f32(2 * feedForward) + quantized(feedForward);
  // Allocated for a dense model too, as of one expert.
  const mixture =
    f32(experts + active) +
    f32(active * dim) +
    quantized(active * dim) +
    f32(2 * active * feedForward) +
    quantized(active * feedForward) +
    f32(active);
  return pipes + attention + output + dense + mixture;
}

/** The largest slice of one tensor: root and workers hold one while the weights travel. */
function transferBytes(layout: DllamaLayout): number {
  if (layout.nodes === 1) return 0;
  const { facts, nodes, weights } = layout;
  const largest = Math.max(facts.queryDim, feedForwardDim(facts), facts.vocabSize);
  return bytesOf(weights, (facts.dim * largest) / nodes);
}

/**
 * Memory of the root's pod and of the largest worker's; no worker for a single node. The model file that the root
 * maps is not in it: its pages are cache, which the kernel takes back.
 *
 * @internal
 */
export function podMemory(layout: DllamaLayout): { root: PodMemory; worker?: PodMemory } {
  const { root, workers } = requiredMemory(layout);
  const transfer = transferBytes(layout);
  const last = workers.at(-1);
  return { root: pod(root, transfer), worker: last && pod(last, transfer) };
}

function pod(required: MemoryTerms, transfer: number): PodMemory {
  const mib = Math.ceil((required.total + transfer + PROCESS_OVERHEAD) / MIB);
  return { required, transfer, overhead: PROCESS_OVERHEAD, mib };
}

/** Which of the pods. @internal */
export type DllamaRole = 'root' | 'worker';

/**
 * Why a memory limit is too small for a role: the arithmetic, and each way out; undefined when it suffices.
 *
 * @internal
 */
export function checkMemoryLimit(
  layout: DllamaLayout,
  role: DllamaRole,
  limitBytes: number,
): string | undefined {
  const needed = podMemory(layout)[role];
  if (needed === undefined || limitBytes >= needed.mib * MIB) return undefined;
  const ways = [
    `give at least ${needed.mib}Mi`,
    ...moreWorkers(layout, role, limitBytes),
    ...shorterContext(layout, role, limitBytes),
  ];
  return (
    `${explainMemory(layout, role)}; the limit given is ${mebibytes(limitBytes)} MiB: ` +
    `${ways.join(', or ')}`
  );
}

/** The arithmetic behind a role's memory, in one line. @internal */
export function explainMemory(layout: DllamaLayout, role: DllamaRole): string {
  const needed = podMemory(layout)[role];
  if (needed === undefined) return 'a single node has no workers';
  const { required } = needed;
  const terms: [string, number][] = [
    ['weights', required.weights],
    ['embedding', required.embedding],
    ['KV cache', required.kvCache],
    ['rope', required.rope],
    ['attention', required.attention],
    ['buffers', required.other],
    ['transfer', needed.transfer],
    ['process', needed.overhead],
  ];
  const sum = terms
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${mebibytes(bytes)}`)
    .join(' + ');
  const of = layout.nodes === 1 ? 'a single node' : `${layout.nodes} nodes`;
  return (
    `the ${role === 'root' ? 'root' : 'largest worker'} of ${of} with ${layout.weights} weights and ` +
    `${layout.maxSeqLen} tokens of context needs ${sum} = ${thousands(needed.mib)} MiB`
  );
}

function moreWorkers(layout: DllamaLayout, role: DllamaRole, limitBytes: number): string[] {
  const more = allowedNodeCounts(layout.facts, layout.weights).filter((nodes) => nodes > layout.nodes);
  for (const nodes of more) {
    const mib = podMemory({ ...layout, nodes })[role]?.mib ?? Infinity;
    if (mib * MIB <= limitBytes) return [`${nodes - 1} workers (${thousands(mib)} MiB)`];
  }
  return [];
}

/** The longest context that fits, as a multiple of this, is what is proposed. */
const CONTEXT_STEP = 256;

function shorterContext(layout: DllamaLayout, role: DllamaRole, limitBytes: number): string[] {
  const needs = (maxSeqLen: number): number => podMemory({ ...layout, maxSeqLen })[role]?.mib ?? Infinity;
  // Memory grows linearly with the context, so two points tell where the limit is met.
  const perToken = (rawBytes(layout, role) - rawBytes({ ...layout, maxSeqLen: 0 }, role)) / layout.maxSeqLen;
  const fits = (limitBytes - rawBytes({ ...layout, maxSeqLen: 0 }, role)) / perToken;
  const proposed = Math.floor(fits / CONTEXT_STEP) * CONTEXT_STEP;
  if (proposed < CONTEXT_STEP) return [];
  return [`maxSeqLen ${proposed} (${thousands(needs(proposed))} MiB)`];
}

function rawBytes(layout: DllamaLayout, role: DllamaRole): number {
  const needed = podMemory(layout)[role];
  return needed === undefined ? 0 : needed.required.total + needed.transfer + needed.overhead;
}

function mebibytes(bytes: number): string {
  return thousands(Math.round(bytes / MIB));
}

/** 2080 as 2,080, whatever the locale of the machine. */
function thousands(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
