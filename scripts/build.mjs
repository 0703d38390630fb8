// Compiles the library with jsii into lib/, with everything that is read at run time beside the code.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';
import { makeLazy } from './lazy-index.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const env = {
  ...process.env,
  JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: '1',
  JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION: '1',
};

rmSync(join(root, 'lib'), { recursive: true, force: true });
const jsii = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/jsii/bin/jsii'),
    '--generate-tsconfig',
    'tsconfig.jsii.json',
    '--silence-warnings=reserved-word',
  ],
  { cwd: root, stdio: 'inherit', env },
);
if (jsii.status !== 0) process.exit(jsii.status ?? 1);

const lib = join(root, 'lib');
const compiled = readdirSync(lib, { recursive: true }).filter((file) => file.endsWith('.js'));
// What is read at run time and is no TypeScript: programs, scripts, generated validators.
cpSync(join(root, 'src'), join(lib, 'src'), {
  recursive: true,
  filter: (path) => !/(\.ts|__pycache__|\.schema\.json)$/.test(path),
});
makeLazy(join(lib, 'src/index.js'));
bundle(lib, compiled);
