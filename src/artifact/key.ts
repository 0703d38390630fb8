import { shortHash } from '../pod/content-hash';
import type { SourceSpec } from './sources/source-spec';

/** 48 bits: enough that no two artifacts of one store ever share a folder, short enough to read aloud. */
const DIGITS = 12;

/** The key of downloaded files. */
export function sourceKey(source: SourceSpec): string {
  return shortHash(source.identity, DIGITS);
}

/** The key of files made from other files: by what program, of which version, with which options. */
export function derivedKey(parentKey: string, converter: string, options: Record<string, string>): string {
  return shortHash({ parentKey, converter, options }, DIGITS);
}
