import type { IConstruct } from 'constructs';
import { InputError } from './input-error';

/** A label's value, and the name in its key. */
const NAME = /^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;

/** What may stand before the name in a key. */
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** What the API server takes for the key of a label, and of a taint. */
export function isLabelKey(key: unknown): boolean {
  if (typeof key !== 'string') return false;
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  return NAME.test(key.slice(slash + 1)) && (slash < 0 || (prefix.length <= 253 && PREFIX.test(prefix)));
}

/** What the API server takes for the value of a label, and of a taint. */
export function isLabelValue(value: unknown): boolean {
  return value === '' || (typeof value === 'string' && NAME.test(value));
}

/** @throws when an object cannot have such labels */
export function checkLabels(
  where: IConstruct | string,
  field: string,
  labels: { [key: string]: string },
): { [key: string]: string } {
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) throw new InputError(where, `key in ${field}`, key, { allowed: LABEL_KEY });
    if (!isLabelValue(value)) throw new InputError(where, `${field}.${key}`, value, { allowed: LABEL_VALUE });
  }
  return labels;
}

const AT_MOST_63 = "at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends";

export const LABEL_KEY = `${AT_MOST_63}; before them, if anything, a domain and '/'`;

export const LABEL_VALUE = `a string: ${AT_MOST_63}, or empty`;
