import type { ApiObject } from 'cdk8s';
import { jobHash } from './content-hash';
import { ResolvedJobOptions } from './job-options';
import { hasPodReplacementPolicy } from './kubernetes-version';
import { NO_MESH } from './mesh';
import { ANNOTATION } from './metadata';
import { addObject, Owner, standardLabels } from './owner';

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
  /** Further fields of the Job's spec: `activeDeadlineSeconds`, `completionMode`. */
  readonly more?: Record<string, unknown>;
}

/**
 * Adds a Job whose name ends in a hash of all that cannot be changed in it: a new spec is a new Job, and the
 * same spec is the same Job, whatever tool applies it.
 */
export function addJob(owner: Owner, spec: JobSpec): ApiObject {
  const body = {
    ...spec.more,
    backoffLimit: spec.options.backoffLimit,
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
      spec: { restartPolicy: 'Never', ...spec.pod },
    },
  };
  return addObject(owner, 'Job', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: `${owner.name}-${jobHash(body, spec.options.attempt)}`,
    component: spec.component,
    annotations: { [ANNOTATION.attempt]: String(spec.options.attempt), ...spec.annotations },
    body: { spec: body },
  });
}
