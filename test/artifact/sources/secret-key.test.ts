import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ModelCache, ModelSource, NodeCache, PhasedApp } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { temporaryFolder } from '../../support/folders';
import { claim, COMMIT } from '../../support/models';
import { container, objectsOf, plainChart, the, violationsOf } from '../../support/objects';
import { SHA256 } from '../../support/sources';

const secret = Secret.fromSecretName(plainChart(), 'mine', 'mine');

/** A source by each way to say where its one secret value is. */
type Choice = Record<string, unknown>;
const SOURCES: [string, string, string, (choice: Choice) => ModelSource][] = [
  [
    'Hugging Face',
    'token',
    'token',
    (choice) => ModelSource.huggingFace('org/model', { revision: COMMIT, ...choice }),
  ],
  [
    'a web server',
    'token',
    'token',
    (choice) => ModelSource.https('https://example.com/a.gguf', { sha256: SHA256, ...choice }),
  ],
  ['NGC', 'apiKey', 'NGC_API_KEY', (choice) => ModelSource.ngc('org/model', { version: '1', ...choice })],
];

const use = ({ _spec }: ModelSource) => {
  const { fetch } = _spec;
  return fetch.secrets.map((each) => [each.secret, each.key]);
};

describe.each(SOURCES)('the secret of %s', (_, field, usualKey, source) => {
  const byName = { [`${field}Secret`]: secret };
  const byKey = { [field]: { secret, key: 'HF_TOKEN' } };

  test('is read from the usual key, or from the one that is said', () => {
    expect(use(source(byName))).toEqual([['mine', usualKey]]);
    expect(use(source(byKey))).toEqual([['mine', 'HF_TOKEN']]);
    expect(use(source({}))).toEqual([]);
  });

  test('decides no byte of the artifact', () => {
    expect(sourceKey(source(byKey)._spec)).toBe(sourceKey(source({})._spec));
  });

  test.each([
    [
      'in both ways',
      { ...byName, ...byKey },
      `'${field}Secret' is 'a Secret'; allowed: nothing beside ${field}`,
    ],
    [
      'by the name of a Secret',
      { [field]: 'hf_geheim' },
      `'${field}' is 'a string'; allowed: a Secret and the key`,
    ],
    ['without a key', { [field]: { secret } }, `'${field}' is 'an object`],
    ['by a key that none can be', { [field]: { secret, key: 'a b' } }, `'${field}.key' is 'a b'`],
    ['by no Secret', { [field]: { secret: 'mine', key: 'a' } }, `'${field}.secret' is 'a string'`],
    ['by null', { [field]: null }, `'${field}' is null`],
  ])('is not named %s', (__, choice, told) => {
    expect(() => source(choice)).toThrow(told);
    expect(() => source(choice)).not.toThrow('geheim');
  });
});

test('a token of several servers, or without TLS, is refused however it is named', () => {
  const token = { secret, key: 'x' };
  const files = ['a', 'b'].map((host) => ({ url: `https://${host}.example/x`, sha256: SHA256, path: host }));
  expect(() => ModelSource.httpsFiles({ files, token })).toThrow(
    "'token' is 'https://a.example and https://b",
  );
  const plain = { sha256: SHA256, plainHttp: true, token };
  expect(() => ModelSource.https('http://example.com/a', plain)).toThrow("'token' is 'http://example.com/a'");
});

test('a repository of a NodeCache is read by a key of a Secret', () => {
  const chart = plainChart();
  const repository = {
    name: 'vllm',
    url: 'https://github.com/vllm-project/vllm.git',
    commit: COMMIT,
    username: 'robot',
    token: { secret, key: 'password' },
  };
  const cache = (id: string, more: object = {}) =>
    new NodeCache(chart, id, {
      path: '/var/lib/models',
      size: Size.gibibytes(10),
      repositories: [{ ...repository, ...more }],
    });
  cache('cache');
  const objects = objectsOf(chart);
  expect(violationsOf(objects)).toBe('');
  expect(container(the(objects, 'DaemonSet'), 'cache').env[0].valueFrom.secretKeyRef).toEqual({
    name: 'mine',
    key: 'password',
  });
  expect(() => cache('twice', { tokenSecret: secret })).toThrow(
    "'repositories[0].tokenSecret' is 'a Secret'; allowed: nothing beside repositories[0].token",
  );
});

test('the README says which key a Secret must have', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const { download } = app.pipeline('qwen', { namespace: 'llm' });
  const token = { secret: Secret.fromSecretName(download, 'hf', 'my-hf'), key: 'HF_TOKEN' };
  new ModelCache(download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: COMMIT, token }),
    store: claim(),
  });
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  expect(readme).toContain(
    '| `llm` | `my-hf` | `HF_TOKEN` | access token for https://huggingface.co/Qwen/Qwen3-1.7B |',
  );
});
