import { createHash } from 'node:crypto';
import { sha256 } from '../../doubles/hub';
import type { HubFile } from '../../doubles/hub';
import type { S3Double, S3Object } from '../../doubles/s3';
import { run, temporaryFolder } from '../artifact/program';
import type { Outcome } from '../artifact/program';

/** The folder of the bucket that the tests read. */
export const PREFIX = 'org/model';

/** A server with a bucket, as the program is told of it as a source. */
export interface SourceServer {
  readonly endpoint: string;
  readonly bucket: string;
}

/** The arguments that name the source. */
export function sourceArgs(server: SourceServer, ...pins: string[]): string[] {
  return [
    'fetch.py',
    's3',
    `--source-endpoint=${server.endpoint}`,
    `--source-bucket=${server.bucket}`,
    `--source-prefix=${PREFIX}`,
    '--key=k1',
    '--workers=4',
    '--chunk-mib=1',
    ...pins,
  ];
}

/** The credentials of a server as those of the source. */
export function sourceEnvironment(server: { environment: Record<string, string> }): Record<string, string> {
  const entries = Object.entries(server.environment).map(([name, value]) => [`SOURCE_${name}`, value]);
  return Object.fromEntries(entries) as Record<string, string>;
}

export interface FetchOptions {
  readonly dir?: string;
  readonly env?: Record<string, string>;
}

/** Fetches from the double into a folder. */
export async function fetchFrom(
  s3: S3Double,
  pins: string[],
  { dir = temporaryFolder(), env = sourceEnvironment(s3) }: FetchOptions = {},
): Promise<Outcome & { dir: string }> {
  return { dir, ...(await run(sourceArgs(s3, ...pins, `--dir=${dir}`), { env })) };
}

/** Puts files below the prefix. */
export function put(s3: S3Double, files: HubFile[], more: Partial<S3Object> = {}): S3Object[] {
  return files.map((file) => s3.put(`${PREFIX}/${file.path}`, file.content, more));
}

/** Pins the files by their hashes. */
export function filePins(files: HubFile[]): string[] {
  return files.map((file) => `--file=${sha256(file.content)}:${file.path}`);
}

/** Puts a manifest below the prefix, and pins it. */
export function putManifest(s3: S3Double, path: string, text: string): string[] {
  s3.put(`${PREFIX}/${path}`, Buffer.from(text));
  return [`--manifest=${path}`, `--manifest-sha256=${sha256(Buffer.from(text))}`];
}

/** The marker of an artifact that is these files, as another cluster left it. */
export function markerText(files: HubFile[]): string {
  return JSON.stringify({
    format: 1,
    key: 'abcdef012345',
    source: { type: 'huggingface', repo: 'org/model' },
    licence: 'apache-2.0',
    parents: [],
    bytes: files.reduce((sum, file) => sum + file.content.length, 0),
    files: files.map(({ path, content }) => ({ path, size: content.length, sha256: sha256(content) })),
  });
}

/** The digest of a body, as S3 tells checksums. */
export function base64(algorithm: string, body: Buffer): string {
  return createHash(algorithm).update(body).digest('base64');
}

/** The checksum of the checksums of the parts. */
export function compositeSha256(body: Buffer, partSize: number): string {
  const parts: Buffer[] = [];
  for (let first = 0; first < body.length; first += partSize) {
    parts.push(
      createHash('sha256')
        .update(body.subarray(first, first + partSize))
        .digest(),
    );
  }
  return `${base64('sha256', Buffer.concat(parts))}-${parts.length}`;
}
