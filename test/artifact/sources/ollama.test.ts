import { Size, Testing } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ArtifactFormat, SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { OllamaSourceProps, ollamaSource, parseOllamaAddress } from '../../../src/artifact/sources/ollama';
import type { ProgramFetch } from '../../../src/artifact/sources/source-spec';

const DIGEST = `sha256:${'a1'.repeat(32)}`;
const OTHER = `sha256:${'b2'.repeat(32)}`;

const of = (name: string, props?: OllamaSourceProps) => ollamaSource(name, props);
const fetchOf = (name: string, props?: OllamaSourceProps) => of(name, props).fetch as ProgramFetch;

describe('a model of Ollama', () => {
  test('is a source like any other', () => {
    expect(of(`qwen3:4b@${DIGEST}`, { size: Size.gibibytes(3) })).toMatchObject({
      kind: 'ollama',
      name: 'qwen3',
      address: `ollama://qwen3:4b@${DIGEST}`,
      repository: 'qwen3',
      revision: DIGEST,
      proof: SourceProof.CONTENT,
      format: ArtifactFormat.GGUF,
      modelFile: 'model.gguf',
      bytes: 3 * 1024 ** 3,
    });
  });

  test('is named to the program, its server apart from all else', () => {
    expect(fetchOf('qwen3:4b', { digest: DIGEST })).toEqual({
      by: 'program',
      args: ['--registry=registry.ollama.ai', '--repo=library/qwen3', `--digest=${DIGEST}`],
      hints: ['--tag=4b'],
      endpoints: [{ flag: '--endpoint', url: 'https://registry.ollama.ai' }],
      secrets: [],
      needsFolder: false,
    });
  });

  test.each([
    ['qwen3', 'registry.ollama.ai', 'library/qwen3', 'latest', 'https://registry.ollama.ai'],
    ['jane/qwen3:4b', 'registry.ollama.ai', 'jane/qwen3', '4b', 'https://registry.ollama.ai'],
    ['hf.co/Org/Name-GGUF:Q4_K_M', 'hf.co', 'Org/Name-GGUF', 'Q4_K_M', 'https://huggingface.co'],
    [
      'registry.example.com:5000/a/b/c:1',
      'registry.example.com:5000',
      'a/b/c',
      '1',
      'https://registry.example.com:5000',
    ],
    ['localhost/a/b:1', 'localhost', 'a/b', '1', 'https://localhost'],
  ])('%s is %s, %s, %s', (name, host, repo, tag, url) => {
    const fetch = fetchOf(name, { unpinned: true });
    expect(fetch.args).toEqual([`--registry=${host}`, `--repo=${repo}`, `--tag=${tag}`]);
    expect(fetch.hints).toEqual([]);
    expect(fetch.endpoints).toEqual([{ flag: '--endpoint', url }]);
  });

  test.each([
    '',
    'a/b/c',
    'qwen3:',
    'qwen3:a b',
    ':4b',
    'registry.example.com/qwen3',
    '../qwen3',
    'a//b',
    'qwen3@',
    '-x',
  ])('the name %j is refused', (name) => {
    expect(() => of(name, { unpinned: true })).toThrow(
      `ModelSource.ollama: 'name' is '${name}'; allowed: 'name:tag', 'namespace/name:tag' or 'host/namespace/name:tag'`,
    );
  });

  test('the address', () => {
    expect(parseOllamaAddress(`ollama://qwen3:4b@${DIGEST}`)).toBe(`qwen3:4b@${DIGEST}`);
    expect(parseOllamaAddress('oci://qwen3')).toBeUndefined();
    expect(parseOllamaAddress('ollama://')).toBeUndefined();
  });

  describe('is pinned', () => {
    test('without a digest it is refused, with the command that tells it', () => {
      expect(() => of('qwen3:4b')).toThrow(
        "ModelSource.ollama: 'digest' is nothing; allowed: the manifest's digest, because a tag can move under a " +
          'running model. Learn it with: echo "sha256:$(curl -fsSL -H ' +
          "'Accept: application/vnd.docker.distribution.manifest.v2+json' " +
          "https://registry.ollama.ai/v2/library/qwen3/manifests/4b | sha256sum | cut -d' ' -f1)\". " +
          'Or ask for what the tag names when the Job runs, by unpinned: true.',
      );
    });

    test('the command asks the mirror that is used', () => {
      expect(() => of('qwen3:4b', { endpoint: 'http://mirror.example.com:8080/ollama/' })).toThrow(
        'http://mirror.example.com:8080/v2/ollama/library/qwen3/manifests/4b',
      );
    });

    test.each(['sha256:abc', 'latest', `sha512:${'a'.repeat(128)}`, DIGEST.slice(7)])(
      'not by %s',
      (digest) => {
        expect(() => of('qwen3:4b', { digest })).toThrow(
          `'digest' is '${digest}'; allowed: 'sha256:' and 64 hexadecimal digits. Learn it with`,
        );
        expect(() => of(`qwen3:4b@${digest}`)).toThrow(`'digest' is '${digest}'`);
      },
    );

    test('in upper case it is the same digest', () => {
      const upper = `sha256:${DIGEST.slice(7).toUpperCase()}`;
      expect(of(`qwen3:4b@${upper}`).revision).toBe(DIGEST);
      expect(of(`qwen3:4b@${upper}`, { digest: DIGEST }).revision).toBe(DIGEST);
    });

    test('in one place', () => {
      expect(() => of(`qwen3:4b@${DIGEST}`, { digest: OTHER })).toThrow(
        `'digest' is '${OTHER}'; allowed: the '${DIGEST}' that is in the name. Give the digest in one place.`,
      );
    });

    test('or not, and then not by a digest', () => {
      expect(() => of(`qwen3:4b@${DIGEST}`, { unpinned: true })).toThrow(
        "'unpinned' is true; allowed: nothing beside",
      );
      const source = of('qwen3:4b', { unpinned: true });
      expect(source.proof).toBe(SourceProof.NONE);
      expect(source.address).toBe('ollama://qwen3:4b');
      expect(source.revision).toBe('4b');
    });
  });

  test('the key follows from what decides the bytes, and from nothing else', () => {
    const key = (name: string, props?: OllamaSourceProps) => sourceKey(of(name, props));
    const one = key(`qwen3:4b@${DIGEST}`);
    const secret = Secret.fromSecretName(Testing.chart(), 'secret', 'pull');
    expect(
      key('qwen3:4b', { digest: DIGEST, endpoint: 'https://mirror.example.com', pullSecret: secret }),
    ).toBe(one);
    expect(key(`qwen3:4b@${OTHER}`)).not.toBe(one);
    // One content, one folder, whatever tag names it.
    expect(key(`qwen3:latest@${DIGEST}`)).toBe(one);
    expect(of(`qwen3:latest@${DIGEST}`).name).toBe(of(`qwen3:4b@${DIGEST}`).name);
    expect(of('qwen3:4b', { unpinned: true }).name).toBe('qwen3-4b');
    const unpinned = key('qwen3:4b', { unpinned: true });
    expect(unpinned).not.toBe(one);
    expect(key('qwen3:8b', { unpinned: true })).not.toBe(unpinned);
    expect(key('hf.co/library/qwen3:4b', { unpinned: true })).not.toBe(unpinned);
  });

  test('credentials are a reference to a Secret', () => {
    const pullSecret = Secret.fromSecretName(Testing.chart(), 'secret', 'pull');
    expect(fetchOf('jane/qwen3:4b', { digest: DIGEST, pullSecret }).secrets).toEqual([
      {
        env: 'DOCKER_CONFIG_JSON',
        secret: 'pull',
        key: '.dockerconfigjson',
        purpose: 'credentials to pull registry.ollama.ai/jane/qwen3',
      },
    ]);
    expect(() => of('qwen3:4b', { digest: DIGEST, pullSecret: 'pull' as never })).toThrow(
      "ModelSource.ollama: 'pullSecret' is 'a string'; allowed: a Secret of cdk8s-plus",
    );
  });

  test.each([
    'registry.example.com',
    'ftp://registry.example.com',
    'https://jane:s3cret@registry.example.com',
  ])('the endpoint %s is refused, and its credentials are not shown', (endpoint) => {
    const act = () => of('qwen3:4b', { digest: DIGEST, endpoint });
    expect(act).toThrow("ModelSource.ollama: 'endpoint' is");
    expect(act).toThrow('Credentials are given by pullSecret.');
    expect(act).not.toThrow('s3cret');
  });
});
