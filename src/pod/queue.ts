import { LABEL } from './metadata';

/** The rule that keeps Jobs out of queues unless somebody knows what waits for them. */
export const QUEUED_JOB_RULE = 'queued-job';

/** How a Job stands in a queue of Kueue, which suspends it until it is admitted, and its pods are then started together. */
export interface JobQueue {
  /** The LocalQueue. */
  readonly name: string;
  /** Why nothing goes wrong while the Job is suspended, where tools take it for complete. */
  readonly excuse: string;
}

/** The label by which Kueue knows the queue of a workload. */
export function queueLabels(queueName: string | undefined): Record<string, string> {
  return queueName === undefined ? {} : { [LABEL.queue]: queueName };
}
