import { checkProps, checkWords } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { CheckpointOptions, checkResultFolder, resolveCheckpoints } from './fine-tune-checkpoints';
import { assignments, checkHyperparameters, torchrunArgs, Trainer } from './fine-tune-trainer';

/** A training script of one's own, started by torchrun. */
export interface TorchrunProps {
  /** The script's path in the image, or the name of a module with `module`. */
  readonly script: string;

  /**
   * Whether `script` is the name of a module, as `python -m` takes it.
   *
   * @default false
   */
  readonly module?: boolean;

  /**
   * Its arguments. `$(MODEL_DIR)` and the names of the other variables stand for their values. `hyperparameters` are
   * added as `--name=value`.
   *
   * @default - none
   */
  readonly args?: string[];

  /**
   * How it goes on at a checkpoint.
   *
   * @default - a run that is ended begins anew, unless the script looks into OUTPUT_DIR by itself
   */
  readonly checkpoints?: CheckpointOptions;

  /**
   * The folder of the result below `OUTPUT_DIR`; of several that a glob pattern matches, the last.
   *
   * @default - OUTPUT_DIR itself
   */
  readonly resultFolder?: string;
}

const WHERE = 'FineTunePreset.torchrun';

/** @throws when the script is none @internal */
export function torchrun(props: TorchrunProps): Trainer {
  checkProps(WHERE, props);
  const { script, module = false } = props;
  if (typeof script !== 'string' || !/^[\w./][\w./-]*$/.test(script)) {
    throw new InputError(WHERE, 'script', script, {
      allowed: "the path of a script in the image: '/app/train.py'",
    });
  }
  const args = props.args === undefined ? [] : checkWords(WHERE, 'args', props.args);
  const resume = resolveCheckpoints(WHERE, props.checkpoints);
  const resultFolders = checkResultFolder(WHERE, props.resultFolder);
  return {
    name: 'torchrun',
    command: (task) => {
      const values = checkHyperparameters(task.scope, 'hyperparameters', task.hyperparameters);
      return {
        words: [
          'torchrun',
          ...torchrunArgs(task),
          ...(module ? ['--module'] : []),
          script,
          ...args,
          ...assignments(values, '--'),
        ],
        resume,
        resultFolders,
        identity: { script, module, args, values, resultFolders },
      };
    },
  };
}
