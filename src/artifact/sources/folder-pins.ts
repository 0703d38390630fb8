import { shortHash } from '../../pod/content-hash';
import { checkFlag, checkKind } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkPath, checkSha256 } from './checks';
import { filesBySha256 } from './named-files';
import { checkPatterns } from './patterns';
import { SourceProof } from './source-spec';

/** The manifest of an artifact that this library made. @internal */
export const MARKER = '.artifact.json';

/** Lists the files of a folder and its folders, also where a list is there already. @internal */
export const LIST_FILES = 'find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS';

/** A file that lists the others and their sha256. */
export interface FolderManifestPin {
  /** The manifest's own sha256, 64 hexadecimal digits. With it every byte of every file is decided. */
  readonly sha256: string;

  /**
   * Its path in the folder: the marker of an artifact that this library made, or a list as `sha256sum` writes it
   * (`SHA256SUMS`), whose paths are below the manifest's own folder.
   *
   * @default .artifact.json
   */
  readonly path?: string;
}

/** What proves the files of a folder that something else has filled. Exactly one pin must be given. */
export interface FolderPins {
  /**
   * Pins every byte: the files to take, by path in the folder, and the sha256 of each.
   *
   * @default - not pinned by inline checksums
   */
  readonly files?: { [path: string]: string };

  /**
   * Pins every byte by a manifest in the folder: only the files that it lists are taken.
   *
   * @default - no manifest
   */
  readonly manifest?: FolderManifestPin;

  /**
   * Takes whatever is in the folder when the Job runs. Nobody can then say which bytes a model was served from
   * before they were fetched; the marker lists those that came.
   *
   * @default false
   */
  readonly unpinned?: boolean;

  /**
   * The files to take, as glob patterns (`*.safetensors`); a pattern that ends in `/` takes a whole folder.
   * Not with `files`, which is a list of its own.
   *
   * @default - all files
   */
  readonly include?: string[];

  /**
   * The files to leave out, as glob patterns. Wins over `include`.
   *
   * @default - none
   */
  readonly exclude?: string[];
}

/** Further pins, which some sources have. @internal */
export interface FurtherPins {
  /** The version that a downloader is told and vouches for. */
  readonly version?: string;
  /** The key of an artifact of ours, which the folder is. */
  readonly key?: string;
  /** The versions of objects, which S3 resolves by itself: here, none are given. */
  readonly versions?: undefined;
}

/** Pins as plain data. @internal */
export interface ResolvedPins {
  readonly proof: SourceProof;
  /** All that decides the bytes as far as the pins tell; where they prove nothing, the place decides too. */
  readonly identity: Record<string, unknown>;
  readonly revision: string;
  /** As adopt.py and `fetch.py mounted` take them. */
  readonly args: string[];
}

/**
 * @param where names the factory in errors, such as `ModelSource.custom`
 * @param further the fields of the source that are pins too
 * @param advice how one comes by a pin
 * @throws when not exactly one pin is given, when a checksum, path or pattern is none
 * @internal
 */
export function resolvePins(
  where: string,
  props: FolderPins,
  further: FurtherPins,
  advice: string,
): ResolvedPins {
  checkPatterns(where, props);
  const unpinned = checkFlag(where, 'unpinned', props.unpinned) || undefined;
  const given = { manifest: props.manifest, files: props.files, ...further, unpinned };
  const pins = Object.entries(given).filter(([, value]) => isGiven(value));
  if (pins.length !== 1) {
    const names = Object.keys(given).filter((name) => name !== 'unpinned');
    throw new InputError(where, names.join(', '), pins.map(([name]) => name).join(' and ') || undefined, {
      allowed: 'exactly one of them, or unpinned: true alone, because what a folder holds can change',
      advice,
    });
  }
  const pin = pinOf(where, props, further);
  const [include, exclude] = [props.include ?? [], props.exclude ?? []];
  return {
    ...pin,
    identity: { ...pin.identity, include: [...include].sort(), exclude: [...exclude].sort() },
    args: [
      ...pin.args,
      ...include.map((pattern) => `--include=${pattern}`),
      ...exclude.map((pattern) => `--exclude=${pattern}`),
    ],
  };
}

function pinOf(where: string, props: FolderPins, { version, key }: FurtherPins): ResolvedPins {
  if (isGiven(props.manifest)) return pinByManifest(where, props.manifest);
  if (isGiven(props.files)) return pinByFiles(where, props);
  if (isGiven(version)) {
    if (typeof version !== 'string' || !/^[^\p{Cc}]+$/u.test(version)) {
      throw new InputError(where, 'version', version, { allowed: 'a version of the model, on one line' });
    }
    return {
      proof: SourceProof.VERSION,
      identity: { version },
      revision: version,
      args: [`--version=${version}`],
    };
  }
  if (isGiven(key)) {
    if (typeof key !== 'string' || !/^[0-9a-f]{12}$/.test(key)) {
      throw new InputError(where, 'key', key, {
        allowed: 'the key of an artifact: 12 hexadecimal digits',
        advice: `It is the "key" of the ${MARKER} in the folder, and the end of the folder's name.`,
      });
    }
    return {
      proof: SourceProof.VERSION,
      identity: { artifact: key },
      revision: key,
      args: [`--artifact=${key}`],
    };
  }
  return {
    proof: SourceProof.NONE,
    identity: { unpinned: true },
    revision: 'unpinned',
    args: ['--unpinned'],
  };
}

/** In plain JavaScript, what is not there is null, too. */
function isGiven<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}

function pinByManifest(where: string, manifest: FolderManifestPin): ResolvedPins {
  checkKind(where, 'manifest', manifest, (given) => typeof given === 'object', {
    allowed: "{ sha256: '...', path: '...' }",
  });
  const sha256 = checkSha256(where, 'manifest.sha256', manifest.sha256);
  const path = manifest.path ?? MARKER;
  if (path !== MARKER) checkPath(where, 'manifest.path', path);
  return {
    proof: SourceProof.CONTENT,
    // Neither the place nor the manifest's name: its content decides every byte, wherever it lies.
    identity: { manifest: sha256 },
    revision: `sha256:${sha256}`,
    args: [`--manifest=${path}`, `--manifest-sha256=${sha256}`],
  };
}

function pinByFiles(where: string, props: FolderPins): ResolvedPins {
  const pins = filesBySha256(where, props, 'Pin more of them by a manifest in the folder.');
  return {
    proof: SourceProof.CONTENT,
    identity: { files: Object.fromEntries(pins) },
    revision: `files:${shortHash(pins, 12)}`,
    args: pins.map(([path, sha256]) => `--file=${sha256}:${path}`),
  };
}
