import type { Toleration } from '../pod-spec';

/** What a pod must have so that one of its containers has its devices. Plain data. @internal */
export interface AcceleratorSpec {
  /** Whose devices: what decides the image of an engine. */
  readonly vendor: AcceleratorVendor;
  /** Devices for each pod. */
  readonly count: number;
  /** Memory of one device in bytes, where it is known: by what the user says, or by the product. */
  readonly memoryBytes?: number;
  /** The product, as its vendor's node label has it. */
  readonly product?: string;
  /** How the devices are asked for: as an extended resource, or by DRA. */
  readonly request: ExtendedResource | DeviceClaim;
  readonly nodeSelector: Record<string, string>;
  readonly tolerations: Toleration[];
  /** Nodes that are liked more than others; all of nodeSelector holds beside it. */
  readonly preferredNodes: string[];
  /** `spec.runtimeClassName` of the pod. */
  readonly runtimeClassName?: string;
  /** Whether what puts the devices into the container writes to its root file system. */
  readonly writesRoot: boolean;
  /** Departures from Pod Security `restricted` that the devices need, with the reason. */
  readonly podSecurityOptOut?: string;
}

/** @internal */
export type AcceleratorVendor = 'nvidia' | 'amd' | 'intel' | 'gaudi' | 'tpu' | 'other';

/** Requests equal limits, as Kubernetes asks of extended resources. @internal */
export interface ExtendedResource {
  readonly by: 'resource';
  /** `nvidia.com/gpu`. */
  readonly name: string;
  /** The amount, which is not the number of devices where a device is shared or split. */
  readonly amount: number;
}

/** @internal */
export interface DeviceClaim {
  readonly by: 'claim';
  /** A claim of each pod's own, or one that is there already and is shared. */
  readonly claim:
    { readonly kind: 'template' } | { readonly kind: 'existing' | 'shared'; readonly name: string };
  /** `spec.devices` of the claim, in the shape of resource.k8s.io/v1. */
  readonly devices: Record<string, unknown>;
}
