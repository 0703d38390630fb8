import { isKeptOnOneNode } from '../../validation/drawn-together';
import type { Entry, ObjectSet, Pod } from '../../validation/object-set';

/** How many of a pod there are. @internal */
export interface PodCount {
  readonly least: number;
  /** Undefined where nothing says how many: one on each node, or an autoscaler that is not here. */
  readonly most?: number;
}

/**
 * How many of a pod there are: as written, or as the autoscaler of the same set may decide.
 *
 * @internal
 */
export function podCount(set: ObjectSet, pod: Pod): PodCount {
  const { entry, replicas } = pod;
  if (entry.kind === 'Job') return exactly((entry.spec as { parallelism?: number }).parallelism ?? 1);
  if (replicas !== undefined) return exactly(replicas);
  const bounds = set.entries.map((scaler) => boundsFor(scaler, entry)).find((each) => each !== undefined);
  return scaled(bounds ?? { least: 1 }, membersOfCopy(pod));
}

/** The number as a table has it. @internal */
export function podCountText(set: ObjectSet, pod: Pod): string {
  if (pod.entry.kind === 'DaemonSet') return 'one on each node';
  const { least, most } = podCount(set, pod);
  if (most === undefined) return 'autoscaled, counted as 1';
  return least === most ? String(most) : `${least} to ${most}`;
}

/** Whether one node must have room for several of a pod, maybe only when an autoscaler starts them. @internal */
export function shareOneNode(set: ObjectSet, pod: Pod): boolean {
  return pod.entry.kind !== 'DaemonSet' && podCount(set, pod).most !== 1 && isKeptOnOneNode(pod);
}

/** What decides how many copies of an object there are, in the words of each kind of autoscaler. */
function boundsFor({ kind, namespace, spec }: Entry, target: Entry): PodCount | undefined {
  const { scaleTargetRef: ref, ...said } = spec as ScalerSpec;
  const targets = ref?.kind === undefined ? 'Deployment' : ref.kind;
  if (ref?.name !== target.name || targets !== target.kind || namespace !== target.namespace)
    return undefined;
  switch (kind) {
    case 'HorizontalPodAutoscaler':
      return { least: said.minReplicas ?? 1, most: said.maxReplicas };
    case 'ScaledObject':
      // The defaults of KEDA itself.
      return { least: said.minReplicaCount ?? 0, most: said.maxReplicaCount ?? 100 };
    case 'HTTPScaledObject':
      return { least: said.replicas?.min ?? 0, most: said.replicas?.max ?? 100 };
    default:
      return undefined;
  }
}

interface ScalerSpec {
  readonly scaleTargetRef?: { readonly kind?: string; readonly name?: string };
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  readonly minReplicaCount?: number;
  readonly maxReplicaCount?: number;
  readonly replicas?: { readonly min?: number; readonly max?: number };
}

/** The pods of one template in one copy: in a group, all members but the leader share one. */
function membersOfCopy({ entry, field }: Pod): number {
  if (entry.kind !== 'LeaderWorkerSet' || field.endsWith('leaderTemplate')) return 1;
  const { size = 1, leaderTemplate } = (entry.spec as GroupSpec).leaderWorkerTemplate ?? {};
  return leaderTemplate ? size - 1 : size;
}

interface GroupSpec {
  readonly leaderWorkerTemplate?: { readonly size?: number; readonly leaderTemplate?: unknown };
}

function exactly(count: number): PodCount {
  return { least: count, most: count };
}

function scaled({ least, most }: PodCount, times: number): PodCount {
  return { least: least * times, most: most === undefined ? undefined : most * times };
}
