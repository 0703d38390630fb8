import type { NetworkPeer } from '../pod/network-peer';
import type { ServerTarget } from './server-target';

/** Who watches a server. */
export abstract class Monitoring {
  /**
   * Who reads the metrics, let in by the server's NetworkPolicy.
   *
   * @internal
   */
  public abstract readonly _peers: NetworkPeer[];

  /**
   * Adds the objects.
   *
   * @throws when the engine has no metrics
   * @internal
   */
  public abstract _render(target: ServerTarget): void;
}
