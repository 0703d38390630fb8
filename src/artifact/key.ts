import { shortHash } from '../pod/content-hash';
import { HuggingFaceSpec } from './model-source';

/** 48 bits: enough that no two artifacts of one store ever share a folder, short enough to read aloud. */
const DIGITS = 12;

/**
 * The key of downloaded files. The endpoint is left out: a mirror gives the same bytes, which the commit
 * and the checksums prove.
 */
export function sourceKey(source: HuggingFaceSpec): string {
  const { repo, revision, include, exclude, join } = source;
  return shortHash(
    { type: 'huggingface', repo, revision, include: [...include].sort(), exclude: [...exclude].sort(), join },
    DIGITS,
  );
}

/** The key of files made from other files: by what program, of which version, with which options. */
export function derivedKey(parentKey: string, converter: string, options: Record<string, string>): string {
  return shortHash({ parentKey, converter, options }, DIGITS);
}
