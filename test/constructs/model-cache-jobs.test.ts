import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { ModelCache, ModelSource, ModelStore } from '../../src';
import { HubDouble, HubFile, sha256 } from '../doubles/hub';
import { RegistryDouble } from '../doubles/registry';
import { S3Double } from '../doubles/s3';
import { WebDouble } from '../doubles/web';
import { expectObjects } from '../runtime/artifact/bucket';
import { expectComplete, filesOf, MIB, writeFile } from '../runtime/artifact/program';
import { large, removeTemporaryFolders, small, temporaryFolder } from '../runtime/artifact/program';
import { ollamaModel } from '../runtime/sources/registry-stand';
import { tar } from '../runtime/sources/archives';
import { JobStand } from '../support/job-stand';
import type { Secrets } from '../support/job-stand';
import { objectsOf, plainChart } from '../support/objects';

const COMMIT = 'a'.repeat(40);
const FILES = [large('weights.bin', 2 * MIB + 77), small('config.json', '{"a": 1}')];
const SUMS = Buffer.from(FILES.map(({ path, content }) => `${sha256(content)}  ${path}\n`).join(''));
const PINNED = { path: 'SHA256SUMS', sha256: sha256(SUMS) };
const WITH_SUMS = [...FILES, { path: 'SHA256SUMS', content: SUMS }];

/** What a source is read from, what is to come of it, and how many requests were made. */
interface Origin {
  readonly source: (scope: Construct) => ModelSource;
  readonly files: HubFile[];
  readonly secrets?: Secrets;
  /** Folders of claims that are there before. */
  readonly claims?: () => Record<string, string>;
  readonly requests: () => number;
  readonly stop: () => Promise<void> | void;
}

const ORIGINS: Record<string, () => Promise<Origin>> = {
  'Hugging Face': async () => {
    const hub = await HubDouble.start({ name: 'org/model', files: FILES, revision: COMMIT, token: 'hf_t' });
    return {
      source: (scope) =>
        ModelSource.huggingFace('org/model', {
          revision: COMMIT,
          endpoint: hub.endpoint,
          tokenSecret: Secret.fromSecretName(scope, 'token', 'hf'),
        }),
      secrets: { 'hf/token': 'hf_t' },
      files: FILES,
      requests: () => hub.requests.length,
      stop: () => hub.stop(),
    };
  },
  S3: async () => {
    const s3 = await S3Double.start('originals', { accessKey: 'reader', secretKey: 'reads' });
    for (const { path, content } of WITH_SUMS) s3.put(`qwen/${path}`, content);
    return {
      source: (scope) =>
        ModelSource.s3({
          endpoint: s3.endpoint,
          bucket: 'originals',
          prefix: 'qwen',
          manifest: PINNED,
          credentialsSecret: Secret.fromSecretName(scope, 'reader', 'reader'),
        }),
      secrets: { 'reader/AWS_ACCESS_KEY_ID': 'reader', 'reader/AWS_SECRET_ACCESS_KEY': 'reads' },
      files: WITH_SUMS,
      requests: () => s3.requests.length,
      stop: () => s3.stop(),
    };
  },
  'an archive': async () => {
    const archive = tar(FILES.map(({ path, content }) => ({ name: `model/${path}`, content })));
    const web = await WebDouble.start({ '/model.tar': { content: archive } });
    return {
      source: () =>
        ModelSource.https(web.url('/model.tar'), {
          sha256: sha256(archive),
          stripComponents: 1,
          plainHttp: true,
          size: Size.mebibytes(8),
        }),
      files: FILES,
      requests: () => web.requests.length,
      stop: () => web.stop(),
    };
  },
  Ollama: async () => {
    const registry = await RegistryDouble.start();
    const { files, digest } = ollamaModel(registry);
    return {
      source: () => ModelSource.ollama(`qwen3:4b@${digest}`, { endpoint: registry.endpoint }),
      files,
      requests: () => registry.requests.length,
      stop: () => registry.stop(),
    };
  },
  'another claim': () => {
    const folder = temporaryFolder();
    for (const { path, content } of WITH_SUMS) writeFile(folder, `qwen/${path}`, content);
    return Promise.resolve({
      source: () =>
        ModelSource.claim('originals', {
          path: 'qwen',
          manifest: PINNED,
          accessModes: ['ReadWriteMany' as never],
        }),
      files: WITH_SUMS,
      claims: () => ({ originals: folder }),
      requests: () => 0,
      stop: () => undefined,
    });
  },
  'a downloader of the user': () =>
    Promise.resolve({
      source: () =>
        ModelSource.custom({
          image: 'registry.example.com/tool:1',
          command: ['python3', '-c'],
          args: [
            'import os, pathlib; folder = pathlib.Path(os.environ["MODEL_DIR"]);' +
              '(folder / "config.json").write_text(os.environ["TEXT"]); print("the tool ran")',
          ],
          secrets: { TEXT: { secret: Secret.fromSecretName(plainChart(), 's', 'tool'), key: 'text' } },
          version: '7',
          size: Size.mebibytes(8),
        }),
      secrets: { 'tool/text': '{"a": 1}' },
      files: [FILES[1]],
      requests: () => 0,
      stop: () => undefined,
    }),
};

afterAll(removeTemporaryFolders);

describe.each(Object.entries(ORIGINS))('the Job for %s, run with what its YAML says', (_, begin) => {
  let origin: Origin;
  let bucket: S3Double;
  beforeAll(async () => {
    origin = await begin();
    bucket = await S3Double.start('models');
  });
  afterAll(async () => {
    await origin.stop();
    await bucket.stop();
  });

  function stand(store: (scope: Construct) => ModelStore) {
    const chart = plainChart();
    const { artifact } = new ModelCache(chart, 'weights', {
      source: origin.source(chart),
      store: store(chart),
    });
    const secrets = {
      ...origin.secrets,
      'writer/AWS_ACCESS_KEY_ID': bucket.accessKey,
      'writer/AWS_SECRET_ACCESS_KEY': bucket.secretKey,
    };
    return { artifact, job: new JobStand(objectsOf(chart), secrets, origin.claims?.()) };
  }

  test('fills a claim, and asks for nothing when it runs again', async () => {
    const { artifact, job } = stand(() => ModelStore.existingClaim('models'));
    const outcomes = await job.run();
    expect(Object.values(outcomes).map(({ code, log }) => (code === 0 ? 0 : log))).toEqual(
      Object.values(outcomes).map(() => 0),
    );
    expectComplete(`${job.claim('models')}/${artifact.path}`, origin.files, artifact.key);
    const before = origin.requests();
    const again = await job.run();
    for (const { code, log } of Object.values(again)) expect([code, log]).toEqual([0, expect.any(String)]);
    expect(origin.requests()).toBe(before);
    expect(Object.values(again).some(({ log }) => log.includes('the tool ran'))).toBe(false);
  }, 60_000);

  test('fills a bucket, and asks for nothing when it runs again', async () => {
    const { artifact, job } = stand((scope) =>
      ModelStore.s3({
        endpoint: bucket.endpoint,
        bucket: 'models',
        credentialsSecret: Secret.fromSecretName(scope, 'writer', 'writer'),
      }),
    );
    const outcomes = await job.run();
    expect(Object.values(outcomes).map(({ code, log }) => (code === 0 ? 0 : log))).toEqual(
      Object.values(outcomes).map(() => 0),
    );
    expectObjects(bucket, artifact.path, origin.files);
    const before = origin.requests();
    bucket.requests.length = 0;
    const again = await job.run();
    for (const { code, log } of Object.values(again)) expect([code, log]).toEqual([0, expect.any(String)]);
    expect(origin.requests()).toBe(before);
    expect(bucket.requests.filter((line) => !line.startsWith('GET'))).toEqual([]);
    expect(Object.values(again).some(({ log }) => log.includes('the tool ran'))).toBe(false);
  }, 60_000);
});

test('nothing is left beside the artifact in a claim', async () => {
  const origin = await ORIGINS['a downloader of the user']();
  const chart = plainChart();
  const store = ModelStore.existingClaim('models');
  const { artifact } = new ModelCache(chart, 'weights', { source: origin.source(chart), store });
  const job = new JobStand(objectsOf(chart), origin.secrets);
  await job.run();
  expect(filesOf(job.claim('models')).sort()).toEqual(
    ['.artifact.json', 'config.json'].map((file) => `${artifact.path}/${file}`),
  );
}, 60_000);
