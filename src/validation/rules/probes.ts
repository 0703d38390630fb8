import { ANNOTATION } from '../../pod/metadata';
import { isAsked, Pod, PodContainer, SERVER_KINDS } from '../object-set';
import { Rule } from '../rule';
import { Probe, ReplicatedSpec } from '../shapes';
import { quote } from '../suggest';

/** Rule 12: a server says when it has started, when it can answer, and when it is lost. */

const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;

/** The containers that serve: those that run all the time, in what is kept running. @internal */
export function serversOf(pod: Pod): readonly PodContainer[] {
  if (!SERVER_KINDS.has(pod.entry.kind) || !isAsked(pod)) return [];
  return pod.containers.filter(
    ({ role, container }) => role === 'main' || (role === 'sidecar' && container.ports?.length),
  );
}

const serverProbes: Rule = {
  id: 'server-probes',
  of: 12,
  style: true,
  why:
    'Without a startup probe a slow load is killed or a failed one is not noticed; without ' +
    'the others traffic goes to what cannot answer.',
  pod: (pod, report) => {
    for (const { container, field } of serversOf(pod)) {
      for (const name of PROBES) {
        if (!container[name])
          report(pod.entry, `${field}.${name}`, `is missing; a server has ${PROBES.join(', ')}`);
      }
    }
  },
};

/** Seconds for which a probe may fail before it has failed. */
function patience(probe: Probe): number {
  return (probe.initialDelaySeconds ?? 0) + (probe.periodSeconds ?? 10) * (probe.failureThreshold ?? 3);
}

/** No disk or network in a cluster reads a model faster than this, in bytes a second. */
const FASTEST = 2 ** 30;

const startupBudget: Rule = {
  id: 'startup-budget',
  of: 12,
  style: true,
  why: 'A startup probe that gives up while the model is being read restarts the read for ever.',
  pod: (pod, report) => {
    const deadline = (pod.entry.spec as ReplicatedSpec).progressDeadlineSeconds ?? 600;
    const bytes = Number(pod.entry.annotations[ANNOTATION.artifactBytes] ?? 0);
    for (const { container, field } of serversOf(pod)) {
      const probe = container.startupProbe;
      if (!probe) continue;
      const budget = patience(probe);
      const least = Math.ceil(bytes / FASTEST);
      if (budget < least) {
        report(
          pod.entry,
          `${field}.startupProbe`,
          `gives up after ${budget} s; ${bytes} bytes take ${least} s at 1 GiB/s and more ` +
            'on a real disk. Raise failureThreshold',
        );
      }
      if (pod.entry.kind === 'Deployment' && pod.entry.ours && deadline < budget) {
        report(
          pod.entry,
          'spec.progressDeadlineSeconds',
          `is ${deadline}; it must be at least the startup probe's ${budget} s, or a ` +
            'loading server is reported as failed',
        );
      }
    }
  },
};

const patientLiveness: Rule = {
  id: 'patient-liveness',
  of: 12,
  style: true,
  why: 'A liveness probe that fails once or for a moment is a busy server, not a dead one.',
  pod: (pod, report) => {
    for (const { container, field } of serversOf(pod)) {
      const threshold = container.livenessProbe?.failureThreshold ?? 3;
      if (!container.livenessProbe || threshold >= 2) continue;
      report(
        pod.entry,
        `${field}.livenessProbe.failureThreshold`,
        `is ${quote(threshold)}; it must be at least 2`,
      );
    }
  },
};

export const PROBE_RULES: readonly Rule[] = [serverProbes, startupBudget, patientLiveness];
