import type { NetworkPeer } from '../../pod/network-peer';
import type { ServerTarget } from '../server-target';

/** What a factory of Monitoring makes: checked, and not yet told of its server. @internal */
export interface MonitoringPart {
  readonly peers: NetworkPeer[];
  render(target: ServerTarget): void;
}
