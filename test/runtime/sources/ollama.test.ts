import * as fs from 'node:fs';
import { RegistryDouble, digestOf } from '../../doubles/registry';
import type { LoopbackFault } from '../../doubles/loopback';
import {
  MIB,
  bytes,
  expectComplete,
  markerOf,
  removeTemporaryFolders,
  run,
  sleep,
  start,
  temporaryFolder,
} from '../artifact/program';
import { CREDENTIALS, dockerConfig, ollamaModel, pullArgs } from './registry-stand';

const REPO = 'library/qwen3';

describe("a model in Ollama's registry", () => {
  let registry: RegistryDouble;
  let dir: string;

  beforeEach(async () => {
    registry = await RegistryDouble.start();
    dir = temporaryFolder();
  });
  afterEach(() => registry.stop());
  afterAll(removeTemporaryFolders);

  const pull = (digest: string | undefined, ...more: string[]) =>
    pullArgs('ollama', registry, { tag: '4b', digest }, ['--dir', dir], ...more);

  test.each([
    ['among the manifests, as the specification has it', 'manifests'],
    ['among the blobs, as Ollama has it', 'blobs'],
    ['nowhere, as on Hugging Face: by the tag', 'nowhere'],
  ] as const)('by its digest, that is found %s', async (_, byDigest) => {
    const { files, digest } = ollamaModel(registry);
    Object.assign(registry, { byDigest, contentType: 'text/plain' });
    const outcome = await run(pull(digest));
    expect(outcome.log).toContain(`complete: ${files.length} files`);
    expect(outcome.code).toBe(0);
    expectComplete(dir, files);
    expect(markerOf(dir)).toMatchObject({
      licence: null,
      source: { type: 'ollama', repo: 'registry.test/library/qwen3', tag: '4b', digest },
    });
    // Every byte once, and nothing asked for in another way than by GET.
    expect(outcome.result.fetched).toBe(files.reduce((sum, file) => sum + file.content.length, 0));
    expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(['GET']));

    registry.forget();
    expect((await run(pull(digest))).log).toContain('is complete already');
    expect(registry.requests).toHaveLength(0);
  });

  test('unpinned: what the tag names, and the marker says what that was', async () => {
    const { files, digest } = ollamaModel(registry);
    expect((await run(pull(undefined))).code).toBe(0);
    expectComplete(dir, files);
    expect(markerOf(dir)).toMatchObject({ source: { digest } });
  });

  test('weights in several layers get the names by which llama.cpp finds all of them', async () => {
    const parts = [bytes(MIB, 1), bytes(MIB, 2)];
    const { digest } = registry.manifest(REPO, '4b', {
      layers: parts.map((part) => registry.blob(REPO, 'application/vnd.ollama.image.model', part)),
    });
    expect((await run(pull(digest))).code).toBe(0);
    expectComplete(
      dir,
      parts.map((content, index) => ({ path: `model-0000${index + 1}-of-00002.gguf`, content })),
    );
  });

  test.each(['blobs', 'nowhere'] as const)(
    'a tag that has moved ends it with 65 and says so (manifests by digest: %s)',
    async (byDigest) => {
      const old = ollamaModel(registry);
      const now = ollamaModel(registry, { seed: 9 });
      registry.deleteManifest(REPO, old.digest);
      registry.byDigest = byDigest;
      const outcome = await run(pull(old.digest));
      expect(outcome.code).toBe(65);
      expect(outcome.result.error).toBe(
        `the tag 4b of registry.test/library/qwen3 has moved: it names ${now.digest} now, and no longer ` +
          `${old.digest}, which the registry has no more. To take what it names now, change the digest of the source`,
      );
      expect(fs.readdirSync(dir)).not.toContain('.artifact.json');
    },
  );

  test('a tag that has moved does no harm where the registry keeps what it named', async () => {
    const old = ollamaModel(registry);
    ollamaModel(registry, { seed: 9 });
    registry.byDigest = 'blobs';
    expect((await run(pull(old.digest))).code).toBe(0);
    expectComplete(dir, old.files);
  });

  describe('faults', () => {
    const cases: [string, LoopbackFault[], number][] = [
      ['the connection is cut', [{ at: 'cdn', cutAfter: MIB / 2, covers: 2 * MIB, times: 3 }], 0],
      ['the connection is reset', [{ at: 'cdn', cutAfter: 100, reset: true, times: 4 }], 0],
      ['429 with Retry-After', [{ at: 'cdn', status: 429, headers: { 'Retry-After': '1' }, times: 3 }], 0],
      ['429 from the registry', [{ at: 'registry', match: /manifests/, status: 429, times: 2 }], 0],
      ['503', [{ at: 'cdn', status: 503, times: 3 }], 0],
      ['503 from the registry for a blob', [{ at: 'registry', match: /blobs/, status: 503, times: 3 }], 0],
      ['a stall', [{ at: 'cdn', stallAfter: 1000, covers: 2 * MIB }], 0],
      ['a flipped byte', [{ at: 'cdn', flip: 3 * MIB, covers: 3 * MIB }], 0],
      ['a flipped byte of the manifest', [{ at: 'registry', match: /manifests/, flip: 5 }], 0],
      ['a flipped byte, again and again', [{ at: 'cdn', flip: 3 * MIB, covers: 3 * MIB, times: 99 }], 65],
      [
        'a manifest that is always another one',
        [{ at: 'registry', match: /manifests/, flip: 5, times: 99 }],
        65,
      ],
      ['ranges are ignored', [{ at: 'cdn', ignoreRange: true, times: 99 }], 0],
      ['503 without end', [{ at: 'cdn', status: 503, times: 99 }], 75],
      ['a silence without end', [{ at: 'cdn', stallAfter: 0, times: 99 }], 75],
      ['a blob that is not there', [{ at: 'registry', match: /blobs/, status: 404, times: 99 }], 66],
      ['403 from the registry', [{ at: 'registry', status: 403, times: 99 }], 77],
      ['412: too new a model', [{ at: 'registry', status: 412, times: 99 }], 64],
    ];

    test.each(cases)(
      '%s',
      async (_, faults, code) => {
        const { files, digest } = ollamaModel(registry);
        registry.faults.push(...faults);
        const outcome = await run(pull(digest, '--stall-seconds=2', '--attempts=4'));
        expect(`${outcome.code} ${outcome.log}`).toMatch(new RegExp(`^${code} `));
        if (code === 0) {
          expectComplete(dir, files);
        } else {
          expect(markerOf(dir)).toBeUndefined();
          expect(outcome.result).toMatchObject({ code, retryable: code === 75 });
        }
      },
      60_000,
    );

    test('links that expire are asked for again', async () => {
      const { files, digest } = ollamaModel(registry);
      registry.links.uses = 2;
      expect((await run(pull(digest))).code).toBe(0);
      expectComplete(dir, files);
      expect(registry.count('registry', /blobs/)).toBeGreaterThan(files.length);
    });
  });

  describe('what is not a model of Ollama is refused', () => {
    test.each([
      [
        'made of tensors',
        'application/vnd.ollama.image.tensor',
        'is made of single tensors, for MLX; what serves GGUF cannot read it',
      ],
      [
        'an image',
        'application/vnd.oci.image.layer.v1.tar+gzip',
        "has a layer of type 'application/vnd.oci.image.layer.v1.tar+gzip', which no model of Ollama has; " +
          'is it an oci:// source?',
      ],
      [
        'without weights',
        'application/vnd.ollama.image.license',
        'the manifest names no weights: its layers are license',
      ],
    ])('%s', async (_, mediaType, message) => {
      const { digest } = registry.manifest(REPO, '4b', { layers: [registry.blob(REPO, mediaType, 'any')] });
      const outcome = await run(pull(digest));
      expect(outcome.result).toMatchObject({ code: 64, error: expect.stringContaining(message) as string });
    });

    test('anything but a manifest', async () => {
      registry.faults.push({ at: 'registry', status: 200, times: 99 });
      const outcome = await run(pull(undefined));
      expect(outcome.code).toBe(64);
      expect(outcome.result.error).toBe(
        `registry.test/library/qwen3:4b is no manifest of version 2, but: b'fault'`,
      );
    });
  });

  test('nothing there: 66, with what was asked for', async () => {
    ollamaModel(registry);
    const missing = digestOf('nothing');
    const gone = await run(pullArgs('ollama', registry, { tag: '8b', digest: missing }, ['--dir', dir]));
    expect(gone.code).toBe(66);
    expect(gone.result.error).toBe(
      `registry.test/library/qwen3 has no manifest ${missing}, and no tag 8b; was it deleted, or is it in ` +
        'another repository?',
    );
    const other = await run(
      pullArgs('ollama', registry, { repo: 'library/none', tag: '8b' }, ['--dir', dir]),
    );
    expect(other.code).toBe(66);
    expect(other.result.error).toContain(
      'registry.test/library/none:8b: not found, HTTP 404 Not Found (NAME_UNKNOWN repository name not known',
    );
  });

  test('private: the credentials are for the registry alone', async () => {
    const { files, digest } = ollamaModel(registry);
    registry.auth = { scheme: 'bearer', credentials: CREDENTIALS };
    const refused = await run(pull(digest));
    expect(refused.code).toBe(77);
    expect(refused.result.error).toContain('no credentials are set (pullSecret)');
    const env = { DOCKER_CONFIG_JSON: dockerConfig(registry.host) };
    const outcome = await run(pull(digest), { env });
    expect(outcome.code).toBe(0);
    expectComplete(dir, files);
    expect(registry.count('cdn')).toBeGreaterThan(0);
    expect(
      registry.requests.filter(({ at, headers }) => at === 'cdn' && headers.authorization !== undefined),
    ).toHaveLength(0);
    expect(refused.log + outcome.log).not.toContain('s3cret');
  });

  test('killed at random, it goes on where it was', async () => {
    const { files, digest } = ollamaModel(registry, { size: 24 * MIB + 1 });
    const total = files.reduce((sum, file) => sum + file.content.length, 0);
    let killed = 0;
    for (; killed < 6; killed++) {
      registry.faults.splice(0, registry.faults.length, { at: 'cdn', trickle: MIB, times: Infinity });
      const { child, ended } = start(pull(digest, '--workers=2'));
      const before = registry.count('cdn');
      while (registry.count('cdn') === before && child.exitCode === null) await sleep(10);
      await sleep(Math.random() * 400);
      child.kill('SIGKILL');
      if ((await ended).signal === null) break;
      expect(markerOf(dir)).toBeUndefined();
    }
    registry.faults.length = 0;
    expect((await run(pull(digest))).code).toBe(0);
    expectComplete(dir, files);
    // A kill loses what was in the buffers, and nothing else.
    expect(registry.sent).toBeLessThanOrEqual(total + killed * 2 * MIB);
  }, 60_000);
});
