import { DockerRegistry } from '../../doubles/docker-registry';
import type { DockerRegistryAuth } from '../../doubles/docker-registry';
import { OCI_INDEX } from '../../doubles/registry';
import {
  MIB,
  bytes,
  expectComplete,
  removeTemporaryFolders,
  run,
  temporaryFolder,
} from '../artifact/program';
import { pushArtifact, pushImage } from './oci-images';
import { dockerConfig, ollamaModel, pullArgs } from './registry-stand';

const WEIGHTS = bytes(9 * MIB + 5, 4);

describe.each<[DockerRegistryAuth]>([['none'], ['htpasswd'], ['token']])(
  "Debian's docker-registry, who may pull: %s",
  (auth) => {
    let registry: DockerRegistry | undefined;
    let dir: string;

    beforeAll(async () => {
      registry = await DockerRegistry.start(temporaryFolder(), auth);
    });
    beforeEach(() => {
      dir = temporaryFolder();
    });
    afterAll(async () => {
      await registry?.stop();
      removeTemporaryFolders();
    });

    const pull = (
      of: DockerRegistry,
      kind: 'ollama' | 'oci',
      repo: string,
      digest: string,
      ...more: string[]
    ) => {
      const env: Record<string, string> =
        auth === 'none' ? {} : { DOCKER_CONFIG_JSON: dockerConfig(of.host, of.credentials) };
      return run(pullArgs(kind, of, { repo, digest }, ['--dir', dir], ...more), { env });
    };

    test('a model of Ollama', async () => {
      if (!registry) return;
      const { files, digest } = ollamaModel(registry, { repo: 'library/qwen3' });
      await registry.pushed();
      const outcome = await pull(registry, 'ollama', 'library/qwen3', digest);
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(dir, files);
    });

    test('an index of images', async () => {
      if (!registry) return;
      const repo = 'org/image';
      const manifests = ['amd64', 'arm64'].map((architecture) => ({
        ...pushImage(
          registry as DockerRegistry,
          [
            [
              { name: 'm/weights', content: WEIGHTS },
              { name: 'm/old', content: Buffer.from('1') },
            ],
            [{ name: 'm/.wh.old' }, { name: 'm/for', content: Buffer.from(architecture) }],
          ],
          { repo },
        ),
        platform: { os: 'linux', architecture },
      }));
      const { digest } = registry.manifest(repo, 'v1', { manifests }, OCI_INDEX);
      await registry.pushed();
      const outcome = await pull(registry, 'oci', repo, digest, '--path=/m', '--platform=linux/arm64');
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(dir, [
        { path: 'weights', content: WEIGHTS },
        { path: 'for', content: Buffer.from('arm64') },
      ]);
    });

    test('an artifact', async () => {
      if (!registry) return;
      const { digest } = pushArtifact(registry, [['application/vnd.docker.ai.gguf.v3', WEIGHTS]], {
        repo: 'ai/qwen3',
      });
      await registry.pushed();
      const given = registry.tokens?.given ?? 0;
      expect((await pull(registry, 'oci', 'ai/qwen3', digest)).code).toBe(0);
      expectComplete(dir, [{ path: 'model.gguf', content: WEIGHTS }]);
      // One token serves all workers.
      expect((registry.tokens?.given ?? 0) - given).toBe(auth === 'token' ? 1 : 0);
    });

    test('nothing there: 66', async () => {
      if (!registry) return;
      const outcome = await pull(registry, 'oci', 'org/none', `sha256:${'0'.repeat(64)}`);
      expect(outcome.result).toMatchObject({
        code: 66,
        error: expect.stringContaining('has no manifest sha256:0000') as string,
      });
    });

    if (auth === 'none') return;

    test('without credentials: 77', async () => {
      if (!registry) return;
      const outcome = await run(
        pullArgs('oci', registry, { digest: `sha256:${'0'.repeat(64)}` }, ['--dir', dir], '--attempts=1'),
      );
      expect(outcome.result).toMatchObject({
        code: 77,
        error: expect.stringContaining('no credentials are set (pullSecret)') as string,
      });
    });

    test('with a wrong password: 77, and it is shown nowhere', async () => {
      if (!registry) return;
      const env = { DOCKER_CONFIG_JSON: dockerConfig(registry.host, 'jane:wr0ng') };
      const args = pullArgs('oci', registry, { digest: `sha256:${'0'.repeat(64)}` }, ['--dir', dir]);
      const outcome = await run(args, { env });
      expect(outcome.result).toMatchObject({
        code: 77,
        error: expect.stringContaining(
          `the credentials of the pull Secret for ${registry.host} were used`,
        ) as string,
      });
      expect(outcome.log).not.toContain('wr0ng');
    });
  },
);
