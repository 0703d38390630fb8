import { canonicalJson } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import type { Owner } from '../../pod/owner';
import { AppStores } from './app-stores';

/** A volume of a bucket as its CSI driver knows it. @internal */
export interface CsiVolume {
  readonly driver: string;
  readonly handle: string;
  /** Whether the handle follows from bucket and prefix, by which the driver finds them. */
  readonly isPlace: boolean;
  /** The bucket, prefix and server. */
  readonly place: string;
  /** What else decides what is mounted: the Secret, attributes, mount options. */
  readonly told: unknown;
}

/**
 * Kubelets tell volumes apart by driver and handle: a pod with two of one handle is never started, without an event
 * (https://github.com/kubernetes-sigs/azurefile-csi-driver/issues/2367), and pods on one node share the mount of
 * whichever of them came first.
 *
 * @throws when another volume of the app has the same handle and is none of the same bucket, or is told otherwise
 * @internal
 */
export function checkHandle(user: Owner, { driver, handle, isPlace, place, told }: CsiVolume): void {
  const use = { by: user.scope, place, told: canonicalJson(told) };
  const first = AppStores.of(user.scope).firstUseOfHandle(driver, handle, use);
  if (first.place === place && first.told === use.told) return;

  const others = `that of ${first.by.node.path}${first.place === place ? '' : ` (${first.place})`}`;
  const remedy = isPlace ? 'Give one of them another prefix.' : 'Give one of them another csi.volumeHandle.';
  throw new InputError(user.scope, 'store', `${place}, with the volume handle ${handle} of ${driver}`, {
    allowed:
      first.place === place
        ? `the same csi as ${others}`
        : `another handle than ${others}, or the same bucket`,
    advice:
      'A node mounts one volume for each handle: pods with both would never start, and others find the files of ' +
      `whichever was mounted first. ${first.place === place ? 'Use one ModelStore object for both.' : remedy}`,
  });
}
