import type { Construct } from 'constructs';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import { checkParts } from '../pod/accelerator/parts';
import { InputError } from '../pod/input-error';
import type { VllmServerProps } from './vllm-server-props';

/**
 * Whether vLLM can compute on what a pod has, and whether what is known of it is enough to divide the model by.
 *
 * @throws when it cannot, or is not
 * @internal
 */
export function checkDevices(scope: Construct, props: VllmServerProps): void {
  const spec = props.accelerator?._spec;
  if (!spec) return;
  const { count } = spec;
  checkParts(scope, spec);
  const counts = countsOf(spec);
  if (counts.size > 1) {
    throw new InputError(scope, 'accelerator.alternatives', `${[...counts].join(' or ')} devices`, {
      allowed: 'alternatives of one number of devices',
      advice:
        'vLLM is told by its arguments among how many devices it divides the model, whichever is chosen.',
    });
  }
  const all = counts.has('all');
  if (count === undefined && props.tensorParallel === undefined) {
    throw new InputError(scope, 'tensorParallel', undefined, {
      allowed: 'a number, as how many devices the accelerator has is not known',
      advice: `Give it, or give the accelerator its count${all ? " in place of 'all'" : ''}. Else vLLM would use one device.`,
    });
  }
}

/** The numbers of devices that the alternatives have; none where somebody else's claim decides. */
function countsOf({ request }: AcceleratorSpec): Set<number | 'all'> {
  if (request.by === 'resource' || !('requests' in request.claim)) return new Set();
  const alternatives = request.claim.requests.flatMap((each) => each.alternatives);
  return new Set(alternatives.map(({ count }) => count ?? 'all'));
}

/**
 * A claim that all pods name is allocated on one node, and each of them takes its share of the same devices.
 *
 * @param utilization the share of each device's memory that a copy takes
 * @throws when the pods of a copy, or its copies, cannot share the claim
 * @internal
 */
export function checkSharedClaim(
  scope: Construct,
  props: VllmServerProps,
  nodes: number,
  utilization: number,
): void {
  const request = props.accelerator?._spec.request;
  if (request?.by !== 'claim') return;
  const { kind } = request.claim;
  if (kind !== 'shared' && kind !== 'existing-claim') return;
  if (nodes > 1) {
    throw new InputError(scope, 'nodes', nodes, {
      allowed: '1 with devices of one claim, which is on one node',
      advice:
        'Use Accelerator.dra() without shared, or Accelerator.existingClaimTemplate(): a claim for each pod.',
    });
  }
  const copies = props.scaling?._maxReplicas ?? props.replicas ?? 1;
  if (copies * utilization > 1) {
    throw new InputError(scope, props.scaling ? 'scaling' : 'replicas', copies, {
      allowed: `copies that take at most all of the memory of the devices that they share`,
      advice:
        `${copies} copies take ${copies} x ${utilization} of it. Give gpuMemoryUtilization: ` +
        `${Math.floor(95 / copies) / 100}, or each copy devices of its own.`,
    });
  }
}
