import { axolotl, AxolotlProps } from './fine-tune-axolotl';
import { commandTrainer, CommandProps } from './fine-tune-command';
import { torchrun, TorchrunProps } from './fine-tune-torchrun';
import { torchtune, TorchtuneProps } from './fine-tune-torchtune';
import type { Trainer } from './fine-tune-trainer';
import { trl, TrlProps } from './fine-tune-trl';

/** How a model is trained: by a trainer that is known here, or by a command of one's own. */
export class FineTunePreset {
  /**
   * A recipe of torchtune, with its checkpointer, tokenizer, output and dataset set to where they are in the pod.
   * torchtune is no longer developed, and has no image of its own.
   *
   * @throws when recipe or config are no names, when an override is set by the preset, when the tokenizer is not known
   */
  public static torchtune(props: TorchtuneProps): FineTunePreset {
    return new FineTunePreset(torchtune(props));
  }

  /**
   * A script of TRL's command line: `sft`, `dpo` and others.
   *
   * @throws when the method is unknown, when an argument is set by the preset
   */
  public static trl(props: TrlProps): FineTunePreset {
    return new FineTunePreset(trl(props));
  }

  /**
   * Axolotl, with its config in a ConfigMap. Its own images are for root: `RUN chmod a+x /root` in one made of them lets
   * others use the Python there.
   *
   * @throws when the config is none, or has a key that the preset sets
   */
  public static axolotl(props: AxolotlProps): FineTunePreset {
    return new FineTunePreset(axolotl(props));
  }

  /**
   * A script of one's own by torchrun: a process for each device, on one node or several.
   *
   * @throws when the script is none, when checkpoints have no name
   */
  public static torchrun(props: TorchrunProps): FineTunePreset {
    return new FineTunePreset(torchrun(props));
  }

  /**
   * A command of one's own that can go on at checkpoints. Where it need not, `command` of `FineTune` is enough.
   *
   * @throws when there is no command, when checkpoints have no name
   */
  public static command(props: CommandProps): FineTunePreset {
    return new FineTunePreset(commandTrainer('FineTunePreset.command', props));
  }

  private constructor(
    /** @internal */
    public readonly _trainer: Trainer,
  ) {}
}
