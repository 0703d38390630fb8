import type { IConstruct } from 'constructs';
import { checkProps, checkWords } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { CheckpointOptions, checkResultFolder, resolveCheckpoints } from './fine-tune-checkpoints';
import { checkHyperparameters, Trainer } from './fine-tune-trainer';

/** A command of one's own. */
export interface CommandProps {
  /**
   * The program and its arguments. It is run as it stands, by no shell; `$(MODEL_DIR)` and the names of other variables
   * stand for their values. `hyperparameters` are environment variables: `HP_LEARNING_RATE`.
   */
  readonly command: string[];

  /**
   * How it goes on at a checkpoint.
   *
   * @default - a run that is ended begins anew, unless the program looks into OUTPUT_DIR by itself
   */
  readonly checkpoints?: CheckpointOptions;

  /**
   * The folder of the result below `OUTPUT_DIR`; of several that a glob pattern matches, the last.
   *
   * @default - OUTPUT_DIR itself
   */
  readonly resultFolder?: string;
}

/** @throws when there is no command, when checkpoints have no name @internal */
export function commandTrainer(where: IConstruct | string, props: CommandProps): Trainer {
  checkProps(where, props);
  const name = typeof where === 'string' ? where : where.node.path;
  const words = checkWords(where, 'command', props.command);
  if (words.length === 0) {
    throw new InputError(where, 'command', words, {
      allowed: "a program and its arguments: ['python3', 'train.py', '--model=$(MODEL_DIR)']",
      advice: "The image's own entrypoint is not run, as it may be a shell.",
    });
  }
  const resume = resolveCheckpoints(name, props.checkpoints);
  const resultFolders = checkResultFolder(name, props.resultFolder);
  return {
    name: 'command',
    command: ({ scope, hyperparameters }) => ({
      words,
      resume,
      resultFolders,
      identity: {
        words,
        resultFolders,
        values: checkHyperparameters(scope, 'hyperparameters', hyperparameters),
      },
    }),
  };
}

/** The environment variable of a hyperparameter. @internal */
export function hyperparameterVariable(name: string): string {
  return `HP_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}
