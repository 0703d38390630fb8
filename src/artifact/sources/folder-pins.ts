import { shortHash } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import { checkPatterns } from './patterns';
import { SourceProof } from './source-spec';

/** What fits on a command line beside all else; Linux takes 2 MiB. */
const MOST_NAMED_FILES = 1000;

/** The manifest of an artifact that this library made. */
const MARKER = '.artifact.json';

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
  const given = { manifest: props.manifest, files: props.files, ...further };
  const pins = Object.entries(given).filter(([, value]) => value !== undefined);
  if (pins.length + (props.unpinned ? 1 : 0) !== 1) {
    const names = ['manifest', 'files', ...Object.keys(further)];
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
  if (props.manifest) return pinByManifest(where, props.manifest);
  if (props.files) return pinByFiles(where, props, props.files);
  if (version !== undefined) {
    if (!/^[^\p{Cc}]+$/u.test(version)) {
      throw new InputError(where, 'version', version, { allowed: 'a version of the model, on one line' });
    }
    return {
      proof: SourceProof.VERSION,
      identity: { version },
      revision: version,
      args: [`--version=${version}`],
    };
  }
  if (key !== undefined) {
    if (!/^[0-9a-f]{12}$/.test(key)) {
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

function pinByManifest(where: string, manifest: FolderManifestPin): ResolvedPins {
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

function pinByFiles(where: string, props: FolderPins, given: { [path: string]: string }): ResolvedPins {
  const files = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
  if (files.length === 0 || files.length > MOST_NAMED_FILES) {
    throw new InputError(where, 'files', `${files.length} files`, {
      allowed: `1 to ${MOST_NAMED_FILES} files`,
      advice: 'Pin more of them by a manifest in the folder.',
    });
  }
  for (const patterns of ['include', 'exclude'] as const) {
    if (props[patterns]?.length) {
      throw new InputError(where, patterns, props[patterns], {
        allowed: 'nothing beside files, which lists those to take',
      });
    }
  }
  const pins = files.map(
    ([path, sha256]) =>
      [checkPath(where, 'files', path), checkSha256(where, `files.${path}`, sha256)] as const,
  );
  return {
    proof: SourceProof.CONTENT,
    identity: { files: Object.fromEntries(pins) },
    revision: `files:${shortHash(pins, 12)}`,
    args: pins.map(([path, sha256]) => `--file=${sha256}:${path}`),
  };
}

function checkSha256(where: string, field: string, sha256: unknown): string {
  if (typeof sha256 !== 'string' || !/^[0-9A-Fa-f]{64}$/.test(sha256)) {
    throw new InputError(where, field, sha256, { allowed: 'a sha256: 64 hexadecimal digits' });
  }
  return sha256.toLowerCase();
}

/** @throws when it is no path within a folder, or is kept for the marker. @internal */
export function checkPath(where: string, field: string, path: unknown): string {
  const names = typeof path === 'string' ? path.split('/') : [];
  const isPath = names.length > 0 && names.every((name) => isName(name));
  if (!isPath || names[0].startsWith('.artifact.')) {
    throw new InputError(where, field, path, {
      allowed: "a path within the folder: names joined by '/', none of which begins with '.artifact.'",
    });
  }
  return path as string;
}

function isName(name: string): boolean {
  return /^[^\p{Cc}\\]+$/u.test(name) && name !== '.' && name !== '..';
}

/** An artifact's folder after a place, which people recognize; the key beside it makes it unique. @internal */
export function folderName(place: string, otherwise: string): string {
  const name = place
    .toLowerCase()
    .replaceAll('/', '--')
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(-80)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return name || otherwise;
}
