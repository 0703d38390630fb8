// The same files moved by our program and by its peers: the rows, and how their table is made.
import { MIB, sizeOf } from './files.mjs';

const SETS = {
  large: '1 x 1 GiB',
  four: '4 x 256 MiB',
  small: '1,500 small files',
  repository: 'a repository of 1 GiB',
};

/** The CDN of the slow rows: a long way off. */
export const FAR = { firstByte: 150, rate: 50 * MIB };

/** The groups of rows; the rows of a group share their servers. `tools` takes what tools.mjs finds. */
export function groups({ quick }) {
  const sets = Object.keys(SETS);
  const hubToFolder = (t) => [t.ours(), t.ours(4), t.hf, t.curl];
  const hubToS3 = (t) => [
    t.ours(),
    t.ours(4),
    t.koldun(4, 512),
    t.koldun(1, 128),
    t.hfThenAws,
    t.curlThenCurl,
  ];
  const s3ToFolder = (t) => [t.ours(), t.boto3, t.aws, t.curlS3];
  const pace = quick ? { firstByte: 10, rate: 500 * MIB } : FAR;
  const row = (id, title, set, from, to, tools) => ({
    ...{ id: `${id}-${set}`, title: `${title}, ${SETS[set]}`, runs: quick ? 1 : 3, set, from, to, tools },
  });
  const plain = [
    ...sets.map((set) => row('hub-folder', 'Hub to folder', set, 'hub', 'folder', hubToFolder)),
    ...sets.map((set) => row('hub-s3', 'Hub to S3', set, 'hub', 's3', hubToS3)),
    ...sets.map((set) => row('s3-folder', 'S3 to folder', set, 's3', 'folder', s3ToFolder)),
  ];
  const tls = [
    row('tls-hub-folder', 'TLS: Hub to folder', 'four', 'hub', 'folder', hubToFolder),
    row('tls-hub-s3', 'TLS: Hub to S3', 'four', 'hub', 's3', (t) => hubToS3(t).slice(0, 3)),
    row('tls-s3-folder', 'TLS: S3 to folder', 'four', 's3', 'folder', (t) => s3ToFolder(t).slice(0, 3)),
  ];
  const far = [
    {
      ...row('far-hub-folder', 'Far CDN: Hub to folder', 'large', 'hub', 'folder', (t) => [
        ...[t.ours(), t.ours(16), t.hf, t.curl],
      ]),
      runs: 1,
    },
  ];
  return [{ rows: plain }, { rows: tls, tls: true }, { rows: far, pace }];
}

/** The measured row as a table's lines: ours first, whom the others are compared with. */
export function lines({ title, set, results, absent }, sets) {
  const bytes = sizeOf(sets[set]);
  const [[ours, own]] = results;
  const empty = Array(COLUMNS.length - 3).fill('');
  const measured = [...results].map(([tool, result]) => {
    if (result.failed) return [title, tool.name, 'failed', ...empty];
    const ratios = ['seconds', 'cpu', 'anonymous'].map((name) => times(result[name], own[name]));
    return [
      title,
      tool.name,
      number(result.seconds),
      number(bytes / MIB / result.seconds),
      number(result.cpu),
      number((result.cpu * 1024 * MIB) / bytes),
      Math.round(result.anonymous / MIB),
      number(result.servers),
      ...(tool === ours || own.failed ? ['', '', ''] : ratios),
    ];
  });
  return [...measured, ...absent.map(({ name }) => [title, name, 'not here', ...empty])];
}

export const COLUMNS = [
  ...['row', 'by', 'seconds', 'MiB/s', 'CPU seconds', 'CPU seconds/GiB', 'peak anonymous MiB'],
  "servers' CPU seconds",
  ...['x our seconds', 'x our CPU', 'x our memory'],
];

export const number = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
const times = (theirs, own) => (theirs / own).toFixed(2);
