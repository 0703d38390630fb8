/** How a command ends, for the script that calls it. @internal */
export const EXIT = {
  /** All is well; the files are written. */
  OK: 0,
  /** `check` has findings; or the input is refused, or what it becomes breaks a rule. */
  FINDINGS: 1,
  /** The command line is wrong, or a file that it names cannot be read or written. */
  USAGE: 2,
  /** The resources do not say something that nobody can guess: the message has the commands that answer it. */
  QUESTIONS: 3,
  /** `render --diff`: files would change. */
  DIFFERENT: 4,
  /** A defect of this program. */
  DEFECT: 70,
} as const;

/** For `--help`, and tested to be what docs/cli.md says. @internal */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.OK, 'all is well'],
  [EXIT.FINDINGS, 'findings: a rule or schema is broken, or the input is refused'],
  [EXIT.USAGE, 'the command line is wrong, or a file cannot be read or written'],
  [EXIT.QUESTIONS, 'the resources leave a question open; the message has the command that answers it'],
  [EXIT.DIFFERENT, 'render --diff: files would change'],
  [EXIT.DEFECT, 'a defect of this program; please report it'],
];

/** Ends a command with a message for the person at the terminal. @internal */
export class ExitError extends Error {
  constructor(
    public readonly code: number,
    message: string,
  ) {
    super(message);
    this.name = 'ExitError';
  }
}

/** The command line is wrong. @internal */
export function usageError(message: string): ExitError {
  return new ExitError(EXIT.USAGE, message);
}
