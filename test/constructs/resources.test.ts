import { containers, podSpec, Untyped } from '../support/objects';
import { PIPELINES, synthesize } from '../support/pipelines';

/** Resources that have to fit together: of containers to their pod, of mounts to volumes. */

const WORKLOADS = PIPELINES.flatMap(([pipeline, add]) =>
  synthesize(add)
    .filter(({ kind }) => ['Job', 'Deployment', 'StatefulSet'].includes(kind))
    .map((workload) => [`${pipeline}: ${workload.kind} ${workload.metadata.name}`, workload] as const),
);

function mebibytes(quantity: string): number {
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity)!;
  return Number(amount) * (unit === 'Gi' ? 1024 : 1);
}

/** As the kubelet counts: what runs together is added, what runs before counts if it is more. */
function podLimit(workload: Untyped, resource: string): number {
  const limit = ({ resources }: Untyped) => mebibytes(resources.limits[resource] as string);
  const sum = (all: Untyped[]) => all.reduce((total: number, each) => total + limit(each), 0);
  const { initContainers = [], containers: main } = podSpec(workload);
  const sidecars = initContainers.filter((each: Untyped) => each.restartPolicy === 'Always');
  const before = initContainers.filter((each: Untyped) => each.restartPolicy !== 'Always');
  return Math.max(sum([...main, ...sidecars]), ...before.map(limit));
}

describe.each(WORKLOADS)('%s', (_, workload) => {
  const volumes: Untyped[] = podSpec(workload).volumes;

  test('may fill all its emptyDirs without being evicted', () => {
    // What is in memory is on no disk.
    const sizes = volumes.flatMap(({ emptyDir }) =>
      emptyDir && emptyDir.medium !== 'Memory' ? mebibytes(emptyDir.sizeLimit as string) : [],
    );
    const filled = sizes.reduce((total, size) => total + size, 0);
    expect(podLimit(workload, 'ephemeral-storage')).toBeGreaterThanOrEqual(filled);
  });

  test('asks and limits each container in CPU, memory and disk', () => {
    for (const { resources } of containers(workload)) {
      for (const each of [resources.requests, resources.limits]) {
        expect(Object.keys(each).sort()).toEqual(['cpu', 'ephemeral-storage', 'memory']);
      }
      expect(resources.requests.memory).toBe(resources.limits.memory);
    }
  });

  test('mounts what it has, has what it mounts, and can write only where it has to', () => {
    const mounted = new Set<string>();
    for (const { volumeMounts } of containers(workload)) {
      for (const { name } of volumeMounts as Untyped[]) mounted.add(name as string);
    }
    expect([...mounted].sort()).toEqual(volumes.map(({ name }) => name as string).sort());
    for (const { volumeMounts } of containers(workload)) {
      expect(volumeMounts).toContainEqual({ name: 'programs', mountPath: '/opt/cdk8s-llm', readOnly: true });
    }
  });
});
