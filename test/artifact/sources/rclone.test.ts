import { execFileSync } from 'node:child_process';
import { Size, Testing } from 'cdk8s';
import { Secret, ServiceAccount } from 'cdk8s-plus-28';
import { SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import type { DownloaderFetch } from '../../../src/artifact/sources/downloader';
import { azureBlobSource, gcsSource } from '../../../src/artifact/sources/rclone';
import type { AzureBlobSourceProps, GcsSourceProps } from '../../../src/artifact/sources/rclone';

const SHA = 'a1'.repeat(32);
const PIN = { manifest: { sha256: SHA, path: 'SHA256SUMS' } };

const chart = Testing.chart();
const secret = Secret.fromSecretName(chart, 'secret', 'reader');
const serviceAccount = ServiceAccount.fromServiceAccountName(chart, 'account', 'reader');

const gcs = (more: Partial<GcsSourceProps> = {}) =>
  gcsSource({
    bucket: 'models',
    prefix: 'qwen/3',
    ...('unpinned' in more || 'files' in more ? {} : PIN),
    ...more,
  });
const azure = (more: Partial<AzureBlobSourceProps> = {}) =>
  azureBlobSource({
    account: 'acct',
    container: 'models',
    prefix: 'qwen/3',
    ...('unpinned' in more ? {} : PIN),
    ...more,
  });

const fetchOf = (source: { fetch: unknown }) => source.fetch as DownloaderFetch;
const envOf = (source: { fetch: unknown }) =>
  Object.fromEntries(fetchOf(source).env.map(({ name, value }) => [name as string, value as string]));

describe('a bucket in Google Cloud Storage', () => {
  test('is a source like any other', () => {
    expect(gcs()).toMatchObject({
      kind: 'gcs',
      name: 'models--qwen--3',
      address: `gs://models/qwen/3@sha256:${SHA}`,
      repository: 'models/qwen/3',
      revision: `sha256:${SHA}`,
      proof: SourceProof.CONTENT,
    });
    expect(gcs({ unpinned: true })).toMatchObject({
      address: 'gs://models/qwen/3',
      revision: 'unpinned',
      proof: SourceProof.NONE,
    });
  });

  test('is copied by rclone, its image pinned by tag and digest', () => {
    const fetch = fetchOf(gcs());
    expect(fetch.image).toMatch(/^docker\.io\/rclone\/rclone:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$/);
    expect(fetch.command).toEqual(['rclone']);
    expect(fetch.args.slice(0, 3)).toEqual(['sync', 'source:models/qwen/3', '$(MODEL_DIR)']);
    expect(fetch.args).toContain('--checksum');
    expect(fetch.exitCodes).toBe('2=64,3=66,4=66,7=73');
    expect(fetch.adoptArgs).toEqual([
      '--manifest=SHA256SUMS',
      `--manifest-sha256=${SHA}`,
      '--exclude=*.rclone-part',
      '--origin=type=gcs',
      '--origin=address=gs://models/qwen/3',
    ]);
    expect(fetchOf(gcs({ rcloneImage: 'mirror/rclone:1' })).image).toBe('mirror/rclone:1');
    expect(envOf(gcs({ memory: Size.gibibytes(2) })).GOMEMLIMIT).toBe('1536MiB');
  });

  test('its server is apart from all else, for a mirror', () => {
    expect(fetchOf(gcs()).endpoints).toEqual([
      { flag: 'RCLONE_CONFIG_SOURCE_ENDPOINT', url: 'https://storage.googleapis.com/storage/v1/' },
    ]);
    expect(JSON.stringify([fetchOf(gcs()).args, fetchOf(gcs()).env])).not.toContain('googleapis');
  });

  test.each([
    ['workload identity', {}, { RCLONE_CONFIG_SOURCE_ENV_AUTH: 'true' }],
    ['workload identity of an account', { serviceAccount }, { RCLONE_CONFIG_SOURCE_ENV_AUTH: 'true' }],
    ['nothing', { anonymous: true }, { RCLONE_CONFIG_SOURCE_ANONYMOUS: 'true' }],
    [
      'a key',
      { credentialsSecret: secret },
      { RCLONE_CONFIG_SOURCE_SERVICE_ACCOUNT_FILE: '/etc/cdk8s-llm/gcs/key.json' },
    ],
  ])('is opened by %s', (_, more, env) => {
    const source = gcs(more);
    const config = Object.entries(envOf(source)).filter(([name]) =>
      /RCLONE_CONFIG_SOURCE_(?!TYPE)/.test(name),
    );
    expect(Object.fromEntries(config)).toEqual(env);
    expect(fetchOf(source).secretFiles).toEqual(
      'credentialsSecret' in more
        ? [
            {
              secret: 'reader',
              key: 'key.json',
              path: '/etc/cdk8s-llm/gcs/key.json',
              purpose: 'service account that reads bucket models',
            },
          ]
        : [],
    );
    // A node's metadata server gives a pod its identity.
    const byIdentity = 'RCLONE_CONFIG_SOURCE_ENV_AUTH' in env;
    expect(fetchOf(source).ports).toEqual(byIdentity ? [80, 988] : []);
  });

  test('patterns become rules, the first of which that matches decides', () => {
    const rules = (more: Partial<GcsSourceProps>) =>
      fetchOf(gcs({ unpinned: true, ...more })).args.filter((arg) => arg.startsWith('--filter='));
    expect(rules({})).toEqual([]);
    expect(rules({ include: ['*.json', 'a/'], exclude: ['b?[!c-e]{x}'] })).toEqual([
      '--filter=- /{{b.[^c-e]\\{x\\x7d}}',
      '--filter=+ /{{.*\\.json}}',
      '--filter=+ /{{a/.*}}',
      '--filter=- *',
    ]);
    const files = { 'b (1).bin': SHA, 'a.json': SHA };
    expect(fetchOf(gcs({ files })).args.filter((arg) => arg.startsWith('--filter='))).toEqual([
      '--filter=+ /{{a\\.json}}',
      '--filter=+ /{{b \\(1\\)\\.bin}}',
      '--filter=- *',
    ]);
  });

  test("patterns mean what they mean to Python's fnmatch, by which all other sources take files", () => {
    const patterns = ['[!]]', '[]a]', '[]', '[!]', '[!]a]x', 'a[', '[[]', '[^a]', '[!^a]', '[a-c]*', '[\\]'];
    patterns.push('*}', '*}}', '[}]', '[!}}]', 'x{1}.json', '{a,b}', 'a.b', 'a+', '(a|b)', '**', 'a/', '?]');
    const names = [
      'a',
      'b',
      ']',
      '[',
      '!',
      '^',
      '}',
      'n}',
      'n}}',
      'x{1}.json',
      '{a,b}',
      'a.b',
      'axb',
      'aa',
      'a+',
    ];
    names.push('(a|b)', 'a/b', 'a[', '[]', '[!]', 'a]', '[!]a]x', 'bx', ']x', '\\', '-');
    const taken = (pattern: string) => {
      const [rule] = fetchOf(gcs({ unpinned: true, include: [pattern] })).args.filter((arg) =>
        arg.startsWith('--filter=+'),
      );
      // What is between, up to the first two of `}`: there ends a regular expression for rclone.
      const [, expression, rest] = /^--filter=\+ \/\{\{(.*?)\}\}(.*)$/.exec(rule) as RegExpExecArray;
      expect(rest).toBe('');
      return names.filter((name) => new RegExp(`^(?:${expression})$`).test(name));
    };
    const fnmatch =
      'import fnmatch, json, sys; patterns, names = json.load(sys.stdin)\n' +
      'print(json.dumps([[n for n in names if fnmatch.fnmatchcase(n, p + "*" * p.endswith("/"))] for p in patterns]))';
    const input = JSON.stringify([patterns, names]);
    const expected = JSON.parse(execFileSync('python3', ['-c', fnmatch], { input }).toString()) as string[][];
    expect(Object.fromEntries(patterns.map((pattern) => [pattern, taken(pattern)]))).toEqual(
      Object.fromEntries(patterns.map((pattern, index) => [pattern, expected[index]])),
    );
  });

  test('a file that is pinned is taken whatever its name is', () => {
    const files = { 'n}': SHA, 'n}}': SHA };
    expect(fetchOf(gcs({ files })).args.filter((arg) => arg.startsWith('--filter=+'))).toEqual([
      '--filter=+ /{{n\\x7d}}',
      '--filter=+ /{{n\\x7d\\x7d}}',
    ]);
  });

  test('its key follows from the bytes alone where they are proven, else from the place too', () => {
    expect(sourceKey(gcs({ prefix: 'elsewhere', endpoint: 'http://mirror/storage/v1/' }))).toBe(
      sourceKey(gcs()),
    );
    const unpinned = sourceKey(gcs({ unpinned: true }));
    expect(sourceKey(gcs({ unpinned: true, prefix: 'elsewhere' }))).not.toBe(unpinned);
    expect(sourceKey(gcs({ unpinned: true, transfers: 8, anonymous: true }))).toBe(unpinned);
  });

  test.each([
    [{ bucket: 'Models' }, /a bucket's name/],
    [{ prefix: '/qwen' }, /folder names joined by '\/'/],
    [{ prefix: 'a/../b' }, /folder names joined by '\/'/],
    [{ unpinned: false }, /exactly one of them, or unpinned: true alone.*SHA256SUMS/],
    [{ endpoint: 'https://me:secret@host/' }, /'https:\/\/\*\*\*@host\/'/],
    [
      { anonymous: true, credentialsSecret: secret },
      /'anonymous' is 'given'; allowed: nothing beside credentialsSecret/,
    ],
    [{ serviceAccount, credentialsSecret: secret }, /Choose one way to be let in/],
    [{ credentialsSecret: 'reader' as unknown as typeof secret }, /a Secret of cdk8s-plus/],
    [{ transfers: 0 }, /a whole number, 1 to 64/],
  ])('%j is refused', (more, message) => {
    expect(() => gcs(more as Partial<GcsSourceProps>)).toThrow(message);
  });
});

describe('a container in Azure Blob Storage', () => {
  test('is a source like any other', () => {
    expect(azure()).toMatchObject({
      kind: 'azureblob',
      name: 'models--qwen--3',
      address: `az://models@acct/qwen/3@sha256:${SHA}`,
      proof: SourceProof.CONTENT,
    });
    // The marker says it too: containers of one name are in many accounts.
    expect(fetchOf(azure()).adoptArgs).toContain('--origin=address=az://models@acct/qwen/3');
    expect(fetchOf(azure()).args).toContain('source:models/qwen/3');
    expect(azure({ unpinned: true }).address).toBe('az://models@acct/qwen/3');
    expect(sourceKey(azure({ unpinned: true, account: 'other' }))).not.toBe(
      sourceKey(azure({ unpinned: true })),
    );
  });

  test('is opened by workload identity, for which the pod has a label', () => {
    const fetch = fetchOf(azure({ serviceAccount }));
    expect(fetch.podLabels).toEqual({ 'azure.workload.identity/use': 'true' });
    expect(fetch.serviceAccountName).toBe('reader');
    expect(envOf(azure())).toMatchObject({
      RCLONE_CONFIG_SOURCE_ACCOUNT: 'acct',
      RCLONE_CONFIG_SOURCE_ENV_AUTH: 'true',
    });
    expect(fetch.endpoints).toEqual([
      { flag: 'RCLONE_CONFIG_SOURCE_ENDPOINT', url: 'https://acct.blob.core.windows.net' },
    ]);
  });

  test("is opened by the account's key", () => {
    const fetch = fetchOf(azure({ keySecret: secret }));
    expect(fetch.secrets).toEqual([
      {
        env: 'RCLONE_CONFIG_SOURCE_KEY',
        secret: 'reader',
        key: 'AZURE_STORAGE_KEY',
        purpose: 'read Azure storage acct',
      },
    ]);
    expect(fetch.podLabels).toBeUndefined();
    expect(envOf(azure({ keySecret: secret }))).not.toHaveProperty('RCLONE_CONFIG_SOURCE_ENV_AUTH');
  });

  test('is opened by a signature, which Kubernetes puts into the URL', () => {
    const source = azure({ sasSecret: secret });
    expect(envOf(source).RCLONE_CONFIG_SOURCE_SAS_URL).toBe(
      '$(AZURE_STORAGE_ENDPOINT)/models?$(AZURE_STORAGE_SAS_TOKEN)',
    );
    expect(fetchOf(source).endpoints).toEqual([
      { flag: 'AZURE_STORAGE_ENDPOINT', url: 'https://acct.blob.core.windows.net' },
    ]);
    expect(fetchOf(source).secrets.map(({ env, key }) => [env, key])).toEqual([
      ['AZURE_STORAGE_SAS_TOKEN', 'AZURE_STORAGE_SAS_TOKEN'],
    ]);
  });

  test('is opened by nobody in particular', () => {
    const source = azure({ anonymous: true });
    expect(envOf(source)).toMatchObject({ RCLONE_CONFIG_SOURCE_ACCOUNT: 'acct' });
    expect(envOf(source)).not.toHaveProperty('RCLONE_CONFIG_SOURCE_ENV_AUTH');
    expect(fetchOf(source).secrets).toEqual([]);
  });

  test.each([
    [{ account: 'Acct' }, /3 to 24 lower-case letters and digits/],
    [{ container: 'a--b' }, /single '-'/],
    [{ keySecret: secret, sasSecret: secret }, /nothing beside keySecret/],
    [{ keySecret: secret, anonymous: true }, /nothing beside keySecret/],
  ])('%j is refused', (more, message) => {
    expect(() => azure(more as Partial<AzureBlobSourceProps>)).toThrow(message);
  });
});
