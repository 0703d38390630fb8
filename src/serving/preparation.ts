import type { ContainerSpec } from '../pod/pod-spec';

/**
 * What is done in a pod before its program starts, in init containers of its own, and what the program has of it: a
 * checkout that is applied, for instance. Plain data, for servers and Jobs alike.
 *
 * @internal
 */
export interface Preparation {
  /** The programs of ours that the init containers run. */
  readonly programs: string[];
  /** Behind those that wait for models, in their order. */
  readonly initContainers: ContainerSpec[];
  /** The pod's. */
  readonly volumes: Record<string, unknown>[];
  /** Of the container that the program runs in. */
  readonly mounts: Record<string, unknown>[];
  /** Where the program starts. @default - where the image says */
  readonly workingDir?: string;
  /** Ephemeral storage that is taken as long as the pod is there. */
  readonly bytes: number;
  /** Of the workload. */
  readonly annotations: Record<string, string | undefined>;
  /** Adds the objects that the volumes name. Called once, where the workload is rendered. */
  add(component: string): void;
}
