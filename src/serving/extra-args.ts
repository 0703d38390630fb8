import type { IConstruct } from 'constructs';
import { checkFlags, FlagTable } from '../engines/flag-table';
import { checkKind } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { ServerProps } from './server-props';

/** What a server is told of its further arguments. @internal */
export interface ExtraArgs extends Pick<ServerProps, 'reaches'> {
  readonly extraArgs?: string[];
}

/**
 * The arguments by which a user tells an engine what its construct has no property for.
 *
 * @param props of a server; without `reaches` its network lets it ask nobody
 * @param set the construct's property for each flag that it sets: `{ '--ctx-size': 'contextSize' }`
 * @throws when the engine of that version does not take them, or the construct sets them itself
 * @internal
 */
export function checkExtraArgs(
  scope: IConstruct,
  table: FlagTable,
  version: string,
  { extraArgs: args, reaches }: ExtraArgs,
  set: Readonly<Record<string, string>>,
): string[] {
  if (args === undefined) return [];
  checkKind(scope, 'extraArgs', args, (given) => given.every?.((arg) => typeof arg === 'string'), {
    allowed: "a list of strings: ['--flag', 'value']",
  });
  const [problem] = checkFlags(table, version, args, {
    set,
    reaches: reaches !== undefined && reaches.length > 0,
  });
  if (problem) {
    throw new InputError(scope, 'extraArgs', problem.given, {
      allowed: problem.allowed,
      advice: problem.advice,
    });
  }
  return args;
}

/**
 * For properties that an engine has not had always.
 *
 * @throws when the engine of that version does not take the arguments that a property becomes
 * @internal
 */
export function checkPropertyArgs(
  scope: IConstruct,
  table: FlagTable,
  version: string,
  property: string,
  given: unknown,
  args: readonly string[],
): void {
  const [problem] = checkFlags(table, version, args, { own: true });
  if (!problem) return;
  throw new InputError(scope, property, given, {
    allowed: `what ${table.engine} ${version} knows; it becomes '${problem.given}', and allowed are ${problem.allowed}`,
    advice: problem.advice,
  });
}
