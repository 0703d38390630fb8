import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { REPOSITORY, temporaryFolder } from './support/folders';

test('API.md is what the docstrings give now; if not, run `npm run docs`', () => {
  if (!fs.existsSync(path.join(REPOSITORY, '.jsii'))) {
    throw new Error('.jsii is missing; run `npm run build` first, as `npm test` does by itself.');
  }
  const now = path.join(temporaryFolder(), 'API.md');
  execFileSync(process.execPath, [path.join(REPOSITORY, 'node_modules/.bin/jsii-docgen'), '--output', now], {
    cwd: REPOSITORY,
    stdio: 'pipe',
  });
  const isSame = fs.readFileSync(now).equals(fs.readFileSync(path.join(REPOSITORY, 'API.md')));
  expect(isSame ? 'API.md is fresh' : 'API.md is stale: run `npm run docs`').toBe('API.md is fresh');
}, 300_000);
