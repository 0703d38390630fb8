import { Artifact, checkModelArtifact } from '../artifact/artifact';
import type { Speculation } from '../engines/vllm/speculation';
import { checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';

/** How a draft model guesses ahead. */
export interface DraftModelProps {
  /** The draft model: a small one with the vocabulary of the model. */
  readonly model: Artifact;

  /** How many tokens are guessed at a time. */
  readonly tokens: number;

  /**
   * How many devices share the draft model.
   *
   * @default - vLLM's own: as many as share the model, or 1
   */
  readonly tensorParallel?: number;
}

/** How what was said before is used to guess ahead. */
export interface NgramProps {
  /** How many tokens are guessed at a time. */
  readonly tokens: number;

  /**
   * The longest sequence of tokens that is looked for in the prompt.
   *
   * @default 4
   */
  readonly longest?: number;

  /**
   * The shortest sequence of tokens that is looked for in the prompt.
   *
   * @default 1
   */
  readonly shortest?: number;
}

/** How tokens are guessed ahead, which the model then checks several at a time. Needs vLLM 0.8.2 or newer. */
export class SpeculativeDecoding {
  /**
   * By a small model of the same vocabulary. Needs vLLM 0.15.0 or newer, or one older than 0.10.0.
   *
   * @throws when there is no artifact, or a number is none
   */
  public static draftModel(props: DraftModelProps): SpeculativeDecoding {
    return withModel('SpeculativeDecoding.draftModel', 'draft_model', props);
  }

  /**
   * By an EAGLE head that was trained for the model.
   *
   * @throws when there is no artifact, or a number is none
   */
  public static eagle(props: DraftModelProps): SpeculativeDecoding {
    return withModel('SpeculativeDecoding.eagle', 'eagle', props);
  }

  /**
   * By an EAGLE-3 head that was trained for the model.
   *
   * @throws when there is no artifact, or a number is none
   */
  public static eagle3(props: DraftModelProps): SpeculativeDecoding {
    return withModel('SpeculativeDecoding.eagle3', 'eagle3', props);
  }

  /**
   * By what the prompt holds: for summaries, code, questions about a text.
   *
   * @throws when a number is none
   */
  public static ngram(props: NgramProps): SpeculativeDecoding {
    const where = 'SpeculativeDecoding.ngram';
    checkProps(where, props);
    const longest = whole(where, 'longest', props.longest ?? 4);
    const shortest = whole(where, 'shortest', props.shortest ?? 1);
    if (shortest > longest) {
      throw new InputError(where, 'shortest', shortest, { allowed: `at most longest, which is ${longest}` });
    }
    return new SpeculativeDecoding({
      method: 'ngram',
      tokens: whole(where, 'tokens', props.tokens),
      longest,
      shortest,
    });
  }

  /**
   * By the model's own layers for it: DeepSeek V3, GLM 4.5, Qwen3-Next and others. Needs vLLM 0.11.1 or newer.
   *
   * @param tokens how many tokens are guessed at a time
   * @throws when it is no whole number of at least 1
   */
  public static multiTokenPrediction(tokens: number): SpeculativeDecoding {
    return new SpeculativeDecoding({
      method: 'mtp',
      tokens: whole('SpeculativeDecoding.multiTokenPrediction', 'tokens', tokens),
    });
  }

  /** @internal */
  public static _of(speculation: Speculation, model?: Artifact): SpeculativeDecoding {
    return new SpeculativeDecoding(speculation, model);
  }

  private constructor(
    /** @internal */
    public readonly _speculation: Speculation,
    /** @internal */
    public readonly _model?: Artifact,
  ) {}
}

function withModel(
  where: string,
  method: 'draft_model' | 'eagle' | 'eagle3',
  props: DraftModelProps,
): SpeculativeDecoding {
  checkProps(where, props);
  const { model, tokens, tensorParallel } = props;
  return SpeculativeDecoding._of(
    {
      method,
      tokens: whole(where, 'tokens', tokens),
      ...(tensorParallel === undefined
        ? {}
        : { tensorParallel: whole(where, 'tensorParallel', tensorParallel) }),
    },
    checkModelArtifact(where, 'model', model, 'Give the .artifact of the ModelCache of the draft model.'),
  );
}

function whole(where: string, field: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InputError(where, field, value, { allowed: 'a whole number of at least 1' });
}
