import { canonicalJson } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import type { Owner } from '../../pod/owner';
import { isSamePlacement, unitePlacements } from '../../pod/placement';
import { placementsOf } from '../../pod/pod-spec';
import type { Placement } from '../../pod/pod-spec';
import { AppStores, RequiredNodes, VolumeUser } from './app-stores';
import { ClaimVolume, describeVolume, isSingleNode, StoreVolume } from './store-volume';

/**
 * Where a construct's pods may run: their own placement united with that of every store they mount. Whatever
 * mounts stores asks this once, before it is rendered.
 *
 * @param field the pods' own placement, as the user gives it
 * @param nodes what the pods demand of nodes besides
 * @throws when the placements contradict each other; when the pods mount two volumes that may be on two nodes;
 * when they and other pods of a volume could not be on the node that the volume is on; when the nodes that they demand
 * by name are not the one that the placement names
 * @internal
 */
export function placeOnStores(
  owner: Owner,
  field: string,
  own: Placement,
  volumes: readonly StoreVolume[],
  nodes?: RequiredNodes,
): Placement {
  const placement = unitePlacements(owner.scope, field, own, placementsOf(volumes));
  if (nodes) checkNodeName(owner, placement, nodes);
  const claims = volumes.filter((volume): volume is ClaimVolume => isSingleNode(volume));
  const [claim, second] = new Map(claims.map((each) => [each.claimName, each])).values();
  if (second) {
    throw new InputError(
      owner.scope,
      'store',
      `claim ${second.claimName}, which one node at a time can mount`,
      {
        allowed: `the store of the model (claim ${claim.claimName}), or one that all nodes can mount`,
        advice:
          'A server that is applied early can bring the claim to another node than that of the model, and these ' +
          'pods, which mount both, would never start. Use one store, or ReadWriteMany.',
      },
    );
  }
  if (claim) checkReach(owner, { by: owner.scope, field, placement, nodes }, claim);
  return placement;
}

const HOSTNAME = 'kubernetes.io/hostname';

/** What node affinities are made of, as far as names of nodes are among it. */
interface NodeSelectorTerms {
  readonly nodeSelectorTerms?: readonly {
    readonly matchExpressions?: readonly { readonly key: string; readonly values?: readonly string[] }[];
  }[];
}

/** A store that is on one node brings the pods to it, and there they have to be let in. */
function checkNodeName(owner: Owner, { nodeSelector }: Placement, { field, required }: RequiredNodes): void {
  const hostname = nodeSelector?.[HOSTNAME];
  if (hostname === undefined) return;
  for (const { matchExpressions = [] } of (required as NodeSelectorTerms).nodeSelectorTerms ?? []) {
    const names = matchExpressions.find(({ key }) => key === HOSTNAME)?.values;
    if (!names || names.includes(hostname)) continue;
    throw new InputError(owner.scope, field, names, {
      allowed: `${hostname}, where the placement of pods and stores lets them run`,
      advice:
        'Take the devices of the node that the model is on, or keep the model where all nodes can mount it.',
    });
  }
}

/**
 * All pods of a single-node claim share its node, whichever of them is scheduled first: so each must be able to
 * run where any other can. For a claim that exists the user knows where it is; there, only what can never be on
 * one node is refused.
 */
function checkReach(owner: Owner, user: VolumeUser, claim: ClaimVolume): void {
  const others = AppStores.of(owner.scope).addVolumeUser(`${claim.namespace} ${claim.claimName}`, user);
  for (const other of others) {
    if (claim.bindsLate) checkSameNodes(owner, user, other, claim);
    if (claim.bindsLate ? isSamePlacement(user.placement, other.placement) : canMeet(user, other)) continue;
    throw new InputError(owner.scope, user.field, user.placement, {
      allowed: `the placement of ${other.by.node.path}, which is ${describePlacement(other.placement)}`,
      advice:
        `Both mount ${describeVolume(claim)}, which one node at a time can mount: the first of them to be ` +
        'scheduled decides where it is, maybe where the other cannot run. Give the placement to the store ' +
        '(ModelStore.claim({ placement }), or placement: accelerator.placement), and all pods that mount it have ' +
        'it; or let the store be one that all nodes can mount (accessModes: ReadWriteMany).',
    });
  }
}

/** Labels and tolerations the store can pass on to all; what a node affinity demands only the pods themselves can. */
function checkSameNodes(owner: Owner, user: VolumeUser, other: VolumeUser, claim: ClaimVolume): void {
  if (canonicalJson(user.nodes?.required ?? {}) === canonicalJson(other.nodes?.required ?? {})) return;
  const picky = user.nodes ? user : other;
  throw new InputError(owner.scope, user.nodes?.field ?? user.field, user.nodes?.required ?? user.placement, {
    allowed: `the nodes of ${other.by.node.path}, as both mount ${describeVolume(claim)}, which one node at a time can mount`,
    advice:
      `The first of them to be scheduled decides where the claim is, and ${picky.by.node.path} takes certain nodes alone. ` +
      'Choose the nodes by a label that the claim can have too (an accelerator by its product, ' +
      'ModelStore.claim({ placement: accelerator.placement })); or let the store be one that all nodes can mount ' +
      '(accessModes: ReadWriteMany).',
  });
}

function canMeet(one: VolumeUser, other: VolumeUser): boolean {
  const labels = other.placement.nodeSelector ?? {};
  return Object.entries(one.placement.nodeSelector ?? {}).every(
    ([key, value]) => (labels[key] ?? value) === value,
  );
}

function describePlacement(placement: Placement): string {
  return Object.keys(placement).length ? JSON.stringify(placement) : 'anywhere';
}
