// Memory: that it does not grow with the model, and the smallest limits that the program runs inside.
import { MIB, sizeOf } from './files.mjs';
import { Stand } from './stand.mjs';
import { number } from './throughput.mjs';

/** The most memory by which a larger model may raise the peak, as a factor. */
const FLAT = 1.1;

const LIMITS = [
  { mib: 48, workers: 2 },
  { mib: 64, workers: 4 },
];

/** From the Hub into S3, whose server throws away what it receives: no disk has to hold 10 GiB. */
export async function flat(bench) {
  const sets = Object.keys(bench.named).filter((name) => name.startsWith('flat-'));
  const stand = await Stand.open(bench, sets);
  try {
    const rows = [];
    const peaks = [];
    for (const set of sets) {
      const bytes = sizeOf(bench.sets[set]);
      const result = await stand.move(bench.tools.ours(), { set, from: 'hub', to: 's3' });
      peaks.push(result.anonymous);
      rows.push([
        number(bytes / MIB),
        number(result.seconds),
        ...[result.anonymous, result.peak].map(mebibytes),
      ]);
    }
    const growth = Math.max(...peaks) / peaks[0];
    return {
      title: 'Memory from 100 MiB to 10 GiB (Hub to S3)',
      columns: ['MiB', 'seconds', 'peak anonymous MiB', 'peak resident MiB'],
      rows,
      notes: [bench.tools.ours().name + '.'],
      goals: [
        [
          'memory, the largest model against the smallest',
          growth.toFixed(2),
          `at most ${FLAT}`,
          met(growth <= FLAT),
        ],
      ],
    };
  } finally {
    stand.close();
  }
}

export async function limits(bench) {
  const set = 'four';
  const stand = await Stand.open(bench, [set]);
  try {
    const rows = [];
    const goals = [];
    let by = '';
    for (const { mib, workers } of LIMITS) {
      for (const to of ['disk', 's3']) {
        const tool = bench.tools.ours(workers);
        const outcome = await stand
          .move(tool, { set, from: 'hub', to, memoryMib: mib })
          .catch((error) => ({ error }));
        const { error } = outcome;
        if (error) console.warn(error.message);
        by ||= outcome.limit ?? '';
        rows.push([
          ...[mib, tool.name, to === 's3' ? 'S3' : 'a folder on a disk'],
          ...(error ? ['failed', ''] : [number(outcome.seconds), mebibytes(outcome.anonymous)]),
        ]);
        goals.push([
          `${tool.name} inside ${mib} MiB, to ${to}`,
          error ? 'failed' : 'ended well',
          'ends well',
          met(!error),
        ]);
      }
    }
    return {
      title: 'Memory limits (Hub to folder and S3, 4 x 256 MiB)',
      columns: ['limit MiB', 'by', 'to', 'seconds', 'peak anonymous MiB'],
      rows,
      notes: [
        by === 'RLIMIT_DATA'
          ? 'Limited by RLIMIT_DATA: no control group could be made here.'
          : 'Limited by a control group, the page cache included.',
      ],
      goals,
    };
  } finally {
    stand.close();
  }
}

const mebibytes = (bytes) => Math.round(bytes / MIB);
const met = (yes) => (yes ? 'yes' : 'NO');
