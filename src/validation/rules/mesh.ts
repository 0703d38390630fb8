import { Pod, SERVER_KINDS } from '../object-set';
import { Report, Rule } from '../rule';
import { quote } from '../suggest';
import { dllamaProcesses } from './dllama-process';

/** Service meshes stay out of the pods. */

/**
 * How the meshes that people use are told to, and how they are told to take a pod in: Istio, with sidecars and without,
 * by labels; Linkerd by an annotation.
 */
const MESHES = [
  { name: 'sidecar.istio.io/inject', value: 'false', member: 'true', place: 'labels' },
  { name: 'istio.io/dataplane-mode', value: 'none', member: 'ambient', place: 'labels' },
  { name: 'linkerd.io/inject', value: 'disabled', member: 'enabled', place: 'annotations' },
] as const;

const noMesh: Rule = {
  id: 'no-mesh',
  of: 9,
  why:
    'A Job with a proxy beside it never completes, and our NetworkPolicies close the ports that a mesh ' +
    'needs, unless a server is said to be part of one.',
  pod: (pod, report) => {
    if (pod.entry.ours) checkMeshes(pod, 'so that no mesh takes the pod in', report, memberOf(pod));
  },
};

const dllamaMesh: Rule = {
  id: 'dllama-mesh',
  of: 'distributed-llama',
  why: "A mesh's proxy resets idle connections and writes headers in lower case: the process ends or hangs.",
  pod: (pod, report) => {
    if (pod.entry.ours || dllamaProcesses(pod).length === 0) return;
    checkMeshes(pod, 'so that no proxy stands between root and workers', report);
  },
};

/** The one mesh that a pod is part of: one that answers requests by HTTP. */
function memberOf(pod: Pod): string | undefined {
  if (!SERVER_KINDS.has(pod.entry.kind) || dllamaProcesses(pod).length > 0) return undefined;
  const metadata = pod.template.metadata ?? {};
  return MESHES.find(({ name, member, place }) => metadata[place]?.[name] === member)?.name;
}

function checkMeshes(pod: Pod, purpose: string, report: Report, member?: string): void {
  const metadata = pod.template.metadata ?? {};
  for (const { name, value, place } of MESHES) {
    const given = metadata[place]?.[name];
    if (given === value || name === member) continue;
    const field = `${pod.field === '' ? '' : `${pod.field}.`}metadata.${place}["${name}"]`;
    report(pod.entry, field, `is ${quote(given)}; it must be "${value}", ${purpose}`);
  }
}

export const MESH_RULES: readonly Rule[] = [noMesh, dllamaMesh];
