import { nearest, quote } from '../validation/suggest';

/**
 * The flags of an engine's command line, by version, and what they must be. Engines know nothing of cdk8s, so an
 * error names the flag alone; the construct adds its path.
 */

/** What a flag with a whole number beside its words lists: `['auto', 'all', WHOLE_NUMBER]`. @internal */
export const WHOLE_NUMBER = '<whole number>';

/** What follows a flag: nothing, one value of a type, one of some words, two values, or several. @internal */
export type FlagValue =
  'none' | 'integer' | 'number' | 'text' | 'path' | 'json' | 'pair' | 'list' | readonly string[];

/** A flag of an engine. @internal */
export interface EngineFlag {
  readonly value: FlagValue;
  /** What followed it in the versions before `until`. */
  readonly formerly?: { readonly until: string; readonly value: FlagValue };
  /** Other spellings, short ones too: `-c`. */
  readonly aliases?: readonly string[];
  /** The first version that knows it; absent for one that is older than the table. */
  readonly since?: string;
  /** The first version that knows it no more. */
  readonly until?: string;
  /** What took its place: a flag, or a sentence. */
  readonly replacedBy?: string;
  /** Whether a switch can be turned off by `--no-<flag>`. */
  readonly negatable?: boolean;
  /** Why a user must not set it by extraArgs even where the construct leaves it out. */
  readonly refused?: string;
  /**
   * Whether the engine asks somebody else because of it: always, or as its value says.
   *
   * @param key of the JSON, where one is set by `--flag.key value`
   */
  readonly asks?: true | ((value: string, key?: string) => boolean);
}

/** How an engine reads its command line. In long names `_` is as good as `-` for all engines that we know. @internal */
export interface FlagSyntax {
  /** Whether `--flag=value` is the same as `--flag value`. */
  readonly equals: boolean;
  /** Whether `--flag.key value` sets one key of a flag whose value is JSON. */
  readonly dotted: boolean;
  /** Whether a value may begin with a dash and be no number. */
  readonly dashedValues: boolean;
}

/** All flags of an engine. @internal */
export interface FlagTable {
  readonly engine: string;
  /** The oldest and the newest version that the table was read from. */
  readonly oldest: string;
  readonly newest: string;
  readonly syntax: FlagSyntax;
  /** By the long name with its dashes: `--ctx-size`. */
  readonly flags: Readonly<Record<string, EngineFlag>>;
  /** Less than, equal to or more than 0, as of versions in the engine's own spelling. */
  compare(one: string, other: string): number;
}

/** Why a part of a command line cannot stay as it is. @internal */
export interface FlagProblem {
  /** The part, as it was given. */
  readonly given: string;
  /** What would be taken in its place. */
  readonly allowed: string;
  /** What to do. */
  readonly advice: string;
}

/** What checkFlags is told besides the arguments. @internal */
export interface FlagCheck {
  /** The construct's property for each flag that the construct sets: `{ '--ctx-size': 'contextSize' }`. */
  readonly set?: Readonly<Record<string, string>>;
  /** Whether the arguments are the library's own, which may have flags that a user must not set. @default false */
  readonly own?: boolean;
  /** Whether the engine can reach anybody. @default true */
  readonly reaches?: boolean;
}

/**
 * What is wrong with arguments for a version of an engine; empty when nothing is.
 *
 * Of a version newer than the table, flags that the table does not have are taken as they are, unless they look
 * like one that it has with a letter wrong: nobody could use a new engine otherwise.
 *
 * @internal
 */
export function checkFlags(
  table: FlagTable,
  version: string,
  args: readonly string[],
  check: FlagCheck = {},
): FlagProblem[] {
  const spellings = spellingsOf(table);
  const problems: FlagProblem[] = [];
  for (let at = 0; at < args.length;) {
    const part = partAt(table, version, spellings, args, at);
    const problem = problemOf(table, version, spellings, part, check);
    if (problem) problems.push(problem);
    at += part.length;
  }
  return problems;
}

/** Whether a version of the engine has the flag. Of a flag that is in no table the answer is no. @internal */
export function hasFlag(table: FlagTable, version: string, flag: string): boolean {
  const known = table.flags[flag];
  return known !== undefined && !isTooNew(table, version, known) && !isGone(table, version, known);
}

/** What follows the flag in this version. @internal */
export function valueOfFlag(table: FlagTable, version: string, flag: EngineFlag): FlagValue {
  const { formerly } = flag;
  return formerly && table.compare(version, formerly.until) < 0 ? formerly.value : flag.value;
}

/** A spelling's flag. */
interface Spelling {
  readonly flag: string;
  /** Whether this spelling turns a switch off. */
  readonly off: boolean;
}

function spellingsOf(table: FlagTable): Map<string, Spelling> {
  const spellings = new Map<string, Spelling>();
  for (const [flag, { aliases = [], negatable }] of Object.entries(table.flags)) {
    for (const name of [flag, ...aliases]) {
      spellings.set(name, { flag, off: false });
      if (negatable && name.startsWith('--')) spellings.set(`--no-${name.slice(2)}`, { flag, off: true });
    }
  }
  return spellings;
}

/** A flag with what belongs to it, as it stands in the arguments. */
interface Part {
  /** The first word, without the value behind `=`. */
  readonly name: string;
  /** Undefined for a flag that the table does not have. */
  readonly spelling?: Spelling;
  /** The key of `--flag.key`. */
  readonly key?: string;
  /** Whether a value was put behind `=`. */
  readonly equals: boolean;
  readonly values: readonly string[];
  /** How many arguments it takes. */
  readonly length: number;
}

function partAt(
  table: FlagTable,
  version: string,
  spellings: Map<string, Spelling>,
  args: readonly string[],
  at: number,
): Part {
  const split = args[at].startsWith('--') ? args[at].indexOf('=') : -1;
  const name = split < 0 ? args[at] : args[at].slice(0, split);
  const { spelling, key } = lookUp(table, spellings, name);
  const flag = spelling && table.flags[spelling.flag];
  const wants = !flag || spelling.off ? 'none' : key ? 'text' : valueOfFlag(table, version, flag);
  if (split >= 0) {
    return { name, spelling, key, equals: true, values: [args[at].slice(split + 1)], length: 1 };
  }
  // What follows a flag that nobody knows is its value or not: taking it along, one mistake is told once.
  const most = flag ? mostValues(wants) : name.startsWith('-') ? 1 : 0;
  const values: string[] = [];
  while (values.length < most && at + 1 + values.length < args.length) {
    const next = args[at + 1 + values.length];
    if (!isValue(table, spellings, next, flag !== undefined)) break;
    values.push(next);
  }
  return { name, spelling, key, equals: false, values, length: 1 + values.length };
}

function mostValues(wants: FlagValue): number {
  switch (wants) {
    case 'none':
      return 0;
    case 'pair':
      return 2;
    case 'list':
      return Infinity;
    default:
      return 1;
  }
}

function lookUp(
  table: FlagTable,
  spellings: Map<string, Spelling>,
  name: string,
): { spelling?: Spelling; key?: string } {
  const plain = name.startsWith('--') ? name.replace(/_/g, '-') : name;
  const spelling = spellings.get(plain);
  const dot = plain.indexOf('.');
  if (spelling || dot < 0 || !table.syntax.dotted) return { spelling };
  const base = spellings.get(plain.slice(0, dot));
  return base && table.flags[base.flag].value === 'json' ? { spelling: base, key: name.slice(dot + 1) } : {};
}

function isValue(
  table: FlagTable,
  spellings: Map<string, Spelling>,
  word: string,
  belongsToKnown: boolean,
): boolean {
  if (!word.startsWith('-') || isNumber(word)) return true;
  if (lookUp(table, spellings, word.split('=')[0]).spelling) return false;
  return belongsToKnown && table.syntax.dashedValues;
}

function problemOf(
  table: FlagTable,
  version: string,
  spellings: Map<string, Spelling>,
  part: Part,
  { set = {}, own = false, reaches = true }: FlagCheck,
): FlagProblem | undefined {
  const { name, spelling } = part;
  if (!spelling) return unknown(table, version, spellings, name);
  const flag = table.flags[spelling.flag];
  const engine = `${table.engine} ${version}`;
  if (isGone(table, version, flag)) {
    return {
      given: name,
      allowed: `the flags of ${engine}, which has none of this name since ${flag.until}`,
      advice: flag.replacedBy?.startsWith('-')
        ? `Use ${flag.replacedBy}.`
        : (flag.replacedBy ?? 'Leave it out.'),
    };
  }
  if (isTooNew(table, version, flag)) {
    const older = Object.entries(table.flags).find(([, { replacedBy }]) => replacedBy === spelling.flag)?.[0];
    return {
      given: name,
      allowed: `the flags of ${engine}, which has none of this name before ${flag.since}`,
      advice: `Pin a newer image, or ${older ? `use ${older}` : 'leave it out'}.`,
    };
  }
  if (spelling.flag in set) {
    return {
      given: name,
      allowed: 'flags that the construct does not set itself',
      advice: `Use the property '${set[spelling.flag]}'.`,
    };
  }
  if (flag.refused && !own) {
    return {
      given: name,
      allowed: 'flags that do not undo what the construct sets up',
      advice: flag.refused,
    };
  }
  if (part.equals && !table.syntax.equals) {
    return {
      given: `${name}=${part.values[0]}`,
      allowed: `a flag and its value as two arguments; ${table.engine} does not read '='`,
      advice: `Write '${name}', '${part.values[0]}'.`,
    };
  }
  if (!reaches && asksOthers(flag, part)) {
    return {
      given: name,
      allowed: 'flags by which it asks nobody, as nothing says whom it may reach',
      advice: "Use the property 'reaches' too: whom it asks, and at which ports.",
    };
  }
  return wrongValue(part, spelling.off ? 'none' : part.key ? 'text' : valueOfFlag(table, version, flag));
}

function asksOthers({ asks }: EngineFlag, { spelling, key, values }: Part): boolean {
  if (asks === undefined || spelling?.off) return false;
  return asks === true || values.some((value) => asks(value, key));
}

function unknown(
  table: FlagTable,
  version: string,
  spellings: Map<string, Spelling>,
  name: string,
): FlagProblem | undefined {
  if (!name.startsWith('-')) {
    return {
      given: name,
      allowed: 'flags and their values',
      advice: `No flag of ${table.engine} ${version} takes this word: give each argument by itself, '--flag', 'value'.`,
    };
  }
  const current = [...spellings]
    .filter(([, { flag }]) => hasFlag(table, version, flag))
    .map(([word]) => word);
  const meant = nearest(
    name.replace(/_/g, '-'),
    current.filter((word) => word.startsWith('--') === name.startsWith('--')),
  );
  if (!meant && table.compare(version, table.newest) > 0) return undefined;
  return {
    given: name,
    allowed: `the flags of ${table.engine} ${version}`,
    advice: meant ? `Did you mean ${meant}?` : `It has none of this name: see its --help.`,
  };
}

function wrongValue(part: Part, wants: FlagValue): FlagProblem | undefined {
  const { name, values } = part;
  if (wants === 'none') {
    if (!part.equals) return undefined;
    return {
      given: `${name}=${values[0]}`,
      allowed: `${name} alone`,
      advice: 'It is a switch and takes no value.',
    };
  }
  const allowed = allowedValues(wants);
  if (values.length < (wants === 'pair' ? 2 : 1)) {
    return { given: name, allowed: `${name} and ${allowed}`, advice: `Put its value behind it.` };
  }
  const wrong = values.find((value) => !fits(value, wants));
  if (wrong === undefined) return undefined;
  return {
    given: `${name} ${quote(wrong)}`,
    allowed: `${name} and ${allowed}`,
    advice: 'Correct its value.',
  };
}

function fits(value: string, wants: Exclude<FlagValue, 'none'>): boolean {
  if (typeof wants !== 'string') {
    return wants.includes(value) || (wants.includes(WHOLE_NUMBER) && isWhole(value));
  }
  switch (wants) {
    case 'integer':
      return isWhole(value);
    case 'number':
      return isNumber(value);
    case 'json':
      return isJson(value);
    default:
      return value !== '';
  }
}

function allowedValues(wants: Exclude<FlagValue, 'none'>): string {
  if (typeof wants !== 'string') return `one of ${wants.join(', ')}`;
  return {
    integer: 'a whole number',
    number: 'a number',
    text: 'a text',
    path: 'a path',
    json: 'a text of JSON',
    pair: 'two values',
    list: 'one or more values',
  }[wants];
}

function isWhole(value: string): boolean {
  return /^[+-]?\d+$/.test(value);
}

function isNumber(value: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

function isGone(table: FlagTable, version: string, { until }: EngineFlag): boolean {
  return until !== undefined && table.compare(version, until) >= 0;
}

function isTooNew(table: FlagTable, version: string, { since }: EngineFlag): boolean {
  return since !== undefined && table.compare(version, since) < 0;
}
