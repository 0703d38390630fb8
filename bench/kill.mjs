// Kills downloads at hundreds of instants, and runs them again: no marker may ever be over wrong bytes. The same test
// as of `npm test`, test/runtime/artifact/kill.test.ts, at more points.
//   node bench/kill.mjs [--quick]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print } from './synth/print.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const KILLS = 76; // of each layout, in each kind of place: some three hundred

/** The table of this check. `quick` kills as often as `npm test` does. */
export function benchKill({ quick }) {
  const work = mkdtempSync(join(tmpdir(), 'bench-kill-'));
  try {
    const report = join(work, 'jest.json');
    spawnSync(
      process.execPath,
      ['node_modules/.bin/jest', 'test/runtime/artifact/kill', '--json', `--outputFile=${report}`],
      {
        cwd: ROOT,
        env: { ...process.env, ...(quick ? {} : { KILLS: String(KILLS) }) },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const [{ assertionResults }] = JSON.parse(readFileSync(report, 'utf8')).testResults;
    return {
      title: `Downloads killed at any instant${quick ? ' (quick: as often as in the tests)' : ''}`,
      columns: [
        'files',
        'kills',
        'seconds',
        'never a marker over wrong bytes, next to nothing fetched twice',
      ],
      rows: assertionResults.map(({ title, status, duration }) => [
        ...[title, quick ? 'as in the tests' : KILLS, Math.round(duration / 1000)],
        status === 'passed' ? 'yes' : 'NO',
      ]),
      notes: ['Three of four by SIGKILL, the others by SIGTERM; at a step of the program, or at a time.'],
    };
  } finally {
    rmSync(work, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  print(benchKill({ quick: process.argv.includes('--quick') }));
}
