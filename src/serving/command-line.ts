import type { SecretValue } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { InputError } from '../pod/input-error';
import type { EngineVariable } from './engine-spec';

/** Command lines in exec form, as users give them. */

/** @throws when it is no list of texts, or has fewer than `least` @internal */
export function checkWords(scope: Construct, field: string, words: string[], least: number): string[] {
  if (Array.isArray(words) && words.length >= least && words.every((word) => typeof word === 'string'))
    return words;
  throw new InputError(scope, field, words, {
    allowed: least ? 'a list of one text or more' : 'a list of texts',
    advice: 'No shell takes it apart: each argument is a text of its own.',
  });
}

/**
 * Kubernetes leaves a `$(NAME)` as it is that names no variable, and the program would get it so.
 *
 * @param own the variables that the construct sets
 * @throws when a word names another
 * @internal
 */
export function checkReferences(
  scope: Construct,
  { env = {}, secretEnv = {} }: Environment,
  own: EngineVariable[],
  words: Record<string, string[]>,
): void {
  const known = [...own.map(({ name }) => name), ...Object.keys(env), ...Object.keys(secretEnv)];
  for (const [field, list] of Object.entries(words)) {
    for (const [, dollars, name] of list.flatMap((word) => [...word.matchAll(/(\$+)\(([^()\s]*)\)/g)])) {
      if (dollars.length % 2 === 0 || known.includes(name)) continue;
      throw new InputError(scope, field, `$(${name})`, {
        allowed: known.map((variable) => `$(${variable})`).join(', '),
        advice: `Write $$(${name}) where the program is to get $(${name}) as it is.`,
      });
    }
  }
}

/** The variables that the user adds. */
interface Environment {
  readonly env?: { [name: string]: string };
  readonly secretEnv?: { [name: string]: SecretValue };
}
