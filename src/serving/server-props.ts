import type { Duration, Size } from 'cdk8s';
import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import type { Accelerator } from '../pod/accelerator/accelerator';
import type { NetworkPeer } from '../pod/network-peer';
import type { Placement } from '../pod/pod-spec';
import type { Monitoring } from './monitoring';
import type { Route } from './route';
import type { Scaling } from './scaling';
import type { SmokeTestOptions } from './smoke-test-options';

/** How a new version of a server takes the place of the old one. */
export enum Rollout {
  /** The old pods end before new ones start: for devices or claims that a second copy could not have. */
  RECREATE = 'recreate',
  /** One pod at a time ends, and a new one starts in its place: never more than there were. */
  REPLACE = 'replace',
  /** A new pod is ready before an old one ends: needs room for one more. */
  SURGE = 'surge',
}

/** What every server is told, whatever its engine. */
export interface ServerProps {
  /**
   * How many copies run, each with all of the model.
   *
   * @default 1, and none is written where `scaling` decides
   */
  readonly replicas?: number;

  /**
   * Who decides how many copies run. Not with `replicas`.
   *
   * @default - `replicas`
   */
  readonly scaling?: Scaling;

  /**
   * The devices of each copy.
   *
   * @default - none: it computes on CPUs
   */
  readonly accelerator?: Accelerator;

  /**
   * CPUs of each copy: `500m`, `8`.
   *
   * @default - by the engine
   */
  readonly cpu?: string;

  /**
   * Memory of each copy, request and limit.
   *
   * @default - by formula from the model's facts
   */
  readonly memory?: Size;

  /**
   * Where the pods run, besides what the accelerator and the model's store say.
   *
   * @default - anywhere that those allow
   */
  readonly placement?: Placement;

  /**
   * The PriorityClass of the pods.
   *
   * @default - the cluster's
   */
  readonly priorityClassName?: string;

  /**
   * The LocalQueue by which Kueue admits the pods.
   *
   * @default - they are not queued
   */
  readonly queueName?: string;

  /**
   * Who may send requests, besides the gateways of `routes` and who reads the metrics.
   *
   * @default [NetworkPeer.sameNamespace()]
   */
  readonly allowFrom?: NetworkPeer[];

  /**
   * The port of the Service.
   *
   * @default 8080
   */
  readonly port?: number;

  /**
   * The ways to it from outside.
   *
   * @default - none
   */
  readonly routes?: Route[];

  /**
   * Who watches it.
   *
   * @default - nobody
   */
  readonly monitoring?: Monitoring;

  /**
   * A Job of the verify phase that asks the endpoint a question.
   *
   * @default - none
   */
  readonly smokeTest?: SmokeTestOptions;

  /**
   * How fast the model can be read from its store, per second: with its size, how long a start may take.
   *
   * @default 50 MiB, slow network storage
   */
  readonly readRate?: Size;

  /**
   * How long a pod may take from its start to its first answer.
   *
   * @default - the engine's own time, and twice what reading the model takes at `readRate`
   */
  readonly startupTimeout?: Duration;

  /**
   * How long requests may take to end when a pod is stopped.
   *
   * @default 2 minutes
   */
  readonly drainTimeout?: Duration;

  /**
   * How a new version takes the place of the old one.
   *
   * @default - RECREATE for one copy with an accelerator or with a claim that one node alone can mount, REPLACE for
   * several such, SURGE otherwise
   */
  readonly rollout?: Rollout;

  /**
   * Whether the engine's container may write to its root file system. What sets up an NVIDIA device by CDI needs it
   * on some nodes (NVIDIA/nvidia-container-toolkit#2026).
   *
   * @default - what the accelerator needs; false without one
   */
  readonly writableRoot?: boolean;

  /**
   * Environment variables of the engine, besides those that this library sets.
   *
   * @default - none
   */
  readonly env?: { [name: string]: string };

  /**
   * Environment variables from Secrets.
   *
   * @default - none
   */
  readonly secretEnv?: { [name: string]: SecretValue };

  /**
   * The Secrets by which the images are pulled.
   *
   * @default - those of the namespace's default service account
   */
  readonly imagePullSecrets?: ISecret[];

  /**
   * The image of the init container that waits for the model: any with Python 3.11 or newer.
   *
   * @default docker.io/library/python:3.13.7-slim-bookworm, by digest
   */
  readonly guardImage?: string;
}
