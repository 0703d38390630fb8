import { Construct } from 'constructs';
import type { IModelServer } from '../serving/model-server';
import { renderServer } from '../serving/server-render';
import type { ServerTarget } from '../serving/server-target';
import type { InferenceServerProps } from './inference-server-props';
import { resolveInferenceServer } from './inference-server-spec';

/**
 * A model served by any engine that is an image and a command: SGLang, Text Generation Inference, Infinity, Whisper,
 * Triton. What it reads, how it is guarded, placed, scaled, routed and watched is as with the servers that this
 * library knows; what the engine itself needs is said here. Its flags are not checked.
 *
 * The pods run as user 65532 with a read-only root file system: what the engine writes is in `writableFolders`.
 *
 * @example
 *
 * // SGLang: GET /health answers 503 until the model is loaded; SIGTERM lets running requests end.
 * new InferenceServer(pipeline.serve, 'chat', {
 *   engine: 'sglang',
 *   image: 'docker.io/lmsysorg/sglang:v0.5.3-cu129',
 *   model: weights.artifact,
 *   command: ['python3', '-m', 'sglang.launch_server'],
 *   args: [
 *     '--model-path=$(MODEL_DIR)',
 *     '--served-model-name=qwen3',
 *     '--host=0.0.0.0',
 *     '--port=30000',
 *     '--enable-metrics',
 *   ],
 *   containerPort: 30000,
 *   readiness: ServerProbe.http('/health', { timeout: Duration.seconds(20) }),
 *   drains: true,
 *   modelNames: ['qwen3'],
 *   metrics: { running: 'sglang:num_running_reqs', waiting: 'sglang:num_queue_reqs' },
 *   accelerator: Accelerator.nvidia({ count: 1 }),
 *   sharedMemory: Size.gibibytes(2),
 *   memory: Size.gibibytes(32),
 * });
 *
 * // Triton: the artifact is its model repository; HTTP, gRPC and metrics have a port each.
 * new InferenceServer(pipeline.serve, 'vision', {
 *   engine: 'triton',
 *   image: 'nvcr.io/nvidia/tritonserver:25.03-py3',
 *   model: repository.artifact,
 *   command: ['tritonserver'],
 *   args: ['--model-repository=$(MODEL_DIR)', '--exit-timeout-secs=120'],
 *   containerPort: 8000,
 *   ports: [
 *     { name: 'grpc', containerPort: 8001, servicePort: 8001, appProtocol: 'grpc' },
 *     { name: 'metrics', containerPort: 8002 },
 *   ],
 *   readiness: ServerProbe.http('/v2/health/ready'),
 *   liveness: ServerProbe.http('/v2/health/live'),
 *   drains: true,
 *   metrics: { port: 'metrics', waiting: 'nv_inference_pending_request_count' },
 *   memory: Size.gibibytes(16),
 * });
 */
export class InferenceServer extends Construct implements IModelServer {
  /** The name of the Service. */
  public readonly serviceName: string;

  /** The base address of the API within the cluster: `http://qwen3-chat.llm.svc:8080`. */
  public readonly endpoint: string;

  /**
   * What is attached to the server knows it by.
   *
   * @internal
   */
  public readonly _target: ServerTarget;

  /** @throws when a value cannot be used, or when values contradict each other */
  constructor(scope: Construct, id: string, props: InferenceServerProps) {
    super(scope, id);
    const spec = resolveInferenceServer(this, props ?? {});
    this._target = renderServer(spec);
    this.serviceName = spec.owner.name;
    this.endpoint = `http://${spec.owner.name}.${spec.owner.namespace}.svc:${spec.servicePort}`;
  }
}
