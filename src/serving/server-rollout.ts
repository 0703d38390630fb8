import type { IConstruct } from 'constructs';
import { InputError } from '../pod/input-error';
import type { MultiNodeSpec } from './group';
import { Rollout } from './server-props';

/** What decides how a new version can take the place of the old one. @internal */
export interface RolloutFacts {
  /** The most copies that there can be. */
  readonly maxReplicas: number;
  /** Whether each copy has devices: where there is room for one more is not known. */
  readonly scarce: boolean;
  /** Whether all copies are on the node of what they read: how much memory is free there is not known. */
  readonly oneNode: boolean;
  /** A claim that one copy writes, and no second can mount. */
  readonly exclusiveClaim?: string;
  /** What runs the pods of a copy, where they are several. */
  readonly groupedBy?: MultiNodeSpec['kind'];
}

/** @throws when a second copy could not start while the first runs, and would have to. @internal */
export function resolveRollout(scope: IConstruct, given: Rollout | undefined, facts: RolloutFacts): Rollout {
  if (given !== undefined && !Object.values(Rollout).includes(given)) {
    throw new InputError(scope, 'rollout', given, { allowed: Object.values(Rollout).join(', ') });
  }
  const { exclusiveClaim, maxReplicas } = facts;
  if (exclusiveClaim !== undefined && maxReplicas > 1) {
    throw new InputError(scope, 'replicas', maxReplicas, {
      allowed: `1, as the pods write to claim ${exclusiveClaim}, which several nodes cannot mount`,
      advice: 'Use a claim of access mode ReadWriteMany, or none: each copy then has a cache of its own.',
    });
  }
  if (exclusiveClaim !== undefined && given === Rollout.SURGE) {
    throw new InputError(scope, 'rollout', given, {
      allowed: `${Rollout.RECREATE} or ${Rollout.REPLACE}`,
      advice:
        `The new pod would wait for claim ${exclusiveClaim}, which the old one keeps until the new one is ready: ` +
        'for ever. Use a claim of access mode ReadWriteMany.',
    });
  }
  if (facts.groupedBy === 'stateful-sets') return rolloutOfStatefulSets(scope, given, maxReplicas);
  if (facts.groupedBy === 'leader-worker-set' && given === Rollout.RECREATE && maxReplicas > 1) {
    throw new InputError(scope, 'rollout', given, {
      allowed: `${Rollout.REPLACE} or ${Rollout.SURGE}`,
      advice: 'A LeaderWorkerSet changes one copy after the other.',
    });
  }
  return given ?? defaultRollout(facts);
}

/** All of them start their pods anew at once. With several copies the user has to say that this may be. */
function rolloutOfStatefulSets(scope: IConstruct, given: Rollout | undefined, maxReplicas: number): Rollout {
  const advice =
    'A new version starts the pods of all StatefulSets at once. Use MultiNode.leaderWorkerSet(), which changes one ' +
    'copy after the other';
  if (given !== undefined && given !== Rollout.RECREATE) {
    throw new InputError(scope, 'rollout', given, { allowed: Rollout.RECREATE, advice: `${advice}.` });
  }
  if (given === undefined && maxReplicas > 1) {
    throw new InputError(scope, 'replicas', maxReplicas, {
      allowed: '1 with StatefulSets: none of several copies answers while a new version starts',
      advice: `${advice}, or say that it may be: rollout: Rollout.RECREATE.`,
    });
  }
  return Rollout.RECREATE;
}

function defaultRollout({ scarce, oneNode, exclusiveClaim, maxReplicas }: RolloutFacts): Rollout {
  if (!scarce && !oneNode && exclusiveClaim === undefined) return Rollout.SURGE;
  return maxReplicas > 1 ? Rollout.REPLACE : Rollout.RECREATE;
}

/** As a Deployment has it. @internal */
export function deploymentStrategy(rollout: Rollout): Record<string, unknown> {
  switch (rollout) {
    case Rollout.RECREATE:
      return { type: 'Recreate' };
    case Rollout.REPLACE:
      return { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } };
    case Rollout.SURGE:
      return { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  }
}
