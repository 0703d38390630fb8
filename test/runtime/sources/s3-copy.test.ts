import * as fs from 'node:fs';
import * as path from 'node:path';
import { AwsIdentityDouble } from '../../doubles/aws-identity';
import { S3Double } from '../../doubles/s3';
import { bucketArgs, expectObjects, expectTrueObjects, killAtRequest, markerIn } from '../artifact/bucket';
import {
  MIB,
  expectComplete,
  large,
  markerOf,
  removeTemporaryFolders,
  run,
  sleep,
  small,
  start,
  temporaryFolder,
} from '../artifact/program';
import type { Outcome } from '../artifact/program';
import { PREFIX, filePins, markerText, put, putManifest, sourceArgs, sourceEnvironment } from './s3';

const FILES = [
  large('model-1.safetensors', 11 * MIB + 123),
  large('model-2.safetensors', 5 * MIB + 1000),
  small('config.json', '{"a": 1}'.repeat(500)),
  small('nested/a b+ä.json', '{}'),
  small('empty', ''),
];
const TOTAL = FILES.reduce((sum, file) => sum + file.content.length, 0);

let from: S3Double;
let to: S3Double;
beforeEach(async () => {
  from = await S3Double.start('models', { accessKey: 'reader', secretKey: 'secret of the reader' });
  to = await S3Double.start('store', { accessKey: 'writer', secretKey: 'secret of the writer' });
  put(from, FILES);
});
afterEach(async () => {
  await from.stop();
  await to.stop();
});
afterAll(() => removeTemporaryFolders());

const both = (): Record<string, string> => ({ ...to.environment, ...sourceEnvironment(from) });

function copyArgs(pins: string[]): string[] {
  return sourceArgs(from, ...pins, ...bucketArgs(to, 'copy'), '--chunk-mib=5');
}

function copy(pins: string[], env = both()): Promise<Outcome> {
  return run(copyArgs(pins), { env });
}

describe('from one bucket to another, each with credentials of its own', () => {
  test('an artifact of ours, and then nothing again', async () => {
    const pins = putManifest(from, '.artifact.json', markerText(FILES));
    const outcome = await copy(pins);
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.result).toMatchObject({ files: FILES.length, bytes: TOTAL, fetched: TOTAL });
    expectObjects(to, 'copy', FILES);
    expect(markerIn(to, 'copy')).toMatchObject({ key: 'k1', licence: 'apache-2.0' });

    from.requests.length = 0;
    expect((await copy(pins)).result.fetched).toBe(0);
    expect(from.requests).toEqual([]);
  });

  test('files that only the server proves, whose sha256 the marker lists', async () => {
    const outcome = await copy(['--unpinned']);
    expect(outcome.log).not.toContain('FAILED');
    expectObjects(to, 'copy', FILES);
  });

  test('the identity of the pod reads, and the keys of a Secret write', async () => {
    const aws = await AwsIdentityDouble.start(from);
    const token = path.join(temporaryFolder(), 'token');
    fs.writeFileSync(token, aws.token);
    const outcome = await copy(filePins(FILES), {
      ...to.environment,
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ROLE_ARN: aws.role,
      AWS_ENDPOINT_URL_STS: aws.endpoint,
    });
    await aws.stop();
    expect(outcome.log).not.toContain('FAILED');
    expectObjects(to, 'copy', FILES);
  });

  test('the keys of a Secret read, and the identity of the pod writes, renewed between two parts', async () => {
    const aws = await AwsIdentityDouble.start(to);
    const token = path.join(temporaryFolder(), 'token');
    fs.writeFileSync(token, aws.token);
    const act = () =>
      to.accounts.forEach((account, key) => to.accounts.set(key, { ...account, expires: Date.now() - 1 }));
    to.faults.push({ match: /PUT .*partNumber/, act }, { match: /POST .*uploadId/, act });
    const outcome = await copy(filePins(FILES), {
      ...sourceEnvironment(from),
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.endpoint}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token,
    });
    await aws.stop();
    expect(outcome.log).not.toContain('FAILED');
    expectObjects(to, 'copy', FILES);
    expect(aws.given).toBe(3);
  });

  test('swapped, they open neither: 77', async () => {
    const outcome = await copy(filePins(FILES), { ...from.environment, ...sourceEnvironment(to) });
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(/InvalidAccessKeyId .*check the keys in AWS_ACCESS_KEY_ID/);
  });

  test('a store that is full: 73, and nothing of it is to be seen', async () => {
    to.faults.push({ match: /PUT .*partNumber/, status: 507, code: 'XMinioStorageFull', times: 100 });
    const outcome = await copy([...filePins(FILES), '--attempts=2']);
    expect(outcome.code).toBe(73);
    expect(outcome.result.error).toMatch(/PUT s3:\/\/store\/copy\/model-.*HTTP 507 XMinioStorageFull/);
    expect(to.objects.has('copy/.artifact.json')).toBe(false);
    expectTrueObjects(to, 'copy', FILES);
  });

  test('a source that is spoilt on its way, twice: 65, and no object and no upload is left of it', async () => {
    from.faults.push({ match: /GET .*model-1/, flip: 77, times: 100 });
    const outcome = await copy(filePins(FILES));
    expect(outcome.code).toBe(65);
    expect(to.objects.has('copy/model-1.safetensors')).toBe(false);
    expect(to.uploads.size).toBe(0);
  });

  test('killed at any request, it leaves no object that is not whole, and the next run ends the work', async () => {
    const args = copyArgs([...filePins(FILES), '--workers=2']);
    for (const passed of [1, 3, 6, 8]) {
      await killAtRequest(to, args, passed, both());
      expect(to.objects.has('copy/.artifact.json')).toBe(false);
      expectTrueObjects(to, 'copy', FILES);
    }
    expect((await copy(filePins(FILES))).code).toBe(0);
    expectObjects(to, 'copy', FILES);
  });
});

test('into a folder, killed again and again while it reads, little is fetched twice', async () => {
  const dir = temporaryFolder();
  const args = sourceArgs(from, ...filePins(FILES), `--dir=${dir}`, '--workers=1');
  for (const passed of [6, 5, 4]) {
    const fault = { match: /GET .*model/, hang: true, after: passed, times: Infinity };
    from.faults.push(fault);
    const { child, ended } = start(args, { env: sourceEnvironment(from) });
    while (fault.after > 0 && child.exitCode === null) {
      await sleep(5);
    }
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    expect(markerOf(dir)).toBeUndefined();
    from.faults.length = 0;
  }
  const last = await run(args, { env: sourceEnvironment(from) });
  expect(last.log).not.toContain('FAILED');
  // At each kill what is lost is what was on its way: one chunk of a worker.
  expect(last.result.fetched).toBeLessThanOrEqual(TOTAL - (6 + 5 + 4 - 3) * MIB);
  expectComplete(dir, FILES);
  expect([...from.objects.keys()]).toHaveLength(FILES.length);
  expect(from.objects.get(`${PREFIX}/empty`)?.body).toHaveLength(0);
});
