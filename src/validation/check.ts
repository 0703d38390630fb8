/**
 * Checks objects against the schemas of their kinds and against the rules, all objects of a pipeline (or of a
 * folder) together, because some rules are about what objects are to each other.
 */

import { CheckedObject, Violation } from './kube-object';
import { describeObject, Entry, ObjectSet } from './object-set';
import { Report, Rule } from './rule';
import { RULES } from './rules';
import { checkSchema } from './schema';
import { quote } from './suggest';

export type { CheckedObject, KubeObject, Violation } from './kube-object';

/** @internal */
export interface CheckOptions {
  /** The target version, whose fields and API versions may be used: `1.31`. */
  readonly kubernetesVersion: string;
}

/** The rules with their looks at objects sorted by kind, so that no object meets a rule for another kind. */
const OBJECT_RULES = new Map<string, Rule[]>();
const RULES_OF_ALL_KINDS = RULES.filter((rule) => rule.object && !rule.kinds);
const POD_RULES = RULES.filter((rule) => rule.pod);
const SET_RULES = RULES.filter((rule) => rule.set);
for (const rule of RULES) {
  for (const kind of rule.object && rule.kinds ? rule.kinds : []) {
    OBJECT_RULES.set(kind, [...(OBJECT_RULES.get(kind) ?? []), rule]);
  }
}
const NO_RULES: readonly Rule[] = [];

/**
 * Every way in which the objects break a schema or a rule; none when all is well.
 *
 * An object that its schema finds broken (a type that is not what it should be) is not shown to rules; then rules
 * about several objects wait until it is repaired.
 *
 * @internal
 */
export function checkObjects(objects: readonly CheckedObject[], options: CheckOptions): Violation[] {
  const violations: Violation[] = [];
  const reportAs = reportersInto(violations);
  const minor = Number(options.kubernetesVersion.split('.')[1]);
  const readable = objects.filter((checked) => isObject(checked, violations));
  const sound = readable.filter((checked) => {
    return checkSchema(new Entry(checked), minor, reportAs('schema')) === 'readable';
  });
  const set = new ObjectSet(sound, minor);
  for (const entry of set.entries) {
    for (const rule of RULES_OF_ALL_KINDS) rule.object?.(entry, reportAs(rule.id), set);
    for (const rule of OBJECT_RULES.get(entry.kind) ?? NO_RULES) {
      rule.object?.(entry, reportAs(rule.id), set);
    }
  }
  for (const pod of set.pods) {
    for (const rule of POD_RULES) rule.pod?.(pod, reportAs(rule.id), set);
  }
  if (sound.length === objects.length) {
    for (const rule of SET_RULES) rule.set?.(set, reportAs(rule.id));
  }
  return violations;
}

/** The violations as text for a person, those of one place together. @internal */
export function formatViolations(violations: readonly Violation[]): string {
  const places = new Map<string, Violation[]>();
  for (const violation of violations) {
    const place = `${violation.where}: ${violation.object}`;
    places.set(place, [...(places.get(place) ?? []), violation]);
  }
  const blocks = [...places].map(([place, found]) => {
    const lines = found.map(
      ({ rule, field, message }) => `  [${rule}] ${field ? `${field} ` : ''}${message}`,
    );
    return [place, ...lines].join('\n');
  });
  return blocks.join('\n');
}

/** Gives for a rule's id the function by which it reports, always the same one. */
function reportersInto(violations: Violation[]): (rule: string) => Report {
  const reports = new Map<string, Report>();
  return (rule) => {
    let report = reports.get(rule);
    if (!report) {
      report = (entry, field, message) => {
        const place = { where: entry.where, object: entry.toString(), ...(field ? { field } : {}) };
        violations.push({ rule, severity: 'error', ...place, message });
      };
      reports.set(rule, report);
    }
    return report;
  };
}

/** Whether it is a Kubernetes object at all. */
function isObject({ object, where }: CheckedObject, violations: Violation[]): boolean {
  const { apiVersion, kind, metadata } = (object ?? {}) as Partial<CheckedObject['object']>;
  const missing =
    (typeof apiVersion !== 'string' && 'apiVersion') ||
    (typeof kind !== 'string' && 'kind') ||
    ((typeof metadata !== 'object' || metadata === null) && 'metadata');
  if (missing === false) return true;
  violations.push({
    rule: 'schema',
    severity: 'error',
    where,
    object: missing === 'metadata' ? describeObject(object) : quote(object),
    field: missing,
    message: 'is missing; every Kubernetes object has apiVersion, kind and metadata',
  });
  return false;
}
