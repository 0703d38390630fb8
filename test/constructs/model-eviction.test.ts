import { App, Chart } from 'cdk8s';
import { PersistentVolumeAccessMode, ServiceAccount } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { ModelStore, PhasedApp } from '../../src';
import { ModelEviction, ModelEvictionProps } from '../../src/constructs/model-eviction';
import { temporaryFolder } from '../support/folders';
import { cache, claim, conversion, s3, source, topology } from '../support/models';
import {
  argument,
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  the,
  violationsOf,
} from '../support/objects';

const KEY = 'aaaaaaaaaaaa';

function evict(chart: Construct, props: Partial<ModelEvictionProps> = {}, id = 'old'): ModelEviction {
  return new ModelEviction(chart, id, {
    store: ModelStore.existingClaim('models'),
    artifacts: [KEY],
    ...props,
  });
}

function made(props: Partial<ModelEvictionProps> = {}) {
  const chart = plainChart();
  evict(chart, props);
  const objects = objectsOf(chart);
  const job = the(objects, 'Job');
  return { objects, job, evict: container(job, 'evict'), policy: the(objects, 'NetworkPolicy') };
}

describe('an eviction', () => {
  test('is a Job with its programs and a NetworkPolicy, which pass all checks', () => {
    const { objects, job } = made();
    expect(violationsOf(objects)).toBe('');
    expect(objects.map(({ kind }) => kind)).toEqual(['Job', 'NetworkPolicy', 'ConfigMap']);
    expect(job.metadata.annotations).toMatchObject({ 'argocd.argoproj.io/sync-wave': '10' });
    expect(Object.keys(the(objects, 'ConfigMap').data as object)).toEqual([
      'evict.py',
      'evict_folder.py',
      'marker.py',
      'program.py',
    ]);
  });

  test('names what is to go, once each, and nothing else', () => {
    const folder = `qwen--qwen3-1.7b-${KEY}`;
    const { evict: program } = made({ artifacts: [KEY, folder, KEY] });
    expect(program.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/evict.py']);
    expect(program.args).toEqual(['--root=/models', `--artifact=${KEY}`, `--artifact=${folder}`]);
    expect(program.volumeMounts[0]).toEqual({ name: 'models', mountPath: '/models' });
  });

  test('can only tell what would go, and then cannot write', () => {
    const { evict: program } = made({ dryRun: true });
    expect(program.args).toContain('--dry-run');
    expect(program.volumeMounts[0].readOnly).toBe(true);
  });

  test('from a claim reaches nothing, and is drawn to the node of the claim', () => {
    const { policy, job } = made();
    expect(policy.spec).toMatchObject({ ingress: [], egress: [] });
    expect(podSpec(job).affinity.podAffinity).toBeDefined();
    expect(job.spec.template.metadata.labels).toMatchObject({ 'claim.cdk8s-llm/models': 'mounted' });
  });

  test('from a bucket reaches the bucket, by its credentials, and mounts nothing', () => {
    const chart = plainChart();
    evict(chart, { store: s3(chart, { prefix: 'llm' }) });
    const objects = objectsOf(chart);
    expect(violationsOf(objects)).toBe('');
    const job = the(objects, 'Job');
    const program = container(job, 'evict');
    expect(argument(program, 'prefix')).toEqual(['llm']);
    expect(argument(program, 's3-endpoint')).toEqual(['http://minio.minio.svc:9000']);
    expect(program.env[0].valueFrom.secretKeyRef).toEqual({ name: 'minio-creds', key: 'AWS_ACCESS_KEY_ID' });
    expect(job.metadata.annotations?.['cdk8s-llm/secrets']).toMatch(/^minio-creds\/AWS_ACCESS_KEY_ID/);
    expect(podSpec(job).volumes.map(({ name }: { name: string }) => name)).toEqual(['programs']);
    const [, egress] = the(objects, 'NetworkPolicy').spec.egress;
    expect(egress.ports).toEqual([{ protocol: 'TCP', port: 9000 }]);
    expect(Object.keys(the(objects, 'ConfigMap').data as object)).toEqual(
      expect.arrayContaining(['evict.py', 'evict_bucket.py', 's3_client.py', 'web.py']),
    );
  });

  test('from a whole bucket has no prefix; by the identity of the pod it has no keys', () => {
    const chart = plainChart();
    const serviceAccount = ServiceAccount.fromServiceAccountName(chart, 'account', 'models-writer');
    evict(chart, { store: ModelStore.s3({ bucket: 'models', region: 'eu-west-1', serviceAccount }) });
    const job = the(objectsOf(chart), 'Job');
    expect(argument(container(job, 'evict'), 'prefix')).toEqual(['']);
    expect(podSpec(job).serviceAccountName).toBe('models-writer');
    expect(podSpec(job).automountServiceAccountToken).toBe(false);
  });

  test("from a node's folder runs on that node, and says that it departs from Pod Security", () => {
    const { job, objects } = made({ store: ModelStore.nodeFolder('/var/lib/models', { hostname: 'gpu-1' }) });
    expect(violationsOf(objects)).toBe('');
    expect(podSpec(job).nodeSelector).toEqual({ 'kubernetes.io/hostname': 'gpu-1' });
    expect(job.metadata.annotations?.['cdk8s-llm/pod-security-opt-out']).toMatch(/^hostPath: /);
  });

  test('is another Job with other artifacts, and the same with the same', () => {
    const name = (props: Partial<ModelEvictionProps>) => made(props).job.metadata.name;
    expect(name({})).toBe(name({}));
    expect(name({ artifacts: ['bbbbbbbbbbbb'] })).not.toBe(name({}));
    expect(name({ dryRun: true })).not.toBe(name({}));
    expect(name({ attempt: 2 })).not.toBe(name({}));
  });
});

describe('an artifact that the app uses', () => {
  const pipelines = () => {
    const app = new PhasedApp({ outdir: temporaryFolder() });
    return { app, a: app.pipeline('a', { namespace: 'llm' }), b: app.pipeline('b', { namespace: 'llm' }) };
  };

  test.each<[string, (artifact: { key: string; path: string }) => string]>([
    ['key', ({ key }) => key],
    ['folder', ({ path }) => path],
  ])('is refused at synth by its %s, also where it is used only later in the program', (_, named) => {
    const { app, a, b } = pipelines();
    const store = claim({ name: 'models' });
    const other = cache(a.download, { store, source: source('org/other') }, 'other');
    const { artifact } = cache(plainChart());
    evict(b.download, { store, artifacts: [KEY, named(artifact)] });
    cache(b.download, { store });
    expect(() => app.synth()).toThrow(
      `[b/download/old] b/download/old: 'artifacts' is '${named(artifact)}'; allowed: artifacts that no construct ` +
        `uses. b/download/weights makes ${artifact.path} in this store: remove that construct first.`,
    );
    expect(other.artifact.key).not.toBe(artifact.key);
  });

  test('is refused where another store object means the same place', () => {
    const { app, a, b } = pipelines();
    const { artifact } = cache(a.download, { store: ModelStore.existingClaim('models') });
    evict(b.download, { artifacts: [artifact.key] });
    expect(() => app.synth()).toThrow(`a/download/weights makes ${artifact.path} in this store`);
  });

  test('is refused where a bucket is named by another spelling of its server', () => {
    const { app, a, b } = pipelines();
    const [one, two] = ['http://minio.minio.svc:80', 'http://MinIO.minio.svc/'];
    const { artifact } = cache(a.download, { store: s3(a, { endpoint: one }) });
    evict(b.download, { store: s3(b, { endpoint: two }), artifacts: [artifact.key] });
    expect(() => app.synth()).toThrow(`a/download/weights makes ${artifact.path} in this store`);
  });

  test('in another place is another one', () => {
    const app = new App();
    const chart = new Chart(app, 'models', { namespace: 'llm' });
    const { artifact } = cache(chart, { store: ModelStore.existingClaim('here') });
    const eviction = evict(chart, { store: ModelStore.existingClaim('there'), artifacts: [artifact.key] });
    expect(eviction.node.validate()).toEqual([]);
    const other = evict(
      chart,
      { store: ModelStore.existingClaim('here'), artifacts: [artifact.key] },
      'here',
    );
    expect(other.node.validate()).toHaveLength(1);
  });

  test('goes with its pipeline: what is left of the app may be synthesized', () => {
    const chart = plainChart();
    const { artifact } = cache(plainChart());
    const store = claim({ name: 'models' });
    topology(chart, {
      model: conversion(chart, {
        model: cache(chart, { store, source: source('org/other'), facts: cacheFacts() }).artifact,
      }).artifact,
    });
    const eviction = evict(chart, { store, artifacts: [artifact.key] });
    expect(eviction.node.validate()).toEqual([]);
    expect(violationsOf(objectsOf(chart))).toBe('');
    expect(ofKind(objectsOf(chart), 'PersistentVolumeClaim')).toHaveLength(1);
  });
});

function cacheFacts() {
  return cache(plainChart()).artifact.facts;
}

describe('an eviction that cannot be', () => {
  test.each<[string, Partial<ModelEvictionProps>, string]>([
    ['nothing to remove', { artifacts: [] }, "'artifacts' is []; allowed: a list of keys (12 hex"],
    ['a single text', { artifacts: KEY as never }, "'artifacts' is 'aaaaaaaaaaaa'; allowed: a list of keys"],
    [
      'a path',
      { artifacts: [KEY, '../etc'] },
      "'artifacts[1]' is '../etc'; allowed: keys (12 hexadecimal digits)",
    ],
    ['a part of a key', { artifacts: ['aaaa'] }, "'artifacts[0]' is 'aaaa'"],
    ['images', { store: ModelStore.imageVolume() }, 'Images are removed where they are: in their registry'],
    [
      'what can only be read',
      { store: ModelStore.existingClaim('a', { accessModes: [PersistentVolumeAccessMode.READ_ONLY_MANY] }) },
      "'store' is 'a claim that can only be read'; allowed: a store that can be written to",
    ],
    ['a new claim that nobody uses', { store: claim() }, "ModelStore.existingClaim('its-name')"],
    ['no store', { store: undefined }, "'store' is nothing; allowed: a ModelStore"],
  ])('has %s', (_, props, message) => {
    expect(() => evict(plainChart(), props)).toThrow(message);
  });

  test('has no props, in plain JavaScript', () => {
    expect(() => new ModelEviction(plainChart(), 'old', undefined as never)).toThrow(
      "'artifacts' is nothing",
    );
  });

  test('stands in the phase of the servers', () => {
    const { serve } = new PhasedApp().pipeline('a', { namespace: 'llm' });
    expect(() => evict(serve)).toThrow("'scope' is 'pipeline.serve'");
  });
});
