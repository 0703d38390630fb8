// Compiles the schemas to one validator without dependencies, with ajv's standalone code.
import Ajv, { _ } from 'ajv';
import { or } from 'ajv/dist/compile/codegen/index.js';
import standalone from 'ajv/dist/standalone/index.js';
import { transform } from 'esbuild';

const DRAFT = 'http://json-schema.org/draft-07/schema#';
const NOTICE = '// Made by scripts/schemas.mjs. Do not edit.';

/** The schema of every apiVersion/Kind, whole, as one JSON Schema and the place of each kind in it. */
export function combineSchemas({ kinds, definitions }, customResources) {
  const schema = { $schema: DRAFT, $id: 'kubernetes', definitions: { ...definitions } };
  const places = {};
  for (const [kind, id] of Object.entries(kinds)) {
    schema.definitions[id] = rootSchema(kind, definitions[id]);
    places[kind] = id;
  }
  for (const [kind, custom] of Object.entries(customResources)) {
    schema.definitions[kind] = rootSchema(kind, withoutDescriptions(custom));
    places[kind] = kind;
  }
  return { schema, places };
}

/** A CommonJS module with the schemas as data, for messages that say what is allowed. */
export function schemaModule({ schema, places }) {
  return `${NOTICE}\nmodule.exports = ${JSON.stringify({ kinds: places, definitions: schema.definitions })};\n`;
}

/**
 * CommonJS modules, by API group, that export for each apiVersion/Kind a function that says whether an object fits.
 * Kubernetes' own kinds are in one, of the group ''; each group of custom resources has its own, so that only those
 * are loaded that a program writes.
 */
export async function acceptModules(schemas, customResources) {
  const groupOf = (kind) => (kind in customResources ? kind.slice(0, kind.indexOf('/')) : '');
  const modules = {};
  for (const group of new Set(Object.keys(schemas.places).map(groupOf))) {
    const places = Object.entries(schemas.places).filter(([kind]) => groupOf(kind) === group);
    const part = { ...schemas, places: Object.fromEntries(places) };
    modules[group] = await minify(withoutErrors(validatorCode(part, { allErrors: false })));
  }
  return modules;
}

/** The same with functions that say all that is wrong, in their property `errors`. */
export async function explainModule(schemas) {
  return minify(validatorCode(schemas, { allErrors: true }));
}

function validatorCode({ schema, places }, { allErrors }) {
  const ajv = new Ajv.default({
    strict: true,
    allowUnionTypes: true,
    allErrors,
    messages: false,
    inlineRefs: false,
    // The target version is the `this` of a validate function: { minor: 31 }.
    passContext: true,
    code: { source: true, lines: true, optimize: 2 },
  });
  addVersionKeyword(ajv, 'since', (minor, target) => _`${target}.minor < ${minor}`);
  addVersionKeyword(ajv, 'until', (minor, target) => _`${target}.minor > ${minor}`);
  addValueKeyword(ajv);
  ajv.addSchema(schema);
  const exported = Object.fromEntries(
    Object.entries(places).map(([kind, id]) => [kind, `kubernetes#/definitions/${encodeURIComponent(id)}`]),
  );
  for (const id of Object.values(exported)) ajv.getSchema(id);
  return standalone.default(ajv, exported);
}

/**
 * ajv's code without its error objects, which is half of it: nearly all objects are right, and loading is most of
 * the cost of checking a few. Fails when ajv writes other code than this knows. A test compares both forms.
 */
function withoutErrors(code) {
  const lean = code
    .replace(/^validate\d+\.errors = (\[\{.*\}\]|vErrors);$/gm, '')
    .replace(
      /^vErrors = vErrors === null \? (validate\d+)\.errors : vErrors\.concat\(\1\.errors\);\nerrors = vErrors\.length;$/gm,
      'return false;',
    )
    .replaceAll('let vErrors = null;', '')
    .replaceAll(', {instancePath="", parentData, parentDataProperty, rootData=data}={})', ')')
    .replace(/, \{instancePath:instancePath.*,rootData\}\)/g, ')');
  const left = /.*(vErrors|\.errors|instancePath).*/.exec(lean);
  if (left) throw new Error(`withoutErrors does not know this code of ajv: ${left[0]}`);
  return lean;
}

/** Small, without a module that it would need at run time. */
export async function minify(code) {
  const options = { minify: true, treeShaking: true, format: 'cjs', target: 'node20', charset: 'utf8' };
  const { code: small } = await transform(code, options);
  if (/\brequire\(/.test(small)) throw new Error('the code would need a module at run time');
  return `${NOTICE}\n${small}`;
}

function addVersionKeyword(ajv, keyword, isViolated) {
  ajv.addKeyword({
    keyword,
    schemaType: 'string',
    error: { params: ({ schema }) => _`{version: ${schema}}` },
    code(context) {
      context.fail(isViolated(Number(context.schema.split('.')[1]), _`this`));
    },
  });
}

/** Values that are taken from a version on: `{ Never: '1.35' }`. */
function addValueKeyword(ajv) {
  ajv.addKeyword({
    keyword: 'valuesSince',
    schemaType: 'object',
    code(context) {
      const tooNew = Object.entries(context.schema).map(
        ([value, version]) =>
          _`(${context.data} === ${value} && this.minor < ${Number(version.split('.')[1])})`,
      );
      context.fail(or(...tooNew));
    },
  });
}

/** What a whole object has beside what its definition says. */
function rootSchema(kind, definition) {
  const [apiVersion, name] = [kind.slice(0, kind.lastIndexOf('/')), kind.slice(kind.lastIndexOf('/') + 1)];
  return {
    ...definition,
    properties: {
      ...definition.properties,
      apiVersion: { const: apiVersion },
      kind: { const: name },
      metadata: { $ref: '#/definitions/meta.v1.ObjectMeta' },
    },
    required: [...new Set(['apiVersion', 'kind', 'metadata', ...(definition.required ?? [])])],
  };
}

function withoutDescriptions(schema) {
  if (Array.isArray(schema)) return schema.map(withoutDescriptions);
  if (schema === null || typeof schema !== 'object') return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === 'description' && typeof value === 'string'))
      .map(([key, value]) => [key, withoutDescriptions(value)]),
  );
}

/** The schema as text, a line for each property. */
export function formatSchema({ versions, kinds, definitions }) {
  const lines = ['{', `  "versions": ${JSON.stringify(versions)},`, '  "kinds": {'];
  lines.push(entries(kinds, '    '), '  },', '  "definitions": {');
  const blocks = Object.entries(definitions).map(([id, { properties, ...rest }]) =>
    [
      `    ${JSON.stringify(id)}: {`,
      ...Object.entries(rest).map(
        ([key, value]) => `      ${JSON.stringify(key)}: ${JSON.stringify(value)},`,
      ),
      '      "properties": {',
      entries(properties, '        '),
      '      }',
      '    }',
    ].join('\n'),
  );
  lines.push(blocks.join(',\n'), '  }', '}', '');
  return lines.join('\n');
}

function entries(object, indent) {
  return Object.entries(object)
    .map(([key, value]) => `${indent}${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n');
}
