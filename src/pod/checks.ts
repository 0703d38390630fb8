import { IConstruct } from 'constructs';
import { InputError } from './input-error';

/** @throws when a number is no whole number of at least `least` */
export function checkPositiveInteger(scope: IConstruct, field: string, value: number, least = 1): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InputError(scope, field, value, { allowed: `a whole number of at least ${least}` });
  }
  return value;
}
