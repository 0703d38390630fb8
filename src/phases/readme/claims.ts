import type { Entry } from '../../validation/object-set';
import { quantity } from '../../validation/quantity';
import { code, list, table } from './markdown';
import { claimUses, podText, type PipelineModel } from './pipeline-model';
import { podCountText } from './pod-count';

interface ClaimSpec {
  readonly accessModes?: string[];
  readonly storageClassName?: string;
  readonly volumeName?: string;
  readonly resources?: { requests?: { storage?: string } };
}

/** The bytes of all claims that a pipeline makes. @internal */
export function claimedBytes(pipeline: PipelineModel): number {
  const claims = pipeline.set.ofKind('PersistentVolumeClaim');
  return claims.reduce((sum, claim) => sum + quantity(claimSpec(claim).resources?.requests?.storage ?? 0), 0);
}

/** The table of claims: those it makes, those that its pods bring, those that must be there. @internal */
export function claimTable(pipeline: PipelineModel): string {
  const made = pipeline.set
    .ofKind('PersistentVolumeClaim')
    .map((entry) => [
      code(entry.name),
      ...specCells(claimSpec(entry)),
      users(pipeline, entry.namespace, entry.name),
    ]);
  const brought = pipeline.set.pods.flatMap((pod) => {
    const { volumeClaimTemplates = [] } = pod.entry.spec as {
      volumeClaimTemplates?: { metadata?: { name?: string }; spec?: ClaimSpec }[];
    };
    return volumeClaimTemplates.map(({ metadata, spec }) => [
      `${code(`${metadata?.name}-${pod.entry.name}-*`)}, one a pod (${podCountText(pipeline.set, pod)})`,
      ...specCells(spec ?? {}),
      `${podText(pod)} (writes)`,
    ]);
  });
  const there = new Map<string, string[]>();
  for (const pod of pipeline.set.pods) {
    const namespace = pod.entry.namespace;
    for (const { claim } of claimUses(pod)) {
      if (pipeline.set.find('PersistentVolumeClaim', namespace, claim)) continue;
      there.set(`${namespace}/${claim}`, [
        `${code(claim)}, **must exist**`,
        'as it is',
        'as it is',
        'as it is',
        users(pipeline, namespace, claim),
      ]);
    }
  }
  const rows = [...made, ...brought, ...there.values()];
  return table(['claim', 'size', 'class', 'access modes', 'mounted by'], rows, 'None.');
}

function claimSpec(entry: Entry): ClaimSpec {
  return entry.spec;
}

function specCells(spec: ClaimSpec): string[] {
  return [
    spec.resources?.requests?.storage ?? 'not said',
    classText(spec),
    (spec.accessModes ?? []).join(', '),
  ];
}

function classText({ storageClassName, volumeName }: ClaimSpec): string {
  const volume = volumeName === undefined ? '' : `, volume ${code(volumeName)}`;
  if (storageClassName === undefined) return `the cluster's default${volume}`;
  return (storageClassName === '' ? 'none' : code(storageClassName)) + volume;
}

function users(pipeline: PipelineModel, namespace: string, claim: string): string {
  const pods = pipeline.set.usersOf(namespace, claim);
  const names = pods.map((pod) => {
    const writes = claimUses(pod).some((use) => use.claim === claim && use.writes);
    return `${podText(pod)} (${writes ? 'writes' : 'reads'})`;
  });
  return list([...new Set(names)]) || 'nobody here';
}
