import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import type { ISecret } from 'cdk8s-plus-28';
import { azureBlobSource, gcsSource } from '../../../src/artifact/sources/rclone';
import type { AzureBlobSourceProps, GcsSourceProps } from '../../../src/artifact/sources/rclone';
import { AZURE_ACCOUNT, AZURE_KEY, AzureDouble } from '../../doubles/azure';
import { GcsDouble } from '../../doubles/gcs';
import type { GcsAccess } from '../../doubles/gcs';
import type { DownloaderFetch } from '../../../src/artifact/sources/downloader';
import { findRclone } from '../../doubles/rclone';
import { sha256 } from '../../doubles/hub';
import {
  bytes,
  expectComplete,
  filesOf,
  markerOf,
  MIB,
  removeTemporaryFolders,
  sleep,
  small,
  temporaryFolder,
} from '../artifact/program';
import type { Outcome } from '../artifact/program';
import { KEY, PodStand } from './pod-stand';
import type { PodOptions } from './pod-stand';

const FILES = [
  small('config.json', '{"a": 1}'),
  small('tokenizer/vocab [1].txt', 'words'),
  { path: 'model.safetensors', content: bytes(3 * MIB + 7) },
  small('empty', ''),
];
const SUMS = small('SHA256SUMS', FILES.map((file) => `${sha256(file.content)}  ${file.path}\n`).join(''));
const MANIFEST = { path: SUMS.path, sha256: sha256(SUMS.content) };
const PINS = Object.fromEntries(FILES.map((file) => [file.path, sha256(file.content)]));

/** What cdk8s-plus makes of the name of a Secret that exists. */
const secret = (name: string) => ({ name }) as ISecret;

/** The image of a tool, as far as it is one program. */
function image(rclone: string): Record<string, string> {
  const folder = temporaryFolder();
  fs.symlinkSync(rclone, path.join(folder, 'rclone'));
  return { PATH: `${folder}:${process.env.PATH}` };
}

/** Another argument of the downloader in the place of one. */
function replace({ containers: [{ args = [] }] }: PodStand, was: string, is: string): void {
  expect(args).toContain(was);
  args.splice(args.indexOf(was), 1, is);
}

/** Tries again at once, and not after two seconds. */
function impatient(stand: PodStand): PodStand {
  replace(stand, '--retries-sleep=2s', '--retries-sleep=10ms');
  return stand;
}

afterAll(removeTemporaryFolders);

describe('Google Cloud Storage, by rclone', () => {
  const rclone = findRclone('gcs');
  if (!rclone) {
    test('rclone is not here', () => undefined);
    return;
  }
  let bucket: GcsDouble;
  afterEach(() => bucket.stop());

  async function start(access: GcsAccess = 'public'): Promise<void> {
    bucket = await GcsDouble.start('models', access);
    for (const file of [...FILES, SUMS]) bucket.objects.set(`qwen/3/${file.path}`, file.content);
    bucket.objects.set('qwen/30/config.json', Buffer.from('of another model'));
  }

  function pod(props: Partial<GcsSourceProps> = {}, options: PodOptions = {}): PodStand {
    const source = gcsSource({
      bucket: 'models',
      prefix: 'qwen/3',
      anonymous: !props.credentialsSecret && !props.serviceAccount,
      endpoint: bucket.endpoint,
      manifest: 'files' in props || 'unpinned' in props ? undefined : MANIFEST,
      ...props,
    });
    const imageEnv = { ...image(rclone as string), ...options.imageEnv };
    const stand = new PodStand(source, { ...options, imageEnv });
    // What goes by way of a disk has a script around it.
    return options.scratch ? stand : impatient(stand);
  }

  test('a folder, proven by its manifest, by a public bucket', async () => {
    await start();
    const stand = pod();
    const outcomes = await stand.run();
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
    expect(markerOf(stand.dir)).toMatchObject({
      source: { type: 'gcs', address: 'gs://models/qwen/3', pinned: true },
    });
    expect(bucket.strange).toEqual([]);

    bucket.forget();
    const again = await stand.run();
    expect(again.map(({ code }) => code)).toEqual([0, 0]);
    expect(bucket.requests).toHaveLength(0);
  });

  test('only the files that are pinned, whatever their names', async () => {
    await start();
    const stand = pod({ files: { 'tokenizer/vocab [1].txt': PINS['tokenizer/vocab [1].txt'] } });
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [FILES[1]], KEY);
    expect(bucket.count('storage', /download/)).toBe(1);
  });

  test('patterns as everywhere: over the whole path, and exclude wins', async () => {
    await start();
    const stand = pod({
      unpinned: true,
      include: ['*o*', 'tokenizer/'],
      exclude: ['config.???n', '*[S]UMS'],
    });
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [FILES[1], FILES[2]], KEY);
    expect(bucket.count('storage', /download/)).toBe(2);
  });

  test('a listing of many pages', async () => {
    await start();
    bucket.pageSize = 2;
    const stand = pod();
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  });

  test("by a service account's key, which is a file and in no argument or variable", async () => {
    await start('service account');
    const key = bucket.serviceAccountKey;
    const stand = pod({ credentialsSecret: secret('gcs') }, { secrets: { 'gcs/key.json': key } });
    const outcomes = await stand.run();
    expect(outcomes.at(-1)?.code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
    expect(bucket.count('token')).toBeGreaterThan(0);
    expect(outcomes.map(({ log }) => log).join('')).not.toMatch(/PRIVATE KEY|ya29/);
  });

  test('by workload identity, as a node of Google gives it', async () => {
    await start('metadata server');
    const stand = pod(
      { serviceAccount: { name: 'reader' } as GcsSourceProps['serviceAccount'] },
      { imageEnv: { GCE_METADATA_HOST: `127.0.0.1:${bucket.port('metadata')}` } },
    );
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
    expect(bucket.count('metadata', /token/)).toBeGreaterThan(0);
  });

  test.each([
    ['a bucket that is not there', { bucket: 'other' }, 66],
    ['a folder that is not there', { prefix: 'qwen/4' }, 66],
  ])('%s', async (_, props, code) => {
    await start();
    const outcome = await pod(props).outcome();
    expect(outcome.code).toBe(code);
    expect(outcome.log).toMatch(/directory not found|is empty: below gs:/);
  });

  test('no object that is asked for: 66', async () => {
    await start();
    const outcome = await pod({ unpinned: true, include: ['*.gguf'] }).outcome();
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toContain(
      'is empty: below gs://models/qwen/3 is no object that include and exclude let pass',
    );
  });

  test('bytes that are spoilt on their way are read again', async () => {
    await start();
    bucket.faults.push({ at: 'storage', match: /download.*safetensors/, flip: 1000 });
    const stand = pod();
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  }, 60_000);

  test('a server that is overloaded, and lines that are cut', async () => {
    await start();
    bucket.faults.push(
      { at: 'storage', match: /download.*safetensors/, cutAfter: MIB, times: 2 },
      { at: 'storage', match: /\/o\?/, status: 503 },
    );
    const stand = pod();
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  }, 60_000);

  test('other bytes at the source than are pinned: no artifact, whatever the source says of them', async () => {
    await start();
    bucket.objects.set('qwen/3/config.json', Buffer.from('{"a": 2}'));
    const stand = pod();
    expect((await stand.outcome()).code).toBe(75);
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('config.json');
    expect(markerOf(stand.dir)).toBeUndefined();
  });

  test('killed again and again: what it left is gone on with, and no part of it is ever taken for a file', async () => {
    await start();
    const stand = pod();
    for (let kills = 0; kills < 6; kills++) {
      bucket.faults.splice(0, Infinity, {
        at: 'storage',
        match: /download/,
        trickle: 20_000,
        times: Infinity,
      });
      const before = bucket.count('storage', /download/);
      const { child, ended } = stand.start('download');
      while (bucket.count('storage', /download/) === before) await sleep(20);
      await sleep(Math.random() * 300);
      // The kernel ends with a container whatever ran in it.
      const children = fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
      child.kill('SIGKILL');
      children
        .split(' ')
        .filter(Boolean)
        .forEach((pid) => process.kill(Number(pid), 'SIGKILL'));
      await ended;
      expect(markerOf(stand.dir)).toBeUndefined();
    }
    bucket.faults.length = 0;
    const outcomes = await stand.run();
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  }, 60_000);

  test('what the source no longer has, and parts of files, are no part of what is unpinned', async () => {
    await start();
    const stand = pod({ unpinned: true });
    const left = path.join(stand.dir, '.artifact.parts/files');
    fs.mkdirSync(left, { recursive: true });
    fs.writeFileSync(path.join(left, 'gone.bin'), 'of a former run');
    fs.writeFileSync(path.join(left, 'model.safetensors.1234abcd.rclone-part'), 'half');
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  });

  test('into a bucket: by way of a disk, which is read and not trusted', async () => {
    await start();
    const stand = pod({}, { scratch: Size.gibibytes(1) });
    expect((await stand.run()).map(({ code }) => code)).toEqual([0, 0, 0]);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  });

  test.each<[string, GcsAccess, Partial<GcsSourceProps>, string]>([
    ['a bucket that is not public: 403', 'service account', { anonymous: true }, 'forbidden'],
    ['a key that is another one', 'service account', { credentialsSecret: secret('other') }, 'invalid_grant'],
    [
      'a key that is none',
      'service account',
      { credentialsSecret: secret('none') },
      'processing credentials',
    ],
  ])('%s ends it for good: 77', async (_, access, props, told) => {
    await start(access);
    const other = await GcsDouble.start('models', access);
    const key = JSON.parse(other.serviceAccountKey) as Record<string, string>;
    await other.stop();
    key.token_uri = `http://127.0.0.1:${bucket.port('token')}/token`;
    const secrets = { 'other/key.json': JSON.stringify(key), 'none/key.json': 'rubbish' };
    const stand = pod(props, { secrets });
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toContain('the downloader rclone is not let in: ');
    expect(outcome.log).toContain(told);
    expect(outcome.log).not.toContain('PRIVATE KEY');
    expect(markerOf(stand.dir)).toBeUndefined();
  });

  test('a token that is refused: 77', async () => {
    await start();
    bucket.faults.push({ at: 'storage', match: /\/o\?/, status: 401, times: Infinity });
    expect((await pod().outcome()).code).toBe(77);
  });

  test('a limit of requests, which is a 403 of Google too, passes', () => {
    const { denied } = gcsSource({ bucket: 'models', unpinned: true }).fetch as DownloaderFetch;
    expect('googleapi: Error 403: no access., forbidden').toMatch(new RegExp(denied as string));
    expect('googleapi: Error 403: Rate Limit Exceeded, rateLimitExceeded').not.toMatch(
      new RegExp(denied as string),
    );
  });

  test('the progress is a line now and then, and no configuration is looked for', async () => {
    await start();
    const { log } = (await pod().run())[0];
    expect(log).not.toContain('Config file');
    expect(log).toMatch(/NOTICE: .*100%/);
  });
});

describe('Azure Blob Storage, by rclone', () => {
  const rclone = findRclone('azureblob');
  if (!rclone) {
    test('rclone is not here', () => undefined);
    return;
  }
  let server: AzureDouble;
  beforeEach(async () => {
    server = await AzureDouble.start('models');
    for (const file of [...FILES, SUMS]) server.blobs.set(`qwen/3/${file.path}`, file.content);
    server.blobs.set('qwen/30/config.json', Buffer.from('of another model'));
  });
  afterEach(() => server.stop());

  const SECRETS = () => ({
    'azure/AZURE_STORAGE_KEY': AZURE_KEY,
    'azure/AZURE_STORAGE_SAS_TOKEN': server.sas(),
  });

  function pod(
    props: Partial<AzureBlobSourceProps> = {},
    secrets: Record<string, string> = SECRETS(),
  ): PodStand {
    // Releases before 1.61 know no other endpoint of an account than Azure's own, except in a signature's URL.
    const endpoint = props.sasSecret ? server.endpoint : undefined;
    const source = azureBlobSource({
      account: AZURE_ACCOUNT,
      container: 'models',
      prefix: 'qwen/3',
      endpoint,
      manifest: MANIFEST,
      ...props,
    });
    const behindProxy = { HTTPS_PROXY: server.proxyAddress, RCLONE_NO_CHECK_CERTIFICATE: 'true' };
    return impatient(
      new PodStand(source, {
        imageEnv: { ...image(rclone as string), ...(endpoint ? {} : behindProxy) },
        without: endpoint ? [] : ['RCLONE_CONFIG_SOURCE_ENDPOINT'],
        secrets,
      }),
    );
  }

  test.each([
    ["the account's key", { keySecret: secret('azure') }],
    ['a shared access signature', { sasSecret: secret('azure') }],
  ])('a folder, proven by its manifest, by %s', async (_, credentials) => {
    const stand = pod(credentials);
    const outcomes = await stand.run();
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
    expect(markerOf(stand.dir)).toMatchObject({
      source: { type: 'azureblob', address: `az://models@${AZURE_ACCOUNT}/qwen/3` },
    });
    expect(server.strange).toEqual([]);
    const log = outcomes.map((outcome) => outcome.log).join('');
    expect(log).not.toContain(AZURE_KEY);
    expect(log).not.toContain('sig=');

    server.forget();
    expect((await stand.outcome()).code).toBe(0);
    expect(server.requests).toHaveLength(0);
  });

  test('blobs of which no MD5 is told, on many pages', async () => {
    FILES.forEach((file) => server.withoutMd5.add(`qwen/3/${file.path}`));
    server.pageSize = 2;
    const stand = pod({ keySecret: secret('azure') });
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, SUMS], KEY);
  });

  test('a container that is not there: 66', async () => {
    const outcome = await pod({ keySecret: secret('azure'), container: 'other' }).outcome();
    expect(outcome.code).toBe(66);
  }, 60_000);

  test.each([
    ['a wrong key', { keySecret: secret('azure') }],
    ['a signature that has expired', { sasSecret: secret('azure') }],
  ])(
    '%s lets nobody in, and no key is in the log',
    async (_, credentials) => {
      const stand = pod(credentials, {
        'azure/AZURE_STORAGE_KEY': Buffer.from('another').toString('base64'),
        'azure/AZURE_STORAGE_SAS_TOKEN': server.sas('2021-01-01T00:00:00Z'),
      });
      const outcome = await stand.outcome();
      expect(outcome.code).toBe(77);
      expect(outcome.log).toContain('AuthenticationFailed');
      expect(outcome.result.error).toContain('the downloader rclone is not let in: ');
      expectNothingOf(outcome, Object.values(SECRETS()));
      expect(filesOf(stand.dir)).toEqual(['.artifact.parts/lock']);
    },
    60_000,
  );

  test.each([
    ['where nobody listens', 'http://127.0.0.1:1/account', ''],
    ['that ends in a line feed, as Secrets made by hand do', 'http://127.0.0.1:1/account', '\n'],
  ])(
    'a signature %s is nowhere in the log',
    async (_, endpoint, end) => {
      const signature = server.sas();
      const stand = pod(
        { sasSecret: secret('azure'), endpoint },
        { 'azure/AZURE_STORAGE_SAS_TOKEN': `${signature}${end}` },
      );
      // Not for minutes: what it writes of the last try is what counts.
      replace(stand, '--low-level-retries=10', '--low-level-retries=1');
      replace(stand, '--retries=3', '--retries=1');
      const outcome = await stand.outcome();
      expect(outcome.code).toBe(1);
      expect(outcome.log).toContain(`${endpoint}/models`);
      expectNothingOf(outcome, [signature]);
    },
    120_000,
  );
});

/** However a client encodes and orders its parts. */
function expectNothingOf({ log, result }: Outcome, secrets: string[]): void {
  const told = decodeURIComponent(`${log}${result.error}`.replaceAll(/%(?![0-9A-F]{2})/g, '%25'));
  for (const held of secrets) {
    expect(told).not.toContain(decodeURIComponent(held));
    const signature = new URLSearchParams(held).get('sig');
    if (signature) expect(told.replaceAll(' ', '+')).not.toContain(signature.replaceAll(' ', '+'));
  }
  expect(told).not.toContain('sig=');
}
