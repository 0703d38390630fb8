import type { AcceleratorVendor } from './accelerator-spec';
import { AMD_PRODUCTS, NVIDIA_PRODUCTS, Product } from './products';

/** What a DRA driver publishes of its devices, by which they can be selected. @internal */
export interface DraDriver {
  /** The driver, under whose name its attributes and capacities are. */
  readonly name: string;
  readonly vendor: AcceleratorVendor;
  /** The attribute that holds the product. */
  readonly product?: string;
  readonly products: readonly Product[];
  /** The capacity that holds the memory. */
  readonly memory?: string;
  /** The attribute by which a device differs from all others. */
  readonly id?: string;
  /** The attribute that holds the profile of a part of a device. */
  readonly mig?: string;
}

const NVIDIA: DraDriver = {
  name: 'gpu.nvidia.com',
  vendor: 'nvidia',
  product: 'productName',
  products: NVIDIA_PRODUCTS,
  memory: 'memory',
  id: 'uuid',
};

/**
 * By device class, as the drivers' own charts name it: kubernetes-sigs/dra-driver-nvidia-gpu
 * (cmd/gpu-kubelet-plugin/deviceinfo.go), ROCm/k8s-gpu-dra-driver (docs/driver-attributes.md),
 * intel/intel-resource-drivers-for-kubernetes (cmd/kubelet-{gpu,gaudi}-plugin/node_state.go).
 *
 * @internal
 */
export const DRA_DRIVERS: Readonly<Record<string, DraDriver | undefined>> = {
  'gpu.nvidia.com': NVIDIA,
  'mig.nvidia.com': { ...NVIDIA, mig: 'profile' },
  'gpu.amd.com': {
    name: 'gpu.amd.com',
    vendor: 'amd',
    product: 'productName',
    products: AMD_PRODUCTS,
    memory: 'memory',
    id: 'pciAddr',
  },
  'gpu.intel.com': {
    name: 'gpu.intel.com',
    vendor: 'intel',
    product: 'model',
    products: [],
    memory: 'memory',
    id: 'resource.kubernetes.io/pciBusID',
  },
  'gaudi.intel.com': {
    name: 'gaudi.intel.com',
    vendor: 'gaudi',
    product: 'model',
    products: [],
    id: 'serial',
  },
};
