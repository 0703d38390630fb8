import { Testing } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ModelSource } from '../../../src';
import { COMMIT } from '../../support/models';
import { DIGEST, SHA256 } from '../../support/sources';

// What a type checker would stop, a program in plain JavaScript may give: `any` is taken for every type.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Options = any;

const FOLDERS: [string, (options: Options) => ModelSource][] = [
  ['s3', (options) => ModelSource.s3({ bucket: 'models', ...options })],
  ['gcs', (options) => ModelSource.gcs({ bucket: 'models', ...options })],
  ['azureBlob', (options) => ModelSource.azureBlob({ account: 'acct', container: 'models', ...options })],
  ['claim', (options) => ModelSource.claim('models', options as object)],
  ['nodeFolder', (options) => ModelSource.nodeFolder('/models', { hostname: 'node-1', ...options })],
  ['custom', (options) => ModelSource.custom({ image: 'tool:1', command: ['tool'], ...options })],
];

const REGISTRIES: [string, (options: Options) => ModelSource][] = [
  ['ollama', (options) => ModelSource.ollama('qwen3:4b', options as object)],
  ['oci', (options) => ModelSource.oci('ghcr.io/org/model:1', options as object)],
];

const ALL = new Map([
  ...FOLDERS,
  ...REGISTRIES,
  ['huggingFace', (options: Options) => ModelSource.huggingFace('a/b', { revision: COMMIT, ...options })],
  ['ngc', (options: Options) => ModelSource.ngc('org/model', { version: '1', ...options })],
  [
    'https',
    (options: Options) =>
      ModelSource.https('http://files.example.com/m.tar', { sha256: SHA256, plainHttp: true, ...options }),
  ],
  [
    'httpsFiles',
    (options: Options) =>
      ModelSource.httpsFiles({
        files: ['a', 'b'].map((name) => ({ url: `https://files.example.com/${name}`, sha256: SHA256 })),
        ...options,
      }),
  ],
]);

const of = (source: string, options: object) => () => ALL.get(source)?.(options);

describe('a switch is true or false, and text is neither', () => {
  test.each([...FOLDERS, ...REGISTRIES])('%s is not read without a pin by mistake', (source) => {
    expect(of(source, { unpinned: 'false' })).toThrow(
      `ModelSource.${source}: 'unpinned' is 'false'; allowed: true or false.`,
    );
    expect(of(source, { unpinned: true })).not.toThrow();
  });

  test.each([
    ['s3', 'anonymous'],
    ['s3', 'requesterPays'],
    ['s3', 'pathStyle'],
    ['gcs', 'anonymous'],
    ['azureBlob', 'anonymous'],
    ['custom', 'shell'],
    ['huggingFace', 'dataset'],
    ['https', 'plainHttp'],
  ])('%s: %s', (source, field) => {
    const pin = FOLDERS.some(([name]) => name === source) ? { unpinned: true } : {};
    expect(of(source, { ...pin, [field]: 'no' })).toThrow(
      `ModelSource.${source}: '${field}' is 'no'; allowed: true or false.`,
    );
  });
});

describe('a size is a Size', () => {
  test.each([
    ...[...FOLDERS, ...REGISTRIES].map(([source]) => [source, 'size']),
    ['https', 'maxUnpackedSize'],
    ['oci', 'maxUnpackedSize'],
    ['gcs', 'memory'],
    ['custom', 'memory'],
    ['custom', 'tmpSize'],
  ])('%s: %s is not a number', (source, field) => {
    const pin = source === 'https' ? {} : { unpinned: true };
    expect(of(source, { ...pin, [field]: 20 })).toThrow(
      new RegExp(
        `^ModelSource\\.${source}: '${field}' is 20; allowed: a size above nothing.*Size\\.gibibytes`,
      ),
    );
  });
});

describe('what is no list, no text and no object', () => {
  test.each([
    ['s3', { unpinned: true, prefix: 5 }, "'prefix' is 5; allowed: folder names"],
    ['gcs', { unpinned: true, prefix: 5 }, "'prefix' is 5; allowed: folder names"],
    ['custom', { unpinned: true, ports: '80' }, "'ports' is '80'; allowed: a list of ports"],
    ['custom', { unpinned: true, ports: ['80'] }, "'ports' is '80'; allowed: 1 to 65535"],
    ['huggingFace', { join: { x: 'y' } }, "'join.x' is 'y'; allowed: a list of paths"],
    ['huggingFace', { endpoint: 5 }, "'endpoint' is 5; allowed: 'http(s)://"],
    ['s3', { files: ['a'] }, `'files' is ["a"]; allowed: an object, by path`],
    ['s3', { versions: ['a'] }, `'versions' is ["a"]; allowed: an object, by path`],
    ['ngc', { files: ['a'] }, `'files' is ["a"]; allowed: an object, by path`],
    ['s3', { manifest: SHA256 }, "'manifest' is 'a string'; allowed: { sha256: '...', path: '...' }"],
    ['claim', { key: 5 }, "'key' is 5; allowed: the key of an artifact"],
    ['custom', { version: 5 }, "'version' is 5; allowed: a version of the model"],
  ])('%s: %j', (source, options, message) => {
    expect(of(source, options)).toThrow(`ModelSource.${source}: ${message}`);
  });

  test('no options are none', () => {
    const address = `hf://org/name@${COMMIT}`;
    expect(ModelSource.parse(address, null as never).address).toBe(ModelSource.parse(address).address);
    expect(ModelSource.oci(`ghcr.io/org/model@${DIGEST}`, null as never).revision).toBe(DIGEST);
  });
});

describe('a file cannot be the folder of another', () => {
  const below = { a: SHA256, 'a/b': SHA256 };

  test.each([
    ['s3', { files: below }, 'files'],
    ['s3', { versions: { 'a/b': 'v1', a: 'v2' } }, 'versions'],
    ['gcs', { files: below }, 'files'],
    ['claim', { files: below }, 'files'],
    ['custom', { files: { 'x/a': SHA256, 'x/a/b/c': SHA256 } }, 'files'],
    ['ngc', { files: below }, 'files'],
    [
      'httpsFiles',
      {
        files: ['a/b', 'a'].map((path) => ({ url: 'https://files.example.com/x', sha256: SHA256, path })),
      },
      'files',
    ],
  ])('%s: %j', (source, options, field) => {
    expect(of(source, options)).toThrow(
      new RegExp(
        `^ModelSource\\.${source}: '${field}' is '(x/)?a/b(/c)?'; allowed: a path that is not below '`,
      ),
    );
  });

  test('where only the beginning of the name is the same, it is no folder', () => {
    expect(of('s3', { files: { a: SHA256, 'a.b': SHA256, 'ab/c': SHA256 } })).not.toThrow();
  });
});

describe('a pin', () => {
  test.each([
    [
      's3',
      { files: { a: SHA256 }, unpinned: true },
      "'manifest, files, versions' is 'files and unpinned'; allowed: exactly one",
    ],
    [
      's3',
      {},
      "'manifest, files, versions' is nothing; allowed: exactly one of them, or unpinned: true alone",
    ],
    ['claim', { key: 'a'.repeat(12), unpinned: true }, "'manifest, files, key' is 'key and unpinned'"],
    ['gcs', { manifest: { sha256: SHA256 }, files: null, unpinned: true }, "is 'manifest and unpinned'"],
  ])('of %s is one: %j', (source, options, message) => {
    expect(of(source, options)).toThrow(message);
  });
});

describe('an address of a server holds no credentials', () => {
  const pullSecret = Secret.fromSecretName(Testing.chart(), 'pull', 'pull');

  test.each([
    ['huggingFace', {}, 'A token is given by tokenSecret.'],
    ['gcs', { unpinned: true }, 'Keys and signatures are given by Secrets.'],
    ['azureBlob', { unpinned: true }, 'Keys and signatures are given by Secrets.'],
    ['s3', { unpinned: true }, 'The bucket and the credentials are fields of their own.'],
    ['ollama', { unpinned: true, pullSecret }, 'Credentials are given by pullSecret.'],
    ['oci', { unpinned: true }, 'Credentials are given by pullSecret.'],
    ['ngc', {}, ''],
  ])('%s', (source, options, advice) => {
    for (const endpoint of ['https://h.example.com/x?token=geheim', 'https://geheim@h.example.com']) {
      const refused = of(source, { ...options, endpoint });
      expect(refused).toThrow(`ModelSource.${source}: 'endpoint' is 'https://`);
      expect(refused).toThrow(`without credentials. ${advice}`.trim());
      expect(refused).not.toThrow('geheim');
    }
  });
});
