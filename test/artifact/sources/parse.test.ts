import { Secret } from 'cdk8s-plus-28';
import { ModelSource, ParsedSourceOptions, SourceProof } from '../../../src';
import { COMMIT } from '../../support/models';
import { plainChart } from '../../support/objects';

const SHA256 = 'c'.repeat(64);
const DIGEST = `sha256:${SHA256}`;

/** Each address with what it does not say, and what the typed factory makes of the same. */
const ADDRESSES: [string, ParsedSourceOptions, () => ModelSource][] = [
  [
    `hf://Qwen/Qwen3-1.7B@${COMMIT}`,
    { include: ['*.json'] },
    () => ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: COMMIT, include: ['*.json'] }),
  ],
  [
    `hf://datasets/org/data@${COMMIT}`,
    {},
    () => ModelSource.huggingFace('org/data', { revision: COMMIT, dataset: true }),
  ],
  [
    `https://huggingface.co/Qwen/Qwen3-1.7B/tree/${COMMIT}`,
    {},
    () => ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: COMMIT }),
  ],
  [
    's3://models/qwen/3',
    { s3: { region: 'eu-west-1', unpinned: true } },
    () => ModelSource.s3({ bucket: 'models', prefix: 'qwen/3', region: 'eu-west-1', unpinned: true }),
  ],
  [
    `s3://models/qwen@${DIGEST}`,
    {},
    () => ModelSource.s3({ bucket: 'models', prefix: 'qwen', manifest: { sha256: SHA256 } }),
  ],
  [
    'gs://models/qwen',
    { gcs: { manifest: { sha256: SHA256, path: 'SHA256SUMS' } } },
    () =>
      ModelSource.gcs({
        bucket: 'models',
        prefix: 'qwen',
        manifest: { sha256: SHA256, path: 'SHA256SUMS' },
      }),
  ],
  [
    `az://models/qwen@${DIGEST}`,
    { azureBlob: { account: 'acme' } },
    () =>
      ModelSource.azureBlob({
        account: 'acme',
        container: 'models',
        prefix: 'qwen',
        manifest: { sha256: SHA256 },
      }),
  ],
  [
    'az://models@acme/qwen',
    { azureBlob: { unpinned: true } },
    () => ModelSource.azureBlob({ account: 'acme', container: 'models', prefix: 'qwen', unpinned: true }),
  ],
  [
    `az://models@acme@${DIGEST}`,
    {},
    () => ModelSource.azureBlob({ account: 'acme', container: 'models', manifest: { sha256: SHA256 } }),
  ],
  [
    `https://files.example.com/qwen.gguf#sha256=${SHA256}`,
    {},
    () => ModelSource.https('https://files.example.com/qwen.gguf', { sha256: SHA256 }),
  ],
  [
    'https://files.example.com/models/qwen.tar.gz',
    { https: { sha256: SHA256, stripComponents: 1 } },
    () =>
      ModelSource.https('https://files.example.com/models/qwen.tar.gz', {
        sha256: SHA256,
        stripComponents: 1,
      }),
  ],
  ['ngc://nvidia/nemo/megatron:1.0', {}, () => ModelSource.ngc('nvidia/nemo/megatron', { version: '1.0' })],
  [
    'ngc://nvidia/megatron',
    { ngc: { version: '2' } },
    () => ModelSource.ngc('nvidia/megatron', { version: '2' }),
  ],
  [`ollama://qwen3:4b@${DIGEST}`, {}, () => ModelSource.ollama(`qwen3:4b@${DIGEST}`)],
  ['ollama://qwen3:4b', { ollama: { digest: DIGEST } }, () => ModelSource.ollama(`qwen3:4b@${DIGEST}`)],
  [
    `oci://ghcr.io/org/model@${DIGEST}`,
    { oci: { path: '/models' } },
    () => ModelSource.oci(`ghcr.io/org/model@${DIGEST}`, { path: '/models' }),
  ],
  [
    'pvc://shared/models/qwen',
    { claim: { manifest: { sha256: SHA256, path: 'SHA256SUMS' } } },
    () =>
      ModelSource.claim('shared', {
        path: 'models/qwen',
        manifest: { sha256: SHA256, path: 'SHA256SUMS' },
      }),
  ],
];

describe.each(ADDRESSES)('%s', (address, options, typed) => {
  test('is the same source as the typed one', () => {
    const parsed = ModelSource.parse(address, options);
    expect(JSON.parse(JSON.stringify(parsed._spec))).toEqual(JSON.parse(JSON.stringify(typed()._spec)));
    expect(parsed.proof).toBe(typed().proof);
  });

  test('does not take options that are for another kind of address', () => {
    const other: ParsedSourceOptions = options.oci || address.startsWith('oci:') ? { s3: {} } : { oci: {} };
    expect(() => ModelSource.parse(address, { ...options, ...other })).toThrow(
      `'${Object.keys(other)[0]}' is 'given'; allowed: the options of`,
    );
  });
});

test.each(['s3://b-u-c/x', 'gs://b-u-c/x', 'pvc://claim/x', 'ollama://qwen3', 'oci://ghcr.io/org/model'])(
  '%s alone pins nothing, and is refused until that is asked for',
  (address) => {
    expect(() => ModelSource.parse(address)).toThrow('unpinned: true');
    const field = { s3: 's3', gs: 'gcs', pvc: 'claim', ollama: 'ollama', oci: 'oci' }[address.split(':')[0]];
    const asked = ModelSource.parse(address, { [field as string]: { unpinned: true } });
    expect(asked.proof).toBe(SourceProof.NONE);
  },
);

test('a file of a web server without a checksum is refused, and the error says where it goes', () => {
  expect(() => ModelSource.parse('https://files.example.com/a/b/c.gguf')).toThrow(
    "{ https: { sha256: '<hex>' } }",
  );
});

test.each(['github.com', 'www.github.com', 'gitlab.com', 'bitbucket.org', 'codeberg.org'])(
  'a repository of %s is no hub',
  (forge) => {
    expect(() => ModelSource.parse(`https://${forge}/org/name/tree/${COMMIT}`)).toThrow(
      /'address' is 'https:.*A forge is no hub of models\.$/,
    );
    // Of a mirror nothing is known but its address.
    expect(() => ModelSource.parse(`https://hub.example.com/org/name/tree/${COMMIT}`)).not.toThrow();
  },
);

test('an address of Azure says what it is without an account', () => {
  const parse = (address: string, azureBlob?: ParsedSourceOptions['azureBlob']) => () =>
    ModelSource.parse(address, { azureBlob });
  const advice = "az://container@account/prefix, or as { azureBlob: { account: 'acme' } }";
  expect(parse('az://models/qwen')).toThrow(`ModelSource.parse: 'azureBlob.account' is nothing`);
  expect(parse('az://models/qwen')).toThrow(advice);
  expect(parse('az://models@acme/qwen', { account: 'other', unpinned: true })).toThrow(
    "'azureBlob.account' is 'other'; allowed: the 'acme' that is in the address",
  );
});

test('checksums in the address and in the options that differ are refused', () => {
  expect(() =>
    ModelSource.parse(`https://files.example.com/q.gguf#sha256=${SHA256}`, {
      https: { sha256: 'd'.repeat(64) },
    }),
  ).toThrow(`the '${SHA256}' that is in the address`);
});

test.each(['s3', 'gs', 'az'])(
  'manifests in the address of %s:// and in the options that differ are refused',
  (scheme) => {
    const kind = { s3: 's3', gs: 'gcs', az: 'azureBlob' }[scheme] as string;
    const manifest = { sha256: 'd'.repeat(64) };
    expect(() =>
      ModelSource.parse(`${scheme}://models/x@${DIGEST}`, { [kind]: { account: 'acme', manifest } }),
    ).toThrow(
      `'${kind}.manifest.sha256' is '${manifest.sha256}'; allowed: the '${SHA256}' that is in the address`,
    );
  },
);

test('options of Hugging Face are refused beside another kind of address', () => {
  const tokenSecret = Secret.fromSecretName(plainChart(), 'token', 'hf-token');
  expect(() => ModelSource.parse(`ollama://qwen3@${DIGEST}`, { tokenSecret })).toThrow(
    "'tokenSecret' is 'given'",
  );
});

test('credentials in an address are not repeated by the error', () => {
  for (const scheme of ['https', 's3', 'gs', 'az', 'ftp']) {
    expect(() => ModelSource.parse(`${scheme}://me:geheim@host/a/b/c`)).toThrow(/^(?!.*geheim)/);
  }
});
