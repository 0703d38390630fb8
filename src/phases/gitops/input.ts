import type { Duration } from 'cdk8s';
import { InputError } from '../../pod/input-error';

/**
 * The path of a folder in a repository, without `./` before it or `/` after it; empty for the root.
 *
 * @throws when it leads out of the repository or could be read as a pattern
 * @internal
 */
export function repositoryPath(where: string, given: string): string {
  const path = String(given)
    .replace(/^(\.\/)+/, '')
    .replace(/\/+$/, '');
  if (
    typeof given !== 'string' ||
    given.startsWith('/') ||
    !/^[\w.@+-]+(\/[\w.@+-]+)*$/.test(path || '.') ||
    path.split('/').includes('..')
  ) {
    throw new InputError(where, 'path', given, {
      allowed:
        "a path from the repository's root, of letters, digits and . _ - @ + between single '/', without '..'",
      advice:
        "Give the folder of the repository that holds this app's output, for instance 'dist', or '.' for its root.",
    });
  }
  return path === '.' ? '' : path;
}

/** Joins a path of `repositoryPath` and what is below it. @internal */
export function below(path: string, ...names: string[]): string {
  return [...(path ? [path] : []), ...names].join('/');
}

/**
 * The name of an object.
 *
 * @throws when it cannot be one in Kubernetes
 * @internal
 */
export function objectName(where: string, field: string, given: string): string {
  if (
    typeof given !== 'string' ||
    given.length > 253 ||
    !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(given)
  ) {
    throw new InputError(where, field, given, {
      allowed: "lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part",
      advice: 'Give the name that the object has in the cluster.',
    });
  }
  return given;
}

/**
 * The name of a namespace.
 *
 * @throws when it cannot be one
 * @internal
 */
export function namespaceName(where: string, field: string, given: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(given)) {
    throw new InputError(where, field, given, {
      allowed: "at most 63 lower-case letters, digits and '-', with a letter or digit at both ends",
      advice: 'Give the namespace that exists in the cluster.',
    });
  }
  return given;
}

/**
 * A duration as Flux reads it, in the largest unit that divides it: `1h`, `90s`.
 *
 * @throws when it is shorter than `minimum` seconds or not whole seconds
 * @internal
 */
export function fluxDuration(where: string, field: string, given: Duration, minimum: number): string {
  const milliseconds = given.toMilliseconds();
  const seconds = milliseconds / 1000;
  if (!Number.isInteger(seconds) || seconds < minimum) {
    throw new InputError(where, field, `${seconds}s`, {
      allowed: `whole seconds, at least ${minimum}`,
      advice: `Give for instance Duration.seconds(${minimum}).`,
    });
  }
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  if (seconds % 60 === 0) return `${seconds / 60}m`;
  return `${seconds}s`;
}
