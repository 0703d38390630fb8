import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  InferenceServer,
  KvRole,
  KvTransfer,
  ModelCache,
  ModelSource,
  ModelStore,
  NetworkPeer,
  PhasedApp,
  PhasedAppProps,
  ServerProbe,
  VllmServer,
} from '../../../src';

/** vLLM's router is built from its repository, as there is no image of a release. */
const ROUTER = 'registry.example.com/vllm-router:0.1.15';

/** One server reads prompts, the other writes answers, and a router leads each request through both. */
export function prefillAndDecode(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const qwen = app.pipeline('qwen3-32b', { namespace: 'llm' });
  const h100 = Accelerator.nvidia({ product: 'NVIDIA-H100-80GB-HBM3', rdma: { resource: 'rdma/ib' } });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-32B', {
      revision: '9216db5781bf21249d130ec9da846c4624c16137',
    }),
    store: ModelStore.claim({
      size: Size.gibibytes(100),
      storageClassName: 'lustre',
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
    }),
    licence: 'apache-2.0',
  });

  const shared = {
    model: weights.artifact,
    servedModelNames: ['qwen3-32b'],
    maxModelLen: 32768,
    readRate: Size.mebibytes(500),
    allowFrom: [NetworkPeer.pods({ 'app.kubernetes.io/instance': 'qwen3-32b-chat' })],
  };
  const prefill = new VllmServer(qwen.serve, 'prefill', {
    ...shared,
    accelerator: h100.times(2),
    replicas: 3,
    kvTransfer: KvTransfer.nixl({ role: KvRole.PREFILL, peers: ['qwen3-32b-decode'] }),
  });
  const decode = new VllmServer(qwen.serve, 'decode', {
    ...shared,
    accelerator: h100.times(4),
    kvTransfer: KvTransfer.nixl({ role: KvRole.DECODE, peers: [prefill.serviceName] }),
  });

  new InferenceServer(qwen.serve, 'chat', {
    engine: 'vllm-router',
    image: ROUTER,
    command: ['vllm-router'],
    args: [
      '--host=0.0.0.0',
      '--port=8000',
      '--vllm-pd-disaggregation',
      '--kv-connector=nixl',
      `--prefill=http://${prefill.serviceName}:8080`,
      `--decode=http://${decode.serviceName}:8080`,
      '--policy=round_robin',
    ],
    containerPort: 8000,
    readiness: ServerProbe.http('/health'),
    modelNames: ['qwen3-32b'],
    memory: Size.gibibytes(1),
    reaches: [
      {
        peers: [NetworkPeer.server(prefill), NetworkPeer.server(decode)],
        ports: [8000],
      },
    ],
    smokeTest: { expect: 'Paris' },
  });
  return app;
}
