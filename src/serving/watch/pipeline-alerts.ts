import { Alert } from './alert';
import type { AlertSpec } from './alert-options';
import { clusterSeries } from './promql';

/** What of a pipeline is not a server's. @internal */
export interface PipelineParts {
  readonly pipeline: string;
  readonly namespace: string;
  /** The names of its Jobs. */
  readonly jobs: readonly string[];
  /** The names of the claims that hold its artifacts. */
  readonly claims: readonly string[];
}

/** What may be wrong with a pipeline besides its servers. @internal */
export function pipelineAlerts(parts: PipelineParts, spec: AlertSpec): Alert[] {
  const { pipeline, namespace, jobs, claims } = parts;
  const labels = { ...spec.labels, severity: 'warning', namespace, pipeline };
  const failed: Alert = {
    alert: 'LlmJobFailed',
    expr: `max by (namespace, job_name) (${clusterSeries('kube_job_failed', {
      namespace,
      job_name: { anyOf: jobs },
      condition: 'true',
    })}) == 1`,
    labels,
    annotations: {
      summary: `Job {{ $labels.job_name }} of pipeline ${pipeline} has failed for good`,
      description:
        'The phases after it do not begin, and servers go on with what they have. Why is in the termination messages of ' +
        // Of init containers too: in one of them a model is trained.
        `its pod: 'kubectl -n ${namespace} get pods -l batch.kubernetes.io/job-name={{ $labels.job_name }} -o ` +
        "jsonpath={..terminated.message}'. What is stored is kept: raise `attempt` of what the Job belongs to, and it " +
        'goes on where it was.',
    },
  };
  const size = { namespace, persistentvolumeclaim: { anyOf: claims } };
  const available = clusterSeries('kubelet_volume_stats_available_bytes', size);
  const capacity = clusterSeries('kubelet_volume_stats_capacity_bytes', size);
  const full: Alert = {
    alert: 'LlmClaimNearlyFull',
    // Each node with a pod that mounts the claim tells of it.
    expr: `min by (namespace, persistentvolumeclaim) (${available} / ${capacity}) < ${spec.claimFreePercent / 100}`,
    for: '15m',
    labels,
    annotations: {
      summary: `Claim {{ $labels.persistentvolumeclaim }} of pipeline ${pipeline} is nearly full`,
      description:
        '{{ $value | humanizePercentage }} of it is free, and the next download or conversion may end with exit code 73. ' +
        'Raise the size of the store where its class lets volumes grow, or remove what nothing uses by a ModelEviction.',
    },
  };
  return [...(jobs.length ? [failed] : []), ...(claims.length ? [full] : [])];
}
