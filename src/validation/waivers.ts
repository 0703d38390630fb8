import { ANNOTATION } from '../pod/metadata';
import type { Entry } from './object-set';
import type { Rule } from './rule';
import { nearest, quote } from './suggest';

/** How a single object is excused from a rule: by an annotation that names the rule and says why. */

/** What stands for a rule where a schema is broken. @internal */
export const SCHEMA = 'schema';

/** How to waive, for the end of a list of violations. @internal */
export const WAIVER_ADVICE =
  'Where a rule is wrong for an object, excuse the object from it by the annotation ' +
  `${ANNOTATION.skipChecks}: "<rule>: <reason>", one rule a line.`;

/** What an object is excused from, and why: a line `<rule>: <reason>` each. @internal */
export function waivers(entry: Entry): ReadonlyMap<string, string> {
  const text: unknown = entry.annotations[ANNOTATION.skipChecks];
  // Of an object that is checked for the first time, anything may be there.
  if (typeof text !== 'string') return NONE;
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const [rule, ...reason] = line.split(':');
    found.set(rule.trim(), reason.join(':').trim());
  }
  return found;
}

const NONE: ReadonlyMap<string, string> = new Map();

/** The rule about waivers themselves. @internal */
export function waiverRule(rules: readonly Rule[]): Rule {
  const ids = [SCHEMA, ...rules.map(({ id }) => id)];
  return {
    id: 'skip-checks',
    of: 7,
    why: 'A waiver says what it waives and why, for the person who approves it.',
    object: (entry, report) => {
      const field = `metadata.annotations["${ANNOTATION.skipChecks}"]`;
      for (const [id, reason] of waivers(entry)) {
        if (!ids.includes(id)) {
          const meant = nearest(id, ids);
          const hint =
            meant === undefined ? "it is what violations begin with, in '[ ]'" : `did you mean ${meant}?`;
          report(entry, field, `names ${quote(id)}, which is no rule; ${hint}`);
        } else if (reason === '') {
          report(entry, field, `waives ${id} without a reason; write "${id}: <reason>"`);
        }
      }
    },
  };
}
