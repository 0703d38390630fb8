import { checkPositiveInteger } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import type { NetworkPeer } from '../../pod/network-peer';
import type { Owner } from '../../pod/owner';
import type { Entrance, ServerTarget } from '../server-target';

/** What a factory of Scaling makes: checked, and not yet told of its server. @internal */
export interface ScalingPart {
  readonly maxReplicas: number;
  /** @default - nobody */
  readonly peers?: NetworkPeer[];
  /** Who reads the engine's metrics because of it. @default - nobody */
  readonly watchers?: NetworkPeer[];
  /** @default - the server's own Service */
  readonly entrance?: (owner: Owner) => Entrance;
  render(target: ServerTarget): void;
}

/** How many copies there may be. @internal */
export interface ReplicaBounds {
  readonly min: number;
  readonly max: number;
}

/** @param least of `min` @throws when they are no whole numbers, or max is less than min @internal */
export function checkBounds(where: string, { min, max }: ReplicaBounds, least: number): ReplicaBounds {
  checkPositiveInteger(where, 'min', min, least);
  checkPositiveInteger(where, 'max', max);
  if (max < min) throw new InputError(where, 'max', max, { allowed: `${min} or more, as min is ${min}` });
  return { min, max };
}

/** The workload as autoscalers name it. @internal */
export function scaleTargetRef({ workload }: ServerTarget): Record<string, string> {
  return { ...workload };
}

/** The API server takes no longer window. */
const LONGEST_WINDOW = 3600;

/**
 * Copies end one by one, and not before a start's time has passed without need of them: one that ends too soon is
 * missed for as long as a start takes.
 *
 * @internal
 */
export function scaleDownBehavior({ startupSeconds, drainSeconds }: ServerTarget): Record<string, unknown> {
  return {
    scaleDown: {
      stabilizationWindowSeconds: Math.min(Math.max(300, startupSeconds), LONGEST_WINDOW),
      policies: [{ type: 'Pods', value: 1, periodSeconds: Math.min(Math.max(60, drainSeconds), 1800) }],
    },
  };
}
