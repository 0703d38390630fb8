import { checkFlag, checkKind, checkList, checkNamed, checkProps } from '../checks';
import { InputError } from '../input-error';
import { isLabelKey, isLabelValue } from '../labels';
import { checkPlacement } from '../placement';
import type { Toleration } from '../pod-spec';
import type { AcceleratorOptions, RdmaDevices } from './accelerator-props';
import type { AcceleratorSpec } from './accelerator-spec';

/** What all accelerators are told alike, resolved. @internal */
export type ResolvedOptions = Pick<
  AcceleratorSpec,
  | 'beside'
  | 'nodeSelector'
  | 'tolerations'
  | 'preferredNodes'
  | 'requiredNodes'
  | 'runtimeClassName'
  | 'writesRoot'
  | 'deviceGroups'
>;

/** What the vendor adds to what the user says. @internal */
export interface VendorDefaults {
  /** Labels that a node must have. */
  readonly labels?: Record<string, string>;
  /** The key of the taint by which nodes are kept for the devices. */
  readonly taint?: string;
  readonly writesRoot?: boolean;
  /** Whether the device files belong to groups of the node, which a process that is not root has to be in. */
  readonly ownedByGroups?: boolean;
}

/**
 * @param where whose options, for errors: `Accelerator.nvidia`
 * @throws when the API server would refuse one of them, or a label is asked for with two values
 * @internal
 */
export function resolveOptions(
  where: string,
  options: AcceleratorOptions,
  { labels = {}, taint, writesRoot = false, ownedByGroups = false }: VendorDefaults,
): ResolvedOptions {
  checkProps(where, options);
  const { tolerations = [], rdma } = options;
  const nodeSelector = checkNamed(where, 'nodeSelector', options.nodeSelector);
  checkPlacement(where, 'options', { nodeSelector: { ...labels, ...nodeSelector }, tolerations });
  for (const [label, value] of Object.entries(labels)) {
    if (nodeSelector[label] !== undefined && nodeSelector[label] !== value) {
      throw new InputError(where, `nodeSelector.${label}`, nodeSelector[label], {
        allowed: `'${value}', as the other options say`,
        advice: 'Leave it out, or leave out what it contradicts.',
      });
    }
  }
  const ownTaint: Toleration[] =
    taint !== undefined && (checkFlag(where, 'vendorToleration', options.vendorToleration) ?? true)
      ? [{ key: taint, operator: 'Exists', effect: 'NoSchedule' }]
      : [];
  return {
    beside: rdma ? { [resourceName(where, 'rdma.resource', rdma.resource)]: rdmaCount(where, rdma) } : {},
    nodeSelector: { ...labels, ...nodeSelector },
    tolerations: [...ownTaint, ...tolerations],
    preferredNodes: nodeNames(where, 'preferNodes', options.preferNodes),
    requiredNodes: nodeNames(where, 'requireNodes', options.requireNodes),
    runtimeClassName:
      options.runtimeClass === undefined
        ? undefined
        : objectName(where, 'runtimeClass', options.runtimeClass),
    writesRoot: checkFlag(where, 'writesRoot', options.writesRoot) ?? writesRoot,
    deviceGroups: deviceGroups(where, options.deviceGroups, ownedByGroups),
  };
}

function deviceGroups(where: string, groups: number[] | undefined, needed: boolean): number[] {
  if (groups === undefined && needed) {
    throw new InputError(where, 'deviceGroups', undefined, {
      allowed: 'the numbers of the groups that own the device files on the nodes, or [] where none is needed',
      advice:
        'Servers are not root: without the groups they find no device. Ask a node: `getent group render video`. Where ' +
        'its containerd has device_ownership_from_security_context = true, [] will do.',
    });
  }
  return checkList(where, 'deviceGroups', groups).map((group, index) =>
    checkCount(where, `deviceGroups[${index}]`, group, 0),
  );
}

function rdmaCount(where: string, { count = 1 }: RdmaDevices): number {
  return checkCount(where, 'rdma.count', count);
}

/** @throws when it is no whole number of at least `least`. @internal */
export function checkCount(where: string, field: string, count: number, least = 1): number {
  if (!Number.isSafeInteger(count) || count < least) {
    throw new InputError(where, field, count, { allowed: `a whole number of at least ${least}` });
  }
  return count;
}

/** @throws when it is no name of an extended resource. @internal */
export function resourceName(where: string, field: string, name: string): string {
  const domain = typeof name === 'string' ? name.split('/')[0] : '';
  if (!isLabelKey(name) || !name.includes('/') || /(^|\.)kubernetes\.io$/.test(domain)) {
    throw new InputError(where, field, name, {
      allowed: "an extended resource '<domain>/<name>', for instance 'nvidia.com/gpu'",
      advice: '`kubectl describe node` lists those of a node under Allocatable.',
    });
  }
  return name;
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** @throws when no object can have the name. @internal */
export function objectName(where: string, field: string, name: string): string {
  if (typeof name !== 'string' || name.length > 253 || !SUBDOMAIN.test(name)) {
    throw new InputError(where, field, name, {
      allowed: "the name of an object: lower case letters, digits, '-' and '.', at most 253",
    });
  }
  return name;
}

/** The most that preferred node affinity can tell apart, by weights of 1 to 100. */
const MOST_PREFERRED = 100;

function nodeNames(where: string, field: string, names: string[] | undefined): string[] {
  if (names === undefined) return [];
  checkKind(where, field, names, Array.isArray, { allowed: 'a list of names of nodes' });
  if (names.length === 0 || names.length > MOST_PREFERRED) {
    throw new InputError(where, field, names, { allowed: `1 to ${MOST_PREFERRED} names of nodes` });
  }
  return names.map((name, index) => {
    if (name !== '' && isLabelValue(name)) return name;
    throw new InputError(where, `${field}[${index}]`, name, {
      allowed: "a node's name, as its label kubernetes.io/hostname has it",
    });
  });
}
