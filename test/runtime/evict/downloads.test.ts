import * as fs from 'node:fs';
import * as path from 'node:path';
import { HubDouble } from '../../doubles/hub';
import { S3Double } from '../../doubles/s3';
import { bucketArgs, expectObjects } from '../artifact/bucket';
import {
  expectComplete,
  fetchArgs,
  large,
  MIB,
  removeTemporaryFolders,
  REPO,
  run,
  sleep,
  small,
  start,
  temporaryFolder,
} from '../artifact/program';
import { MODEL } from './store';

/** Evictions beside real downloads: neither may ever spoil what the other leaves. */

const KEY = MODEL.slice(-12);
const FILES = [large('model.safetensors', 6 * MIB + 99), small('config.json', '{}')];

let hub: HubDouble;
beforeEach(async () => {
  hub = await HubDouble.start({ name: REPO, files: FILES });
});
afterEach(() => hub.stop());
afterAll(removeTemporaryFolders);

/** A download so slow that it is at work until the fault is lifted. */
function slowly(): () => void {
  hub.faults.push({ trickle: 20_000, times: Infinity });
  return () => void hub.faults.splice(0);
}

async function hasBegun(): Promise<void> {
  while (hub.count('cdn') < 1) await sleep(20);
}

describe('in a folder', () => {
  const download = (root: string) =>
    fetchArgs(hub, ['--dir', path.join(root, MODEL)], `--key=${KEY}`, '--workers=2').filter(
      (arg) => arg !== '--key=k1',
    );

  test('a download at work is left alone, and what it made can be removed and fetched again', async () => {
    const root = temporaryFolder();
    const evict = ['evict.py', `--root=${root}`, `--artifact=${KEY}`];
    const goOn = slowly();
    const { child, ended } = start(download(root));
    await hasBegun();
    const early = await run([...evict, '--wait-seconds=1']);
    expect(early.code).toBe(75);
    expect(child.exitCode).toBeNull();
    goOn();
    expect((await ended).code).toBe(0);
    expectComplete(path.join(root, MODEL), FILES, KEY);
    expect((await run(evict)).code).toBe(0);
    expect(fs.readdirSync(root)).toEqual([]);
    expect((await run(download(root))).code).toBe(0);
    expectComplete(path.join(root, MODEL), FILES, KEY);
  }, 60_000);

  test('what a killed download left is removed', async () => {
    const root = temporaryFolder();
    slowly();
    const { child, ended } = start(download(root));
    await hasBegun();
    child.kill('SIGKILL');
    await ended;
    expect(fs.existsSync(path.join(root, MODEL))).toBe(true);
    expect((await run(['evict.py', `--root=${root}`, `--artifact=${MODEL}`])).code).toBe(0);
    expect(fs.readdirSync(root)).toEqual([]);
  });

  test('a download that waited for an eviction fetches all anew', async () => {
    const root = temporaryFolder();
    expect((await run(download(root))).code).toBe(0);
    const runs = [start(['evict.py', `--root=${root}`, `--artifact=${KEY}`]), start(download(root))];
    const [evicted, fetched] = await Promise.all(runs.map(({ ended }) => ended));
    expect(evicted.code).toBe(0);
    // Whichever came first: the download finds all, or nothing, or its folder gone, and is then run again.
    expect([0, 75]).toContain(fetched.code);
    expect((await run(download(root))).code).toBe(0);
    expectComplete(path.join(root, MODEL), FILES, KEY);
  }, 60_000);
});

describe('in a bucket', () => {
  let server: S3Double;
  beforeEach(async () => {
    server = await S3Double.start('models');
  });
  afterEach(() => server.stop());

  const download = () =>
    fetchArgs(hub, bucketArgs(server, `llm/${MODEL}`), `--key=${KEY}`, '--workers=2').filter(
      (arg) => arg !== '--key=k1',
    );
  const runWith = (args: string[]) => run(args, { env: server.environment });
  const evict = (...more: string[]) =>
    runWith(['evict.py', ...bucketArgs(server, 'llm'), `--artifact=${KEY}`, ...more]);

  test('a download at work is left alone, and what it made can be removed and fetched again', async () => {
    server.faults.push({ match: /PUT .*partNumber=2/, hang: true, times: 1 });
    const { child, ended } = start(download(), { env: server.environment });
    while (!server.requests.some((request) => request.includes('partNumber=2'))) await sleep(20);
    const early = await evict('--wait-seconds=1');
    expect(early.code).toBe(75);
    expect(early.result.error).toContain('a download or conversion may be at work there');
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await ended;

    expect((await runWith(download())).code).toBe(0);
    expectObjects(server, `llm/${MODEL}`, FILES);
    expect((await evict()).code).toBe(0);
    expect(server.objects.size).toBe(0);
    expect((await runWith(download())).code).toBe(0);
    expectObjects(server, `llm/${MODEL}`, FILES);
  }, 60_000);
});
