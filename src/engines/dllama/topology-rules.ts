import { ModelFacts } from '../model-facts';
import { FloatType } from './float-type';
import { BLOCK_SIZE } from './storage';

/**
 * Workers beside the root for a power of two of nodes: 2^power - 1.
 *
 * @internal
 */
export function workersOfPower(replicaPower: number): number {
  if (!Number.isInteger(replicaPower) || replicaPower < 0) {
    throw new Error(
      `replicaPower is ${replicaPower}; it must be a whole number from 0 (no workers): p gives 2^p nodes, so 2^p - 1 workers`,
    );
  }
  return 2 ** replicaPower - 1;
}

/** What a number of nodes is checked against. @internal */
export interface NodeCheck {
  /** The model's facts, when they are known; without them powers of two alone are accepted. */
  readonly facts?: ModelFacts;
  /** The root and its workers together. */
  readonly nodes: number;
  /** How the weights are stored. */
  readonly weights: FloatType;
}

/**
 * Why a model cannot run on so many nodes, with the node counts that it allows; undefined when it can.
 *
 * @internal
 */
export function checkNodes(check: NodeCheck): string | undefined {
  const { facts, nodes, weights } = check;
  if (!Number.isInteger(nodes) || nodes < 1) {
    return `nodes (root and workers) is ${nodes}; it must be a whole number of at least 1`;
  }
  if (facts === undefined) {
    if (Number.isInteger(Math.log2(nodes))) return undefined;
    return (
      `${describeNodes(nodes)} is no power of two; without the model's facts allowed are 1, 2, 4, 8, 16 ... nodes ` +
      `(0, 1, 3, 7, 15 ... workers). Give the model's facts to allow what its dimensions allow`
    );
  }
  const reasons = brokenRules(facts, weights, nodes);
  if (reasons.length === 0) return undefined;
  const allowed = allowedNodeCounts(facts, weights);
  const advice =
    allowed.length > 0
      ? `This model allows ${list(allowed)} nodes (${list(allowed.map((n) => n - 1))} workers)`
      : `This model allows no number of nodes with ${weights} weights`;
  return `${describeNodes(nodes)} cannot share the model: ${reasons.join('; ')}. ${advice}`;
}

/** The node counts (root and workers) among which a model can be divided, ascending. @internal */
export function allowedNodeCounts(facts: ModelFacts, weights: FloatType): number[] {
  const candidates = Array.from({ length: facts.kvHeads }, (_, index) => index + 1);
  return candidates.filter((nodes) => brokenRules(facts, weights, nodes).length === 0);
}

/** The length of the feed-forward vector that is divided: an expert's where there are experts. @internal */
export function feedForwardDim(facts: ModelFacts): number {
  return facts.isMixtureOfExperts ? (facts.moeHiddenDim ?? 0) : facts.hiddenDim;
}

/**
 * Why a number of nodes cannot share a model. distributed-llama stops with an error or an assertion on most of it;
 * that key-value heads stay whole it does not check, and answers nonsense when a node holds a part of one.
 */
function brokenRules(facts: ModelFacts, weights: FloatType, nodes: number): string[] {
  if (nodes > facts.kvHeads)
    return [`it has ${facts.kvHeads} key-value heads, and a node needs at least one`];

  const reasons: string[] = [];
  const feedForward = feedForwardDim(facts);
  // Whole heads on every node divide the query and the key-value dimension too.
  const divided: [string, number][] = [
    ['key-value heads', facts.kvHeads],
    ['heads', facts.heads],
    ['feed-forward dimension', feedForward],
    ['vocabulary', facts.vocabSize],
  ];
  for (const [what, value] of divided) {
    if (value % nodes !== 0) reasons.push(`${what} ${value} not divisible by ${nodes}`);
  }
  if (facts.heads % facts.kvHeads !== 0) {
    reasons.push(`heads ${facts.heads} not divisible by key-value heads ${facts.kvHeads}`);
  }
  // The rotary embedding turns values in pairs.
  if (facts.headDim % 2 !== 0) reasons.push(`head dimension ${facts.headDim} not divisible by 2`);
  if (weights === FloatType.Q40) {
    const blocks: [string, number][] = [
      ['dimension', facts.dim],
      ['query dimension per node', facts.queryDim / nodes],
      ['feed-forward dimension per node', feedForward / nodes],
    ];
    for (const [what, value] of blocks) {
      if (Number.isInteger(value) && value % BLOCK_SIZE !== 0) {
        reasons.push(`${what} ${value} not divisible by ${BLOCK_SIZE}, the block of ${weights}`);
      }
    }
  }
  return reasons;
}

function describeNodes(nodes: number): string {
  return `${nodes} ${nodes === 1 ? 'node' : 'nodes'} (root and ${nodes - 1} ${nodes === 2 ? 'worker' : 'workers'})`;
}

function list(values: number[]): string {
  return values.join(', ');
}
