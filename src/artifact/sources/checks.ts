import { InputError } from '../../pod/input-error';

/** Why a checksum is needed, and how one comes by it. @internal */
export interface ChecksumHelp {
  /** Goes on after what is allowed: `, because ...`. */
  readonly because: string;
  readonly advice: string;
}

/** @throws when it is no sha256. @internal */
export function checkSha256(where: string, field: string, sha256: unknown, help?: ChecksumHelp): string {
  if (typeof sha256 !== 'string' || !/^[0-9A-Fa-f]{64}$/.test(sha256)) {
    throw new InputError(where, field, sha256, {
      allowed: `a sha256 (64 hexadecimal digits)${help ? `, because ${help.because}` : ''}`,
      advice: help?.advice,
    });
  }
  return sha256.toLowerCase();
}

/** @throws when it is no path within a folder, or is kept for the marker. @internal */
export function checkPath(where: string, field: string, path: unknown): string {
  const names = typeof path === 'string' ? path.split('/') : [];
  if (!names.length || !names.every(isFolderName) || names[0].startsWith('.artifact.')) {
    throw new InputError(where, field, path, {
      allowed: "a path within the folder: names joined by '/', none of which begins with '.artifact.'",
    });
  }
  return path as string;
}

/** @throws when it is none: names joined by `/`, none at the ends, or nothing. @internal */
export function checkPrefix(where: string, prefix: unknown = ''): string {
  if (typeof prefix !== 'string' || (prefix !== '' && !prefix.split('/').every(isFolderName))) {
    throw new InputError(where, 'prefix', prefix, {
      allowed: "folder names joined by '/', none at the ends",
    });
  }
  return prefix;
}

/**
 * @param paths of the files of one folder
 * @throws when two are the same, or one would have to be a file and a folder
 * @internal
 */
export function checkApart(where: string, field: string, paths: string[]): void {
  const seen = new Set<string>();
  for (const path of paths) {
    if (seen.has(path)) {
      throw new InputError(where, field, path, { allowed: 'a path for each file that no other one has' });
    }
    seen.add(path);
  }
  for (const path of paths) {
    const folders = path.split('/').map((_, index, names) => names.slice(0, index).join('/'));
    const file = folders.find((folder) => seen.has(folder));
    if (file !== undefined) {
      throw new InputError(where, field, path, {
        allowed: `a path that is not below '${file}', which is a file`,
      });
    }
  }
}

/** Argument lists, YAML and logs hold no control characters; folders no backslash, so that `a\b` is one name. */
function isFolderName(name: string): boolean {
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
