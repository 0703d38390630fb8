/**
 * Names that follow from content: a hash of canonical JSON.
 *
 * Everything here is a function of the value alone, never of key order, machine or time.
 */

import { createHash } from 'node:crypto';

/**
 * JSON with the keys of every object sorted and `undefined` members left out: equal values, equal text.
 *
 * @internal
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  // Text is added up in place, without lists in between: every Job of every pipeline passes here.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? canonicalJson(item) : ',' + canonicalJson(item);
    return `[${text}]`;
  }
  const members = value as Record<string, unknown>;
  for (const key of sortedKeys(members)) {
    if (members[key] === undefined) continue;
    const member = quotedKey(key) + canonicalJson(members[key]);
    text += text === '' ? member : ',' + member;
  }
  return `{${text}}`;
}

/** The keys, which in most objects stand in order as they are. */
function sortedKeys(members: object): string[] {
  const keys = Object.keys(members);
  for (let index = 1; index < keys.length; index++) if (keys[index - 1] > keys[index]) return keys.sort();
  return keys;
}

/** Keys as they stand in JSON: few words make up all objects. */
const quotedKeys = new Map<string, string>();
const MOST_KEYS = 1000;

function quotedKey(key: string): string {
  let quoted = quotedKeys.get(key);
  if (quoted === undefined) {
    quoted = `${JSON.stringify(key)}:`;
    if (quotedKeys.size < MOST_KEYS) quotedKeys.set(key, quoted);
  }
  return quoted;
}

/**
 * The first `digits` hexadecimal digits of the SHA-256 of a value's canonical JSON.
 *
 * @internal
 */
export function shortHash(value: unknown, digits = 8): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, digits);
}

/** What the API server lets one change in a Job that exists; everything else in its spec is immutable. */
const MUTABLE_JOB_FIELDS: ReadonlySet<string> = new Set([
  'parallelism',
  'suspend',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'podReplacementPolicy',
  'maxFailedIndexes',
]);

/**
 * The hash that a Job's name ends in: over all immutable fields of its spec, so that two specs never share a
 * name and no apply ever meets "field is immutable"; and over the attempt, which a person raises to run an
 * unchanged Job again.
 *
 * @param spec - the Job's `spec` as it is written to YAML
 * @param attempt - as in the Job's attempt annotation
 * @param queue - as in the Job's label of Kueue, which refuses another one for a Job that it has admitted
 * @internal
 */
export function jobHash(spec: object, attempt: number, queue?: string): string {
  const immutable = Object.fromEntries(Object.entries(spec).filter(([key]) => !MUTABLE_JOB_FIELDS.has(key)));
  return shortHash({ spec: immutable, attempt, queue });
}

/**
 * The hash that the name of a ConfigMap ends in: over its files with their texts, in whatever order.
 *
 * @param data - the ConfigMap's `data`
 * @internal
 */
export function contentHash(data: Readonly<Record<string, string>>): string {
  return shortHash(data);
}
