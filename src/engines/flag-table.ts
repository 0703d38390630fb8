/**
 * The flags of an engine's command line, by version, and what they must be. Engines know nothing of cdk8s, so an
 * error names the flag alone; the construct adds its path.
 */

/** A flag of an engine. @internal */
export interface EngineFlag {
  /** What follows it: nothing, one value of a type, one of some words, or several values. */
  readonly value: 'none' | 'integer' | 'number' | 'text' | 'path' | 'json' | 'list' | readonly string[];
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
}

/** All flags of an engine. @internal */
export interface FlagTable {
  readonly engine: string;
  /** The oldest and the newest version that the table was read from. */
  readonly oldest: string;
  readonly newest: string;
  /** By the long name with its dashes: `--ctx-size`. */
  readonly flags: Readonly<Record<string, EngineFlag>>;
  /** Less than, equal to or more than 0, as of versions in the engine's own spelling. */
  compare(one: string, other: string): number;
}
