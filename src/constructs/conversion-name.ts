import type { IConstruct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import { InputError } from '../pod/input-error';

/**
 * The name that a model gets in the names of its converted files: the repository's where none is given.
 *
 * @throws when it is none for a file
 * @internal
 */
export function conversionName(scope: IConstruct, given: string | undefined, model: Artifact): string {
  const name = given ?? model.provenance.repository.split('/').slice(-1)[0].toLowerCase();
  if (typeof name === 'string' && /^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) return name;
  throw new InputError(scope, 'name', name, { allowed: "letters, digits, '.', '_' and '-', at most 63" });
}
