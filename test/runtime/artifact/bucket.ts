import { sha256 } from '../../doubles/hub';
import type { HubFile } from '../../doubles/hub';
import { MotoServer } from '../../doubles/moto';
import { S3Double } from '../../doubles/s3';
import { run, sleep, start } from './program';
import type { Marker, Outcome } from './program';

/** A server with a bucket, as the program is told of it. */
export interface Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly environment: Record<string, string>;
}

export type AnyServer = S3Double | MotoServer | undefined;

/** What the tests of a bucket run against; the second is undefined where moto is not to be had. */
export const SERVERS: [string, (bucket: string) => Promise<AnyServer>][] = [
  ['a strict double of S3', (bucket) => S3Double.start(bucket)],
  ['moto', (bucket) => MotoServer.start(bucket)],
];

/** Tests against each of the servers; `check` declares one, which passes where the server is not to be had. */
export function onEachServer(
  title: string,
  declare: (check: (name: string, body: (server: S3Double | MotoServer) => Promise<void>) => void) => void,
): void {
  describe.each(SERVERS)(`${title} of %s`, (_, startServer) => {
    let server: AnyServer;
    beforeAll(async () => {
      server = await startServer('models');
    });
    afterAll(() => server?.stop());
    declare((name, body) =>
      test(name, async () => {
        if (server) await body(server); // startServer has said that there is none
      }),
    );
  });
}

export function bucketArgs(server: Server, prefix: string): string[] {
  return [`--s3-endpoint=${server.endpoint}`, `--bucket=${server.bucket}`, `--prefix=${prefix}`];
}

export function verifyBucket(server: Server, prefix: string, ...more: string[]): Promise<Outcome> {
  return run(['verify.py', '--key=k1', ...bucketArgs(server, prefix), ...more], { env: server.environment });
}

export function markerIn(server: S3Double, prefix: string): Marker {
  return JSON.parse(String(server.objects.get(`${prefix}/.artifact.json`)?.body)) as Marker;
}

/** The objects below the prefix are exactly these files, the marker says so truly, and no upload is left. */
export function expectObjects(server: S3Double, prefix: string, files: HubFile[]): void {
  const paths = files.map((file) => file.path);
  expect([...server.objects.keys()].filter((key) => key.startsWith(`${prefix}/`)).sort()).toEqual(
    [...paths, '.artifact.json'].map((path) => `${prefix}/${path}`).sort(),
  );
  expectTrueObjects(server, prefix, files);
  expect(markerIn(server, prefix).files).toEqual(
    files
      .map((file) => ({ path: file.path, size: file.content.length, sha256: sha256(file.content) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
  expect(server.uploads.size).toBe(0);
}

/** Whichever of the files are there are whole. */
export function expectTrueObjects(server: S3Double, prefix: string, files: HubFile[]): void {
  for (const file of files) {
    const object = server.objects.get(`${prefix}/${file.path}`);
    expect(object?.body.equals(file.content) ?? true).toBe(true);
  }
}

/** Kills the program while it waits for the answer to a request; so many were answered before. */
export async function killAtRequest(
  server: S3Double,
  args: string[],
  passed: number,
  env = server.environment,
): Promise<void> {
  const before = server.requests.length;
  const fault = { match: /./, hang: true, after: passed, times: Infinity };
  server.faults.push(fault);
  const { child, ended } = start(args, { env });
  while (server.requests.length <= before + passed && child.exitCode === null) {
    await sleep(5);
  }
  await sleep(Math.random() * 50);
  child.kill('SIGKILL');
  expect((await ended).signal).toBe('SIGKILL');
  server.faults.splice(server.faults.indexOf(fault), 1);
}
