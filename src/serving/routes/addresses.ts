import type { IConstruct } from 'constructs';
import { InputError } from '../../pod/input-error';
import type { ServerTarget } from '../server-target';

/** Requests as a gateway tells them apart. @internal */
export interface Address {
  /** What takes the requests: the class of an Ingress, or a Gateway and its listener. */
  readonly gateway: string;
  /** Undefined for all hosts. */
  readonly host?: string;
  /** Without a slash at its end. */
  readonly path: string;
  /** Headers that requests must have besides. */
  readonly headers?: Record<string, string>;
}

/** The addresses of each program's routes, and the construct that has each. */
const TAKEN = new WeakMap<IConstruct, Map<string, string>>();

/**
 * Takes an address for a server. Gateways that are given one twice choose by age or by name, and say nothing.
 *
 * @throws when a route of this program has it
 * @internal
 */
export function takeAddress(target: ServerTarget, where: string, address: Address): void {
  const { scope } = target.owner;
  const taken = TAKEN.get(scope.node.root) ?? new Map<string, string>();
  TAKEN.set(scope.node.root, taken);
  const headers = Object.entries(address.headers ?? {}).map(
    ([name, value]) => `${name.toLowerCase()}: ${value}`,
  );
  const text = `${address.host ?? '*'}${address.path || '/'}${headers.length ? ` with ${headers.sort().join(', ')}` : ''}`;
  const key = `${address.gateway} ${text}`;
  const other = taken.get(key);
  if (other !== undefined) {
    throw new InputError(scope, where, text, {
      allowed: `a host and path that no other route of ${address.gateway} has`,
      advice: `${other} has it. Give each server a path of its own: path: '/${target.owner.name}'.`,
    });
  }
  taken.set(key, scope.node.path);
}
