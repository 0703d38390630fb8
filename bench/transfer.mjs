// Moves the same files by our program and by others, on loopback, in one run: seconds, CPU and peak memory of the
// client, as ratios, and whether the goals are met.
//   node bench/transfer.mjs [--quick] [--only=ROW,...]    a row by its id, or the beginning of ids: hub-s3, far, again
//
// Needs Python 3.11 and about 3 GiB of memory for files. What else it compares with is left out, loudly, where it is
// missing; on Debian:
//   apt-get install awscli curl openssl
//   export CDK8S_LLM_PEER_PYTHON=$(test/doubles/install-peers.sh FOLDER)    huggingface_hub, boto3, requests
//
// Our program and the Python peers run by the same interpreter. The Hub, its CDN and S3 are doubles written for this
// (see transfer/hub.mjs and transfer/s3.mjs), each a process of its own that makes the bytes up. Every move is
// verified afterwards, byte for byte. The tools take turns, and medians are told.
import { fileURLToPath } from 'node:url';
import { print } from './synth/print.mjs';
import { again } from './transfer/again.mjs';
import { throughputGoals } from './transfer/goals.mjs';
import { flat, limits } from './transfer/memory.mjs';
import { Bench, Stand } from './transfer/stand.mjs';
import { COLUMNS, groups, lines } from './transfer/throughput.mjs';

const OTHERS = { limits, flat, again };

/** The tables of this benchmark. `only`: beginnings of the ids of rows. */
export async function benchTransfer({ quick, only = [''] }) {
  const wanted = (id) => only.some((start) => id.startsWith(start));
  const bench = new Bench({ quick });
  try {
    warnOfMissing(bench.tools);
    const rows = await throughput(bench, groups({ quick }), wanted);
    const others = [];
    for (const [id, measure] of Object.entries(OTHERS)) {
      if (wanted(id)) others.push(await measure(bench));
    }
    if (!rows.length && !others.length) throw new Error(`no row is called ${only}`);
    const measured = Object.fromEntries(rows.map((row) => [row.id, row]));
    const goals = [...throughputGoals(measured), ...others.flatMap((table) => table.goals)];
    return [
      ...(rows.length ? [throughputTable(bench, rows)] : []),
      ...others,
      {
        title: `Goals of moving models${quick ? ' (quick: of no meaning)' : ''}`,
        columns: ['what', 'reached', 'goal', 'met'],
        rows: goals,
        notes: [],
      },
    ];
  } finally {
    bench.close();
  }
}

async function throughput(bench, all, wanted) {
  const done = [];
  for (const { rows, tls, pace } of all) {
    const chosen = rows.filter(({ id }) => wanted(id));
    const certificate = tls && chosen.length ? bench.certificate() : undefined;
    if (!chosen.length) continue;
    if (tls && !certificate) {
      console.warn(`NOT MEASURED, because openssl is missing: ${chosen.map(({ id }) => id)}`);
      continue;
    }
    const sets = [...new Set(chosen.map(({ set }) => set))];
    const stand = await Stand.open(bench, sets, { tls: certificate, pace });
    try {
      for (const row of chosen) {
        const tools = row.tools(bench.tools);
        const present = tools.filter(({ missing }) => !missing);
        const results = await stand.compare(present, row, row.runs);
        for (const [{ name }, { failed }] of results) {
          if (failed) console.warn(`FAILED, ${row.title}, ${name}: ${failed}`);
        }
        done.push({ ...row, results, absent: tools.filter(({ missing }) => missing) });
      }
    } finally {
      stand.close();
    }
  }
  return done;
}

function throughputTable(bench, rows) {
  return {
    title: 'Moving models',
    columns: COLUMNS,
    rows: rows.flatMap((row) => lines(row, bench.sets)),
    notes: [
      `${bench.tools.versions.join(', ')}; ours and the peers in Python by the same interpreter.`,
      'Loopback, and the servers on the same cores: only the ratios mean something. Medians of three runs in turn; of one where it took more than four times our seconds, or the CDN is far.',
      'Memory is what the process itself holds at most; of several commands one after the other, the largest.',
      'Ours verifies every byte as it passes, and leaves a marker; the others verify none of the hashes.',
      "Koldun's way is our reading of its description; hf is `snapshot_download` into a folder, without Xet.",
      'The S3 server reads and hashes all that it gets, and checks signatures (see bench/transfer/s3.mjs).',
      'Far CDN: 150 ms to the first byte of each answer, and 50 MiB/s per connection.',
    ],
  };
}

function warnOfMissing(tools) {
  const all = [tools.hf, tools.hfThenAws, tools.curl, tools.koldun(4, 512), tools.boto3, tools.aws];
  for (const { name, missing } of all.filter((tool) => tool.missing)) {
    console.warn(`NOT COMPARED with ${name}: ${missing}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length);
  const quick = process.argv.includes('--quick');
  for (const table of await benchTransfer({ quick, only: only?.split(',') })) print(table);
}
