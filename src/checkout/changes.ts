import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../pod/input-error';
import type { CheckoutBase, TreeEntry } from './base';

/** What git records of a file beside its content. @internal */
export type FileMode = '100644' | '100755' | '120000';

const LINK = '120000';
const SUBMODULE = '160000';

/** A file of the checkout that is not as in the base. @internal */
export interface ChangedFile {
  readonly path: string;
  readonly mode: FileMode;
  /** The bytes; of a link, its target. */
  readonly content: Uint8Array;
  /** What is in its place in the base. */
  readonly base?: TreeEntry;
}

/** All that differs between the work tree and its base. @internal */
export interface Changes {
  /** By path. */
  readonly files: readonly ChangedFile[];
  /** What the base has and the work tree has not, by path. */
  readonly deleted: readonly { readonly path: string; readonly base: TreeEntry }[];
}

/**
 * Compares the work tree with its base: what is committed, staged, modified, new, deleted or renamed alike, as it is on
 * the disk. What git ignores is left out.
 *
 * @param isExcluded which paths stay as they are in the base
 * @throws when a conflict is not resolved, when a submodule changed, when a link leads out of the checkout
 * @internal
 */
export function changesOf(where: string, base: CheckoutBase, isExcluded: (path: string) => boolean): Changes {
  const files: ChangedFile[] = [];
  const deleted: Changes['deleted'][number][] = [];
  const modes = new Modes(base);
  for (const file of candidates(where, base).filter((each) => !isExcluded(each))) {
    const before = base.tree.get(file);
    const now = look(where, base.folder, file);
    if (now === 'repository' || before?.mode === SUBMODULE) refuseSubmodule(where, file);
    if (now === 'nothing') {
      if (before) deleted.push({ path: file, base: before });
      continue;
    }
    const mode = modes.of(now.status, before);
    if (before?.mode === mode && before.id === blobId(now.content, before.id.length)) continue;
    if (mode === LINK) checkLink(where, file, now.content);
    files.push({ path: file, mode, content: now.content, base: before });
  }
  return { files, deleted };
}

/** Every path that may differ, in the order of its characters; many of them do not. */
function candidates(where: string, { git, folder, commit }: CheckoutBase): string[] {
  const paths = new Set<string>();
  for (const entry of git.records('ls-files', '-z', '-v', '--cached', '--others', '--exclude-standard')) {
    const [mark, file] = [entry[0], entry.slice(2)];
    if (mark === UNMERGED) {
      throw new InputError(where, file, 'in conflict', {
        allowed: 'a file whose conflict is resolved',
        advice: 'End the merge or the rebase first.',
      });
    }
    if (mark === UNTRACKED || isUnwatched(mark, path.join(folder, file))) paths.add(file);
  }
  // Against the work tree, so that it does not matter what is staged. Each entry is followed by its path.
  const options = ['--raw', '-z', '--no-renames', '--ignore-submodules=none'];
  const raw = git.records('diff-index', ...options, commit, '--');
  raw.filter((_, index) => index % 2 === 1).forEach((file) => paths.add(file));
  return [...paths].sort();
}

/** Marks of `git ls-files -v`; those in lower case are of files that git was told to take for unchanged. */
const UNMERGED = 'M';
const UNTRACKED = '?';
const LEFT_OUT = 'S';

/** Of which git says that it is unchanged without having looked; of what a sparse checkout leaves out it is right. */
function isUnwatched(mark: string, file: string): boolean {
  if (mark.toUpperCase() === LEFT_OUT) return fs.existsSync(file);
  return mark !== mark.toUpperCase();
}

interface Found {
  readonly status: fs.Stats;
  readonly content: Uint8Array;
}

/** What is at a path of the work tree itself: nothing is where a folder on the way is a link to elsewhere. */
function look(where: string, folder: string, file: string): Found | 'nothing' | 'repository' {
  // git lists a repository within as a folder.
  if (file.endsWith('/')) return 'repository';
  const parts = file.split('/');
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = fs.lstatSync(path.join(folder, ...parts.slice(0, depth)), { throwIfNoEntry: false });
    if (!parent?.isDirectory()) return 'nothing';
  }
  const at = path.join(folder, file);
  const status = fs.lstatSync(at, { throwIfNoEntry: false });
  if (status === undefined) return 'nothing';
  if (status.isSymbolicLink()) return { status, content: fs.readlinkSync(at, { encoding: 'buffer' }) };
  // A file of the base whose place a folder has taken is gone.
  if (status.isDirectory()) return fs.existsSync(path.join(at, '.git')) ? 'repository' : 'nothing';
  if (status.isFile()) return { status, content: fs.readFileSync(at) };
  throw new InputError(where, file, 'a pipe, a socket or a device', { allowed: 'a file or a link' });
}

function refuseSubmodule(where: string, file: string): never {
  throw new InputError(where, file, 'a Git repository of its own', {
    allowed: 'files of the checkout itself: no change of a submodule, and no repository within',
    advice:
      `A submodule is built into the image: bring it back (git submodule update --init ${file}). A repository within ` +
      `is left out by exclude: ['${file}'].`,
  });
}

/** The modes of files, on disks that do not know which can be run too. */
class Modes {
  private readonly onDisk: boolean;

  constructor({ git }: CheckoutBase) {
    this.onDisk = git.line('config', '--type=bool', '--default=true', 'core.fileMode') !== 'false';
  }

  public of(status: fs.Stats, before: TreeEntry | undefined): FileMode {
    if (status.isSymbolicLink()) return LINK;
    if (!this.onDisk) return before?.mode === '100755' ? '100755' : '100644';
    return status.mode & 0o100 ? '100755' : '100644';
  }
}

/** As git names content: by SHA-1, or by SHA-256 in a repository of that format. */
function blobId(content: Uint8Array, digits: number): string {
  return createHash(digits === 40 ? 'sha1' : 'sha256')
    .update(`blob ${content.length}\0`)
    .update(content)
    .digest('hex');
}

function checkLink(where: string, file: string, content: Uint8Array): void {
  const target = Buffer.from(content).toString('utf8');
  const leads = path.posix.join(path.posix.dirname(file), target);
  if (!target.startsWith('/') && leads !== '..' && !leads.startsWith('../')) return;
  throw new InputError(where, file, `a link to ${target}`, {
    allowed: 'a link to a place within the checkout',
    advice: `Nothing is there in the pod. Leave it out: exclude: ['${file}'].`,
  });
}
