import type { Size } from 'cdk8s';
import { IConstruct } from 'constructs';
import { InputError, InputErrorDetails, withoutCredentials } from './input-error';
import { isLabelValue, LABEL_VALUE } from './labels';
import { bytesOf, bytesQuantity } from './quantity';

/**
 * `null` says neither that a property has a value nor that it is left out: a value that was missing in a file, mostly,
 * which must not switch off an API key or a NetworkPolicy. Called before anything else of the properties is read.
 *
 * @param props all of a construct's, or of a factory's
 * @throws when they are no properties, or null is among them at any depth
 */
export function checkProps(where: IConstruct | string, props: object): void {
  if (typeof props !== 'object' || props === null || Array.isArray(props)) {
    throw new InputError(where, 'props', kindOf(props), { allowed: 'an object of properties' });
  }
  const field = nullWithin({ ...props });
  if (field === undefined) return;
  throw new InputError(where, field, null, {
    allowed: 'a value',
    advice: 'Leave it out to have the default.',
  });
}

/** The first null, as a path of properties. What a class or a factory made is no concern of its user. */
function nullWithin(value: unknown): string | undefined {
  if (!isPlain(value)) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const here = Array.isArray(value) ? `[${key}]` : /^\w+$/.test(key) ? key : `["${key}"]`;
    if (member === null) return here;
    const below = nullWithin(member);
    if (below !== undefined) return `${here}${below.startsWith('[') ? '' : '.'}${below}`;
  }
  return undefined;
}

/** A list, or an object that no class made. In whichever realm: the prototype of an Object's prototype is none. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** @throws when what is given is no list @returns a list without members where nothing is given */
export function checkList<T>(where: IConstruct | string, field: string, list: T[] | undefined): T[] {
  if (list === undefined || Array.isArray(list)) return list ?? [];
  throw new InputError(where, field, kindOf(list), { allowed: 'a list' });
}

/**
 * An object of names that the user chooses, as environment variables and labels are.
 *
 * @throws when what is given is none
 * @returns one without names where nothing is given
 */
export function checkNamed<T>(
  where: IConstruct | string,
  field: string,
  named: { [name: string]: T } | undefined,
): { [name: string]: T } {
  if (named === undefined) return {};
  if (isPlain(named) && !Array.isArray(named)) return named;
  throw new InputError(where, field, kindOf(named), { allowed: 'an object: { name: value }' });
}

/**
 * An object whose properties are known. One that is written in another way would have no effect, and nobody would know.
 *
 * @param known each property of it
 * @throws when what is given is no object, or has other properties
 */
export function checkOptions<T extends object>(
  where: IConstruct | string,
  field: string,
  options: T,
  known: Readonly<Record<keyof T, true>>,
): T {
  const allowed = Object.keys(known).join(', ');
  if (!isPlain(options) || Array.isArray(options)) {
    throw new InputError(where, field, kindOf(options), { allowed: `an object of ${allowed}` });
  }
  const odd = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (odd !== undefined) throw new InputError(where, `name in ${field}`, odd, { allowed });
  return options;
}

/** @throws when a number is no whole number of at least `least` */
export function checkPositiveInteger(
  scope: IConstruct | string,
  field: string,
  value: number,
  least = 1,
): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InputError(scope, field, value, { allowed: `a whole number of at least ${least}` });
  }
  return value;
}

/** @throws when it cannot be the name of an object */
export function checkObjectName(where: IConstruct | string, field: string, name: string): string {
  if (typeof name === 'string' && /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return name;
  throw new InputError(where, field, name, {
    allowed: "at most 253 lower-case letters, digits, '-' and '.', with a letter or digit at both ends",
  });
}

/** @throws when it cannot be the name of a LocalQueue, which is the value of a label too */
export function checkQueueName(scope: IConstruct, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name !== '' && isLabelValue(name)) return checkObjectName(scope, 'queueName', name);
  throw new InputError(scope, 'queueName', name, { allowed: LABEL_VALUE.replace(', or empty', '') });
}

/** Whether a number is that of a TCP port. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

/** @throws when a number is no TCP port */
export function checkPort(where: IConstruct | string, field: string, port: number): number {
  if (!isPort(port)) {
    throw new InputError(where, field, port, { allowed: '1 to 65535' });
  }
  return port;
}

/**
 * Text is no switch: 'false' would switch on.
 *
 * @throws when a value that is given is neither true nor false
 */
export function checkFlag(
  where: IConstruct | string,
  field: string,
  value: boolean | undefined,
): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new InputError(where, field, value, { allowed: 'true or false' });
  }
  return value;
}

/** @throws when it is no Size but, for instance, a number, or a Size of nothing */
export function checkSize(
  where: IConstruct | string,
  field: string,
  size: Size,
  allowed = 'a size above nothing, for instance Size.gibibytes(20)',
): Size {
  checkKind(where, field, size, (given) => typeof given.toKibibytes === 'function', {
    allowed,
    advice: "A Size is made by cdk8s: import { Size } from 'cdk8s'.",
  });
  if (bytesOf(size) <= 0) throw new InputError(where, field, bytesQuantity(size), { allowed });
  return size;
}

/** The words of a command line. @throws when they are no list of strings on which Kubernetes and a kernel agree */
export function checkWords(where: IConstruct | string, field: string, words: unknown): string[] {
  const list: unknown[] = Array.isArray(words) ? words : [words];
  const wrong = list.find((word) => typeof word !== 'string' || word.includes('\0'));
  if (!Array.isArray(words) || wrong !== undefined) {
    throw new InputError(where, field, wrong ?? words, {
      allowed: 'a list of strings, one for each argument',
      advice: 'A line for a shell is not taken apart here.',
    });
  }
  return words as string[];
}

/** @throws when it is no amount of CPUs as Kubernetes writes it, or none at all */
export function checkCpu(where: IConstruct | string, cpu: string): string {
  if (typeof cpu === 'string' && /^(\d+(\.\d{1,3})?|\d+m)$/.test(cpu) && parseFloat(cpu) > 0) return cpu;
  throw new InputError(where, 'cpu', cpu, { allowed: "an amount of CPUs: '8', '1.5', '500m'" });
}

/** What an address of a server may be, and how an error about it reads. */
export interface AddressRules {
  /** Whether a path may follow the server. @default false */
  readonly path?: boolean;
  /** What to do instead. */
  readonly advice?: string;
}

/** @throws when it is no web address, or has credentials or a query in it, which the error does not repeat */
export function checkAddress(
  where: IConstruct | string,
  field: string,
  address: string,
  { path = false, advice }: AddressRules = {},
): string {
  const form = path ? /^https?:\/\/[^\s/@?#]+(\/[^\s@?#]*)?$/ : /^https?:\/\/[^\s/@?#]+\/?$/;
  if (typeof address !== 'string' || !form.test(address) || !URL.canParse(address)) {
    const given =
      typeof address === 'string' ? withoutCredentials(address).replace(/\?.*/s, '?***') : kindOf(address);
    throw new InputError(where, field, given, {
      allowed: `'http(s)://host[:port]${path ? '[/path]' : ''}' without credentials`,
      advice,
    });
  }
  return address;
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
