import { HUGGING_FACE } from '../artifact/sources/hugging-face';
import { TOKEN_KEY } from '../artifact/sources/token';
import { mirrorOf } from '../mirror/rules';
import { portOf } from '../pod/network';
import type { Owner } from '../pod/owner';
import { resolveSecretKey, SecretKey } from '../pod/secret-env';
import type { EngineVariable } from '../serving/engine-spec';
import { hyperparameterVariable } from './fine-tune-command';
import type { FineTuneProps } from './fine-tune-props';
import {
  datasetVariable,
  DATASETS_FOLDER,
  Hyperparameter,
  MODEL_FOLDER,
  RENDEZVOUS_PORT,
  SCRATCH_FOLDER,
  TrainerTask,
} from './fine-tune-trainer';

/** The hub, as the trainer is to ask it. @internal */
export interface HubAccess {
  readonly endpoint: string;
  readonly port: number;
  readonly token?: SecretKey;
}

/** @throws when the token is named twice, or by something else than a Secret @internal */
export function resolveHub(
  owner: Owner,
  { hubToken, hubTokenSecret }: Pick<FineTuneProps, 'hubToken' | 'hubTokenSecret'>,
): HubAccess {
  const endpoint = mirrorOf(owner.scope).web(HUGGING_FACE);
  return {
    endpoint,
    port: portOf(endpoint),
    token: resolveSecretKey(owner.scope, 'hubToken', {
      secret: hubTokenSecret,
      usualKey: TOKEN_KEY,
      value: hubToken,
    }),
  };
}

/** The folders that are written to besides OUTPUT_DIR: the root file system cannot be. */
const CACHES: Record<string, string> = {
  HF_HOME: 'huggingface',
  XDG_CACHE_HOME: 'cache',
  TRITON_CACHE_DIR: 'triton',
  TORCHINDUCTOR_CACHE_DIR: 'inductor',
  TORCH_EXTENSIONS_DIR: 'torch-extensions',
  NUMBA_CACHE_DIR: 'numba',
  MPLCONFIGDIR: 'matplotlib',
  WANDB_DIR: 'wandb',
};

/**
 * What trainers are told, whichever they are; the folder of the result excepted, which follows from all else.
 *
 * @param hub where it may ask the hub
 * @internal
 */
export function trainerVariables(
  owner: Owner,
  task: TrainerTask,
  hub: HubAccess | undefined,
  asVariables: boolean,
): EngineVariable[] {
  const { datasets, seed, hyperparameters } = task;
  return [
    value('MODEL_DIR', MODEL_FOLDER),
    ...datasets.map((name) => value(datasetVariable(name), `${DATASETS_FOLDER}/${name}`)),
    value('SEED', String(seed)),
    ...(asVariables ? hyperparameterVariables(hyperparameters) : []),
    ...groupVariables(owner, task),
    value('HOME', SCRATCH_FOLDER),
    value('TMPDIR', SCRATCH_FOLDER),
    ...Object.entries(CACHES).map(([name, folder]) => value(name, `${SCRATCH_FOLDER}/${folder}`)),
    // The user has no name in the image, which PyTorch's caches ask for.
    value('USER', 'cdk8s-llm'),
    value('LOGNAME', 'cdk8s-llm'),
    value('PYTHONUNBUFFERED', '1'),
    value('PYTHONDONTWRITEBYTECODE', '1'),
    value('TOKENIZERS_PARALLELISM', 'false'),
    value('HF_HUB_DISABLE_TELEMETRY', '1'),
    value('DO_NOT_TRACK', '1'),
    value('AXOLOTL_DO_NOT_TRACK', '1'),
    ...(hub ? hubVariables(hub) : OFFLINE),
  ];
}

/** @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */
const OFFLINE = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_DATASETS_OFFLINE'].map((name) =>
  value(name, '1'),
);

function hubVariables({ endpoint, token }: HubAccess): EngineVariable[] {
  return [
    ...(endpoint === HUGGING_FACE ? [] : [value('HF_ENDPOINT', endpoint)]),
    ...(token ? [{ name: 'HF_TOKEN', ...token }] : []),
  ];
}

function hyperparameterVariables(values: Readonly<Record<string, Hyperparameter>>): EngineVariable[] {
  return Object.entries(values).map(([name, given]) => value(hyperparameterVariable(name), String(given)));
}

/** The nodes that train together. The first one's name is that of its Job, and so is known to no YAML before. */
function groupVariables(owner: Owner, { nodes, processesPerNode }: TrainerTask): EngineVariable[] {
  const counts = [value('NNODES', String(nodes)), value('NPROC_PER_NODE', String(processesPerNode))];
  if (nodes === 1) return counts;
  return [
    ...counts,
    { name: 'NODE_RANK', field: "metadata.annotations['batch.kubernetes.io/job-completion-index']" },
    { name: 'JOB_NAME', field: "metadata.labels['batch.kubernetes.io/job-name']" },
    value('MASTER_ADDR', `$(JOB_NAME)-0.${nodesService(owner)}.${owner.namespace}.svc`),
    value('MASTER_PORT', String(RENDEZVOUS_PORT)),
  ];
}

/** The Service that names the pods of a Job. @internal */
export function nodesService({ name }: Owner): string {
  return `${name}-nodes`;
}

function value(name: string, text: string): EngineVariable {
  return { name, value: text };
}
