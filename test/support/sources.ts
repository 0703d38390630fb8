import { Size } from 'cdk8s';
import { Secret, ServiceAccount } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { ArchiveFormat, ModelSource } from '../../src';
import { COMMIT } from './models';

export const SHA256 = 'c'.repeat(64);
export const DIGEST = `sha256:${SHA256}`;

const secret = (scope: Construct, name: string) => Secret.fromSecretName(scope, `secret-${name}`, name);

/** Every kind of source, in all forms for which a pod of another shape is made. */
export const SOURCES: [string, (scope: Construct) => ModelSource][] = [
  ['Hugging Face', () => ModelSource.huggingFace('org/model', { revision: COMMIT })],
  [
    'a gated dataset',
    (scope) =>
      ModelSource.huggingFace('org/data', {
        revision: COMMIT,
        dataset: true,
        tokenSecret: secret(scope, 'hf-token'),
      }),
  ],
  [
    'S3 by keys',
    (scope) =>
      ModelSource.s3({
        bucket: 'originals',
        prefix: 'qwen',
        endpoint: 'http://minio.example.com:9000',
        credentialsSecret: secret(scope, 'minio'),
        manifest: { sha256: SHA256 },
      }),
  ],
  [
    'S3 by the identity of the pod',
    (scope) =>
      ModelSource.s3({
        bucket: 'originals',
        region: 'eu-west-1',
        versions: { 'model.safetensors': 'v1' },
        serviceAccount: ServiceAccount.fromServiceAccountName(scope, 'reader', 's3-reader'),
      }),
  ],
  ['a public bucket', () => ModelSource.s3({ bucket: 'originals', anonymous: true, unpinned: true })],
  [
    'Google Cloud Storage',
    (scope) =>
      ModelSource.gcs({
        bucket: 'originals',
        prefix: 'qwen',
        credentialsSecret: secret(scope, 'gcs'),
        manifest: { sha256: SHA256, path: 'SHA256SUMS' },
        size: Size.gibibytes(4),
      }),
  ],
  [
    'Azure by the identity of the pod',
    (scope) =>
      ModelSource.azureBlob({
        account: 'acme',
        container: 'models',
        unpinned: true,
        serviceAccount: ServiceAccount.fromServiceAccountName(scope, 'azure', 'azure-reader'),
        size: Size.gibibytes(4),
      }),
  ],
  [
    'a file of a web server',
    (scope) =>
      ModelSource.https('https://files.example.com/qwen.gguf', {
        sha256: SHA256,
        tokenSecret: secret(scope, 'files'),
      }),
  ],
  [
    'an archive',
    () =>
      ModelSource.https('https://files.example.com/qwen.tar.gz', {
        sha256: SHA256,
        size: Size.gibibytes(4),
      }),
  ],
  [
    'an archive of Zstandard',
    () =>
      ModelSource.https('https://files.example.com/qwen', {
        sha256: SHA256,
        unpack: ArchiveFormat.TAR_ZSTD,
        size: Size.gibibytes(4),
      }),
  ],
  [
    'NGC',
    (scope) =>
      ModelSource.ngc('nvidia/nemo/megatron', { version: '1.0', apiKeySecret: secret(scope, 'ngc') }),
  ],
  ['Ollama', () => ModelSource.ollama(`qwen3:4b@${DIGEST}`)],
  [
    'an image',
    (scope) =>
      ModelSource.oci(`ghcr.io/org/model@${DIGEST}`, { path: '/models', pullSecret: secret(scope, 'ghcr') }),
  ],
  [
    'another claim',
    () =>
      ModelSource.claim('originals', {
        path: 'qwen',
        accessModes: ['ReadWriteMany' as never],
        manifest: { sha256: SHA256, path: 'SHA256SUMS' },
      }),
  ],
  ['a folder of a node', () => ModelSource.nodeFolder('/data/qwen', { hostname: 'node-1', unpinned: true })],
  [
    'a downloader of the user',
    (scope) =>
      ModelSource.custom({
        image: 'registry.example.com/mlflow:2.1',
        command: ['mlflow', 'artifacts', 'download'],
        args: ['--dst-path', '$(MODEL_DIR)'],
        env: { MLFLOW_TRACKING_URI: 'https://mlflow.example.com' },
        secrets: { MLFLOW_TRACKING_TOKEN: { secret: secret(scope, 'mlflow'), key: 'token' } },
        version: '7',
        size: Size.gibibytes(4),
      }),
  ],
  [
    'a downloader without a shell',
    () =>
      ModelSource.custom({
        image: 'registry.example.com/fetch:1',
        command: ['/fetch'],
        shell: false,
        unpinned: true,
        size: Size.gibibytes(4),
      }),
  ],
];
