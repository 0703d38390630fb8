import { Pod } from '../object-set';
import { Report, Rule } from '../rule';
import { quote } from '../suggest';
import { dllamaProcesses } from './dllama-process';

/** Service meshes stay out of the pods. */

/** How the meshes that people use are told to: Istio, with sidecars and without, by labels; Linkerd by an annotation. */
const MESHES = [
  { name: 'sidecar.istio.io/inject', value: 'false', place: 'labels' },
  { name: 'istio.io/dataplane-mode', value: 'none', place: 'labels' },
  { name: 'linkerd.io/inject', value: 'disabled', place: 'annotations' },
] as const;

const noMesh: Rule = {
  id: 'no-mesh',
  of: 9,
  why:
    'A Job with a proxy beside it never completes, and our NetworkPolicies close the ports that a mesh ' +
    'needs.',
  pod: (pod, report) => {
    if (pod.entry.ours) checkMeshes(pod, 'so that no mesh takes the pod in', report);
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

function checkMeshes(pod: Pod, purpose: string, report: Report): void {
  const metadata = pod.template.metadata ?? {};
  for (const { name, value, place } of MESHES) {
    const given = metadata[place]?.[name];
    if (given === value) continue;
    const field = `${pod.field === '' ? '' : `${pod.field}.`}metadata.${place}["${name}"]`;
    report(pod.entry, field, `is ${quote(given)}; it must be "${value}", ${purpose}`);
  }
}

export const MESH_RULES: readonly Rule[] = [noMesh, dllamaMesh];
