import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { OCI_INDEX, RegistryDouble, digestOf } from '../../doubles/registry';
import { S3Double } from '../../doubles/s3';
import { bucketArgs, expectObjects } from '../artifact/bucket';
import {
  MIB,
  bytes,
  expectComplete,
  markerOf,
  removeTemporaryFolders,
  run,
  temporaryFolder,
} from '../artifact/program';
import { tar } from './archives';
import type { Entry } from './archives';
import { LAYER, TYPE, file, folder, kept, pushArtifact, pushImage } from './oci-images';
import { pullArgs } from './registry-stand';

const REPO = 'org/model';
const WEIGHTS = bytes(5 * MIB + 7, 3);

describe('a source in an OCI registry', () => {
  let registry: RegistryDouble;
  let dir: string;

  beforeEach(async () => {
    registry = await RegistryDouble.start();
    dir = temporaryFolder();
  });
  afterEach(() => registry.stop());
  afterAll(removeTemporaryFolders);

  const pull = (digest: string | undefined, ...more: string[]) =>
    pullArgs('oci', registry, digest ? { digest } : { tag: 'v1' }, ['--dir', dir], ...more);

  describe('an image', () => {
    test.each(['gzip', 'none'] as const)(
      'whose layers follow each other (compression: %s)',
      async (compression) => {
        const layers = [
          [
            folder('./'),
            folder('etc/'),
            file('etc/passwd'),
            folder('models/'),
            file('models/config.json', 'old'),
          ],
          [
            file('models/model.safetensors', WEIGHTS),
            folder('models/deep/'),
            file('models/deep/tokenizer.json'),
          ],
          [file('models/config.json', '{"new": true}')],
        ];
        const { digest } = pushImage(registry, layers, {
          compression,
          config: { config: { Labels: { 'org.opencontainers.image.licenses': 'Apache-2.0' } } },
        });
        const outcome = await run(pull(digest, '--path=/models'));
        expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
        const files = kept({
          'config.json': '{"new": true}',
          'model.safetensors': WEIGHTS,
          'deep/tokenizer.json': 'models/deep/tokenizer.json',
        });
        expectComplete(dir, files);
        expect(markerOf(dir)).toMatchObject({
          licence: 'Apache-2.0',
          source: { type: 'oci', repo: 'registry.test/org/model', digest, manifest: digest, path: '/models' },
        });
        // No mode, owner or time of the image's.
        expect(fs.statSync(path.join(dir, 'config.json')).mode & 0o111).toBe(0);

        registry.forget();
        expect((await run(pull(digest, '--path=/models'))).log).toContain('is complete already');
        expect(registry.requests).toHaveLength(0);
      },
    );

    test('taken whole', async () => {
      const { digest } = pushImage(registry, [[file('/model.gguf', WEIGHTS), file('./LICENSE', 'MIT')]]);
      expect((await run(pull(digest))).code).toBe(0);
      expectComplete(dir, kept({ 'model.gguf': WEIGHTS, LICENSE: 'MIT' }));
    });

    test.each<[string, Entry[], Record<string, string>]>([
      ['a file is removed', [file('m/.wh.a', '')], { b: '1', 'c/d': '1', 'c/e': '1' }],
      ['a folder is removed', [file('m/.wh.c', '')], { a: '1', b: '1' }],
      ['everything is removed and begun anew', [file('.wh.m', ''), file('m/x', '2')], { x: '2' }],
      [
        'a folder is begun anew, wherever in the layer that is said',
        [file('m/c/new', '2'), file('m/c/.wh..wh..opq', '')],
        { a: '1', b: '1', 'c/new': '2' },
      ],
      [
        'a removal does not concern its own layer',
        [file('m/a', '2'), file('m/.wh.a', '')],
        { a: '2', b: '1', 'c/d': '1', 'c/e': '1' },
      ],
      ['a folder becomes a file', [file('m/c', '2')], { a: '1', b: '1', c: '2' }],
      [
        'a file becomes a folder',
        [folder('m/a/'), file('m/a/x', '2')],
        { 'a/x': '2', b: '1', 'c/d': '1', 'c/e': '1' },
      ],
      [
        'a file becomes a folder without a word',
        [file('m/b/x', '2')],
        { a: '1', 'b/x': '2', 'c/d': '1', 'c/e': '1' },
      ],
      [
        'marks of AUFS mean nothing',
        [file('m/.wh..wh.plnk', '')],
        { a: '1', b: '1', 'c/d': '1', 'c/e': '1' },
      ],
    ])('whiteouts: %s', async (_, upper, expected) => {
      const lower = ['m/a', 'm/b', 'm/c/d', 'm/c/e'].map((name) => file(name, '1'));
      const { digest } = pushImage(registry, [lower, upper]);
      const outcome = await run(pull(digest, '--path=/m'));
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(dir, kept(expected));
    });

    test('links become files: relative, absolute as the image sees it, hard, and of a name that is gone', async () => {
      const link = (name: string, target: string, type: string): Entry => ({
        name,
        target,
        type,
      });
      const { digest } = pushImage(registry, [
        [
          file('m/blobs/1', WEIGHTS),
          link('m/relative', 'blobs/1', TYPE.symbolicLink),
          link('m/deep/up', '../blobs/1', TYPE.symbolicLink),
          link('m/absolute', '/m/relative', TYPE.symbolicLink),
          link('m/hard', './m/blobs/1', TYPE.hardLink),
          file('m/first', 'shared'),
          link('m/second', 'm/first', TYPE.hardLink),
        ],
        [file('m/.wh.first', '')],
      ]);
      const outcome = await run(pull(digest, '--path=/m'));
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(
        dir,
        kept({
          'blobs/1': WEIGHTS,
          relative: WEIGHTS,
          'deep/up': WEIGHTS,
          absolute: WEIGHTS,
          hard: WEIGHTS,
          second: 'shared',
        }),
      );
      expect(fs.lstatSync(path.join(dir, 'absolute')).isFile()).toBe(true);
    });

    test('what is outside of the folder is not looked at: devices, and links to anything', async () => {
      const { digest } = pushImage(registry, [
        [
          { name: 'dev/null', type: TYPE.device },
          { name: 'bin', target: 'usr/bin', type: TYPE.symbolicLink },
          { name: 'etc/mtab', target: '/proc/mounts', type: TYPE.symbolicLink },
          file('m/x', '1'),
        ],
      ]);
      expect((await run(pull(digest, '--path=/m'))).code).toBe(0);
      expectComplete(dir, kept({ x: '1' }));
    });

    test('a folder that is not there: 66, with those that are', async () => {
      const { digest } = pushImage(registry, [[file('models/x'), file('etc/passwd')]]);
      const outcome = await run(pull(digest, '--path=/model'));
      expect(outcome.result).toMatchObject({
        code: 66,
        error: 'no layer has a file below /model; there are: /etc, /models',
      });
    });

    test('a folder that is a link: 64, and where it leads', async () => {
      const { digest } = pushImage(registry, [
        [file('data/x'), { name: 'm', target: '/data', type: TYPE.symbolicLink }],
      ]);
      const outcome = await run(pull(digest, '--path=/m'));
      expect(outcome.result.error).toBe(
        '/m is no folder in the image but a symbolic link to /data; name the folder with the files (path)',
      );
    });

    test('a layer that is no archive: 64, as no retry would help', async () => {
      const { digest } = registry.manifest(REPO, undefined, {
        config: registry.blob(REPO, 'application/vnd.oci.image.config.v1+json', '{}'),
        layers: [registry.blob(REPO, `${LAYER}+gzip`, 'not gzip')],
      });
      const outcome = await run(pull(digest));
      expect(outcome.result).toMatchObject({
        code: 64,
        error: expect.stringContaining('cannot be unpacked as tar.gz') as string,
      });
    });

    test('not into a bucket, before a layer is fetched; put.py brings it there', async () => {
      const s3 = await S3Double.start('models');
      const { digest } = pushImage(registry, [[file('m/x')]]);
      const args = pullArgs('oci', registry, { digest }, bucketArgs(s3, 'llm/m'));
      const outcome = await run(args, { env: s3.environment });
      expect(outcome.result).toMatchObject({
        code: 64,
        error: expect.stringContaining('has layers that must be unpacked into a folder (--dir)') as string,
      });
      expect(registry.count('registry', /blobs/)).toBe(1); // of the configuration
      await s3.stop();
    });
  });

  describe('an index', () => {
    const platforms = (...names: string[]) => {
      const manifests = names.map((name) => {
        const [os, architecture, variant] = name.split('/');
        return { ...pushImage(registry, [[file('m/x', name)]]), platform: { os, architecture, variant } };
      });
      return registry.manifest(REPO, 'v1', { manifests }, OCI_INDEX);
    };

    test.each([
      ['linux/amd64', [], 'linux/amd64'],
      ['linux/arm64', ['--platform=linux/arm64'], 'linux/arm64'],
      ['the variant that is there', ['--platform=linux/arm'], 'linux/arm/v7'],
    ])('that has %s', async (_, options, expected) => {
      const { digest } = platforms('linux/arm64', 'linux/amd64', 'linux/arm/v7', 'unknown/unknown');
      expect((await run(pull(digest, '--path=/m', ...options))).code).toBe(0);
      expectComplete(dir, kept({ x: expected }));
      expect(markerOf(dir)).toMatchObject({ source: { digest } });
    });

    test('of one image alone, which is taken whatever it is for', async () => {
      const { digest } = platforms('linux/s390x', 'unknown/unknown');
      const outcome = await run(pull(digest, '--path=/m'));
      expect(outcome.code).toBe(0);
      expect(outcome.log).toContain('is for linux/s390x alone; taken as it is');
    });

    test('without the platform: 66, with those it has', async () => {
      const { digest } = platforms('linux/arm64', 'linux/s390x');
      const outcome = await run(pull(digest));
      expect(outcome.result).toMatchObject({
        code: 66,
        error: `registry.test/org/model@${digest} has nothing for linux/amd64; it has: linux/arm64, linux/s390x (platform)`,
      });
    });
  });

  describe('an artifact', () => {
    const gguf = 'application/vnd.docker.ai.gguf.v3';
    test.each<[string, Parameters<typeof pushArtifact>[1], string[], Record<string, Buffer | string>]>([
      [
        'of ModelPack',
        [
          [
            'application/vnd.cncf.model.weight.v1.raw',
            WEIGHTS,
            { 'org.cncf.model.filepath': 'model.safetensors' },
          ],
          [
            'application/vnd.cncf.model.weight.config.v1.tar+gzip',
            gzipSync(tar([file('config.json', '{}'), file('deep/tokenizer.json', '[]')])),
            { 'org.cncf.model.filepath': 'config.json' },
          ],
          ['application/vnd.cncf.model.doc.v1.tar', tar([file('README.md', '#')])],
        ],
        [],
        { 'model.safetensors': WEIGHTS, 'config.json': '{}', 'deep/tokenizer.json': '[]', 'README.md': '#' },
      ],
      [
        'of ORAS, that calls its files image layers',
        [
          [LAYER, WEIGHTS, { 'org.opencontainers.image.title': 'model.bin' }],
          [
            `${LAYER}+gzip`,
            gzipSync(tar([folder('conf/'), file('conf/a.json', 'a')])),
            { 'org.opencontainers.image.title': 'conf', 'io.deis.oras.content.unpack': 'true' },
          ],
          [LAYER, tar([file('inside', '1')]), { 'org.opencontainers.image.title': 'data.tar' }],
        ],
        [],
        { 'model.bin': WEIGHTS, 'conf/a.json': 'a', 'data.tar': tar([file('inside', '1')]) },
      ],
      [
        'of Docker Model Runner',
        [
          [gguf, WEIGHTS],
          ['application/vnd.docker.ai.mmproj', Buffer.from('projector')],
          ['application/vnd.docker.ai.license', Buffer.from('one')],
          ['application/vnd.docker.ai.license', Buffer.from('two')],
          ['application/vnd.docker.ai.chat.template.jinja', Buffer.from('{{ }}')],
        ],
        [],
        {
          'model.gguf': WEIGHTS,
          'mmproj.gguf': 'projector',
          LICENSE: 'one',
          'LICENSE-2': 'two',
          'chat_template.jinja': '{{ }}',
        },
      ],
      [
        'in shards',
        [
          [gguf, Buffer.from('1')],
          [gguf, Buffer.from('2')],
        ],
        [],
        { 'model-00001-of-00002.gguf': '1', 'model-00002-of-00002.gguf': '2' },
      ],
      [
        'of which one folder is taken',
        [
          [gguf, Buffer.from('1'), { 'org.cncf.model.filepath': 'q4/model.gguf' }],
          [gguf, Buffer.from('2'), { 'org.cncf.model.filepath': 'q8/model.gguf' }],
        ],
        ['--path=/q8'],
        { 'model.gguf': '2' },
      ],
    ])('%s', async (_, layers, options, expected) => {
      const { digest } = pushArtifact(
        registry,
        layers,
        { config: { descriptor: { licenses: ['Apache-2.0', 'MIT'] } } },
        { artifactType: 'application/vnd.cncf.model.manifest.v1+json' },
      );
      const outcome = await run(pull(digest, ...options));
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(dir, kept(expected));
      expect(markerOf(dir)).toMatchObject({ licence: 'Apache-2.0, MIT' });
    });

    test('straight into a bucket', async () => {
      const s3 = await S3Double.start('models');
      const { digest } = pushArtifact(registry, [[gguf, WEIGHTS]]);
      const args = pullArgs('oci', registry, { digest }, bucketArgs(s3, 'llm/m'));
      expect((await run(args, { env: s3.environment })).code).toBe(0);
      expectObjects(s3, 'llm/m', [{ path: 'model.gguf', content: WEIGHTS }]);
      await s3.stop();
    });

    test('whose configuration is not what the manifest says: 65', async () => {
      const { digest } = pushArtifact(registry, [[gguf, Buffer.from('1')]]);
      registry.faults.push({ at: 'cdn', match: new RegExp(digestOf('{}')), flip: 0, times: 99 });
      const outcome = await run(pull(digest));
      expect(outcome.result).toMatchObject({
        code: 65,
        error: expect.stringContaining('twice the registry sent') as string,
      });
    });
  });

  test('unpinned: the tag, and the marker says what it was', async () => {
    const { digest } = pushImage(registry, [[file('m/x')]], { tag: 'v1' });
    expect((await run(pull(undefined))).code).toBe(0);
    expect(markerOf(dir)).toMatchObject({ source: { tag: 'v1', digest } });
  });

  test('neither a tag nor a digest: 64', async () => {
    const outcome = await run(pullArgs('oci', registry, {}, ['--dir', dir]));
    expect(outcome.result).toMatchObject({
      code: 64,
      error: 'give a --digest, or a --tag whose content may change',
    });
  });

  test('a digest that is gone, and a tag beside it that has moved: 65', async () => {
    const old = pushImage(registry, [[file('m/x', '1')]], { tag: 'v1' });
    pushImage(registry, [[file('m/x', '2')]], { tag: 'v1' });
    registry.deleteManifest(REPO, old.digest);
    const outcome = await run(pullArgs('oci', registry, { tag: 'v1', digest: old.digest }, ['--dir', dir]));
    expect(outcome.result).toMatchObject({
      code: 65,
      error: expect.stringContaining('the tag v1 of') as string,
    });
  });

  test('through a mirror that keeps each upstream registry in a folder', async () => {
    const { digest } = pushImage(registry, [[file('m/x', '1')]], { repo: 'ghcr-cache/org/model' });
    const endpoint = `${registry.endpoint}/ghcr-cache`;
    expect((await run(pullArgs('oci', { endpoint }, { digest }, ['--dir', dir]))).code).toBe(0);
    expectComplete(dir, kept({ 'm/x': '1' }));
  });
});
