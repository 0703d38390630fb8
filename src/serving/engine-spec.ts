import type { Size } from 'cdk8s';
import type { EngineMetrics } from '../engines/engine-metrics';
import type { Opening } from '../pod/network';
import type { Owner } from '../pod/owner';
import type { MultiNodeSpec } from './group';
import type { MountedArtifacts } from './mounted-artifacts';
import type { Preparation } from './preparation';

/**
 * What the construct of an engine hands to the core of all servers: everything that differs between engines, as
 * plain data that is checked already. What all servers share (ServerProps) the core resolves itself.
 *
 * @internal
 */
export interface EngineSpec {
  /** By `serverOwner(scope, app)`. */
  readonly owner: Owner;
  /** What the engine calls itself, which is the container's name too: `vllm`, `llama-server`. */
  readonly engine: string;
  /** As `checkImage` returns it. */
  readonly image: string;
  /** Always explicit: the entry points of images change. */
  readonly command: string[];
  readonly args: string[];
  readonly env: EngineVariable[];
  /** Names that a user must not set besides those of `env`, each with the reason or what to use instead. */
  readonly refusedEnv?: Record<string, string>;
  /** Where the API listens in the container, above 1023. The port's name is `http`. */
  readonly port: number;
  /** Further ports. */
  readonly ports?: EnginePort[];
  /** By `mountArtifacts`; the first is the model. None where the server has no model of its own. */
  readonly artifacts: MountedArtifacts;
  readonly probes: EngineProbes;
  /** GET of it at the API's port answers 200 when the server can take requests. */
  readonly healthPath: string;
  readonly writable: WritableFolder[];
  /** Of /dev/shm; it counts in the container's memory limit. Absent: the runtime's 64 MiB. */
  readonly sharedMemory?: Size;
  /** Files beside the models: chat templates, keys. */
  readonly files?: EngineFile[];
  readonly resources: EngineResources;
  /** Where the engine cannot run as our own user. */
  readonly user?: EngineUser;
  /** From the start of the process to its first answer, without the reading of the files. */
  readonly startupSeconds: number;
  /** What a start reads of the artifacts, in bytes. @default - all of them, as far as their sizes are known */
  readonly readBytes?: number;
  /**
   * From SIGTERM to the end of the process, beyond the drain timeout: what it takes to unload. The engine is told of
   * the drain by its own flags, or does not know of it.
   */
  readonly shutdownSeconds: number;
  /** Whether the process itself waits for requests after SIGTERM. Else preStop waits for the whole drain timeout. */
  readonly drains: boolean;
  /**
   * A command of the image that ends when no request is answered any more, where the process does not wait itself.
   * It is told the most seconds by its own arguments: the drain timeout. @default - a pause of that length
   */
  readonly preStop?: (drainSeconds: number) => string[];
  readonly metrics?: EngineMetrics;
  /** What it is asked for: which question a smoke test asks. @default - chat */
  readonly api?: 'chat' | 'completion' | 'embedding' | 'rerank';
  /** The models' names in the API; empty where it has none. */
  readonly modelNames: string[];
  /** The Secret's key that holds the API key, where the engine asks for one. */
  readonly apiKey?: { readonly secret: string; readonly key: string };
  /** What the pods may be asked by besides what ServerProps let in, and may ask: other pods of a group. */
  readonly network?: { readonly ingress?: Opening[]; readonly egress?: Opening[]; readonly dns?: boolean };
  /** What the Secrets of `env` and `files` are for: `<secret>/<key>=<purpose>`, as in ANNOTATION.secrets. */
  readonly secretPurposes?: string[];
  /** What is done in each pod before the engine starts. */
  readonly preparations?: Preparation[];
  /** Fields of the pod that the engine needs besides: `hostname`, `subdomain`. */
  readonly podMore?: Record<string, unknown>;
  /** What runs the pods of a copy, where they are several. */
  readonly groupedBy?: MultiNodeSpec['kind'];
}

/** @internal */
export type EngineVariable =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly secret: string; readonly key: string }
  /** A field of the pod: `metadata.name`, `status.podIP`. */
  | { readonly name: string; readonly field: string };

/** @internal */
export interface EnginePort {
  /** At most 15 lower-case letters, digits and dashes. */
  readonly name: string;
  readonly port: number;
  /** The Service's port. @default - it is not in the Service, and only the engine's own network openings let it in */
  readonly servicePort?: number;
  /** As a Service writes it: `http`, `kubernetes.io/h2c`, `grpc`. */
  readonly appProtocol?: string;
}

/** How a probe asks. Ports are `http` or another port's name. @internal */
export type ProbeAction =
  | { readonly httpGet: { readonly path: string; readonly port: string } }
  | { readonly tcpSocket: { readonly port: string } }
  /** Kubernetes takes numbers alone here. */
  | { readonly grpc: { readonly port: number; readonly service?: string } }
  | { readonly exec: { readonly command: string[] } };

/** @internal */
export interface EngineProbe {
  readonly action: ProbeAction;
  /** @default 10 */
  readonly periodSeconds?: number;
  /** @default 5 */
  readonly timeoutSeconds?: number;
  /** @default 3; the core computes that of the startup probe from its budget */
  readonly failureThreshold?: number;
}

/** @internal */
export interface EngineProbes {
  readonly startup: EngineProbe;
  /** What the engine can answer while it is busy. */
  readonly readiness: EngineProbe;
  /** What cannot fail in a working server. */
  readonly liveness: EngineProbe;
}

/** A folder that the engine writes, as a volume of its own. @internal */
export interface WritableFolder {
  /** The volume's: `tmp`, `home`, `cache`. */
  readonly name: string;
  readonly path: string;
  /** The property by which the user has chosen the path. @default - it is the engine's own */
  readonly field?: string;
  /** Of an emptyDir, counted in the container's ephemeral storage. Not with `claim`. */
  readonly size?: Size;
  /** What is likely written, where it is less than what may be: the container's request. @default - `size` */
  readonly likely?: Size;
  /** A claim of the user that outlives the pod, for caches. */
  readonly claim?: WritableClaim;
}

/** @internal */
export interface WritableClaim {
  readonly name: string;
  /** A folder of the claim, without slashes at the ends. */
  readonly subPath?: string;
  /** Whether pods of several nodes can mount it. */
  readonly shared: boolean;
}

/**
 * Files in a folder of their own. A ConfigMap is made of a text, with a name that ends in the hash of its content; a
 * Secret is the user's.
 *
 * @internal
 */
export type EngineFile =
  | { readonly name: string; readonly folder: string; readonly texts: Record<string, string> }
  | {
      readonly name: string;
      readonly folder: string;
      readonly secret: string;
      /** The Secret's keys, and the file that each is. */
      readonly items: { readonly key: string; readonly path: string }[];
    }
  | {
      readonly name: string;
      readonly folder: string;
      readonly configMap: string;
      readonly items: { readonly key: string; readonly path: string }[];
    };

/** @internal */
export interface EngineResources {
  /** What the engine takes where the user says nothing. */
  readonly cpu: string;
  /** Beside sharedMemory, which the core adds. Undefined: the user has to give it, and the error says `memoryAdvice`. */
  readonly memory?: Size;
  /** The least that can work, with the arithmetic as a sentence. */
  readonly leastMemory?: { readonly size: Size; readonly reason: string };
  readonly memoryAdvice?: string;
  /** Log files: container logs count as ephemeral storage. @default 320 MiB */
  readonly logs?: Size;
}

/** Never root. @internal */
export interface EngineUser {
  readonly user: number;
  readonly group: number;
  /** The group of the stores' files, which the pod has besides, is always our own. */
  readonly supplementalGroups?: number[];
}
