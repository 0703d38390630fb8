import type { ApiObject } from 'cdk8s';
import { jobHash } from './content-hash';
import { ResolvedJobOptions } from './job-options';
import { hasPodReplacementPolicy } from './kubernetes-version';
import { NO_MESH } from './mesh';
import { ANNOTATION } from './metadata';
import { addObject, Owner, standardLabels } from './owner';
import { JobQueue, QUEUED_JOB_RULE, queueLabels } from './queue';

/** What the programs' exit codes mean to a Job: these no retry can cure. Everything else is counted and retried. */
const FINAL_EXIT_CODES = [64, 65, 66, 73, 77];

/** A Job of ours as plain data. */
export interface JobSpec {
  /** Its part in the construct: `download`. */
  readonly component: string;
  readonly pod: Record<string, unknown>;
  readonly podLabels: Record<string, string>;
  readonly annotations: Record<string, string | undefined>;
  readonly options: ResolvedJobOptions;
  /** The queue by which Kueue admits it. @default - none */
  readonly queue?: JobQueue;
  /** Further fields of the Job's spec: `activeDeadlineSeconds`, `completionMode`. */
  readonly more?: Record<string, unknown>;
}

/**
 * Adds a Job whose name ends in a hash of all that cannot be changed in it: a new spec is a new Job, and the
 * same spec is the same Job, whatever tool applies it.
 */
export function addJob(owner: Owner, spec: JobSpec): ApiObject {
  const { priorityClassName, backoffLimit, attempt } = spec.options;
  const body = {
    ...spec.more,
    backoffLimit,
    // Kubernetes 1.28 does the same without being told, for Jobs with a podFailurePolicy.
    ...(hasPodReplacementPolicy(owner.kubernetesVersion) ? { podReplacementPolicy: 'Failed' } : {}),
    podFailurePolicy: {
      rules: [
        // A drained or preempted pod is no failure of the program, which continues where it was.
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { operator: 'In', values: FINAL_EXIT_CODES } },
      ],
    },
    template: {
      metadata: {
        labels: { ...standardLabels(owner, spec.component), ...spec.podLabels, ...NO_MESH.labels },
        annotations: {
          // The autoscaler would move a download for a few percent of a node.
          'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
          ...NO_MESH.annotations,
        },
      },
      spec: {
        restartPolicy: 'Never',
        ...(priorityClassName === undefined ? {} : { priorityClassName }),
        ...spec.pod,
      },
    },
  };
  return addObject(owner, 'Job', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: `${owner.name}-${jobHash(body, attempt, spec.queue?.name)}`,
    component: spec.component,
    labels: queueLabels(spec.queue?.name),
    annotations: { [ANNOTATION.attempt]: String(attempt), ...spec.annotations, ...waiver(spec) },
    body: { spec: body },
  });
}

/** The check of queued Jobs is told why this one may be, besides what it is excused from anyway. */
function waiver({ queue, annotations }: JobSpec): Record<string, string> {
  if (queue === undefined) return {};
  const others = annotations[ANNOTATION.skipChecks];
  const own = `${QUEUED_JOB_RULE}: ${queue.excuse}`;
  return { [ANNOTATION.skipChecks]: others === undefined ? own : `${others}\n${own}` };
}
