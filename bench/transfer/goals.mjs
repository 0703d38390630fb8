// What is to be reached, as ratios within one run, and what was.
import { MIB } from './files.mjs';
import { CHUNK_MIB } from './tools.mjs';

/** Anonymous memory that the program needs besides its buffers, at most. */
const BASE_MIB = 15;

/**
 * The goals that a run can tell of, as lines: what, the figure, the goal, whether it is met.
 *
 * @param rows - measured, by id
 */
export function throughputGoals(rows) {
  const found = [];
  const goal = (id, us, them, figure, limit) => {
    const row = rows[id];
    const [own, peer] = row ? [us, them].map((name) => byName(row, name)) : [];
    if (!row) return;
    const what = `${row.title}: ${figure.what}, ${us} against ${them}`;
    if (!own || !peer) found.push([what, 'one is missing', said(figure, limit), 'not measured']);
    else
      found.push(
        line(row, `${figure.what}, ${own.name} against ${peer.name}`, figure, figure.of(own, peer), limit),
      );
  };
  const [ours8, ours4, ours16] = [8, 4, 16].map((workers) => `ours, ${workers} x`);
  goal('hub-folder-four', ours8, 'hf', SPEED, 1.3);
  goal('hub-folder-four', ours4, 'hf', SPEED, 1.3);
  goal('hub-folder-four', ours8, 'hf', CPU, 0.5);
  goal('hub-folder-four', ours4, 'hf', CPU, 0.5);
  goal('hub-folder-four', ours4, 'hf', MEMORY, 1 / 3);
  for (const ours of [ours8, ours4]) {
    goal('hub-s3-four', ours, "Koldun's way, 4", SPEED, 1.2);
    goal('hub-s3-four', ours, "Koldun's way, 4", CPU, 0.75);
    goal('tls-hub-s3-four', ours, "Koldun's way, 4", SPEED, 1.8);
    goal('tls-hub-s3-four', ours, "Koldun's way, 4", CPU, 0.75);
  }
  goal('far-hub-folder-large', ours16, 'hf', SPEED, 7);
  goal('s3-folder-four', ours8, 'boto3', SPEED, 1.5);
  goal('hub-folder-small', ours8, 'hf', SPEED, 5);
  goal('hub-s3-small', ours8, 'hf, then', SPEED, 5);
  for (const workers of [8, 4]) {
    const id = 'hub-s3-four';
    const own = rows[id] && byName(rows[id], `ours, ${workers} x`);
    const most = BASE_MIB + workers * CHUNK_MIB;
    if (own) found.push(line(rows[id], `peak MiB, ${own.name}`, PEAK, own.anonymous / MIB, most));
  }
  return [...found, ...Object.values(rows).flatMap(fastestPeer)];
}

/** On every row: not slower than the fastest peer, at less memory than that one. The floor is no peer. */
function fastestPeer(row) {
  const all = named(row);
  const [own] = all;
  const peers = all.filter(({ name }) => !/^ours|floor/.test(name));
  if (!own.name.startsWith('ours')) return [[`${row.title}: ours`, 'failed', 'ends well', 'NO']];
  if (!peers.length) return [[`${row.title}: the fastest peer`, 'no peer here', '', 'not measured']];
  const fastest = peers.reduce((a, b) => (a.seconds <= b.seconds ? a : b));
  // Any setting that is shown counts.
  const best = all
    .filter(({ name }) => name.startsWith('ours'))
    .reduce((a, b) => (a.seconds <= b.seconds ? a : b));
  const against = `${best.name} against the fastest peer, ${fastest.name}`;
  return [
    line(row, `speed, ${against}`, SPEED, SPEED.of(best, fastest), 1),
    line(
      row,
      `memory, ${own.name} against the fastest peer, ${fastest.name}`,
      MEMORY,
      MEMORY.of(own, fastest),
      1,
    ),
  ];
}

const named = (row) =>
  [...row.results]
    .map(([tool, result]) => ({ name: tool.name, ...result }))
    .filter((result) => !result.failed);
const byName = (row, start) => named(row).find(({ name }) => name.startsWith(start));

const SPEED = { what: 'speed', least: true, of: (own, peer) => peer.seconds / own.seconds };
const CPU = { what: 'CPU', of: (own, peer) => own.cpu / peer.cpu };
const MEMORY = { what: 'memory', of: (own, peer) => own.anonymous / peer.anonymous };
const PEAK = { what: 'memory' };

function line(row, what, figure, value, limit) {
  const met = figure.least ? value >= limit : value <= limit;
  return [`${row.title}: ${what}`, rounded(value), said(figure, limit), met ? 'yes' : 'NO'];
}

const said = (figure, limit) => `at ${figure.least ? 'least' : 'most'} ${rounded(limit)}`;
const rounded = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
