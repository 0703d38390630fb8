// Compiles the schemas of the resources that src/migrate reads, with ajv's standalone code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { minify } from './schemas.compile.mjs';

/** The schema that the others refer to. */
const COMMON = 'metadata.json';

/**
 * A CommonJS module that exports, by the schema's file without `.json`, a function that says whether a resource fits,
 * with all that is wrong in its property `errors`.
 */
export async function migrationModule(folder) {
  const ajv = new Ajv.default({
    strict: true,
    allowUnionTypes: true,
    allErrors: true,
    messages: false,
    inlineRefs: false,
    code: { source: true, lines: true, optimize: 2 },
  });
  // What an error says is allowed where a pattern decides.
  ajv.addVocabulary(['allowed']);
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  for (const file of files) ajv.addSchema(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const exported = files
    .filter((file) => file !== COMMON)
    .map((file) => [file.replace('.json', '').replace(/-(\w)/g, (_, letter) => letter.toUpperCase()), file]);
  return minify(standalone.default(ajv, Object.fromEntries(exported)));
}
