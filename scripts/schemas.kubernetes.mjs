// Derives one JSON Schema of the Kubernetes API from the type declarations of cdk8s-plus, one package for each
// Kubernetes version. A field that not all versions have is marked with `since` or `until`.
import ts from 'typescript';
import {
  CONSTRAINTS,
  ENABLED_SINCE,
  ENUMS,
  FORMER_VOLUMES,
  KINDS,
  PACKAGES,
  QUANTITY_PATTERN,
  UNUSABLE,
  VALUES_ENABLED_SINCE,
} from './schemas.facts.mjs';
import { newerMinors } from './schemas.newer.mjs';
import { extract } from './schemas.package.mjs';

/** The schema: `kinds` maps apiVersion/Kind to its definition. */
export function kubernetesSchema() {
  const minors = Object.keys(PACKAGES).map(Number);
  const versions = new Map(minors.map((minor) => [minor, readDefinitions(PACKAGES[minor])]));
  const kinds = kindIds();
  const definitions = {};
  const queue = Object.values(kinds);
  while (queue.length > 0) {
    const id = queue.shift();
    if (definitions[id]) continue;
    definitions[id] = mergeDefinition(id, versions);
    for (const property of Object.values(definitions[id].properties)) queue.push(...references(property));
  }
  requireFacts(definitions);
  const sorted = Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1)));
  const all = [...minors, ...newerMinors(definitions)];
  return { versions: all.map((minor) => `1.${minor}`), kinds, definitions: sorted };
}

/** apiVersion/Kind -> definition. */
function kindIds() {
  const ids = {};
  for (const [apiVersion, kinds] of Object.entries(KINDS)) {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
    for (const kind of kinds) ids[`${apiVersion}/${kind}`] = `${group.split('.')[0]}.${version}.${kind}`;
  }
  return ids;
}

/** The interfaces of one package: definition -> { property -> { schema, required } }. */
function readDefinitions(packageName) {
  return parseDeclarations(extract(packageName, 'package/lib/imports/k8s.d.ts'));
}

function parseDeclarations(text) {
  const source = ts.createSourceFile('k8s.d.ts', text, ts.ScriptTarget.Latest, true);
  const interfaces = source.statements.filter(ts.isInterfaceDeclaration);
  const idByName = new Map(interfaces.map((node) => [node.name.text, shortId(schemaTag(node))]));
  const definitions = new Map();
  for (const node of interfaces) {
    const properties = new Map();
    for (const member of node.members) {
      // The declared name is camel case; the tag has the field as it is written.
      const field = schemaTag(member).split('#')[1];
      properties.set(field, {
        schema: () => typeSchema(member.type, idByName),
        required: !member.questionToken,
      });
    }
    definitions.set(shortId(schemaTag(node)), properties);
  }
  return definitions;
}

function schemaTag(node) {
  const tag = /@schema (\S+)/.exec(node.getFullText());
  if (!tag) throw new Error(`no @schema tag: ${node.getText().slice(0, 80)}`);
  return tag[1];
}

/** `io.k8s.api.batch.v1.JobSpec` -> `batch.v1.JobSpec`. */
function shortId(id) {
  return id.replace(/^io\.k8s\.api\.|^io\.k8s\.apimachinery\.pkg\.(apis\.)?/, '');
}

function typeSchema(type, idByName) {
  if (ts.isArrayTypeNode(type)) return { type: 'array', items: typeSchema(type.elementType, idByName) };
  if (ts.isTypeLiteralNode(type)) {
    return { type: 'object', additionalProperties: typeSchema(type.members[0].type, idByName) };
  }
  switch (type.getText()) {
    case 'string':
    case 'Date':
      return { type: 'string' };
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
      // No kind of ours has a field for a fraction.
      return { type: 'integer' };
    case 'any':
      return {};
    case 'IntOrString':
      return { type: ['integer', 'string'] };
    case 'Quantity':
      return { type: ['string', 'number'], pattern: QUANTITY_PATTERN };
  }
  const id = idByName.get(type.getText());
  if (!id) throw new Error(`unknown type ${type.getText()}`);
  return { $ref: `#/definitions/${id}` };
}

function mergeDefinition(id, versions) {
  const minors = [...versions.keys()];
  const having = minors.filter((minor) => versions.get(minor).has(id));
  const fields = [...new Set(having.flatMap((minor) => [...versions.get(minor).get(id).keys()]))].sort();
  const properties = {};
  const required = [];
  for (const field of fields) {
    const name = `${id}#${field}`;
    if (UNUSABLE.includes(name)) continue;
    const present = having.filter((minor) => versions.get(minor).get(id).has(field));
    const { schema, required: isRequired } = versions.get(present.at(-1)).get(id).get(field);
    const since =
      ENABLED_SINCE[name] ??
      (present[0] === minors[0] || present[0] === having[0] ? undefined : `1.${present[0]}`);
    const until = present.at(-1) === having.at(-1) ? undefined : `1.${present.at(-1)}`;
    properties[field] = {
      ...(isFormerVolume(id, field) ? { type: 'object' } : withEnum(schema(), ENUMS[name])),
      ...(since ? { since } : {}),
      ...(VALUES_ENABLED_SINCE[name] ? { valuesSince: VALUES_ENABLED_SINCE[name] } : {}),
      ...(until ? { until } : {}),
    };
    if (isRequired && present.length === having.length) required.push(field);
  }
  return {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    ...CONSTRAINTS[id],
    additionalProperties: false,
  };
}

function isFormerVolume(id, field) {
  return ['core.v1.Volume', 'core.v1.PersistentVolumeSpec'].includes(id) && FORMER_VOLUMES.includes(field);
}

/** With the values that a string, or each string of a list, may have. */
function withEnum(schema, values) {
  if (!values) return schema;
  return schema.type === 'array'
    ? { ...schema, items: { ...schema.items, enum: values } }
    : { ...schema, enum: values };
}

function references(schema) {
  if (schema.$ref) return [schema.$ref.slice('#/definitions/'.length)];
  const inner = schema.items ?? schema.additionalProperties;
  return inner ? references(inner) : [];
}

/** A fact about a field that is not there is a misspelling. */
function requireFacts(definitions) {
  for (const name of [ENUMS, ENABLED_SINCE, VALUES_ENABLED_SINCE].flatMap(Object.keys)) {
    const [id, field] = name.split('#');
    if (!definitions[id]?.properties[field]) throw new Error(`schemas.facts.mjs: there is no field ${name}`);
  }
  for (const field of FORMER_VOLUMES) {
    const known = ['core.v1.Volume', 'core.v1.PersistentVolumeSpec'].some(
      (id) => definitions[id].properties[field],
    );
    if (!known) throw new Error(`schemas.facts.mjs: there is no volume ${field}`);
  }
  for (const id of Object.keys(CONSTRAINTS)) {
    if (!definitions[id]) throw new Error(`schemas.facts.mjs: there is no definition ${id}`);
  }
}
