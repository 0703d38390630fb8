import { checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { Opening } from '../pod/network';
import { Owner, selectorLabels } from '../pod/owner';
import { SERVER_COMPONENT } from './server-spec';

/** What runs the nodes of a copy, as plain data. @internal */
export type MultiNodeSpec =
  | { readonly kind: 'stateful-sets' }
  | { readonly kind: 'leader-worker-set'; readonly exclusiveTopology?: string };

/** How a LeaderWorkerSet places its groups. */
export interface LeaderWorkerSetOptions {
  /**
   * The node label of which each copy takes one value for itself, and all its nodes the same: a rack, a node pool that
   * is a slice of devices, as `cloud.google.com/gke-nodepool`.
   *
   * @default - anywhere
   */
  readonly exclusiveTopology?: string;
}

/** What runs the nodes of a copy of a server that is on several. */
export class MultiNode {
  /**
   * StatefulSets, which every cluster has: one for the first node of each copy and one for its other nodes. A program
   * in their pods keeps them together: when one of them ends, all of the copy start anew.
   *
   * A new version starts the pods of all copies at once: where there are several, `rollout` has to say RECREATE. Where
   * that is too much, use `leaderWorkerSet`.
   */
  public static statefulSets(): MultiNode {
    return new MultiNode({ kind: 'stateful-sets' });
  }

  /**
   * A LeaderWorkerSet (https://lws.sigs.k8s.io), 0.6 or newer, whose controller the cluster must have: it starts a copy
   * anew when one of its pods does, changes one copy after the other, and can be scaled.
   *
   * @throws when the topology is no label
   */
  public static leaderWorkerSet(options: LeaderWorkerSetOptions = {}): MultiNode {
    checkProps('MultiNode.leaderWorkerSet', options);
    const { exclusiveTopology } = options;
    if (
      exclusiveTopology !== undefined &&
      !/^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/.test(exclusiveTopology)
    ) {
      throw new InputError('MultiNode.leaderWorkerSet', 'exclusiveTopology', exclusiveTopology, {
        allowed: "the name of a node label: 'cloud.google.com/gke-nodepool'",
      });
    }
    return new MultiNode({ kind: 'leader-worker-set', exclusiveTopology });
  }

  private constructor(
    /** @internal */
    public readonly _spec: MultiNodeSpec,
  ) {}
}

/** A server whose copies are groups of pods: a leader that has the API, and workers. @internal */
export interface GroupSpec {
  /** Pods of a copy, the leader included; 2 or more. */
  readonly nodes: number;
  readonly multiNode: MultiNodeSpec;
  readonly leaderArgs: string[];
  /**
   * @param leader the leader's name, or a reference to a variable that holds it
   * @param rank the same of the worker's rank: 1 is the first
   */
  workerArgs(leader: string, rank: string): string[];
}

/** Which pods the workers are. @internal */
export const WORKER_COMPONENT = 'worker';

/**
 * The pods of a server's groups reach each other on all ports: the libraries choose theirs as they go.
 *
 * @internal
 */
export function withinGroup(owner: Owner): Opening {
  const peers = [SERVER_COMPONENT, WORKER_COMPONENT].map((component) => ({
    podSelector: { matchLabels: selectorLabels(owner, component) },
  }));
  return { peers, ports: [] };
}
