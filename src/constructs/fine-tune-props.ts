import type { Duration, Size } from 'cdk8s';
import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import type { Artifact } from '../artifact/artifact';
import type { ModelStore } from '../artifact/model-store';
import type { Accelerator } from '../pod/accelerator/accelerator';
import type { JobOptions } from '../pod/job-options';
import type { FineTunePreset } from './fine-tune-preset';
import type { FineTuneResult } from './fine-tune-result';

/** What a `FineTune` is told. */
export interface FineTuneProps extends JobOptions {
  /** The base model, as it is on Hugging Face: `cache.artifact`. The trainer sees it in the folder `MODEL_DIR`. */
  readonly model: Artifact;

  /**
   * What is trained with, by names that you choose: `{ train: dataset.artifact }`. A dataset is fetched as models are,
   * by a `ModelCache`: from Hugging Face at a commit (`dataset: true`), from S3, from a claim, whose sources can say
   * `format: ArtifactFormat.DATASET`. The trainer sees it in the folder `DATASET_<NAME>_DIR`: /datasets/<name>.
   *
   * @default - none
   */
  readonly datasets?: { [name: string]: Artifact };

  /** The trainer's image, pinned by a tag at least. It needs Python 3.8 or newer. */
  readonly image: string;

  /**
   * The trainer's command, run as it stands, by no shell. `$(MODEL_DIR)`, `$(OUTPUT_DIR)`, `$(DATASET_TRAIN_DIR)` and
   * the names of other variables stand for their values. Not with `preset`.
   *
   * @default - that of the preset
   */
  readonly command?: string[];

  /**
   * A trainer that is known here, whose paths are set. Not with `command`.
   *
   * @default - `command`
   */
  readonly preset?: FineTunePreset;

  /** What it leaves: the whole model, or a LoRA adapter. */
  readonly result: FineTuneResult;

  /**
   * The devices of each node, with their runtime class. Either it or `cpuOnly` must be given: a Job that asks for no
   * device gets none, or those of others.
   *
   * @default - none, with `cpuOnly`
   */
  readonly accelerator?: Accelerator;

  /**
   * Whether it trains on CPUs.
   *
   * @default false
   */
  readonly cpuOnly?: boolean;

  /**
   * Hyperparameters, by the names that the trainer has for them. They become arguments, or entries of the config; of a
   * `command`, environment variables: `learning_rate` is `HP_LEARNING_RATE`.
   *
   * @default - those of the trainer
   */
  readonly hyperparameters?: { [name: string]: string | number | boolean };

  /**
   * What random numbers begin with. A `command` finds it in the variable `SEED`.
   *
   * @default 42
   */
  readonly seed?: number;

  /**
   * Nodes that train together: pods of one Job, which meet by torchrun. All of them mount the stores, which must be
   * such that several nodes can.
   *
   * @default 1
   */
  readonly nodes?: number;

  /**
   * Processes on each node.
   *
   * @default - one for each device; 1 with `cpuOnly` and for parts of GPUs
   */
  readonly processesPerNode?: number;

  /**
   * What the result is called: part of its folder's name, and the name by which `VllmServer` serves it.
   *
   * @default - the name of the base model and the id of this construct: `qwen2.5-0.5b-instruct-support`
   */
  readonly name?: string;

  /**
   * Where the result is kept. While it is trained, checkpoints are there too; a pod that takes the place of a preempted
   * one goes on at the last of them. On the way to a bucket they are on a disk of the pod and go with it.
   *
   * @default - the store of the base model
   */
  readonly store?: ModelStore;

  /**
   * What checkpoints take of the store while it is trained. A claim that is too small for them ends the Job.
   *
   * @default - for full weights 4 times the base model, as optimizers keep more than weights; 1 GiB for an adapter
   */
  readonly checkpointSpace?: Size;

  /**
   * The trainer's own disk, mounted at /tmp: HOME and all caches, of Hugging Face, Triton, Inductor. Prepared datasets
   * are in it.
   *
   * @default 20 GiB
   */
  readonly scratch?: Size;

  /**
   * The storage class of that disk, where those of the nodes are too small: each pod has a claim of its own, which goes
   * with it.
   *
   * @default - the disk of the node
   */
  readonly scratchStorageClass?: string;

  /**
   * The size of /dev/shm, by which data loaders and processes share. It counts in `memory`.
   *
   * @default 1 GiB, and 1 GiB for each process where there are several
   */
  readonly sharedMemory?: Size;

  /**
   * CPUs of each node, request and limit.
   *
   * @default - 4 for each process
   */
  readonly cpu?: string;

  /**
   * Memory of each node, request and limit.
   *
   * @default - with devices, twice the base model, 4 GiB for each process, and /dev/shm
   */
  readonly memory?: Size;

  /**
   * Whether the trainer may ask the hub, and whatever else listens at port 443, while it trains. What it fetches is
   * pinned by nobody. Other ports are `egressPorts`.
   *
   * @default false - the libraries are told to be offline, and a NetworkPolicy lets nothing out
   */
  readonly hubAccess?: boolean;

  /**
   * The Secret that holds an access token for the hub under the key `token`. Only with `hubAccess`.
   *
   * @default - `hubToken`
   */
  readonly hubTokenSecret?: ISecret;

  /**
   * That token, where its Secret has it under another key: `{ secret, key: 'HF_TOKEN' }`. Only with `hubAccess`, and
   * not with `hubTokenSecret`.
   *
   * @default - `hubTokenSecret`, or no token
   */
  readonly hubToken?: SecretValue;

  /**
   * Environment variables of the trainer, besides those that this library sets. They are part of the artifact's key.
   *
   * @default - none
   */
  readonly env?: { [name: string]: string };

  /**
   * Environment variables from Secrets: `{ WANDB_API_KEY: { secret, key: 'key' } }`. Not part of the artifact's key.
   *
   * @default - none
   */
  readonly secretEnv?: { [name: string]: SecretValue };

  /**
   * The LocalQueue by which Kueue admits the Job, as its label `kueue.x-k8s.io/queue-name` (Kueue's integration
   * `batch/job`): the pods of all nodes are started together, or none is. `priorityClassName` decides whom Kueue takes
   * first. Another queue is another Job.
   *
   * Kueue suspends the Job until then. kubectl's script waits all the same; Argo CD needs to know what
   * `gitops/argocd/job-health.patch` says; Flux takes a suspended Job for complete, so that `GitOps.flux` refuses it.
   * Tolerations that the queue's ResourceFlavor adds have to be in `placement` too, unless Argo CD applies the files: what
   * kubectl and Flux apply would change those of a Job that runs, which is refused. Where Kueue has `waitForPodsReady`,
   * its timeout has to be longer than the training: pods that train in an init container are ready when they publish.
   *
   * @default - it is not queued
   */
  readonly queueName?: string;

  /**
   * When the Job is ended at the latest, waiting and retries included; the time in a queue does not count, and where
   * Kueue suspends the Job again it begins anew.
   *
   * @default - never
   */
  readonly deadline?: Duration;

  /**
   * How long a trainer that is told to end may take, for instance to write a checkpoint.
   *
   * @default 2 minutes
   */
  readonly gracePeriod?: Duration;

  /**
   * The image of the programs around the trainer: Python 3.11 or newer.
   *
   * @default - the one that all Jobs of this library have
   */
  readonly programImage?: string;
}
