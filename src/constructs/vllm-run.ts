import { Construct } from 'constructs';
import type { VllmRunProps } from './vllm-run-props';
import { renderVllmRun } from './vllm-run-render';
import { resolveVllmRun } from './vllm-run-spec';

/**
 * A program of vLLM that comes to an end, as a Job: a benchmark, a test, a batch of prompts; with the vLLM of an image,
 * of a checkout or of a repository that a `NodeCache` keeps. One that serves is a `VllmRunServer`.
 *
 * The pod has the devices that it asks for and no others, no privileges, and asks no hub for anything. It fails with
 * the program; what it printed is in its log.
 *
 * @example
 *
 * new VllmRun(pipeline.serve, 'latency', {
 *   command: ['vllm', 'bench', 'latency', '--model=$(MODEL_DIR)', '--num-iters=10'],
 *   model: weights.artifact,
 *   accelerator: Accelerator.nvidia({ count: 1, preferNodes: ['worker-1'] }),
 *   timeout: Duration.minutes(30),
 * });
 */
export class VllmRun extends Construct {
  /** The value of the label `app.kubernetes.io/instance` of all its objects and pods. */
  public readonly instance: string;

  /** @throws when a value cannot be used, when two of them say which vLLM runs, when the command names a hub's model */
  constructor(scope: Construct, id: string, props: VllmRunProps) {
    super(scope, id);
    const spec = resolveVllmRun(this, props ?? {});
    this.instance = spec.owner.name;
    renderVllmRun(spec);
  }
}
