// Whether PhasedApp and cdk8s write the same bytes for the same charts.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { output, script, yamlFiles } from './tools.mjs';

const PIPELINES = 10;

/** @throws when they do not */
export function requireSameBytes(engine) {
  const [ours, theirs] = ['phased', 'stock'].map((name) => hashes(name, engine));
  if (ours.length === 0 || ours.length % PIPELINES) throw new Error(`PhasedApp wrote ${ours.length} files`);
  if (ours.join() !== theirs.join())
    throw new Error(`PhasedApp and cdk8s wrote different bytes for ${engine}`);
}

/** Of all files; their names differ. */
function hashes(name, engine) {
  rmSync(output(name), { recursive: true, force: true });
  const [node, ...args] = script(`${name}.cjs`, PIPELINES, output(name), engine);
  execFileSync(node, args);
  return yamlFiles(name)
    .map((file) =>
      createHash('sha256')
        .update(readFileSync(join(output(name), file)))
        .digest('hex'),
    )
    .sort();
}
