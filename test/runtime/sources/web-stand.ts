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
