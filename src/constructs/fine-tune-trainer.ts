import type { IConstruct } from 'constructs';
import { checkNamed } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { FineTuneResult } from './fine-tune-result';

/** Where the containers of a fine-tuning see what they read and write, whatever stores hold it. */

/** The base model. In the result, paths are the same wherever the model is kept. @internal */
export const MODEL_FOLDER = '/model';

/** Above the folders of the datasets, each by its name. @internal */
export const DATASETS_FOLDER = '/datasets';

/** The store of the result. @internal */
export const OUTPUT_FOLDER = '/output';

/** The trainer's own disk: HOME, caches, and what many libraries write to whatever they are told. @internal */
export const SCRATCH_FOLDER = '/tmp';

/** The files of a preset. @internal */
export const CONFIG_FOLDER = '/etc/fine-tune';

/** Where torchrun's processes find each other: its own default. @internal */
export const RENDEZVOUS_PORT = 29400;

/** A value of a hyperparameter. @internal */
export type Hyperparameter = string | number | boolean;

/** Of what a trainer's command is made: plain data. @internal */
export interface TrainerTask {
  readonly scope: IConstruct;
  readonly result: FineTuneResult;
  /** Their names. */
  readonly datasets: readonly string[];
  readonly hyperparameters: Readonly<Record<string, Hyperparameter>>;
  readonly seed: number;
  readonly nodes: number;
  readonly processesPerNode: number;
  /** Whether the trainer may ask the hub for what it is not given. */
  readonly hubAccess: boolean;
  /** Of torchrun: the same for all nodes of one fine-tuning. */
  readonly rendezvousId: string;
}

/** How a trainer goes on at a checkpoint: see tune.py. @internal */
export interface TrainerResume {
  readonly checkpoints?: string;
  readonly whole?: string;
  readonly state?: string;
  readonly words: readonly string[];
}

/** A trainer's command, in which `$(NAME)` stands for a variable of the container. @internal */
export interface TrainerCommand {
  readonly words: readonly string[];
  readonly resume: TrainerResume;
  /** The last folder of such a name below OUTPUT_DIR is the result. @default - OUTPUT_DIR itself */
  readonly resultFolders?: string;
  /** Files in CONFIG_FOLDER, with the path of OUTPUT_DIR in them. */
  files?(outputDir: string): Record<string, string>;
  /** Programs of ours that it runs. */
  readonly programs?: readonly string[];
  /** All of it that decides the bytes of the result. Hashed into the key. */
  readonly identity: unknown;
}

/** @internal */
export interface Trainer {
  /** For annotations and the marker: `torchtune`. */
  readonly name: string;
  command(task: TrainerTask): TrainerCommand;
}

/** The variable that holds the folder of a dataset. @internal */
export function datasetVariable(name: string): string {
  return `DATASET_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_DIR`;
}

/**
 * The arguments of torchrun. The nodes of one Job meet at the first of them.
 *
 * @see https://docs.pytorch.org/docs/stable/elastic/run.html
 * @internal
 */
export function torchrunArgs({ nodes, processesPerNode, rendezvousId }: TrainerTask): string[] {
  return [
    `--nnodes=${nodes}`,
    `--nproc_per_node=${processesPerNode}`,
    ...(nodes === 1
      ? ['--standalone']
      : [
          '--rdzv_backend=c10d',
          '--rdzv_endpoint=$(MASTER_ADDR):$(MASTER_PORT)',
          `--rdzv_id=${rendezvousId}`,
        ]),
  ];
}

/** Whether several processes train together. @internal */
export function isDistributed({ nodes, processesPerNode }: TrainerTask): boolean {
  return nodes * processesPerNode > 1;
}

/** `key=value` for each. @internal */
export function assignments(values: Readonly<Record<string, Hyperparameter>>, prefix = ''): string[] {
  return Object.entries(values).map(([name, value]) => `${prefix}${name}=${asPython(value)}`);
}

/** The trainers are Python's: `True`, `False`. */
function asPython(value: Hyperparameter): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}

/** What a name says that belongs into a Secret. */
const CREDENTIAL = /(^|[_.-])((hub|hf|auth|access|api|wandb)_?(token|key)|password|secret)$/i;

/**
 * Values by the names that a trainer has for them.
 *
 * @param taken what the preset sets itself, with the property that decides it
 * @throws when a name or value cannot be one, or the preset sets it
 * @internal
 */
export function checkHyperparameters(
  where: IConstruct | string,
  field: string,
  given: { [name: string]: Hyperparameter } | undefined,
  taken: Readonly<Record<string, string>> = {},
): Record<string, Hyperparameter> {
  const values = checkNamed(where, field, given);
  for (const [name, value] of Object.entries(values)) {
    if (!/^[A-Za-z_][\w.-]*$/.test(name)) {
      throw new InputError(where, `name in ${field}`, name, {
        allowed: "letters, digits, '_', '.' and '-', with a letter or '_' first",
      });
    }
    if (CREDENTIAL.test(name)) {
      throw new InputError(where, `name in ${field}`, name, {
        allowed: 'nothing that is secret, as it would be readable in Git and in the cluster',
        advice: 'Give it as an environment variable from a Secret: secretEnv.',
      });
    }
    if (Object.hasOwn(taken, name)) {
      throw new InputError(where, `name in ${field}`, name, {
        allowed: 'a name that the preset does not set itself',
        advice: `It follows from ${taken[name]}.`,
      });
    }
    const isValue =
      typeof value === 'boolean' ||
      (typeof value === 'number' && Number.isFinite(value)) ||
      (typeof value === 'string' && !value.includes('\0'));
    if (!isValue) {
      throw new InputError(where, `${field}.${name}`, value, {
        allowed: 'a text, a number, true or false',
      });
    }
  }
  return { ...values };
}

/**
 * The dataset that a preset trains with: the one called `train`, or the only one.
 *
 * @throws when there is none, and the trainer may not fetch its own
 * @internal
 */
export function trainingSet({ scope, datasets, hubAccess }: TrainerTask): string | undefined {
  const name = datasets.includes('train') ? 'train' : datasets.length === 1 ? datasets[0] : undefined;
  if (name !== undefined || (datasets.length === 0 && hubAccess)) return name;
  throw new InputError(scope, 'datasets', datasets.length ? datasets.join(', ') : undefined, {
    allowed: "one dataset, or several of which one is called 'train'",
    advice:
      "Fetch it as models are: new ModelCache(..., { source: ModelSource.huggingFace('org/dataset', { revision, " +
      'dataset: true }) }). Without one the trainer would fetch whatever is on the hub: hubAccess: true allows that.',
  });
}
