import { Pod, selects } from './object-set';

/**
 * Whether a pod must run on the node of all of the others. Of a pod and itself: whether all copies of it do.
 *
 * @internal
 */
export function isDrawnTo(pod: Pod, others: readonly Pod[]): boolean {
  const terms = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.some(
    (term) =>
      term.topologyKey === 'kubernetes.io/hostname' &&
      term.labelSelector !== undefined &&
      others.every((other) => selects(term.labelSelector, other.labels)),
  );
}

/** Whether all copies of a pod run on one node: the one that is named, or that of the volume that draws them. @internal */
export function isKeptOnOneNode(pod: Pod): boolean {
  return pod.spec.nodeSelector?.['kubernetes.io/hostname'] !== undefined || isDrawnTo(pod, [pod]);
}
