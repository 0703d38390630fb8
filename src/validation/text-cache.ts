/** A short text is looked at faster than it is looked up. */
const LONG = 1000;
const MOST = 1000;

/**
 * Remembers what was found out about long texts: thousands of pipelines carry the same few scripts. It holds a
 * thousand texts at most.
 *
 * @internal
 */
export class TextCache<T extends NonNullable<unknown>> {
  private readonly known = new Map<string, T>();

  constructor(private readonly find: (text: string) => T) {}

  public get(text: string): T {
    if (text.length < LONG) return this.find(text);
    let found = this.known.get(text);
    if (found === undefined) {
      found = this.find(text);
      if (this.known.size >= MOST) this.known.clear();
      this.known.set(text, found);
    }
    return found;
  }
}
