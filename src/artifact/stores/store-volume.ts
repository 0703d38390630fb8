import type { Placement } from '../../pod/pod-spec';
import { isOneNode } from './access-modes';

/** The volume of a store, as the pods of one namespace mount it. @internal */
export type StoreVolume = ClaimVolume | ImageVolume | NodeFolderVolume;

/** What all volumes tell. @internal */
interface AnyVolume {
  /** Where the store lets the pods run that mount it, besides what they say themselves. */
  readonly placement: Placement;
}

/** A claim: one of the user's, or that by which a bucket is read. @internal */
export interface ClaimVolume extends AnyVolume {
  readonly kind: 'claim';
  readonly namespace: string;
  readonly claimName: string;
  readonly accessModes: readonly string[];
  /** Whether it is made by us and bound when its first pod is scheduled, maybe where others cannot run. */
  readonly bindsLate: boolean;
}

/** An OCI image, which the kubelet mounts. @internal */
export interface ImageVolume extends AnyVolume {
  readonly kind: 'image';
  /** `registry/repository@sha256:...` */
  readonly reference: string;
  /** The folder in the image. */
  readonly path: string;
  /** The artifact's folder below the mount of a store. */
  readonly folder: string;
  /** The Secret by which it is pulled. */
  readonly pullSecret?: string;
  /** Whether the Kubernetes version mounts images only where a feature gate was turned on, as the user says it is. */
  readonly byGate: boolean;
}

/** The rule that asks for a version which mounts images. @internal */
export const IMAGE_VOLUMES_RULE = 'image-volumes';

/** A folder on the disk of a node. @internal */
export interface NodeFolderVolume extends AnyVolume {
  readonly kind: 'node';
  /** The folder on the node. */
  readonly path: string;
  /** Whether each node of the placement has it with all that is in it, as a node cache sees to; else one node has it. */
  readonly onEachNode?: boolean;
}

/** Whether one node at a time can mount a volume, whichever node that is. @internal */
export function isSingleNode(volume: StoreVolume): boolean {
  return volume.kind === 'claim' && isOneNode(volume.accessModes);
}

/** Whether all pods that mount a volume are on one node, whichever has it or the one that it is on. @internal */
export function isOnOneNode(volume: StoreVolume): boolean {
  return isSingleNode(volume) || (volume.kind === 'node' && !volume.onEachNode);
}

/**
 * Whether consumers have to wait for an artifact's marker. Not for that of an image: its digest is the proof
 * that it is whole, and the kubelet starts no container of a pod before it has pulled all of it.
 *
 * @internal
 */
export function hasMarker(volume: StoreVolume): boolean {
  return volume.kind !== 'image';
}

/** A volume as errors name it. @internal */
export function describeVolume(volume: StoreVolume): string {
  switch (volume.kind) {
    case 'claim':
      return `claim ${volume.claimName}`;
    case 'image':
      return `image ${volume.reference}`;
    case 'node':
      return `folder ${volume.path} of a node`;
  }
}
