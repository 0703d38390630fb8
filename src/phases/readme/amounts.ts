import type { Pod } from '../../validation/object-set';
import { quantity } from '../../validation/quantity';
import type { Container } from '../../validation/shapes';

/** Amounts by resource name: cores for `cpu`, bytes for `memory`, pieces for devices. @internal */
export type Amounts = Map<string, number>;

/** Bytes as a person reads them. @internal */
export function bytesText(bytes: number): string {
  if (bytes === 0) return '0';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${rounded(bytes / 2 ** (10 * unit))} ${units[unit]}`;
}

/** A number with two decimals at most. @internal */
export function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Whether a resource is a device, such as `nvidia.com/gpu` or a DRA device class. */
function isDevice(resource: string): boolean {
  return resource !== 'cpu' && resource !== 'memory' && !/^(ephemeral-storage|hugepages-.*)$/.test(resource);
}

/** Devices with their numbers: `2 x nvidia.com/gpu`. @internal */
export function devicesText(amounts: Amounts, times = 1): string {
  const devices = [...amounts].filter(([resource, amount]) => isDevice(resource) && amount > 0);
  return devices
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, amount]) => `${rounded(amount * times)} x ${resource}`)
    .join(', ');
}

/**
 * What the scheduler sets aside for one pod: the sum over its containers, or what its init containers need
 * where that is more.
 *
 * @internal
 */
export function podRequests(pod: Pod): Amounts {
  const running: Amounts = new Map();
  const starting: Amounts = new Map();
  for (const { container, role } of pod.containers) {
    const requests = containerRequests(container);
    if (role === 'init') {
      // Beside the sidecars that were started before it.
      for (const [resource, amount] of requests) {
        starting.set(resource, Math.max(starting.get(resource) ?? 0, amount + (running.get(resource) ?? 0)));
      }
    } else {
      add(running, requests);
    }
  }
  for (const [resource, amount] of starting) {
    running.set(resource, Math.max(running.get(resource) ?? 0, amount));
  }
  return running;
}

/** Adds amounts, `times` times, to others. @internal */
export function add(sum: Amounts, amounts: Amounts, times = 1): void {
  for (const [resource, amount] of amounts) sum.set(resource, (sum.get(resource) ?? 0) + amount * times);
}

/** The greater of each amount. @internal */
export function most(a: Amounts, b: Amounts): Amounts {
  const result = new Map(a);
  for (const [resource, amount] of b) result.set(resource, Math.max(result.get(resource) ?? 0, amount));
  return result;
}

/** As the API server fills it in: a limit alone is a request too. */
function containerRequests({ resources }: Container): Amounts {
  const amounts: Amounts = new Map();
  for (const values of [resources?.limits, resources?.requests]) {
    for (const resource in values) amounts.set(resource, quantity(values[resource]));
  }
  return amounts;
}
