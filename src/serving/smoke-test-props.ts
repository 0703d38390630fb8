import type { Duration } from 'cdk8s';
import type { JobOptions } from '../pod/job-options';

/** What a smoke test asks a server. */
export interface SmokeTestProps extends JobOptions {
  /**
   * The question.
   *
   * @default - a short question whose answer every model has
   */
  readonly prompt?: string;

  /**
   * What the answer must contain, in upper or lower case.
   *
   * @default - any answer that is not empty
   */
  readonly expect?: string;

  /**
   * The longest time to wait for the endpoint to answer at all.
   *
   * @default - the server's startup timeout and 10 minutes
   */
  readonly timeout?: Duration;

  /**
   * The longest time to the first token.
   *
   * @default - any
   */
  readonly maxTimeToFirstToken?: Duration;
}
