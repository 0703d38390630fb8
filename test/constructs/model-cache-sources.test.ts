import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { DllamaConversion, ModelCache, ModelCacheProps, ModelSource, ModelStore } from '../../src';
import { OciSourceProps, PhasedApp } from '../../src';
import { Secret } from 'cdk8s-plus-28';
import type { KubeObject } from '../../src/validation/kube-object';
import { claim, COMMIT, s3, sharedClaim, tinyFacts } from '../support/models';
import { argument, container, containers, objectsOf, plainChart, podSpec, the } from '../support/objects';
import { texts, violationsOf } from '../support/objects';
import { DIGEST, SHA256, SOURCES } from '../support/sources';

const STORES: [string, (scope: Construct) => ModelStore][] = [
  ['a claim', () => claim()],
  ['a claim of all nodes', () => sharedClaim()],
  ['a claim that exists', () => ModelStore.existingClaim('models')],
  ['a bucket', (scope) => s3(scope)],
  ['a folder of a node', () => ModelStore.nodeFolder('/var/lib/models', { hostname: 'node-1' })],
];

/** A cache with its objects; the disk on the way into a bucket is given where its size follows from nothing. */
function made(source: (scope: Construct) => ModelSource, store: (scope: Construct) => ModelStore) {
  const chart = plainChart();
  const from = source(chart);
  const to = store(chart);
  const build = (scratch?: Size) => new ModelCache(chart, 'weights', { source: from, store: to, scratch });
  const needsScratch = to._spec.kind === 's3' && from._spec.kind === 'oci';
  const { artifact } = build(needsScratch ? Size.gibibytes(4) : undefined);
  const objects = objectsOf(chart);
  return { artifact, objects, job: the(objects, 'Job') };
}

/** The programs of a Job's containers and the files that its ConfigMap has. */
function missingPrograms(job: KubeObject, objects: KubeObject[]): string[] {
  const { data } = the(objects, 'ConfigMap') as unknown as { data: Record<string, string> };
  const named = containers(job).flatMap((c: { command?: string[] }) =>
    (c.command ?? []).filter((word) => word.startsWith('/opt/cdk8s-llm/')).map((word) => word.slice(15)),
  );
  const kinds = containers(job).flatMap((c: { command?: string[] }) =>
    c.command?.includes('/opt/cdk8s-llm/fetch.py') ? [`${c.command[c.command.length - 1]}.py`] : [],
  );
  return [...named, ...kinds].filter((file) => !(file in data));
}

describe.each(SOURCES)('%s', (_, source) => {
  test.each(STORES)('goes into %s by a Job that passes all checks and has its programs', (__, store) => {
    const { objects, job } = made(source, store);
    expect(violationsOf(objects)).toBe('');
    expect(missingPrograms(job, objects)).toEqual([]);
  });

  test('has one key and one folder, whatever the store', () => {
    const all = STORES.map(([, store]) => made(source, store).artifact);
    expect(new Set(all.map(({ key }) => key)).size).toBe(1);
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    expect(all[0].path).toMatch(/^[a-z0-9][a-z0-9._-]*-[0-9a-f]{12}$/);
  });

  test('says on the Job what it proves, and which Secrets and keys are needed', () => {
    const { job, artifact } = made(source, STORES[0][1]);
    expect(job.metadata.annotations?.['cdk8s-llm/proof']).toBe(artifact.provenance.proof);
    const said = job.metadata.annotations?.['cdk8s-llm/secrets'] ?? '';
    const needed = (podSpec(job).initContainers ?? []).concat(podSpec(job).containers);
    const refs = (needed as { env?: { valueFrom?: { secretKeyRef?: Record<string, unknown> } }[] }[])
      .flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef))
      .filter((ref) => ref && !ref.optional);
    for (const ref of refs)
      expect(said).toMatch(new RegExp(`^${String(ref?.name)}/.*${String(ref?.key)}`, 'm'));
  });
});

describe('two caches of one source in one store', () => {
  const qwen = () => ModelSource.huggingFace('org/model', { revision: COMMIT });

  test('share one Job, in whichever pipelines they are', () => {
    const app = new PhasedApp({ outdir: 'unused' });
    const store = claim({ name: 'models' });
    const [first, second] = ['one', 'two'].map((name) => app.pipeline(name, { namespace: 'llm' }));
    const one = new ModelCache(first.download, 'weights', { source: qwen(), store }).artifact;
    const two = new ModelCache(second.download, 'weights', { source: qwen(), store }).artifact;
    expect(two.path).toBe(one.path);
    const objects = objectsOf(first.download, second.download);
    expect(objects.filter(({ kind }) => kind === 'Job')).toHaveLength(1);
    expect(objectsOf(second.download)).toEqual([]);
  });

  test('by another address of the same files share it too', () => {
    const chart = plainChart();
    const store = claim();
    const parsed = ModelSource.parse(`https://huggingface.co/org/model/tree/${COMMIT}`);
    new ModelCache(chart, 'one', { source: qwen(), store });
    new ModelCache(chart, 'two', { source: parsed, store });
    expect(objectsOf(chart).filter(({ kind }) => kind === 'Job')).toHaveLength(1);
  });

  test('are refused where the Job would be told two things', () => {
    const chart = plainChart();
    const store = claim();
    new ModelCache(chart, 'one', { source: qwen(), store });
    expect(() => new ModelCache(chart, 'two', { source: qwen(), store, concurrency: 4 })).toThrow(
      "models/two: 'store' is 'a place where models/one makes org--model-",
    );
    new ModelCache(chart, 'three', { source: qwen(), store, concurrency: 8 });
  });

  test('of another revision, or in another store, are two Jobs', () => {
    const chart = plainChart();
    const store = claim({ name: 'a' });
    const other = ModelSource.huggingFace('org/model', { revision: `${COMMIT.slice(0, 39)}0` });
    new ModelCache(chart, 'one', { source: qwen(), store });
    new ModelCache(chart, 'two', { source: other, store });
    new ModelCache(chart, 'three', { source: qwen(), store: claim({ name: 'b' }) });
    expect(objectsOf(chart).filter(({ kind }) => kind === 'Job')).toHaveLength(3);
  });
});

describe('what is gathered on a disk on its way into a bucket', () => {
  const archive = (size?: Size) => () =>
    ModelSource.https('https://files.example.com/q.tar', { sha256: SHA256, size });

  test('is looked for in the bucket first, gathered, and put there', () => {
    const { job, artifact } = made(archive(Size.gibibytes(4)), (scope) => s3(scope));
    expect(containers(job).map(({ name }: { name: string }) => name)).toEqual(['look', 'fetch', 'upload']);
    const folder = `/scratch/${artifact.path}`;
    expect(argument(container(job, 'look'), 'note')).toEqual([folder]);
    expect(argument(container(job, 'fetch'), 'dir')).toEqual([folder]);
    expect(argument(container(job, 'upload'), 'dir')).toEqual([folder]);
    const [volume] = podSpec(job).volumes.filter(({ name }: { name: string }) => name === 'scratch');
    expect(volume.emptyDir.sizeLimit).toBe('8602Mi');
    // The credentials of the bucket are not the business of whatever unpacks what comes from outside.
    expect(texts(container(job, 'fetch')).join(' ')).not.toContain('AWS_');
  });

  test('needs a disk of a known size', () => {
    expect(() => made(archive(), (scope) => s3(scope))).toThrow(
      "models/weights: 'scratch' is nothing; allowed: the size of all files together",
    );
  });

  test('needs the room of the archive in a claim too, while it is unpacked', () => {
    const into = (size: Size) => made(archive(Size.gibibytes(4)), () => ModelStore.claim({ size }));
    expect(() => into(Size.gibibytes(8))).toThrow(
      /allowed: 9Gi or more: 4\.00 GiB \(files.*\) \+ 4\.00 GiB \(what is there besides, while it is made\) = 8\.00 GiB/,
    );
    into(Size.gibibytes(9));
  });

  test('needs none on its way into a claim', () => {
    const chart = plainChart();
    const source = archive()();
    expect(
      () => new ModelCache(chart, 'weights', { source, store: claim(), scratch: Size.gibibytes(1) }),
    ).toThrow(
      "'scratch' is '1024 MiB'; allowed: nothing here. The files come straight into the volume of the store.",
    );
    const streamed = ModelSource.huggingFace('org/model', { revision: COMMIT });
    expect(
      () => new ModelCache(chart, 'two', { source: streamed, store: s3(chart), scratch: Size.gibibytes(1) }),
    ).toThrow('The files are streamed into the bucket.');
  });
});

describe('an image', () => {
  const source = () => ModelSource.oci(`ghcr.io/org/model@${DIGEST}`, { path: '/models' });
  const build = (kubernetesVersion: string, store: ModelStore) => {
    const app = new PhasedApp({ outdir: 'unused', kubernetesVersion });
    const pipeline = app.pipeline('model', { namespace: 'llm' });
    const { artifact } = new ModelCache(pipeline.download, 'weights', { source: source(), store });
    return { artifact, objects: objectsOf(pipeline.download) };
  };

  test('is mounted where the Kubernetes version can, and needs no Job', () => {
    const { artifact, objects } = build('1.35', ModelStore.imageVolume());
    expect(objects).toEqual([]);
    expect(artifact._image).toEqual({ reference: `ghcr.io/org/model@${DIGEST}`, path: 'models' });
  });

  test('is pulled by its Secret, wherever it is mounted', () => {
    const app = new PhasedApp({ outdir: 'unused', kubernetesVersion: '1.35' });
    const pipeline = app.pipeline('model', { namespace: 'llm' });
    const pullSecret = Secret.fromSecretName(pipeline.download, 'pull', 'ghcr');
    const { artifact } = new ModelCache(pipeline.download, 'weights', {
      source: ModelSource.oci(`ghcr.io/org/model@${DIGEST}`, { pullSecret }),
      store: ModelStore.imageVolume(),
      facts: tinyFacts(),
    });
    new DllamaConversion(pipeline.convert, 'q40', { model: artifact, store: claim() });
    const job = the(objectsOf(pipeline.convert), 'Job');
    expect(podSpec(job).imagePullSecrets).toEqual([{ name: 'ghcr' }]);
    expect(violationsOf(objectsOf(pipeline.convert), '1.35')).toBe('');
  });

  test('is not told what only a Job could be told', () => {
    const refused = (options: OciSourceProps, props: Partial<ModelCacheProps>) => () => {
      const app = new PhasedApp({ outdir: 'unused', kubernetesVersion: '1.35' });
      const { download } = app.pipeline('model', { namespace: 'llm' });
      const from = ModelSource.oci(`ghcr.io/org/model@${DIGEST}`, options);
      new ModelCache(download, 'weights', { source: from, store: ModelStore.imageVolume(), ...props });
    };
    expect(refused({ endpoint: 'https://cache.example.com' }, {})).toThrow(
      "model/download/weights: 'source.endpoint' is 'https://cache.example.com'; allowed: nothing beside",
    );
    expect(refused({}, { attempt: 2 })).toThrow("'attempt' is 'given'; allowed: nothing here");
  });

  test('is copied by a Job into the fallback where it cannot', () => {
    const { artifact, objects } = build('1.31', ModelStore.imageVolume({ fallback: claim() }));
    expect(the(objects, 'Job')).toBeDefined();
    expect(artifact._image).toBeUndefined();
  });

  test('is refused where neither is possible', () => {
    expect(() => build('1.31', ModelStore.imageVolume())).toThrow('fallback: ModelStore.claim(');
  });
});

describe("a folder of the store's own claim", () => {
  const store = () => ModelStore.existingClaim('shared');

  test('is verified where it is', () => {
    const { job, artifact, objects } = made(
      () => ModelSource.claim('shared', { path: 'old/qwen', manifest: { sha256: SHA256, path: 'SUMS' } }),
      store,
    );
    expect(artifact.path).toBe('old/qwen');
    const adopt = container(job, 'adopt');
    expect(argument(adopt, 'dir')).toEqual(['/models/old/qwen']);
    expect(adopt.args).toContain('--in-place');
    expect(violationsOf(objects)).toBe('');
  });

  test('that is an artifact of ours keeps its key', () => {
    const key = '0123456789ab';
    const { artifact } = made(() => ModelSource.claim('shared', { path: `qwen-${key}`, key }), store);
    expect([artifact.key, artifact.path]).toEqual([key, `qwen-${key}`]);
  });
});

describe('refused is', () => {
  const old = () => ModelSource.claim('old', { path: 'qwen', unpinned: true });

  test('a claim of one node as the source of another one', () => {
    expect(() => made(old, () => claim())).toThrow(
      "models/weights: 'source' is 'claim old, which one node at a time can mount'; allowed: a claim that all nodes",
    );
  });

  test('an image of a downloader that is not pinned', () => {
    for (const image of ['registry.example.com/tool', 'registry.example.com/tool:latest']) {
      const source = () => ModelSource.custom({ image, command: ['/dl'], version: '1' });
      expect(() => made(source, () => claim())).toThrow(`models/weights: 'source.image' is '${image}'`);
    }
  });

  test('what would have no effect', () => {
    const chart = plainChart();
    const tool = ModelSource.custom({ image: 'registry.example.com/t:1', command: ['/dl'], version: '1' });
    expect(() => new ModelCache(chart, 'a', { source: tool, store: claim(), concurrency: 4 })).toThrow(
      "models/a: 'concurrency' is 4; allowed: nothing here",
    );
    const store = ModelStore.existingClaim('old');
    expect(() => new ModelCache(chart, 'b', { source: old(), store, chunkMax: Size.mebibytes(16) })).toThrow(
      "models/b: 'chunkMax' is 'given'; allowed: nothing here",
    );
  });

  test('another licence for what is fetched once', () => {
    const chart = plainChart();
    const store = claim();
    const source = ModelSource.huggingFace('org/model', { revision: COMMIT });
    new ModelCache(chart, 'one', { source, store, licence: 'mit' });
    expect(() => new ModelCache(chart, 'two', { source, store, licence: 'apache-2.0' })).toThrow(
      "models/two: 'store' is 'a place where models/one makes",
    );
  });
});

describe('the NetworkPolicy', () => {
  const ports = (source: (scope: Construct) => ModelSource, store: (scope: Construct) => ModelStore) => {
    const { spec } = the(made(source, store).objects, 'NetworkPolicy') as unknown as {
      spec: { egress: { ports: { port: number }[] }[] };
    };
    return spec.egress.flatMap((rule) => rule.ports.map(({ port }) => port));
  };
  const of = (name: string) => SOURCES.find(([known]) => known === name)![1];

  test('opens nothing for what is in the cluster already', () => {
    expect(ports(of('another claim'), () => sharedClaim())).toEqual([]);
    expect(ports(of('a folder of a node'), () => claim())).toEqual([]);
  });

  test('opens the bucket alone for what goes from a claim into a bucket', () => {
    expect(ports(of('another claim'), (scope) => s3(scope))).toEqual([53, 53, 9000]);
  });

  test('lets an identity of the pod be proved: AWS names an agent on the node', () => {
    expect(ports(of('S3 by the identity of the pod'), () => claim())).toEqual([53, 53, 443, 80]);
    expect(ports(of('a public bucket'), () => claim())).toEqual([53, 53, 443]);
  });
});

test.each<[string, (tag: string) => ModelSource]>([
  ['Ollama', (tag) => ModelSource.ollama(`qwen3:${tag}@${DIGEST}`)],
  ['an OCI registry', (tag) => ModelSource.oci(`ghcr.io/org/model:${tag}@${DIGEST}`)],
])('one digest under two tags of %s is one download', (_, of) => {
  const { download } = new PhasedApp({ outdir: 'unused' }).pipeline('model', { namespace: 'llm' });
  const store = claim({ name: 'models' });
  const [one, two] = ['1', 'latest'].map(
    (tag) => new ModelCache(download, `tag-${tag}`, { source: of(tag), store }).artifact,
  );
  expect(two.path).toBe(one.path);
  const job = the(objectsOf(download), 'Job');
  // By which the program finds a manifest that the registry does not serve by its digest.
  expect(argument(container(job, 'fetch'), 'tag')).toEqual(['1']);
});
