import { PHASES } from '../../phases/phase';
import { ANNOTATION, LABEL } from '../../pod/metadata';
import { QUEUED_JOB_RULE } from '../../pod/queue';
import { Entry, ObjectSet } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';

/** Rule 2: waves. */

/** Kinds that no namespace holds, and those that point GitOps tools at a pipeline and are applied before it. */
const WITHOUT_WAVE = new Set([
  'Application',
  'ApplicationSet',
  'ClusterRole',
  'ClusterRoleBinding',
  'Kustomization',
  'Namespace',
  'PersistentVolume',
  'StorageClass',
]);

const WAVE_FIELD = `metadata.annotations["${ANNOTATION.syncWave}"]`;

const syncWave: Rule = {
  id: 'sync-wave',
  of: 2,
  why: 'Without a wave Argo CD applies an object in wave 0, before and beside everything.',
  object: (entry, report) => {
    if (!entry.ours || WITHOUT_WAVE.has(entry.kind)) return;
    if (entry.wave !== undefined && PHASES.includes(entry.wave)) return;
    const given = quote(entry.annotations[ANNOTATION.syncWave]);
    report(
      entry,
      WAVE_FIELD,
      `is ${given}; it must be the wave of its phase: ${PHASES.map((p) => `"${p}"`).join(', ')}`,
    );
  },
};

const claimWave: Rule = {
  id: 'claim-wave',
  of: 2,
  why:
    'A claim whose class waits for its first consumer is never bound in an earlier wave, and ' +
    'the wave never ends.',
  kinds: ['PersistentVolumeClaim'],
  object: (entry, report, set) => {
    const waves = set.usersOf(entry.namespace, entry.name).flatMap((pod) => pod.entry.wave ?? []);
    if (waves.length === 0 || entry.wave === undefined) return;
    const first = Math.min(...waves);
    if (entry.wave === first) return;
    report(
      entry,
      WAVE_FIELD,
      `is "${entry.wave}"; the first pods to mount the claim are in wave ${first}. Set it to "${first}"`,
    );
  },
};

const jobBeforeConsumer: Rule = {
  id: 'job-before-consumer',
  of: 2,
  why:
    'Argo CD waits for Jobs between waves only, and never for the last wave: a Job gates ' +
    'nothing in its own wave.',
  set: (set, report) => {
    const makers = makersOf(set);
    for (const entry of set.entries) {
      if (entry.wave === undefined) continue;
      for (const needed of neededBy(entry)) {
        const maker = makers.get(`${entry.namespace} ${needed}`);
        if (maker?.wave === undefined || maker === entry || maker.wave < entry.wave) continue;
        const message =
          `is "${entry.wave}"; ${maker.toString()}, which makes what it needs, is in wave ` +
          `${maker.wave}. Put it in a later phase`;
        report(entry, WAVE_FIELD, message);
      }
    }
  },
};

/** The keys of the artifacts that an object's pods wait for. */
function neededBy(entry: Entry): string[] {
  return (entry.annotations[ANNOTATION.needsArtifact] ?? '').split(' ').filter(Boolean);
}

/** The first Job that makes an artifact, by namespace and artifact key. */
function makersOf(set: ObjectSet): Map<string, Entry> {
  const makers = new Map<string, Entry>();
  for (const job of set.ofKind('Job')) {
    const key = job.annotations[ANNOTATION.artifactKey];
    if (key === undefined || neededBy(job).includes(key)) continue;
    const place = `${job.namespace} ${key}`;
    const known = makers.get(place);
    if (!known || (job.wave ?? 0) < (known.wave ?? 0)) makers.set(place, job);
  }
  return makers;
}

const queuedJob: Rule = {
  id: QUEUED_JOB_RULE,
  of: 1,
  why:
    'Kueue suspends a Job until it is admitted: Flux takes a suspended Job for complete, Argo CD a resumed one, ' +
    'and the next phase opens too early.',
  kinds: ['Job'],
  object: (entry, report) => {
    const queue = entry.labels[LABEL.queue];
    if (queue === undefined) return;
    report(
      entry,
      `metadata.labels["${LABEL.queue}"]`,
      `is ${quote(queue)}; leave it out. Where all clusters have an Argo CD whose argocd-cm decides the health of ` +
        'batch/Job by the conditions Complete and Failed alone, say so by the annotation ' +
        `${ANNOTATION.skipChecks}`,
    );
  },
};

export const ORDER_RULES: readonly Rule[] = [syncWave, claimWave, jobBeforeConsumer, queuedJob];
