import type { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import { InputError } from '../../pod/input-error';
import type { StoreSpec } from '../model-store';
import { checkAccessModes } from '../stores/access-modes';
import { checkPath, folderName } from './checks';
import { FolderContent, resolveContent } from './folder-content';
import { FolderPins, LIST_FILES, MARKER, resolvePins } from './folder-pins';
import { ProgramFetch, SOURCE_FOLDER, SourceProof, SourceSpec } from './source-spec';

/**
 * A folder of a claim that exists in the namespace. Exactly one of `key`, `files`, `manifest` and `unpinned` says what
 * proves the files.
 */
export interface ClaimSourceOptions extends FolderPins, FolderContent {
  /**
   * The key of an artifact that this library made, where the folder is one: its files are those that its marker lists.
   *
   * @default - not pinned by a key
   */
  readonly key?: string;

  /**
   * How the claim can be mounted. One that a single node can mount draws the Job to the node where it is.
   *
   * @default [ReadWriteOnce] - the careful choice
   */
  readonly accessModes?: PersistentVolumeAccessMode[];
}

/** A folder of a claim. */
export interface ClaimSourceProps extends ClaimSourceOptions {
  /**
   * The folder in the claim.
   *
   * @default - the claim's root
   */
  readonly path?: string;
}

/** A program that reads a claim's folder, or finds it in the store itself. @internal */
export interface ClaimFetch extends ProgramFetch {
  /** Where the source is the store: the folder, which becomes the artifact's, and the key that its marker has. */
  readonly inPlace: { readonly claimName: string; readonly path: string; readonly key?: string };
}

/**
 * @throws when the name or the path cannot be one, when not exactly one pin is given
 * @internal
 */
export function claimSource(claimName: string, given?: ClaimSourceProps): SourceSpec {
  const where = 'ModelSource.claim';
  const props = given ?? {};
  if (typeof claimName !== 'string' || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(claimName)) {
    throw new InputError(where, 'name', claimName, {
      allowed: "the name of a PersistentVolumeClaim: lower-case letters, digits, '-' and '.'",
    });
  }
  const path = props.path ?? '';
  if (path !== '') checkPath(where, 'path', path);
  const accessModes = checkAccessModes(where, props.accessModes ?? ['ReadWriteOnce']);
  const pins = resolvePins(where, props, { key: props.key }, HOW_TO_PIN);
  const place = path ? `${claimName}/${path}` : claimName;
  const fetch: ClaimFetch = {
    by: 'program',
    args: [
      `--folder=${path ? `${SOURCE_FOLDER}/${path}` : SOURCE_FOLDER}`,
      ...pins.args,
      '--origin=type=claim',
      `--origin=address=pvc://${place}`,
    ],
    endpoints: [],
    secrets: [],
    needsFolder: false,
    volume: { kind: 'claim', claimName, accessModes, placement: {} },
    inPlace: { claimName, path, key: props.key },
  };
  return {
    kind: 'mounted',
    name: folderName(place, 'claim'),
    identity: {
      type: 'claim',
      ...pins.identity,
      // What is proven is the same wherever it lies; the key of an artifact is that of its bytes.
      ...(pins.proof === SourceProof.NONE ? { claimName, path } : {}),
    },
    address: `pvc://${place}@${pins.revision}`,
    repository: place,
    revision: pins.revision,
    proof: pins.proof,
    ...resolveContent(where, props),
    fetch,
  };
}

const HOW_TO_PIN =
  "Of an artifact of ours, key is the end of its folder's name. Otherwise list the files in a pod that mounts the " +
  `claim (${LIST_FILES}): its own sha256 pins all of them.`;

/**
 * The folder and the key of a source that is a folder of the store itself: nothing is copied, and the artifact is that
 * folder. Nothing where the files have to be brought.
 *
 * @throws when the source is the whole of the claim, whose other artifacts would be part of it; when the marker of the
 * folder is to prove it, which can only be the marker of one key
 * @internal
 */
export function inPlaceOf(source: SourceSpec, store: StoreSpec): ClaimFetch['inPlace'] | undefined {
  const place = (source.fetch as Partial<ClaimFetch>).inPlace;
  if (!place || store.kind !== 'claim' || store.name !== place.claimName) return undefined;
  if (place.path === '') {
    throw new InputError('ModelSource.claim', 'path', undefined, {
      allowed: 'a folder, as the claim is the store too and other artifacts are in it',
    });
  }
  if ((source.fetch as ClaimFetch).args.includes(`--manifest=${MARKER}`)) {
    throw new InputError('ModelSource.claim', 'manifest', MARKER, {
      allowed:
        'a list of the files (SHA256SUMS), as the folder stays where it is and that marker is of another key',
      advice: `An artifact of ours is given by its key: the "key" in ${MARKER}.`,
    });
  }
  return place;
}

/** The arguments of adopt.py for a folder that stays where it is: those of fetch.py without the folder. @internal */
export function inPlaceArgs(source: SourceSpec): string[] {
  const { args } = source.fetch as ClaimFetch;
  return ['--in-place', ...args.filter((arg) => !arg.startsWith('--folder='))];
}

/** An address of a claim's folder, taken apart. @internal */
export interface ClaimAddress {
  readonly claimName: string;
  readonly path?: string;
}

/** `pvc://claim[/path]`; nothing where it is none. @internal */
export function parseClaimAddress(address: string): ClaimAddress | undefined {
  const [, rest] = /^pvc:\/\/(.*)$/s.exec(address) ?? [];
  if (rest === undefined) return undefined;
  const [claimName, ...folders] = rest.split('/');
  const path = folders.join('/').replace(/\/$/, '');
  return { claimName, ...(path ? { path } : {}) };
}
