import { Phase, phaseFolder } from '../../../src/phases/phase';
import type { PhaseView, PipelineView } from '../../../src/phases/views';

/** A pipeline with one Job in each named phase, and a Deployment in the phase `serve`. */
export function samplePipeline(name: string, namespace: string, phases: Phase[]): PipelineView {
  return { name, namespace, phases: phases.map((phase) => samplePhase(name, namespace, phase)) };
}

function samplePhase(name: string, namespace: string, phase: Phase): PhaseView {
  const folder = phaseFolder(phase);
  const base = `${name.replace(/\./g, '-')}-${folder.slice(3)}`;
  const object =
    phase === Phase.SERVE
      ? { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: base, namespace }, spec: {} }
      : { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: `${base}-0a1b2c3d`, namespace }, spec: {} };
  return { phase, folder, objects: [object] };
}
