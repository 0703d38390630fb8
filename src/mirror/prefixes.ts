/** Addresses by the beginning of those that they take the place of. @internal */
export class Prefixes {
  /** The longest first. */
  private readonly entries: readonly (readonly [from: string, to: string])[];

  constructor(map: Readonly<Record<string, string>>) {
    this.entries = Object.entries(map).sort(([a], [b]) => b.length - a.length);
  }

  /** The address with its beginning replaced; undefined where none of the beginnings is its own. */
  public replace(address: string): string | undefined {
    for (const [from, to] of this.entries) {
      const rest = restAfter(address, from);
      if (rest !== undefined) return join(to, rest);
    }
    return undefined;
  }
}

/** What follows a whole part of a path, or undefined: `https://a/b` begins no `https://a/bc`. */
function restAfter(address: string, from: string): string | undefined {
  if (address === from) return '';
  // As in git@github.com:org/name.
  if (from.endsWith(':')) return address.startsWith(from) ? address.slice(from.length) : undefined;
  return address.startsWith(`${from}/`) ? address.slice(from.length + 1) : undefined;
}

function join(to: string, rest: string): string {
  if (rest === '') return to;
  return to.endsWith(':') ? to + rest : `${to}/${rest}`;
}
