import { Yaml } from 'cdk8s';
import { checkNamed } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { FineTuneResult } from './fine-tune-result';
import {
  checkHyperparameters,
  CONFIG_FOLDER,
  DATASETS_FOLDER,
  isDistributed,
  MODEL_FOLDER,
  SCRATCH_FOLDER,
  torchrunArgs,
  Trainer,
  TrainerCommand,
  TrainerTask,
} from './fine-tune-trainer';

/** Axolotl, 0.12 or newer: https://docs.axolotl.ai/docs/config-reference.html */
export interface AxolotlProps {
  /**
   * The config. `path` of a dataset (`datasets`, `test_datasets`, `pretraining_dataset`) is the name of one of the
   * `datasets` of the `FineTune`: `datasets: [{ path: 'train', type: 'alpaca' }]`. `hyperparameters` are added to it.
   */
  readonly config: { [key: string]: unknown };
}

const WHERE = 'FineTunePreset.axolotl';

const WIRED = {
  base_model: 'model',
  output_dir: 'store',
  seed: 'seed',
  resume_from_checkpoint: 'what a former run has left',
  auto_resume_from_checkpoints: 'what a former run has left',
  dataset_prepared_path: 'scratch',
  hub_model_id: 'the artifact: nothing is pushed to the hub',
};

/** Keys of the config that are lists of datasets. */
const DATASETS = ['datasets', 'test_datasets', 'pretraining_dataset'];

const CONFIG = 'config.yaml';

/** @throws when it is no config, or has a key that is wired to a property @internal */
export function axolotl(given: AxolotlProps): Trainer {
  const config = checkNamed(WHERE, 'config', given?.config);
  const wired = Object.keys(config).find((key) => Object.hasOwn(WIRED, key)) as
    keyof typeof WIRED | undefined;
  if (wired) {
    throw new InputError(WHERE, `config.${wired}`, config[wired], {
      allowed: 'nothing, as the preset sets it',
      advice: `It follows from ${WIRED[wired]}.`,
    });
  }
  if (Object.keys(config).length === 0) {
    throw new InputError(WHERE, 'config', given?.config, {
      allowed: "a config: { datasets: [{ path: 'train', type: 'alpaca' }], adapter: 'lora', ... }",
    });
  }
  return { name: 'axolotl', command: (task) => axolotlCommand(task, config) };
}

function axolotlCommand(task: TrainerTask, config: Record<string, unknown>): TrainerCommand {
  const { scope, seed } = task;
  const hyperparameters = checkHyperparameters(scope, 'hyperparameters', task.hyperparameters, WIRED);
  const whole = { save_total_limit: 1, ...config, ...hyperparameters, ...localDatasets(task, config) };
  checkAdapter(task, whole);
  const wired = {
    base_model: MODEL_FOLDER,
    dataset_prepared_path: `${SCRATCH_FOLDER}/prepared`,
    auto_resume_from_checkpoints: true,
    seed,
  };
  return {
    words: [
      'axolotl',
      'train',
      `${CONFIG_FOLDER}/${CONFIG}`,
      ...(isDistributed(task) ? ['--launcher=torchrun', '--', ...torchrunArgs(task)] : ['--launcher=python']),
    ],
    // It finds its checkpoints itself, whole or not.
    resume: { checkpoints: 'checkpoint-*', whole: 'trainer_state.json', words: [] },
    files: (outputDir) => ({ [CONFIG]: Yaml.stringify({ ...whole, ...wired, output_dir: outputDir }) }),
    identity: whole,
  };
}

/** The config with the folders of the datasets in the place of their names. */
function localDatasets(task: TrainerTask, config: Record<string, unknown>): Record<string, unknown> {
  const { scope, datasets, hubAccess } = task;
  const named = DATASETS.filter((key) => config[key] !== undefined);
  if (named.length === 0) {
    throw new InputError(scope, 'preset.config.datasets', undefined, {
      allowed: "what is trained with: [{ path: 'train', type: 'alpaca' }]",
    });
  }
  return Object.fromEntries(
    named.map((key) => {
      const list = Array.isArray(config[key]) ? (config[key] as unknown[]) : [config[key]];
      return [
        key,
        list.map((entry, index) => {
          const path = (entry as { path?: unknown } | null)?.path;
          if (typeof path === 'string' && datasets.includes(path)) {
            return { ...(entry as object), path: `${DATASETS_FOLDER}/${path}` };
          }
          if (typeof path === 'string' && hubAccess) return entry;
          throw new InputError(scope, `preset.config.${key}[${index}].path`, path, {
            allowed: `the name of one of datasets: ${datasets.join(', ') || 'there are none'}`,
            advice: 'What is not an artifact would be fetched from the hub: hubAccess: true allows that.',
          });
        }),
      ];
    }),
  );
}

function checkAdapter({ scope, result }: TrainerTask, { adapter }: Record<string, unknown>): void {
  const isAdapter = adapter === 'lora' || adapter === 'qlora';
  if (isAdapter === (result === FineTuneResult.LORA_ADAPTER)) return;
  throw new InputError(scope, 'preset.config.adapter', adapter, {
    allowed: isAdapter
      ? `nothing, as the result is to be ${result}`
      : "'lora' or 'qlora', as the result is an adapter",
    advice: `Or let the result be ${isAdapter ? 'FineTuneResult.LORA_ADAPTER' : 'FineTuneResult.FULL_WEIGHTS'}.`,
  });
}
