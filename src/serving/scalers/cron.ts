import { InputError } from '../../pod/input-error';

/** Times as KEDA reads them: by robfig/cron's standard parser, which has five fields, and Sunday as 0 alone. */

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** For numbers from `least` on. */
  readonly words?: string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, words: MONTHS },
  { name: 'day of the week', least: 0, most: 6, words: DAYS },
];

/** @throws when it is no time of cron @internal */
export function checkCron(where: string, field: string, time: string): string {
  const given = typeof time === 'string' ? time.split(' ') : [];
  if (given.length !== FIELDS.length)
    throw new InputError(where, field, time, { allowed: "five fields of cron: '0 8 * * 1-5'" });
  FIELDS.forEach((each, index) => {
    if (given[index].split(',').every((part) => isPart(part, each))) return;
    const words = each.words ? `, or ${each.words[0]} to ${each.words.at(-1)}` : '';
    throw new InputError(where, field, time, {
      allowed: `a ${each.name} of ${each.least} to ${each.most}${words}, where '${given[index]}' is`,
    });
  });
  return time;
}

/** `*`, a value, a range of values, each with a step or without. */
function isPart(part: string, field: Field): boolean {
  const [range, step, ...more] = part.split('/');
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) return false;
  if (range === '*' || range === '?') return true;
  const [first, last = first, ...others] = range.split('-').map((value) => valueOf(value, field));
  return others.length === 0 && first !== undefined && last !== undefined && first <= last;
}

function valueOf(text: string, { least, most, words = [] }: Field): number | undefined {
  const word = words.indexOf(text.toLowerCase());
  if (word >= 0) return least + word;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= least && number <= most ? number : undefined;
}

/** @throws when it is no time zone, or is written otherwise in the database of time zones, whose files have its names @internal */
export function checkTimezone(where: string, timezone: string): string {
  const known = knownTimezone(timezone);
  const miswritten = known !== timezone && known?.toLowerCase() === String(timezone).toLowerCase();
  if (known !== undefined && !miswritten) return timezone;
  throw new InputError(where, 'timezone', timezone, {
    allowed: "a time zone of the IANA database: 'Europe/Berlin', 'UTC'",
    advice: miswritten ? `Write it as '${known}'.` : undefined,
  });
}

/** Its first name: an alias has another. */
function knownTimezone(timezone: string): string | undefined {
  if (typeof timezone !== 'string' || !/^\w+(\/[\w+-]+)*$/.test(timezone)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
