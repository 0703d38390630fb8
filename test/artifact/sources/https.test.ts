import { Chart, Size, Testing } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ArtifactFormat } from '../../../src/artifact/format';
import { sourceKey } from '../../../src/artifact/key';
import {
  ArchiveFormat,
  httpsFilesSource,
  httpsSource,
  parseHttpsAddress,
  ZSTD_IMAGE,
} from '../../../src/artifact/sources/https';
import type { HttpsFilesProps, HttpsSourceProps } from '../../../src/artifact/sources/https';
import { SourceProof } from '../../../src/artifact/sources/source-spec';

const SHA = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const URL = 'https://models.example.com/qwen/Qwen3-4B-Q8_0.gguf';
const ARCHIVE = 'https://models.example.com/qwen.tar.gz';
const chart = new Chart(Testing.app(), 'c');
const tokenSecret = Secret.fromSecretName(chart, 'token', 'web-token');

describe('a file of a web server', () => {
  test('is plain data that tells how it is fetched', () => {
    expect(httpsSource(URL, { sha256: SHA.toUpperCase() })).toEqual({
      kind: 'https',
      name: 'models.example.com--qwen--qwen3-4b-q8_0.gguf',
      identity: { type: 'https', files: { 'Qwen3-4B-Q8_0.gguf': SHA } },
      address: `${URL}#sha256=${SHA}`,
      repository: 'models.example.com/qwen/Qwen3-4B-Q8_0.gguf',
      revision: `sha256:${SHA}`,
      proof: SourceProof.CONTENT,
      format: ArtifactFormat.GGUF,
      modelFile: 'Qwen3-4B-Q8_0.gguf',
      fetch: {
        by: 'program',
        args: [`--sha256=${SHA}`, '--path=Qwen3-4B-Q8_0.gguf'],
        endpoints: [{ flag: '--url', url: URL }],
        secrets: [],
        needsFolder: false,
      },
    });
  });

  test('has one key wherever it is fetched from, and another for other bytes or another name', () => {
    const key = sourceKey(httpsSource(URL, { sha256: SHA }));
    const elsewhere = 'http://mirror.local:8080/Qwen3-4B-Q8_0.gguf?download=1';
    expect(sourceKey(httpsSource(elsewhere, { sha256: SHA, plainHttp: true }))).toBe(key);
    expect(sourceKey(httpsSource(URL, { sha256: SHA, tokenSecret }))).toBe(key);
    expect(sourceKey(httpsSource(URL, { sha256: OTHER }))).not.toBe(key);
    expect(sourceKey(httpsSource(URL, { sha256: SHA, fileName: 'model.gguf' }))).not.toBe(key);
  });

  test('a token is named, and sent in the header that is asked for', () => {
    const { fetch } = httpsSource(URL, { sha256: SHA, tokenSecret, tokenHeader: 'PRIVATE-TOKEN' });
    expect(fetch).toMatchObject({
      args: [`--sha256=${SHA}`, '--path=Qwen3-4B-Q8_0.gguf', '--token-header=PRIVATE-TOKEN'],
      secrets: [
        {
          env: 'SOURCE_TOKEN',
          secret: 'web-token',
          key: 'token',
          purpose: 'access token for https://models.example.com',
        },
      ],
    });
  });

  test('a query is sent, and told to nobody', () => {
    const spec = httpsSource(`${URL}?ref=main`, { sha256: SHA });
    expect(spec.fetch).toMatchObject({ endpoints: [{ url: `${URL}?ref=main` }] });
    expect([spec.address, spec.name, spec.repository].join()).not.toContain('main');
  });

  test('its name is decoded, and what it is can be said', () => {
    const spec = httpsSource('https://example.com/my%20model', {
      sha256: SHA,
      format: ArtifactFormat.GGUF,
      modelFile: 'my model',
      size: Size.gibibytes(1),
    });
    expect(spec).toMatchObject({ format: ArtifactFormat.GGUF, modelFile: 'my model', bytes: 2 ** 30 });
    expect(spec.fetch).toMatchObject({ args: [`--sha256=${SHA}`, '--path=my model'] });
    expect(httpsSource('https://example.com/a.safetensors', { sha256: SHA })).toMatchObject({
      format: ArtifactFormat.HUGGING_FACE,
      modelFile: undefined,
    });
  });

  const wrong: [string, string, Partial<HttpsSourceProps>, string][] = [
    [
      'no sha256',
      URL,
      {},
      `'sha256' is nothing; allowed: a sha256 (64 hexadecimal digits), because what a server sends can change. Learn it from whoever publishes the file, or with: curl -fsSL '${URL}' | sha256sum`,
    ],
    ['half a sha256', URL, { sha256: 'abc' }, "'sha256' is 'abc'"],
    [
      'no address',
      'models',
      { sha256: SHA },
      "'url' is 'models'; allowed: 'https://host/path' without credentials",
    ],
    ['another protocol', 'ftp://example.com/a', { sha256: SHA }, "'url' is 'ftp://example.com/a'"],
    ['no TLS', 'http://example.com/a', { sha256: SHA }, "an 'https://' address, or plainHttp: true"],
    ['a user', 'https://me:secret@example.com/a', { sha256: SHA }, "'url' is 'https://***@example.com/a'"],
    [
      'a signed address',
      'https://example.com/a?X-Amz-Signature=abc',
      { sha256: SHA },
      "'https://example.com/a?X-Amz-Signature=***'",
    ],
    [
      'a token in the address',
      'https://example.com/a?private_token=abc',
      { sha256: SHA },
      'stands in the YAML',
    ],
    ['a fragment', 'https://example.com/a#b', { sha256: SHA }, 'an address without a fragment'],
    ['an address without a file', 'https://example.com/', { sha256: SHA }, "'fileName' is ''"],
    ['a name out of the folder', URL, { sha256: SHA, fileName: '../a' }, "'fileName' is '../a'"],
    [
      'the name of the marker',
      URL,
      { sha256: SHA, fileName: '.artifact.json' },
      "'fileName' is '.artifact.json'",
    ],
    [
      'a token without TLS',
      'http://example.com/a',
      { sha256: SHA, plainHttp: true, tokenSecret },
      'could read the token',
    ],
    [
      'a header without a token',
      URL,
      { sha256: SHA, tokenHeader: 'A' },
      "'tokenHeader' is 'A'; allowed: nothing without a tokenSecret",
    ],
    [
      'a header that is none',
      URL,
      { sha256: SHA, tokenSecret, tokenHeader: 'A: b' },
      "'tokenHeader' is 'A: b'",
    ],
    [
      'the name of a Secret',
      URL,
      { sha256: SHA, tokenSecret: 'web-token' as never },
      "'tokenSecret' is 'a string'",
    ],
    [
      'patterns for what is no archive',
      URL,
      { sha256: SHA, include: ['a'] },
      'Say what kind of archive it is',
    ],
    [
      'a size of what is no archive',
      URL,
      { sha256: SHA, maxUnpackedSize: Size.gibibytes(1) },
      "'maxUnpackedSize' is",
    ],
  ];
  test.each(wrong)('is refused: %s', (_, url, props, told) => {
    expect(() => httpsSource(url, props as HttpsSourceProps)).toThrow(told);
    expect(() => httpsSource(url, props as HttpsSourceProps)).toThrow(/^ModelSource\.https: '/);
    expect(() => httpsSource(url, props as HttpsSourceProps)).not.toThrow(/secret@|=abc/);
  });

  test('is refused without anything', () => {
    expect(() => httpsSource(undefined as never, undefined as never)).toThrow("'url' is nothing");
    expect(() => httpsSource(URL, undefined as never)).toThrow("'sha256' is nothing");
  });
});

describe('an archive of a web server', () => {
  test('is plain data that tells how it is unpacked', () => {
    const spec = httpsSource(ARCHIVE, {
      sha256: SHA,
      stripComponents: 1,
      include: ['b/', '*.json'],
      exclude: ['*.md'],
      maxUnpackedSize: Size.gibibytes(40),
      maxUnpackedFiles: 500,
      tokenSecret,
    });
    expect(spec).toMatchObject({
      kind: 'archive',
      name: 'models.example.com--qwen.tar.gz',
      identity: {
        type: 'archive',
        sha256: SHA,
        format: 'tar.gz',
        stripComponents: 1,
        include: ['*.json', 'b/'],
        exclude: ['*.md'],
      },
      address: `${ARCHIVE}#sha256=${SHA}`,
      revision: `sha256:${SHA}`,
      proof: SourceProof.CONTENT,
      format: ArtifactFormat.HUGGING_FACE,
      fetch: {
        args: [
          `--sha256=${SHA}`,
          '--unpack=tar.gz',
          '--strip-components=1',
          '--include=b/',
          '--include=*.json',
          '--exclude=*.md',
          '--max-unpacked-bytes=42949672960',
          '--max-unpacked-files=500',
        ],
        endpoints: [{ flag: '--url', url: ARCHIVE }],
        secrets: [{ env: 'SOURCE_TOKEN', secret: 'web-token' }],
        needsFolder: true,
      },
    });
    expect(spec.fetch).not.toHaveProperty('image');
  });

  test.each([
    ['a.tar', 'tar'],
    ['a.tar.gz', 'tar.gz'],
    ['A.TGZ', 'tar.gz'],
    ['a.tar.bz2', 'tar.bz2'],
    ['a.tar.xz', 'tar.xz'],
    ['a.tar.zst', 'tar.zst'],
    ['a.zip?download=1', 'zip'],
  ])('%s is one by its name', (name, format) => {
    const spec = httpsSource(`https://example.com/${name}`, { sha256: SHA });
    expect(spec.identity).toMatchObject({ format });
  });

  test('is one by what is said, or is none', () => {
    const said = httpsSource('https://example.com/download', { sha256: SHA, unpack: ArchiveFormat.ZIP });
    expect(said.identity).toMatchObject({ type: 'archive', format: 'zip' });
    const kept = httpsSource(ARCHIVE, { sha256: SHA, unpack: ArchiveFormat.NONE });
    expect(kept.identity).toEqual({ type: 'https', files: { 'qwen.tar.gz': SHA } });
  });

  test('tar.zst is unpacked by a Python that knows it', () => {
    const spec = httpsSource(ARCHIVE, { sha256: SHA, unpack: ArchiveFormat.TAR_ZSTD });
    expect(spec.fetch).toMatchObject({ image: ZSTD_IMAGE });
    expect(ZSTD_IMAGE).toMatch(/^docker\.io\/library\/python:3\.14\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$/);
  });

  test('its bounds decide no key', () => {
    const key = sourceKey(httpsSource(ARCHIVE, { sha256: SHA }));
    const bound = httpsSource(ARCHIVE, {
      sha256: SHA,
      maxUnpackedSize: Size.gibibytes(1),
      maxUnpackedFiles: 9,
    });
    expect(sourceKey(bound)).toBe(key);
    expect(sourceKey(httpsSource(ARCHIVE, { sha256: SHA, stripComponents: 1 }))).not.toBe(key);
  });

  const wrong: [string, Partial<HttpsSourceProps>, string][] = [
    [
      'a format that nobody knows',
      { unpack: 'rar' as never },
      "'unpack' is 'rar'; allowed: 'none', 'tar', 'tar.gz'",
    ],
    ['a name', { fileName: 'a' }, 'unpack: ArchiveFormat.NONE'],
    [
      'components below zero',
      { stripComponents: -1 },
      "'stripComponents' is -1; allowed: a whole number of at least 0",
    ],
    ['no files', { maxUnpackedFiles: 0 }, "'maxUnpackedFiles' is 0"],
    ['no bytes', { maxUnpackedSize: Size.gibibytes(0) }, "'maxUnpackedSize' is '0Ki'; allowed: a size above"],
    ['an empty pattern', { include: [''] }, "'include' is ''"],
  ];
  test.each(wrong)('is refused: %s', (_, props, told) => {
    expect(() => httpsSource(ARCHIVE, { sha256: SHA, ...props })).toThrow(told);
  });
});

describe('several files of web servers', () => {
  const files = [
    { url: URL, sha256: SHA },
    { url: 'https://models.example.com/t/tokenizer.json', sha256: OTHER, path: 'tok/tokenizer.json' },
  ];

  test('are plain data, in an order of their own', () => {
    const spec = httpsFilesSource({ files: [...files].reverse() });
    expect(spec).toMatchObject({
      kind: 'https',
      name: 'models.example.com--qwen',
      identity: { type: 'https', files: { 'Qwen3-4B-Q8_0.gguf': SHA, 'tok/tokenizer.json': OTHER } },
      address: 'https://models.example.com/qwen/',
      proof: SourceProof.CONTENT,
      format: ArtifactFormat.GGUF,
      modelFile: 'Qwen3-4B-Q8_0.gguf',
      fetch: {
        args: [
          `--sha256=${SHA}`,
          `--sha256=${OTHER}`,
          '--path=Qwen3-4B-Q8_0.gguf',
          '--path=tok/tokenizer.json',
        ],
        endpoints: [
          { flag: '--url', url: URL },
          { flag: '--url', url: 'https://models.example.com/t/tokenizer.json' },
        ],
      },
    });
    expect(spec).toEqual(httpsFilesSource({ files }));
  });

  const wrong: [string, Partial<HttpsFilesProps>, string][] = [
    ['none', { files: [] }, "'files' is nothing"],
    ['nothing', {}, "'files' is nothing"],
    ['a path twice', { files: [files[0], files[0]] }, "'files' is 'Qwen3-4B-Q8_0.gguf'"],
    ['a file without a sha256', { files: [{ url: URL } as never] }, "'files[0].sha256' is nothing"],
    [
      'a token for two servers',
      { files: [files[0], { url: 'https://b.example/x', sha256: SHA }], tokenSecret },
      'files of one server',
    ],
  ];
  test.each(wrong)('are refused: %s', (_, props, told) => {
    expect(() => httpsFilesSource(props as HttpsFilesProps)).toThrow(told);
  });
});

describe('an address of a web server', () => {
  test.each([
    [`${URL}#sha256=${SHA}`, { url: URL, sha256: SHA }],
    [URL, { url: URL }],
    ['http://a/b?c=d', { url: 'http://a/b?c=d' }],
    ['hf://org/name', undefined],
  ])('%s', (address, parsed) => {
    expect(parseHttpsAddress(address)).toEqual(parsed);
  });

  test('with a fragment that would be lost is refused', () => {
    expect(() => parseHttpsAddress(`${URL}#md5=abc`)).toThrow(
      "'https://host/path#sha256=<64 hexadecimal digits>'",
    );
  });
});
