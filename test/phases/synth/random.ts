/** Random values for comparing two implementations; the same seed gives the same values. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** An integer from 0 to `below` - 1. @see https://en.wikipedia.org/wiki/Xorshift, seeded by a Weyl sequence */
  public int(below: number): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) % below;
  }

  public pick<T>(choices: readonly T[]): T {
    return choices[this.int(choices.length)];
  }

  public chance(percent: number): boolean {
    return this.int(100) < percent;
  }

  public list<T>(maxLength: number, make: () => T): T[] {
    return Array.from({ length: this.int(maxLength + 1) }, make);
  }

  /** A JSON value of maps, lists and scalars. */
  public json(depth = 4): unknown {
    const kind = depth === 0 ? 0 : this.int(10);
    if (kind < 5) return this.scalar();
    if (kind < 8) return this.map(depth);
    return this.list(4, () => this.json(depth - 1));
  }

  public map(depth = 4): Record<string, unknown> {
    return Object.fromEntries(this.list(5, () => [this.key(), this.json(depth - 1)]));
  }

  public key(): string {
    return this.chance(60) ? this.pick(KEYS) : this.string();
  }

  public scalar(): unknown {
    const kind = this.int(10);
    if (kind < 6) return this.string();
    if (kind < 8) return this.number();
    return this.pick([true, false, null]);
  }

  public number(): number {
    if (this.chance(30)) return this.pick([0, -0, 1e21, 1e-7, 0.1, -1.5, Number.MAX_SAFE_INTEGER, 5e-324]);
    return (this.int(2_000_001) - 1_000_000) / this.pick([1, 1, 10, 1000, 3]);
  }

  /** A string of the kind that YAML writers get wrong. */
  public string(): string {
    const kind = this.int(10);
    if (kind < 3) return this.pick(WORDS);
    if (kind < 7) return this.list(6, () => this.pick(PIECES)).join('');
    if (kind < 8) return this.pick(WORDS) + this.pick(PIECES) + this.pick(WORDS);
    if (kind < 9) return this.list(30, () => `${this.pick(PIECES)}${this.pick(WORDS)} `).join('');
    return String.fromCharCode(...this.list(5, () => this.int(this.chance(50) ? 0x100 : 0x10000)));
  }
}

const KEYS = [
  'name',
  'app.kubernetes.io/name',
  'spec',
  'data',
  'run.sh',
  '<<',
  '---',
  '...',
  'y',
  '0',
  '',
  '1_000',
  '?',
];

const WORDS = [
  'qwen3-1.7b',
  '/models/m.m',
  'a sentence of several words',
  'null',
  'Null',
  '~',
  'true',
  'False',
  'yes',
  'OFF',
  'y',
  'N',
  '12',
  '0o14',
  '014',
  '0x1F',
  '0b11',
  '1_000',
  '1e3',
  'e10',
  'E-10',
  'e1234567',
  'e12345678901',
  'edge',
  '.5',
  '.inf',
  '-.INF',
  '.NaN',
  '1:30',
  '1:30:59.5',
  '2001-12-14',
  '2001-12-14t21:59:43.10-05:00',
  '<<',
  '=',
  '- item',
  '-',
  '--- doc',
  '...',
  '%YAML',
  '#!/bin/sh',
  '{{ template }}',
  '${VARIABLE}',
  '@at',
  '`tick`',
  '!tag',
  '&anchor',
  '*alias',
  '| pipe',
  '> fold',
  '? key',
  'https://example.org:8080/path?x=1#top',
  'key: value',
  'ends:',
  'trailing ',
  ' leading',
  'tab\tinside',
  'crlf\r\nline',
  'é ü 漢字 🙂',
  '\ud800',
  '\u0085next',
  '\u2028line',
  '\u00a0nbsp',
  '\ufeffbom',
  '\u0000nul',
  '\u007fdel',
  "it's",
  'say "yes"',
  `both ' and "`,
  'back\\slash',
  'toString',
  '__proto__',
  'constructor',
];

const PIECES = [
  ' ',
  '  ',
  '\t',
  '\n',
  '\n\n',
  ' \n',
  '\n ',
  '\n  ',
  '\n\t',
  ':',
  ': ',
  '#',
  ' #',
  '-',
  '- ',
  ',',
  '[',
  ']',
  '{',
  '}',
  "'",
  '"',
  '\\',
  'a',
  'word',
  'x'.repeat(90),
  'long words that go on '.repeat(6),
  '1',
  'e',
  '\r',
  '%',
  '---',
  '\n---\n',
  '\n...\n',
  'é',
  '🙂',
];
