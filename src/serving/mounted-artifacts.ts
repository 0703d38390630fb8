import {
  artifactLine,
  consumerAnnotations,
  parentAnnotations,
  servedAnnotations,
} from '../artifact/annotations';
import { Artifact } from '../artifact/artifact';
import { describeVolume, StoreVolume } from '../artifact/stores/store-volume';
import { canonicalJson } from '../pod/content-hash';
import { artifactFolder, guard } from '../pod/guard';
import { weightBytes } from '../engines/model-size';
import { InputError } from '../pod/input-error';
import { ANNOTATION } from '../pod/metadata';
import type { Owner } from '../pod/owner';
import { ContainerSpec, storeMount, storePodVolume } from '../pod/pod-spec';

/** An artifact that a server reads, and what it is to it. @internal */
export interface ArtifactRole {
  /** `model`, `adapter legal`, `draft`, `projector`: as annotations have it. */
  readonly role: string;
  readonly artifact: Artifact;
  /** Where the container has it, for an image that looks nowhere else. @default - below the mount of its store */
  readonly mountPath?: string;
}

/** Where the pods see an artifact. @internal */
export interface MountedArtifact extends ArtifactRole {
  readonly volume: StoreVolume;
  /** The pod's volume that holds it: `models`, `models-1`. */
  readonly volumeName: string;
  /** The folder of its files in the server's containers: `/models/<path>`, or its own `mountPath`. */
  readonly folder: string;
}

/**
 * All artifacts that a server's pods read. The artifacts of one store share one volume of the pod; that of the
 * first is `models`, mounted at /models, that of the next `models-1`, mounted at /models-1. An image holds one
 * artifact, and so is a volume by itself.
 *
 * @internal
 */
export class MountedArtifacts {
  constructor(
    /** The first is the model; none for what serves no model itself. */
    public readonly all: readonly MountedArtifact[],
  ) {}

  /** The folder of an artifact in the containers. @throws when it is none of these */
  public folderOf(artifact: Artifact): string {
    const mounted = this.all.find((each) => each.artifact === artifact);
    if (!mounted) throw new Error(`${artifact.path} is not mounted`);
    return mounted.folder;
  }

  /** The stores' volumes, each once; one that two stores place differently once for each placement. */
  public get volumes(): StoreVolume[] {
    return [...new Map(this.all.map(({ volume }) => [canonicalJson(volume), volume])).values()];
  }

  /** The pod's volumes. */
  public get podVolumes(): Record<string, unknown>[] {
    return this.eachVolume.map(({ volume, volumeName }) => storePodVolume(volume, volumeName));
  }

  /** The mounts of a container that reads them. */
  public get mounts(): Record<string, unknown>[] {
    const elsewhere = this.all.filter(({ mountPath }) => mountPath !== undefined);
    const inPlace = this.eachVolume.filter(({ volumeName }) =>
      this.all.some((each) => each.volumeName === volumeName && each.mountPath === undefined),
    );
    return [
      ...inPlace.map(({ volume, volumeName }) => storeMount('read', volume, volumeName)),
      ...elsewhere.map(mountAlone),
    ];
  }

  /** The folders at which a container has them, and the property that says so. */
  public get mountPoints(): { field: string; path: string }[] {
    return this.mounts.map(({ mountPath }) => {
      const own = this.all.find((each) => each.mountPath !== undefined && each.mountPath === mountPath);
      const field = own === undefined || own.role === 'model' ? 'modelMountPath' : `mountPath of ${own.role}`;
      return { field, path: String(mountPath) };
    });
  }

  /** The names of the claims among the volumes. */
  public get claims(): string[] {
    return this.eachVolume.flatMap(({ volume }) => (volume.kind === 'claim' ? [volume.claimName] : []));
  }

  /** The sum of their sizes, estimated where the facts of a model tell no more; undefined where one is not known. */
  public get bytes(): number | undefined {
    return this.unsized ? undefined : this.knownBytes;
  }

  /** The sum of the sizes that are known or can be estimated. */
  public get knownBytes(): number {
    return this.all.reduce((sum, { artifact }) => sum + (likelyBytes(artifact) ?? 0), 0);
  }

  /** Of which of them neither the size nor the facts are known, for an error: `the size of draft is not known`. */
  public get unsized(): string | undefined {
    const roles = this.all
      .filter(({ artifact }) => likelyBytes(artifact) === undefined)
      .map(({ role }) => (role === 'model' ? 'the model' : role));
    if (roles.length === 0) return undefined;
    return roles.length === 1
      ? `the size of ${roles[0]} is not known`
      : `the sizes of ${roles.slice(0, -1).join(', ')} and ${roles[roles.length - 1]} are not known`;
  }

  /**
   * The init container that waits for all of them; none where there is nothing to wait for.
   *
   * @param hosts names that must resolve before the pod goes on
   */
  public guards(image: string, hosts: string[] = []): ContainerSpec[] {
    return guard(this.all, image, hosts);
  }

  /**
   * What the workload says of them: where the model is from, what it waits for, and where the others are from.
   */
  public get annotations(): Record<string, string | undefined> {
    const [model, ...others] = this.all;
    if (!model) return {};
    return {
      ...consumerAnnotations(model.artifact),
      ...parentAnnotations(this.all.map(({ artifact }) => artifact)),
      [ANNOTATION.needsArtifact]: [...new Set(this.all.map(({ artifact }) => artifact.key))].join(' '),
      [ANNOTATION.alsoServes]: others.length
        ? others.map(({ role, artifact }) => artifactLine(role, artifact)).join('\n')
        : undefined,
    };
  }

  /** What an object says that belongs to the server and waits for nothing. */
  public get provenance(): Record<string, string | undefined> {
    return servedAnnotations(this.all.map(({ artifact }) => artifact));
  }

  /** Of the mounts of each volume, the first. */
  private get eachVolume(): MountedArtifact[] {
    return this.all.filter((each) => this.all.find((other) => other.volumeName === each.volumeName) === each);
  }
}

/** What `weightBytes` leaves out: norms, biases, what sees and hears, the tokenizer. */
const ESTIMATE_MARGIN = 1.1;

function likelyBytes({ bytes, facts }: Artifact): number | undefined {
  if (bytes !== undefined || facts === undefined) return bytes;
  return facts.sourceBytes ?? Math.ceil(weightBytes(facts) * ESTIMATE_MARGIN);
}

/** One artifact of a volume. Its folder is there: the guard has waited for it before the container is made. */
function mountAlone({ artifact, volume, volumeName, folder }: MountedArtifact): Record<string, unknown> {
  const subPath = volume.kind === 'image' ? volume.path.replace(/^\/+|\/+$/g, '') : artifact.path;
  return { name: volumeName, mountPath: folder, ...(subPath ? { subPath } : {}), readOnly: true };
}

/**
 * Mounts artifacts in the pods of a server. Asked once for each server.
 *
 * @param roles the first is the model, if there is one; an artifact may have several roles
 * @throws when an artifact is in a claim of another namespace, or when two roles have one name
 * @internal
 */
export function mountArtifacts(owner: Owner, roles: readonly ArtifactRole[]): MountedArtifacts {
  const names = new Map<string, string>();
  const seen = new Set<string>();
  return new MountedArtifacts(
    roles.map(({ role, artifact, mountPath }) => {
      if (seen.has(role)) {
        throw new InputError(owner.scope, 'artifacts', role, { allowed: 'each name once' });
      }
      seen.add(role);
      const volume = artifact._volume(owner);
      const place = placeOf(volume);
      const volumeName = names.get(place) ?? (names.size === 0 ? 'models' : `models-${names.size}`);
      names.set(place, volumeName);
      const folder = mountPath ?? artifactFolder(artifact, volumeName);
      return { role, artifact, mountPath, volume, volumeName, folder };
    }),
  );
}

/** What two artifacts have in common that one volume of a pod holds. */
function placeOf(volume: StoreVolume): string {
  switch (volume.kind) {
    case 'claim':
      return describeVolume(volume);
    case 'image':
      return `${describeVolume(volume)} ${volume.path} ${volume.folder}`;
    case 'node':
      return `${describeVolume(volume)} ${canonicalJson(volume.placement.nodeSelector)}`;
  }
}
