import * as fs from 'node:fs';
import * as path from 'node:path';

interface Locked {
  readonly packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
}

const root = path.join(__dirname, '../..');
const { packages } = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Locked;

// `npm ci` refuses a lock that lacks one, even of another platform. A registry that lags behind leaves them out.
test('the lock holds the packages of every platform', () => {
  const missing = Object.entries(packages).flatMap(([at, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !packages[`node_modules/${name}`] && !packages[`${at}/node_modules/${name}`])
      .map((name) => `${name}, of ${at}`),
  );
  expect(missing).toEqual([]);
});

test('the lock names no registry', () => {
  expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
});
