import type { AcceleratorOnPod } from '../../pod/accelerator/on-pod';
import type { Owner } from '../../pod/owner';
import { unitePlacements } from '../../pod/placement';
import type { Placement } from '../../pod/pod-spec';
import { placeOnStores } from './placing';
import type { StoreVolume } from './store-volume';

/**
 * Where pods run that have devices and mount stores: what the user says, the devices and the stores, together.
 *
 * @param field the property by which the user says it
 * @param own what it says; undefined where it is not given
 * @throws when they contradict each other
 * @internal
 */
export function placeWithDevices(
  owner: Owner,
  field: string,
  own: Placement | undefined,
  devices: AcceleratorOnPod | undefined,
  stores: readonly StoreVolume[],
): Placement {
  if (!devices) return placeOnStores(owner, field, own ?? {}, stores);
  const { nodeSelector, tolerations } = devices;
  const ofDevices = { of: 'accelerator', placement: { nodeSelector, tolerations } };
  const placement = unitePlacements(owner.scope, field, own ?? {}, [ofDevices]);
  const required = devices.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const nodes = required === undefined ? undefined : { field: 'accelerator', required };
  return placeOnStores(
    owner,
    own === undefined ? 'accelerator.placement' : field,
    placement,
    [...stores],
    nodes,
  );
}
