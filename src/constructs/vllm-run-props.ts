import type { Duration, Size } from 'cdk8s';
import type { SecretValue } from 'cdk8s-plus-28';
import type { Artifact } from '../artifact/artifact';
import type { Accelerator } from '../pod/accelerator/accelerator';
import type { JobOptions } from '../pod/job-options';
import type { ServerProps } from '../serving/server-props';
import type { ServerReach } from '../serving/server-reach';
import type { ServedArtifact } from './inference-server-props';
import type { NodeCacheImage, NodeCacheRepository } from './node-cache-item';
import type { VllmCheckout } from './vllm-checkout';

/** What is run of vLLM, and with which files: told alike to a Job and to a server. */
export interface VllmRunProgramProps {
  /**
   * The program and its arguments, in exec form: no shell takes it apart. `$(MODEL_DIR)` stands for the folder of the
   * model, `$(<NAME>_DIR)` for those of `artifacts`, and `$(<NAME>)` for each variable of `env` and `secretEnv`; `$$(`
   * is a `$(` that is meant as it is.
   */
  readonly command: string[];

  /**
   * The checkout of vLLM that it runs from. The folder is `/checkout/vllm`, where the program starts.
   *
   * @default - the vLLM of the image, or of `repository`
   */
  readonly checkout?: VllmCheckout;

  /**
   * A repository of vLLM, or of a fork, that a `NodeCache` keeps: what Python reads of it runs with what the image has
   * compiled. The folder is `/checkout/vllm`, where the program starts. Not with `checkout`.
   *
   * @default - the vLLM of the image, or of `checkout`
   */
  readonly repository?: NodeCacheRepository;

  /**
   * The image, pinned by a tag or a digest. Not with `checkout`, which has one.
   *
   * @default - that of `checkout` or `cachedImage`; else that of the vLLM project for the accelerator
   */
  readonly image?: string;

  /**
   * An image that a `NodeCache` keeps: the pods run on its nodes. With `checkout` it must be the image of that.
   *
   * @default - the image is pulled where the pods run
   */
  readonly cachedImage?: NodeCacheImage;

  /**
   * The model, whose folder `$(MODEL_DIR)` stands for. No hub is asked for anything.
   *
   * @default - none
   */
  readonly model?: Artifact;

  /**
   * Further artifacts. Not without `model`.
   *
   * @default - none
   */
  readonly artifacts?: ServedArtifact[];

  /**
   * /dev/shm, which counts in the memory of the container.
   *
   * @default - 2 GiB for several devices, else the runtime's 64 MiB
   */
  readonly sharedMemory?: Size;
}

/** A run of vLLM that comes to an end. */
export interface VllmRunProps extends VllmRunProgramProps, JobOptions {
  /**
   * The devices.
   *
   * @default - none: it computes on CPUs
   */
  readonly accelerator?: Accelerator;

  /**
   * CPUs, request and limit: `8`, `500m`.
   *
   * @default - 2, and 2 for each device; 8 without devices
   */
  readonly cpu?: string;

  /**
   * Memory, request and limit.
   *
   * @default - 8 GiB and 4 GiB for each device; without devices it must be given
   */
  readonly memory?: Size;

  /**
   * How long all attempts together may take, from the start of the Job: the wait for a node, the pull of the image and
   * the wait for the model count too. Then it is ended and has failed.
   *
   * @default - for ever
   */
  readonly timeout?: Duration;

  /**
   * Environment variables, besides those that this library sets; those of vLLM can be set anew.
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
   * Whom the program asks something: a server that it measures. Names can then be looked up.
   *
   * @default - nobody
   */
  readonly reaches?: ServerReach[];

  /**
   * The LocalQueue by which Kueue admits the run, as the label `kueue.x-k8s.io/queue-name` of its Job (Kueue's
   * integration `batch/job`). Another queue is another Job, which runs again. Nothing waits for what a run leaves, so
   * that all tools can apply it. Tolerations that the queue's ResourceFlavor adds have to be in `placement` too, unless
   * Argo CD applies the files: what kubectl and Flux apply would change those of a Job that runs, which is refused.
   *
   * @default - it is not queued
   */
  readonly queueName?: string;

  /**
   * Whether the program may write to the root file system of its container.
   *
   * @default - what the accelerator needs; false without one
   */
  readonly writableRoot?: boolean;
}

/** A run of vLLM that serves. */
export interface VllmRunServerProps extends VllmRunProgramProps, ServerProps {
  /**
   * Where the program listens, at all addresses.
   *
   * @default - as `--port` in `command` says, else 8000, as vLLM does
   */
  readonly containerPort?: number;

  /**
   * The key that clients must send, which the program has in the variable VLLM_API_KEY.
   *
   * @default - none is asked for
   */
  readonly apiKey?: SecretValue;
}
