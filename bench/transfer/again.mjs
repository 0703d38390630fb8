// A second run where everything is there already: what it asks for, what it reads, how long it takes.
import { Stand } from './stand.mjs';
import { number } from './throughput.mjs';

const MOST_SECONDS = 0.3;
const MOST_REQUESTS = 2;

export async function again(bench) {
  const sets = ['small', 'repository'];
  const stand = await Stand.open(bench, sets);
  try {
    const rows = [];
    const goals = [];
    const { tools } = bench;
    for (const set of sets) {
      for (const to of ['folder', 's3']) {
        const movers = to === 's3' ? [tools.ours(), tools.koldun(4, 512)] : [tools.ours(), tools.hf];
        for (const tool of movers.filter(({ missing }) => !missing)) {
          const move = { set, from: 'hub', to };
          await stand.move(tool, move);
          const runs = [];
          for (let run = 0; run < (bench.quick || tool !== movers[0] ? 1 : 5); run++) {
            runs.push(await stand.move(tool, { ...move, again: true }));
          }
          const { seconds, cpu, hub, s3 } = runs.sort((a, b) => a.seconds - b.seconds)[
            Math.floor(runs.length / 2)
          ];
          const asked = hub.api + hub.resolve + hub.cached + hub.cdn;
          rows.push([
            set,
            to,
            tool.name,
            number(seconds),
            number(cpu),
            asked,
            s3.requests,
            hub.bytes + s3.received,
          ]);
          if (tool !== movers[0]) continue;
          const what = `${set}, again, to ${to}`;
          goals.push(
            goal(`${what}: seconds`, seconds, MOST_SECONDS),
            goal(`${what}: requests to the Hub`, asked, MOST_REQUESTS),
            goal(`${what}: bytes of bodies read from the Hub`, hub.bytes, 0),
          );
        }
      }
    }
    await stand.clean();
    return {
      title: 'Again, when everything is there',
      columns: [
        'files',
        'to',
        'by',
        'seconds',
        'requests to the Hub',
        'requests to S3',
        'bytes of files moved',
      ],
      rows,
      notes: [
        'A warm run of the program trusts sizes and times; `verify --deep` reads everything.',
        'Seconds are those of the process, its start included; the median of five runs of ours.',
      ],
      goals,
    };
  } finally {
    stand.close();
  }
}

function goal(what, value, most) {
  return [
    what,
    Number.isInteger(value) ? value : number(value),
    `at most ${most}`,
    value <= most ? 'yes' : 'NO',
  ];
}
