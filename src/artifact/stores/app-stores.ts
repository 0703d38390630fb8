import type { IConstruct } from 'constructs';
import { canonicalJson } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import type { Owner } from '../../pod/owner';
import type { Placement } from '../../pod/pod-spec';
import type { Artifact } from '../artifact';
import type { StoreVolume } from './store-volume';

/** A construct that makes an artifact or reads one. @internal */
export interface ArtifactUse {
  readonly by: IConstruct;
  readonly does: 'makes' | 'reads';
  readonly key: string;
  readonly path: string;
}

/**
 * What a Job is told besides what decides the bytes: plain data, by the names of the properties that say it.
 *
 * @internal
 */
export type MakerOptions = Readonly<Record<string, unknown>>;

/** Who makes an artifact, and how. */
interface Maker {
  readonly by: IConstruct;
  readonly options: MakerOptions;
}

/** What is put into a place. @internal */
export interface Contents {
  /** In bytes, by path. */
  readonly sizes: Map<string, number | undefined>;
  /** The most that is there besides while one of them is made, in bytes. */
  passing: number;
}

/** What the volumes of one CSI handle mount. @internal */
export interface HandleUse {
  readonly by: IConstruct;
  /** The bucket, prefix and server. */
  readonly place: string;
  /** What the driver is told besides, in words. */
  readonly told: string;
}

/** A construct's pods that mount a volume, and where they may run. @internal */
export interface VolumeUser {
  readonly by: IConstruct;
  readonly field: string;
  readonly placement: Placement;
  /** What a node must be besides, which no Placement can say: of so much memory, of these names. */
  readonly nodes?: RequiredNodes;
}

/** `requiredDuringSchedulingIgnoredDuringExecution` of a node affinity, and whose it is. @internal */
export interface RequiredNodes {
  /** As an error names it: `accelerator`. */
  readonly field: string;
  readonly required: unknown;
}

/**
 * What the constructs of one app know of each other's stores. Two store objects may be one place in the cluster
 * (a claim by its name, a bucket and prefix, a node's folder), and several pipelines may share it; so all is kept
 * by place, in words.
 *
 * @internal
 */
export class AppStores {
  /** A store may serve several apps of one program, as in tests. */
  private static readonly ofApp = new WeakMap<IConstruct, AppStores>();

  public static of(scope: IConstruct): AppStores {
    const { root } = scope.node;
    let stores = AppStores.ofApp.get(root);
    if (!stores) AppStores.ofApp.set(root, (stores = new AppStores()));
    return stores;
  }

  private readonly volumes = new Map<string, { volume: StoreVolume; content: string; user: Owner }>();
  private readonly handles = new Map<string, HandleUse>();
  private readonly makers = new Map<string, Maker>();
  private readonly uses = new Map<string, ArtifactUse[]>();
  private readonly volumeUsers = new Map<string, VolumeUser[]>();
  private readonly contents = new Map<string, Contents>();

  /** The volume that was made under an id, with the construct that it was made for. */
  public volumeOf(id: string): { volume: StoreVolume; content: string; user: Owner } | undefined {
    return this.volumes.get(id);
  }

  /** @param content what it is made of: another volume under the same id must be the same */
  public addVolume(id: string, volume: StoreVolume, content: string, user: Owner): void {
    this.volumes.set(id, { volume, content, user });
  }

  /** The first use of a CSI driver's handle, which is this one where there was none. */
  public firstUseOfHandle(driver: string, handle: string, use: HandleUse): HandleUse {
    const id = `${driver} ${handle}`;
    const first = this.handles.get(id) ?? use;
    this.handles.set(id, first);
    return first;
  }

  /**
   * Counts an artifact among those that are put into a place.
   *
   * @param passing what is there besides while it is made, in bytes
   */
  public addContent(place: string, { path, bytes }: Artifact, passing: number): Contents {
    const contents = this.contents.get(place) ?? { sizes: new Map<string, number | undefined>(), passing: 0 };
    this.contents.set(place, contents);
    contents.sizes.set(path, bytes);
    contents.passing = Math.max(contents.passing, passing);
    return contents;
  }

  /**
   * Whether a construct is the first to make an artifact in a place. The others use what it makes: one download,
   * by construction.
   *
   * @throws when the first one was told something else, which would be dropped without a word
   */
  public isFirstMaker(scope: IConstruct, place: string, path: string, options: MakerOptions): boolean {
    const id = `${place} ${path}`;
    const first = this.makers.get(id);
    if (!first) {
      this.makers.set(id, { by: scope, options });
      return true;
    }
    const others = differing(first.options, options);
    if (others.length > 0) {
      throw new InputError(scope, 'store', `a place where ${first.by.node.path} makes ${path} already`, {
        allowed: `the same ${others.join(', ')} as there, because one Job serves both`,
        advice: 'Give both constructs the same options, or use the .artifact of the first.',
      });
    }
    return false;
  }

  public addUse(place: string, use: ArtifactUse): void {
    const uses = this.uses.get(place);
    if (uses) uses.push(use);
    else this.uses.set(place, [use]);
  }

  /** Who makes or reads artifacts in a place. */
  public usesOf(place: string): readonly ArtifactUse[] {
    return this.uses.get(place) ?? [];
  }

  /** Adds a construct's pods to those that mount a volume; returns those that came before. */
  public addVolumeUser(id: string, user: VolumeUser): readonly VolumeUser[] {
    const others = this.volumeUsers.get(id) ?? [];
    this.volumeUsers.set(id, [...others, user]);
    return others;
  }
}

function differing(one: MakerOptions, other: MakerOptions): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => canonicalJson(one[name]) !== canonicalJson(other[name]));
}

/** How an artifact is used, for the record. @internal */
export function artifactUse(by: IConstruct, does: ArtifactUse['does'], { key, path }: Artifact): ArtifactUse {
  return { by, does, key, path };
}
