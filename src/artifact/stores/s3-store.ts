import { Size } from 'cdk8s';
import type { PersistentVolumeAccessMode, PersistentVolumeReclaimPolicy } from 'cdk8s-plus-28';
import { shortHash } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import { dnsLabel } from '../../pod/names';
import { addObject, Owner } from '../../pod/owner';
import { checkPlacement } from '../../pod/placement';
import type { Placement } from '../../pod/pod-spec';
import { bytesQuantity } from '../../pod/quantity';
import { checkS3Connection, S3ConnectionProps, S3Prefix } from '../s3-connection';
import { checkAccessModes } from './access-modes';
import { KEPT } from './claim-store';
import type { ClaimVolume } from './store-volume';

/** The volume by which an S3 bucket is read: a static PersistentVolume of a CSI driver and its claim. */
export interface S3CsiProps {
  /** @default ru.yandex.s3.csi */
  readonly driver?: string;

  /** Volume attribute `mounter`. @default geesefs */
  readonly mounter?: string;

  /**
   * Volume attribute `options`: the mounter's flags.
   *
   * @default --memory-limit 1000 --dir-mode 0777 --file-mode 0666
   */
  readonly options?: string;

  /** More volume attributes. `bucket` and `prefix` follow from the store. @default - none */
  readonly volumeAttributes?: { [name: string]: string };

  /** The Secret with the driver's own credentials. @default csi-s3-secret */
  readonly secretName?: string;

  /** The namespace of that Secret. @default kube-system */
  readonly secretNamespace?: string;

  /** @default 10Gi - S3 CSI drivers do not enforce it */
  readonly capacity?: Size;

  /** Of the volume. @default [ReadWriteMany] */
  readonly accessModes?: PersistentVolumeAccessMode[];

  /** @default Retain */
  readonly reclaimPolicy?: PersistentVolumeReclaimPolicy;

  /** Of the volume. @default csi-s3 */
  readonly storageClassName?: string;

  /** Of the claim. @default - as the volume */
  readonly claimStorageClassName?: string;

  /** Of the claim. @default - as the volume */
  readonly claimCapacity?: Size;

  /** Of the claim. @default - as the volume */
  readonly claimAccessModes?: PersistentVolumeAccessMode[];
}

/**
 * An S3 bucket, on AWS or any compatible server. The Jobs that write to it need the credentials; what reads
 * from it mounts a volume, whose driver has its own.
 */
export interface S3StoreProps extends S3ConnectionProps {
  /** The CSI volume by which artifacts are read. @default - the defaults of `S3CsiProps` */
  readonly csi?: S3CsiProps;

  /**
   * Where all pods run that mount the volume, for instance on the nodes that have the driver.
   *
   * @default - anywhere
   */
  readonly placement?: Placement;
}

/** A bucket as plain data. @internal */
export interface S3Spec {
  readonly kind: 's3';
  /** Endpoint and prefix are those that hold where none is given. */
  readonly s3: S3StoreProps & { readonly endpoint: string; readonly prefix: string };
  readonly placement: Placement;
}

/** @internal */
export function s3Store(props: S3StoreProps): S3Spec {
  const where = 'ModelStore.s3';
  const given = props ?? {};
  const { endpoint, prefix } = checkS3Connection(where, given, S3Prefix.OURS);
  const { csi } = given;
  for (const name of ['bucket', 'prefix'] as const) {
    if (csi?.volumeAttributes?.[name] !== undefined) {
      throw new InputError(where, `csi.volumeAttributes.${name}`, csi.volumeAttributes[name], {
        allowed: 'attributes other than bucket and prefix',
        advice: `Set '${name}' of the store.`,
      });
    }
  }
  for (const modes of [csi?.accessModes, csi?.claimAccessModes]) {
    if (modes !== undefined) checkAccessModes(where, modes);
  }
  const placement = checkPlacement(where, 'placement', given.placement);
  return { kind: 's3', s3: { ...given, endpoint, prefix }, placement };
}

/** Defaults of Koldun's `spec.pv`. */
const DEFAULTS = {
  driver: 'ru.yandex.s3.csi',
  mounter: 'geesefs',
  options: '--memory-limit 1000 --dir-mode 0777 --file-mode 0666',
  secretName: 'csi-s3-secret',
  secretNamespace: 'kube-system',
  capacity: Size.gibibytes(10),
  accessModes: ['ReadWriteMany'],
  reclaimPolicy: 'Retain',
  storageClassName: 'csi-s3',
};

/**
 * A static volume and claim by which pods read the bucket. The two are bound to each other by name on both
 * sides, so that no other claim can take the volume and no provisioner makes another one.
 *
 * @internal
 */
export function s3Volume(user: Owner, { s3, placement }: S3Spec): ClaimVolume {
  const csi = { ...DEFAULTS, ...withoutUndefined(s3.csi ?? {}) };
  const claimName = claimNameOf(user, s3);
  // A PersistentVolume belongs to no namespace, so its own name has to hold one.
  const volumeName = `${user.namespace}-${claimName}`;
  const secret = { name: csi.secretName, namespace: csi.secretNamespace };
  const { prefix } = s3;
  const handle = prefix ? `${s3.bucket}/${prefix}` : s3.bucket;
  const accessModes: string[] = csi.claimAccessModes ?? csi.accessModes;

  addObject(user, `S3Volume-${claimName}`, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    name: volumeName,
    namespaced: false,
    annotations: KEPT,
    body: {
      spec: {
        capacity: { storage: bytesQuantity(csi.capacity) },
        accessModes: csi.accessModes,
        persistentVolumeReclaimPolicy: csi.reclaimPolicy,
        storageClassName: csi.storageClassName,
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: user.namespace,
          name: claimName,
        },
        csi: {
          driver: csi.driver,
          volumeHandle: handle,
          controllerPublishSecretRef: secret,
          nodePublishSecretRef: secret,
          nodeStageSecretRef: secret,
          volumeAttributes: {
            capacity: bytesQuantity(csi.capacity),
            mounter: csi.mounter,
            options: csi.options,
            ...csi.volumeAttributes,
            bucket: s3.bucket,
            ...(prefix ? { prefix } : {}),
          },
        },
      },
    },
  });
  addObject(user, `S3Claim-${claimName}`, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    name: claimName,
    annotations: KEPT,
    body: {
      spec: {
        accessModes,
        storageClassName: csi.claimStorageClassName ?? csi.storageClassName,
        volumeName,
        resources: { requests: { storage: bytesQuantity(csi.claimCapacity ?? csi.capacity) } },
      },
    },
  });
  return {
    kind: 'claim',
    namespace: user.namespace,
    claimName,
    accessModes,
    bindsLate: false,
    placement,
  };
}

/**
 * Not after its first user, because several constructs read one bucket; and with a hash of all that it is made
 * of, because bucket `a` with prefix `b` and bucket `a-b` read alike once they are joined, and so do namespaces.
 */
function claimNameOf({ namespace, pipeline }: Owner, { endpoint, bucket, prefix }: S3Spec['s3']): string {
  const hash = shortHash({ namespace, pipeline, endpoint, bucket, prefix }, 6);
  return `${dnsLabel([pipeline, bucket, ...(prefix ? [prefix] : [])])}-${hash}`;
}

function withoutUndefined<T extends object>(props: T): T {
  return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as T;
}
