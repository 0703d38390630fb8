// Runs all benchmarks, prints them and writes RESULTS.md.
//   node bench/run.mjs [--quick]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import { benchConvert } from './convert.mjs';
import { benchSynth } from './synth.mjs';
import { benchTransfer } from './transfer.mjs';
import { print } from './synth/print.mjs';
import { benchStart } from './synth/start.mjs';

const quick = process.argv.includes('--quick');
const tables = [];
for (const bench of [benchStart, benchSynth, benchConvert, benchTransfer]) {
  for (const table of [await bench({ quick })].flat()) {
    print(table);
    tables.push(table);
  }
}
// A quick run measures less than what is on record.
if (!quick) {
  const text = ['# Benchmarks', versions(), ...tables.map(markdown)].join('\n\n');
  writeFileSync(new URL('RESULTS.md', import.meta.url), `${text}\n`);
}

function markdown({ title, columns, rows, notes }) {
  const lines = [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  return [`## ${title}`, lines.join('\n'), notes.map((note) => `- ${note}`).join('\n')].join('\n\n');
}

function versions() {
  const { resolve } = createRequire(import.meta.url);
  const packages = ['cdk8s', 'cdk8s-plus-28', 'constructs'].map((name) => {
    const { version } = JSON.parse(readFileSync(resolve(`${name}/package.json`), 'utf8'));
    return `${name} ${version}`;
  });
  const machine = `${os.availableParallelism()} cores ${os.cpus()[0]?.model.trim()}, ${os.type()} ${os.arch()}`;
  return `\`npm run bench\` on ${machine}; ${[`Node ${process.versions.node}`, ...packages, kubectl()].join(', ')}.`;
}

function kubectl() {
  try {
    const json = execFileSync('kubectl', ['version', '--client', '--output=json'], { encoding: 'utf8' });
    const { clientVersion, kustomizeVersion } = JSON.parse(json);
    return `kubectl ${clientVersion.gitVersion} (kustomize ${kustomizeVersion})`;
  } catch {
    return 'no kubectl';
  }
}
