import type { NetworkPeer } from '../pod/network-peer';
import type { ServerTarget } from './server-target';

/** Who decides how many copies of a server run. */
export abstract class Scaling {
  /**
   * Who asks the pods something because of it, let in by the server's NetworkPolicy.
   *
   * @internal
   */
  public abstract readonly _peers: NetworkPeer[];

  /**
   * The largest number of copies, which scarce devices and disruption budgets have to allow for.
   *
   * @internal
   */
  public abstract readonly _maxReplicas: number;

  /**
   * Adds the objects of the autoscaler.
   *
   * @throws when the engine does not tell what it scales by
   * @internal
   */
  public abstract _render(target: ServerTarget): void;
}
