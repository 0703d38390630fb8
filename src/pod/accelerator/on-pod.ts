import type { Owner } from '../owner';
import type { Toleration } from '../pod-spec';
import type { AcceleratorSpec, DeviceClaim } from './accelerator-spec';
import { claimApi, claimObject, DEVICE_CLAIMS_RULE } from './device-claims';
import { nodeAffinity } from './node-affinity';

/** The devices as the fields of a pod that has them. @internal */
export interface AcceleratorOnPod {
  /** Extended resources of the container that computes: requests and limits alike. */
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
  /** For `securityContext.supplementalGroups` of the pod: the groups that own the device files. */
  readonly supplementalGroups: number[];
  /** Lines of the workload's annotation `cdk8s-llm/skip-checks`: what the user says of the cluster. */
  readonly skipChecks: string[];
  /** Adds the objects that the pods name. Called once, where the workload is rendered. */
  objects(): void;
}

/** @internal */
export interface PodClaim {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}

/** Of the claim in the pod. */
const CLAIM = 'devices';

/**
 * What a pod and its container must say to have the devices.
 *
 * @throws when the Kubernetes version of the owner has no such objects
 * @internal
 */
export function acceleratorOnPod(owner: Owner, spec: AcceleratorSpec): AcceleratorOnPod {
  const { request, beside } = spec;
  const amounts = request.by === 'resource' ? { [request.name]: request.amount, ...beside } : beside;
  const claim = request.by === 'claim' ? podClaim(owner, request) : undefined;
  return {
    limits: Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)])),
    containerClaims: claim ? [{ name: CLAIM }] : [],
    podClaims: claim ? [claim.entry] : [],
    nodeSelector: spec.nodeSelector,
    tolerations: spec.tolerations,
    nodeAffinity: nodeAffinity(spec),
    runtimeClassName: spec.runtimeClassName,
    supplementalGroups: spec.deviceGroups,
    skipChecks: claim?.skipChecks ?? [],
    objects: () => claim?.add(),
  };
}

interface ClaimedDevices {
  readonly entry: PodClaim;
  readonly skipChecks: string[];
  add(): void;
}

function podClaim(owner: Owner, request: DeviceClaim): ClaimedDevices {
  const api = claimApi(owner, request);
  const { claim } = request;
  const skipChecks = api.acknowledged ? [`${DEVICE_CLAIMS_RULE}: ${api.acknowledged}`] : [];
  if (!('requests' in claim)) {
    return {
      entry: entryOf(claim.kind === 'existing-template', claim.name),
      skipChecks,
      add: () => undefined,
    };
  }
  const object = claimObject(owner, api, claim);
  return { entry: entryOf(claim.kind === 'template', object.name), skipChecks, add: () => object.add() };
}

function entryOf(isTemplate: boolean, name: string): PodClaim {
  return { name: CLAIM, ...(isTemplate ? { resourceClaimTemplateName: name } : { resourceClaimName: name }) };
}
