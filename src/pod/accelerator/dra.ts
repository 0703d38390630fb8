import { checkFlag, checkKind, checkList, checkProps, checkSize } from '../checks';
import { InputError } from '../input-error';
import { bytesOf } from '../quantity';
import {
  AcceleratorSpec,
  AcceleratorVendor,
  ClaimOfPods,
  DeviceAlternative,
  DeviceClaim,
  MOST_DEVICES,
} from './accelerator-spec';
import { DeviceSelector } from './device-selector';
import { DRA_DRIVERS, DraDriver } from './dra-drivers';
import type { DeviceRequestProps, DraProps, ExistingClaimProps } from './dra-props';
import { checkVendor, isOwnedByGroups } from './extended-resources';
import { migProfile } from './mig-profile';
import { checkCount, objectName, resolveOptions } from './node-choice';
import { findProduct, leastOfClass, memoryOf } from './products';

const WHERE = 'Accelerator.dra';

/** Of one request, by the API server. */
const MOST_ALTERNATIVES = 8;

/** @internal */
export function draSpec(props: DraProps): AcceleratorSpec {
  checkProps(WHERE, props);
  const given = [props, ...checkList(WHERE, 'alternatives', props.alternatives)];
  if (given.length > MOST_ALTERNATIVES) {
    throw new InputError(WHERE, 'alternatives', `${given.length - 1} of them`, {
      allowed: `at most ${MOST_ALTERNATIVES - 1}`,
    });
  }
  const resolved = given.map((request, index) =>
    resolveRequest(request, index === 0 ? '' : `alternatives[${index - 1}].`),
  );
  const vendors = new Set(resolved.map(({ vendor }) => vendor));
  const vendor =
    props.vendor !== undefined
      ? checkVendor(WHERE, props.vendor)
      : vendors.size === 1
        ? resolved[0].vendor
        : 'other';
  const alternatives = resolved.map(({ alternative }, index) => ({
    ...alternative,
    name: `choice-${index}`,
  }));
  return {
    ...claimed(WHERE, vendor, props, {
      kind: (checkFlag(WHERE, 'shared', props.shared) ?? false) ? 'shared' : 'template',
      requests: [{ name: 'devices', alternatives }],
    }),
    count: same(alternatives.map(({ count }) => count)),
    parts: given.some(({ deviceClass, mig }) => mig !== undefined || deviceClass === 'mig.nvidia.com'),
    memoryBytes: least(resolved.map(({ memoryBytes }) => memoryBytes)),
    product: same(given.map(({ product }) => product)),
  };
}

/** @internal */
export function existingClaimSpec(
  where: string,
  kind: 'existing-claim' | 'existing-template',
  name: string,
  props: ExistingClaimProps,
): AcceleratorSpec {
  checkProps(where, props);
  return {
    ...claimed(where, checkVendor(where, props.vendor), props, {
      kind,
      name: objectName(where, 'name', name),
    }),
    count: props.count === undefined ? undefined : checkCount(where, 'count', props.count),
    memoryBytes: props.memory === undefined ? undefined : bytesOf(checkSize(where, 'memory', props.memory)),
  };
}

/** What all have in common whose devices DRA allocates. CDI puts them into the container. */
function claimed(
  where: string,
  vendor: AcceleratorVendor,
  props: DraProps | ExistingClaimProps,
  claim: ClaimOfPods,
): AcceleratorSpec & { readonly request: DeviceClaim } {
  return {
    vendor,
    hosts: 1,
    request: {
      by: 'claim',
      claim,
      gateIsOn: checkFlag(where, 'featureGateIsOn', props.featureGateIsOn) ?? false,
    },
    nodeExpressions: [],
    ...resolveOptions(where, props, {
      taint: vendor === 'other' ? undefined : TAINTS[vendor],
      writesRoot: vendor === 'nvidia',
      ownedByGroups: isOwnedByGroups(vendor),
    }),
  };
}

/** By which nodes are kept for devices, whoever allocates them. */
const TAINTS: Readonly<Record<Exclude<AcceleratorVendor, 'other'>, string>> = {
  nvidia: 'nvidia.com/gpu',
  amd: 'amd.com/gpu',
  intel: 'gpu.intel.com/xe',
  gaudi: 'habana.ai/gaudi',
  tpu: 'google.com/tpu',
};

interface ResolvedRequest {
  readonly vendor: AcceleratorVendor;
  readonly memoryBytes?: number;
  readonly alternative: Omit<DeviceAlternative, 'name'>;
}

/** @param at where the request stands in the properties: `alternatives[0].` */
function resolveRequest(props: DeviceRequestProps, at: string): ResolvedRequest {
  const deviceClassName = objectName(WHERE, `${at}deviceClass`, props.deviceClass);
  const driver = driverOf(props);
  const known = props.product === undefined ? undefined : findProduct(driver?.products ?? [], props.product);
  const profile = props.mig === undefined ? undefined : migProfile(WHERE, `${at}mig`, props.mig);
  const memory =
    props.memory === undefined
      ? undefined
      : leastOfClass(bytesOf(checkSize(WHERE, `${at}memory`, props.memory)));
  const selectors = [
    ...(props.product === undefined
      ? []
      : [DeviceSelector.text(named(props, at, driver, 'product'), known?.name ?? props.product)]),
    ...(profile ? [DeviceSelector.text(named(props, at, driver, 'mig'), profile.name)] : []),
    ...(memory === undefined ? [] : [atLeast(named(props, at, driver, 'memory'), memory)]),
    ...(props.ids === undefined
      ? []
      : [DeviceSelector.text(named(props, at, driver, 'id'), ...checkIds(props.ids, at))]),
    ...checkList(WHERE, `${at}selectors`, props.selectors).map((selector, index) =>
      checkKind(
        WHERE,
        `${at}selectors[${index}]`,
        selector,
        (each) => typeof each._expression === 'function',
        {
          allowed: 'a DeviceSelector',
        },
      ),
    ),
  ];
  return {
    vendor: driver?.vendor ?? 'other',
    memoryBytes: profile?.memoryBytes ?? memoryOf(known) ?? memory,
    alternative: {
      deviceClassName,
      count: countOf(props, at),
      listed: props.ids !== undefined,
      selectors: selectors.map((selector) => selector._expression(() => driverName(props, at))),
    },
  };
}

function driverOf({ deviceClass, driver }: DeviceRequestProps): DraDriver | undefined {
  const known = DRA_DRIVERS[deviceClass];
  if (driver === undefined) return known;
  const sameDriver = known?.name === driver ? known : undefined;
  return sameDriver ?? Object.values(DRA_DRIVERS).find((other) => other?.name === driver);
}

function driverName(props: DeviceRequestProps, at: string): string {
  const name = props.driver ?? driverOf(props)?.name;
  if (name !== undefined) return objectName(WHERE, `${at}driver`, name);
  throw new InputError(WHERE, `${at}driver`, undefined, {
    allowed: `the driver behind the device class '${props.deviceClass}'`,
    advice: 'Attributes are published under its name: `kubectl get resourceslices` shows it.',
  });
}

/** The name of what the driver publishes a fact under. */
function named(
  props: DeviceRequestProps,
  at: string,
  driver: DraDriver | undefined,
  fact: 'product' | 'memory' | 'id' | 'mig',
): string {
  const name = driver?.[fact];
  if (name !== undefined) return name;
  const field = fact === 'id' ? 'ids' : fact;
  throw new InputError(WHERE, `${at}${field}`, field === 'memory' ? 'a size' : props[field], {
    allowed: `nothing, as it is not known what the driver of '${props.deviceClass}' publishes it as`,
    advice:
      'Say it by selectors: [DeviceSelector.text(...)], with the names of `kubectl get resourceslices -o yaml`.',
  });
}

/** The capacity in bytes is a quantity of whole mebibytes. */
function atLeast(capacity: string, bytes: number): DeviceSelector {
  const mebibytes = String(bytes / 2 ** 20);
  return DeviceSelector._of((driver) => {
    const map = `device.capacity[${JSON.stringify(driver())}]`;
    return `${JSON.stringify(capacity)} in ${map} && ${map}.${capacity}.compareTo(quantity("${mebibytes}Mi")) >= 0`;
  });
}

function checkIds(ids: string[], at: string): string[] {
  if (!Array.isArray(ids) || ids.length === 0 || new Set(ids).size < ids.length) {
    throw new InputError(WHERE, `${at}ids`, ids, { allowed: 'a list of different ids, at least one' });
  }
  return ids.map((id, index) => {
    if (typeof id === 'string' && /^[\w:.-]+$/.test(id) && !/^\d{1,2}$/.test(id)) return id;
    throw new InputError(WHERE, `${at}ids[${index}]`, id, {
      allowed: "the id that the driver publishes, for instance 'GPU-6a3e90b5-...' of `nvidia-smi -L`",
      advice: 'Indexes are not published: they change with the boot.',
    });
  });
}

function countOf({ count, all, ids }: DeviceRequestProps, at: string): number | undefined {
  if (checkFlag(WHERE, `${at}all`, all) ?? false) {
    if (count === undefined) return undefined;
    throw new InputError(WHERE, `${at}count`, count, {
      allowed: 'nothing, as all devices of a node are asked for',
    });
  }
  const number = checkCount(WHERE, `${at}count`, count ?? ids?.length ?? 1);
  if (number > MOST_DEVICES) {
    throw new InputError(WHERE, `${at}count`, number, {
      allowed: `at most ${MOST_DEVICES} devices for a claim`,
    });
  }
  if (ids !== undefined && number > ids.length) {
    throw new InputError(WHERE, `${at}count`, number, { allowed: `at most ${ids.length}, as many as ids` });
  }
  return number;
}

function same<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

/** Whatever is chosen has so much; undefined where one of them is not known. */
function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? Math.min(...known) : undefined;
}
