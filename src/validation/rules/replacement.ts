import { jobHash } from '../../pod/content-hash';
import { ANNOTATION, LABEL } from '../../pod/metadata';
import { jobSpec } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';

/** Rule 1: what changes gets a new name, and nothing is deleted and created again in place. */

const jobNameHash: Rule = {
  id: 'job-name-hash',
  of: 1,
  why:
    'A Job cannot be changed: a new spec under an old name is refused by the API server, an ' +
    'old spec under a new name runs again.',
  kinds: ['Job'],
  object: (entry, report) => {
    if (!entry.ours) return;
    const text = entry.annotations[ANNOTATION.attempt];
    if (text === undefined || !/^\d+$/.test(text)) {
      const field = `metadata.annotations["${ANNOTATION.attempt}"]`;
      report(
        entry,
        field,
        `is ${quote(text)}; it must be a whole number in quotes, such as "1": raise it to run the Job again`,
      );
      return;
    }
    const suffix = `-${jobHash(entry.spec, Number(text), entry.labels[LABEL.queue])}`;
    if (entry.name.endsWith(suffix)) return;
    const message =
      `is ${quote(entry.name)}; it must end in ${quote(suffix)}, the hash of the Job's ` +
      'immutable fields and its attempt. Name it so';
    report(entry, 'metadata.name', message);
  },
};

const jobStays: Rule = {
  id: 'job-stays',
  of: 1,
  why:
    'A Job that vanishes or is not started is taken for complete, or runs again: it opens ' +
    'the next phase too early or repeats hours of work.',
  kinds: ['Job'],
  object: (entry, report) => {
    const spec = jobSpec(entry);
    if (spec.ttlSecondsAfterFinished !== undefined) {
      report(
        entry,
        'spec.ttlSecondsAfterFinished',
        `is ${spec.ttlSecondsAfterFinished}; leave it out: a Job that deletes itself is ` +
          'made and run again by Argo CD and Flux',
      );
    }
    if (spec.suspend !== undefined) {
      report(
        entry,
        'spec.suspend',
        `is ${spec.suspend}; leave it out: a suspended Job opens the next phase in Flux, ` +
          'and a resumed one in Argo CD',
      );
    }
  },
};

const noGenerateName: Rule = {
  id: 'no-generate-name',
  of: 1,
  why: "An object with a name of the cluster's making is another one at each apply.",
  object: (entry, report) => {
    const given: unknown = entry.object.metadata.generateName;
    if (given === undefined) return;
    report(entry, 'metadata.generateName', `is ${quote(given)}; give the object a metadata.name instead`);
  },
};

const HOOKS = ['argocd.argoproj.io/hook', 'argocd.argoproj.io/hook-delete-policy', 'helm.sh/hook'];

const noHooks: Rule = {
  id: 'no-hooks',
  of: 1,
  why: 'A hook runs again at each sync and is no part of what the tool keeps in order.',
  object: (entry, report) => {
    for (const name of HOOKS) {
      const value = entry.annotations[name];
      if (value === undefined) continue;
      report(
        entry,
        `metadata.annotations["${name}"]`,
        `is ${quote(value)}; leave it out: the sync wave orders the object, its name says ` +
          'when it is a new one',
      );
    }
  },
};

/** Flux annotations by which an object is replaced, or not looked at; and the values that are harmless. */
const FLUX: Record<string, string> = {
  'kustomize.toolkit.fluxcd.io/force': 'disabled',
  'kustomize.toolkit.fluxcd.io/reconcile': 'enabled',
  'kustomize.toolkit.fluxcd.io/ssa': 'Override',
};

const noReplace: Rule = {
  id: 'no-replace',
  of: 1,
  why:
    'Replace and Force delete a running Job or a claim with its data; an object that is not ' +
    'applied is not waited for either.',
  object: (entry, report) => {
    const options = entry.annotations[ANNOTATION.syncOptions];
    for (const option of options?.split(',') ?? []) {
      if (!/^\s*(Replace|Force)\s*=\s*true\s*$/.test(option)) continue;
      const message =
        `has ${option.trim()}; take it out: a changed object has a new name, so nothing is ` +
        'ever replaced';
      report(entry, `metadata.annotations["${ANNOTATION.syncOptions}"]`, message);
    }
    for (const name in FLUX) {
      const value = entry.annotations[name];
      if (value === undefined || value.toLowerCase() === FLUX[name].toLowerCase()) continue;
      report(
        entry,
        `metadata.annotations["${name}"]`,
        `is ${quote(value)}; leave it out: it replaces the object, or lets Flux go on without waiting for it`,
      );
    }
  },
};

export const REPLACEMENT_RULES: readonly Rule[] = [jobNameHash, jobStays, noGenerateName, noHooks, noReplace];
