// Writes the YAML of all cases anew: npx tsx test/cases/write.ts
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CASES, folderOf, yamlOf } from './cases';

for (const each of CASES) {
  const files = yamlOf(each);
  fs.rmSync(folderOf(each), { recursive: true, force: true });
  for (const [file, text] of Object.entries(files)) {
    const target = path.join(folderOf(each), file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }
}
