import type { Artifact } from '../artifact/artifact';
import type { Placement } from '../pod/pod-spec';

/**
 * An image that a `NodeCache` keeps on its nodes: `cache.image(name)`. Pods that run `image` there start without a pull.
 */
export interface NodeCacheImage {
  /** What the cache calls it. */
  readonly name: string;

  /** The reference by which it is pulled: where the app has a mirror, from there. */
  readonly image: string;

  /** The nodes that keep it. */
  readonly placement: Placement;
}

/**
 * A Git repository that a `NodeCache` keeps on its nodes at one commit: `cache.repository(name)`.
 *
 * `artifact` is the checked-out tree, without `.git`: files, folders, links and executable bits as the commit has them.
 * Pods mount, await and place it as they do a model, read-only; its files are in the folder `artifact.path` of the
 * volume. The other members say where on the node all this is.
 */
export interface NodeCacheRepository {
  /** What the cache calls it. */
  readonly name: string;

  /** Its address, as the cache was told. */
  readonly url: string;

  /** The full id of the commit. */
  readonly commit: string;

  /** The tree at that commit, with the marker that says that it is complete. */
  readonly artifact: Artifact;

  /** The cache's folder on the nodes, absolute: the `hostPath`. */
  readonly hostPath: string;

  /** The folder of the tree below `hostPath`: the `subPath`. It is `artifact.path`. */
  readonly subPath: string;

  /** The folder of the bare Git repository, which has the commit, below `hostPath`. For who needs `git` itself. */
  readonly gitDir: string;

  /** The nodes that keep it. */
  readonly placement: Placement;
}
