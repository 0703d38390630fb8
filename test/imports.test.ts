import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Yaml } from 'cdk8s';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parsed YAML
type Untyped = any;

const ROOT = path.resolve(__dirname, '..');
const IMPORTS = path.join(ROOT, 'imports');

function typescriptFiles(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')]));
}

test('imports/ is what `npm run imports` makes of the schemas', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'imports-'));
  try {
    execFileSync(process.execPath, [path.join(ROOT, 'scripts/imports.mjs'), folder], { stdio: 'pipe' });
    expect(typescriptFiles(folder)).toEqual(typescriptFiles(IMPORTS));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}, 120_000);

describe.each(fs.readdirSync(path.join(IMPORTS, 'schemas')))('%s', (name) => {
  const documents = Yaml.load(path.join(IMPORTS, 'schemas', name));
  const crds = documents.flatMap((document) => (document.kind === 'List' ? document.items : [document]));

  test('knows every object whole: an unknown field cannot be written', () => {
    const open: string[] = [];
    const visit = (kind: string, at: string, schema: Untyped) => {
      if (schema.type === 'array') visit(kind, `${at}[]`, schema.items);
      if (schema.type !== 'object' || at === `${kind}.metadata` || schema['x-definition']) return;
      const isMap = typeof schema.additionalProperties === 'object' && !schema.properties;
      if (schema.additionalProperties !== false && !isMap) open.push(at);
      for (const [key, value] of Object.entries(schema.properties ?? {})) visit(kind, `${at}.${key}`, value);
    };
    for (const crd of crds) {
      const kind = crd.spec.names.kind;
      visit(kind, kind, crd.spec.versions[0].schema.openAPIV3Schema);
    }
    expect(crds.length).toBeGreaterThan(0);
    expect(open).toEqual([]);
  });

  test('says what every field of a spec means', () => {
    const silent: string[] = [];
    const visit = (at: string, schema: Untyped) => {
      if (schema.items) visit(`${at}[]`, schema.items);
      for (const [key, value] of Object.entries<Untyped>(schema.properties ?? {})) {
        if (!value.description && at.includes('.spec')) silent.push(`${at}.${key}`);
        visit(`${at}.${key}`, value);
      }
    };
    for (const crd of crds) visit(crd.spec.names.kind, crd.spec.versions[0].schema.openAPIV3Schema);
    expect(silent).toEqual([]);
  });
});
