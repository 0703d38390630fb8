import { Yaml } from 'cdk8s';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The documents of a YAML text as cdk8s reads them, which leaves out empty ones. */
export function parseYaml(text: string): unknown[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parse-yaml-'));
  try {
    const file = path.join(folder, 'documents.yaml');
    fs.writeFileSync(file, text);
    return Yaml.load(file);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
