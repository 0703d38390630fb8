import type { Entry, Pod } from '../../validation/object-set';
import type { ServiceSpec } from '../../validation/shapes';
import { artifactUses } from './artifacts';
import { claimUses, type PipelineModel } from './pipeline-model';
import { podCountText } from './pod-count';

/**
 * A pipeline as a Mermaid flowchart: phases as boxes, and in them what runs, what keeps data and what is
 * asked. Objects of other kinds are counted.
 *
 * @internal
 */
export function diagram(pipeline: PipelineModel): string {
  const ids = new Map<Entry, string>();
  const lines = ['flowchart TB'];
  pipeline.phases.forEach(({ folder, entries }) => {
    lines.push(`  subgraph ${phaseId(folder)}["${label(folder)}"]`);
    const others = new Map<string, number>();
    for (const entry of entries) {
      const shape = node(pipeline, entry);
      if (shape === undefined) {
        others.set(entry.kind, (others.get(entry.kind) ?? 0) + 1);
        continue;
      }
      const id = `n${ids.size}`;
      ids.set(entry, id);
      lines.push(`    ${id}${shape}`);
    }
    if (others.size > 0) lines.push(`    ${phaseId(folder)}_others["${label(othersText(others))}"]:::others`);
    lines.push('  end');
  });
  const arrow = (from: Entry, shape: string, to: Entry) => {
    const [a, b] = [ids.get(from), ids.get(to)];
    if (a === undefined || b === undefined || a === b) return;
    const line = `  ${a} ${shape} ${b}`;
    // The leaders and the workers of a group are one thing here.
    if (!lines.includes(line)) lines.push(line);
  };
  phaseArrows(pipeline, lines);
  for (const { makers, waiters } of artifactUses(pipeline)) {
    for (const maker of makers) for (const { entry } of waiters) arrow(maker, '-.->|"artifact"|', entry);
  }
  for (const pod of pipeline.set.pods) {
    for (const { claim, writes } of claimUses(pod)) {
      const entry = pipeline.set.find('PersistentVolumeClaim', pod.entry.namespace, claim);
      if (!entry) continue;
      if (writes) arrow(pod.entry, '-->|"writes"|', entry);
      else arrow(entry, '-->|"read by"|', pod.entry);
    }
    for (const peer of connectsTo(pipeline, pod)) arrow(pod.entry, '-->|"connects to"|', peer.entry);
  }
  for (const service of pipeline.set.ofKind('Service')) {
    for (const pod of pipeline.set.selected(service)) arrow(service, '-->', pod.entry);
  }
  lines.push('  classDef others stroke-dasharray: 3');
  return lines.map((line) => `${line}\n`).join('');
}

/** The shape and text of what is drawn; undefined for what is only counted. */
function node(pipeline: PipelineModel, entry: Entry): string | undefined {
  const pod = pipeline.set.pods.find((candidate) => candidate.entry === entry);
  if (pod) {
    const count = podCountText(pipeline.set, pod);
    return `["${label(entry.kind + howMany(count))}<br/>${label(entry.name)}"]`;
  }
  if (entry.kind === 'PersistentVolumeClaim') {
    const { resources } = entry.spec as { resources?: { requests?: { storage?: string } } };
    return `[("${label(`claim, ${resources?.requests?.storage ?? ''}`)}<br/>${label(entry.name)}")]`;
  }
  // A headless Service only gives names; who uses them is drawn as an arrow to the pods.
  if (entry.kind === 'Service' && (entry.spec as ServiceSpec).clusterIP !== 'None') {
    return `(["${label('Service')}<br/>${label(entry.name)}"])`;
  }
  return undefined;
}

/** ` x 2`, or what is no number in words behind a comma. */
function howMany(count: string): string {
  if (count === '1') return '';
  return /^\d/.test(count) ? ` x ${count}` : `, ${count}`;
}

function phaseArrows(pipeline: PipelineModel, lines: string[]): void {
  pipeline.phases.slice(1).forEach((phase, index) => {
    const before = pipeline.phases[index];
    const said = before.pods.some((pod) => pod.entry.kind === 'Job')
      ? 'when all its Jobs are complete'
      : 'then';
    lines.push(`  ${phaseId(before.folder)} ==>|"${said}"| ${phaseId(phase.folder)}`);
  });
}

/** The other pods whose Service's name is among a pod's arguments or variables. */
function connectsTo(pipeline: PipelineModel, pod: Pod): Pod[] {
  const words = new Set(
    pod.containers
      .flatMap(({ container }) => [
        ...(container.command ?? []),
        ...(container.args ?? []),
        ...(container.env ?? []).map(({ value }) => value ?? ''),
      ])
      .flatMap((value) => value.split(/[^a-z0-9-]+/)),
  );
  const services = pipeline.set.ofKind('Service').filter((service) => words.has(service.name));
  const peers = services
    .filter((service) => service.namespace === pod.entry.namespace)
    .flatMap((service) => pipeline.set.selected(service));
  return [...new Set(peers)].filter((peer) => peer !== pod);
}

function othersText(others: Map<string, number>): string {
  return [...others].map(([kind, count]) => (count === 1 ? kind : `${count} x ${kind}`)).join(', ');
}

function phaseId(folder: string): string {
  return `phase_${folder.replace(/[^a-zA-Z0-9]/g, '_')}`;
}

/** Text within quotes: what Mermaid or HTML would take for markup is written by its number. */
function label(value: string): string {
  return value.replace(/[^\w .,/:()@+=-]/g, (character) => `#${character.codePointAt(0)};`);
}
