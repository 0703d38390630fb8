import type { Owner } from '../owner';
import type { Toleration } from '../pod-spec';
import type { AcceleratorSpec } from './accelerator-spec';

/** The devices as the fields of a pod that has them. @internal */
export interface AcceleratorOnPod {
  /** Extended resources of the container that computes: requests and limits alike. Empty with DRA. */
  readonly limits: Record<string, string>;
  /** `resources.claims` of the container that computes, and of any other that shares its devices. */
  readonly containerClaims: { readonly name: string }[];
  /** `spec.resourceClaims` of the pod. */
  readonly podClaims: PodClaim[];
  readonly nodeSelector: Record<string, string>;
  readonly tolerations: Toleration[];
  /** `spec.affinity.nodeAffinity` of the pod. */
  readonly nodeAffinity?: Record<string, unknown>;
  /** `spec.runtimeClassName` of the pod. */
  readonly runtimeClassName?: string;
  /** Lines of the workload's annotation `cdk8s-llm/skip-checks`: what the user acknowledged. */
  readonly skipChecks: string[];
  /** Text for the workload's annotation `cdk8s-llm/pod-security-opt-out`. */
  readonly podSecurityOptOut?: string;
  /** Adds the objects that the pods name. Called once, where the workload is rendered. */
  objects(): void;
}

/** @internal */
export interface PodClaim {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}

/**
 * What a pod and its container must say to have the devices.
 *
 * @throws when the Kubernetes version of the owner has no such objects
 * @internal
 */
export function acceleratorOnPod(_owner: Owner, spec: AcceleratorSpec): AcceleratorOnPod {
  const name = spec.request.by === 'resource' ? spec.request.name : '';
  return {
    limits: spec.request.by === 'resource' ? { [name]: String(spec.request.amount) } : {},
    containerClaims: [],
    podClaims: [],
    nodeSelector: spec.nodeSelector,
    tolerations: spec.tolerations,
    runtimeClassName: spec.runtimeClassName,
    skipChecks: [],
    objects: () => undefined,
  };
}
