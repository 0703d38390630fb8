import type { Size } from 'cdk8s';
import { bytesQuantity } from './quantity';

/** What a container asks for. */
export interface ContainerResources {
  /** CPU request: `500m`, `4`. */
  readonly cpu: string;
  /** CPU limit. @default - as the request */
  readonly cpuLimit?: string;
  /** Memory, request and limit alike: what a program needs is known, so nothing is lent. */
  readonly memory: Size;
  /** Ephemeral storage, the limit: log files, and the emptyDirs that the container writes. */
  readonly storage: Size;
  /** The request of ephemeral storage, where less than the limit is likely. @default - as the limit */
  readonly storageRequest?: Size;
  /** Devices by the name of their resource, request and limit alike. @default - none */
  readonly devices?: Record<string, string>;
  /** The pod's resource claims that the container uses. @default - none */
  readonly claims?: readonly { readonly name: string }[];
}

export function renderResources(r: ContainerResources): Record<string, unknown> {
  const amounts = (storage: Size) => ({
    memory: bytesQuantity(r.memory),
    'ephemeral-storage': bytesQuantity(storage),
    ...r.devices,
  });
  return {
    requests: { cpu: r.cpu, ...amounts(r.storageRequest ?? r.storage) },
    limits: { cpu: r.cpuLimit ?? r.cpu, ...amounts(r.storage) },
    ...(r.claims?.length ? { claims: r.claims } : {}),
  };
}
