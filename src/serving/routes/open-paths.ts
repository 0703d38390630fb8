import { checkList } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkPath } from '../checks';
import type { ServerTarget } from '../server-target';

/** A part of a server that a route opens: where requests come in, and what the server sees. No slash at their ends. @internal */
export interface OpenPath {
  readonly outside: string;
  readonly inside: string;
}

/** What of a server is open, as a route has been told. @internal */
export interface OpenPathsSpec {
  readonly path: string;
  readonly stripPrefix: boolean;
  /** The server's own paths; undefined where nothing is said. */
  readonly paths?: string[];
}

/** More cannot be in one HTTPRoute, which has a rule for each. */
const MOST = 16;

/** Below it engines ask for their API key. What they have beside it, metrics and models' other doors, some do not. */
const API = '/v1';

/** @throws when there is none, too many, or one is no path @internal */
export function checkPaths(where: string, paths: string[] | undefined): string[] | undefined {
  if (paths === undefined) return undefined;
  const checked = checkList(where, 'paths', paths).map((path, index) =>
    checkPath(where, path ?? '', `paths[${index}]`),
  );
  if (checked.length === 0 || checked.length > MOST) {
    throw new InputError(where, 'paths', paths, { allowed: `1 to ${MOST} paths of the server: ['/v1']` });
  }
  return [...new Set(checked)];
}

/** @internal */
export function openPaths({ path, stripPrefix, paths }: OpenPathsSpec, { apiKey }: ServerTarget): OpenPath[] {
  const inside = paths ?? (apiKey ? [API] : ['']);
  if (stripPrefix) return inside.map((each) => ({ outside: path + each, inside: each }));
  return inside.map((each) => {
    const seen = isBelow(path, each) ? path : path + each;
    return { outside: seen, inside: seen };
  });
}

function isBelow(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}/`);
}
