import { Size, Testing } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ArtifactFormat, SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { OciSourceProps, ociSource, parseOciAddress } from '../../../src/artifact/sources/oci';
import type { ProgramFetch } from '../../../src/artifact/sources/source-spec';

const DIGEST = `sha256:${'a1'.repeat(32)}`;
const OTHER = `sha256:${'b2'.repeat(32)}`;
const IMAGE = `ghcr.io/org/models/qwen3@${DIGEST}`;

const of = (reference: string, props?: OciSourceProps) => ociSource(reference, props);
const fetchOf = (reference: string, props?: OciSourceProps) => of(reference, props).fetch as ProgramFetch;

describe('an image or artifact in an OCI registry', () => {
  test('is a source like any other', () => {
    const source = of(`ghcr.io/org/qwen3:1.0@${DIGEST}`, { path: '/models/', size: Size.gibibytes(3) });
    expect(source).toMatchObject({
      kind: 'oci',
      name: 'org--qwen3',
      address: `oci://ghcr.io/org/qwen3:1.0@${DIGEST}`,
      repository: 'ghcr.io/org/qwen3',
      revision: DIGEST,
      proof: SourceProof.CONTENT,
      format: ArtifactFormat.HUGGING_FACE,
      bytes: 3 * 1024 ** 3,
    });
    expect(source.modelFile).toBeUndefined();
  });

  test('is what a kubelet can mount as it is', () => {
    expect(of(IMAGE, { path: '/models' }).image).toEqual({ reference: IMAGE, path: 'models' });
    expect(of(IMAGE).image).toEqual({ reference: IMAGE, path: '' });
  });

  test('is named to the program, its server apart from all else', () => {
    expect(fetchOf(IMAGE, { path: '/models', platform: 'linux/arm64' })).toEqual({
      by: 'program',
      args: [
        '--registry=ghcr.io',
        '--repo=org/models/qwen3',
        `--digest=${DIGEST}`,
        '--path=/models',
        '--platform=linux/arm64',
      ],
      hints: [],
      endpoints: [{ flag: '--endpoint', url: 'https://ghcr.io' }],
      secrets: [],
      needsFolder: true,
      // Layers may be compressed by zstd, which Python knows since 3.14.
      image: expect.stringMatching(/^docker\.io\/library\/python:3\.14/) as string,
    });
  });

  test.each([
    [`docker.io/ai/qwen3@${DIGEST}`, 'docker.io', 'ai/qwen3', 'https://registry-1.docker.io'],
    [`docker.io/qwen3@${DIGEST}`, 'docker.io', 'library/qwen3', 'https://registry-1.docker.io'],
    [`index.docker.io/ai/qwen3@${DIGEST}`, 'docker.io', 'ai/qwen3', 'https://registry-1.docker.io'],
    [`localhost:5000/m@${DIGEST}`, 'localhost:5000', 'm', 'https://localhost:5000'],
    [
      `123456789012.dkr.ecr.eu-central-1.amazonaws.com/m_1/x@${DIGEST}`,
      '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
      'm_1/x',
      'https://123456789012.dkr.ecr.eu-central-1.amazonaws.com',
    ],
  ])('%s', (reference, host, repo, url) => {
    const fetch = fetchOf(reference);
    expect(fetch.args.slice(0, 2)).toEqual([`--registry=${host}`, `--repo=${repo}`]);
    expect(fetch.endpoints[0].url).toBe(url);
    expect(of(reference).image?.reference).toBe(`${host}/${repo}@${DIGEST}`);
  });

  test.each([
    '',
    'qwen3',
    'ai/qwen3',
    'ghcr.io/',
    'ghcr.io/Org/qwen3',
    'https://ghcr.io/org/qwen3',
    'ghcr.io/a b',
    'ghcr.io/../x',
  ])('the reference %j is refused', (reference) => {
    expect(() => of(reference, { unpinned: true })).toThrow(
      `ModelSource.oci: 'reference' is '${reference}'; allowed: 'registry/repository@sha256:...' with the registry's ` +
        "host, such as 'ghcr.io/org/name@sha256:...'. Docker Hub is 'docker.io/org/name@sha256:...'.",
    );
  });

  test('the address', () => {
    expect(parseOciAddress(`oci://${IMAGE}`)).toBe(IMAGE);
    expect(parseOciAddress('ollama://qwen3')).toBeUndefined();
  });

  test('without a digest it is refused, with the commands that tell it', () => {
    expect(() => of('docker.io/ai/qwen3:4b')).toThrow(
      "ModelSource.oci: 'digest' is nothing; allowed: the manifest's digest, because a tag can move under a running " +
        'model. Learn it with: docker buildx imagetools inspect docker.io/ai/qwen3:4b (or ' +
        "'crane digest', 'oras resolve'). Or ask for what the tag names when the Job runs, by unpinned: true.",
    );
    expect(of('ghcr.io/org/qwen3:4b', { digest: DIGEST }).address).toBe(
      `oci://ghcr.io/org/qwen3:4b@${DIGEST}`,
    );
  });

  test('unpinned it is what the tag names', () => {
    const source = of('ghcr.io/org/qwen3', { unpinned: true });
    expect(source.proof).toBe(SourceProof.NONE);
    expect(source.revision).toBe('latest');
    expect((source.fetch as ProgramFetch).args).toContain('--tag=latest');
    expect(source.image?.reference).toBe('ghcr.io/org/qwen3:latest');
  });

  test('the key follows from what decides the bytes, and from nothing else', () => {
    const key = (reference: string, props?: OciSourceProps) => sourceKey(of(reference, props));
    const one = key(IMAGE);
    const pullSecret = Secret.fromSecretName(Testing.chart(), 'secret', 'pull');
    const elsewhere = { endpoint: 'https://mirror.example.com', pullSecret, maxUnpackedFiles: 7 };
    expect(key(IMAGE, elsewhere)).toBe(one);
    const tagged = `ghcr.io/org/models/qwen3:1.0@${DIGEST}`;
    expect(key(tagged)).toBe(one);
    expect(of(tagged).name).toBe(of(IMAGE).name);
    expect(fetchOf(tagged).args).toEqual(fetchOf(IMAGE).args);
    expect(fetchOf(tagged).hints).toEqual(['--tag=1.0']);
    expect(of('ghcr.io/org/models/qwen3:1.0', { unpinned: true }).name).toBe('org--models--qwen3-1.0');
    for (const other of [
      key(`ghcr.io/org/models/qwen3@${OTHER}`),
      key(IMAGE, { path: '/models' }),
      key(IMAGE, { platform: 'linux/arm64' }),
      key('ghcr.io/org/models/qwen3:1.0', { unpinned: true }),
    ]) {
      expect(other).not.toBe(one);
    }
  });

  test('one file of weights has a name', () => {
    expect(of(IMAGE, { format: ArtifactFormat.GGUF }).modelFile).toBe('model.gguf');
    expect(of(IMAGE, { format: ArtifactFormat.GGUF, modelFile: 'q4/m.gguf' }).modelFile).toBe('q4/m.gguf');
    expect(() => of(IMAGE, { modelFile: '../m.gguf' })).toThrow(
      "ModelSource.oci: 'modelFile' is '../m.gguf'",
    );
  });

  test.each(['models', '/a/../b', '/a//b', '/a/./b', '/a\\b', '/a\nb', ''])(
    'the path %j is refused',
    (path) => {
      expect(() => of(IMAGE, { path })).toThrow(
        "allowed: the absolute path of a folder in the image, such as '/models'",
      );
    },
  );

  test.each(['amd64', 'linux', 'Linux/amd64', 'linux/amd64/', 'linux/arm/v7/x'])(
    'the platform %j is refused',
    (platform) => {
      expect(() => of(IMAGE, { platform })).toThrow(`ModelSource.oci: 'platform' is '${platform}'`);
    },
  );

  test('bounds of what is unpacked', () => {
    expect(
      fetchOf(IMAGE, { maxUnpackedSize: Size.gibibytes(2), maxUnpackedFiles: 10 }).args.slice(-2),
    ).toEqual(['--max-unpacked-bytes=2147483648', '--max-unpacked-files=10']);
    expect(() => of(IMAGE, { maxUnpackedSize: Size.gibibytes(0) })).toThrow(
      "ModelSource.oci: 'maxUnpackedSize' is",
    );
    expect(() => of(IMAGE, { maxUnpackedFiles: 0.5 })).toThrow("ModelSource.oci: 'maxUnpackedFiles' is 0.5");
  });
});
