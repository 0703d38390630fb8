/**
 * What clusters tell Prometheus of Kubernetes itself and of NVIDIA GPUs, as far as we ask for it: the labels by which it
 * is asked. Those of kube-state-metrics and of the kubelet are there as they are written here when Prometheus honours
 * the labels of what it scrapes, as kube-prometheus-stack has it.
 *
 * @internal
 */
export const CLUSTER_METRICS = {
  // kube-state-metrics, docs/metrics/workload/*.md: each of them is STABLE.
  kube_deployment_spec_replicas: ['namespace', 'deployment'],
  kube_deployment_status_replicas_available: ['namespace', 'deployment'],
  kube_statefulset_replicas: ['namespace', 'statefulset'],
  kube_statefulset_status_replicas_ready: ['namespace', 'statefulset'],
  kube_pod_container_status_restarts_total: ['namespace', 'pod', 'container'],
  kube_pod_init_container_status_restarts_total: ['namespace', 'pod', 'container'],
  kube_job_complete: ['namespace', 'job_name', 'condition'],
  kube_job_failed: ['namespace', 'job_name', 'condition'],
  kube_job_status_active: ['namespace', 'job_name'],
  // Kubernetes, pkg/kubelet/metrics/collectors/volume_stats.go: of claims that a running pod mounts.
  kubelet_volume_stats_available_bytes: ['namespace', 'persistentvolumeclaim'],
  kubelet_volume_stats_capacity_bytes: ['namespace', 'persistentvolumeclaim'],
  // NVIDIA/dcgm-exporter, etc/default-counters.csv. Which pod has a GPU is in `pod` where Prometheus honours the
  // exporter's labels, else in `exported_pod` (as with the GPU operator: NVIDIA/dcgm-exporter#85).
  DCGM_FI_DEV_GPU_UTIL: ['namespace', 'pod', 'exported_namespace', 'exported_pod'],
  DCGM_FI_DEV_FB_USED: ['namespace', 'pod', 'exported_namespace', 'exported_pod'],
  DCGM_FI_DEV_FB_FREE: ['namespace', 'pod', 'exported_namespace', 'exported_pod'],
} as const;

/** @internal */
export type ClusterMetric = keyof typeof CLUSTER_METRICS;

/** A label that a metric has. @internal */
export type LabelOf<M extends ClusterMetric> = (typeof CLUSTER_METRICS)[M][number];
