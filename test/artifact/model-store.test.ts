import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import { DllamaConversion, ModelStore, PhasedApp } from '../../src';
import { objectsOf, ofKind, plainChart, podSpec, the } from '../support/objects';
import { cache, claim, conversion, source, topology } from '../support/models';

const { READ_WRITE_MANY, READ_ONLY_MANY, READ_WRITE_ONCE_POD } = PersistentVolumeAccessMode;

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
      size: Size.mebibytes(1536),
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
      resources: { requests: { storage: '1536Mi' } },
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

  test.each([[[]], [[READ_WRITE_ONCE_POD]], [[READ_ONLY_MANY]], [[READ_WRITE_MANY, READ_WRITE_ONCE_POD]]])(
    'with the modes %j is refused: a Job has to fill it and a server to read it',
    (accessModes) => {
      expect(() => claim({ accessModes })).toThrow(`'accessModes' is ${JSON.stringify(accessModes)}`);
    },
  );

  test('cannot hold nothing', () => {
    expect(() => claim({ size: Size.gibibytes(0) })).toThrow("ModelStore.claim: 'size' is '0Ki'");
  });

  test.each(['Models', 'models_1', '-models', 'a'.repeat(254), ''])('cannot be named %j', (name) => {
    expect(() => claim({ name })).toThrow(`ModelStore.claim: 'name' is '${name}'`);
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

  test('cannot be one that no Job can fill', () => {
    expect(() => ModelStore.existingClaim('models', { accessModes: [READ_ONLY_MANY] })).toThrow(
      'at least one mode that can be written to',
    );
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
