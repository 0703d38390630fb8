import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { canonicalJson } from '../pod/content-hash';
import { InputError } from '../pod/input-error';
import type { Owner } from '../pod/owner';
import type { Artifact } from './artifact';
import { s3MakerOptions } from './s3-connection';
import { isReadOnly } from './stores/access-modes';
import { AppStores, artifactUse, MakerOptions } from './stores/app-stores';
import { checkCapacity } from './stores/capacity';
import {
  ClaimSpec,
  ClaimStoreProps,
  claimVolume,
  existingClaim,
  ExistingClaimOptions,
  newClaim,
} from './stores/claim-store';
import {
  ImageStoreSpec,
  imageStore,
  imageVolume,
  ImageVolumeStoreProps,
  storeForImage,
} from './stores/image-store';
import { nodeFolder, NodeFolderOptions, NodeFolderSpec, nodeFolderVolume } from './stores/node-store';
import { S3Spec, s3Store, S3StoreProps, s3Volume } from './stores/s3-store';
import type { ClaimVolume, StoreVolume } from './stores/store-volume';
import type { SourceImage } from './sources/source-spec';

/** What kind of store, as plain data. @internal */
export type StoreSpec = ClaimSpec | S3Spec | ImageStoreSpec | NodeFolderSpec;

/**
 * Where artifacts live in the cluster. One store can hold many artifacts, each in a folder of its own, and serve
 * several pipelines of an app: what two of them would make alike in one place is made once.
 */
export class ModelStore {
  /**
   * A new claim. It is made with the first construct that uses it, and is never pruned by a GitOps tool.
   *
   * @throws when the name cannot be one, when the size is nothing, when it could not be mounted by the pods of
   * several phases, when the placement cannot be one
   */
  public static claim(props: ClaimStoreProps): ModelStore {
    return new ModelStore(newClaim(props));
  }

  /**
   * A claim that exists in the namespace.
   *
   * @throws when the name cannot be one, when pods of several phases could not mount it, when the placement
   * cannot be one
   */
  public static existingClaim(name: string, options: ExistingClaimOptions = {}): ModelStore {
    return new ModelStore(existingClaim(name, options));
  }

  /**
   * An S3 bucket: artifacts are streamed into it without touching a disk, and read through a CSI volume.
   *
   * A volume is made for each pipeline and namespace that reads it; with csi-s3 always with the handle
   * `bucket/prefix`. Kubelets tell volumes apart by it, so that two servers cannot be read at one bucket and prefix.
   *
   * @throws when the endpoint is no web address or the bucket no bucket name, when the placement cannot be one; where
   * it is read, when another bucket is read by the same volume handle
   */
  public static s3(props: S3StoreProps): ModelStore {
    return new ModelStore(s3Store(props));
  }

  /**
   * For models that are OCI images (`oci://registry/name@sha256:...`): every pod that reads one mounts the image,
   * which its node pulls. Nothing is downloaded by a Job. Needs Kubernetes 1.35 (1.33 with the feature gate
   * `ImageVolume`) and a container runtime that can do it: containerd 2.1 or CRI-O 1.31. The image is one that a
   * container could run from; artifacts of other kinds (ORAS, ModelPack) not every runtime can mount.
   *
   * @throws when the fallback is no store that a Job can write to, when the placement cannot be one
   */
  public static imageVolume(props: ImageVolumeStoreProps = {}): ModelStore {
    return new ModelStore(imageStore(props));
  }

  /**
   * A folder on the disk of one node, where all pods that use it then run. This departs from Pod Security: the
   * namespace must allow `hostPath` (level `privileged`), and the synthesized README lists each pod.
   *
   * The folder must be there, and user and group 65532 must be able to write to it: Kubernetes makes no folder on
   * a node that belongs to a user. On the node: `install -d -o 65532 -g 65532 /var/lib/models`.
   *
   * @throws when the path is not absolute or is of the system, when there is not either a name or labels of a node
   */
  public static nodeFolder(path: string, options: NodeFolderOptions): ModelStore {
    return new ModelStore(nodeFolder(path, options));
  }

  /** The folder of a node cache, which brings the same artifacts to each of its nodes. @internal */
  public static _nodeCache(folder: NodeFolderSpec): ModelStore {
    return new ModelStore({ ...folder, onEachNode: true });
  }

  /** By app: a new claim that has no name of its own gets that of its first user. */
  private readonly made = new WeakMap<IConstruct, ClaimVolume>();

  private constructor(
    /** @internal */
    public readonly _spec: StoreSpec,
  ) {}

  /**
   * The store that a source is kept in: this one, but where it mounts images and the cluster cannot, its fallback.
   *
   * @throws when the cluster cannot mount images and there is no fallback, or when the source is no image
   * @internal
   */
  public _for(scope: IConstruct, source: { readonly image?: SourceImage }): ModelStore {
    return this._spec.kind === 'image' ? storeForImage(scope, this, this._spec, source.image) : this;
  }

  /**
   * The volume by which pods in the user's namespace mount the store. Its objects are made on first use, with
   * that first user.
   *
   * @param artifact what they read; nothing where they write
   * @internal
   */
  public _volume(user: Owner, artifact?: Artifact): StoreVolume {
    const volume = this.volume(user, artifact);
    const place = this._place(user);
    if (artifact && place !== undefined) {
      AppStores.of(user.scope).addUse(place, artifactUse(user.scope, 'reads', artifact));
    }
    return volume;
  }

  private volume(user: Owner, artifact: Artifact | undefined): StoreVolume {
    const spec = this._spec;
    switch (spec.kind) {
      case 'claim':
        return this.claim(user, spec);
      case 's3':
        return bucketVolume(user, spec);
      case 'node':
        return nodeFolderVolume(spec);
      case 'image': {
        if (!artifact?._image) {
          throw new InputError(user.scope, 'store', 'ModelStore.imageVolume', {
            allowed: 'a store that files can be put into: ModelStore.claim, existingClaim, s3 or nodeFolder',
            advice: 'An image holds what it was built with.',
          });
        }
        return imageVolume(user, spec, artifact._image, artifact.path);
      }
    }
  }

  /**
   * Where in the cluster the store is, in words: the same for all store objects that mean one place. Undefined
   * for images, to which nothing is written, and for a new claim that nobody uses yet.
   *
   * @internal
   */
  public _place(user: Owner): string | undefined {
    const spec = this._spec;
    switch (spec.kind) {
      case 'claim': {
        const name = spec.name ?? this.made.get(user.scope.node.root)?.claimName;
        return name === undefined ? undefined : claimId(user.namespace, name);
      }
      case 's3':
        return `s3 ${spec.s3.endpoint} ${spec.s3.bucket} ${spec.s3.prefix}`;
      case 'node':
        return `node ${canonicalJson(spec.placement.nodeSelector)} ${spec.path}`;
      case 'image':
        return undefined;
    }
  }

  /**
   * Whether the owner's Job is to put an artifact into the store. Not where another construct of the app does so
   * already, in whichever pipeline; and not where nothing can be written, and the artifact must be there.
   *
   * @param options all that the Job is told besides what decides the bytes
   * @param passing what is on the disk besides while it is made, in bytes
   * @throws when a new claim cannot hold all that is put into it, when the other construct's Job was told
   * something else, when a Job would have to be on many nodes
   * @internal
   */
  public _makes(owner: Owner, artifact: Artifact, options: MakerOptions, passing = 0): boolean {
    const stores = AppStores.of(owner.scope);
    if (this._spec.kind === 'claim') this.claim(owner, this._spec);
    if (this._spec.kind === 'node' && this._spec.onEachNode) {
      throw new InputError(owner.scope, 'store', `folder ${this._spec.path} of a NodeCache`, {
        allowed: 'a store that all who read the result can mount: ModelStore.claim, existingClaim or s3',
        advice:
          'A Job runs on one node, and the others would wait for ever. A NodeCache brings models from their sources ' +
          'to each node; a result is kept elsewhere.',
      });
    }
    const place = this._place(owner);
    if (place === undefined) return false;
    if (this._isReadOnly()) {
      stores.addUse(place, artifactUse(owner.scope, 'reads', artifact));
      return false;
    }
    stores.addUse(place, artifactUse(owner.scope, 'makes', artifact));
    const told = this._spec.kind === 's3' ? { ...options, ...s3MakerOptions(this._spec.s3) } : options;
    if (!stores.isFirstMaker(owner.scope, place, artifact.path, told)) return false;
    if (this._spec.kind === 'claim' && this._spec.create) {
      const contents = stores.addContent(place, artifact, passing);
      checkCapacity(owner.scope, this._spec.create.size, contents.sizes, contents.passing);
    }
    return true;
  }

  /** Whether nothing can be put into it. @internal */
  public _isReadOnly(): boolean {
    return this._spec.kind === 'claim' && isReadOnly(this._spec.accessModes);
  }

  /** Whether a construct of the user's app has made the new claim that it is. @internal */
  public _isUsed(user: Owner): boolean {
    return this.made.has(user.scope.node.root);
  }

  private claim(user: Owner, spec: ClaimSpec): ClaimVolume {
    const { root } = user.scope.node;
    const stores = AppStores.of(user.scope);
    const mine = this.made.get(root);
    if (mine && mine.namespace !== user.namespace) {
      throw new InputError(user.scope, 'store', `claim ${mine.claimName} of namespace ${mine.namespace}`, {
        allowed: `a store in namespace ${user.namespace}`,
        advice: 'A claim cannot be mounted from another namespace: make a store for each namespace.',
      });
    }
    const id = claimId(user.namespace, mine?.claimName ?? spec.name ?? user.name);
    const known = stores.volumeOf(id);
    const modes = canonicalJson([...spec.accessModes].sort());
    if (known) {
      this.checkSameClaim(user, spec, known, modes);
      if (!spec.create || mine) return { ...(known.volume as ClaimVolume), placement: spec.placement };
    }
    const volume = claimVolume(user, spec);
    if (spec.create) this.made.set(root, volume);
    stores.addVolume(id, volume, modes, user);
    return volume;
  }

  /** What several stores and pipelines say of one claim has to agree. */
  private checkSameClaim(
    user: Owner,
    spec: ClaimSpec,
    known: { volume: StoreVolume; content: string; user: Owner },
    modes: string,
  ): void {
    const { claimName, bindsLate } = known.volume as ClaimVolume;
    const mine = this.made.get(user.scope.node.root);
    if (spec.create && bindsLate && !mine) {
      throw new InputError(user.scope, 'store', `a second new claim ${claimName}`, {
        allowed: 'one store for a claim',
        advice: `Use one ModelStore object for it and for ${known.user.scope.node.path}.`,
      });
    }
    if (modes !== known.content) {
      throw new InputError(user.scope, 'store', `claim ${claimName} with the modes ${modes}`, {
        allowed: `the modes ${known.content}, which ${known.user.scope.node.path} gives it`,
        advice: 'Whether its pods are drawn to one node depends on them: use one ModelStore object for both.',
      });
    }
    if (spec.create && spec.name === undefined && user.pipeline !== known.user.pipeline) {
      throw new InputError(
        user.scope,
        'store',
        `claim ${claimName}, named after ${known.user.scope.node.path}`,
        {
          allowed: 'a claim with a name of its own, where several pipelines share it',
          advice:
            'Without that construct it would be another claim, and empty: give the store a name, ' +
            `ModelStore.claim({ name: '${claimName}', ... }).`,
        },
      );
    }
  }
}

function claimId(namespace: string, name: string): string {
  return `claim ${namespace} ${name}`;
}

/** The volume by which the pods of one pipeline and namespace read a bucket, made once for all of them. */
function bucketVolume(user: Owner, spec: S3Spec): StoreVolume {
  const { endpoint, bucket, prefix, csi } = spec.s3;
  const stores = AppStores.of(user.scope);
  const id = `s3 ${user.pipeline} ${user.namespace} ${endpoint} ${bucket} ${prefix}`;
  const content = canonicalJson({ csi: csi ? csiContent(csi) : undefined });
  const known = stores.volumeOf(id);
  if (!known) {
    const volume = s3Volume(user, spec);
    stores.addVolume(id, volume, content, user);
    return volume;
  }
  if (known.content !== content) {
    throw new InputError(user.scope, 'store', `a second ModelStore.s3 of ${bucket}/${prefix}`, {
      allowed: `the same csi as that of ${known.user.scope.node.path}: one volume serves both`,
      advice: 'Use one ModelStore object for both.',
    });
  }
  return { ...known.volume, placement: spec.placement };
}

function csiContent({ capacity, claimCapacity, ...others }: NonNullable<S3StoreProps['csi']>): unknown {
  return { ...others, capacity: capacity?.toKibibytes(), claimCapacity: claimCapacity?.toKibibytes() };
}

/** @throws when it is none. @internal */
export function checkStore(scope: IConstruct, store: ModelStore): ModelStore {
  return checkKind(scope, 'store', store, (given) => typeof given._spec?.kind === 'string', {
    allowed: 'a ModelStore',
    advice: 'Make one: ModelStore.claim({ size: Size.gibibytes(20) }).',
  });
}
