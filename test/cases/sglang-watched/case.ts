import { Duration, Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  InferenceServer,
  KedaTrigger,
  ModelCache,
  ModelSource,
  ModelStore,
  Monitoring,
  NetworkPeer,
  PhasedApp,
  PhasedAppProps,
  Scaling,
  ServerProbe,
} from '../../../src';

/** An engine that the library knows nothing of, with all that it gives to those it knows. */
export function sglangWatched(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const qwen = app.pipeline('qwen3-8b-sglang', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-8B', {
      revision: 'b968826d9c46dd6066d109eabc6255188de91218',
    }),
    store: ModelStore.claim({
      size: Size.gibibytes(40),
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
    }),
    licence: 'apache-2.0',
  });

  new InferenceServer(qwen.serve, 'chat', {
    engine: 'sglang',
    image: 'docker.io/lmsysorg/sglang:v0.5.3-cu129',
    model: weights.artifact,
    command: ['python3', '-m', 'sglang.launch_server'],
    args: [
      '--model-path=$(MODEL_DIR)',
      '--served-model-name=qwen3-8b',
      '--host=0.0.0.0',
      '--port=30000',
      '--context-length=32768',
      '--enable-metrics',
    ],
    containerPort: 30000,
    readiness: ServerProbe.http('/health', { timeout: Duration.seconds(20) }),
    drains: true,
    modelNames: ['qwen3-8b'],
    metrics: {
      running: 'sglang:num_running_reqs',
      waiting: 'sglang:num_queue_reqs',
      kvCacheUsage: 'sglang:token_usage',
      promptTokens: 'sglang:prompt_tokens_total',
      generatedTokens: 'sglang:generation_tokens_total',
      timeToFirstToken: 'sglang:time_to_first_token_seconds',
      modelLabel: 'model_name',
    },
    accelerator: Accelerator.nvidia({ product: 'NVIDIA-L4' }),
    memory: Size.gibibytes(32),
    writableFolders: { '/tmp': Size.gibibytes(4), '/home/server': Size.gibibytes(10) },
    env: { HF_HUB_OFFLINE: '1' },
    scaling: Scaling.keda({
      min: 1,
      max: 4,
      prometheus: { serverAddress: 'http://prometheus-operated.monitoring.svc:9090' },
      triggers: [KedaTrigger.requestsWaiting(4), KedaTrigger.kvCacheUsage(0.8)],
    }),
    monitoring: Monitoring.prometheus({
      from: [NetworkPeer.namespace('monitoring')],
      labels: { release: 'kube-prometheus-stack' },
    }),
    smokeTest: { expect: 'Paris', maxTimeToFirstToken: Duration.seconds(5) },
  });
  return app;
}
