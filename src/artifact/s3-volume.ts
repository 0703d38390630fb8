import { Size } from 'cdk8s';
import { addObject, Owner } from '../pod/owner';
import { dnsLabel } from '../pod/names';
import { bytesQuantity } from '../pod/quantity';
import { KEPT } from './claim-volume';
import { S3StoreProps, StoreVolume } from './model-store';

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
 */
export function s3Volume(user: Owner, s3: S3StoreProps): StoreVolume {
  const csi = { ...DEFAULTS, ...withoutUndefined(s3.csi ?? {}) };
  // Not after its first user: several constructs read one bucket.
  const claimName = dnsLabel([user.pipeline, s3.bucket, ...(s3.prefix ? [s3.prefix] : [])]);
  // A PersistentVolume belongs to no namespace, so its own name has to hold one.
  const volumeName = `${user.namespace}-${claimName}`;
  const secret = { name: csi.secretName, namespace: csi.secretNamespace };
  const prefix = s3.prefix ?? '';
  const handle = prefix ? `${s3.bucket}/${prefix}` : s3.bucket;
  const accessModes: string[] = csi.claimAccessModes ?? csi.accessModes;

  addObject(user, 'S3Volume', {
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
  addObject(user, 'S3Claim', {
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
  return { namespace: user.namespace, claimName, accessModes };
}

function withoutUndefined<T extends object>(props: T): T {
  return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as T;
}
