import { checkNamed, checkProps, checkWords } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { FineTuneResult } from './fine-tune-result';
import {
  assignments,
  checkHyperparameters,
  datasetVariable,
  isDistributed,
  torchrunArgs,
  Trainer,
  TrainerCommand,
  TrainerResume,
  TrainerTask,
  trainingSet,
} from './fine-tune-trainer';

/** A recipe of torchtune, 0.5 or 0.6: https://docs.pytorch.org/torchtune/0.6/overview.html */
export interface TorchtuneProps {
  /** The recipe, as `tune ls` names it: `lora_finetune_single_device`; or a path in the image. */
  readonly recipe: string;

  /** The config, as `tune ls` names it: `qwen2_5/0.5B_lora_single_device`; or a path in the image. */
  readonly config: string;

  /**
   * Further overrides of the config, by their keys: `{ 'model.lora_rank': 16 }`. The same as `hyperparameters` of the
   * `FineTune`.
   *
   * @default - none
   */
  readonly overrides?: { [key: string]: string | number | boolean };

  /**
   * The tokenizer's files in the base model, by their keys below `tokenizer`.
   *
   * @default - as the family of the config has them: `{ path: 'vocab.json', merges_file: 'merges.txt' }` for Qwen2 and
   * Qwen2.5
   */
  readonly tokenizer?: { [key: string]: string };

  /**
   * The weight files of the base model.
   *
   * @default - as the config has them, which are the names in the model's own repository
   */
  readonly checkpointFiles?: string[];

  /**
   * The key of the dataset's config: `dataset.source` becomes the folder of the dataset.
   *
   * @default dataset
   */
  readonly datasetKey?: string;
}

const WHERE = 'FineTunePreset.torchtune';

/** Of the configs of torchtune 0.6.1, recipes/configs/<family>: where tokenizers are in the repositories of models. */
const TOKENIZERS: readonly [RegExp, Record<string, string>][] = [
  [/^qwen2(_5)?\//, { path: 'vocab.json', merges_file: 'merges.txt' }],
  [/^phi4\//, { vocab_path: 'vocab.json', merges_path: 'merges.txt' }],
  [/^llama3/, { path: 'original/tokenizer.model' }],
  [/^(llama2|code_llama2|mistral|gemma2?|phi3)\//, { path: 'tokenizer.model' }],
];

/** What is wired to the properties of FineTune. Of resume_from_checkpoint, tune.py decides at each run. */
const WIRED = {
  output_dir: 'store',
  'checkpointer.checkpoint_dir': 'model',
  'checkpointer.output_dir': 'store',
  'checkpointer.checkpoint_files': 'checkpointFiles of the preset',
  resume_from_checkpoint: 'what a former run has left',
  save_adapter_weights_only: 'result',
  seed: 'seed',
};

/** @throws when the recipe or config is no name, when a key is wired to a property @internal */
export function torchtune(props: TorchtuneProps): Trainer {
  checkProps(WHERE, props);
  for (const field of ['recipe', 'config'] as const) {
    if (typeof props[field] !== 'string' || !/^[\w./][\w./-]*$/.test(props[field])) {
      throw new InputError(WHERE, field, props[field], {
        allowed: 'a name that `tune ls` prints, or a path',
      });
    }
  }
  checkHyperparameters(WHERE, 'overrides', props.overrides, WIRED);
  const checkpointFiles =
    props.checkpointFiles === undefined
      ? undefined
      : checkWords(WHERE, 'checkpointFiles', props.checkpointFiles);
  const tokenizer = resolveTokenizer(props);
  return {
    name: 'torchtune',
    command: (task) => torchtuneCommand(task, { ...props, tokenizer, checkpointFiles }),
  };
}

function resolveTokenizer({ tokenizer, config }: TorchtuneProps): Record<string, string> {
  if (tokenizer !== undefined) {
    const files = checkNamed(WHERE, 'tokenizer', tokenizer);
    for (const [key, file] of Object.entries(files)) {
      if (typeof file !== 'string' || !/^(?!\/)[\w./-]+$/.test(file) || file.split('/').includes('..')) {
        throw new InputError(WHERE, `tokenizer.${key}`, file, { allowed: 'the path of a file in the model' });
      }
    }
    return files;
  }
  const known = TOKENIZERS.find(([family]) => family.test(config));
  if (known) return known[1];
  throw new InputError(WHERE, 'tokenizer', undefined, {
    allowed: "the tokenizer's files in the base model: { path: 'tokenizer.model' }",
    advice: `The config ${config} is of no family whose tokenizers are known; its keys below 'tokenizer' say which.`,
  });
}

type ResolvedProps = TorchtuneProps & { readonly tokenizer: Record<string, string> };

function torchtuneCommand(task: TrainerTask, props: ResolvedProps): TrainerCommand {
  const { scope, result, seed } = task;
  checkRecipe(task, props);
  const { recipe, config, tokenizer, checkpointFiles, datasetKey = 'dataset' } = props;
  const taken = { ...WIRED, [`${datasetKey}.source`]: 'datasets' };
  const values = {
    ...checkHyperparameters(WHERE, 'overrides', props.overrides, taken),
    ...checkHyperparameters(scope, 'hyperparameters', task.hyperparameters, {
      ...taken,
      ...Object.fromEntries(Object.keys(tokenizer).map((key) => [`tokenizer.${key}`, 'the preset'])),
    }),
  };
  const dataset = trainingSet(task);
  return {
    words: [
      'tune',
      'run',
      // Before the recipe they are torchrun's; behind it they would be the recipe's.
      ...(isDistributed(task) ? torchrunArgs(task) : []),
      recipe,
      '--config',
      config,
      'output_dir=$(OUTPUT_DIR)',
      'checkpointer.checkpoint_dir=$(MODEL_DIR)',
      'checkpointer.output_dir=$(OUTPUT_DIR)',
      ...(checkpointFiles ? [`checkpointer.checkpoint_files=[${checkpointFiles.join(',')}]`] : []),
      ...Object.entries(tokenizer).map(([key, file]) => `tokenizer.${key}=$(MODEL_DIR)/${file}`),
      ...(dataset ? [`${datasetKey}.source=$(${datasetVariable(dataset)})`] : []),
      ...(result === FineTuneResult.LORA_ADAPTER ? ['save_adapter_weights_only=True'] : []),
      `seed=${seed}`,
      ...assignments(values),
    ],
    resume: resumeOf(recipe),
    resultFolders: 'epoch_*',
    identity: { recipe, config, tokenizer, checkpointFiles, datasetKey, dataset, values },
  };
}

/** Such a recipe ends with an error when it is started by torchrun, and one for several devices when it is not. */
function checkRecipe(task: TrainerTask, { recipe }: TorchtuneProps): void {
  const { scope, result } = task;
  const refuse = (allowed: string, advice: string) => {
    throw new InputError(scope, 'preset.recipe', recipe, { allowed, advice });
  };
  if (recipe.endsWith('_single_device') && isDistributed(task)) {
    refuse(
      'a recipe for several devices',
      `Take ${recipe.replace('_single_device', '_distributed')}, or one device and one process.`,
    );
  }
  if (recipe.endsWith('_distributed') && !isDistributed(task)) {
    refuse(
      'a recipe for one device',
      `Take ${recipe.replace('_distributed', '_single_device')}, or several devices or nodes.`,
    );
  }
  if (result === FineTuneResult.LORA_ADAPTER && /^full_/.test(recipe)) {
    refuse(
      'a recipe of LoRA, as the result is to be an adapter',
      'Take lora_finetune_single_device, for instance.',
    );
  }
}

/**
 * Recipes write <output>/epoch_N and then <output>/recipe_state/recipe_state.pt. Of an adapter they find the last epoch
 * themselves; of full weights they read the files that they are told, relative to the output
 * (torchtune 0.6.1, torchtune/training/checkpointing/_utils.py: get_model_checkpoint_path).
 */
function resumeOf(recipe: string): TrainerResume {
  const files = /lora/.test(recipe) ? [] : ['checkpointer.checkpoint_files=[{files}]'];
  return {
    checkpoints: 'epoch_*',
    state: 'recipe_state/recipe_state.pt',
    words: ['resume_from_checkpoint=True', ...files],
  };
}
