import { IConstruct } from 'constructs';

/** What an error about a field's value tells besides the value. */
export interface InputErrorDetails {
  /** What would have been taken. */
  readonly allowed: string;
  /** What to do. */
  readonly advice?: string;
}

/**
 * A value that cannot be used. Names the construct's path, the field, what was given, what is allowed and
 * what to do.
 */
export class InputError extends Error {
  constructor(where: IConstruct | string, field: string, given: unknown, details: InputErrorDetails) {
    const place = typeof where === 'string' ? where : where.node.path || 'App';
    super(
      `${place}: '${field}' is ${written(given)}; allowed: ${details.allowed}.` +
        (details.advice ? ` ${details.advice}` : ''),
    );
    this.name = 'InputError';
  }
}

/** A value as a program has it, without what is secret in it. */
function written(given: unknown): string {
  if (given === undefined) return 'nothing';
  if (typeof given === 'string') return `'${withoutCredentials(given)}'`;
  // In JSON they are null, or nothing.
  if (typeof given === 'number' || typeof given === 'bigint') return String(given);
  if (typeof given === 'function' || typeof given === 'symbol') return `a ${typeof given}`;
  try {
    return JSON.stringify(given, (_, member: unknown) =>
      typeof member === 'string' ? withoutCredentials(member) : member,
    );
  } catch {
    return `an object of class ${given?.constructor?.name ?? 'Object'}`;
  }
}

/**
 * An address as an error may show it, as errors end up in the logs of a pipeline: without user and password, and without
 * what its query says, where tokens and signatures are.
 */
export function withoutCredentials(address: string): string {
  const [, place, query] = /^(.*?:\/\/[^?]*)(?:\?(.*))?$/s.exec(address) ?? [];
  if (place === undefined) return address;
  const hidden = place.replace(/:\/\/[^/@]*@/, '://***@');
  if (!query) return query === undefined ? hidden : `${hidden}?`;
  const parts = query.split('&').map((part) => (part.includes('=') ? part.replace(/=.*/s, '=***') : '***'));
  return `${hidden}?${parts.join('&')}`;
}
