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
 * Pods mount, await and place `artifact` as they do a model, read-only. In its folder are two others: `tree`, the
 * files of the commit with their links and executable bits and nothing besides, and `git`, the bare repository. The
 * other members say where on the node all this is.
 */
export interface NodeCacheRepository {
  /** What the cache calls it. */
  readonly name: string;

  /** Its address: where the app has a mirror, that of the copy. */
  readonly url: string;

  /** The full id of the commit. */
  readonly commit: string;

  /** The tree and the repository, with the marker that says that both are complete. */
  readonly artifact: Artifact;

  /** The cache's folder on the nodes, absolute: the `hostPath`. */
  readonly hostPath: string;

  /** The folder of the files of the commit, below `hostPath` and below the mount of the store: `<artifact.path>/tree`. */
  readonly subPath: string;

  /** The folder of the bare repository, likewise, for who needs `git` itself: `<artifact.path>/git`. */
  readonly gitDir: string;

  /** The nodes that keep it. */
  readonly placement: Placement;
}
