import type { EngineMetrics } from '../engines/engine-metrics';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import type { Owner } from '../pod/owner';

/** A server as that which is attached to it knows it: routes, scaling, monitoring, smoke tests. @internal */
export interface ServerTarget {
  readonly owner: Owner;
  /** `app.kubernetes.io/component` of the pods that take requests. */
  readonly component: string;
  /** Labels that the pods which take requests have, and no others: of a group of pods, the leader's. */
  readonly selector: Record<string, string>;
  /** Of the pods, which have it as a label: that of the version before is another. */
  readonly revision: string;
  /** What runs the pods. */
  readonly workload: { readonly apiVersion: string; readonly kind: string; readonly name: string };
  readonly service: { readonly name: string; readonly port: number };
  /** Where requests must come in, if not at the Service, so that they start a server that does not run. */
  readonly entrance?: Entrance;
  /** The container that takes requests, its port's name is `http`. */
  readonly container: { readonly name: string; readonly port: number };
  /** Pods, or groups of pods; undefined where an autoscaler decides. */
  readonly replicas?: number;
  /** Why there is never more than one pod to choose from; undefined where there may be. */
  readonly alone?: string;
  /** What the engine calls itself: `vllm`, `llama-server`, or what the user says of another engine. */
  readonly engine: string;
  /** Undefined where the engine has none, or is not known. */
  readonly metrics?: EngineMetrics;
  /** Whether its `monitoring` has Prometheus read them. */
  readonly watched?: boolean;
  /** What it is asked for, as SmokeTestApi has it. @default - chat */
  readonly api?: 'chat' | 'completion' | 'embedding' | 'rerank';
  /** The models' names in the API; empty where it has none. */
  readonly modelNames: string[];
  /** The Secret's key that holds the API key, where the engine asks for one. */
  readonly apiKey?: { readonly secret: string; readonly key: string };
  /** Path that answers 200 when the server can take requests. */
  readonly healthPath: string;
  readonly accelerator?: AcceleratorSpec;
  /** From a pod's start to its first answer, at most. */
  readonly startupSeconds: number;
  /** How long requests may take to end when a pod is stopped. */
  readonly drainSeconds: number;
  /** Claims that the pods mount. */
  readonly claims: string[];
  /** Annotations that say where the model comes from. */
  readonly provenance: Record<string, string | undefined>;
}

/** What stands before a server that runs when it is asked. @internal */
export interface Entrance {
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  /** The host by which it knows the server among others. */
  readonly host: string;
}
