import { checkOptions, checkWords } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { TrainerResume } from './fine-tune-trainer';

/** How a trainer of one's own goes on at a checkpoint. */
export interface CheckpointOptions {
  /** The names of the folders of checkpoints below `OUTPUT_DIR`, as a glob pattern: `checkpoint-*`. */
  readonly folders: string;

  /**
   * The file that is written last into a checkpoint: one without it was not finished, and is removed.
   *
   * @default - none: whatever is there is taken for whole
   */
  readonly lastFile?: string;

  /**
   * The arguments that are added where there is a checkpoint; `{}` stands for the path of the newest one:
   * `['--resume_from_checkpoint={}']`.
   *
   * @default - none: the trainer finds it by itself
   */
  readonly args?: string[];
}

const CHECKPOINTS: Record<keyof CheckpointOptions, true> = { folders: true, lastFile: true, args: true };

/** @throws when the names are no pattern @internal */
export function resolveCheckpoints(where: string, given: CheckpointOptions | undefined): TrainerResume {
  if (given === undefined) return { words: [] };
  const { folders, lastFile, args } = checkOptions(where, 'checkpoints', given, CHECKPOINTS);
  for (const [field, value] of Object.entries({ folders, lastFile })) {
    if (field === 'lastFile' && value === undefined) continue;
    if (typeof value !== 'string' || !/^[\w.*?[\]-]+$/.test(value)) {
      throw new InputError(where, `checkpoints.${field}`, value, {
        allowed: "a name without '/': 'checkpoint-*' for folders, 'trainer_state.json' for lastFile",
      });
    }
  }
  return {
    checkpoints: folders,
    whole: lastFile,
    words: args === undefined ? [] : checkWords(where, 'checkpoints.args', args),
  };
}

/** @throws when it is no pattern @internal */
export function checkResultFolder(where: string, folder: string | undefined): string | undefined {
  if (folder === undefined || (typeof folder === 'string' && /^[\w.*?[\]-]+$/.test(folder))) return folder;
  throw new InputError(where, 'resultFolder', folder, {
    allowed: "a name without '/', or a pattern: 'epoch_*'",
  });
}
