import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../pod/input-error';
import { Git } from './git';

/** The repository that the prebuilt images are of, however it is reached. */
const VLLM_REPOSITORY = /(^|[/:@])github\.com[/:]vllm-project\/vllm(\.git)?\/?$/;

/** Where vLLM's package is in its repository: at the top, or below `src`. */
const PACKAGE_ROOTS = ['', 'src'];

/** A file of a commit, as `git ls-tree` lists it. @internal */
export interface TreeEntry {
  /** `100644`, `100755`, `120000` for a link, `160000` for a submodule. */
  readonly mode: string;
  /** Of the blob. */
  readonly id: string;
  readonly bytes: number;
}

/** A checkout and the commit of upstream that it goes back to. @internal */
export interface CheckoutBase {
  readonly git: Git;
  /** The top of the work tree. */
  readonly folder: string;
  /** The full id of the merge base. */
  readonly commit: string;
  /** The files of that commit, by their paths. */
  readonly tree: ReadonlyMap<string, TreeEntry>;
  /** The folder of the repository that Python finds the package in: '' or 'src'. */
  readonly packageRoot: string;
}

/** What says which commit is the base. @internal */
export interface BaseOptions {
  readonly upstream?: string;
  readonly baseCommit?: string;
}

/**
 * Looks where a checkout stands.
 *
 * @param where whose options, for errors
 * @throws when the folder is in no checkout of vLLM, or it is not known from where it goes off
 * @internal
 */
export function findBase(where: string, folder: string, options: BaseOptions): CheckoutBase {
  if (typeof folder !== 'string' || !fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(where, 'path', folder, { allowed: 'the folder of a checkout of vLLM' });
  }
  const top = new Git(where, folder).line('rev-parse', '--show-toplevel');
  if (!top) {
    throw new InputError(where, 'path', folder, {
      allowed: 'a folder in the work tree of a Git repository',
      advice: `Ask git why it is none: git -C ${folder} status`,
    });
  }
  const git = new Git(where, top);
  const commit =
    options.baseCommit === undefined ? mergeBase(where, git, options) : pinned(where, git, options);
  const tree = treeOf(git, commit);
  const packageRoot = PACKAGE_ROOTS.find((root) => tree.has(path.posix.join(root, 'vllm/__init__.py')));
  if (packageRoot === undefined) {
    throw new InputError(where, 'path', folder, {
      allowed: 'a checkout of vLLM; its commit ' + commit + ' has no vllm/__init__.py',
    });
  }
  return { git, folder: top, commit, tree, packageRoot };
}

function pinned(where: string, git: Git, { baseCommit, upstream }: BaseOptions): string {
  if (upstream !== undefined) {
    throw new InputError(where, 'upstream', upstream, { allowed: 'nothing, as baseCommit says the base' });
  }
  const commit = /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(String(baseCommit))
    ? git.line('rev-parse', '--verify', '--quiet', '--end-of-options', `${baseCommit}^{commit}`)
    : undefined;
  if (commit !== undefined) return commit;
  throw new InputError(where, 'baseCommit', baseCommit, {
    allowed: 'the full id of a commit that the repository holds',
    advice: 'Fetch it first: git fetch upstream',
  });
}

function mergeBase(where: string, git: Git, options: BaseOptions): string {
  const upstream = options.upstream ?? upstreamBranch(where, git);
  const known =
    typeof upstream === 'string' &&
    git.line('rev-parse', '--verify', '--quiet', '--end-of-options', `${upstream}^{commit}`);
  if (!known) {
    throw new InputError(where, 'upstream', upstream, {
      allowed: "a branch that the repository knows, such as 'upstream/main'",
      advice: 'Fetch it first: git fetch upstream',
    });
  }
  const base = git.line('merge-base', known, 'HEAD');
  if (base) return base;
  throw new InputError(where, 'upstream', upstream, {
    allowed: 'a branch that HEAD has a commit in common with',
    advice: 'Of a shallow clone bring the rest: git fetch --unshallow. Else name the commit as baseCommit.',
  });
}

/** By the name that the remote has by custom, or else by its address: of a fork's own branch there are no images. */
function upstreamBranch(where: string, git: Git): string {
  const remotes = (git.line('remote') ?? '').split('\n').filter((remote) => remote !== '');
  const remote =
    remotes.find((name) => name === 'upstream') ??
    remotes.find((name) => VLLM_REPOSITORY.test(git.line('remote', 'get-url', name) ?? ''));
  if (remote !== undefined) return `${remote}/main`;
  throw new InputError(where, 'upstream', undefined, {
    allowed: "a branch of upstream, as no remote is called 'upstream' or leads to vllm-project/vllm",
    advice:
      'Add it: git remote add upstream https://github.com/vllm-project/vllm.git && git fetch upstream. Or name the ' +
      "branch: upstream: 'company/main'.",
  });
}

function treeOf(git: Git, commit: string): Map<string, TreeEntry> {
  return new Map(
    git.records('ls-tree', '-r', '-l', '-z', '--full-tree', commit).map((record) => {
      const tab = record.indexOf('\t');
      const [mode, , id, bytes] = record.slice(0, tab).split(/ +/);
      return [record.slice(tab + 1), { mode, id, bytes: Number(bytes) || 0 }];
    }),
  );
}
