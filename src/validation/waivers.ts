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

/** Whether an id is that of a user's own rule, which is known where the user has given it alone. */
function isOwnRule(id: string): boolean {
  return id.includes('/');
}

/** The rule about waivers of users' own rules: one that is misspelt waives nothing. @internal */
export function unknownOwnWaiver(ids: readonly string[]): Rule {
  const owners = new Set(ids.map(ownerOf));
  return {
    id: WAIVER_RULE,
    of: 7,
    why: WAIVER_WHY,
    set: (set, report) => {
      for (const entry of set.entries) {
        for (const id of waivers(entry).keys()) {
          if (!isOwnRule(id) || !owners.has(ownerOf(id)) || ids.includes(id)) continue;
          const allowed = ids.filter((known) => ownerOf(known) === ownerOf(id)).join(', ');
          report(entry, WAIVER_FIELD, `names ${quote(id)}, which is no rule; there is ${allowed}`);
        }
      }
    },
  };
}

const ownerOf = (id: string) => id.split('/')[0];

const WAIVER_RULE = 'skip-checks';
const WAIVER_WHY = 'A waiver says what it waives and why, for the person who approves it.';
const WAIVER_FIELD = `metadata.annotations["${ANNOTATION.skipChecks}"]`;

/** The rule about waivers themselves. @internal */
export function waiverRule(rules: readonly Rule[]): Rule {
  const ids = [SCHEMA, ...rules.map(({ id }) => id)];
  return {
    id: WAIVER_RULE,
    of: 7,
    why: WAIVER_WHY,
    object: (entry, report) => {
      for (const [id, reason] of waivers(entry)) {
        if (!ids.includes(id) && !isOwnRule(id)) {
          const meant = nearest(id, ids);
          const hint =
            meant === undefined ? "it is what violations begin with, in '[ ]'" : `did you mean ${meant}?`;
          report(entry, WAIVER_FIELD, `names ${quote(id)}, which is no rule; ${hint}`);
        } else if (reason === '') {
          report(entry, WAIVER_FIELD, `waives ${id} without a reason; write "${id}: <reason>"`);
        }
      }
    },
  };
}
