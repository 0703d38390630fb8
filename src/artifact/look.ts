import { Size } from 'cdk8s';
import { python } from '../pod/guard';
import type { ContainerSpec } from '../pod/pod-spec';

/** The program of the container. @internal */
export const LOOK_PROGRAM = 'stored.py';

/** @internal */
export interface LookProps {
  readonly image: string;
  readonly key: string;
  /** The folder in which the artifact would be made on its way into the store. */
  readonly note: string;
  /** Where the artifact is in the store. */
  readonly placeArgs: string[];
  readonly env: Record<string, unknown>[];
  readonly mounts: Record<string, unknown>[];
}

/**
 * The init container that looks whether the store has an artifact already, before it is made on a disk of the pod: what
 * follows then finds its marker in the folder, and has nothing to do.
 *
 * @internal
 */
export function lookContainer({ image, key, note, placeArgs, env, mounts }: LookProps): ContainerSpec {
  return {
    name: 'look',
    image,
    command: python(LOOK_PROGRAM),
    args: [`--key=${key}`, `--note=${note}`, ...placeArgs],
    env,
    mounts,
    resources: { cpu: '100m', cpuLimit: '1', memory: Size.mebibytes(128), storage: Size.mebibytes(64) },
  };
}
