import { Size } from 'cdk8s';
import { ModelSource, ModelStore, PhasedApp } from '../../../src';
import { GUARD } from '../../support/cluster';
import { cache, claim, conversion, s3, tinyFacts, topology } from '../../support/models';
import { argument, containers, objectsOf, ofKind, podSpec, the, violationsOf } from '../../support/objects';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const IMAGE = `registry.example.com/models/qwen3@${DIGEST}`;
const source = (path?: string) => ModelSource.oci(IMAGE, { path });

/** A pipeline that serves a converted model out of an image, or a Hugging Face one that is converted first. */
function pipeline(kubernetesVersion: string, store = ModelStore.imageVolume()) {
  const app = new PhasedApp({ kubernetesVersion });
  const added = app.pipeline('qwen', { namespace: 'llm' });
  const made = () => objectsOf(...added._phases().map(({ chart }) => chart));
  return { ...added, download: added.download, convert: added.convert, serve: added.serve, store, made };
}

/** A volume and what mounts it, of the pods of an object. */
function mountOf(object: Parameters<typeof podSpec>[0], name = 'models') {
  const volume = podSpec(object).volumes.find((each: { name: string }) => each.name === name);
  const mounts = containers(object).flatMap(({ volumeMounts }) =>
    volumeMounts.filter((mount: { name: string }) => mount.name === name),
  );
  return { volume, mounts };
}

describe('a model that is an image', () => {
  test('is mounted where its folder would be, and fetched by no Job', () => {
    const { download, convert, store, made } = pipeline('1.35');
    const { artifact } = cache(download, { store, source: source('/models'), facts: tinyFacts() });
    conversion(convert, { model: artifact, store: claim() });
    const objects = made();
    expect(violationsOf(objects, '1.35')).toBe('');
    expect(ofKind(objects, 'Job')).toHaveLength(1);
    const { volume, mounts } = mountOf(the(objects, 'Job'));
    expect(volume).toEqual({ name: 'models', image: { reference: IMAGE, pullPolicy: 'IfNotPresent' } });
    expect(mounts).toEqual([
      { name: 'models', mountPath: `/models/${artifact.path}`, subPath: 'models', readOnly: true },
    ]);
    expect(argument(containers(the(objects, 'Job')).at(-1), 'input')).toEqual([`/models/${artifact.path}`]);
  });

  test('is waited for by nobody: the kubelet starts no container before it is there', () => {
    const { download, convert, store, made } = pipeline('1.35');
    const { artifact } = cache(download, { store, source: source(), facts: tinyFacts() });
    conversion(convert, { model: artifact, store: claim() });
    expect(containers(the(made(), 'Job')).map(({ name }) => name)).not.toContain(GUARD);
  });

  test('is served out of the image; what waits for the workers names mounts nothing', () => {
    const { download, serve, store, made } = pipeline('1.36');
    const { artifact } = cache(download, { store, source: source(), facts: tinyFacts() });
    topology(serve, {
      model: artifact,
      modelFile: 'a.m',
      tokenizerFile: 'a.t',
      weights: 'q40' as never,
      replicaPower: 1,
    });
    const objects = made();
    expect(violationsOf(objects, '1.36')).toBe('');
    const root = the(objects, 'Deployment');
    const { volume, mounts } = mountOf(root);
    expect(volume.image.reference).toBe(IMAGE);
    expect(mounts).toEqual([{ name: 'models', mountPath: `/models/${artifact.path}`, readOnly: true }]);
    const [guard] = containers(root);
    expect(guard.name).toBe(GUARD);
    expect(guard.args).toEqual([expect.stringMatching(/^--resolve=/)]);
    expect(root.spec.template.metadata.labels).not.toHaveProperty(['claim.cdk8s-llm/qwen']);
  });

  test('has no guard where there are no workers either', () => {
    const { download, serve, store, made } = pipeline('1.36');
    const { artifact } = cache(download, { store, source: source(), facts: tinyFacts() });
    const files = { modelFile: 'a.m', tokenizerFile: 'a.t', weights: 'q40' as never };
    topology(serve, { model: artifact, ...files, replicaPower: 0 });
    expect(containers(the(made(), 'Deployment')).map(({ name }) => name)).toEqual(['front', 'root']);
  });

  test('brings its pods to the nodes that the store names', () => {
    const placement = { nodeSelector: { disk: 'large' } };
    const { download, convert, store, made } = pipeline('1.35', ModelStore.imageVolume({ placement }));
    const { artifact } = cache(download, { store, source: source(), facts: tinyFacts() });
    conversion(convert, { model: artifact, store: claim() });
    expect(podSpec(the(made(), 'Job')).nodeSelector).toEqual({ disk: 'large' });
  });
});

describe('a cluster that cannot mount images', () => {
  const add = (version: string, store?: ModelStore) => {
    const { download, made, store: given } = pipeline(version, store);
    const { artifact } = cache(download, { store: given, source: source(), facts: tinyFacts() });
    return { artifact, objects: made() };
  };

  test.each(['1.31', '1.32'])('%s is refused with the version that can', (version) => {
    expect(() => add(version)).toThrow(
      `qwen/download/weights: 'store' is 'ModelStore.imageVolume with Kubernetes ${version}'; allowed: Kubernetes ` +
        '1.35 or newer, or 1.33 and 1.34 with the feature gate ImageVolume. Name the fallback store into which a Job ' +
        'copies the image: { fallback: ModelStore.claim({ ... }) }.',
    );
    expect(() => add(version, ModelStore.imageVolume({ featureGateIsOn: true }))).toThrow(
      'Name the fallback store',
    );
  });

  test.each(['1.33', '1.34'])('%s can where the user says that the gate is on', (version) => {
    expect(() => add(version)).toThrow(
      'Where the clusters have the gate turned on, say so by featureGateIsOn: true',
    );
    const { objects } = add(version, ModelStore.imageVolume({ featureGateIsOn: true }));
    expect(objects).toEqual([]);
  });

  test.each(['1.33', '1.34'])(
    '%s: what mounts an image says so, and is refused where it does not',
    (version) => {
      const given = pipeline(version, ModelStore.imageVolume({ featureGateIsOn: true }));
      const { artifact } = cache(given.download, {
        store: given.store,
        source: source(),
        facts: tinyFacts(),
      });
      conversion(given.convert, { model: artifact, store: claim() });
      const objects = given.made();
      expect(violationsOf(objects, version)).toBe('');
      const { annotations = {} } = the(objects, 'Job').metadata;
      expect(annotations['cdk8s-llm/skip-checks']).toBe(
        'image-volumes: featureGateIsOn says that the cluster has ImageVolume on',
      );
      delete annotations['cdk8s-llm/skip-checks'];
      expect(violationsOf(objects, version)).toContain(
        `[image-volumes] spec.template.spec.volumes[0].image is off by default before Kubernetes 1.35; the target is ${version}`,
      );
    },
  );

  test.each(['1.31', '1.34'])('%s has the image copied by a Job into the fallback', (version) => {
    const fallback = claim();
    const { artifact, objects } = add(version, ModelStore.imageVolume({ fallback }));
    expect(artifact.store).toBe(fallback);
    expect(ofKind(objects, 'Job')).toHaveLength(1);
    expect(ofKind(objects, 'PersistentVolumeClaim')).toHaveLength(1);
    expect(violationsOf(objects, version)).toBe('');
  });

  test.each(['1.31', '1.35'])('%s takes what the Job of a fallback is told', (version) => {
    const { download, made } = pipeline(version);
    const fallback = s3(download);
    cache(download, {
      store: ModelStore.imageVolume({ fallback }),
      source: source(),
      scratch: Size.gibibytes(20),
      memory: Size.gibibytes(1),
      httpsProxy: 'http://proxy.llm.svc:3128',
      attempt: 2,
    });
    expect(ofKind(made(), 'Job')).toHaveLength(version === '1.31' ? 1 : 0);
    expect(violationsOf(made(), version)).toBe('');
  });

  test('is told nothing of a Job where there is none in any version', () => {
    const { download, store } = pipeline('1.35');
    expect(() => cache(download, { store, source: source(), scratch: Size.gibibytes(20) })).toThrow(
      "qwen/download/weights: 'scratch' is 'given'; allowed: nothing here. The image is mounted as it is, by the " +
        'kubelet: there is no Job.',
    );
  });

  test('leaves the fallback alone where it can', () => {
    expect(add('1.35', ModelStore.imageVolume({ fallback: claim() })).objects).toEqual([]);
  });
});

describe('a store of images', () => {
  test('takes nothing else', () => {
    const { download, store } = pipeline('1.35');
    expect(() => cache(download, { store })).toThrow(
      "qwen/download/weights: 'store' is 'ModelStore.imageVolume'; allowed: a store that files can be put into: " +
        'ModelStore.claim, existingClaim, s3 or nodeFolder. An image holds what it was built with',
    );
  });

  test('takes no image that only a tag names: it may be another one on the next node', () => {
    const { download, store } = pipeline('1.35');
    const moving = ModelSource.oci('registry.example.com/models/qwen3:v1', { unpinned: true });
    expect(() => cache(download, { store, source: moving })).toThrow(
      "qwen/download/weights: 'source' is 'registry.example.com/models/qwen3:v1'; allowed: an image that is pinned " +
        "by its digest, 'registry/name@sha256:...', to be mounted as it is.",
    );
  });

  test('is not where a conversion writes', () => {
    const { download, convert, store } = pipeline('1.35');
    const { artifact } = cache(download, { store, source: source(), facts: tinyFacts() });
    expect(() => conversion(convert, { model: artifact })).toThrow(
      "qwen/convert/q40: 'store' is 'ModelStore.imageVolume'; allowed: a store that files can be put into",
    );
  });

  test('has a fallback that a Job can write to', () => {
    expect(() => ModelStore.imageVolume({ fallback: ModelStore.imageVolume() })).toThrow(
      "ModelStore.imageVolume: 'fallback' is 'ModelStore.imageVolume'; allowed: a store that a Job can write to",
    );
    expect(() => ModelStore.imageVolume({ fallback: 'models' as never })).toThrow("'fallback' is 'string'");
  });
});
