import type { KubeObject } from '../../src/validation/kube-object';
import { Cluster, Disks, GUARD, ON_GPU_NODE } from '../support/cluster';
import { DllamaConversion, ModelStore, PhasedApp, Pipeline, Placement } from '../../src';
import { cache, claim, s3, sharedClaim, source, tinyFacts, topology } from '../support/models';
import { argument, containers, objectsOf, podSpec, texts, Untyped, violationsOf } from '../support/objects';
import { build, PIPELINES, synthesize } from '../support/pipelines';

/**
 * Order is a saving and no condition: applied all at once, in any order, by whatever tool, everything converges. These
 * tests know the objects alone, as a cluster does.
 */

const waveOf = ({ metadata }: KubeObject) => Number(metadata.annotations?.['argocd.argoproj.io/sync-wave']);
const hasPods = ({ kind }: KubeObject) => ['Job', 'Deployment', 'StatefulSet'].includes(kind);
const isGuard = (container: Untyped): boolean => container.name === GUARD;

/** Numbers from 0 to 1 that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const DISKS: Disks[] = ['local', 'zonal', 'network'];

/** How often what is left to chance is tried. */
const RUNS = 100;

/** The runs in which something waits for ever, with what does. */
function stuckIn(objects: readonly KubeObject[], disks: Disks): string[][] {
  const runs = Array.from({ length: RUNS }, (_, run) => {
    const cluster = new Cluster(disks, seeded(run + 1));
    cluster.applyInAnyOrder(objects);
    return cluster.stuck();
  });
  return runs.filter((stuck) => stuck.length > 0);
}

describe.each(PIPELINES)('a pipeline with %s', (_, add) => {
  const objects = synthesize(add);
  const workloads = objects.filter(hasPods);
  const jobs = objects.filter(({ kind }) => kind === 'Job');
  const makerOf = (key: string) =>
    jobs.filter(({ metadata }) => metadata.annotations?.['cdk8s-llm/artifact-key'] === key);
  const guards = workloads.flatMap((workload) =>
    containers(workload)
      .filter(isGuard)
      .map((guard) => ({ workload, guard })),
  );

  test('passes all checks', () => expect(violationsOf(objects)).toBe(''));

  test.each(DISKS)('converges in whatever order it is applied and scheduled, with %s disks', (disks) =>
    expect(stuckIn(objects, disks)).toEqual([]),
  );

  test('makes each artifact by one Job', () => {
    const keys = jobs.map(({ metadata }) => metadata.annotations?.['cdk8s-llm/artifact-key']);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toContain(undefined);
  });

  test('waits for artifacts that a Job of an earlier phase makes, where that Job puts them', () => {
    expect(guards.length).toBeGreaterThan(0);
    for (const { workload, guard } of guards) {
      const keys = argument(guard, 'key');
      const folders = argument(guard, 'dir');
      keys.forEach((key, index) => {
        const makers = makerOf(key);
        expect(makers).toHaveLength(1);
        expect(waveOf(makers[0])).toBeLessThan(waveOf(workload));
        expect(folders[index]).toBe(`/models/${makers[0].metadata.annotations?.['cdk8s-llm/artifact-path']}`);
      });
      expect(workload.metadata.annotations?.['cdk8s-llm/needs-artifact']).toBe(keys.join(' '));
    }
  });

  test('reads no artifact that it has not waited for', () => {
    for (const workload of workloads) {
      const waitedFor = containers(workload)
        .filter(isGuard)
        .flatMap((guard) => argument(guard, 'dir'));
      const made = `/models/${workload.metadata.annotations?.['cdk8s-llm/artifact-path']}`;
      const used = texts(containers(workload).map(({ args }) => args as unknown)).flatMap(
        (text) => /\/models\/[^/]+/.exec(text) ?? [],
      );
      for (const folder of used) expect([...waitedFor, made]).toContain(folder);
    }
  });

  test('waits before anything else in a pod, with the claim mounted read-only', () => {
    for (const { workload, guard } of guards) {
      expect(podSpec(workload).initContainers[0]).toBe(guard);
      const mount = guard.volumeMounts.find((each: Untyped) => each.name === 'models');
      expect(mount).toEqual({ name: 'models', mountPath: '/models', readOnly: true });
    }
  });

  test('writes by the Jobs alone', () => {
    for (const workload of workloads.filter(({ kind }) => kind !== 'Job')) {
      for (const { volumeMounts } of containers(workload)) {
        for (const mount of volumeMounts.filter((each: Untyped) => each.name === 'models')) {
          expect(mount.readOnly).toBe(true);
        }
      }
    }
  });

  test('has each claim in the phase of its first user', () => {
    for (const made of objects.filter(({ kind }) => kind === 'PersistentVolumeClaim')) {
      const users = workloads.filter((workload) =>
        podSpec(workload).volumes.some(
          (volume: Untyped) => volume.persistentVolumeClaim?.claimName === made.metadata.name,
        ),
      );
      expect(waveOf(made)).toBe(Math.min(...users.map(waveOf)));
    }
  });

  test('has no server in the phase of a Job', () => {
    const of = (kind: string) => new Set(objects.filter((object) => object.kind === kind).map(waveOf));
    for (const wave of of('Deployment')) expect(of('Job')).not.toContain(wave);
    expect(Math.max(...of('Job'))).toBeLessThan(Math.max(...objects.map(waveOf)));
  });

  test('needs nothing of a later phase', () => {
    const wave = new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, waveOf(object)]));
    for (const workload of workloads) {
      for (const volume of podSpec(workload).volumes as Untyped[]) {
        const name = volume.configMap
          ? `ConfigMap ${volume.configMap.name}`
          : `PersistentVolumeClaim ${volume.persistentVolumeClaim?.claimName}`;
        if (volume.emptyDir) continue;
        expect(wave.get(name)).toBeLessThanOrEqual(waveOf(workload));
      }
    }
  });
});

/** The objects of several pipelines in one namespace. */
function synthesizeAll(names: string[], add: (pipelines: Pipeline[], app: PhasedApp) => void): KubeObject[] {
  const app = new PhasedApp();
  const pipelines = names.map((name) => app.pipeline(name, { namespace: 'llm' }));
  add(pipelines, app);
  return pipelines.flatMap((pipeline) => objectsOf(...pipeline._phases().map(({ chart }) => chart)));
}

/** Pipelines that share a store: each brings and serves a model of its own. */
function sharing(store: ModelStore, names: string[], placement?: Placement): KubeObject[] {
  return synthesizeAll(names, (pipelines) =>
    pipelines.forEach(({ download, convert, serve, name }) => {
      const weights = cache(download, { store, source: source(`org/${name}`), facts: tinyFacts() });
      const { artifact } = new DllamaConversion(convert, 'q40', { model: weights.artifact });
      topology(serve, { model: artifact, rootPlacement: placement, replicaPower: 1 });
    }),
  );
}

describe.each<[string, () => KubeObject[]]>([
  ['one claim of one node', () => sharing(claim({ name: 'models' }), ['a', 'b', 'c'])],
  ['one claim of all nodes', () => sharing(sharedClaim({ name: 'models' }), ['a', 'b'])],
  [
    'one claim of one node, with the placement of the servers',
    () => sharing(claim({ name: 'models', placement: ON_GPU_NODE }), ['a', 'b'], ON_GPU_NODE),
  ],
  [
    'one model in one claim of one node',
    () =>
      synthesizeAll(['a', 'b'], (pipelines) => {
        const store = claim({ name: 'models' });
        for (const pipeline of pipelines) build(pipeline, { model: store });
      }),
  ],
  [
    'a bucket, each with a claim of one node for what is converted',
    () =>
      synthesizeAll(['a', 'b'], (pipelines, app) => {
        const store = s3(app);
        for (const pipeline of pipelines) build(pipeline, { model: store, converted: claim() });
      }),
  ],
])('pipelines that share %s', (_, make) => {
  const objects = make();

  test.each(DISKS)('converge in whatever order they are applied and scheduled, with %s disks', (disks) =>
    expect(stuckIn(objects, disks)).toEqual([]),
  );

  test('make each claim once, and each artifact of one place once', () => {
    const claims = objects
      .filter(({ kind }) => kind === 'PersistentVolumeClaim')
      .map(({ metadata }) => metadata.name);
    expect(new Set(claims).size).toBe(claims.length);
    const made = objects
      .filter(({ kind }) => kind === 'Job')
      .map((job) => `${claimOf(job)} ${job.metadata.annotations?.['cdk8s-llm/artifact-path']}`);
    expect(new Set(made).size).toBe(made.length);
  });
});

/** The claim that a Job writes to. */
function claimOf(job: KubeObject): string {
  const volumes: Untyped[] = podSpec(job).volumes;
  return (volumes.find(({ name }) => name === 'output') ?? volumes[0]).persistentVolumeClaim
    ?.claimName as string;
}

describe('the cluster of these tests sees a deadlock', () => {
  test('of a server whose nodes a claim of one node, bound for a Job elsewhere, does not reach', () => {
    const objects = synthesize((p) => build(p, { model: claim({ placement: ON_GPU_NODE }) }));
    for (const job of objects.filter(({ kind }) => kind === 'Job')) {
      delete podSpec(job).nodeSelector;
      delete podSpec(job).tolerations;
    }
    for (const disks of DISKS) expect(stuckIn(objects, disks)).not.toEqual([]);
  });

  test('of a server that holds the disk of a claim on another node than the Job it waits for', () => {
    const objects = synthesize((p) => build(p, { model: claim() }));
    for (const workload of objects.filter(hasPods)) delete podSpec(workload).affinity;
    expect(stuckIn(objects, 'network')).not.toEqual([]);
  });

  test('of a conversion between two claims, one of which a server has brought to another node', () => {
    const objects = synthesize((p) => build(p, { model: claim(), converted: sharedClaim() }));
    for (const { kind, spec } of objects) {
      if (kind === 'PersistentVolumeClaim') spec.accessModes = ['ReadWriteOnce'];
    }
    expect(stuckIn(objects, 'local')).not.toEqual([]);
    expect(stuckIn(objects, 'network')).not.toEqual([]);
  });

  test('of a server whose model nobody makes', () => {
    const objects = synthesize((p) => build(p, { model: claim() })).filter(({ kind }) => kind !== 'Job');
    expect(stuckIn(objects, 'network')).toHaveLength(RUNS);
  });
});
