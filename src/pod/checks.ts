import { IConstruct } from 'constructs';
import { InputError, InputErrorDetails } from './input-error';

/** @throws when a number is no whole number of at least `least` */
export function checkPositiveInteger(scope: IConstruct, field: string, value: number, least = 1): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InputError(scope, field, value, { allowed: `a whole number of at least ${least}` });
  }
  return value;
}

/**
 * For programs in plain JavaScript, which no types stop.
 *
 * @param isOne whether a value that is neither null nor undefined is of the kind that is needed
 * @throws when it is not
 */
export function checkKind<T>(
  where: IConstruct | string,
  field: string,
  value: T,
  isOne: (value: NonNullable<T>) => boolean,
  details: InputErrorDetails,
): T {
  if (value === undefined || value === null || !isOne(value)) {
    throw new InputError(where, field, kindOf(value), details);
  }
  return value;
}

/** Objects by their class: a construct has no JSON. Strings are not repeated, as one may be a secret. */
function kindOf(value: unknown): unknown {
  if (typeof value === 'string') return 'a string';
  if (typeof value !== 'object' || value === null) return value;
  return `an object of class ${value.constructor?.name ?? 'Object'}`;
}
