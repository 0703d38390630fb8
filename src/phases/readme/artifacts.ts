import { ANNOTATION } from '../../pod/metadata';
import type { Entry, Pod } from '../../validation/object-set';
import { bytesText } from './amounts';
import { code, list, table, text } from './markdown';
import { entryText, podText, type PipelineModel } from './pipeline-model';

/** An artifact, with who makes it and who waits for it. @internal */
export interface ArtifactUse {
  readonly key: string;
  readonly makers: readonly Entry[];
  readonly waiters: readonly Pod[];
}

/** The artifacts of a pipeline, in the order in which they are met. @internal */
export function artifactUses(pipeline: PipelineModel): ArtifactUse[] {
  const uses = new Map<string, { key: string; makers: Entry[]; waiters: Pod[] }>();
  const use = (key: string) => {
    const known = uses.get(key) ?? { key, makers: [], waiters: [] };
    uses.set(key, known);
    return known;
  };
  for (const pod of pipeline.set.pods) {
    for (const key of madeBy(pod.entry)) use(key).makers.push(pod.entry);
    for (const key of awaited(pod)) use(key).waiters.push(pod);
  }
  return [...uses.values()];
}

/** The keys of what an object's pods make: a Job one artifact, a cache on nodes several. */
function madeBy({ annotations }: Entry): string[] {
  const kept = [...(annotations[ANNOTATION.keeps] ?? '').matchAll(/, key (\w+)/g)].map(([, key]) => key);
  return [annotations[ANNOTATION.artifactKey] ?? [], kept].flat();
}

/**
 * The keys that a pod's guard waits for: a worker that belongs to an artifact without reading it has none. What is in
 * an image that the pod mounts, the kubelet waits for.
 */
function awaited(pod: Pod): string[] {
  const needed = (pod.entry.annotations[ANNOTATION.needsArtifact] ?? '').split(/[\s,]+/).filter(Boolean);
  if (pod.spec.volumes?.some(({ image }) => image)) return needed;
  const init = pod.containers.filter(({ role }) => role === 'init').map(({ container }) => container);
  return needed.filter((key) =>
    init.some(({ args = [], command = [] }) => [...command, ...args].join(' ').includes(key)),
  );
}

/** The table of artifacts. @internal */
export function artifactTable(pipeline: PipelineModel): string {
  const rows = artifactUses(pipeline).map(({ key, makers, waiters }) => {
    const said = wordOf(makers[0] ?? waiters[0].entry, key);
    const made = makers.length > 0;
    return [
      code(made ? (said[ANNOTATION.artifactPath] ?? key) : key),
      sourceText(said),
      text(said[ANNOTATION.licence] ?? 'as the marker says'),
      made ? sizeText(said[ANNOTATION.artifactBytes], makers[0]) : 'not said',
      made ? list(makers.map(entryText)) : 'not in this pipeline',
      list(waiters.map(podText)) || 'nobody',
    ];
  });
  return table(['artifact', 'source', 'licence', 'size', 'made by', 'awaited by'], rows, 'None.');
}

/** What an object says of one of its artifacts: of its own in annotations of their own, of others in one line each. */
function wordOf({ annotations }: Entry, key: string): Record<string, string> {
  const lines = [ANNOTATION.alsoServes, ANNOTATION.keeps].flatMap(
    (name) => annotations[name]?.split('\n') ?? [],
  );
  for (const line of lines) {
    const [, source, of, licence] = /^[^:]*: (.*), key (\w+)(?:, licence (.*))?$/.exec(line) ?? [];
    if (of === key) {
      return { [ANNOTATION.source]: source, ...(licence ? { [ANNOTATION.licence]: licence } : {}) };
    }
  }
  return annotations;
}

/** The source, and what it does not prove: whoever approves the change answers for that. */
function sourceText(annotations: Record<string, string>): string {
  const source = text(annotations[ANNOTATION.source] ?? 'not said');
  switch (annotations[ANNOTATION.proof]) {
    case 'none':
      return `${source} (**unpinned**: whatever is there when the Job runs)`;
    case 'version':
      return `${source} (a version, for whose bytes the server vouches)`;
    default:
      return source;
  }
}

function sizeText(bytes: string | undefined, { kind }: Entry): string {
  return bytes === undefined ? `measured by the ${kind}, left in the marker` : bytesText(Number(bytes));
}
