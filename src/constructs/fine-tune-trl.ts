import { checkProps, checkWords } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { programPath } from '../pod/programs';
import { FineTuneResult } from './fine-tune-result';
import {
  assignments,
  checkHyperparameters,
  datasetVariable,
  isDistributed,
  torchrunArgs,
  Trainer,
  TrainerCommand,
  TrainerTask,
  trainingSet,
} from './fine-tune-trainer';

/** What a script of TRL's command line trains by: https://huggingface.co/docs/trl/clis */
export enum TrlMethod {
  /** Supervised fine-tuning. */
  SFT = 'sft',
  /** Direct preference optimization. */
  DPO = 'dpo',
  /** Kahneman-Tversky optimization. */
  KTO = 'kto',
  /** A reward model. */
  REWARD = 'reward',
  /** Group relative policy optimization. */
  GRPO = 'grpo',
  /** REINFORCE leave-one-out. */
  RLOO = 'rloo',
}

/** TRL, 0.15 or newer, by the scripts of its command line. */
export interface TrlProps {
  /** What it trains by. */
  readonly method: TrlMethod;

  /**
   * Further arguments, for values that are lists: `['--lora_target_modules', 'q_proj', 'v_proj']`. All else is
   * `hyperparameters` of the `FineTune`: `{ learning_rate: 2e-5 }` becomes `--learning_rate=0.00002`.
   *
   * @default - none
   */
  readonly args?: string[];
}

const WHERE = 'FineTunePreset.trl';

const WIRED = {
  model_name_or_path: 'model',
  dataset_name: 'datasets',
  output_dir: 'store',
  use_peft: 'result',
  seed: 'seed',
  resume_from_checkpoint: 'what a former run has left',
  push_to_hub: 'the artifact: nothing is pushed to the hub',
};

/** One checkpoint, and the one that is being written; nothing is sent to anybody. */
const DEFAULTS = { save_total_limit: 1, report_to: 'none' };

/** @throws when the method is unknown @internal */
export function trl(props: TrlProps): Trainer {
  checkProps(WHERE, props);
  const { method, args } = props;
  if (!Object.values(TrlMethod).includes(method)) {
    throw new InputError(WHERE, 'method', method, { allowed: Object.values(TrlMethod).join(', ') });
  }
  const further = args === undefined ? [] : checkWords(WHERE, 'args', args);
  for (const word of further) {
    const flag = /^--([\w-]+)/.exec(word)?.[1].replaceAll('-', '_');
    if (flag !== undefined) checkHyperparameters(WHERE, 'args', { [flag]: true }, WIRED);
  }
  return { name: `trl-${method}`, command: (task) => trlCommand(task, method, further) };
}

/** The arguments of ScriptArguments, ModelConfig and transformers' TrainingArguments. */
function trlCommand(task: TrainerTask, method: TrlMethod, args: string[]): TrainerCommand {
  const { scope, result, seed } = task;
  const values = checkHyperparameters(scope, 'hyperparameters', task.hyperparameters, WIRED);
  const dataset = trainingSet(task);
  const program = programPath(PROGRAM);
  return {
    words: [
      ...(isDistributed(task) ? ['torchrun', ...torchrunArgs(task), program] : ['python3', program]),
      method,
      '--model_name_or_path=$(MODEL_DIR)',
      ...(dataset ? [`--dataset_name=$(${datasetVariable(dataset)})`] : []),
      '--output_dir=$(OUTPUT_DIR)',
      ...(result === FineTuneResult.LORA_ADAPTER ? ['--use_peft=True'] : []),
      `--seed=${seed}`,
      ...assignments({ ...DEFAULTS, ...values }, '--'),
      ...args,
    ],
    // trainer_state.json is what Trainer writes last into a checkpoint.
    resume: {
      checkpoints: 'checkpoint-*',
      whole: 'trainer_state.json',
      words: ['--resume_from_checkpoint={}'],
    },
    programs: [PROGRAM],
    identity: { method, args, dataset, values },
  };
}

const PROGRAM = 'trl_train.py';
