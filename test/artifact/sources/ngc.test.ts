import { Chart, Size, Testing } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ArtifactFormat } from '../../../src/artifact/format';
import { sourceKey } from '../../../src/artifact/key';
import { ngcSource, parseNgcAddress } from '../../../src/artifact/sources/ngc';
import type { NgcSourceProps } from '../../../src/artifact/sources/ngc';
import { SourceProof } from '../../../src/artifact/sources/source-spec';

const SHA = 'ab'.repeat(32);
const MODEL = 'nvidia/nemo/llama-3_1-8b';
const chart = new Chart(Testing.app(), 'c');
const apiKeySecret = Secret.fromSecretName(chart, 'key', 'ngc-api');

describe('a model in NGC', () => {
  test('is plain data that tells how it is fetched', () => {
    const props = { version: '1.0+a', apiKeySecret, include: ['b', 'a'], exclude: ['*.md'] };
    expect(ngcSource(MODEL, props)).toEqual({
      kind: 'ngc',
      name: 'nvidia--nemo--llama-3_1-8b-1.0-a',
      identity: { type: 'ngc', model: MODEL, version: '1.0+a', include: ['a', 'b'], exclude: ['*.md'] },
      address: `ngc://${MODEL}:1.0+a`,
      repository: MODEL,
      revision: '1.0+a',
      proof: SourceProof.VERSION,
      format: ArtifactFormat.HUGGING_FACE,
      fetch: {
        by: 'program',
        args: [`--model=${MODEL}`, '--version=1.0+a', '--include=b', '--include=a', '--exclude=*.md'],
        endpoints: [
          { flag: '--endpoint', url: 'https://api.ngc.nvidia.com' },
          { flag: '--token-endpoint', url: 'https://authn.nvidia.com' },
        ],
        secrets: [
          {
            env: 'NGC_API_KEY',
            secret: 'ngc-api',
            key: 'NGC_API_KEY',
            purpose: `API key for ngc://${MODEL}`,
          },
        ],
        needsFolder: false,
      },
    });
  });

  test('pinned by checksums proves every byte, wherever it is', () => {
    const files = { 'b.nemo': SHA.toUpperCase(), 'a.json': SHA };
    const spec = ngcSource(MODEL, { version: '1', files, size: Size.gibibytes(2) });
    expect(spec).toMatchObject({
      identity: { type: 'ngc', files: { 'a.json': SHA, 'b.nemo': SHA } },
      proof: SourceProof.CONTENT,
      bytes: 2 ** 31,
      fetch: {
        args: [`--model=${MODEL}`, '--version=1', `--file=${SHA}:a.json`, `--file=${SHA}:b.nemo`],
        secrets: [],
      },
    });
    expect(spec.revision).toMatch(/^1 files:[0-9a-f]{12}$/);
    expect(sourceKey(ngcSource('org/copy', { version: '2', files }))).toBe(sourceKey(spec));
  });

  test('a mirror and the key decide no bytes', () => {
    const key = sourceKey(ngcSource(MODEL, { version: '1' }));
    const mirrored = { version: '1', apiKeySecret, endpoint: 'http://mirror.local/ngc' };
    expect(sourceKey(ngcSource(MODEL, mirrored))).toBe(key);
    expect(sourceKey(ngcSource(MODEL, { version: '2' }))).not.toBe(key);
  });

  const wrong: [string, string, Partial<NgcSourceProps>, string][] = [
    [
      'no organization',
      'model',
      { version: '1' },
      "'model' is 'model'; allowed: 'org/model' or 'org/team/model'",
    ],
    ['too many parts', 'a/b/c/d', { version: '1' }, "'model' is 'a/b/c/d'"],
    ['a version in the name', 'a/b:1', { version: '1' }, "'model' is 'a/b:1'"],
    [
      'no version',
      MODEL,
      {},
      "'version' is nothing; allowed: a version of the model, because the latest one changes under a running model. List them with: ngc registry model list 'nvidia/nemo/llama-3_1-8b:*'",
    ],
    ['the latest version', MODEL, { version: 'latest' }, "'version' is 'latest'"],
    ['a path as version', MODEL, { version: '../1' }, "'version' is '../1'"],
    ['no files', MODEL, { version: '1', files: {} }, "'files' is '0 files'"],
    ['half a checksum', MODEL, { version: '1', files: { a: 'b' } }, "'files.a' is 'b'"],
    ['a path out of the folder', MODEL, { version: '1', files: { '../a': SHA } }, "'files' is '../a'"],
    [
      'files and patterns',
      MODEL,
      { version: '1', files: { a: SHA }, include: ['a'] },
      'nothing beside files',
    ],
    ['an empty pattern', MODEL, { version: '1', exclude: [' '] }, "'exclude' is ' '"],
    [
      'the name of a Secret',
      MODEL,
      { version: '1', apiKeySecret: 'ngc' as never },
      "'apiKeySecret' is 'a string'",
    ],
    [
      'a server with credentials',
      MODEL,
      { version: '1', endpoint: 'https://me:secret@a' },
      "'endpoint' is 'https://***@a'",
    ],
    [
      'a token service that is none',
      MODEL,
      { version: '1', tokenEndpoint: 'authn' },
      "'tokenEndpoint' is 'authn'",
    ],
  ];
  test.each(wrong)('is refused: %s', (_, model, props, told) => {
    expect(() => ngcSource(model, props as NgcSourceProps)).toThrow(told);
    expect(() => ngcSource(model, props as NgcSourceProps)).toThrow(/^ModelSource\.ngc: '/);
  });

  test.each([
    ['ngc://nvidia/nemo/llama:1.0', { model: 'nvidia/nemo/llama', version: '1.0' }],
    ['ngc://nvidia/llama', { model: 'nvidia/llama' }],
    ['hf://nvidia/llama', undefined],
  ])('its address %s', (address, parsed) => {
    expect(parseNgcAddress(address)).toEqual(parsed);
  });
});
