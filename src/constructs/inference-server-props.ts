import type { Duration, Size } from 'cdk8s';
import type { SecretValue } from 'cdk8s-plus-28';
import type { Artifact } from '../artifact/artifact';
import type { ServerProbe } from '../serving/server-probe';
import type { ServerProps } from '../serving/server-props';

/** An artifact that a server reads besides its model. */
export interface ServedArtifact {
  /**
   * What it is to the server: `draft`, `adapter-legal`. Its folder is in the variable that is named after it:
   * `DRAFT_DIR`, `ADAPTER_LEGAL_DIR`.
   */
  readonly name: string;

  /** The files. */
  readonly artifact: Artifact;

  /**
   * The folder at which the engine has its files.
   *
   * @default - in /models, or where the store of several is mounted
   */
  readonly mountPath?: string;
}

/** A port of a server besides that of its API. */
export interface ServerPort {
  /** At most 15 lower-case letters, digits and dashes, with a letter among them: `grpc`. */
  readonly name: string;

  /** Where it listens in the container: 1024 to 65535. */
  readonly containerPort: number;

  /**
   * The port of the Service by which clients reach it.
   *
   * @default - it is not in the Service, and clients are not let in
   */
  readonly servicePort?: number;

  /**
   * What is spoken, as a Service's `appProtocol`: `grpc`, `kubernetes.io/h2c`.
   *
   * @default - not said
   */
  readonly appProtocol?: string;
}

/** The names of an engine's Prometheus metrics, by what they mean. What it does not have is left out. */
export interface ServerMetrics {
  /**
   * The path.
   *
   * @default /metrics
   */
  readonly path?: string;

  /**
   * The name of the port: `http`, or one of `ports`.
   *
   * @default 'http', that of the API
   */
  readonly port?: string;

  /** Gauge: requests that are being answered. @default - none */
  readonly running?: string;

  /** Gauge: requests that wait. @default - none */
  readonly waiting?: string;

  /** Gauge, 0 to 1: how full the key-value cache is. @default - none */
  readonly kvCacheUsage?: string;

  /** Counter: tokens of prompts. @default - none */
  readonly promptTokens?: string;

  /** Counter: tokens of answers. @default - none */
  readonly generatedTokens?: string;

  /** Counter: requests that ended well. @default - none */
  readonly succeeded?: string;

  /** Histogram, without `_bucket`: seconds to the first token. @default - none */
  readonly timeToFirstToken?: string;

  /** Histogram, without `_bucket`: seconds between tokens. @default - none */
  readonly timePerOutputToken?: string;

  /** Histogram, without `_bucket`: seconds of a whole request. @default - none */
  readonly requestSeconds?: string;

  /** The label that names the model. @default - none */
  readonly modelLabel?: string;
}

/** Which engine serves what, and what is to be known of it. */
export interface InferenceServerProps extends ServerProps {
  /** What the engine is called, which is the name of its container: `sglang`, `triton`. */
  readonly engine: string;

  /** Its image, pinned by a tag or a digest. */
  readonly image: string;

  /**
   * The files that it serves.
   *
   * @default - none, for what serves no model itself: a router or a proxy before other servers
   */
  readonly model?: Artifact;

  /**
   * The folder at which the engine has the model's files, for an image that looks nowhere else.
   *
   * @default - in /models; the variable MODEL_DIR has it in either case. Not without `model`
   */
  readonly modelMountPath?: string;

  /**
   * Further artifacts. Not without `model`.
   *
   * @default - none
   */
  readonly artifacts?: ServedArtifact[];

  /**
   * The program, in exec form: no shell takes it apart. `$(MODEL_DIR)` stands for the folder of the model,
   * `$(<NAME>_DIR)` for those of `artifacts`, `$(API_KEY)` for the API key, and `$(<NAME>)` for each variable of `env`
   * and `secretEnv`; `$$(` is a `$(` that is meant as it is.
   */
  readonly command: string[];

  /**
   * The program's arguments, in the same form.
   *
   * @default - none
   */
  readonly args?: string[];

  /** Where the engine's API listens in the container, at all addresses: 1024 to 65535. */
  readonly containerPort: number;

  /**
   * Further ports.
   *
   * @default - none
   */
  readonly ports?: ServerPort[];

  /** Whether requests can be sent: what the engine answers while it is busy too. */
  readonly readiness: ServerProbe;

  /**
   * Whether the process still works; where not, it is started again. What fails in a busy server would end it.
   *
   * @default - as readiness, with two minutes of failures
   */
  readonly liveness?: ServerProbe;

  /**
   * Whether the start is over.
   *
   * @default - as readiness
   */
  readonly startup?: ServerProbe;

  /**
   * The path of the API that answers 200 when requests can be sent, for gateways and smoke tests.
   *
   * @default - that of `readiness` where it asks for one at the API's port; else '/'
   */
  readonly healthPath?: string;

  /**
   * The names of the models in the API.
   *
   * @default - none, for APIs that have no such names
   */
  readonly modelNames?: string[];

  /**
   * What the engine tells Prometheus, for scaling and monitoring.
   *
   * @default - nothing
   */
  readonly metrics?: ServerMetrics;

  /**
   * The key that clients must send. The engine has it in the variable API_KEY, and `$(API_KEY)` in its arguments
   * stands for it.
   *
   * @default - none
   */
  readonly apiKey?: SecretValue;

  /**
   * Folders that the engine writes, each an emptyDir with the most that it may hold. /tmp and HOME are among them
   * unless they are given here.
   *
   * @default - /tmp with 1Gi, and HOME, /home/server, with 1Gi
   */
  readonly writableFolders?: { [path: string]: Size };

  /**
   * Text files for the engine, by their names, in the folder of the variable CONFIG_DIR, /etc/cdk8s-llm/config.
   *
   * @default - none
   */
  readonly configFiles?: { [name: string]: string };

  /**
   * /dev/shm, which counts in the memory of the container: what processes of one engine share, as NCCL does between
   * several devices.
   *
   * @default - what the container runtime gives, 64 MiB
   */
  readonly sharedMemory?: Size;

  /**
   * Ephemeral storage besides the writable folders: log files, for which it is at least 50 MiB, and, with
   * `writableRoot`, what the engine writes anywhere else.
   *
   * @default 320 MiB
   */
  readonly ephemeralStorage?: Size;

  /**
   * The user that the image needs. Never root, 0.
   *
   * @default 65532, to whom the files of all stores belong
   */
  readonly runAsUser?: number;

  /**
   * The group that the image needs. All programs of the pod are in group 65532 besides, to read the stores.
   *
   * @default 65532
   */
  readonly runAsGroup?: number;

  /**
   * How long the engine takes from the start of its process to its first answer, without the reading of the model:
   * compilation, warm-up.
   *
   * @default 10 minutes
   */
  readonly engineStartup?: Duration;

  /**
   * Whether the process, when it gets SIGTERM, itself ends the running requests before it goes. Where not, it gets
   * the signal only after `drainTimeout`.
   *
   * @default false
   */
  readonly drains?: boolean;

  /**
   * How long the process takes from the end of the last request to its own, as by unloading the model.
   *
   * @default 15 seconds
   */
  readonly shutdownTimeout?: Duration;
}
