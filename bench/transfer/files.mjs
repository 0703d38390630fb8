// The files that are moved. Their bytes are made up, on both sides the same: nothing of them is on a disk.
import { createCipheriv, createHash } from 'node:crypto';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** What a commit of the bench's repositories is called. */
export const COMMIT = 'c'.repeat(40);

// Pseudo-random, not compressible. Its length is no multiple of a chunk's, so that no two chunks are the same.
const POOL = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
  Buffer.alloc(32 * MIB + 10007),
);

/** The sets of files by name: what is moved at once. `scale` shrinks them. */
export function fileSets({ quick }) {
  const scale = quick ? 1 / 64 : 1;
  const large = (path, mib) => ({ path, size: Math.round(mib * scale * MIB), lfs: true });
  const small = (path, bytes) => ({ path, size: bytes, lfs: false });
  const numbered = (count, make) => Array.from({ length: count }, (_, index) => make(index));
  return {
    large: files(large('model.safetensors', 1024)),
    four: files(...numbered(4, (n) => large(`model-${n + 1}-of-4.safetensors`, 256))),
    // Source code, configurations, tokens of many languages: 1 to 32 KiB each.
    small: files(
      ...numbered(quick ? 60 : 1500, (n) =>
        small(`part-${n % 30}/file-${n}.json`, 1 * KIB + ((n * 7919) % (31 * KIB))),
      ),
    ),
    // As a language model of half a billion parameters is published.
    repository: files(
      small('.gitattributes', 1570),
      small('LICENSE', 11343),
      small('README.md', 13965),
      small('config.json', 726),
      small('generation_config.json', 239),
      small('merges.txt', 1671853),
      small('model.safetensors.index.json', 25605),
      small('special_tokens_map.json', 613),
      small('tokenizer_config.json', 9732),
      small('vocab.json', 2776833),
      large('model-00001-of-00002.safetensors', 610),
      large('model-00002-of-00002.safetensors', 397),
      large('tokenizer.json', 10.9),
    ),
    ...Object.fromEntries(
      [100, 1024, 10240].map((mib) => [`flat-${mib}`, files(large('model.safetensors', mib))]),
    ),
  };
}

/** Each file begins at another byte of the pool. */
function files(...list) {
  return list.map((file, index) => ({ ...file, seed: (index * 7_654_321) % POOL.length }));
}

export const sizeOf = (set) => set.reduce((sum, file) => sum + file.size, 0);

/** The bytes of a file from `start` to `end`, as slices of at most `most` bytes, none of them copied. */
export function* contentOf(file, start = 0, end = file.size, most = 4 * MIB) {
  for (let at = start; at < end;) {
    const from = (file.seed + at) % POOL.length;
    const slice = POOL.subarray(from, Math.min(from + Math.min(end - at, most), POOL.length));
    yield slice;
    at += slice.length;
  }
}

/** The files with their hashes: `sha256`, and `hash`, by which the Hub names them (git's own for small ones). */
export function hashed(set) {
  return set.map((file) => {
    const sha256 = hashOf(file, createHash('sha256'));
    return { ...file, sha256, hash: file.lfs ? sha256 : hashOf(file, blobHash(file)) };
  });
}

function blobHash({ size }) {
  return createHash('sha1').update(`blob ${size}\0`);
}

function hashOf(file, hash) {
  for (const slice of contentOf(file)) hash.update(slice);
  return hash.digest('hex');
}
