import type { Size } from 'cdk8s';
import { checkKind, checkProps, checkSize } from '../checks';
import { InputError } from '../input-error';
import { bytesOf } from '../quantity';
import {
  AmdProps,
  CustomAcceleratorProps,
  GaudiProps,
  IntelGpuDriver,
  IntelProps,
  NvidiaProps,
} from './accelerator-props';
import type { AcceleratorSpec, AcceleratorVendor } from './accelerator-spec';
import { migProfile } from './mig-profile';
import { checkCount, resolveOptions, resourceName } from './node-choice';
import { AMD_PRODUCTS, findProduct, leastOfClass, memoryOf, NVIDIA_PRODUCTS, nvidiaLabel } from './products';

/** Accelerators that a device plugin offers as extended resources: one function for each vendor. */

const MEBI = 1024 * 1024;

/** @internal */
export function nvidiaSpec(props: NvidiaProps): AcceleratorSpec {
  const where = 'Accelerator.nvidia';
  checkProps(where, props);
  const count = checkCount(where, 'count', props.count ?? 1);
  if (props.product !== undefined) {
    checkKind(where, 'product', props.product, (given) => typeof given === 'string', {
      allowed: "the name of a product, as the nodes have it in the label nvidia.com/gpu.product: 'NVIDIA-L4'",
    });
  }
  const known = props.product === undefined ? undefined : findProduct(NVIDIA_PRODUCTS, props.product);
  const product = props.product === undefined ? undefined : nvidiaLabel(known?.name ?? props.product);
  const mig = props.mig === undefined ? undefined : migProfile(where, 'mig', props.mig);
  if (mig) refuseMemory(where, props.memory, `mig '${mig.name}'`);
  const ofClass = classOf(where, props.memory);
  if (known && ofClass !== undefined && known.mebibytes * MEBI < ofClass) {
    throw new InputError(where, 'memory', `${bytesOf(props.memory as Size) / 2 ** 30} GiB`, {
      allowed: `at most what a ${product} reports, ${known.mebibytes} MiB`,
      advice: 'Leave memory out, or choose another product.',
    });
  }
  const compared = ofClass !== undefined && !known;
  return {
    vendor: 'nvidia',
    count,
    hosts: 1,
    memoryBytes: mig?.memoryBytes ?? memoryOf(known) ?? ofClass,
    parts: mig !== undefined,
    product,
    request: { by: 'resource', name: mig?.resource ?? 'nvidia.com/gpu', amount: count },
    nodeExpressions: compared
      ? [{ key: 'nvidia.com/gpu.memory', operator: 'Gt', values: [String(ofClass / MEBI - 1)] }]
      : [],
    ...resolveOptions(where, props, {
      labels: product === undefined ? {} : { 'nvidia.com/gpu.product': product },
      taint: 'nvidia.com/gpu',
      writesRoot: true,
    }),
  };
}

/** @internal */
export function amdSpec(props: AmdProps): AcceleratorSpec {
  const where = 'Accelerator.amd';
  checkProps(where, props);
  const { product } = props;
  const known = product === undefined ? undefined : findProduct(AMD_PRODUCTS, product);
  const given = exactMemory(where, props.memory);
  const byMemory = product === undefined && given !== undefined;
  return {
    ...plainSpec(where, 'amd', 'amd.com/gpu', props),
    memoryBytes: memoryOf(known) ?? given,
    product,
    ...resolveOptions(where, props, {
      labels: {
        ...(product === undefined ? {} : { 'amd.com/gpu.product-name': product }),
        ...(byMemory ? { 'amd.com/gpu.vram': `${Math.round(given / 2 ** 30)}G` } : {}),
      },
      taint: 'amd.com/gpu',
      ownedByGroups: true,
    }),
  };
}

/** @internal */
export function intelSpec(props: IntelProps): AcceleratorSpec {
  const where = 'Accelerator.intel';
  checkProps(where, props);
  const { driver = IntelGpuDriver.XE, product } = props;
  const drivers = Object.values(IntelGpuDriver);
  if (!drivers.includes(driver)) {
    throw new InputError(where, 'driver', driver, { allowed: drivers.map((d) => `'${d}'`).join(', ') });
  }
  const resource = `gpu.intel.com/${driver}`;
  return {
    ...plainSpec(where, 'intel', resource, props),
    memoryBytes: exactMemory(where, props.memory),
    product,
    ...resolveOptions(where, props, {
      labels: product === undefined ? {} : { 'gpu.intel.com/product': product },
      taint: resource,
      ownedByGroups: true,
    }),
  };
}

/** @internal */
export function gaudiSpec(props: GaudiProps): AcceleratorSpec {
  const where = 'Accelerator.gaudi';
  checkProps(where, props);
  const resource = 'habana.ai/gaudi';
  return {
    ...plainSpec(where, 'gaudi', resource, props),
    memoryBytes: exactMemory(where, props.memory),
    ...resolveOptions(where, props, { taint: resource }),
  };
}

const VENDORS: readonly AcceleratorVendor[] = ['nvidia', 'amd', 'intel', 'gaudi', 'tpu', 'other'];

/** @internal */
export function customSpec(props: CustomAcceleratorProps): AcceleratorSpec {
  const where = 'Accelerator.custom';
  checkProps(where, props);
  const vendor = checkVendor(where, props.vendor);
  const resource = resourceName(where, 'resource', props.resource);
  const count = checkCount(where, 'count', props.count ?? 1);
  return {
    vendor,
    count,
    hosts: 1,
    memoryBytes: exactMemory(where, props.memory),
    parts: resource.startsWith('nvidia.com/mig-'),
    request: {
      by: 'resource',
      name: resource,
      amount: count * checkCount(where, 'amount', props.amount ?? 1),
    },
    nodeExpressions: [],
    ...resolveOptions(where, props, {
      taint: resource,
      writesRoot: vendor === 'nvidia',
      ownedByGroups: isOwnedByGroups(vendor),
    }),
  };
}

/** Of udev's groups `render` and `video` on the usual nodes. @internal */
export function isOwnedByGroups(vendor: AcceleratorVendor): boolean {
  return vendor === 'amd' || vendor === 'intel';
}

/** @throws when it is none that engines know. @internal */
export function checkVendor(where: string, given: string = 'other'): AcceleratorVendor {
  const vendor = VENDORS.find((known) => known === given);
  if (vendor === undefined) {
    throw new InputError(where, 'vendor', given, { allowed: VENDORS.map((v) => `'${v}'`).join(', ') });
  }
  return vendor;
}

/** What those have in common of whose devices nothing but the number decides. */
function plainSpec(
  where: string,
  vendor: AcceleratorVendor,
  resource: string,
  props: { readonly count?: number },
): Pick<AcceleratorSpec, 'vendor' | 'count' | 'hosts' | 'request' | 'nodeExpressions'> {
  const count = checkCount(where, 'count', props.count ?? 1);
  return {
    vendor,
    count,
    hosts: 1,
    request: { by: 'resource', name: resource, amount: count },
    nodeExpressions: [],
  };
}

function exactMemory(where: string, memory: Size | undefined): number | undefined {
  return memory === undefined ? undefined : bytesOf(checkSize(where, 'memory', memory));
}

function classOf(where: string, memory: Size | undefined): number | undefined {
  return memory === undefined ? undefined : leastOfClass(bytesOf(checkSize(where, 'memory', memory)));
}

function refuseMemory(where: string, memory: Size | undefined, because: string): void {
  if (memory === undefined) return;
  throw new InputError(where, 'memory', `${bytesOf(memory) / 2 ** 30} GiB`, {
    allowed: `nothing, as ${because} says it`,
  });
}
