import type { IConstruct } from 'constructs';
import { checkObjectName } from './checks';
import { InputError } from './input-error';
import { isLabelValue, LABEL_VALUE } from './labels';
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

/** @throws when it cannot be the name of a LocalQueue, which is the value of a label too */
export function checkQueueName(scope: IConstruct, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name !== '' && isLabelValue(name)) return checkObjectName(scope, 'queueName', name);
  throw new InputError(scope, 'queueName', name, { allowed: LABEL_VALUE.replace(', or empty', '') });
}

/** The label by which Kueue knows the queue of a workload. */
export function queueLabels(queueName: string | undefined): Record<string, string> {
  return queueName === undefined ? {} : { [LABEL.queue]: queueName };
}
