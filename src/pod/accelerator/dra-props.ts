import type { Size } from 'cdk8s';
import type { AcceleratorOptions } from './accelerator-props';
import type { DeviceSelector } from './device-selector';

/** Devices of one class that are alike. */
export interface DeviceRequestProps {
  /**
   * The DeviceClass: `gpu.nvidia.com`, `mig.nvidia.com`, `gpu.amd.com`, `gpu.intel.com`, `gaudi.intel.com`, or one of
   * the cluster's own.
   */
  readonly deviceClass: string;

  /**
   * Devices for each claim. Not with `all`.
   *
   * @default 1, or as many as `ids`
   */
  readonly count?: number;

  /**
   * All devices of the class that a node has and that the rest allows.
   *
   * @default false
   */
  readonly all?: boolean;

  /**
   * The driver, under whose name it publishes attributes: what stands before `/` in their names. Needed for a class
   * that is not among those above where `memory`, `product`, `ids` or a selector without a domain is given.
   *
   * @default - known of those above
   */
  readonly driver?: string;

  /**
   * Memory of a device as it is printed on the card, at least. What reports 92 % of it is chosen: no GPU reports all.
   *
   * @default - any
   */
  readonly memory?: Size;

  /**
   * The product: for NVIDIA as `nvidia-smi` has it or the node label (`NVIDIA-H100-80GB-HBM3`), for AMD
   * `AMD_Instinct_MI300X_OAM`, for Intel the model (`Max 1550`, `Gaudi3`).
   *
   * @default - any
   */
  readonly product?: string;

  /**
   * The profile of a part of a GPU, with the class `mig.nvidia.com`: `1g.10gb`.
   *
   * @default - any
   */
  readonly mig?: string;

  /**
   * The devices themselves, and no others: for NVIDIA by UUID (`GPU-...`, as `nvidia-smi -L` lists them), for AMD and
   * Intel by PCI address, for Gaudi by serial number. A list of indexes as of CUDA_VISIBLE_DEVICES is not published
   * by the drivers.
   *
   * @default - any that the rest allows
   */
  readonly ids?: string[];

  /**
   * What else each device must be.
   *
   * @default - nothing
   */
  readonly selectors?: DeviceSelector[];
}

/** Devices by dynamic resource allocation (DRA). */
export interface DraProps extends DeviceRequestProps, AcceleratorOptions {
  /**
   * What else will do, the best first, where what the other properties ask for is not free (Kubernetes 1.34).
   *
   * @default - nothing
   */
  readonly alternatives?: DeviceRequestProps[];

  /**
   * Whether all pods of a server share one claim, and so the same devices: for drivers and devices that can be
   * shared. Else each pod has a claim and devices of its own.
   *
   * @default false
   */
  readonly shared?: boolean;

  /**
   * For Kubernetes 1.32 and 1.33, which have DRA behind the feature gate DynamicResourceAllocation and the API group
   * `resource.k8s.io/v1beta1` (`v1beta2`), both off by default: says that the cluster has them on.
   *
   * @default false: older versions than 1.34 are refused
   */
  readonly featureGateIsOn?: boolean;

  /**
   * Whose devices, by which engines choose their image: `nvidia`, `amd`, `intel`, `gaudi`, `tpu` or `other`.
   *
   * @default - known of the classes that drivers bring, else `other`
   */
  readonly vendor?: string;
}

/** What is to be known of a claim, or a template of claims, that the cluster has. */
export interface ExistingClaimProps extends AcceleratorOptions {
  /** Devices that the claim has, for what is checked. @default - not checked */
  readonly count?: number;

  /** Memory of each, for what is checked. @default - not checked */
  readonly memory?: Size;

  /** Whose devices: `nvidia`, `amd`, `intel`, `gaudi`, `tpu` or `other`. @default other */
  readonly vendor?: string;

  /** As in DraProps. @default false */
  readonly featureGateIsOn?: boolean;
}
