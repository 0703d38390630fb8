import type { Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import type { ModelSource } from '../artifact/model-source';
import type { ModelStore } from '../artifact/model-store';
import type { ModelFacts } from '../engines/model-facts';
import type { JobOptions } from '../pod/job-options';
import { renderModelCache } from './model-cache-render';
import { resolveModelCache } from './model-cache-spec';

/** What a `ModelCache` is told. */
export interface ModelCacheProps extends JobOptions {
  /** Where the model's bytes come from. */
  readonly source: ModelSource;

  /** Where they are kept. */
  readonly store: ModelStore;

  /**
   * The model's dimensions, from its config.json. With them the constructs that follow can compute sizes and
   * memory, and refuse what cannot work. For a copy of a well-known model: `KnownModels.facts('Qwen/Qwen3-8B')`.
   *
   * @default - those this library knows of well-known repositories on Hugging Face
   */
  readonly facts?: ModelFacts;

  /**
   * The licence, as an SPDX identifier or the name that Hugging Face uses; written on all that holds or
   * serves the model.
   *
   * @default - read from the hub at run time and left in the marker alone
   */
  readonly licence?: string;

  /**
   * How many ranges are fetched at once.
   *
   * @default 8
   */
  readonly concurrency?: number;

  /**
   * The largest range that is fetched at once. A range is an eighth of the memory divided by the concurrency,
   * but never under 8 MiB.
   *
   * @default 64 MiB
   */
  readonly chunkMax?: Size;

  /**
   * Memory of the Job, request and limit. It does not depend on the model's size.
   *
   * @default 256 MiB, or more where concurrency needs it
   */
  readonly memory?: Size;

  /**
   * The disk on which the files are gathered on their way into a bucket, where they cannot be streamed into it:
   * those of archives, images and downloaders. It must hold all of them, of archives and images also what they
   * are unpacked from.
   *
   * @default - where their size is known at synth: 1.05 times that, of archives and images 2.1 times
   */
  readonly scratch?: Size;

  /**
   * The image of the Job: any with Python 3.11 or newer; nothing is installed in it.
   *
   * @default - docker.io/library/python:3.13.7-slim-bookworm, by digest; a newer one for sources that need it
   */
  readonly image?: string;
}

/**
 * A model in a store, verified byte for byte: a Job that fetches it once, and whatever the store needs.
 *
 * The Job can be killed at any time; it continues where it was. When everything is there, running it again
 * reads no file. Two caches of one source in one store, in whichever pipelines of an app, share one Job: what is
 * fetched once is not fetched again, and cannot differ.
 *
 * @example
 *
 * const weights = new ModelCache(pipeline.download, 'weights', {
 *   source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e' }),
 *   store: ModelStore.claim({ size: Size.gibibytes(20) }),
 * });
 */
export class ModelCache extends Construct {
  /** The verified files, for whatever consumes them. */
  public readonly artifact: Artifact;

  /**
   * @throws when the memory cannot hold the ranges, when the image is not pinned, when the chart has no
   * namespace or is that of another phase, when the files do not fit in the store or on the disk, when another
   * cache of the same files in the same store is told something else
   */
  constructor(scope: Construct, id: string, props: ModelCacheProps) {
    super(scope, id);
    const { artifact, job } = resolveModelCache(this, props ?? {});
    if (job) renderModelCache(job);
    this.artifact = artifact;
  }
}
