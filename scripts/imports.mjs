// Writes imports/*.ts anew from imports/schemas/*.yaml with `cdk8s import`. Works offline.
// Usage: node scripts/imports.mjs [folder to write to, default imports]
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const schemas = join(root, 'imports/schemas');
const output = resolve(process.argv[2] ?? join(root, 'imports'));

for (const schema of readdirSync(schemas).sort()) {
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/cdk8s-cli/bin/cdk8s'), 'import', join(schemas, schema)].concat(
      ['--language', 'typescript', '--output', output],
      // Otherwise the path would be added to the `imports` of cdk8s.yaml.
      ['--no-save'],
    ),
    { cwd: root, stdio: 'inherit', env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false' } },
  );
}
