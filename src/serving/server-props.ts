import type { Duration, Size } from 'cdk8s';
import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import type { Accelerator } from '../pod/accelerator/accelerator';
import type { NetworkPeer } from '../pod/network-peer';
import type { Placement } from '../pod/pod-spec';
import type { Monitoring } from './monitoring';
import type { Route } from './route';
import type { Scaling } from './scaling';
import type { ServiceMesh } from './service-mesh';
import type { ServerReach } from './server-reach';
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
   * CPUs of each copy, request and limit: `500m`, `1.5`, `8`.
   *
   * @default - by the engine
   */
  readonly cpu?: string;

  /**
   * Memory of each copy, request and limit. What is in /dev/shm counts in it.
   *
   * @default - by formula from the model's facts
   */
  readonly memory?: Size;

  /**
   * Where the pods run, besides what the accelerator and the stores of the model say. All of it holds together; what
   * contradicts is an error. A server cannot move a claim: one that binds on first use is where its first pod ran, and
   * that is a Job, so it is the store that takes the placement (`ModelStore.claim({ placement: accelerator.placement })`).
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
   * The LocalQueue by which Kueue admits the pods, as the label `kueue.x-k8s.io/queue-name` of what runs them (Kueue's
   * integrations `deployment`, `statefulset` and `leaderworkerset.x-k8s.io/leaderworkerset`, which are on by default
   * from Kueue 0.16). Kueue refuses another name while a pod is ready.
   *
   * @default - they are not queued
   */
  readonly queueName?: string;

  /**
   * Who may send requests, besides the gateways of `routes`, what `scaling` puts before the server, and who reads the
   * metrics. An empty list lets in nobody else.
   *
   * @default [NetworkPeer.sameNamespace()]
   */
  readonly allowFrom?: NetworkPeer[];

  /**
   * Whom the engine itself asks something: another server, a collector of traces, who has the images that requests name
   * by their address. Names can then be looked up.
   *
   * @default - nobody
   */
  readonly reaches?: ServerReach[];

  /**
   * The service mesh that the pods are part of. Not for a server whose copies are several pods.
   *
   * @default - none: meshes are kept out of the pods
   */
  readonly mesh?: ServiceMesh;

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
   * A Job of the verify phase that asks the server a question: the pods of this version, and not those that it takes
   * the place of. Where requests start the server (`Scaling.kedaHttp`), whichever pods answer.
   *
   * @default - none
   */
  readonly smokeTest?: SmokeTestOptions;

  /**
   * How fast the model can be read from its store, per second: with its size, how long a start may take. Not with
   * `startupTimeout`, nor where neither the size nor the facts of the model are known.
   *
   * @default 50 MiB, slow network storage
   */
  readonly readRate?: Size;

  /**
   * How long a pod may take from the start of its server to the first answer; then it is started again. The wait for
   * a model that is not there yet does not count.
   *
   * @default - the engine's own time, and twice what reading the model takes at `readRate`. Where only
   * its facts are known, its size is estimated; 30 minutes are added for what has neither, as an adapter
   */
  readonly startupTimeout?: Duration;

  /**
   * How long requests may take to end when a pod is stopped. An engine that does not wait for them itself gets the
   * signal only after that time, so that each stop takes it, busy or not. So does each stop of a group of a
   * LeaderWorkerSet, whose workers cannot see whether the leader still answers and wait as long as it may.
   *
   * @default 2 minutes
   */
  readonly drainTimeout?: Duration;

  /**
   * How a new version takes the place of the old one. StatefulSets of several nodes can RECREATE alone, and several
   * copies of a LeaderWorkerSet all but that.
   *
   * @default - RECREATE for one copy with an accelerator, or that reads what one node alone has or can mount (whose
   * memory is not known: a second copy that finds no room would wait for ever), REPLACE for several such, SURGE
   * otherwise; RECREATE too where the pod writes to a claim that no other can mount at the same time
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
   * Environment variables of the engine, besides those that this library sets. `$(NAME)` in a value stands for another
   * variable.
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
