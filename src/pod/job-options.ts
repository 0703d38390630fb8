import { Placement } from './pod-spec';

/** What every Job can be told. */
export interface JobOptions {
  /**
   * Where the Job may run.
   *
   * @default - anywhere that the stores can be mounted
   */
  readonly placement?: Placement;

  /**
   * How often Kubernetes starts the Job again after a failure that a retry can cure. What is done is kept.
   *
   * @default - 10 for a download, 5 for a conversion
   */
  readonly backoffLimit?: number;

  /**
   * Raise it to run a failed Job again unchanged.
   *
   * @default 1
   */
  readonly attempt?: number;
}
