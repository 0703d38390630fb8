import type { AcceleratorSpec, NodeExpression } from './accelerator-spec';

const HOSTNAME = 'kubernetes.io/hostname';

/** `spec.affinity.nodeAffinity`, or nothing where any node will do. @internal */
export function nodeAffinity({
  nodeExpressions,
  requiredNodes,
  preferredNodes,
}: AcceleratorSpec): Record<string, unknown> | undefined {
  const required: NodeExpression[] = [
    ...nodeExpressions,
    ...(requiredNodes.length ? [{ key: HOSTNAME, operator: 'In' as const, values: requiredNodes }] : []),
  ];
  const preferred = preferredNodes.map((name, index) => ({
    // 100 for the first, 1 at least for the last.
    weight: 100 - index,
    preference: { matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [name] }] },
  }));
  if (required.length === 0 && preferred.length === 0) return undefined;
  return {
    ...(required.length
      ? {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: required }],
          },
        }
      : {}),
    ...(preferred.length ? { preferredDuringSchedulingIgnoredDuringExecution: preferred } : {}),
  };
}
