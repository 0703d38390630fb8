import type { Construct, IConstruct } from 'constructs';
import { atLeastVersion } from '../engines/vllm/version';
import { InputError } from '../pod/input-error';

/** What servers that share requests must know of each other. @internal */
export interface Sharing {
  readonly namespace: string;
  /** Of its Service. */
  readonly name: string;
  readonly role: 'prefill' | 'decode';
  /** The names of the others. */
  readonly peers: readonly string[];
  /** The key of the model's artifact. */
  readonly model: string;
  readonly version: string;
  readonly tensorParallel: number;
}

/** A construct that may share requests. @internal */
export interface ISharing extends IConstruct {
  readonly _sharing?: Sharing;
}

/** Since when a server that decodes may be on fewer devices than one that prefills (#27274). */
const WIDER_PREFILL_SINCE = '0.13.0';

/**
 * Whether the others are servers of the app that share requests with this one: a name that is wrong would let nobody
 * in. Asked at synth, as either is made before the other.
 *
 * @returns errors, as validations have them
 * @internal
 */
export function peerProblems(scope: Construct, own: Sharing): string[] {
  const all = scope.node.root.node.findAll().flatMap((each: ISharing) => each._sharing ?? []);
  const others = all.filter((each) => each !== own && each.namespace === own.namespace);
  return own.peers.flatMap((name) => {
    const peer = others.find((each) => each.name === name);
    const problem = peer ? pairProblem(own, peer) : notThere(own, name, others);
    return problem ? [new InputError(scope, 'kvTransfer.peers', name, problem).message] : [];
  });
}

interface Problem {
  readonly allowed: string;
  readonly advice?: string;
}

function notThere(own: Sharing, name: string, others: readonly Sharing[]): Problem {
  const names = others.filter(({ role }) => role !== own.role).map((each) => `'${each.name}'`);
  return {
    allowed: `the servers of namespace ${own.namespace} that share requests: ${names.join(', ') || 'there are none'}`,
    advice: `Nothing in this app is called '${name}' and has kvTransfer: its pods would not be let in.`,
  };
}

/** Why two servers cannot share requests. */
function pairProblem(own: Sharing, peer: Sharing): Problem | undefined {
  if (peer.role === own.role) {
    return {
      allowed: `servers that ${own.role === 'decode' ? 'prefill' : 'decode'}; this one does what its peer does`,
    };
  }
  if (!peer.peers.includes(own.name)) {
    return {
      allowed: `servers that name this one back`,
      advice: `Add '${own.name}' to the peers of '${peer.name}'.`,
    };
  }
  if (peer.model !== own.model) return { allowed: 'servers of the same artifact' };
  if (peer.version !== own.version) {
    return { allowed: `servers of the same version: ${peer.version} and ${own.version} differ` };
  }
  const [prefill, decode] = own.role === 'prefill' ? [own, peer] : [peer, own];
  const [narrow, wide] = [prefill.tensorParallel, decode.tensorParallel].sort((a, b) => a - b);
  if (wide % narrow !== 0) {
    return {
      allowed: `tensorParallel of which one is a multiple of the other: ${prefill.tensorParallel} and ${decode.tensorParallel} are not`,
    };
  }
  if (prefill.tensorParallel > decode.tensorParallel && !atLeastVersion(own.version, WIDER_PREFILL_SINCE)) {
    return {
      allowed: `a tensorParallel for decode of ${prefill.tensorParallel} or more, as the server that prefills has`,
      advice: `Or pin an image of ${WIDER_PREFILL_SINCE} or newer.`,
    };
  }
  return undefined;
}
