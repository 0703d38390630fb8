import { Construct } from 'constructs';
import type { IModelServer } from '../serving/model-server';
import { renderServer } from '../serving/server-render';
import { resolveServer } from '../serving/server-spec';
import type { ServerTarget } from '../serving/server-target';
import type { LlamaServerProps } from './llama-server-props';
import { resolveLlamaServer } from './llama-server-spec';

/**
 * llama.cpp's llama-server: one GGUF file, or all models of an artifact's folder. An OpenAI-compatible API at the
 * Service of the construct's name. Each copy is a process of its own with all of the model.
 *
 * @example
 *
 * new LlamaServer(pipeline.serve, 'chat', { model: weights.artifact, file: '*Q4_K_M*.gguf', parallel: 4 });
 */
export class LlamaServer extends Construct implements IModelServer {
  /** The name of the Service. */
  public readonly serviceName: string;

  /** The base address of the OpenAI API within the cluster: `http://qwen3-chat.llm.svc:8080/v1`. */
  public readonly endpoint: string;

  /** What requests call the model; none for a router, where the names of its models are those of their files. */
  public readonly modelNames: string[];

  /** The version of llama.cpp that the flags are of. */
  public readonly version: string;

  /**
   * What is attached to the server knows it by.
   *
   * @internal
   */
  public readonly _target: ServerTarget;

  /**
   * @throws when a value cannot be used, when the version of llama.cpp does not know what is asked for, when the
   * model does not fit the devices
   */
  constructor(scope: Construct, id: string, props: LlamaServerProps) {
    super(scope, id);
    const llama = resolveLlamaServer(this, props ?? {});
    const spec = resolveServer(this, props, llama.engine);
    const target = renderServer(spec);
    this._target = target;
    this.serviceName = target.service.name;
    this.endpoint = `http://${target.service.name}.${target.owner.namespace}.svc:${target.service.port}/v1`;
    this.modelNames = target.modelNames;
    this.version = llama.version;
  }
}
