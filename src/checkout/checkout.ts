import type { Size } from 'cdk8s';
import { checkFlag, checkList, checkProps, checkSize } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { CheckoutBase, findBase } from './base';
import { ChangedFile, Changes, changesOf } from './changes';
import { Patch, patchOf } from './patch';
import { checkChanges, described } from './refusals';

/** The images that the CI of vLLM builds of each commit of main, of its stage `test`. */
const IMAGES = 'public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo';

/** Where those images have the repository (docker/Dockerfile of vllm-project/vllm, stage `test`). @internal */
export const WORKSPACE = '/vllm-workspace';

const MIB = 1024 ** 2;

/** What is compressed to more than this belongs into an image: all of it is in Git, and in etcd. */
const MOST_BYTES = 4 * MIB;

/** What is unpacked to more than this would fill the memory of the init container. */
const MOST_UNPACKED = 256 * MIB;

/** What the build of an image adds to the repository, besides what is linked to. */
const ADDED_BY_BUILD = 512 * MIB;

/** How a checkout is read and packed. */
export interface VllmCheckoutOptions {
  /**
   * The branch of upstream that the checkout goes off from, as the repository knows it: what is common with it is in
   * the image. It is not fetched.
   *
   * @default - `main` of the remote `upstream`, or of the one that leads to github.com/vllm-project/vllm
   */
  readonly upstream?: string;

  /**
   * The full id of the commit that the image is of. Not with `upstream`.
   *
   * @default - the merge base of HEAD and `upstream`
   */
  readonly baseCommit?: string;

  /**
   * The image of the base commit, pinned by a tag or a digest.
   *
   * @default - `<imageRepository>:<base commit>`
   */
  readonly image?: string;

  /**
   * A repository of images whose tags are commits: a mirror of that of vLLM's CI, which keeps its images for a few
   * days only. Not with `image`.
   *
   * @default public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo
   */
  readonly imageRepository?: string;

  /**
   * The digest of the image: `sha256:...`. Not with `image`, which can have one itself.
   *
   * @default - none: the tag is the commit
   */
  readonly imageDigest?: string;

  /**
   * Files, or folders with `/` at the end, that stay as they are in the base, whatever they are in the checkout.
   *
   * @default - none
   */
  readonly exclude?: string[];

  /**
   * Files, or folders with `/` at the end, that are packed although they look like secrets or are new and larger than
   * 1 MiB.
   *
   * @default - none
   */
  readonly include?: string[];

  /**
   * Whether what is compiled or installed (csrc/, CMakeLists.txt, setup.py, requirements/ and the like) may differ from
   * the base. It is in the folder of the pod, but what was built of the base commit runs.
   *
   * @default false: such a change is an error
   */
  readonly allowUncompiled?: boolean;

  /**
   * The most that the changes may have, compressed. They are in the YAML, a third larger.
   *
   * @default 4 MiB
   */
  readonly maxSize?: Size;

  /**
   * The most that the folder in the pod may have: an emptyDir, which is ephemeral storage of the pod.
   *
   * @default - the files of the checkout, and 512 MiB for what the build of the image adds
   */
  readonly treeSize?: Size;

  /**
   * The folder of the image that has the repository.
   *
   * @default /vllm-workspace
   */
  readonly workspace?: string;
}

/** A checkout as pods take it. @internal */
export interface CheckoutSpec {
  readonly base: string;
  readonly image: string;
  readonly patch: Patch;
  readonly treeSize: Size;
  readonly workspace: string;
  readonly packageRoot: string;
  /** The paths that differ from the base. */
  readonly changed: string[];
  readonly deleted: string[];
}

/**
 * Reads and packs a checkout.
 *
 * @throws when it is none, when something in it must not or cannot be packed, when it is too much
 * @internal
 */
export function readCheckout(where: string, folder: string, options: VllmCheckoutOptions): CheckoutSpec {
  checkProps(where, options);
  const base = findBase(where, folder, options);
  const image = imageOf(where, base.commit, options);
  const exclude = paths(where, 'exclude', options.exclude);
  const include = paths(where, 'include', options.include);
  const changes = changesOf(where, base, (path) => covers(exclude, path));
  checkChanges(where, changes, {
    isIncluded: (path) => covers(include, path),
    allowUncompiled: checkFlag(where, 'allowUncompiled', options.allowUncompiled) ?? false,
  });
  checkUnpacked(where, changes);
  const patch = patchOf(base, changes);
  checkPacked(where, patch, changes, options.maxSize);
  return {
    base: base.commit,
    image,
    patch,
    treeSize: treeSize(where, base, changes, options.treeSize),
    workspace: folderOfImage(where, options.workspace ?? WORKSPACE),
    packageRoot: base.packageRoot,
    changed: changes.files.map(({ path }) => path),
    deleted: changes.deleted.map(({ path }) => path),
  };
}

function imageOf(where: string, commit: string, options: VllmCheckoutOptions): string {
  const { image, imageRepository, imageDigest } = options;
  if (image !== undefined) {
    const odd =
      imageRepository !== undefined ? 'imageRepository' : imageDigest !== undefined && 'imageDigest';
    if (odd) throw new InputError(where, odd, options[odd], { allowed: 'nothing, as the image is named' });
    return image;
  }
  if (imageDigest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(imageDigest)) {
    throw new InputError(where, 'imageDigest', imageDigest, {
      allowed: "'sha256:' and 64 hexadecimal digits",
      advice: `Ask the registry: crane digest ${imageRepository ?? IMAGES}:${commit}`,
    });
  }
  if (imageRepository !== undefined && !/^[\w.-]+(:\d+)?(\/[\w.-]+)+$/.test(imageRepository)) {
    throw new InputError(where, 'imageRepository', imageRepository, {
      allowed: "the name of images without tag and digest: 'registry.example.com/vllm-ci'",
    });
  }
  return `${imageRepository ?? IMAGES}:${commit}${imageDigest === undefined ? '' : `@${imageDigest}`}`;
}

function paths(where: string, field: string, given: string[] | undefined): string[] {
  return checkList(where, field, given).map((path, index) => {
    if (typeof path === 'string' && /^[^/]/.test(path) && !/[*?\\]/.test(path)) return path;
    throw new InputError(where, `${field}[${index}]`, path, {
      allowed: "a path from the top of the checkout: a file, or a folder with '/' at its end",
    });
  });
}

/** A path in a list, or below a folder in it. */
function covers(listed: readonly string[], path: string): boolean {
  return listed.some((each) => each === path || (each.endsWith('/') && path.startsWith(each)));
}

function checkUnpacked(where: string, { files }: Changes): void {
  const bytes = files.reduce((sum, { content }) => sum + content.length, 0);
  if (bytes <= MOST_UNPACKED) return;
  throw new InputError(where, 'changes', `${bytes} bytes: ${biggest(files)}`, {
    allowed: `${MOST_UNPACKED} bytes`,
    advice: INSTEAD,
  });
}

function checkPacked(where: string, { bytes }: Patch, { files }: Changes, maxSize: Size | undefined): void {
  const most = maxSize === undefined ? MOST_BYTES : bytesOf(checkSize(where, 'maxSize', maxSize));
  if (bytes.length <= most) return;
  throw new InputError(where, 'changes', `${bytes.length} bytes compressed: ${biggest(files)}`, {
    allowed: `${most} bytes`,
    advice: INSTEAD,
  });
}

const INSTEAD =
  'Leave out what no run needs: exclude: [...]. Else build an image of the checkout, and name it as image and its ' +
  'commit as baseCommit.';

/** The files that an error about size is about. */
function biggest(files: readonly ChangedFile[]): string {
  const sorted = [...files].sort((a, b) => b.content.length - a.content.length || (a.path < b.path ? -1 : 1));
  const more = sorted.length - 5;
  return `the biggest are ${sorted.slice(0, 5).map(described).join(', ')}${more > 0 ? `, of ${sorted.length}` : ''}`;
}

function treeSize(where: string, { tree }: CheckoutBase, { files }: Changes, given: Size | undefined): Size {
  const ofBase = [...tree.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const ofFiles = files.reduce((sum, { content }) => sum + content.length, 0);
  if (given !== undefined) return checkSize(where, 'treeSize', given);
  return mebibytesFor(ofBase + ofFiles + ADDED_BY_BUILD);
}

function folderOfImage(where: string, workspace: string): string {
  if (
    typeof workspace === 'string' &&
    /^(\/[\w.@+-]+)+$/.test(workspace) &&
    !/\/\.\.?(\/|$)/.test(workspace)
  ) {
    return workspace;
  }
  throw new InputError(where, 'workspace', workspace, { allowed: 'an absolute path' });
}
