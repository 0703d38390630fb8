// Runs all benchmarks, prints them and writes RESULTS.md; with --only one of them, whose part there is replaced.
//   node bench/run.mjs [--quick] [--only=start|synth|convert|transfer|kill]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import { benchConvert } from './convert.mjs';
import { benchKill } from './kill.mjs';
import { benchSynth } from './synth.mjs';
import { benchTransfer } from './transfer.mjs';
import { print } from './synth/print.mjs';
import { benchStart } from './synth/start.mjs';

const BENCHES = {
  start: benchStart,
  synth: benchSynth,
  convert: benchConvert,
  transfer: benchTransfer,
  kill: benchKill,
};
const RESULTS = new URL('RESULTS.md', import.meta.url);

const quick = process.argv.includes('--quick');
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length);
if (only && !(only in BENCHES)) throw new Error(`--only must be one of ${Object.keys(BENCHES)}`);
const tables = [];
for (const bench of only ? [BENCHES[only]] : Object.values(BENCHES)) {
  for (const table of [await bench({ quick })].flat()) {
    print(table);
    tables.push(table);
  }
}
// A quick run measures less than what is on record.
if (!quick) {
  const sections = ['# Benchmarks', versions(), ...tables.map(markdown)];
  writeFileSync(RESULTS, `${(only ? merged(sections.slice(2)) : sections).join('\n\n')}\n`);
}

/** What is on record, with these sections instead of those of the same title. */
function merged(sections) {
  const titleOf = (section) => section.split('\n')[0];
  const kept = new Map(
    readFileSync(RESULTS, 'utf8')
      .trim()
      .split(/\n\n(?=## )/)
      .map((section) => [titleOf(section), section]),
  );
  for (const section of sections) kept.set(titleOf(section), section);
  return [...kept.values()];
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
