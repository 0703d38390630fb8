import { ANNOTATION, LABEL } from '../../pod/metadata';
import { claimsOf, Entry } from '../object-set';
import { Rule } from '../rule';

/** Rule 15: every object of ours says what it belongs to, and what it holds. */

const OBJECT_LABELS = [LABEL.name, LABEL.instance, LABEL.component, LABEL.partOf];
const POD_LABELS = [...OBJECT_LABELS, LABEL.managedBy];
const GITOPS = new Set(['Application', 'ApplicationSet', 'Kustomization', 'Namespace']);

const standardLabels: Rule = {
  id: 'standard-labels',
  of: 15,
  why: 'One question to the cluster, `kubectl get -l`, shows all that belongs to a pipeline.',
  object: (entry, report) => {
    if (!entry.ours || GITOPS.has(entry.kind)) return;
    for (const label of OBJECT_LABELS) {
      if (!entry.labels[label])
        report(entry, `metadata.labels["${label}"]`, 'is missing; every object carries it');
    }
  },
  pod: (pod, report) => {
    if (!pod.entry.ours || pod.field === '') return;
    for (const label of POD_LABELS) {
      if (!pod.labels[label])
        report(pod.entry, `${pod.field}.metadata.labels["${label}"]`, 'is missing; every pod carries it');
    }
  },
};

const PROVENANCE = [ANNOTATION.source, ANNOTATION.repository, ANNOTATION.revision];

const KEYS = [ANNOTATION.artifactKey, ANNOTATION.needsArtifact, ANNOTATION.servesArtifact];

const provenance: Rule = {
  id: 'provenance',
  of: 15,
  why: 'What runs in a cluster must be traceable to the commit that its weights came from.',
  object: (entry, report) => {
    if (!entry.ours || !artifactOf(entry)) return;
    for (const name of PROVENANCE) {
      if (entry.annotations[name]) continue;
      report(
        entry,
        `metadata.annotations["${name}"]`,
        'is missing; what makes or serves a model says where it is from',
      );
    }
  },
  pod: (pod, report) => {
    const { entry } = pod;
    if (!entry.ours || claimsOf(pod).length === 0 || artifactOf(entry)) return;
    if (entry.annotations[ANNOTATION.evicts]) return;
    report(
      entry,
      'metadata.annotations',
      `has none of ${ANNOTATION.artifactKey}, ${ANNOTATION.needsArtifact} and ${ANNOTATION.evicts}, though ` +
        'the pods mount a claim; say which artifact they make, read or remove',
    );
  },
};

/** The key of the artifact that an object makes, reads or leads to. */
function artifactOf({ annotations }: Entry): string | undefined {
  return KEYS.map((name) => annotations[name]).find((key) => key !== undefined);
}

export const LABEL_RULES: readonly Rule[] = [standardLabels, provenance];
