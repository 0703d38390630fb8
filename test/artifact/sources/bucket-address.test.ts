import {
  parseAzureBlobAddress,
  parseGcsAddress,
  parseS3Address,
} from '../../../src/artifact/sources/bucket-address';

const SHA = 'a1'.repeat(32);
const manifest = { sha256: SHA };

test.each([
  ['s3://models', { bucket: 'models' }],
  ['s3://models/', { bucket: 'models' }],
  ['s3://models/org/model/', { bucket: 'models', prefix: 'org/model' }],
  ['s3://models/a b@c', { bucket: 'models', prefix: 'a b@c' }],
  ['s3://models/a#1', { bucket: 'models', prefix: 'a#1' }],
  [`s3://models/m@sha256:${SHA}`, { bucket: 'models', prefix: 'm', manifest }],
  ['gs://models/m', undefined],
  ['https://models.s3.amazonaws.com/m', undefined],
])('in S3: %s', (address, parsed) => {
  expect(parseS3Address(address)).toEqual(parsed);
});

test.each([
  ['gs://models', { bucket: 'models' }],
  ['gs://models/qwen/3/', { bucket: 'models', prefix: 'qwen/3' }],
  [`gs://models/qwen@sha256:${SHA}`, { bucket: 'models', prefix: 'qwen', manifest }],
  ['s3://models', undefined],
])('in Google Cloud Storage: %s', (address, parsed) => {
  expect(parseGcsAddress(address)).toEqual(parsed);
});

test.each([
  ['az://models/qwen', { bucket: 'models', prefix: 'qwen' }],
  ['az://models@acct', { bucket: 'models', account: 'acct' }],
  [`az://models@acct/qwen@sha256:${SHA}`, { bucket: 'models', account: 'acct', prefix: 'qwen', manifest }],
  ['gs://models', undefined],
])('in Azure Blob Storage: %s', (address, parsed) => {
  expect(parseAzureBlobAddress(address)).toEqual(parsed);
});

test.each<[string, (address: string) => unknown, RegExp]>([
  ['s3://key:geheim@models/m', parseS3Address, /'s3:\/\/\*\*\*@models\/m'; .*'s3:\/\/bucket\/prefix/],
  ['s3://geheim@models', parseS3Address, /'s3:\/\/\*\*\*@models'/],
  ['s3://models/m?versionId=geheim', parseS3Address, /'s3:\/\/models\/m\?versionId=\*\*\*'.*options/],
  ['gs://me:geheim@models/x', parseGcsAddress, /'gs:\/\/\*\*\*@models\/x'/],
  ['gs://models/x#1234', parseGcsAddress, /'gs:\/\/bucket\/prefix\[@sha256/],
  ['az://models/x?sig=geheim', parseAzureBlobAddress, /sig=\*\*\*'; .*'az:\/\/container\[@account\]/],
])('%s is refused, and no credentials are repeated', (address, parse, message) => {
  expect(() => parse(address)).toThrow(message);
  expect(() => parse(address)).not.toThrow(/geheim/);
});
