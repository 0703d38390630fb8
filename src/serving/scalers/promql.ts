import type { ServerTarget } from '../server-target';

/**
 * The series of a metric that the server's own pods have. By the labels `namespace` and `pod`, which Prometheus gets
 * from a PodMonitor and a ServiceMonitor alike, and from the usual configuration without them.
 *
 * @param more further labels and their values
 * @internal
 */
export function ownSeries(target: ServerTarget, metric: string, more: Record<string, string>): string {
  const matchers = [
    `namespace=${quoted(target.owner.namespace)}`,
    `pod=~${quoted(podPattern(target))}`,
    ...Object.entries(more).map(([label, value]) => `${label}=${quoted(value)}`),
  ];
  return `${metric}{${matchers.join(',')}}`;
}

/**
 * The names of the pods that take requests, none of another server's: what is added to a name has no more dashes than
 * here.
 *
 * @internal
 */
export function podPattern({ owner, workload }: ServerTarget): string {
  switch (workload.kind) {
    case 'Deployment':
      return `${workload.name}-[0-9a-z]+-[0-9a-z]{5}`;
    case 'StatefulSet':
      // Each copy has a StatefulSet for its leader, and one for its workers.
      return `${owner.name}-[0-9]+-0`;
    default:
      return `${workload.name}-[0-9]+`;
  }
}

/** A text as PromQL writes it. @internal */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}
