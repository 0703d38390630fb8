import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import { DllamaConversion, HuggingFaceSourceProps, ModelSource, ModelStore, PhasedApp } from '../../src';
import { argument, container, objectsOf, ofKind, plainChart, podSpec, the } from '../support/objects';
import {
  cache,
  claim,
  COMMIT,
  conversion,
  QWEN,
  sharedClaim,
  source,
  tinyFacts,
  topology,
  UNKNOWN,
} from '../support/models';

const { READ_WRITE_MANY, READ_WRITE_ONCE, READ_ONLY_MANY, READ_WRITE_ONCE_POD } = PersistentVolumeAccessMode;

/** The names of the claims that a Job or server mounts. */
function mounted(object: Parameters<typeof podSpec>[0]): string[] {
  const claims = (podSpec(object).volumes as { persistentVolumeClaim?: { claimName: string } }[]).flatMap(
    (volume) => volume.persistentVolumeClaim?.claimName ?? [],
  );
  return claims;
}

describe('a new claim', () => {
  test('has the size, the mode that every cluster has, and the default class', () => {
    const chart = plainChart();
    cache(chart, { store: claim({ size: Size.gibibytes(20) }) });
    const made = the(objectsOf(chart), 'PersistentVolumeClaim');
    expect(made.metadata.name).toBe('models-weights');
    expect(made.spec).toEqual({
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '20Gi' } },
    });
  });

  test('takes class, modes and name from the user', () => {
    const chart = plainChart();
    const store = claim({
      size: Size.mebibytes(6656),
      storageClassName: 'fast',
      accessModes: [READ_WRITE_MANY, READ_ONLY_MANY],
      name: 'all-models',
    });
    cache(chart, { store });
    const objects = objectsOf(chart);
    const made = the(objects, 'PersistentVolumeClaim');
    expect(made.metadata.name).toBe('all-models');
    expect(made.spec).toEqual({
      accessModes: ['ReadWriteMany', 'ReadOnlyMany'],
      storageClassName: 'fast',
      resources: { requests: { storage: '6656Mi' } },
    });
    expect(mounted(the(objects, 'Job'))).toEqual(['all-models']);
  });

  test('with an empty class asks for no provisioner, which is not the default class', () => {
    const chart = plainChart();
    cache(chart, { store: claim({ storageClassName: '' }) });
    expect(the(objectsOf(chart), 'PersistentVolumeClaim').spec.storageClassName).toBe('');
  });

  test('is kept by every tool', () => {
    const chart = plainChart();
    cache(chart);
    expect(the(objectsOf(chart), 'PersistentVolumeClaim').metadata.annotations).toEqual({
      'argocd.argoproj.io/sync-wave': '10',
      'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
      'argocd.argoproj.io/compare-options': 'IgnoreExtraneous',
      'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    });
  });

  test.each<[PersistentVolumeAccessMode[], string]>([
    [[], 'Name one at least.'],
    [[READ_WRITE_ONCE_POD], 'ReadWriteOncePod is for a single pod'],
    [[READ_WRITE_MANY, READ_WRITE_ONCE_POD], 'ReadWriteOncePod is for a single pod'],
    [[READ_ONLY_MANY], 'at least one mode that can be written to. A download has to fill it.'],
  ])('with the modes %j is refused: a Job has to fill it and a server to read it', (accessModes, advice) => {
    const refused = () => claim({ accessModes });
    expect(refused).toThrow(`ModelStore.claim: 'accessModes' is ${JSON.stringify(accessModes)}`);
    expect(refused).toThrow(advice);
  });

  test.each(['RWX', 'readWriteMany', ''])('with the mode %j is refused with those that exist', (mode) => {
    const message =
      `: 'accessModes' is ["ReadWriteOnce","${mode}"]; allowed: ReadWriteOnce, ReadOnlyMany, ` +
      `ReadWriteMany. There is no mode "${mode}".`;
    const accessModes = ['ReadWriteOnce', mode] as PersistentVolumeAccessMode[];
    expect(() => claim({ accessModes })).toThrow(`ModelStore.claim${message}`);
    expect(() => ModelStore.existingClaim('models', { accessModes })).toThrow(
      `ModelStore.existingClaim${message}`,
    );
  });

  test('cannot hold nothing', () => {
    expect(() => claim({ size: Size.gibibytes(0) })).toThrow("ModelStore.claim: 'size' is '0Ki'");
  });

  test.each(['Models', 'models_1', '-models', 'a'.repeat(254), ''])('cannot be named %j', (name) => {
    expect(() => claim({ name })).toThrow(`ModelStore.claim: 'name' is '${name}'`);
  });

  test('says in plain JavaScript too what it lacks', () => {
    const size = "ModelStore.claim: 'size' is";
    const plain = ModelStore as unknown as Record<'claim' | 'existingClaim', (...args: unknown[]) => unknown>;
    expect(() => plain.claim()).toThrow(`${size} nothing; allowed: what the artifacts in it need together`);
    expect(() => plain.claim({ size: '20Gi' })).toThrow(`${size} 'a string'; allowed: what the`);
    expect(() => plain.claim({ size: 20 })).toThrow(`${size} 20; allowed: what the`);
    const given = { size: Size.gibibytes(1), accessModes: 'ReadWriteOnce' };
    expect(() => plain.claim(given)).toThrow(
      "ModelStore.claim: 'accessModes' is 'ReadWriteOnce'; allowed: a list of ReadWriteOnce, ReadOnlyMany, " +
        'ReadWriteMany. Write it in brackets: [PersistentVolumeAccessMode.READ_WRITE_ONCE].',
    );
    expect(() => plain.claim({ ...given, accessModes: [], name: 5 })).toThrow(
      "'name' is 5; allowed: the name",
    );
    expect(() => plain.existingClaim()).toThrow("ModelStore.existingClaim: 'name' is nothing; allowed");
    expect(() => plain.existingClaim('models', { accessModes: 'ReadWriteMany' })).toThrow(
      'allowed: a list of',
    );
    expect(() => plain.existingClaim('models', null)).not.toThrow();
  });
});

describe('the size of a new claim', () => {
  const sized = (gibibytes: number) => claim({ size: Size.gibibytes(gibibytes) });

  test('is refused where the model alone does not fit', () => {
    const chart = plainChart();
    expect(() => cache(chart, { store: sized(1) })).toThrow(
      /^models\/weights: 'store' is 'a new claim of 1Gi'; allowed: 4Gi or more: 3\.78 GiB \(qwen--qwen3-1\.7b-[0-9a-f]{12}\), with 5 % for the file system and small files 3\.97 GiB\. Make the store with ModelStore\.claim\(\{ size: Size\.gibibytes\(4\) \}\)\.$/,
    );
    cache(plainChart(), { store: sized(4) });
  });

  test('is refused by the construct whose files no longer fit, with the sum of all', () => {
    const chart = plainChart();
    const model = cache(chart, { store: sized(5) }).artifact;
    expect(() => conversion(chart, { model })).toThrow(
      /^models\/q40: 'store' is 'a new claim of 5Gi'; allowed: 7Gi or more: 3\.78 GiB \(qwen--\S+\) \+ 2\.06 GiB \(qwen3-1\.7b-q40-[0-9a-f]{12}\) = 5\.85 GiB, with 5 % /,
    );
  });

  test('is enough at what the error says', () => {
    const chart = plainChart();
    topology(chart, {
      model: conversion(chart, { model: cache(chart, { store: sized(7) }).artifact }).artifact,
    });
  });

  test('counts what the same files take once, and anew in each app', () => {
    const store = sized(5);
    for (const chart of [plainChart(), plainChart()]) {
      cache(chart, { store }, 'first');
      cache(chart, { store }, 'again');
    }
  });

  test('counts what a conversion puts into a claim of its own', () => {
    const chart = plainChart();
    const model = cache(chart, { store: sized(4) }).artifact;
    const store = (gibibytes: number) => sharedClaim({ size: Size.gibibytes(gibibytes) });
    expect(() => conversion(chart, { model, store: store(1) }, 'small')).toThrow("'a new claim of 1Gi'");
    conversion(chart, { model, store: store(3) }, 'enough');
  });

  test('is taken as it is where nothing is known of the files', () => {
    cache(plainChart(), { store: sized(1), source: source(UNKNOWN) });
    cache(plainChart(), { store: sized(1), facts: tinyFacts() });
  });

  test('is taken as it is where patterns may leave out the weights', () => {
    const some = (options: Partial<HuggingFaceSourceProps>) => () =>
      cache(plainChart(), {
        store: sized(1),
        source: ModelSource.huggingFace(QWEN, { revision: COMMIT, ...options }),
      });
    some({ include: ['*.json'] })();
    some({ exclude: ['*.safetensors'] })();
    expect(some({ include: ['*.json', '*.safetensors'] })).toThrow("'a new claim of 1Gi'");
    expect(some({ exclude: ['original/'] })).toThrow("'a new claim of 1Gi'");
  });

  test('names how many artifacts of unknown size come on top', () => {
    const chart = plainChart();
    const store = sized(1);
    cache(chart, { store, source: source(UNKNOWN) }, 'unknown');
    expect(() => cache(chart, { store })).toThrow('files 3.97 GiB, and 1 more of unknown size.');
  });

  test('of a claim that exists is not known', () => {
    cache(plainChart(), { store: ModelStore.existingClaim('models') });
  });
});

describe('a claim that exists', () => {
  test('is mounted, and no object is made', () => {
    const chart = plainChart();
    const weights = cache(chart, { store: ModelStore.existingClaim('nfs.models') });
    conversion(chart, { model: weights.artifact });
    const objects = objectsOf(chart);
    expect(ofKind(objects, 'PersistentVolumeClaim')).toEqual([]);
    expect(ofKind(objects, 'Job').map(mounted)).toEqual([['nfs.models'], ['nfs.models']]);
  });

  test('is taken for one that a single node mounts unless the user says otherwise', () => {
    const affinityWith = (store: ModelStore) => {
      const chart = plainChart();
      cache(chart, { store });
      return podSpec(the(objectsOf(chart), 'Job')).affinity;
    };
    expect(affinityWith(ModelStore.existingClaim('models'))).toBeDefined();
    expect(
      affinityWith(ModelStore.existingClaim('models', { accessModes: [READ_WRITE_MANY] })),
    ).toBeUndefined();
  });

  test('may be used in several namespaces, each of which has one of that name', () => {
    const app = new PhasedApp();
    const store = ModelStore.existingClaim('models');
    cache(app.pipeline('a', { namespace: 'team-a' }).download, { store });
    cache(app.pipeline('b', { namespace: 'team-b' }).download, { store });
  });

  test('filled in one namespace is not read from another, where the same name is another claim', () => {
    const app = new PhasedApp();
    const [a, b] = ['a', 'b'].map((name) => app.pipeline(name, { namespace: `team-${name}` }));
    const weights = cache(a.download, { store: ModelStore.existingClaim('models') }).artifact;
    const refusal = (construct: string, path: string) =>
      `${construct}: 'model' is '${path} in a claim of namespace team-a'; allowed: an artifact in namespace ` +
      'team-b, or one in S3. A claim cannot be mounted from another namespace: make the artifact in this one ' +
      'too, or keep it in ModelStore.s3.';
    expect(() => conversion(b.convert, { model: weights })).toThrow(refusal('b/convert/q40', weights.path));
    const converted = conversion(a.convert, { model: weights }).artifact;
    expect(() => topology(b.serve, { model: converted })).toThrow(refusal('b/serve/chat', converted.path));
    topology(a.serve, { model: converted });
  });

  test.each(['Models', ''])('cannot be named %j', (name) => {
    expect(() => ModelStore.existingClaim(name)).toThrow(`ModelStore.existingClaim: 'name' is '${name}'`);
  });

  test('of many nodes that also one can write to is on one node while a Job writes', () => {
    const chart = plainChart();
    const accessModes = [READ_WRITE_ONCE, READ_ONLY_MANY];
    cache(chart, { store: ModelStore.existingClaim('models', { accessModes }) });
    expect(podSpec(the(objectsOf(chart), 'Job')).affinity).toBeDefined();
  });

  test('and can only be read must hold what it is asked for: no Job is made, and servers wait for it', () => {
    const chart = plainChart();
    const store = ModelStore.existingClaim('models', { accessModes: [READ_ONLY_MANY] });
    const model = cache(chart, { store: ModelStore.existingClaim('writable') }).artifact;
    const { artifact } = conversion(chart, { model, store });
    topology(chart, { model: artifact });
    const objects = objectsOf(chart);
    expect(ofKind(objects, 'Job').map(mounted)).toEqual([['writable']]);
    const root = the(objects, 'Deployment');
    expect(mounted(root)).toEqual(['models']);
    expect(podSpec(root).affinity).toBeUndefined();
    expect(argument(container(root, 'await-model'), 'key')).toEqual([artifact.key]);
  });

  test('has the same modes in all stores that name it', () => {
    const chart = plainChart();
    cache(chart, { store: ModelStore.existingClaim('models') }, 'first');
    const accessModes = [READ_WRITE_MANY];
    expect(() =>
      cache(
        chart,
        { store: ModelStore.existingClaim('models', { accessModes }), source: source('a/b') },
        'second',
      ),
    ).toThrow(
      "models/second: 'store' is 'claim models with the modes [\"ReadWriteMany\"]'; allowed: the modes " +
        '["ReadWriteOnce"], which models/first gives it. Whether its pods are drawn to one node depends on them: ' +
        'use one ModelStore object for both.',
    );
  });
});

describe('a new claim that several pipelines share', () => {
  const pipelines = () => {
    const app = new PhasedApp();
    return ['a', 'b'].map((name) => app.pipeline(name, { namespace: 'llm' }));
  };

  test('is made once, with its first user, and draws the pods of all to one node', () => {
    const [a, b] = pipelines();
    const store = claim({ name: 'models' });
    cache(a.download, { store });
    cache(b.download, { store, source: source('org/other') });
    expect(ofKind(objectsOf(b.download), 'PersistentVolumeClaim')).toEqual([]);
    expect(the(objectsOf(a.download), 'PersistentVolumeClaim').metadata.name).toBe('models');
    const templates = [a, b].map(({ download }) => the(objectsOf(download), 'Job').spec.template);
    for (const { metadata, spec } of templates) {
      const [term] = spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution;
      expect(term.labelSelector.matchLabels).toEqual({ 'claim.cdk8s-llm/models': 'mounted' });
      expect(metadata.labels).toMatchObject(term.labelSelector.matchLabels);
    }
  });

  test('counts what all of them put into it', () => {
    const [a, b] = pipelines();
    const store = claim({ name: 'models', size: Size.gibibytes(5) });
    cache(a.download, { store });
    expect(() => cache(b.download, { store, source: source('Qwen/Qwen3-4B') })).toThrow(
      /^b\/download\/weights: 'store' is 'a new claim of 5Gi'; allowed: 12Gi or more: 3\.78 GiB \(qwen--qwen3-1\.7b-/,
    );
  });

  test('needs a name: without the first user it would be another claim', () => {
    const [a, b] = pipelines();
    const store = claim();
    cache(a.download, { store });
    expect(() => cache(b.download, { store })).toThrow(
      "b/download/weights: 'store' is 'claim a-weights, named after a/download/weights'; allowed: a claim with a " +
        'name of its own, where several pipelines share it. Without that construct it would be another claim, and ' +
        "empty: give the store a name, ModelStore.claim({ name: 'a-weights', ... }).",
    );
  });

  test('is one store object: two would make it twice', () => {
    const [a, b] = pipelines();
    cache(a.download, { store: claim({ name: 'models' }) });
    expect(() => cache(b.download, { store: claim({ name: 'models' }) })).toThrow(
      "b/download/weights: 'store' is 'a second new claim models'; allowed: one store for a claim. Use one " +
        'ModelStore object for it and for a/download/weights.',
    );
  });

  test('may be named by another store as one that exists', () => {
    const [a, b] = pipelines();
    cache(a.download, { store: ModelStore.existingClaim('models') });
    cache(b.download, { store: claim({ name: 'models' }), source: source('org/other') });
    expect(ofKind(objectsOf(b.download), 'PersistentVolumeClaim')).toHaveLength(1);
  });
});

describe('two places in one pod', () => {
  test('that one node at a time can mount are refused', () => {
    const chart = plainChart();
    const model = cache(chart, { store: ModelStore.existingClaim('one') }).artifact;
    expect(() => conversion(chart, { model, store: ModelStore.existingClaim('two') })).toThrow(
      "models/q40: 'store' is 'claim two, which one node at a time can mount'; allowed: the store of the model " +
        '(claim one), or one that all nodes can mount. A server that is applied early can bring the claim to ' +
        'another node than that of the model, and these pods, which mount both, would never start. Use one store, ' +
        'or ReadWriteMany.',
    );
  });

  test('may be one claim that two stores name: it is mounted once', () => {
    const chart = plainChart();
    const model = cache(chart, { store: ModelStore.existingClaim('one') }).artifact;
    conversion(chart, { model, store: ModelStore.existingClaim('one') });
    const converter = the(objectsOf(chart), 'Job', /-q40-/);
    expect(mounted(converter)).toEqual(['one']);
    expect(argument(container(converter, 'convert'), 'output')[0]).toMatch(/^\/models\//);
  });
});

describe('one store', () => {
  test('in several constructs makes its claim once', () => {
    const chart = plainChart();
    const store = claim();
    cache(chart, { store }, 'first');
    cache(chart, { store, source: source('org/other') }, 'second');
    const objects = objectsOf(chart);
    expect(ofKind(objects, 'PersistentVolumeClaim').map((made) => made.metadata.name)).toEqual([
      'models-first',
    ]);
    expect(ofKind(objects, 'Job').map(mounted)).toEqual([['models-first'], ['models-first']]);
  });

  test('has its claim in the phase that uses it first, or a class that binds on first use would block', () => {
    const app = new PhasedApp();
    const pipeline = app.pipeline('qwen', { namespace: 'llm' });
    const weights = cache(pipeline.download);
    const converted = new DllamaConversion(pipeline.convert, 'q40', {
      model: weights.artifact,
      store: claim({ name: 'converted', accessModes: [READ_WRITE_MANY] }),
    });
    topology(pipeline.serve, { model: converted.artifact });

    const claimsOf = (chart: typeof pipeline.download) =>
      ofKind(objectsOf(chart), 'PersistentVolumeClaim').map(({ metadata }) => [
        metadata.name,
        metadata.annotations?.['argocd.argoproj.io/sync-wave'],
      ]);
    expect(claimsOf(pipeline.download)).toEqual([['qwen-weights', '10']]);
    expect(claimsOf(pipeline.convert)).toEqual([['converted', '30']]);
    expect(claimsOf(pipeline.serve)).toEqual([]);
  });

  test('cannot serve two namespaces, because a claim cannot', () => {
    const app = new PhasedApp();
    const store = claim();
    cache(app.pipeline('a', { namespace: 'team-a' }).download, { store });
    expect(() => cache(app.pipeline('b', { namespace: 'team-b' }).download, { store })).toThrow(
      "b/download/weights: 'store' is 'claim a-weights of namespace team-a'; allowed: a store in namespace team-b. " +
        'A claim cannot be mounted from another namespace: make a store for each namespace.',
    );
  });

  test('may be used in several apps of one program', () => {
    const store = claim();
    for (const chart of [plainChart(), plainChart()]) {
      cache(chart, { store });
      expect(ofKind(objectsOf(chart), 'PersistentVolumeClaim')).toHaveLength(1);
    }
  });
});

test('an artifact in a claim is in a folder of its own below the mount', () => {
  const chart = plainChart();
  const weights = cache(chart);
  const { args } = podSpec(the(objectsOf(chart), 'Job')).containers[0];
  expect(args).toContain(`--dir=/models/${weights.artifact.path}`);
});
