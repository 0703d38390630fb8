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
import { SCHEMA, WAIVER_ADVICE, waivers } from './waivers';

export type { CheckedObject, KubeObject, Violation } from './kube-object';

/** @internal */
export interface CheckOptions {
  /** The target version, whose fields and API versions may be used: `1.31`. */
  readonly kubernetesVersion: string;
  /**
   * Which rules hold for objects that this library did not make: `all`, or the `essential` ones alone, without
   * its house style.
   *
   * @default all
   */
  readonly foreignRules?: ForeignRules;
  /**
   * Rules of the user's own, which look at the set.
   *
   * @default - none
   */
  readonly rules?: readonly Rule[];
}

/** @internal */
export type ForeignRules = (typeof FOREIGN_RULES)[number];
/** @internal */
export const FOREIGN_RULES = ['all', 'essential'] as const;

/** The house style, which only objects of ours are always bound by. */
const STYLE = new Set(RULES.filter((rule) => rule.style).map((rule) => rule.id));

/** The rules that look at objects of a kind. */
const OBJECT_RULES = new Map<string, readonly Rule[]>();
const POD_RULES = RULES.filter((rule) => rule.pod);
const SET_RULES = RULES.filter((rule) => rule.set);

function objectRules(kind: string): readonly Rule[] {
  let rules = OBJECT_RULES.get(kind);
  if (!rules) {
    rules = RULES.filter((rule) => rule.object && (rule.kinds?.includes(kind) ?? true));
    OBJECT_RULES.set(kind, rules);
  }
  return rules;
}

/**
 * Every way in which the objects break a schema or a rule; none when all is well.
 *
 * An object that its schema finds broken (a type that is not what it should be) is not shown to rules; then
 * rules about several objects wait until it is repaired.
 *
 * @internal
 */
export function checkObjects(objects: readonly CheckedObject[], options: CheckOptions): Violation[] {
  const violations: Violation[] = [];
  const minor = Number(options.kubernetesVersion.split('.')[1]);
  const onlyEssential = options.foreignRules === 'essential';
  let rule = SCHEMA;
  const report: Report = (entry, field, message) => {
    if (onlyEssential && !entry.ours && STYLE.has(rule)) return;
    if (rule !== SCHEMA && waivers(entry).has(rule)) return;
    const place = { where: entry.where, object: entry.toString(), ...(field ? { field } : {}) };
    violations.push({ rule, severity: 'error', ...place, message });
  };

  const entries = objects
    .filter((checked) => isObject(checked, violations))
    .map((checked) => new Entry(checked))
    .filter((entry) => {
      const before = violations.length;
      const isReadable = checkSchema(entry, minor, report) === 'readable';
      // A field that is not known may be waived; a type that rules cannot read may not.
      if (isReadable && waivers(entry).has(SCHEMA)) violations.length = before;
      return isReadable;
    });
  const set = new ObjectSet(entries, minor);
  for (const entry of set.entries) {
    for (const { id, object } of objectRules(entry.kind)) {
      rule = id;
      object?.(entry, report, set);
    }
  }
  for (const pod of set.pods) {
    for (const { id, pod: check } of POD_RULES) {
      rule = id;
      check?.(pod, report, set);
    }
  }
  if (entries.length < objects.length) return violations;
  for (const { id, set: check } of [...SET_RULES, ...(options.rules ?? [])]) {
    rule = id;
    check?.(set, report);
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
  if (violations.some(({ rule }) => rule !== SCHEMA)) blocks.push(WAIVER_ADVICE);
  return blocks.join('\n');
}

/** What goes wrong where a rule, one of the user's own or a schema is broken. @internal */
export function whyOf(rule: string, own: readonly Rule[] = []): string {
  return [...RULES, ...own].find(({ id }) => id === rule)?.why ?? SCHEMA_WHY;
}

const SCHEMA_WHY = 'The API server refuses the object, or drops the field without a word.';

/** Whether it is a Kubernetes object at all. */
function isObject({ object, where }: CheckedObject, violations: Violation[]): boolean {
  const { apiVersion, kind, metadata } = (object ?? {}) as Partial<CheckedObject['object']>;
  const missing =
    (typeof apiVersion !== 'string' && 'apiVersion') ||
    (typeof kind !== 'string' && 'kind') ||
    ((typeof metadata !== 'object' || metadata === null) && 'metadata');
  if (missing === false) return true;
  violations.push({
    rule: SCHEMA,
    severity: 'error',
    where,
    object: missing === 'metadata' ? describeObject(object) : quote(object),
    field: missing,
    message: 'is missing; every Kubernetes object has apiVersion, kind and metadata',
  });
  return false;
}
