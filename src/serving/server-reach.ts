import type { Construct } from 'constructs';
import { checkList, checkOptions } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { Opening } from '../pod/network';
import { NetworkPeer } from '../pod/network-peer';
import { IModelServer, targetOf } from './model-server';
import { checkPeers } from './server-checks';

/** Whom a server itself asks something. */
export interface ServerReach {
  /**
   * Another server, at the port of its API. It must let this one in: `allowFrom` of it.
   *
   * @default - `peers` at `ports`
   */
  readonly server?: IModelServer;

  /**
   * The pods or addresses. Not with `server`.
   *
   * @default - `server`
   */
  readonly peers?: NetworkPeer[];

  /**
   * Their TCP ports, as the pods themselves listen. Not with `server`.
   *
   * @default - that of `server`
   */
  readonly ports?: number[];
}

const REACH: Record<keyof ServerReach, true> = { server: true, peers: true, ports: true };

/** @throws when whom or at which port is not said, or both a server and others are @internal */
export function resolveReaches(scope: Construct, reaches: ServerReach[] | undefined): Opening[] {
  return checkList(scope, 'reaches', reaches).flatMap((given, index): Opening[] => {
    const field = `reaches[${index}]`;
    const { server, peers, ports } = checkOptions(scope, field, given, REACH);
    if (server === undefined) {
      const to = checkPeers(scope, `${field}.peers`, peers ?? []).map(({ _peer }) => _peer);
      if (to.length === 0) throw new InputError(scope, `${field}.peers`, peers, { allowed: 'one or more' });
      const numbers = checkList(scope, `${field}.ports`, ports);
      if (numbers.length === 0 || !numbers.every(isPort)) {
        throw new InputError(scope, `${field}.ports`, ports, { allowed: 'one or more of 1 to 65535' });
      }
      return [{ peers: to, ports: numbers }];
    }
    const odd = peers ? 'peers' : ports && 'ports';
    if (odd) {
      throw new InputError(scope, `${field}.${odd}`, 'given', { allowed: 'nothing, as the server is known' });
    }
    return openingsTo(scope, `${field}.server`, server);
  });
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65535;
}

/** To a server's pods, and to what stands before it and starts it. */
function openingsTo(scope: Construct, field: string, server: IModelServer): Opening[] {
  const { container, entrance } = targetOf(scope, field, server);
  return [
    { peers: [NetworkPeer.server(server)._peer], ports: [container.port] },
    ...(entrance
      ? [{ peers: [NetworkPeer.namespace(entrance.namespace)._peer], ports: [entrance.port] }]
      : []),
  ];
}
