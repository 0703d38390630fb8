import { Construct } from 'constructs';
import type { IModelServer } from '../serving/model-server';
import { renderServer } from '../serving/server-render';
import type { ServerTarget } from '../serving/server-target';
import type { VllmRunServerProps } from './vllm-run-props';
import { resolveVllmRunServer } from './vllm-run-server-spec';

/**
 * A program of vLLM that serves, by a command that is written out: with the vLLM of an image, of a checkout or of a
 * repository that a `NodeCache` keeps. `VllmServer` is the one for what stays: it derives and checks the flags.
 *
 * @example
 *
 * new VllmRunServer(pipeline.serve, 'mine', {
 *   checkout: VllmCheckout.fromDirectory('../vllm'),
 *   command: ['vllm', 'serve', '$(MODEL_DIR)', '--served-model-name=opt', '--gpu-memory-utilization=0.8'],
 *   model: weights.artifact,
 *   accelerator: Accelerator.nvidia({ count: 1 }),
 * });
 */
export class VllmRunServer extends Construct implements IModelServer {
  /** The name of the Service, and the value of the label `app.kubernetes.io/instance` of all objects and pods. */
  public readonly serviceName: string;

  /** The base address of the OpenAI API within the cluster: `http://qwen3-mine.llm.svc:8080/v1`. */
  public readonly endpoint: string;

  /**
   * What is attached to the server knows it by.
   *
   * @internal
   */
  public readonly _target: ServerTarget;

  /** @throws when a value cannot be used, when two of them say which vLLM runs, when the command names a hub's model */
  constructor(scope: Construct, id: string, props: VllmRunServerProps) {
    super(scope, id);
    this._target = renderServer(resolveVllmRunServer(this, props ?? {}));
    const { service, owner } = this._target;
    this.serviceName = service.name;
    this.endpoint = `http://${service.name}.${owner.namespace}.svc:${service.port}/v1`;
  }
}
