import type { Size } from 'cdk8s';
import type { Artifact } from '../artifact/artifact';
import type { ModelStore } from '../artifact/model-store';
import type { SecretUse } from '../artifact/sources/source-spec';
import { AppStores, artifactUse } from '../artifact/stores/app-stores';
import type { NodeFolderVolume } from '../artifact/stores/store-volume';
import type { Owner } from '../pod/owner';

/** A model or repository that is kept, as node_cache.py is told of it. @internal */
export interface KeptArtifact {
  readonly kind: 'model' | 'repository';
  readonly name: string;
  readonly attempt: number;
  readonly artifact: Artifact;
  /** The program that brings it, with its arguments. */
  readonly program: string[];
  /** Modules that the program needs and does not import at its top level. */
  readonly modules: string[];
  readonly secrets: readonly SecretUse[];
  readonly ports: readonly number[];
}

/** Where repositories and models are kept. @internal */
export interface CacheFolder {
  readonly store: ModelStore;
  readonly volume: NodeFolderVolume;
  readonly size: Size;
}

/** So that an eviction of what is kept is refused. @internal */
export function registerMaker(owner: Owner, artifact: Artifact): void {
  const place = artifact.store._place(owner);
  if (place !== undefined) {
    AppStores.of(owner.scope).addUse(place, artifactUse(owner.scope, 'makes', artifact));
  }
}
