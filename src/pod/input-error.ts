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
    const value =
      given === undefined ? 'nothing' : typeof given === 'string' ? `'${given}'` : JSON.stringify(given);
    super(
      `${place}: '${field}' is ${value}; allowed: ${details.allowed}.` +
        (details.advice ? ` ${details.advice}` : ''),
    );
    this.name = 'InputError';
  }
}

/** An address as an error may show it: errors end up in the logs of a pipeline. */
export function withoutCredentials(address: string): string {
  return address.replace(/:\/\/[^/@]*@/, '://***@');
}
