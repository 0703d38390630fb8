import { shortHash } from '../pod/content-hash';
import { LABEL } from '../pod/metadata';

/**
 * What changes whenever the pods of a server do, and otherwise not: not with the number of copies, for instance.
 *
 * @param templates of all its pods, of one copy where each has workloads of its own
 * @internal
 */
export function revisionOf(...templates: object[]): string {
  return shortHash(templates);
}

/**
 * A pod template whose pods tell of which revision they are: nothing else tells those of a new version from those that
 * still run. The label is in the template alone, as the selector of a workload cannot change.
 *
 * @internal
 */
export function withRevision(template: Record<string, unknown>, revision: string): Record<string, unknown> {
  const { labels, ...metadata } = template.metadata as { labels: Record<string, string> };
  return { ...template, metadata: { ...metadata, labels: { ...labels, [LABEL.podRevision]: revision } } };
}
