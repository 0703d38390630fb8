import type { Arguments } from './arguments';
import type { Io } from './io';

/** An option of the command line. @internal */
export interface OptionSpec {
  /** Without `--`. */
  readonly name: string;
  /** One letter, without `-`. */
  readonly short?: string;
  /** What stands for its value in `--help`, such as `FILE`. @default - it takes none */
  readonly value?: string;
  /** What it can be. @default - anything */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. @default false */
  readonly multiple?: boolean;
  /** What a shell completes its value by. @default - the choices */
  readonly completes?: 'files' | 'folders';
  readonly description: string;
}

/** What is given without an option. @internal */
export interface OperandSpec {
  /** What stands for it in `--help`, such as `DIR`. */
  readonly name: string;
  readonly isRequired: boolean;
  readonly multiple?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: 'files' | 'folders';
}

/** Does the work, and gives the exit code. @internal */
export type Run = (args: Arguments, io: Io) => Promise<number>;

/** A command as `--help`, the completion and the parser know it. @internal */
export interface CommandSpec {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What it does, for its own help. */
  readonly description: string;
  readonly operand?: OperandSpec;
  /** What follows the name in `Usage:`. @default - `[options]` and the operand */
  readonly synopsis?: string;
  readonly options: readonly OptionSpec[];
  /** Command lines with what they are for. */
  readonly examples: readonly (readonly [purpose: string, line: string])[];
  /** Loads the code of the command: `--help` does without. */
  readonly load: () => Run;
}
