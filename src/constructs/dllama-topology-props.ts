import type { Duration, Size } from 'cdk8s';
import type { ISecret } from 'cdk8s-plus-28';
import { Artifact } from '../artifact/artifact';
import { FloatType } from '../engines/dllama/float-type';
import type { Accelerator } from '../pod/accelerator/accelerator';
import { NetworkPeer } from '../pod/network-peer';
import { Placement } from '../pod/pod-spec';
import type { Monitoring } from '../serving/monitoring';
import type { Route } from '../serving/route';
import type { SmokeTestOptions } from '../serving/smoke-test-options';

/** The templates that distributed-llama can be told to put a conversation into. */
export enum DllamaChatTemplate {
  /** Llama 2. */
  LLAMA2 = 'llama2',
  /** Llama 3. */
  LLAMA3 = 'llama3',
  /** DeepSeek R1 and V3. */
  DEEP_SEEK3 = 'deepSeek3',
}

/** A worker that is not like the others. */
export interface DllamaWorkerSlot {
  /** Which worker: 0 is the first. */
  readonly slot: number;

  /** Where it runs. @default - as the other workers */
  readonly placement?: Placement;

  /** Its threads and CPUs. @default - as the other workers; 1 with an accelerator */
  readonly threads?: number;

  /** The device that it computes on. @default - as the other workers */
  readonly accelerator?: Accelerator;

  /** Its memory, request and limit. @default - as the other workers */
  readonly memory?: Size;
}

/** The front that stands before the root, and takes from it whatever would end it. */
export interface DllamaFrontProps {
  /**
   * How many requests may wait while one is answered; further ones are refused with 429.
   *
   * @default 32
   */
  readonly queueLength?: number;

  /**
   * How long a request may wait.
   *
   * @default 10 minutes
   */
  readonly queueTimeout?: Duration;

  /**
   * The largest request body.
   *
   * @default 8 MiB
   */
  readonly maxBody?: Size;

  /**
   * How long the root may be silent in an answer before it is taken for hung and restarted. It covers the
   * reading of the prompt, during which nothing is sent.
   *
   * @default 5 minutes
   */
  readonly stallTimeout?: Duration;

  /**
   * The image: any with Python 3.11 or newer; nothing is installed in it.
   *
   * @default docker.io/library/python:3.13.7-slim-bookworm, by digest
   */
  readonly image?: string;
}

/**
 * What a `DllamaTopology` is told. Of what other servers are told (`LlamaServerProps`) it has not:
 * - `replicas` and `scaling`: its processes hold one model together, and no autoscaler adds a root with its workers.
 *   Another copy is another `DllamaTopology`, and one HTTPRoute or Service of yours before both.
 * - `queueName`: Kueue admits each Deployment and StatefulSet by itself, so that half of a topology could hold what the
 *   other half waits for.
 * - `apiKey`: neither dllama-api nor the front asks for one. A gateway does, before `routes`: `filters`, a policy.
 * - `mesh`: a proxy's connections would end the root and take the place of workers.
 * - `rollout`: a second root would wait for the workers of the first, so it is always `RECREATE`.
 * - `env`, `secretEnv`: distributed-llama reads no environment. `reaches`: it asks nobody.
 * - `cpu`, `memory`, `placement`, `readRate`, `guardImage`: they are `threads`, `rootMemory` and `workerMemory`,
 *   `rootPlacement` and `workerPlacement`, `startupTimeout` and `front.image`.
 */
export interface DllamaTopologyProps {
  /** The model: the artifact of a `DllamaConversion`, or of a `ModelCache` of a published model. */
  readonly model: Artifact;

  /**
   * The image that holds distributed-llama v0.16.4 or newer, with `sh`, `grep`, `sleep` and `getent`. There
   * is no official one: `images/dllama/Dockerfile` builds it.
   */
  readonly image: string;

  /**
   * The Secrets by which the images are pulled.
   *
   * @default - those of the namespace's default service account
   */
  readonly imagePullSecrets?: ISecret[];

  /**
   * How many nodes share the model, as a power of two: 2 gives 4 nodes, a root and 3 workers. Give this or
   * `workers`.
   *
   * @default - `workers`
   */
  readonly replicaPower?: number;

  /**
   * How many workers share the model with the root. Give this or `replicaPower`.
   *
   * @default - `replicaPower`
   */
  readonly workers?: number;

  /**
   * Threads of each process, which are also its CPUs: they spin, so a thread without a CPU of its own makes
   * the whole topology dozens of times slower. What computes on an accelerator takes 1.
   *
   * @default 4; 1 with an accelerator
   */
  readonly threads?: number;

  /**
   * The device of each process, the root's and each worker's: one GPU of any vendor that has Vulkan, by `--gpu-index 0`.
   * The image has to be built for it (`--build-arg VULKAN=1` of `images/dllama/Dockerfile`); no tag tells that, and a
   * root or worker of another image ends with `This build does not support GPU`. Memory of the pods remains by the
   * formula for CPUs, as weights come by way of it. Not tried on a GPU.
   *
   * @default - none: it computes on CPUs
   */
  readonly accelerator?: Accelerator;

  /**
   * The longest context in tokens. The key-value cache, and so the memory, grows with it.
   *
   * @default 4096, or the model's own where that is less
   */
  readonly maxSeqLen?: number;

  /**
   * Memory of the root, request and limit.
   *
   * @default - by formula from the model's facts
   */
  readonly rootMemory?: Size;

  /**
   * Memory of each worker, request and limit.
   *
   * @default - by formula from the model's facts
   */
  readonly workerMemory?: Size;

  /**
   * Where the root runs, besides what the placement of the model's store says. A new claim that one node alone can
   * mount is shared with the Jobs that fill it: give the placement to the store, so that all of them have it.
   *
   * @default - anywhere that the model's store can be mounted
   */
  readonly rootPlacement?: Placement;

  /**
   * Where the workers run. Keep them in one zone with the root: every token takes dozens of round trips.
   *
   * @default - anywhere
   */
  readonly workerPlacement?: Placement;

  /**
   * Workers that are not like the others.
   *
   * @default - all are alike
   */
  readonly workerSlots?: DllamaWorkerSlot[];

  /**
   * The PriorityClass of the root and the workers.
   *
   * @default - the cluster's
   */
  readonly priorityClassName?: string;

  /**
   * Who may send requests, besides the gateways of `routes` and who reads the metrics by `monitoring`.
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
   * The ways to it from outside, to its front: by an Ingress or an HTTPRoute. The front asks for no key, so that they
   * open all of it unless `paths` says less: `['/v1']`. No InferencePool: there is one pod to choose.
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

  /** The front before the root. @default - the defaults of `DllamaFrontProps` */
  readonly front?: DllamaFrontProps;

  /**
   * How long an answer that is under way may take to end when the root is stopped.
   *
   * @default 2 minutes
   */
  readonly drainTimeout?: Duration;

  /**
   * How long the root may take from its start to its first answer: reading the model, sending it to the
   * workers, waiting for them.
   *
   * @default - 10 minutes, and the model's size at 50 MiB/s
   */
  readonly startupTimeout?: Duration;

  /**
   * The template, for a tokenizer that has none.
   *
   * @default - the tokenizer's own
   */
  readonly chatTemplate?: DllamaChatTemplate;

  /**
   * Whether sockets spin while a request is served: less latency for busier CPUs.
   *
   * @default - distributed-llama's own: true
   */
  readonly netTurbo?: boolean;

  /**
   * Further arguments of the root: name, value, name, value.
   *
   * @default - none
   */
  readonly rootArgs?: string[];

  /**
   * Further arguments of each worker: name, value, name, value.
   *
   * @default - none
   */
  readonly workerArgs?: string[];

  /**
   * The program of the workers in the image.
   *
   * @default dllama
   */
  readonly dllamaCommand?: string;

  /**
   * The program of the root in the image.
   *
   * @default dllama-api
   */
  readonly dllamaApiCommand?: string;

  /**
   * The weights file in the artifact, for files from elsewhere.
   *
   * @default - the artifact's
   */
  readonly modelFile?: string;

  /**
   * The tokenizer file in the artifact, for files from elsewhere.
   *
   * @default - the artifact's
   */
  readonly tokenizerFile?: string;

  /**
   * How the weights are stored, for files from elsewhere.
   *
   * @default - the artifact's
   */
  readonly weights?: FloatType;
}
