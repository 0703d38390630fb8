import type * as Fflate from 'fflate';

/**
 * A gzip file whose bytes follow from its input alone. What Node.js compresses is as its zlib does it, which finds other
 * matches from version to version and from one kind of CPU to another: the names of ConfigMaps are hashes of these
 * bytes, and two people who synthesize one checkout must get the same. fflate is JavaScript, and pinned.
 *
 * @internal
 */
export function gzip(content: Uint8Array): Uint8Array {
  // Loaded here: hardly a program has a checkout.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { gzipSync } = require('fflate') as typeof Fflate;
  // The time is the one thing in the header that would differ.
  return gzipSync(content, { level: 9, mtime: 0 });
}
