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
        schemas[`${spec.group}/${name}/${spec.names.kind}`] = schema.openAPIV3Schema;
      }
    }
  }
  return schemas;
}
