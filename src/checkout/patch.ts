import { createHash } from 'node:crypto';
import type { CheckoutBase, TreeEntry } from './base';
import type { Changes } from './changes';
import { gzip } from './gzip';
import { canonicalJson } from '../pod/content-hash';

/**
 * All changes of a checkout as one file, for apply_checkout.py: gzip of a line of JSON and, behind it, the contents of
 * the changed files, whole and in the order of that line. Whole files, because a textual diff knows no binaries, no
 * links and no modes that every tool agrees on, and may apply to a file that it was not made for; the hash of the file
 * in whose place each comes says whether the image is the right one.
 *
 * @internal
 */
export interface Patch {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** Without compression. */
  readonly unpackedBytes: number;
}

/** The version of the format. */
const FORMAT = 1;

/** @internal */
export function patchOf(base: CheckoutBase, { files, deleted }: Changes): Patch {
  const replaced = [...files.flatMap((file) => file.base ?? []), ...deleted.map((file) => file.base)];
  const before = hashesOf(base, replaced);
  const manifest = {
    format: FORMAT,
    base: base.commit,
    package: base.packageRoot === '' ? 'vllm' : `${base.packageRoot}/vllm`,
    files: files.map(({ path, mode, content, base: replaces }) => ({
      path,
      mode,
      size: content.length,
      sha256: sha256(content),
      replaces: replaces && before.get(replaces),
    })),
    deleted: deleted.map(({ path, base: was }) => ({ path, replaces: before.get(was) })),
  };
  const unpacked = Buffer.concat([
    Buffer.from(`${canonicalJson(manifest)}\n`),
    ...files.map(({ content }) => content),
  ]);
  const bytes = gzip(unpacked);
  return { bytes, sha256: sha256(bytes), unpackedBytes: unpacked.length };
}

interface Replaced {
  readonly mode: string;
  readonly sha256: string;
}

/** What the image must have in the place of each file. */
function hashesOf({ git }: CheckoutBase, entries: readonly TreeEntry[]): Map<TreeEntry, Replaced> {
  const contents = git.blobs(entries.map(({ id }) => id));
  return new Map(
    entries.map((entry, index) => [entry, { mode: entry.mode, sha256: sha256(contents[index]) }]),
  );
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
