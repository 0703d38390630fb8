/**
 * What keeps a service mesh out of a pod. A mesh's proxy opens, resets and rewrites connections, each of which
 * ends or wedges a distributed-llama process; beside a Job it keeps the pod from ever completing, and our
 * NetworkPolicies close what it needs. Istio reads labels, Linkerd an annotation.
 */
export const NO_MESH = {
  labels: { 'sidecar.istio.io/inject': 'false', 'istio.io/dataplane-mode': 'none' },
  annotations: { 'linkerd.io/inject': 'disabled' },
} as const;
