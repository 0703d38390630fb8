import { InputError } from '../../pod/input-error';
import { checkApart, checkPath, checkSha256 } from './checks';

/** What fits on a command line beside all else; Linux takes 2 MiB. */
const MOST_NAMED_FILES = 1000;

/** Sources whose files can be named one by one. @internal */
export interface NamedFiles {
  readonly files?: { [path: string]: string };
  readonly include?: string[];
  readonly exclude?: string[];
}

/**
 * What is given by path, sorted, so that its order decides no key.
 *
 * @throws when it is not by path, when it names no file or too many, when a path is none
 * @internal
 */
export function byPath(where: string, field: string, given: unknown, advice?: string): [string, unknown][] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InputError(where, field, given, { allowed: "an object, by path: { 'config.json': '...' }" });
  }
  const files = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
  if (files.length === 0 || files.length > MOST_NAMED_FILES) {
    throw new InputError(where, field, `${files.length} files`, {
      allowed: `1 to ${MOST_NAMED_FILES} files`,
      advice,
    });
  }
  const paths = files.map(([path]) => checkPath(where, field, path));
  checkApart(where, field, paths);
  return files;
}

/**
 * The files that are pinned one by one, each with its sha256.
 *
 * @throws when there are patterns beside them, when a path or checksum is none
 * @internal
 */
export function filesBySha256(where: string, props: NamedFiles, advice?: string): [string, string][] {
  const files = byPath(where, 'files', props.files, advice);
  for (const patterns of ['include', 'exclude'] as const) {
    if (props[patterns]?.length) {
      throw new InputError(where, patterns, props[patterns], {
        allowed: 'nothing beside files, which lists those to take',
      });
    }
  }
  return files.map(([path, sha256]) => [path, checkSha256(where, `files.${path}`, sha256)]);
}
