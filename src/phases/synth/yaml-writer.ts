/**
 * Objects to YAML, byte for byte as cdk8s' own `Yaml.stringify` and many times as fast.
 *
 * Only the block structure is written here. How a string is quoted, folded or escaped is never decided here:
 * a string that is not certainly plain is rendered once by cdk8s' writer and remembered. A document that
 * holds anything but JSON (a Date, a Map), or the same object twice (which YAML writes as anchor and alias),
 * goes to cdk8s' writer as a whole.
 */

import { Yaml } from 'cdk8s';
import { BoundedCache } from './bounded-cache';

/**
 * Writes documents as `Yaml.stringify(...objects)` of cdk8s would.
 *
 * @param objects - one document each
 * @returns the documents, separated by `---`
 * @internal
 */
export function stringifyDocuments(objects: readonly unknown[]): string {
  return objects.map(stringifyDocument).join('---\n');
}

/** Thrown to leave a document to cdk8s' writer. */
const UNUSUAL = new Error('a value that is left to the writer of cdk8s');

function stringifyDocument(object: unknown): string {
  if (object === null || typeof object !== 'object') return Yaml.stringify(object);
  try {
    return `${new DocumentWriter().collection(object, '')}\n`;
  } catch (error) {
    if (error === UNUSUAL) return Yaml.stringify(object);
    throw error;
  }
}

class DocumentWriter {
  /** All maps and lists of the document so far. */
  private readonly met = new Set<object>();

  /** A map or list whose lines begin at `indent`, the first line without it. */
  public collection(value: object, indent: string): string {
    if (this.met.has(value)) throw UNUSUAL;
    this.met.add(value);
    if (Array.isArray(value)) return this.list(value, indent);
    if (isPlainObject(value)) return this.map(value, indent);
    throw UNUSUAL;
  }

  private map(value: Record<string, unknown>, indent: string): string {
    const inner = `${indent}  `;
    let text = '';
    for (const name of Object.keys(value)) {
      if (text !== '') text += `\n${indent}`;
      const member = value[name];
      text += key(name, indent);
      text += isFilled(member)
        ? `:\n${inner}${this.collection(member, inner)}`
        : `: ${this.leaf(member, inner)}`;
    }
    return text === '' ? '{}' : text;
  }

  private list(value: readonly unknown[], indent: string): string {
    const inner = `${indent}  `;
    let text = '';
    for (const item of value) {
      if (text !== '') text += `\n${indent}`;
      text += `- ${isFilled(item) ? this.collection(item, inner) : this.leaf(item, inner)}`;
    }
    return text === '' ? '[]' : text;
  }

  /** A scalar or an empty collection. The second and further lines of a text begin at `indent`. */
  private leaf(value: unknown, indent: string): string {
    switch (typeof value) {
      case 'string':
        if (PLAIN.test(value)) return value;
        return value.includes('\n') ? texts.get(value, indent) : lines.get(value);
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
          ? String(value)
          : Yaml.stringify(value).trimEnd();
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return 'null';
      case 'object':
        return value === null ? 'null' : this.collection(value, indent);
      default:
        throw UNUSUAL;
    }
  }
}

/** The key of a map that stands at `indent`. What is plain as a value is plain as a key. */
function key(name: string, indent: string): string {
  if (name.length <= LONGEST_KEY && PLAIN.test(name)) return name;
  return indent === '' ? topLevelKeys.get(name) : nestedKeys.get(name);
}

function isFilled(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length > 0;
  for (const _ in value) return true;
  return false;
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Certainly plain in YAML 1.1: printable ASCII that begins with a letter or a slash, holds no `: ` and no
 * ` #`, ends in neither space nor colon, is no number (`e10` is one), and is longer than any of YAML's own
 * words (`false` is the longest), so that it cannot be one of them.
 */
const PLAIN = /^(?:[a-df-zA-DF-Z/]|[eE](?![-+0-9]))(?:[!-9;-~]|:(?=[!-~])| (?=[ !"$-~])){5,}$/;

/** Keys of more characters are marked with `?`, and their value stands on a line of its own. */
const LONGEST_KEY = 1024;

const MIB = 1 << 20;

/** Strings of one line: their form does not depend on where they stand. */
const lines = new BoundedCache(16 * MIB, (value) => Yaml.stringify([value]).slice('- '.length, -1));

/** Strings of several lines, by the indentation of their further lines. */
const texts = new BoundedCache(64 * MIB, (value, indent) => {
  let nested: unknown = value;
  let before = 0;
  for (let depth = indent.length / 2; depth > 0; depth--) {
    nested = { k: nested };
    before += 2 * (depth - 1) + 'k:\n'.length;
  }
  return Yaml.stringify(nested).slice(before, -1);
});

/** Keys of the document's own map: one that begins with `---` is quoted here and nowhere else. */
const topLevelKeys = new BoundedCache(4 * MIB, (name) => keyText(Yaml.stringify({ [name]: 0 })));

const nestedKeys = new BoundedCache(4 * MIB, (name) =>
  keyText(Yaml.stringify({ k: { [name]: 0 } }).slice('k:\n  '.length)),
);

function keyText(entry: string): string {
  const text = entry.slice(0, -': 0\n'.length);
  if (text.length > LONGEST_KEY) throw UNUSUAL;
  return text;
}
