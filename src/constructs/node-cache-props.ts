import type { Duration, Size } from 'cdk8s';
import type { ISecret, PercentOrAbsolute, SecretValue } from 'cdk8s-plus-28';
import type { ModelSource } from '../artifact/model-source';
import type { ModelFacts } from '../engines/model-facts';
import type { OutsideOptions } from '../pod/job-options';
import type { NetworkPeer } from '../pod/network-peer';
import type { Placement } from '../pod/pod-spec';

/** An image that is kept on nodes. */
export interface NodeCacheImageProps {
  /** What the cache calls it: at most 40 lower-case letters, digits and '-'. */
  readonly name: string;

  /** The image, pinned by digest or by a tag other than `latest`. */
  readonly image: string;
}

/** A Git repository that is kept on nodes, at one commit. */
export interface NodeCacheRepositoryProps {
  /** What the cache calls it: at most 40 lower-case letters, digits and '-'. */
  readonly name: string;

  /** Its address: `https://github.com/vllm-project/vllm.git`. Not by ssh; who may read it is proven by a token. */
  readonly url: string;

  /** The full id of the commit: a branch or tag can move under what runs from it. */
  readonly commit: string;

  /**
   * Whether the bare repository holds all commits that lead to this one, and not this one alone.
   *
   * @default false
   */
  readonly history?: boolean;

  /**
   * The Secret that holds, under the key `token`, what may read the repository.
   *
   * @default - `token`
   */
  readonly tokenSecret?: ISecret;

  /**
   * That token, where its Secret has it under another key: `{ secret, key: 'password' }`. Not with `tokenSecret`.
   *
   * @default - `tokenSecret`, or none, for a public repository
   */
  readonly token?: SecretValue;

  /**
   * The user that is named beside the token. GitHub and GitLab take any.
   *
   * @default x-access-token
   */
  readonly username?: string;

  /**
   * Raise it to have every byte read again on all nodes, and what is damaged brought anew.
   *
   * @default 1
   */
  readonly attempt?: number;
}

/** A model that is kept on nodes. */
export interface NodeCacheModelProps {
  /** What the cache calls it: at most 40 lower-case letters, digits and '-'. */
  readonly name: string;

  /** Where its bytes come from: any source that needs no image, volume or identity of its own. */
  readonly source: ModelSource;

  /**
   * The model's dimensions, from its config.json.
   *
   * @default - those this library knows of well-known repositories
   */
  readonly facts?: ModelFacts;

  /**
   * The licence, as an SPDX identifier or the name that Hugging Face uses.
   *
   * @default - read from the hub at run time and left in the marker alone
   */
  readonly licence?: string;

  /**
   * Raise it to have every byte read again on all nodes, and what is damaged brought anew.
   *
   * @default 1
   */
  readonly attempt?: number;
}

/** How a cache is watched. */
export interface NodeCacheMonitoringProps {
  /** The pods of Prometheus, which the NetworkPolicy lets in. */
  readonly from: NetworkPeer[];

  /**
   * Labels by which Prometheus selects PodMonitors: `{ release: 'kube-prometheus-stack' }`.
   *
   * @default - none, for one that selects all
   */
  readonly labels?: { [name: string]: string };

  /**
   * How often the pods are asked.
   *
   * @default 1 minute
   */
  readonly interval?: Duration;
}

/** What a `NodeCache` is told. At least one image, repository or model. */
export interface NodeCacheProps extends OutsideOptions {
  /**
   * The nodes that keep it all, by their labels, and the taints of theirs that are tolerated:
   * `accelerator.placement`.
   *
   * @default - all Linux nodes without taints
   */
  readonly placement?: Placement;

  /** Images. @default - none */
  readonly images?: NodeCacheImageProps[];

  /** Git repositories. @default - none */
  readonly repositories?: NodeCacheRepositoryProps[];

  /** Models. @default - none */
  readonly models?: NodeCacheModelProps[];

  /**
   * The folder on each node that repositories and models are kept in: `/var/lib/models`. It must be there, and user
   * and group 65532 must be able to write to it: `install -d -o 65532 -g 65532 /var/lib/models`. Several caches may
   * share it: one of them writes at a time.
   *
   * @default - none, for a cache of images
   */
  readonly path?: string;

  /**
   * The most that all in the folder may take of a node's disk. What does not fit is not brought, and said to be
   * missing; nothing is removed to make room for it.
   *
   * @default - none, for a cache of images
   */
  readonly size?: Size;

  /**
   * Artifacts that are removed from the folder, each by its key (12 hexadecimal digits) or its folder (`<name>-<key>`):
   * what the cache kept once, and nobody needs any more. What is not there is no error.
   *
   * @default - none; nothing is removed
   */
  readonly evict?: string[];

  /**
   * On how many nodes the pods may be replaced at once when something changes. Those nodes keep what they have.
   *
   * @default 25 %
   */
  readonly maxUnavailable?: PercentOrAbsolute;

  /**
   * Whether images are mounted as volumes, which a kubelet pulls as they are: needs Kubernetes 1.35, and containerd 2.1
   * or CRI-O 1.31 on all nodes. Otherwise a container is made from each image, in which a static BusyBox runs and nothing
   * of the image does: any image of Linux will do.
   *
   * @default - from Kubernetes 1.35 on
   */
  readonly imageVolumes?: boolean;

  /**
   * Memory of the container that brings repositories and models, request and limit. It does not depend on their sizes,
   * but for repositories with long histories.
   *
   * @default 512 MiB, or 128 MiB for a cache of images
   */
  readonly memory?: Size;

  /**
   * The image of that container: any with Python 3.11 or newer, and git 2.31 or newer where there are repositories;
   * nothing is installed in it.
   *
   * @default - docker.io/library/python:3.13.7-bookworm, which has git, or -slim-bookworm, by digest; a newer one for
   * sources that need it
   */
  readonly image?: string;

  /**
   * The image of BusyBox, which holds images: one whose /bin/busybox is linked statically.
   *
   * @default docker.io/library/busybox:1.37.0-musl
   */
  readonly busyboxImage?: string;

  /** Who reads the metrics, with a PodMonitor of the Prometheus operator. @default - nobody */
  readonly monitoring?: NodeCacheMonitoringProps;
}
