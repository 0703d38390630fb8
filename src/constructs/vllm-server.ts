import { Construct } from 'constructs';
import { renderGroup } from '../serving/group-render';
import { renderServer } from '../serving/server-render';
import { resolveServer } from '../serving/server-spec';
import type { ServerTarget } from '../serving/server-target';
import { peerProblems, Sharing } from './vllm-server-peers';
import { VllmServerProps } from './vllm-server-props';
import { resolveVllmServer, VllmServerSpec } from './vllm-server-spec';

/**
 * A model served by vLLM, with the OpenAI API: on GPUs, TPUs or CPUs, on one node or several.
 *
 * The server asks no hub for anything: it reads the files of the artifact, which the pod waits for. Its command is
 * written out, and each flag is checked against the version that the image is of.
 *
 * @example
 *
 * new VllmServer(pipeline.serve, 'chat', {
 *   model: weights.artifact,
 *   accelerator: Accelerator.nvidia({ count: 2 }),
 *   maxModelLen: 32768,
 * });
 */
export class VllmServer extends Construct {
  /** The name of the Service. */
  public readonly serviceName: string;

  /** The base address of the OpenAI API within the cluster: `http://qwen3-chat.llm.svc:8080/v1`. */
  public readonly endpoint: string;

  /** What requests call the model, and its adapters. */
  public readonly modelNames: string[];

  /** The version of vLLM that the flags are of. */
  public readonly version: string;

  /**
   * What is attached to the server knows it by.
   *
   * @internal
   */
  public readonly _target: ServerTarget;

  /**
   * What servers that share requests with it must know.
   *
   * @internal
   */
  public readonly _sharing?: Sharing;

  /**
   * @throws when the model cannot be divided so or does not fit the devices, with what would; when the version does not
   * have a flag, with what it has in its place; when a value cannot be used; at synth, when a server that it shares
   * requests with is none, or cannot
   */
  constructor(scope: Construct, id: string, props: VllmServerProps) {
    super(scope, id);
    const vllm = resolveVllmServer(this, props ?? {});
    const spec = resolveServer(this, props, vllm.engine);
    const target = vllm.group ? renderGroup(spec, vllm.group) : renderServer(spec);
    this._target = target;
    this.serviceName = target.service.name;
    this.endpoint = `http://${target.service.name}.${target.owner.namespace}.svc:${target.service.port}/v1`;
    this.modelNames = target.modelNames;
    this.version = vllm.version;
    const sharing = sharingOf(props, vllm, target);
    if (sharing) {
      this._sharing = sharing;
      this.node.addValidation({ validate: () => peerProblems(this, sharing) });
    }
  }
}

function sharingOf(
  { kvTransfer, model }: VllmServerProps,
  { version, layout }: VllmServerSpec,
  { owner }: ServerTarget,
): Sharing | undefined {
  if (kvTransfer?._spec.connector !== 'nixl') return undefined;
  return {
    namespace: owner.namespace,
    name: owner.name,
    role: kvTransfer._spec.role,
    peers: kvTransfer._peering?.names ?? [],
    model: model.key,
    version,
    tensorParallel: layout.tensorParallel,
  };
}
