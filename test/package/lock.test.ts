import * as fs from 'node:fs';
import * as path from 'node:path';

interface Locked {
  readonly packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
}

const root = path.join(__dirname, '../..');
const { packages } = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Locked;

/** Where Node looks for what a package needs: `a/node_modules/b/`, `a/`, and the root. */
function foldersAbove(at: string): string[] {
  const parts = at.split('/node_modules/');
  return [...parts.map((_, i) => `${parts.slice(0, parts.length - i).join('/node_modules/')}/`), ''];
}

// `npm ci` refuses a lock that lacks one, even of another platform. A registry that lags behind leaves them out.
test('the lock holds the packages of every platform', () => {
  const missing = Object.entries(packages).flatMap(([at, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !foldersAbove(at).some((folder) => packages[`${folder}node_modules/${name}`]))
      .map((name) => `${name}, of ${at}`),
  );
  expect(missing).toEqual([]);
});

test('the lock names no registry', () => {
  expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
});
