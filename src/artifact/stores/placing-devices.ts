import type { AcceleratorOnPod } from '../../pod/accelerator/on-pod';
import type { Owner } from '../../pod/owner';
import { PlacementOf, unitePlacements } from '../../pod/placement';
import type { Placement } from '../../pod/pod-spec';
import { placeOnStores } from './placing';
import type { StoreVolume } from './store-volume';

/**
 * Where pods run that have devices and mount stores: what the user says, the devices and the stores, together.
 *
 * @param field the property by which the user says it
 * @param own what it says; undefined where it is not given
 * @param others what else says where they run
 * @throws when they contradict each other
 * @internal
 */
export function placeWithDevices(
  owner: Owner,
  field: string,
  own: Placement | undefined,
  devices: AcceleratorOnPod | undefined,
  stores: readonly StoreVolume[],
  others: readonly PlacementOf[] = [],
): Placement {
  const said = devices && {
    of: 'accelerator',
    placement: { nodeSelector: devices.nodeSelector, tolerations: devices.tolerations },
  };
  const placement = unitePlacements(owner.scope, field, own ?? {}, [...(said ? [said] : []), ...others]);
  const required = devices?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const nodes = required === undefined ? undefined : { field: 'accelerator', required };
  const place = devices && own === undefined ? 'accelerator.placement' : field;
  return placeOnStores(owner, place, placement, stores, nodes);
}
