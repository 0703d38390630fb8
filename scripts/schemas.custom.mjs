// The schemas of the custom resources that we write, from the definitions that imports/ is generated from.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Yaml } from 'cdk8s';

/** apiVersion/Kind -> the definition's openAPIV3Schema. */
export function customResourceSchemas(folder) {
  const schemas = {};
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()) {
    const documents = Yaml.load(join(folder, file));
    for (const { spec } of documents.flatMap((d) => (d.kind === 'List' ? d.items : [d]))) {
      for (const { name, schema } of spec.versions) {
        schemas[`${spec.group}/${name}/${spec.names.kind}`] = plainSchema(schema.openAPIV3Schema);
      }
    }
  }
  return schemas;
}

/** As JSON Schema, without the keywords that CRDs add to it. `x-definition` is ours: a type of Kubernetes itself. */
function plainSchema(schema) {
  if (Array.isArray(schema)) return schema.map(plainSchema);
  if (schema === null || typeof schema !== 'object') return schema;
  if (schema['x-definition']) return { $ref: `#/definitions/${schema['x-definition']}` };
  if (schema['x-kubernetes-int-or-string']) return { type: ['integer', 'string'] };
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => !key.startsWith('x-kubernetes-'))
      .map(([key, value]) => [key, plainSchema(value)]),
  );
}
