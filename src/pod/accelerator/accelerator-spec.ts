import type { Toleration } from '../pod-spec';

/** What a pod must have so that one of its containers has its devices. Plain data. @internal */
export interface AcceleratorSpec {
  /** Whose devices: what decides the image of an engine. */
  readonly vendor: AcceleratorVendor;
  /** Devices for each pod; undefined where a claim of somebody else decides, or takes all that a node has. */
  readonly count?: number;
  /** Nodes, and so pods, that one copy of a model needs: more than 1 for a slice of TPUs over several hosts. */
  readonly hosts: number;
  /** Memory of one device in bytes, the least that it can be; undefined where nothing says it. */
  readonly memoryBytes?: number;
  /** Whether the devices are parts of GPUs, of which a process can use one alone: MIG. @default false */
  readonly parts?: boolean;
  /** The product, as its vendor's node label or DRA driver names it. */
  readonly product?: string;
  /** How the devices are asked for: as an extended resource, or by DRA. */
  readonly request: ExtendedResource | DeviceClaim;
  /** Further extended resources of the container, by name: network devices for RDMA. */
  readonly beside: Record<string, number>;
  readonly nodeSelector: Record<string, string>;
  /** What node labels must be, where they are to be compared and not to be equal. */
  readonly nodeExpressions: NodeExpression[];
  readonly tolerations: Toleration[];
  /** Nodes that are liked more than others, the first most; all that is required holds beside it. */
  readonly preferredNodes: string[];
  /** The nodes that alone may be chosen; empty for all. */
  readonly requiredNodes: string[];
  /** `spec.runtimeClassName` of the pod. */
  readonly runtimeClassName?: string;
  /** Whether what puts the devices into the container writes to its root file system. */
  readonly writesRoot: boolean;
  /** Groups of the nodes that own the device files, which a process that is not root has to be in. */
  readonly deviceGroups: number[];
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

/** A node label that is compared: `nvidia.com/gpu.memory Gt 75366`. @internal */
export interface NodeExpression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values?: string[];
}

/** @internal */
export interface DeviceClaim {
  readonly by: 'claim';
  readonly claim: ClaimOfPods;
  /** Whether the user says that the cluster has DRA although its version has it behind a feature gate. */
  readonly gateIsOn: boolean;
}

/** Whose the claim is that the pods name. @internal */
export type ClaimOfPods =
  /** Ours: one for each pod, or one that all pods of the construct share. */
  | { readonly kind: 'template' | 'shared'; readonly requests: DeviceRequest[] }
  /** Somebody else's, by name. */
  | { readonly kind: 'existing-claim' | 'existing-template'; readonly name: string };

/** An entry of a claim's `devices.requests`. @internal */
export interface DeviceRequest {
  readonly name: string;
  /** One is exactly what is asked for; of several the first that there is. */
  readonly alternatives: DeviceAlternative[];
}

/** @internal */
export interface DeviceAlternative {
  /** Name of the subrequest, where there are several. */
  readonly name: string;
  readonly deviceClassName: string;
  /** Undefined for all devices of the class on a node. */
  readonly count?: number;
  /** Whether the devices are named one by one, so that there are no more of them. */
  readonly listed: boolean;
  /** CEL expressions, all of which hold of each device. */
  readonly selectors: string[];
}

/** What the API server gives one claim at most. @internal */
export const MOST_DEVICES = 32;
