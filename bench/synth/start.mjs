// From the start of node to the YAML of one pipeline on disk.
import { measure } from './measure.mjs';
import { ENGINES, PHASED_APP } from './tools.mjs';

const GOAL = 2.5;
const RUNS = 10;

const NODE = { name: 'node -e 0', command: [process.execPath, '-e', '0'] };
const IMPORT = { name: 'and the import of cdk8s', command: [process.execPath, '-e', "require('cdk8s')"] };
const SYNTHS = ENGINES.map((engine) => ({
  name: `and of this library, and one pipeline on disk that serves by ${engine}`,
  command: PHASED_APP.command(1, engine),
}));

/** The table of this benchmark. */
export function benchStart() {
  const results = [NODE, IMPORT, ...SYNTHS].map(({ name, command }) => ({
    name,
    ...measure(command, { runs: RUNS, before: PHASED_APP.before }),
  }));
  PHASED_APP.before();
  const [, base, ...synths] = results;
  const ratios = synths.map(({ cpu }) => (cpu / base.cpu).toFixed(2));
  return {
    title: 'Starting',
    columns: ['', 'CPU ms', 'wall ms', 'x import of cdk8s', 'peak MiB'],
    rows: results.map(({ name, cpu, wall, peak }) => [
      name,
      Math.round(1000 * cpu),
      Math.round(1000 * wall),
      Number((cpu / base.cpu).toFixed(2)),
      Math.round(peak / 2 ** 20),
    ]),
    notes: [
      `One pipeline takes ${ratios.join(', ')} times the CPU of node and the import of cdk8s (goal: at most ${GOAL}).`,
      `The least CPU of ${RUNS} runs.`,
    ],
  };
}
