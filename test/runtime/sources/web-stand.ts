import type { SourceSpec } from '../../../src/artifact/sources/source-spec';

/** The arguments of a download from a web server; small buffers, so that small files have many chunks. */
export function webArgs(kind: string, url: string, sha256: string, dir: string, ...more: string[]): string[] {
  return [
    'fetch.py',
    kind,
    `--url=${url}`,
    `--sha256=${sha256}`,
    '--key=k1',
    `--dir=${dir}`,
    '--workers=4',
    '--chunk-mib=1',
    ...more,
  ];
}

/** The arguments that the Job of a ModelCache gives to the program. */
export function argsOf({ kind, fetch }: SourceSpec, dir: string): string[] {
  if (fetch.by !== 'program') throw new Error(`${kind} is not fetched by fetch.py`);
  const endpoints = fetch.endpoints.map(({ flag, url }) => `${flag}=${url}`);
  return ['fetch.py', kind, ...endpoints, ...fetch.args, '--key=k1', `--dir=${dir}`];
}
