import { CheckoutSpec, readCheckout, VllmCheckoutOptions } from '../checkout/checkout';

/**
 * A checkout of vLLM with all its changes, for pods that run the prebuilt image of the commit it goes off from. Read
 * when the program runs: what is committed, staged, modified, new, deleted or renamed alike, as it is on the disk.
 *
 * The changes are packed into ConfigMaps. In each pod an init container makes the folder of the checkout of what the
 * image has and what they hold, verifies every file, or fails with the reason. The folder is
 * `/checkout/vllm`, where the program starts, and from which Python imports vLLM.
 *
 * @example
 *
 * new VllmRun(pipeline.serve, 'latency', {
 *   checkout: VllmCheckout.fromDirectory('../vllm'),
 *   command: ['vllm', 'bench', 'latency', '--model=$(MODEL_DIR)'],
 *   model: weights.artifact,
 *   accelerator: Accelerator.nvidia({ count: 1 }),
 * });
 */
export class VllmCheckout {
  /**
   * A checkout on this machine, by the program `git`.
   *
   * @param path a folder in its work tree
   * @throws when it is no checkout of vLLM, or it is not known from where it goes off; when a file looks like a secret,
   * or what is compiled has changed; when the changes are too much for ConfigMaps; when there is no git
   */
  public static fromDirectory(path: string, options: VllmCheckoutOptions = {}): VllmCheckout {
    return new VllmCheckout(readCheckout('VllmCheckout.fromDirectory', path, options));
  }

  private constructor(
    /** @internal */
    public readonly _spec: CheckoutSpec,
  ) {}

  /** The image of the base commit. */
  public get image(): string {
    return this._spec.image;
  }

  /** The commit of upstream that the checkout goes off from. */
  public get baseCommit(): string {
    return this._spec.base;
  }

  /** The files that are new or not as in the base, by their paths. */
  public get changedFiles(): string[] {
    return [...this._spec.changed];
  }

  /** The files of the base that the checkout does not have, by their paths. */
  public get deletedFiles(): string[] {
    return [...this._spec.deleted];
  }

  /** The SHA-256 of the packed changes: the same for the same files, on any machine. */
  public get sha256(): string {
    return this._spec.patch.sha256;
  }
}
