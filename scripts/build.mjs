// Compiles the library with jsii into lib/, with everything that is read at run time beside the code.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const env = {
  ...process.env,
  JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: '1',
  JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION: '1',
};

rmSync(join(root, 'lib'), { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    join(root, 'node_modules/jsii/bin/jsii'),
    '--generate-tsconfig',
    'tsconfig.jsii.json',
    '--silence-warnings=reserved-word',
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env,
  },
);

copy('src/runtime', /\.(py|sh|txt)$/);
copy('src/validation/generated', /\.js$/);

function copy(folder, pattern) {
  const from = join(root, folder);
  if (!existsSync(from)) return;
  const to = join(root, 'lib', folder);
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((n) => pattern.test(n)))
    cpSync(join(from, name), join(to, name));
}
