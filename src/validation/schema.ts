import type { Entry } from './object-set';
import type { Report } from './rule';
import { nearest, quote } from './suggest';

/** A schema as the generator writes it. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly const?: string;
  readonly since?: string;
  readonly until?: string;
  readonly valuesSince?: Readonly<Record<string, string>>;
}

/** An error as ajv gives it. */
interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a compiled schema is called on: the target version. */
interface Target {
  readonly minor: number;
}

/** By apiVersion/Kind. */
type Functions<F> = Readonly<Record<string, F | undefined>>;

interface Accept {
  call(target: Target, value: unknown): boolean;
}

interface Explain extends Accept {
  readonly errors: readonly SchemaError[] | null;
}

interface Schemas {
  readonly kinds: Readonly<Record<string, string>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

/* eslint-disable @typescript-eslint/no-require-imports -- generated JavaScript, loaded when it is needed */

/** Says why an object does not fit. Loaded when one does not. */
function explaining(): Functions<Explain> {
  return require('./generated/explain.js') as Functions<Explain>;
}

function schemas(): Schemas {
  return require('./generated/schema.js') as Schemas;
}

/** Says whether an object fits. Loaded on the first check: a program that checks nothing does not pay for it. */
function accepting(file: string): Functions<Accept> {
  let functions = loaded.get(file);
  if (!functions) loaded.set(file, (functions = require(`./generated/${file}.js`) as Functions<Accept>));
  return functions;
}

/* eslint-enable @typescript-eslint/no-require-imports */

const loaded = new Map<string, Functions<Accept>>();

/** What accepts the kinds of Kubernetes itself. */
const KUBERNETES = 'accept';

/** What accepts custom resources, by API group: those that this library writes, and only their fields that it writes. */
const CUSTOM_RESOURCES = new Map(
  [
    'argoproj.io',
    'gateway.networking.k8s.io',
    'http.keda.sh',
    'inference.networking.k8s.io',
    'inference.networking.x-k8s.io',
    'keda.sh',
    'kustomize.toolkit.fluxcd.io',
    'leaderworkerset.x-k8s.io',
    'monitoring.coreos.com',
    'traefik.io',
  ].map((group) => [group, `accept.${group}`]),
);

/** How well an object fits its schema. @internal */
export type SchemaResult =
  /** Rules may read it: it fits, or all that is wrong are fields too many or too new. */
  | 'readable'
  /** Something is missing or of another type than rules expect. */
  | 'broken';

/**
 * Checks an object against the schema of its kind for the target version. A kind that we have no schema for is
 * taken as it is.
 *
 * @internal
 */
export function checkSchema(entry: Entry, minor: number, report: Report): SchemaResult {
  const { apiVersion, kind } = entry.object;
  const custom = CUSTOM_RESOURCES.get(apiVersion.split('/', 1)[0]);
  if (custom && !entry.ours) return checkMetadata(entry, report);
  const name = `${apiVersion}/${kind}`;
  const fits = accepting(custom ?? KUBERNETES)[name];
  if (!fits) return checkUnknownKind(entry, report);
  if (fits.call({ minor }, entry.object)) return 'readable';
  let result: SchemaResult = 'readable';
  for (const error of errorsOf(name, entry.object, minor)) {
    const { field, message } = explain(error, entry, minor);
    report(entry, field, message);
    if (!HARMLESS.has(error.keyword)) result = 'broken';
  }
  return result;
}

function errorsOf(name: string, object: unknown, minor: number): readonly SchemaError[] {
  const explain = explaining()[name];
  explain?.call({ minor }, object);
  return explain?.errors ?? [];
}

/** Violations that leave all that a rule reads as it expects it. */
const HARMLESS = new Set([
  'additionalProperties',
  'since',
  'until',
  'valuesSince',
  'enum',
  'pattern',
  'maxProperties',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
]);

/** A kind that we know under another apiVersion only is a mistake; any other may be a custom resource. */
function checkUnknownKind(entry: Entry, report: Report): SchemaResult {
  const { apiVersion, kind } = entry.object;
  const isBuiltIn = !apiVersion.includes('.') || /\.k8s\.io\//.test(apiVersion);
  if (!isBuiltIn) return checkMetadata(entry, report);
  const known = Object.keys(accepting(KUBERNETES)).filter((name) => name.endsWith(`/${kind}`));
  if (known.length === 0) return checkMetadata(entry, report);
  const right = known[0].slice(0, -kind.length - 1);
  report(entry, 'apiVersion', `is ${quote(apiVersion)}; a ${kind} is of apiVersion ${quote(right)}`);
  return 'broken';
}

/** What rules read of every object, whatever its kind. */
function checkMetadata(entry: Entry, report: Report): SchemaResult {
  for (const field of ['labels', 'annotations']) {
    const map = entry.object.metadata[field] as unknown;
    if (map === undefined) continue;
    if (typeof map === 'object' && map !== null && Object.values(map).every((v) => typeof v === 'string'))
      continue;
    report(entry, `metadata.${field}`, `is ${quote(map)}; it must be an object whose values are all strings`);
    return 'broken';
  }
  return 'readable';
}

function explain(error: SchemaError, entry: Entry, minor: number): { field: string; message: string } {
  const segments = segmentsOfPointer(error.instancePath);
  const { value, schema } = walk(segments, entry);
  const field = segments.length > 0 ? fieldName(segments) : undefined;
  const given = quote(value);
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(error.params.additionalProperty);
      return {
        field: fieldName([...segments, name]),
        message: unknownField(name, Object.keys(schema.properties ?? {}), segments.length === 0),
      };
    }
    case 'required': {
      const name = String(error.params.missingProperty);
      return { field: fieldName([...segments, name]), message: 'is missing; it is required' };
    }
    case 'since':
      return {
        field: field ?? '',
        message:
          `needs Kubernetes ${String(error.params.version)}; the target is 1.${minor}. Leave ` +
          'it out, or raise kubernetesVersion',
      };
    case 'valuesSince':
      return {
        field: field ?? '',
        message:
          `is ${given}, which needs Kubernetes ${schema.valuesSince?.[String(value)]}; the target is 1.${minor}. ` +
          'Choose another, or raise kubernetesVersion',
      };
    case 'until':
      return {
        field: field ?? '',
        message:
          `exists up to Kubernetes ${String(error.params.version)} only; the target is ` +
          `1.${minor}. Leave it out`,
      };
    case 'type':
      return { field: field ?? '', message: `is ${given}; it must be ${typeName(error.params.type)}` };
    case 'enum': {
      const allowed = error.params.allowedValues as string[];
      const meant = typeof value === 'string' ? nearest(value, allowed) : undefined;
      const hint = meant === undefined ? '' : `. Did you mean ${quote(meant)}?`;
      return {
        field: field ?? '',
        message: `is ${given}; allowed are ${allowed.map(quote).join(', ')}${hint}`,
      };
    }
    case 'pattern':
      return {
        field: field ?? '',
        message: `is ${given}; it must be a quantity: a number with a suffix or none, such as 500m, 2, 20Gi`,
      };
    case 'minProperties':
    case 'maxProperties':
      return { field: field ?? '', message: `is ${given}; it must say exactly one thing of what it can` };
    case 'minItems':
    case 'maxItems': {
      const bound = error.keyword === 'minItems' ? 'at least' : 'at most';
      return {
        field: field ?? '',
        message: `has ${(value as unknown[]).length} elements; it may have ${bound} ${String(error.params.limit)}`,
      };
    }
    case 'minimum':
    case 'maximum': {
      const bound = error.keyword === 'minimum' ? 'at least' : 'at most';
      return {
        field: field ?? '',
        message: `is ${given}; it must be ${bound} ${String(error.params.limit)}`,
      };
    }
    default:
      return {
        field: field ?? '',
        message: `is ${given}; it breaks ${error.keyword} ${quote(error.params)}`,
      };
  }
}

function unknownField(name: string, allowed: string[], isRoot: boolean): string {
  if (isRoot && name === 'status') return 'is written by the cluster; leave it out';
  const meant = nearest(name, allowed);
  if (meant !== undefined) return `is not a known field. Did you mean ${meant}?`;
  return `is not a known field; allowed are ${allowed.sort().join(', ')}`;
}

/** The value at a path, and its schema. */
function walk(segments: readonly string[], { object }: Entry): { value: unknown; schema: Schema } {
  const { kinds, definitions } = schemas();
  const resolve = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : resolve(definitions[schema.$ref.slice('#/definitions/'.length)]);
  let schema = resolve(definitions[kinds[`${object.apiVersion}/${object.kind}`]]);
  let value: unknown = object;
  for (const segment of segments) {
    const inner: boolean | Schema =
      schema.properties?.[segment] ?? schema.items ?? schema.additionalProperties ?? {};
    schema = typeof inner === 'boolean' ? {} : resolve(inner);
    value = (value as Record<string, unknown>)[segment];
  }
  return { value, schema };
}

/** The names and indices of a JSON pointer, as ajv gives it. @internal */
export function segmentsOfPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replace(/~1/g, '/').replace(/~0/g, '~'));
}

/** `spec.containers[0].resources.limits["nvidia.com/gpu"]` @internal */
export function fieldName(segments: readonly string[]): string {
  return segments
    .map((segment) => {
      if (/^\d+$/.test(segment)) return `[${segment}]`;
      return /^[A-Za-z_]\w*$/.test(segment) ? `.${segment}` : `["${segment}"]`;
    })
    .join('')
    .replace(/^\./, '');
}

/** What a type of JSON Schema is called in a message. @internal */
export function typeName(type: unknown): string {
  const names: Record<string, string> = {
    integer: 'a whole number',
    number: 'a number',
    string: 'a string (in quotes, where it reads as something else)',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
  };
  const types = Array.isArray(type) ? (type as string[]) : String(type).split(',');
  return types.map((name) => names[name] ?? name).join(' or ');
}
