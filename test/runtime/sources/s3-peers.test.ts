import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { AwsIdentityDouble } from '../../doubles/aws-identity';
import { sha256 } from '../../doubles/hub';
import { MotoServer } from '../../doubles/moto';
import { findPeer } from '../../doubles/peers';
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
import { PREFIX, compositeSha256, put, sourceArgs, sourceEnvironment } from './s3';

// AWS's own client for Python, against our doubles and our program: both are worth as much as they are like S3.

afterAll(() => removeTemporaryFolders());

/** What a script of boto3 prints as JSON; undefined, after a warning, where boto3 is not to be had. */
async function boto3(script: string, env: Record<string, string>, ...args: string[]): Promise<unknown> {
  const python = findPeer('boto3');
  if (!python) {
    return undefined;
  }
  const child = spawn(python[0], ['-c', script, ...args], {
    env: { PATH: process.env.PATH, HOME: temporaryFolder(), AWS_DEFAULT_REGION: 'us-east-1', ...env },
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise((done) => child.once('close', done));
  expect(code === 0 ? '' : Buffer.concat(errors).toString()).toBe('');
  return JSON.parse(Buffer.concat(output).toString());
}

const READ = `
import hashlib, json, sys, boto3, botocore
s3 = boto3.client('s3', endpoint_url=sys.argv[1], config=botocore.config.Config(s3={'addressing_style': 'path'}))
seen = {'files': {}, 'errors': {}}
for page in s3.get_paginator('list_objects_v2').paginate(Bucket='models', Prefix='org/model/'):
    for item in page['Contents']:
        body = s3.get_object(Bucket='models', Key=item['Key'], ChecksumMode='ENABLED')['Body'].read()
        seen['files'][item['Key']] = hashlib.sha256(body).hexdigest()
first = s3.head_object(Bucket='models', Key='org/model/model.bin', PartNumber=1)
seen['parts'] = [first['ContentLength'], first['PartsCount']]
seen['version'] = s3.get_object(Bucket='models', Key='org/model/model.bin', VersionId=sys.argv[2])['Body'].read(3).decode()
for name, call in {
        'missing': lambda: s3.get_object(Bucket='models', Key='absent'),
        'bucket': lambda: s3.get_object(Bucket='absent', Key='absent'),
        'changed': lambda: s3.get_object(Bucket='models', Key='org/model/model.bin', IfMatch='"x"'),
        'archived': lambda: s3.get_object(Bucket='models', Key='archive/cold.bin'),
}.items():
    try:
        call()
    except botocore.exceptions.ClientError as error:
        seen['errors'][name] = error.response['Error']['Code']
print(json.dumps(seen))
`;

test.each<[string, (aws: AwsIdentityDouble, token: string) => Record<string, string>]>([
  [
    'by IRSA',
    (aws, token) => ({
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ROLE_ARN: aws.role,
      AWS_ENDPOINT_URL_STS: aws.endpoint,
    }),
  ],
  [
    'by EKS Pod Identity',
    (aws, token) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.endpoint}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token,
    }),
  ],
])(
  'boto3 reads from our double, opened %s',
  async (_, identity) => {
    const s3 = await S3Double.start('models');
    const aws = await AwsIdentityDouble.start(s3);
    s3.keepsVersions = true;
    s3.pageSize = 2;
    const partSize = 5 * MIB;
    const model = large('model.bin', 11 * MIB + 5);
    const files = [small('a b+ä&.json', '{}'), small('nested/empty', ''), model];
    const [old] = put(s3, [{ ...model, content: Buffer.from('old') }]);
    put(s3, files);
    put(s3, [model], {
      partSize,
      etag: '"0123456789abcdef0123456789abcdef-3"',
      checksums: { 'x-amz-checksum-sha256': compositeSha256(model.content, partSize) },
    });
    const token = path.join(temporaryFolder(), 'token');
    fs.writeFileSync(token, aws.token);
    s3.put('archive/cold.bin', Buffer.from('cold'), { archived: true });
    const seen = await boto3(READ, identity(aws, token), s3.endpoint, String(old.versionId));
    await aws.stop();
    await s3.stop();
    if (seen === undefined) {
      return; // findPeer has said so
    }
    expect(seen).toEqual({
      files: Object.fromEntries(files.map((file) => [`${PREFIX}/${file.path}`, sha256(file.content)])),
      parts: [partSize, 3],
      version: 'old',
      errors: {
        missing: 'NoSuchKey',
        bucket: 'NoSuchBucket',
        changed: 'PreconditionFailed',
        archived: 'InvalidObjectState',
      },
    });
  },
  60_000,
);

const WRITE = `
import json, sys, boto3, botocore
from boto3.s3.transfer import TransferConfig
s3 = boto3.client('s3', endpoint_url=sys.argv[1], config=botocore.config.Config(s3={'addressing_style': 'path'}))
parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
for algorithm in ('SHA256', 'SHA1', 'CRC32'):
    s3.upload_file(sys.argv[2], 'models', 'org/model/parts-' + algorithm, Config=parts, ExtraArgs={'ChecksumAlgorithm': algorithm})
    with open(sys.argv[2], 'rb') as body:
        s3.put_object(Bucket='models', Key='org/model/whole-' + algorithm, Body=body, ChecksumAlgorithm=algorithm)
s3.upload_file(sys.argv[2], 'models', 'org/model/parts', Config=parts)
s3.put_object(Bucket='models', Key='org/model/folder/')
print(json.dumps(True))
`;

test('what boto3 uploads to moto, whole and in parts, with checksums of every kind, is read as it was', async () => {
  const moto = await MotoServer.start('models');
  const model = large('model.bin', 11 * MIB + 5);
  const file = path.join(temporaryFolder(), 'model.bin');
  fs.writeFileSync(file, model.content);
  const env = { ...moto?.environment };
  if (!moto || (await boto3(WRITE, env, moto.endpoint, file)) === undefined) {
    await moto?.stop();
    return; // findPeer has said so
  }
  const dir = temporaryFolder();
  const outcome = await run(sourceArgs(moto, '--unpinned', `--dir=${dir}`), { env: sourceEnvironment(moto) });
  await moto.stop();
  expect(outcome.log).not.toContain('FAILED');
  const kinds = ['SHA256', 'SHA1', 'CRC32'];
  const names = [...kinds.flatMap((kind) => [`parts-${kind}`, `whole-${kind}`]), 'parts'];
  expectComplete(
    dir,
    names.map((name) => ({ ...model, path: name })),
  );
}, 120_000);
