import * as fs from 'node:fs';
import * as path from 'node:path';
import { AwsIdentityDouble } from '../../doubles/aws-identity';
import { S3Double } from '../../doubles/s3';
import {
  MIB,
  expectComplete,
  large,
  removeTemporaryFolders,
  run,
  small,
  temporaryFolder,
} from '../artifact/program';
import type { Outcome } from '../artifact/program';
import { put, sourceArgs, sourceEnvironment } from './s3';

const MODEL = large('model.safetensors', 5 * MIB + 4321);
const FILES = [MODEL, small('config.json', '{"a": 1}'.repeat(300))];

let s3: S3Double;
let aws: AwsIdentityDouble;
let tokenFile: string;
beforeEach(async () => {
  s3 = await S3Double.start('models');
  aws = await AwsIdentityDouble.start(s3);
  put(s3, FILES);
  tokenFile = path.join(temporaryFolder(), 'token');
  fs.writeFileSync(tokenFile, `${aws.token}\n`);
});
afterEach(async () => {
  await aws.stop();
  await s3.stop();
});
afterAll(() => removeTemporaryFolders());

/** What the webhook of IRSA adds to a pod, and where STS is here. */
const irsa = (): Record<string, string> => ({
  AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
  AWS_ROLE_ARN: aws.role,
  AWS_REGION: 'eu-central-1',
  AWS_STS_REGIONAL_ENDPOINTS: 'regional',
  AWS_ENDPOINT_URL_STS: aws.endpoint,
});

/** What the webhook of EKS Pod Identity adds to a pod, but for the address of its agent. */
const podIdentity = (): Record<string, string> => ({
  AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.endpoint}/v1/credentials`,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
});

async function fetchAs(env: Record<string, string>, ...more: string[]): Promise<Outcome & { dir: string }> {
  const dir = temporaryFolder();
  return {
    dir,
    ...(await run(sourceArgs(s3, '--unpinned', '--attempts=3', ...more, `--dir=${dir}`), { env })),
  };
}

describe.each<[string, () => Record<string, string>]>([
  ['IRSA', irsa],
  ['EKS Pod Identity', podIdentity],
])('the identity of a pod by %s', (_, identity) => {
  test('opens the bucket; its keys are asked for once', async () => {
    const outcome = await fetchAs(identity());
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
    expect(aws.given).toBe(1);
    expect(outcome.log).not.toContain(aws.token);
  });

  test('does not stand back where the Secret of the source is there', async () => {
    const outcome = await fetchAs({ ...identity(), ...sourceEnvironment(s3) });
    expectComplete(outcome.dir, FILES);
    expect(aws.given).toBe(0);
  });

  test('has its keys renewed before they expire, while a long transfer goes on', async () => {
    aws.seconds = 2;
    aws.grace = 600; // none is refused, so that all that are asked for are asked for in time
    s3.faults.push({
      match: /GET .*model\.s/,
      status: 503,
      code: 'SlowDown',
      headers: { 'Retry-After': '3' },
    });
    const outcome = await fetchAs(identity(), '--workers=1');
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
    expect(aws.given).toBeGreaterThan(1);
  });

  test.each([
    ['a HEAD', /HEAD .*model\.s/],
    ['a GET', /GET .*model\.s/],
    ['a listing', /list-type/],
  ])('has its keys renewed when they are refused as expired, by %s', async (__, match) => {
    const act = () =>
      s3.accounts.forEach((account, key) => s3.accounts.set(key, { ...account, expires: Date.now() - 1 }));
    s3.faults.push({ match, act });
    const outcome = await fetchAs(identity());
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
    expect(aws.given).toBe(2);
  });

  test('is asked again where keys cannot be had now', async () => {
    aws.refusals.push({ status: 503, code: 'ServiceUnavailable', message: 'later' });
    const outcome = await fetchAs(identity());
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
  });

  test('is given up for this run where they cannot be had at all: 75', async () => {
    const later = { status: 500, code: 'InternalFailure', message: 'later' };
    aws.refusals.push(later, later, later);
    const outcome = await fetchAs(identity());
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toMatch(/(AWS STS|credentials of the pod) at .*HTTP 500.*tried 3 times/);
  });

  test('is not asked for ever where nobody answers: 75', async () => {
    const env = identity();
    await aws.stop();
    const outcome = await fetchAs(env);
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toMatch(/(AWS STS|credentials of the pod) at .*refused/);
    aws = await AwsIdentityDouble.start(s3);
  });

  test('needs the token that the kubelet writes: 77', async () => {
    fs.rmSync(tokenFile);
    const outcome = await fetchAs(identity());
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(/the token of the pod, .*: No such file/);
  });
});

describe('a role that does not take the pod', () => {
  test.each([
    ['AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity'],
    ['InvalidIdentityToken', 'No OpenIDConnect provider found in your account'],
  ])('%s: 77, with the ServiceAccount that the trust policy must name', async (code, message) => {
    aws.refusals.push({ status: 403, code, message });
    const outcome = await fetchAs(irsa());
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toContain(message);
    expect(outcome.result.error).toContain(
      `let the trust policy of ${aws.role} allow system:serviceaccount:llm:reader`,
    );
  });

  test('for a token that has expired is asked again, as the kubelet replaces it', async () => {
    aws.refusals.push({ status: 400, code: 'ExpiredTokenException', message: 'Token expired' });
    expectComplete((await fetchAs(irsa())).dir, FILES);
  });

  test('for a token that nobody replaces: 77', async () => {
    const expired = { status: 400, code: 'ExpiredTokenException', message: 'Token expired' };
    aws.refusals.push(expired, expired, expired);
    const outcome = await fetchAs(irsa());
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toContain(`the kubelet has not replaced ${tokenFile} yet`);
  });

  test('has no name: 77', async () => {
    const outcome = await fetchAs({ ...irsa(), AWS_ROLE_ARN: '' });
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(
      /AWS_ROLE_ARN is not.*annotate the ServiceAccount with eks\.amazonaws\.com/,
    );
  });

  test('is not at the address of something else: 64', async () => {
    aws.refusals.push({ status: 200, code: 'a page', message: 'for people' });
    const outcome = await fetchAs(irsa());
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(/is not that of AWS STS; is AWS_ENDPOINT_URL_STS right/);
  });
});

describe('the agent of EKS Pod Identity', () => {
  test('that knows no role for the pod: 77', async () => {
    fs.writeFileSync(tokenFile, 'another');
    const outcome = await fetchAs(podIdentity());
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(
      /AccessDeniedException.*is its ServiceAccount associated with a role/,
    );
  });

  test('that answers with something else: 64', async () => {
    aws.refusals.push({ status: 200, code: 'a page', message: 'for people' });
    const outcome = await fetchAs(podIdentity());
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(/holds no credentials/);
  });

  test('is nobody but the node itself: 64', async () => {
    const env = { ...podIdentity(), AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.169.254/latest' };
    const outcome = await fetchAs(env);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(
      /names 169\.254\.169\.254: over http only the agent of the node is asked/,
    );
  });

  test('is not asked through a proxy', async () => {
    const env = { ...podIdentity(), http_proxy: s3.endpoint };
    const outcome = await fetchAs(env, '--source-endpoint=http://s3.test:9000');
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
  });
});

test('no identity and no Secret: 77, and what to do', async () => {
  const outcome = await fetchAs({});
  expect(outcome.code).toBe(77);
  expect(outcome.result.error).toMatch(
    /the cluster gave this pod no identity .*Name a credentialsSecret, or a serviceAccount that is bound to a role; a pod that was made before that must be made anew/,
  );
});
