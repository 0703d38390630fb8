/** Where text goes: standard output or standard error. @internal */
export interface Output {
  write(text: string): unknown;
  /** Whether a person looks at it. */
  readonly isTTY?: boolean;
}

/** All that a command has to do with the world besides files: what tests put in its place. @internal */
export interface Io {
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What relative paths are relative to. */
  readonly cwd: string;
}

/** Whether text may be coloured: a person looks at it, and has not said otherwise (https://no-color.org). @internal */
export function hasColour(output: Output, { env }: Io): boolean {
  return output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}
