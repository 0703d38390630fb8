/** The CSI volume by which Koldun's Jobs read a bucket. */
import { Expression, literal, member, object } from '../plan';
import type { Notes } from '../translation';
import { accessModes, optional, size, textMap } from '../values';

/** `spec.pv` of a Model. @internal */
export interface VolumeSpec {
  readonly storageClassName?: string;
  readonly capacity?: string;
  readonly accessModes?: readonly string[];
  readonly reclaimPolicy?: 'Retain' | 'Delete' | 'Recycle';
  readonly csiDriver?: string;
  readonly csiMounter?: string;
  readonly csiOptions?: string;
  readonly volumeAttributes?: Readonly<Record<string, string>>;
  readonly csiSecretName?: string;
  readonly csiSecretNamespace?: string;
  readonly pvcStorageClassName?: string;
  readonly pvcCapacity?: string;
  readonly pvcAccessModes?: readonly string[];
}

/** A folder of a bucket. @internal */
export interface Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** The default of Koldun's CSI volumes. */
const CSI_DRIVER = 'ru.yandex.s3.csi';

/** The volume by which a bucket is read, where it is not as Koldun and this library make it by default. @internal */
export function csi(pv: VolumeSpec | undefined, place: Place, notes?: Notes): Expression | undefined {
  if (!pv) return undefined;
  const driver = pv.csiDriver || CSI_DRIVER;
  const isOther = driver !== CSI_DRIVER;
  // Koldun tells any driver what csi-s3 is told; of another one, this library knows no defaults.
  const told = isOther ? { bucket: place.bucket, ...(place.prefix ? { prefix: place.prefix } : {}) } : {};
  const attributes = { ...told, ...ownAttributes(pv, place, notes) };
  const storageClass = pv.storageClassName || (isOther ? 'csi-s3' : undefined);
  const volumeClass = storageClass ?? 'csi-s3';
  if (pv.pvcStorageClassName !== undefined && pv.pvcStorageClassName !== volumeClass) {
    notes?.warn(
      'spec.pv.pvcStorageClassName',
      `A claim of class '${pv.pvcStorageClassName}' and a volume of class '${volumeClass}' bind by luck. The claim gets the class of the volume.`,
    );
  }
  if (pv.reclaimPolicy === 'Recycle') {
    notes?.warn(
      'spec.pv.reclaimPolicy',
      'Recycle is gone from Kubernetes, and was never for CSI volumes. Retain is taken.',
    );
  }
  const members = object({
    driver: isOther ? literal(driver) : undefined,
    mounter: optional(pv.csiMounter || undefined),
    options: optional(pv.csiOptions || undefined),
    volumeAttributes: Object.keys(attributes).length > 0 ? textMap(attributes) : undefined,
    volumeHandle: isOther
      ? literal([place.bucket, place.prefix].filter((part) => part !== '').join('/'))
      : undefined,
    secretName: optional(pv.csiSecretName ?? (isOther ? 'csi-s3-secret' : undefined)),
    secretNamespace: optional(pv.csiSecretNamespace),
    capacity: pv.capacity === undefined ? undefined : size(pv.capacity),
    accessModes: pv.accessModes && accessModes(pv.accessModes),
    reclaimPolicy:
      pv.reclaimPolicy === 'Delete' ? member('PersistentVolumeReclaimPolicy', 'DELETE') : undefined,
    storageClassName: optional(storageClass),
    claimCapacity: pv.pvcCapacity === undefined ? undefined : size(pv.pvcCapacity),
    claimAccessModes: pv.pvcAccessModes && accessModes(pv.pvcAccessModes),
  });
  return members.members.length > 0 ? members : undefined;
}

/** Bucket and prefix are the store's. */
function ownAttributes({ volumeAttributes = {} }: VolumeSpec, place: Place, notes?: Notes) {
  const others = Object.entries(volumeAttributes).filter(([name]) => name !== 'bucket' && name !== 'prefix');
  const odd = (['bucket', 'prefix'] as const).filter(
    (name) => volumeAttributes[name] !== undefined && volumeAttributes[name] !== place[name],
  );
  if (odd.length > 0) {
    notes?.warn(
      'spec.pv.volumeAttributes',
      `${odd.join(' and ')} would lead to another place than the one that the files are put into. Left out.`,
    );
  }
  return Object.fromEntries(others);
}
