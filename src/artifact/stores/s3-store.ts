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
import { checkHandle } from './csi-handle';
import { checkTold } from './csi-place';
import type { ClaimVolume } from './store-volume';

/**
 * The volume by which an S3 bucket is read: a static PersistentVolume of a CSI driver and its claim.
 *
 * The defaults are those of csi-s3. Of any other driver nothing is known: it gets what is given here and nothing
 * else, so bucket and prefix have to be named in its own way.
 */
export interface S3CsiProps {
  /** @default ru.yandex.s3.csi - csi-s3 */
  readonly driver?: string;

  /** Volume attribute `mounter`. @default geesefs - none for another driver */
  readonly mounter?: string;

  /**
   * Volume attribute `options`: the mounter's flags.
   *
   * @default --memory-limit 1000 --dir-mode 0777 --file-mode 0666 - none for another driver
   */
  readonly options?: string;

  /**
   * More volume attributes. For csi-s3, `bucket` and `prefix` follow from the store.
   *
   * @default - none
   */
  readonly volumeAttributes?: { [name: string]: string };

  /**
   * The volume's mount options, in the words of the driver. The pods are of user and group 65532, which must be
   * able to read.
   *
   * @default - none
   */
  readonly mountOptions?: string[];

  /**
   * What the driver knows the volume by. csi-s3 takes bucket and prefix from it, and has no other.
   *
   * @default `bucket/prefix` - for another driver the volume's name, as it must be no other volume's
   */
  readonly volumeHandle?: string;

  /** The Secret with the driver's own credentials. @default csi-s3-secret - none for another driver */
  readonly secretName?: string;

  /** The namespace of that Secret. @default kube-system */
  readonly secretNamespace?: string;

  /** @default 10Gi - S3 CSI drivers do not enforce it */
  readonly capacity?: Size;

  /** Of the volume. @default [ReadWriteMany] */
  readonly accessModes?: PersistentVolumeAccessMode[];

  /** @default Retain */
  readonly reclaimPolicy?: PersistentVolumeReclaimPolicy;

  /** Of the volume. @default csi-s3 - for another driver `''`: of no class */
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
  if (csi) checkCsi(where, csi, given.bucket, prefix);
  for (const modes of [csi?.accessModes, csi?.claimAccessModes]) {
    if (modes !== undefined) checkAccessModes(where, modes);
  }
  const placement = checkPlacement(where, 'placement', given.placement);
  return { kind: 's3', s3: { ...given, endpoint, prefix }, placement };
}

/** What the volume of any driver has. */
const DEFAULTS = {
  secretNamespace: 'kube-system',
  capacity: Size.gibibytes(10),
  accessModes: ['ReadWriteMany'],
  reclaimPolicy: 'Retain',
  // A claim without the field would get the cluster's default class, and never be bound.
  storageClassName: '',
};

/** Defaults of Koldun's `spec.pv`, which are for this driver alone. */
const CSI_S3 = {
  driver: 'ru.yandex.s3.csi',
  mounter: 'geesefs',
  options: '--memory-limit 1000 --dir-mode 0777 --file-mode 0666',
  secretName: 'csi-s3-secret',
  storageClassName: 'csi-s3',
};

function isCsiS3({ driver }: Pick<S3CsiProps, 'driver'>): boolean {
  return driver === undefined || driver === CSI_S3.driver;
}

function checkCsi(where: string, csi: S3CsiProps, bucket: string, prefix: string): void {
  const { driver = CSI_S3.driver, mountOptions } = csi;
  if (mountOptions !== undefined && !isListOfTexts(mountOptions)) {
    throw new InputError(where, 'csi.mountOptions', mountOptions, {
      allowed: "a list of options, one a text: ['allow-other']",
    });
  }
  if (isCsiS3({ driver })) {
    checkOwnPlace(where, csi, bucket, prefix);
  } else {
    checkTold(where, { ...csi, driver }, { bucket, prefix });
    checkSecretNamespace(where, csi);
  }
}

function isListOfTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every((text) => typeof text === 'string' && text !== '');
}

/** csi-s3 reads where the Jobs write, because both are told by the store. */
function checkOwnPlace(where: string, csi: S3CsiProps, bucket: string, prefix: string): void {
  const { volumeAttributes, volumeHandle } = csi;
  const handle = bucketAndPrefix({ bucket, prefix });
  if (volumeHandle !== undefined && volumeHandle !== handle) {
    throw new InputError(where, 'csi.volumeHandle', volumeHandle, {
      allowed: `${handle}, from which csi-s3 takes bucket and prefix`,
      advice: 'Leave it out.',
    });
  }
  for (const name of ['bucket', 'prefix']) {
    if (volumeAttributes?.[name] !== undefined) {
      throw new InputError(where, `csi.volumeAttributes.${name}`, volumeAttributes[name], {
        allowed: 'attributes other than bucket and prefix',
        advice: `Set '${name}' of the store.`,
      });
    }
  }
}

function checkSecretNamespace(where: string, { secretName, secretNamespace }: S3CsiProps): void {
  if (secretNamespace !== undefined && secretName === undefined) {
    throw new InputError(where, 'csi.secretNamespace', secretNamespace, {
      allowed: 'nothing without secretName',
      advice: 'Only csi-s3 has a Secret by default.',
    });
  }
}

/**
 * A static volume and claim by which pods read the bucket. The two are bound to each other by name on both
 * sides, so that no other claim can take the volume and no provisioner makes another one.
 *
 * @internal
 */
export function s3Volume(user: Owner, { s3, placement }: S3Spec): ClaimVolume {
  const csi = settings(s3.csi ?? {});
  const claimName = claimNameOf(user, s3);
  // A PersistentVolume belongs to no namespace, so its own name has to hold one.
  const volumeName = `${user.namespace}-${claimName}`;
  const accessModes: string[] = csi.claimAccessModes ?? csi.accessModes;
  const source = csiSource(csi, s3, volumeName);
  checkHandle(user, {
    driver: source.driver,
    handle: source.volumeHandle,
    isPlace: isCsiS3(csi),
    place: `bucket ${bucketAndPrefix(s3)} of ${s3.endpoint}`,
    told: {
      ...source,
      volumeAttributes: { ...source.volumeAttributes, capacity: undefined },
      ...mountOptions(csi),
    },
  });

  addObject(user, `S3Volume-${claimName}`, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    name: volumeName,
    component: 'store',
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
        ...mountOptions(csi),
        csi: source,
      },
    },
  });
  addObject(user, `S3Claim-${claimName}`, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    name: claimName,
    component: 'store',
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

type Settings = Omit<S3CsiProps, keyof typeof DEFAULTS | 'driver'> &
  typeof DEFAULTS & { readonly driver: string };

/** What is given, and the defaults that hold for the driver. */
function settings(given: S3CsiProps): Settings {
  const forDriver = isCsiS3(given) ? CSI_S3 : {};
  return { driver: CSI_S3.driver, ...DEFAULTS, ...forDriver, ...withoutUndefined(given) };
}

/** `spec.csi` of the volume. */
function csiSource(csi: Settings, s3: S3Spec['s3'], volumeName: string) {
  return {
    driver: csi.driver,
    volumeHandle: csi.volumeHandle ?? (isCsiS3(csi) ? bucketAndPrefix(s3) : volumeName),
    ...secretRefs(csi),
    volumeAttributes: attributes(csi, s3),
  };
}

function mountOptions({ mountOptions: options }: Settings): { mountOptions?: string[] } {
  return options?.length ? { mountOptions: options } : {};
}

function secretRefs({ secretName, secretNamespace }: Settings) {
  if (secretName === undefined) return {};
  const secret = { name: secretName, namespace: secretNamespace };
  return { controllerPublishSecretRef: secret, nodePublishSecretRef: secret, nodeStageSecretRef: secret };
}

function attributes(csi: Settings, { bucket, prefix }: S3Spec['s3']) {
  const { mounter, options, volumeAttributes } = csi;
  const flags = withoutUndefined({ mounter, options });
  if (!isCsiS3(csi)) return { ...flags, ...volumeAttributes };
  return {
    capacity: bytesQuantity(csi.capacity),
    ...flags,
    ...volumeAttributes,
    bucket,
    ...(prefix ? { prefix } : {}),
  };
}

/** csi-s3 takes bucket and prefix from the handle. */
function bucketAndPrefix({ bucket, prefix }: Pick<S3Spec['s3'], 'bucket' | 'prefix'>): string {
  return prefix ? `${bucket}/${prefix}` : bucket;
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
