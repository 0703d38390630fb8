// Writes src/validation/generated/: the JSON Schema of every kind that we check, and what the library loads of
// it: functions compiled from it, which need no ajv. accept.js says whether an object fits; when it does not,
// explain.js says why, and schema.js what would. migrate.js does the same for what src/migrate reads.
//
//   node scripts/schemas.mjs              compile from the schema and imports/schemas; offline
//   node scripts/schemas.mjs --packages   derive the schema anew from the npm packages first
//   node scripts/schemas.mjs --check      write nothing; end with 1 when a file is not what would be written
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  acceptModules,
  combineSchemas,
  explainModule,
  formatSchema,
  schemaModule,
} from './schemas.compile.mjs';
import { customResourceSchemas } from './schemas.custom.mjs';
import { kubernetesSchema } from './schemas.kubernetes.mjs';
import { migrationModule } from './schemas.migrate.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'src/validation/generated');
const schemaFile = join(folder, 'kubernetes.schema.json');
const option = process.argv[2];

if (option !== undefined && option !== '--packages' && option !== '--check') {
  console.error(`unknown option ${option}; allowed: --packages, --check`);
  process.exit(64);
}
mkdirSync(folder, { recursive: true });
if (option === '--packages') writeFileSync(schemaFile, formatSchema(kubernetesSchema()));

const kubernetes = JSON.parse(readFileSync(schemaFile, 'utf8'));
const customResources = customResourceSchemas(join(root, 'imports/schemas'));
const schemas = combineSchemas(kubernetes, customResources);
const files = {
  ...Object.fromEntries(
    Object.entries(await acceptModules(schemas, customResources)).map(([group, text]) => [
      group === '' ? 'accept.js' : `accept.${group}.js`,
      text,
    ]),
  ),
  'explain.js': await explainModule(schemas),
  'schema.js': schemaModule(schemas),
  'migrate.js': await migrationModule(join(root, 'src/migrate/schemas')),
};

for (const [name, text] of Object.entries(files)) {
  const file = join(folder, name);
  if (option !== '--check') {
    writeFileSync(file, text);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(
      `src/validation/generated/${name} is not what its schemas give. Run: node scripts/schemas.mjs`,
    );
    process.exit(1);
  }
}
