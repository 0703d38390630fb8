import type { NetworkPeer } from '../../pod/network-peer';
import type { ServerTarget } from '../server-target';

/** What a factory of Route makes: checked, and not yet told of its server. @internal */
export interface RoutePart {
  readonly peers: NetworkPeer[];
  render(target: ServerTarget, index: number): void;
}

/**
 * The name of a route's object: the server's, so that a policy of a gateway can name it, with a number from the second
 * on.
 *
 * @internal
 */
export function routeName(target: ServerTarget, index: number, given: string | undefined): string {
  return given ?? (index === 0 ? target.owner.name : `${target.owner.name}-${index + 1}`);
}
