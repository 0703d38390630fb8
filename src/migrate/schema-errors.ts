import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../pod/input-error';
import { fieldName, segmentsOfPointer, typeName } from '../validation/schema';
import { nearest, quote } from '../validation/suggest';

/** A schema, as its file has it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly allowed?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
}

/** An error as ajv gives it. */
interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Validate {
  (value: unknown): boolean;
  readonly errors: readonly SchemaError[] | null;
}

/** Something that is wrong with a resource. @internal */
export interface Problem {
  readonly field: string;
  /** The whole sentence, with the place. */
  readonly message: string;
}

/** Where the schemas are, in the library and in its sources. */
const FOLDER = path.join(__dirname, 'schemas');

const schemas = new Map<string, Schema>();

/** @param file its name, as others refer to it: `koldun-model.json` @internal */
export function readSchema(file: string): Schema {
  let schema = schemas.get(file);
  if (!schema) {
    schema = JSON.parse(fs.readFileSync(path.join(FOLDER, file), 'utf8')) as Schema;
    schemas.set(file, schema);
  }
  return schema;
}

/**
 * All that is wrong with a document.
 *
 * @param where begins each message
 * @param file the schema's
 * @internal
 */
export function schemaProblems(where: string, file: string, document: unknown): Problem[] {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- generated JavaScript
  const validators = require('../validation/generated/migrate.js') as Readonly<Record<string, Validate>>;
  const validate =
    validators[file.replace('.json', '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
  if (validate(document)) return [];
  return (validate.errors ?? []).map((error) => problemOf(where, error, file, document));
}

function problemOf(
  where: string,
  { instancePath, keyword, params }: SchemaError,
  file: string,
  document: unknown,
): Problem {
  const segments = segmentsOfPointer(instancePath);
  const { value, schema } = walk(segments, file, document);
  const extra = (params.additionalProperty ?? params.missingProperty) as string | undefined;
  const field = fieldName(extra === undefined ? segments : [...segments, extra]);
  const at = extra !== undefined ? (value as Record<string, unknown>)[extra] : value;
  const details =
    keyword === 'required'
      ? allowedBy(schema.properties?.[extra ?? ''] ?? {}, 'required')
      : detailsOf(keyword, params, schema, value);
  return { field, message: new InputError(where, field, shown(field, at), details).message };
}

function detailsOf(
  keyword: string,
  params: Readonly<Record<string, unknown>>,
  schema: Schema,
  value: unknown,
): { allowed: string; advice?: string } {
  switch (keyword) {
    case 'additionalProperties': {
      const known = Object.keys(schema.properties ?? {}).sort();
      const meant = nearest(String(params.additionalProperty), known);
      return {
        allowed: `no such field; known are ${known.join(', ')}`,
        advice: meant === undefined ? undefined : `Did you mean ${meant}?`,
      };
    }
    case 'enum': {
      const known = (schema.enum ?? []).map(String);
      const meant = typeof value === 'string' ? nearest(value, known) : undefined;
      return { ...allowedBy(schema), advice: meant === undefined ? undefined : `Did you mean ${meant}?` };
    }
    default:
      return allowedBy(schema, keyword);
  }
}

/** In words, what a schema takes. */
function allowedBy(schema: Schema, keyword?: string): { allowed: string; advice?: string } {
  if (keyword === 'minItems') return { allowed: 'a list that is not empty' };
  if (keyword === 'maxItems') return { allowed: 'a list of one' };
  if (keyword === 'minProperties') return { allowed: 'an object that is not empty' };
  if (schema.allowed !== undefined) return { allowed: schema.allowed };
  if (schema.const !== undefined) return { allowed: quote(schema.const) };
  if (schema.enum) return { allowed: schema.enum.map(quote).join(', ') };
  const bounds = [
    ...(schema.minimum === undefined ? [] : [`at least ${schema.minimum}`]),
    ...(schema.maximum === undefined ? [] : [`at most ${schema.maximum}`]),
  ];
  const type = schema.$ref || schema.properties ? 'object' : schema.type;
  return { allowed: [typeName(type ?? 'string'), ...bounds].join(', ') };
}

/** What is given, as an error may show it: cut where it is long, and not where it may be a secret. */
function shown(field: string, value: unknown): unknown {
  if (value === undefined || value === null || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (/secret|token|stringData|\bdata\b/i.test(field)) return typeof value === 'string' ? '***' : 'given';
  if (typeof value !== 'object') return quote(value).replace(/^"(.*)"$/, '$1');
  return Array.isArray(value) ? 'a list' : 'an object';
}

/** The value at a path, and its schema. */
function walk(
  segments: readonly string[],
  file: string,
  document: unknown,
): { value: unknown; schema: Schema } {
  const resolve = (schema: Schema): Schema => (schema.$ref === undefined ? schema : readSchema(schema.$ref));
  let schema = readSchema(file);
  let value = document;
  for (const segment of segments) {
    const inner = schema.properties?.[segment] ?? schema.items ?? schema.additionalProperties ?? {};
    schema = typeof inner === 'boolean' ? {} : resolve(inner);
    value = (value as Record<string, unknown>)[segment];
  }
  return { value, schema };
}

/** A field of a schema: `spec.items[].name`, `spec.services.*.replicas`. @internal */
export function fieldsOfSchema(file: string): string[] {
  return fieldsBelow(readSchema(file), '');
}

function fieldsBelow(given: Schema, at: string): string[] {
  const schema = given.$ref === undefined ? given : readSchema(given.$ref);
  if (schema.items) return schema.items.properties ? fieldsBelow(schema.items, `${at}[]`) : [at];
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    fieldsBelow(inner, /^\w+$/.test(name) ? `${at}${at ? '.' : ''}${name}` : `${at}["${name}"]`),
  );
  const others = schema.additionalProperties;
  const any =
    typeof others === 'object' && others.properties
      ? fieldsBelow(others, `${at}.*`)
      : typeof others === 'object'
        ? [at]
        : [];
  const below = [...named, ...any];
  return below.length > 0 ? below : [at];
}
