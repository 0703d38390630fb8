import type { Size } from 'cdk8s';
import type { ISecret, PersistentVolumeAccessMode, PersistentVolumeReclaimPolicy } from 'cdk8s-plus-28';
import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { InputError, withoutCredentials } from '../pod/input-error';
import { Owner } from '../pod/owner';
import { bytesOf, bytesQuantity } from '../pod/quantity';
import { checkSecret } from '../pod/secret-env';
import { Artifact } from './artifact';
import { checkCapacity } from './capacity';
import { claimVolume } from './claim-volume';
import { s3Volume } from './s3-volume';

/** A new claim. */
export interface ClaimStoreProps {
  /**
   * How much it holds: all artifacts in it together. Refused where it is less than what is known of them at
   * synth, and 5 % for the file system.
   */
  readonly size: Size;

  /**
   * The storage class.
   *
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;

  /**
   * How it can be mounted. With `ReadWriteOnce` all pods that mount it are drawn to one node.
   *
   * @default [ReadWriteOnce]
   */
  readonly accessModes?: PersistentVolumeAccessMode[];

  /**
   * The claim's name.
   *
   * @default - the name of the first construct that uses it
   */
  readonly name?: string;
}

/** A claim that exists. */
export interface ExistingClaimOptions {
  /**
   * How it can be mounted.
   *
   * @default [ReadWriteOnce] - the careful choice: all pods that mount it are drawn to one node
   */
  readonly accessModes?: PersistentVolumeAccessMode[];
}

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

/** An S3 bucket, on AWS or any compatible server. */
export interface S3StoreProps {
  /** The server: `https://s3.eu-west-1.amazonaws.com`, `http://minio.minio.svc:9000`. Path-style addresses are used. */
  readonly endpoint: string;

  /** The bucket. It must exist. */
  readonly bucket: string;

  /**
   * The folder in the bucket below which artifacts lie.
   *
   * @default - the bucket's root
   */
  readonly prefix?: string;

  /** @default us-east-1 */
  readonly region?: string;

  /** The Secret that holds `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. */
  readonly credentialsSecret: ISecret;

  /** The CSI volume by which artifacts are read. @default - the defaults of `S3CsiProps` */
  readonly csi?: S3CsiProps;
}

/** The S3 stores that pods of an app mount, by pipeline, namespace, bucket and prefix. */
const s3Stores = new WeakMap<IConstruct, Map<string, ModelStore>>();

/** The mode that every cluster has. The literal spares every program the import of cdk8s-plus. */
const READ_WRITE_ONCE = 'ReadWriteOnce' as PersistentVolumeAccessMode;

/** The volume of a store, as the pods of one namespace see it. @internal */
export interface StoreVolume {
  /** The namespace it is in. */
  readonly namespace: string;
  readonly claimName: string;
  readonly accessModes: string[];
}

/** Whether one node at a time can mount a volume. @internal */
export function isSingleNode(volume: Pick<StoreVolume, 'accessModes'>): boolean {
  return !volume.accessModes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');
}

/** What kind of store, as plain data. @internal */
export type StoreSpec = ClaimSpec | { readonly kind: 's3'; readonly s3: S3StoreProps };

/** @internal */
export interface ClaimSpec {
  readonly kind: 'claim';
  readonly create?: ClaimStoreProps;
  readonly name?: string;
  readonly accessModes: string[];
}

/**
 * Where artifacts live in the cluster. One store can hold many artifacts, each in a folder of its own.
 */
export class ModelStore {
  /**
   * A new claim. It is made with the first construct that uses it, and is never pruned by a GitOps tool.
   *
   * @throws when the name cannot be one, when the size is nothing, when it could not be mounted by the pods of several phases
   */
  public static claim(props: ClaimStoreProps): ModelStore {
    if (props.name !== undefined) checkClaimName('ModelStore.claim', props.name);
    if (bytesOf(props.size) <= 0) {
      throw new InputError('ModelStore.claim', 'size', bytesQuantity(props.size), {
        allowed: 'what the artifacts in it need together, for instance Size.gibibytes(20)',
      });
    }
    const accessModes = props.accessModes ?? [READ_WRITE_ONCE];
    checkAccessModes(accessModes);
    return new ModelStore({ kind: 'claim', create: props, name: props.name, accessModes });
  }

  /** A claim that exists in the namespace. */
  public static existingClaim(name: string, options: ExistingClaimOptions = {}): ModelStore {
    checkClaimName('ModelStore.existingClaim', name);
    const accessModes = options.accessModes ?? [READ_WRITE_ONCE];
    checkAccessModes(accessModes);
    return new ModelStore({ kind: 'claim', name, accessModes });
  }

  /**
   * An S3 bucket: artifacts are streamed into it without touching a disk, and read through a CSI volume.
   *
   * Make one store for one bucket and prefix, and give it to all that use it. A volume is made for each pipeline
   * and namespace that reads it, always with the handle `bucket/prefix`; some CSI drivers mount volumes of one
   * handle only once on a node.
   *
   * @throws when the endpoint is no web address or the bucket no bucket name
   */
  public static s3(props: S3StoreProps): ModelStore {
    const where = 'ModelStore.s3';
    if (!/^https?:\/\/[^/\s@]+\/?$/.test(props.endpoint)) {
      throw new InputError(where, 'endpoint', withoutCredentials(props.endpoint), {
        allowed: "'http(s)://host[:port]'",
        advice: 'The bucket and the credentials are fields of their own.',
      });
    }
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(props.bucket)) {
      throw new InputError(where, 'bucket', props.bucket, {
        allowed: 'a bucket name (3 to 63 lower-case characters)',
      });
    }
    const prefix = props.prefix ?? '';
    const isPath = /^[\w.=@+-]+(\/[\w.=@+-]+)*$/.test(prefix) && !/(^|\/)\.{1,2}(\/|$)/.test(prefix);
    if (prefix !== '' && !isPath) {
      throw new InputError(where, 'prefix', prefix, {
        allowed: "folder names joined by '/', none at the ends",
      });
    }
    checkSecret(where, 'credentialsSecret', props.credentialsSecret);
    for (const name of ['bucket', 'prefix'] as const) {
      if (props.csi?.volumeAttributes?.[name] !== undefined) {
        throw new InputError(where, `csi.volumeAttributes.${name}`, props.csi.volumeAttributes[name], {
          allowed: 'attributes other than bucket and prefix',
          advice: `Set '${name}' of the store.`,
        });
      }
    }
    return new ModelStore({
      kind: 's3',
      s3: { ...props, endpoint: props.endpoint.replace(/\/$/, ''), prefix },
    });
  }

  /** By app and namespace: a store may serve several pipelines, and a test may build several apps. */
  private readonly volumes = new WeakMap<IConstruct, Map<string, StoreVolume>>();

  /** By app: the sizes in bytes of what is put into a new claim, by path. */
  private readonly contents = new WeakMap<IConstruct, Map<string, number | undefined>>();

  private constructor(
    /** @internal */
    public readonly _spec: StoreSpec,
  ) {}

  /**
   * The volume by which pods in the user's namespace mount the store. Its objects are made on first use,
   * with that first user, because a claim must be applied with its first consumer: a class that binds on
   * first use would block every earlier phase for ever.
   *
   * @internal
   */
  public _volume(user: Owner): StoreVolume {
    const volumes = this.volumes.get(user.scope.node.root) ?? new Map<string, StoreVolume>();
    this.volumes.set(user.scope.node.root, volumes);
    const known = volumes.get(user.namespace);
    if (known) return known;
    const [other] = volumes.values();
    if (other && this._spec.kind === 'claim' && this._spec.create) {
      throw new InputError(user.scope, 'store', `claim ${other.claimName} of namespace ${other.namespace}`, {
        allowed: `a store in namespace ${user.namespace}`,
        advice: 'A claim cannot be mounted from another namespace: make a store for each namespace.',
      });
    }
    this.checkOnlyOne(user);
    const volume =
      this._spec.kind === 'claim' ? claimVolume(user, this._spec) : s3Volume(user, this._spec.s3);
    volumes.set(user.namespace, volume);
    return volume;
  }

  /** Two stores of one bucket and prefix would both make the volume by which it is read. */
  private checkOnlyOne(user: Owner): void {
    if (this._spec.kind !== 's3') return;
    const { bucket, prefix } = this._spec.s3;
    const { root } = user.scope.node;
    const stores = s3Stores.get(root) ?? new Map<string, ModelStore>();
    s3Stores.set(root, stores);
    const place = [user.pipeline, user.namespace, bucket, prefix].join('\0');
    if (stores.has(place)) {
      throw new InputError(user.scope, 'store', `a second ModelStore.s3 of ${bucket}/${prefix ?? ''}`, {
        allowed: 'one store for a bucket and prefix',
        advice: 'Use one ModelStore object for both.',
      });
    }
    stores.set(place, this);
  }

  /**
   * Counts an artifact among those that the user's Jobs put into the store.
   *
   * @throws when a new claim cannot hold them all
   * @internal
   */
  public _admit(user: Owner, artifact: Artifact): void {
    if (this._spec.kind !== 'claim' || !this._spec.create) return;
    const { root } = user.scope.node;
    const contents = this.contents.get(root) ?? new Map<string, number | undefined>();
    this.contents.set(root, contents);
    contents.set(artifact.path, artifact.bytes);
    checkCapacity(user.scope, this._spec.create.size, contents);
  }
}

/** @throws when it is none. @internal */
export function checkStore(scope: IConstruct, store: ModelStore): ModelStore {
  return checkKind(scope, 'store', store, (given) => typeof given._spec?.kind === 'string', {
    allowed: 'a ModelStore',
    advice: 'Make one: ModelStore.claim({ size: Size.gibibytes(20) }).',
  });
}

function checkClaimName(where: string, name: string): void {
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
    throw new InputError(where, 'name', name, {
      allowed: "the name of a PersistentVolumeClaim: lower-case letters, digits, '-' and '.'",
    });
  }
}

const ACCESS_MODES = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];

function checkAccessModes(modes: string[]): void {
  const unknown = modes.find((mode) => !ACCESS_MODES.includes(mode));
  if (unknown !== undefined) {
    throw new InputError('ModelStore', 'accessModes', modes, {
      allowed: 'ReadWriteOnce, ReadOnlyMany, ReadWriteMany',
      advice: `There is no mode '${unknown}'.`,
    });
  }
  if (modes.length === 0 || modes.includes('ReadWriteOncePod')) {
    throw new InputError('ModelStore', 'accessModes', modes, {
      allowed: 'ReadWriteOnce, ReadWriteMany, or both ReadOnlyMany and one of them',
      advice: 'The pods of several phases mount the store.',
    });
  }
  if (!modes.some((m) => m === 'ReadWriteOnce' || m === 'ReadWriteMany')) {
    throw new InputError('ModelStore', 'accessModes', modes, {
      allowed: 'at least one mode that can be written to',
      advice: 'A download has to fill it.',
    });
  }
}
