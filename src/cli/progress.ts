import { hasColour, Io } from './io';

/** Milliseconds between two lines that a person sees. */
const INTERVAL = 100;

/**
 * Says how far long work is, in one line of standard error that is written over: on a terminal alone, never in CI, and
 * not where it is unwanted by `NO_COLOR` or `--quiet`.
 *
 * @internal
 */
export class Progress {
  private readonly isShown: boolean;
  private shownAt = 0;
  private isDirty = false;

  constructor(
    private readonly io: Io,
    quiet: boolean,
  ) {
    this.isShown = !quiet && !io.env.CI && hasColour(io.stderr, io);
  }

  /** `Reading dist/a.yaml (3 of 12)`, if it is time for another line. */
  public report(what: string, done?: number, of?: number): void {
    if (!this.isShown) return;
    const now = Date.now();
    if (now - this.shownAt < INTERVAL) return;
    this.shownAt = now;
    this.isDirty = true;
    const count = done === undefined ? '' : ` (${done} of ${of})`;
    this.io.stderr.write(`\r\x1b[K${what}${count}`);
  }

  /** Leaves an empty line, for what is written next. */
  public clear(): void {
    if (this.isDirty) this.io.stderr.write('\r\x1b[K');
    this.isDirty = false;
  }
}
