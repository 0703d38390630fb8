import type { NetworkPeer } from '../pod/network-peer';
import type { ServerTarget } from './server-target';

/** A way to a server from outside its namespace. */
export abstract class Route {
  /**
   * Who sends requests by this way, let in by the server's NetworkPolicy.
   *
   * @internal
   */
  public abstract readonly _peers: NetworkPeer[];

  /**
   * Adds the objects of the route.
   *
   * @param index which of the server's routes it is: part of the objects' construct ids
   * @internal
   */
  public abstract _render(target: ServerTarget, index: number): void;
}
