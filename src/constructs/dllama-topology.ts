import { Construct } from 'constructs';
import type { ServerTarget } from '../serving/server-target';
import { renderDllamaTopology } from './dllama-topology-render';
import { resolveDllamaTopology } from './dllama-topology-spec';
import { DllamaTopologyProps } from './dllama-topology-props';

/**
 * A model served by distributed-llama: a root and its workers, which share the model among them, behind a
 * front that speaks the OpenAI API and lets through nothing that would end the root.
 *
 * dllama-api writes every prompt and every answer to its log: who may read the logs of the root's pod may
 * read the conversations.
 *
 * @example
 *
 * new DllamaTopology(pipeline.serve, 'chat', {
 *   model: converted.artifact,
 *   image: 'registry.example.com/dllama:v0.16.4',
 *   replicaPower: 2,
 * });
 */
export class DllamaTopology extends Construct {
  /** The name of the Service. */
  public readonly serviceName: string;

  /** The base address of the OpenAI API within the cluster: `http://qwen3-chat.llm.svc:8080/v1`. */
  public readonly endpoint: string;

  /** The number of workers beside the root. */
  public readonly workers: number;

  /**
   * What is attached to the server knows it by.
   *
   * @internal
   */
  public readonly _target: ServerTarget;

  /**
   * @throws when the model cannot be shared by so many nodes, with the numbers that can; when memory is too
   * small, with the arithmetic; when an argument is one that distributed-llama would refuse or misread
   */
  constructor(scope: Construct, id: string, props: DllamaTopologyProps) {
    super(scope, id);
    const spec = resolveDllamaTopology(this, props ?? {});
    this._target = renderDllamaTopology(spec);
    this.workers = spec.workers;
    this.serviceName = spec.owner.name;
    this.endpoint = `http://${spec.owner.name}.${spec.owner.namespace}.svc:${spec.port}/v1`;
  }
}
