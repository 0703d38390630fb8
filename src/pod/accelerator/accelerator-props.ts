import type { Size } from 'cdk8s';
import type { Toleration } from '../pod-spec';
import type { TpuType } from './tpu-types';

/**
 * Network devices for memory access between nodes, asked for beside an accelerator.
 *
 * They need locked memory, which servers, that are not root and have no capabilities, get of the container runtime
 * alone: containerd or CRI-O has to be started with `LimitMEMLOCK=infinity`. Else NCCL and NIXL say "Cannot allocate
 * memory" (`ibv_reg_mr`).
 */
export interface RdmaDevices {
  /** The extended resource, as the cluster's device plugin names it: `rdma/ib`, `rdma/rdma_shared_device_a`. */
  readonly resource: string;

  /**
   * How many for each pod. `times()` leaves it as it is: a shared device is counted by pods and not by GPUs.
   *
   * @default 1
   */
  readonly count?: number;
}

/** What every accelerator can be told of nodes and pods. */
export interface AcceleratorOptions {
  /**
   * Labels that a node must have, besides those that follow from the product.
   *
   * @default - none
   */
  readonly nodeSelector?: { [label: string]: string };

  /**
   * Taints of nodes that the pods tolerate, besides the vendor's own.
   *
   * @default - none
   */
  readonly tolerations?: Toleration[];

  /**
   * Whether the pods tolerate the taint by which nodes are kept for the vendor's devices: the resource's name, any
   * value, `NoSchedule`. A cluster without the taint is not affected.
   *
   * @default true
   */
  readonly vendorToleration?: boolean;

  /**
   * Nodes that are chosen before others, the first before the second, by their label `kubernetes.io/hostname`.
   *
   * @default - no node is preferred
   */
  readonly preferNodes?: string[];

  /**
   * The nodes that alone may be chosen, by their label `kubernetes.io/hostname`.
   *
   * @default - all that the rest allows
   */
  readonly requireNodes?: string[];

  /**
   * The RuntimeClass of the pods: `nvidia`, where the runtime that knows the devices is not the nodes' default.
   *
   * @default - the nodes' default
   */
  readonly runtimeClass?: string;

  /**
   * Network devices for memory access between nodes.
   *
   * @default - none
   */
  readonly rdma?: RdmaDevices;

  /**
   * Whether what puts the devices into a container writes to its root file system, which then cannot be read-only.
   *
   * @default - true for NVIDIA, whose CDI hooks make links and folders in it: some runtimes make it read-only before
   * (kserve/kserve#5711, NVIDIA/nvidia-container-toolkit#2026). False for others
   */
  readonly writesRoot?: boolean;

  /**
   * Numbers of the groups that own the device files on the nodes: those of `render` and `video` for AMD and Intel,
   * `getent group render video`, without which servers, that are not root, find no device. Where containerd has
   * `device_ownership_from_security_context` none is needed: `[]`. Nor for NVIDIA, whose files are everybody's.
   *
   * @default - none; for AMD and Intel it has to be given
   */
  readonly deviceGroups?: number[];
}

/** NVIDIA GPUs, by NVIDIA's device plugin. */
export interface NvidiaProps extends AcceleratorOptions {
  /**
   * GPUs for each pod, or parts of GPUs with `mig`.
   *
   * @default 1
   */
  readonly count?: number;

  /**
   * The product, as GPU feature discovery writes it into the node label `nvidia.com/gpu.product`:
   * `NVIDIA-L4`, `NVIDIA-H100-80GB-HBM3`. Nodes whose GPUs are shared by time-slicing have `-SHARED` behind it: their
   * memory is everybody's, so it is not known.
   *
   * @default - any
   */
  readonly product?: string;

  /**
   * The memory of a GPU as it is printed on the card, at least: 24, 80, 141 GiB. Nodes are chosen by their label
   * `nvidia.com/gpu.memory`, from 92 % of it on, as no GPU reports all of it. With `mig`, or a product whose memory is
   * known, it is left out.
   *
   * @default - any, and memory is not checked where the product's is not known
   */
  readonly memory?: Size;

  /**
   * The profile of a part of a GPU (multi-instance GPU, strategy `mixed`): `1g.10gb`. The resource is then
   * `nvidia.com/mig-1g.10gb`. With the strategy `single` the resource remains `nvidia.com/gpu`: leave it out, and name
   * the product as the nodes do.
   *
   * @default - whole GPUs
   */
  readonly mig?: string;
}

/** AMD GPUs, by AMD's device plugin. */
export interface AmdProps extends AcceleratorOptions {
  /** GPUs for each pod. @default 1 */
  readonly count?: number;

  /**
   * The product, as AMD's node labeller writes it into the node label `amd.com/gpu.product-name`:
   * `AMD_Instinct_MI300X_OAM`.
   *
   * @default - any
   */
  readonly product?: string;

  /**
   * The memory of a GPU: 192 GiB for an MI300X. Nodes are chosen by their label `amd.com/gpu.vram`, which must be the
   * same: labels with a unit cannot be compared. With a product it decides nothing but what is checked.
   *
   * @default - any, and memory is not checked where the product's is not known
   */
  readonly memory?: Size;
}

/** The kernel drivers of Intel GPUs, by which the device plugin names them. */
export enum IntelGpuDriver {
  /** `gpu.intel.com/i915`. */
  I915 = 'i915',
  /** `gpu.intel.com/xe`: Battlemage and newer. */
  XE = 'xe',
}

/** Intel GPUs, by Intel's device plugin. */
export interface IntelProps extends AcceleratorOptions {
  /** GPUs for each pod. @default 1 */
  readonly count?: number;

  /** The kernel driver. @default IntelGpuDriver.XE */
  readonly driver?: IntelGpuDriver;

  /**
   * The product, as Intel's rules for node feature discovery write it into the node label `gpu.intel.com/product`:
   * `Flex_170`, `Max_1550`.
   *
   * @default - any
   */
  readonly product?: string;

  /** The memory of a GPU, for what is checked; no label tells it. @default - not checked */
  readonly memory?: Size;
}

/** Intel Gaudi, by Habana's device plugin: `habana.ai/gaudi`. */
export interface GaudiProps extends AcceleratorOptions {
  /** Devices for each pod. @default 1 */
  readonly count?: number;

  /** The memory of a device, for what is checked: 96 GiB for Gaudi 2, 128 GiB for Gaudi 3. @default - not checked */
  readonly memory?: Size;
}

/**
 * TPUs of Google Kubernetes Engine.
 *
 * Servers run as a user that is not root. That such a user may open the devices (`/dev/vfio/*`, `/dev/accel*`) was not
 * tried, and the manifests that Google and vLLM publish run as root. Where a pod says that it finds no TPU, look at the
 * owner of these files in it: `deviceGroups` has the pod join their group, and containerd's
 * `device_ownership_from_security_context` gives them to the pod's user.
 */
export interface TpuProps extends AcceleratorOptions {
  /** The type, the node label `cloud.google.com/gke-tpu-accelerator`. */
  readonly type: TpuType;

  /**
   * How the chips of a slice are arranged, the node label `cloud.google.com/gke-tpu-topology`: `2x4`, and `2x2x1` for
   * types of three dimensions. Their product is the number of chips.
   */
  readonly topology: string;

  /**
   * Chips of one node, and so of one pod: a pod takes all that its node has.
   *
   * @default - all chips of the slice on one node, where the type has such machines, else 4
   */
  readonly chipsPerNode?: number;
}

/** Devices of any other vendor, or such that are shared: what a device plugin offers under a name of its own. */
export interface CustomAcceleratorProps extends AcceleratorOptions {
  /** The extended resource: `nvidia.com/gpu.shared`, `rebellions.ai/ATOM`. */
  readonly resource: string;

  /**
   * How much of the resource for each device.
   *
   * @default 1
   */
  readonly amount?: number;

  /** Devices for each pod. @default 1 */
  readonly count?: number;

  /**
   * Whose devices, by which engines choose their image: `nvidia`, `amd`, `intel`, `gaudi`, `tpu` or `other`.
   *
   * @default other
   */
  readonly vendor?: string;

  /** The memory that one device has for the pod, for what is checked. @default - not checked */
  readonly memory?: Size;
}
