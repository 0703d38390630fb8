// usage: json.mjs COUNT OUTDIR OBJECTS    writes ready objects to the same files as JSON: the floor
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [count, outdir, objects] = process.argv.slice(2);
const phases = JSON.parse(readFileSync(objects, 'utf8'));
for (let i = 1; i <= Number(count); i++) {
  for (const [folder, objectsOfPhase] of Object.entries(phases)) {
    const to = join(outdir, `qwen3-${i}`, folder);
    mkdirSync(to, { recursive: true });
    writeFileSync(
      join(to, `${folder}.json`),
      objectsOfPhase.map((object) => JSON.stringify(object)).join('\n'),
    );
  }
}
