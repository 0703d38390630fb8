// Writes imports/*.ts anew from imports/schemas/*.yaml with `cdk8s import`. Works offline.
// Usage: node scripts/imports.mjs [folder to write to, default imports]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const schemas = join(root, 'imports/schemas');
const output = resolve(process.argv[2] ?? join(root, 'imports'));

// All in one run, by a configuration of its own: most of the time goes into starting the command.
const folder = mkdtempSync(join(tmpdir(), 'imports-'));
try {
  const imports = readdirSync(schemas)
    .sort()
    .map((schema) => join(schemas, schema));
  writeFileSync(join(folder, 'cdk8s.yaml'), JSON.stringify({ language: 'typescript', app: 'none', imports }));
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/cdk8s-cli/bin/cdk8s'), 'import', '--output', output],
    { cwd: folder, stdio: 'inherit', env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false' } },
  );
} finally {
  rmSync(folder, { recursive: true });
}
