/**
 * Rules of a user's own, which are checked with those of this library. What they get to see is made for them: the
 * classes by which our own rules look for things may change with every release.
 */

import { InputError } from '../pod/input-error';
import type { KubeObject } from './kube-object';
import type { Entry, ObjectSet } from './object-set';
import type { Rule } from './rule';
import { unknownOwnWaiver } from './waivers';

/** The pods that an object makes, as a `Rule` sees them. */
export interface RulePod {
  /** Where `spec` stands in the object: `spec.template.spec`. */
  readonly field: string;

  /** Their labels. */
  readonly labels: { [name: string]: string };

  /** Their `spec`, as plain data. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever stands in YAML
  readonly spec: any;
}

/** An object as a rule of your own sees it: to look at, not to change. */
export class RuleObject {
  /** @internal */
  public static _of(entry: Entry, set: ObjectSet): RuleObject {
    return new RuleObject(entry, set);
  }

  /** `apps/v1` */
  public readonly apiVersion: string;

  /** `Deployment` */
  public readonly kind: string;

  /** Its name; nothing where it has none. */
  public readonly name: string;

  /** Its namespace; nothing where it has none. */
  public readonly namespace: string;

  /** Its labels. */
  public readonly labels: { [name: string]: string };

  /** Its annotations. */
  public readonly annotations: { [name: string]: string };

  /** Whether this library made it, by its label `app.kubernetes.io/managed-by`. */
  public readonly isOurs: boolean;

  /** @internal */
  public readonly _entry: Entry;

  private readonly set: ObjectSet;
  private copy?: KubeObject;

  private constructor(entry: Entry, set: ObjectSet) {
    this.apiVersion = entry.object.apiVersion;
    this.kind = entry.kind;
    this.name = entry.name;
    this.namespace = entry.namespace;
    this.labels = { ...entry.labels };
    this.annotations = { ...entry.annotations };
    this.isOurs = entry.ours;
    this._entry = entry;
    this.set = set;
  }

  /** All of it, as plain data. It is a copy: a rule changes nothing. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever stands in YAML
  public get manifest(): any {
    this.copy ??= structuredClone(this._entry.object);
    return this.copy;
  }

  /** The pods that it makes: none of most kinds, and of a LeaderWorkerSet leaders and workers. */
  public get pods(): RulePod[] {
    return this.set.pods
      .filter(({ entry }) => entry === this._entry)
      .map(({ field, labels, spec }) => ({
        field: field === '' ? 'spec' : `${field}.spec`,
        labels: { ...labels },
        spec: structuredClone(spec),
      }));
  }
}

/** An object that breaks a rule of your own. */
export interface RuleFinding {
  /** One of the objects that the rule was given. */
  readonly object: RuleObject;

  /**
   * The field: `spec.template.spec.priorityClassName`.
   *
   * @default - the object as a whole
   */
  readonly field?: string;

  /** What is there, what may be there, and what to do: `is missing; give it by ...`. */
  readonly message: string;
}

/**
 * A rule of your own, which `PhasedApp` and `LlmValidation` check with those of this library: an object that breaks it
 * is an error at synth, unless the object is excused from it by the annotation
 * `cdk8s-llm/skip-checks: "<id>: <reason>"`.
 */
export interface IRule {
  /**
   * Whose rule it is and what it asks, with a slash between, in lower-case letters, digits and dashes:
   * `acme/cost-centre`. By the slash it is never one of this library's.
   */
  readonly id: string;

  /** One sentence: what goes wrong where it is broken. */
  readonly why: string;

  /**
   * Looks at all objects that are applied together: those of a pipeline, or all that `cdk8s synth` has written.
   * They fit their schemas.
   *
   * @returns each object that breaks it; none when all is well
   */
  check(objects: RuleObject[]): RuleFinding[];
}

/**
 * A user's rules as ours.
 *
 * @throws when one cannot be a rule, or two have one id
 * @internal
 */
export function ownRules(where: string, rules: IRule[] = []): Rule[] {
  if (!Array.isArray(rules)) throw new InputError(where, 'rules', rules, { allowed: 'a list' });
  rules.forEach((rule, index) => checkRule(where, `rules[${index}]`, rule));
  const ids = rules.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw new InputError(where, 'rules', twice, {
      allowed: 'each rule once',
      advice: 'Rename one of the two.',
    });
  }
  return rules.length === 0 ? [] : [...rules.map(asRule), unknownOwnWaiver(ids)];
}

function checkRule(where: string, field: string, rule: IRule): void {
  if (typeof rule?.check !== 'function') {
    throw new InputError(where, field, rule, {
      allowed: 'an IRule: an object with id, why and check',
      advice: 'check(objects) returns a list of findings.',
    });
  }
  if (!/^[a-z0-9][-a-z0-9]*\/[a-z0-9][-a-z0-9]*$/.test(rule.id)) {
    throw new InputError(where, `${field}.id`, rule.id, {
      allowed:
        "lower-case letters, digits and '-', with one '/' that ends whose rule it is: acme/cost-centre",
    });
  }
  if (!isText(rule.why)) {
    throw new InputError(where, `${field}.why`, rule.why, {
      allowed: 'a sentence',
      advice: 'Say what goes wrong where the rule is broken.',
    });
  }
}

function asRule(own: IRule): Rule {
  return {
    id: own.id,
    of: 'its user',
    why: own.why,
    set: (set, report) => {
      const objects = set.entries.map((entry) => RuleObject._of(entry, set));
      const found = own.check(objects);
      if (!Array.isArray(found)) {
        throw new InputError(own.id, 'what check returns', found, {
          allowed: 'a list of findings, or an empty one',
        });
      }
      for (const finding of found) {
        checkFinding(own.id, finding, objects);
        report(finding.object._entry, finding.field, finding.message);
      }
    },
  };
}

/** @throws when it says nothing that could be told */
function checkFinding(id: string, finding: RuleFinding, given: readonly RuleObject[]): void {
  if (!given.includes(finding?.object)) {
    throw new InputError(id, 'object of a finding', typeof finding?.object, {
      allowed: 'one of those that check was given',
    });
  }
  if (finding.field !== undefined && !isText(finding.field)) {
    throw new InputError(id, 'field of a finding', finding.field, { allowed: 'a text: spec.replicas' });
  }
  if (!isText(finding.message)) {
    throw new InputError(id, 'message of a finding', finding.message, {
      allowed: 'what is there, what may be there, and what to do',
    });
  }
}

function isText(given: unknown): boolean {
  return typeof given === 'string' && given.trim() !== '';
}
