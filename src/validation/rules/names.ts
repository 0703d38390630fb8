import { Entry } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';

/** Names, labels and keys as the API server accepts them, and as what is derived from them can bear. */

const LABEL_1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

interface NameRule {
  readonly pattern: RegExp;
  readonly most: number;
  readonly words: string;
}

const NAME: NameRule = {
  pattern: SUBDOMAIN,
  most: 253,
  words: 'lower case letters, digits, - and ., and must begin and end with a letter or digit',
};
const DNS_LABEL: NameRule = {
  pattern: LABEL_1123,
  most: 63,
  words: 'lower case letters, digits and -, and must begin and end with a letter or digit',
};

/** Kinds whose names must be shorter or simpler than others, because other names or labels are made of them. */
const NAMES: Record<string, NameRule> = {
  CronJob: { ...NAME, most: 52 },
  Deployment: { ...NAME, most: 63 },
  Job: DNS_LABEL,
  Namespace: DNS_LABEL,
  PersistentVolumeClaim: { ...NAME, most: 63 },
  Pod: DNS_LABEL,
  Service: {
    ...DNS_LABEL,
    pattern: LABEL_1035,
    words: 'lower case letters, digits and -, and must begin with a letter',
  },
  // The label controller-revision-hash of its pods is the name, - and up to 10 digits.
  StatefulSet: { ...DNS_LABEL, most: 52 },
};

const validName: Rule = {
  id: 'valid-name',
  of: 'Kubernetes',
  why: 'The API server refuses the object, or its pods.',
  object: (entry, report) => {
    const { name, namespace, generateName } = entry.object.metadata;
    if (name === undefined && generateName !== undefined) return;
    const problem = nameProblem(name, NAMES[entry.kind] ?? NAME);
    if (problem !== undefined) report(entry, 'metadata.name', problem);
    if (namespace === undefined) return;
    const wrong = nameProblem(namespace, DNS_LABEL);
    if (wrong !== undefined) report(entry, 'metadata.namespace', wrong);
  },
};

function nameProblem(name: string | undefined, { pattern, most, words }: NameRule): string | undefined {
  if (name === undefined || name === '') return 'is missing; every object has a name';
  if (name.length > most) return `is ${quote(name)}, ${name.length} characters; it must be at most ${most}`;
  return pattern.test(name) ? undefined : `is ${quote(name)}; it may have ${words} only`;
}

const KEY =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/;

/** Keys that have passed: few words make up all labels, and patterns are slow. */
const validKeys = new Set<string>();
const MOST_KEYS = 1000;

const validLabels: Rule = {
  id: 'valid-labels',
  of: 'Kubernetes',
  why: 'The API server refuses the object, or its pods.',
  object: (entry, report) => {
    checkLabels(entry, 'metadata.labels', entry.labels, report);
    for (const key in entry.annotations) {
      if (!isKey(key)) report(entry, `metadata.annotations["${key}"]`, KEY_ADVICE);
    }
  },
  pod: (pod, report) => {
    if (pod.field !== '') checkLabels(pod.entry, `${pod.field}.metadata.labels`, pod.labels, report);
  },
};

const KEY_ADVICE = 'is no key; it may have a domain and /, then up to 63 letters, digits, -, _ and .';

function checkLabels(
  entry: Entry,
  field: string,
  labels: Record<string, string>,
  report: Parameters<NonNullable<Rule['object']>>[1],
): void {
  for (const key in labels) {
    if (!isKey(key)) report(entry, `${field}["${key}"]`, KEY_ADVICE);
    if (VALUE.test(labels[key])) continue;
    report(
      entry,
      `${field}["${key}"]`,
      `is ${quote(labels[key])}; a label has up to 63 letters, digits, -, _ and ., and ` +
        'begins and ends with a letter or digit',
    );
  }
}

function isKey(key: string): boolean {
  if (validKeys.has(key)) return true;
  if (!KEY.test(key)) return false;
  if (validKeys.size >= MOST_KEYS) validKeys.clear();
  validKeys.add(key);
  return true;
}

const uniqueObjects: Rule = {
  id: 'unique-objects',
  of: 'Kubernetes',
  why: 'The one applied last wins, and what the other said is gone.',
  set: (set, report) => {
    const first = new Map<string, Entry>();
    for (const entry of set.entries) {
      const group = entry.object.apiVersion.split('/').slice(0, -1).join('/');
      const id = `${group} ${entry.kind} ${entry.namespace} ${entry.name}`;
      const other = first.get(id);
      if (other)
        report(
          entry,
          'metadata.name',
          `is the name of another ${entry.kind} too, from ${other.where}. Rename one`,
        );
      else first.set(id, entry);
    }
  },
};

/** Since when the API server serves an API, where that is later than the oldest version we know. */
const SERVED_SINCE: Record<string, { readonly minor: number; readonly byDefault: boolean }> = {
  'resource.k8s.io/v1': { minor: 34, byDefault: true },
  'resource.k8s.io/v1beta1': { minor: 32, byDefault: false },
  'resource.k8s.io/v1beta2': { minor: 33, byDefault: false },
};

const servedApi: Rule = {
  id: 'served-api',
  of: 17,
  why: 'A cluster of the target version does not know the object.',
  object: (entry, report, set) => {
    const { apiVersion } = entry.object;
    const since = SERVED_SINCE[apiVersion];
    if (since === undefined) return;
    if (set.minor < since.minor) {
      const needs = `needs Kubernetes 1.${since.minor}; the target is 1.${set.minor}`;
      report(entry, 'apiVersion', `is ${quote(apiVersion)}, which ${needs}`);
    } else if (!since.byDefault) {
      const message = `is ${quote(apiVersion)}, a beta that the API server serves only where it is told to`;
      report(entry, 'apiVersion', message);
    }
  },
};

export const NAME_RULES: readonly Rule[] = [validName, validLabels, uniqueObjects, servedApi];
