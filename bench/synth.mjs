// Synthesizes growing numbers of the example pipelines, by PhasedApp and by others: CPU and peak memory.
//   node bench/synth.mjs [--quick] [--limit=CPU_SECONDS]
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { measure } from './synth/measure.mjs';
import { print } from './synth/print.mjs';
import { requireSameBytes } from './synth/same-bytes.mjs';
import { benchStart } from './synth/start.mjs';
import { CDK8S_APP, ENGINES, PHASED_APP, tools, WORK } from './synth/tools.mjs';

const COUNTS = [1, 10, 100, 1000, 5000];
const RUNS = { 1: 5, 10: 3, 100: 3, 1000: 3, 5000: 1 };

/** CPU seconds that a tool may take, else it is given up. */
const LIMIT = 240;

/** CPU of PhasedApp per pipeline, at most, as a multiple of that at 100 pipelines. */
const LINEAR_GOAL = 1.3;

/** CPU of cdk8s, at least, as a multiple of PhasedApp's, by pipelines. */
const RATIO_GOALS = { 1000: 10, 5000: 40 };

/** The table of this benchmark. `quick` leaves out 5,000 pipelines, and all but PhasedApp above 100. */
export function benchSynth({ quick, limit = LIMIT }) {
  const counts = quick ? COUNTS.slice(0, -1) : COUNTS;
  const results = [];
  try {
    for (const engine of ENGINES) {
      const [phasedApp, ...others] = tools(engine);
      requireSameBytes(engine);
      for (const count of counts) {
        for (const tool of quick && count > 100 ? [phasedApp] : [phasedApp, ...others]) {
          const before = results.filter((result) => result.tool === tool && result.engine === engine);
          results.push({ engine, tool, count, ...run(tool, count, engine, limit, before) });
        }
      }
    }
  } finally {
    rmSync(WORK, { recursive: true, force: true });
  }
  return {
    title: 'Synthesizing the example pipelines',
    columns: ['served by', 'pipelines', 'by', 'CPU seconds', 'ms per pipeline', 'x PhasedApp', 'peak MiB'],
    rows: results.map((result) => row(result, find(results, result.engine, PHASED_APP, result.count))),
    notes: [
      'PhasedApp and cdk8s App write the same bytes for the same charts.',
      'The servers of llama-server and vLLM have a route, monitoring and a smoke test, that of vLLM autoscaling.',
      `Marked >: ended after ${limit} CPU seconds. Marked ~: not run, because it would take longer; extrapolated from the rows above.`,
      ...ENGINES.flatMap((engine) => goals(results, engine)),
    ],
  };
}

/** What a tool takes; where it is certain to take more than the limit, what it would take. */
function run(tool, count, engine, limit, before) {
  const last = before.at(-1);
  if (last && (last.mark || (last.cpu * count) / last.count > limit)) {
    // What was ended is known to take that much at least.
    const measured = before.filter(({ mark }) => mark !== '~');
    return { mark: '~', cpu: extrapolate(measured, count) };
  }
  const command = tool.command(count, engine);
  const result = measure(command, { runs: RUNS[count], limit, before: () => tool.before(engine) });
  return result.overLimit ? { mark: '>', cpu: limit } : result;
}

/** Through the last two measurements: a part that grows with the number, and one with its square. */
function extrapolate(measured, count) {
  const [a, b] = measured
    .slice(-2)
    .map((result) => ({ count: result.count, perPipeline: result.cpu / result.count }));
  const slope = Math.max(0, (b.perPipeline - a.perPipeline) / (b.count - a.count));
  return count * (b.perPipeline + slope * (count - b.count));
}

function row({ engine, tool, count, cpu, peak, mark = '' }, phased) {
  return [
    engine,
    count,
    tool.name,
    `${mark}${cpu.toFixed(cpu < 10 ? 2 : 0)}`,
    `${mark}${((1000 * cpu) / count).toFixed(1)}`,
    `${mark}${(cpu / phased.cpu).toFixed(1)}`,
    peak ? Math.round(peak / 2 ** 20) : '',
  ];
}

function goals(results, engine) {
  const last = results.findLast((result) => result.tool === PHASED_APP && result.engine === engine);
  const at100 = find(results, engine, PHASED_APP, 100);
  const growth = last.cpu / last.count / (at100.cpu / at100.count);
  const ratios = Object.entries(RATIO_GOALS).flatMap(([count, goal]) => {
    const [ours, theirs] = [PHASED_APP, CDK8S_APP].map((tool) => find(results, engine, tool, Number(count)));
    if (!ours || !theirs) return [];
    const how = { '>': ', at least', '~': ', extrapolated' }[theirs.mark] ?? '';
    return `${engine}: at ${count} pipelines cdk8s takes ${(theirs.cpu / ours.cpu).toFixed(1)} times the CPU${how} (goal: ${goal}).`;
  });
  return [
    `${engine}: a pipeline among ${last.count} takes ${growth.toFixed(2)} times the CPU of one among 100 (goal: at most ${LINEAR_GOAL}).`,
    ...ratios,
  ];
}

function find(results, engine, tool, count) {
  return results.find((result) => result.engine === engine && result.tool === tool && result.count === count);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const limit = process.argv.find((argument) => argument.startsWith('--limit='))?.split('=')[1];
  print(benchStart());
  print(benchSynth({ quick: process.argv.includes('--quick'), limit: limit && Number(limit) }));
}
