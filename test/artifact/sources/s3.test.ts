import { Size, Testing } from 'cdk8s';
import { Secret, ServiceAccount } from 'cdk8s-plus-28';
import { ArtifactFormat, ModelSource, S3SourceProps, SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { s3Args, s3Env, s3Ports, s3SecretPurpose } from '../../../src/artifact/s3-access';
import { checkS3Connection, S3ConnectionProps, S3Prefix } from '../../../src/artifact/s3-connection';
import { s3Source } from '../../../src/artifact/sources/s3';
import type { ProgramFetch } from '../../../src/artifact/sources/source-spec';

const SHA = 'a1'.repeat(32);
const MANIFEST = { manifest: { sha256: SHA } };

const chart = Testing.chart();
const secret = Secret.fromSecretName(chart, 'secret', 'reader-keys');
const serviceAccount = ServiceAccount.fromServiceAccountName(chart, 'account', 'reader');

function spec(props: Partial<S3SourceProps> = MANIFEST) {
  return s3Source({ bucket: 'models', prefix: 'org/Model 1', ...props });
}

function fetchOf(props?: Partial<S3SourceProps>): ProgramFetch {
  return spec(props).fetch as ProgramFetch;
}

const key = (props?: Partial<S3SourceProps>) => sourceKey(spec(props));

describe('a source in S3', () => {
  test('is a source like any other', () => {
    const source = ModelSource.s3({ bucket: 'models', prefix: 'org/model', ...MANIFEST });
    expect(source.repository).toBe('models/org/model');
    expect(source.revision).toBe(`sha256:${SHA}`);
    expect(source.address).toBe(`s3://models/org/model@sha256:${SHA}`);
    expect(source.proof).toBe(SourceProof.CONTENT);
    expect(spec().name).toBe('models--org--model-1');
    expect(spec().format).toBe(ArtifactFormat.HUGGING_FACE);
  });

  test('is named to the program, its server apart from all else', () => {
    expect(fetchOf()).toEqual({
      by: 'program',
      args: [
        '--source-region=us-east-1',
        '--source-bucket=models',
        '--source-prefix=org/Model 1',
        '--manifest=.artifact.json',
        `--manifest-sha256=${SHA}`,
      ],
      endpoints: [{ flag: '--source-endpoint', url: 'https://s3.us-east-1.amazonaws.com' }],
      secrets: [],
      serviceAccountName: undefined,
      needsFolder: false,
      ports: [443, 80],
    });
  });

  test('of every kind says so to the program', () => {
    const { args } = fetchOf({
      ...MANIFEST,
      prefix: undefined,
      endpoint: 'http://minio.minio.svc:9000/',
      pathStyle: false,
      requesterPays: true,
      include: ['*.json'],
      exclude: ['b/'],
    });
    expect(args).toEqual([
      '--source-region=us-east-1',
      '--source-bucket=models',
      '--source-prefix=',
      '--source-addressing=host',
      '--requester-pays',
      '--manifest=.artifact.json',
      `--manifest-sha256=${SHA}`,
      '--include=*.json',
      '--exclude=b/',
    ]);
    expect(fetchOf({ unpinned: true, anonymous: true }).args).toContain('--anonymous');
  });

  test('carries what is known of its files', () => {
    expect(
      spec({ ...MANIFEST, format: ArtifactFormat.GGUF, modelFile: 'a/b.gguf', size: Size.gibibytes(4) }),
    ).toMatchObject({ format: ArtifactFormat.GGUF, modelFile: 'a/b.gguf', bytes: 4 * 1024 ** 3 });
  });
});

describe('what pins it', () => {
  test('is a manifest, or hashes: every byte is proven, wherever they lie', () => {
    expect(spec().proof).toBe(SourceProof.CONTENT);
    expect(key()).toBe(key({ ...MANIFEST, bucket: 'mirror', endpoint: 'http://minio:9000', prefix: 'x' }));
    const files = { 'b c.json': SHA.toUpperCase(), 'a.json': 'b2'.repeat(32) };
    expect(spec({ files })).toMatchObject({ proof: SourceProof.CONTENT, address: 's3://models/org/Model 1' });
    expect(fetchOf({ files }).args.slice(-2)).toEqual([
      `--file=${'b2'.repeat(32)}:a.json`,
      `--file=${SHA}:b c.json`,
    ]);
    expect(key({ files })).toBe(
      key({ files: { 'a.json': 'b2'.repeat(32), 'b c.json': SHA }, bucket: 'mirror' }),
    );
    expect(key({ files })).not.toBe(key());
  });

  test('is a list under another name, too', () => {
    const args = fetchOf({ manifest: { sha256: SHA, path: 'v1/SHA256SUMS' } }).args;
    expect(args).toContain('--manifest=v1/SHA256SUMS');
  });

  test('is versions, for which the server vouches: the place decides too', () => {
    const versions = { 'b.json': 'v2', 'a.json': '3/L4kqtJlcpXroDTDmpUMLUo' };
    expect(spec({ versions })).toMatchObject({ proof: SourceProof.VERSION });
    expect(fetchOf({ versions }).args.slice(-2)).toEqual([
      '--version=3/L4kqtJlcpXroDTDmpUMLUo:a.json',
      '--version=v2:b.json',
    ]);
    expect(spec({ versions: { a: 'v1' } }).revision).toBe('v1');
    expect(key({ versions })).not.toBe(key({ versions, endpoint: 'http://minio:9000' }));
    expect(key({ versions })).not.toBe(key({ versions: { ...versions, 'b.json': 'v3' } }));
  });

  test('is nothing, where that is asked for', () => {
    expect(spec({ unpinned: true })).toMatchObject({ proof: SourceProof.NONE, revision: 'unpinned' });
    expect(key({ unpinned: true })).not.toBe(key({ unpinned: true, endpoint: 'http://minio:9000' }));
    expect(key({ unpinned: true })).not.toBe(key({ unpinned: true, include: ['*.json'] }));
  });

  test.each<[string, Partial<S3SourceProps>, RegExp | string]>([
    [
      'nothing',
      {},
      /^ModelSource\.s3: 'manifest, files, versions' is nothing; allowed: exactly one.*unpinned: true.*aws s3 cp s3:\/\/models\/org\/Model 1\/\.artifact\.json - --endpoint-url https:\/\/s3\.us-east-1\.amazonaws\.com \| sha256sum/,
    ],
    ['two of them', { ...MANIFEST, files: { a: SHA } }, "'manifest and files'"],
    ['a pin and unpinned', { ...MANIFEST, unpinned: true }, 'exactly one'],
    ['versions and a manifest', { ...MANIFEST, versions: { a: 'v1' } }, "'manifest' is {"],
    ['versions and unpinned', { unpinned: true, versions: { a: 'v1' } }, "'unpinned' is true"],
    ['versions and patterns', { include: ['*'], versions: { a: 'v1' } }, 'nothing beside versions'],
    ['no versions', { versions: {} }, "'versions' is '0 files'"],
    [
      'the version of an object that is overwritten in place',
      { versions: { 'a.json': 'null' } },
      "--bucket models --prefix 'org/Model 1/a.json'",
    ],
    ['a path that leads out', { versions: { '../a': 'v1' } }, "'versions' is '../a'"],
    ['a hash that is none', { files: { a: 'abc' } }, "'files.a' is 'abc'; allowed: a sha256"],
    ['a manifest without a hash', { manifest: { sha256: '' } }, "'manifest.sha256' is ''"],
    ['an empty pattern', { ...MANIFEST, include: [''] }, "'include' is ''"],
  ])('is not %s', (_, props, message) => {
    expect(() => spec(props)).toThrow(message);
  });
});

describe('what opens it', () => {
  test('is the keys of a Secret, under names that are not those of the store', () => {
    const { secrets } = fetchOf({ ...MANIFEST, credentialsSecret: secret });
    expect(secrets).toEqual(
      ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'].map((name) => ({
        env: `SOURCE_${name}`,
        secret: 'reader-keys',
        key: name,
        purpose: 'read from bucket models',
        ...(name === 'AWS_SESSION_TOKEN' ? { optional: true } : {}),
      })),
    );
  });

  test("is the pod's identity", () => {
    expect(fetchOf({ ...MANIFEST, serviceAccount })).toMatchObject({
      secrets: [],
      serviceAccountName: 'reader',
    });
  });

  test.each<[string, Partial<S3SourceProps>, string]>([
    [
      'both',
      { credentialsSecret: secret, serviceAccount },
      "'serviceAccount' is 'reader'; allowed: nothing beside",
    ],
    [
      'keys without a signature',
      { anonymous: true, credentialsSecret: secret },
      'false beside credentialsSecret',
    ],
    ['an identity without a signature', { anonymous: true, serviceAccount }, 'false beside serviceAccount'],
    ['a payer without a name', { anonymous: true, requesterPays: true }, 'the requests must be signed'],
    ["a Secret's name", { credentialsSecret: 'reader-keys' as never }, 'allowed: a Secret of cdk8s-plus'],
    [
      "a ServiceAccount's name",
      { serviceAccount: 'reader' as never },
      'allowed: a ServiceAccount of cdk8s-plus',
    ],
  ])('is not %s', (_, props, message) => {
    expect(() => spec({ ...MANIFEST, ...props })).toThrow(message);
  });
});

describe('a connection', () => {
  const connection = (props: Partial<S3ConnectionProps>, prefixes = S3Prefix.ANY) =>
    checkS3Connection('ModelSource.s3', { bucket: 'models', ...props }, prefixes);

  test.each([
    [{}, 'https://s3.us-east-1.amazonaws.com', 'us-east-1'],
    [{ region: 'eu-west-1' }, 'https://s3.eu-west-1.amazonaws.com', 'eu-west-1'],
    [{ region: 'cn-north-1' }, 'https://s3.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    [{ endpoint: 'https://s3.eu-west-1.amazonaws.com' }, 'https://s3.eu-west-1.amazonaws.com', 'eu-west-1'],
    [
      { endpoint: 'https://s3.dualstack.us-west-2.amazonaws.com/' },
      'https://s3.dualstack.us-west-2.amazonaws.com',
      'us-west-2',
    ],
    [{ endpoint: 'https://s3.amazonaws.com' }, 'https://s3.amazonaws.com', 'us-east-1'],
    [{ endpoint: 'http://minio:9000' }, 'http://minio:9000', 'us-east-1'],
    [{ endpoint: 'https://id.r2.example.com', region: 'auto' }, 'https://id.r2.example.com', 'auto'],
  ])('of %j is to %s, signed for %s', (props, endpoint, region) => {
    expect(connection(props)).toMatchObject({ endpoint, region, pathStyle: true, prefix: '' });
  });

  test.each<[Partial<S3ConnectionProps>, string]>([
    [{ endpoint: 'minio:9000' }, "'endpoint' is 'minio:9000'; allowed: 'http(s)://host[:port]'"],
    [{ endpoint: 'https://a:geheim@minio' }, "'endpoint' is 'https://***@minio'"],
    [{ endpoint: 'https://minio/models' }, "'endpoint'"],
    [{ bucket: 'My_Bucket' }, "'bucket' is 'My_Bucket'"],
    [{ bucket: undefined }, "'bucket' is nothing"],
    [{ prefix: '/a' }, "'prefix' is '/a'"],
    [{ prefix: 'a/' }, "'prefix' is 'a/'"],
    [{ prefix: 'a/../b' }, "'prefix' is 'a/../b'"],
    [{ prefix: 'a\nb' }, "'prefix'"],
    [{ region: 'eu west' }, "'region' is 'eu west'"],
    [
      { region: 'eu-west-1', endpoint: 'https://s3.us-west-2.amazonaws.com' },
      'allowed: us-west-2, the region of https://s3.us-west-2.amazonaws.com. Leave out one of the two.',
    ],
    [{ pathStyle: false, endpoint: 'http://10.0.0.1:9000' }, 'An IP address has no names below it.'],
    [{ pathStyle: false, endpoint: 'http://[fd00::1]:9000' }, 'An IP address has no names below it.'],
    [{ pathStyle: false, bucket: 'my.models' }, 'this bucket has a dot in it'],
  ])('of %j is refused', (props, message) => {
    expect(() => connection(props)).toThrow(message);
  });

  test('to objects that are ours has folders whose names are safe everywhere', () => {
    expect(() => connection({ prefix: 'a b' })).not.toThrow();
    expect(() => connection({ prefix: 'a b' }, S3Prefix.OURS)).toThrow("'prefix' is 'a b'");
    expect(connection({ prefix: 'a=1/b.c' }, S3Prefix.OURS).prefix).toBe('a=1/b.c');
  });
});

describe('two buckets in one pod', () => {
  const from = { bucket: 'models', credentialsSecret: secret };
  const to = {
    bucket: 'store',
    prefix: 'llm',
    endpoint: 'http://minio:9000',
    credentialsSecret: Secret.fromSecretName(chart, 'other', 'writer-keys'),
  };

  test('are told apart by every argument and variable', () => {
    const names = (args: string[]) => args.map((arg) => arg.split('=')[0]);
    const source = names(s3Args({ ...from, pathStyle: false }, 'x', 'source'));
    const store = names(s3Args({ ...to, pathStyle: false }, 'x'));
    expect(store).toEqual(['--s3-endpoint', '--s3-region', '--bucket', '--prefix', '--s3-addressing']);
    expect(source).toHaveLength(store.length);
    expect(source.filter((name) => store.includes(name))).toEqual([]);
    const variables = (env: Record<string, unknown>[]) => env.map(({ name }) => name);
    expect(variables(s3Env(from, 'source')).filter((name) => variables(s3Env(to)).includes(name))).toEqual(
      [],
    );
  });

  test('are written of as what they are', () => {
    expect(s3Args(to, 'model-1')).toContain('--prefix=llm/model-1');
    expect(s3SecretPurpose(from, 'source')).toBe(
      'reader-keys/AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY=read from bucket models',
    );
    expect(s3SecretPurpose(to)).toBe(
      'writer-keys/AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY=write to bucket store',
    );
    expect(s3SecretPurpose({ bucket: 'store' })).toBeUndefined();
  });

  test('are reached by their ports, and so is who gives keys to an identity', () => {
    expect(s3Ports(to)).toEqual([9000]);
    expect(s3Ports({ bucket: 'models' })).toEqual([443, 80]);
    expect(s3Ports({ bucket: 'models', endpoint: 'http://minio:9000' })).toEqual([9000, 443, 80]);
  });
});

describe('an address', () => {
  test('that the source itself gives, gives the source again', () => {
    const { address } = ModelSource.s3({ bucket: 'models', prefix: 'org/model', ...MANIFEST });
    const again = ModelSource.parse(address);
    expect(again.address).toBe(address);
    expect(again.proof).toBe(SourceProof.CONTENT);
  });
});

test('files that are named say how they are to be read', () => {
  const sha256 = 'a1'.repeat(32);
  const of = (files: Record<string, string>) => s3Source({ bucket: 'models', files });
  expect(of({ 'Qwen.gguf': sha256, 'README.md': sha256 })).toMatchObject({
    format: 'gguf',
    modelFile: 'Qwen.gguf',
  });
  expect(of({ 'a.gguf': sha256, 'b.gguf': sha256 })).toMatchObject({ format: 'gguf', modelFile: undefined });
  expect(of({ 'model.safetensors': sha256 })).toMatchObject({ format: 'huggingface', modelFile: undefined });
  expect(s3Source({ bucket: 'models', versions: { 'Qwen.gguf': 'v1' } })).toMatchObject({
    format: 'gguf',
    modelFile: 'Qwen.gguf',
  });
});
