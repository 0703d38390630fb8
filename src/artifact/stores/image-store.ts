import type { IConstruct } from 'constructs';
import { checkFlag } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { atLeast, hasImageVolumes, kubernetesVersionOf } from '../../pod/kubernetes-version';
import type { Owner } from '../../pod/owner';
import { checkPlacement } from '../../pod/placement';
import type { Placement } from '../../pod/pod-spec';
import type { ModelStore } from '../model-store';
import type { SourceImage } from '../sources/source-spec';
import type { ImageVolume } from './store-volume';

/** A store of images, each of which holds one artifact. */
export interface ImageVolumeStoreProps {
  /**
   * Whether the cluster, of Kubernetes 1.33 or 1.34, has the feature gate `ImageVolume` turned on. From 1.35 on
   * every cluster has it.
   *
   * @default false
   */
  readonly featureGateIsOn?: boolean;

  /**
   * The store into which a Job copies the image where the Kubernetes version cannot mount it. `ModelCache` then takes
   * the options of that Job in every version.
   *
   * @default - none: a version that cannot mount images is refused
   */
  readonly fallback?: ModelStore;

  /**
   * Where all pods run that mount an image: its node pulls the whole model.
   *
   * @default - anywhere
   */
  readonly placement?: Placement;
}

/** @internal */
export interface ImageStoreSpec {
  readonly kind: 'image';
  readonly featureGateIsOn: boolean;
  readonly fallback?: ModelStore;
  readonly placement: Placement;
}

/** Behind the feature gate since 1.31, but with subPath, which a folder in the image needs, only since this. */
const MINOR_WITH_GATE = 33;

/** @internal */
export function imageStore(props: ImageVolumeStoreProps): ImageStoreSpec {
  const where = 'ModelStore.imageVolume';
  const { featureGateIsOn, fallback, placement } = props ?? {};
  if (fallback !== undefined && typeof fallback?._spec?.kind !== 'string') {
    throw new InputError(where, 'fallback', typeof fallback, { allowed: 'a ModelStore' });
  }
  if (fallback?._spec.kind === 'image') {
    throw new InputError(where, 'fallback', 'ModelStore.imageVolume', {
      allowed: 'a store that a Job can write to: ModelStore.claim, existingClaim, s3 or nodeFolder',
    });
  }
  return {
    kind: 'image',
    featureGateIsOn: checkFlag(where, 'featureGateIsOn', featureGateIsOn) ?? false,
    fallback,
    placement: checkPlacement(where, 'placement', placement),
  };
}

/**
 * The store that a source is kept in: images stay where they are as long as the cluster can mount them.
 *
 * @throws when it cannot and there is no fallback, or when the source is no image
 * @internal
 */
export function storeForImage(
  scope: IConstruct,
  store: ModelStore,
  spec: ImageStoreSpec,
  image: SourceImage | undefined,
): ModelStore {
  if (!image) {
    throw new InputError(scope, 'store', 'ModelStore.imageVolume', {
      allowed: 'a store that files can be put into: ModelStore.claim, existingClaim, s3 or nodeFolder',
      advice: "An image holds what it was built with: its source is 'oci://registry/name@sha256:...'.",
    });
  }
  // Nothing but the digest proves what is mounted: a tag may mean another image on the next node.
  if (!image.reference.includes('@sha256:')) {
    throw new InputError(scope, 'source', image.reference, {
      allowed: "an image that is pinned by its digest, 'registry/name@sha256:...', to be mounted as it is",
    });
  }
  const version = kubernetesVersionOf(scope);
  if (hasImageVolumes(version)) return store;
  if (spec.featureGateIsOn && atLeast(version, MINOR_WITH_GATE)) return store;
  if (spec.fallback) return spec.fallback;
  throw new InputError(scope, 'store', `ModelStore.imageVolume with Kubernetes ${version}`, {
    allowed: `Kubernetes 1.35 or newer, or 1.${MINOR_WITH_GATE} and 1.34 with the feature gate ImageVolume`,
    advice: atLeast(version, MINOR_WITH_GATE)
      ? 'Where the clusters have the gate turned on, say so by featureGateIsOn: true; else name the fallback store ' +
        'into which a Job copies the image.'
      : 'Name the fallback store into which a Job copies the image: { fallback: ModelStore.claim({ ... }) }.',
  });
}

/** @internal */
export function imageVolume(
  { kubernetesVersion }: Owner,
  { placement }: ImageStoreSpec,
  image: SourceImage,
  folder: string,
): ImageVolume {
  const { reference, path, pullSecret } = image;
  const byGate = !hasImageVolumes(kubernetesVersion);
  return { kind: 'image', reference, path, folder, pullSecret, byGate, placement };
}
