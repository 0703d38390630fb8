// The examples that this repository synthesizes into dist/.
import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  DllamaConversion,
  DllamaTopology,
  FluxSourceRef,
  GgufConversion,
  GgufType,
  GitOps,
  KedaTrigger,
  LlamaServer,
  ModelCache,
  ModelSource,
  ModelStore,
  Monitoring,
  NetworkPeer,
  PhasedApp,
  PhasedAppProps,
  Route,
  Scaling,
  VllmServer,
} from './src';

/** No image of distributed-llama is published; images/dllama/Dockerfile builds it. */
const DLLAMA = 'registry.example.com/dllama:v0.16.4';

const REPOSITORY = 'https://git.example.com/platform/models.git';

/** What a platform team says of its cluster, once for all servers. */
const PROMETHEUS = 'http://prometheus-operated.monitoring.svc:9090';
const MONITORING = Monitoring.prometheus({
  from: [NetworkPeer.podsOfNamespace('monitoring', { 'app.kubernetes.io/name': 'prometheus' })],
  labels: { release: 'kube-prometheus-stack' },
});
const GATEWAY = {
  gateway: { name: 'llm', namespace: 'gateways', sectionName: 'https' },
  from: [NetworkPeer.namespace('envoy-gateway-system')],
  hostnames: ['llm.example.com'],
};
const L4 = Accelerator.nvidia({ product: 'NVIDIA-L4' });

/** Of claims that pods of several nodes mount, as of NFS or CephFS. */
const SHARED = [PersistentVolumeAccessMode.READ_WRITE_MANY];

export function examples(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp({
    gitOps: [
      GitOps.argoCd({ repoUrl: REPOSITORY, targetRevision: 'main', path: 'dist' }),
      GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('models'), path: 'dist' }),
      GitOps.kubectl(),
    ],
    ...props,
  });
  qwenFromHuggingFace(app);
  qwenThroughS3(app);
  qwenByLlamaCpp(app);
  qwenByVllm(app);
  return app;
}

/** From a Hugging Face repository to a root and three workers. */
function qwenFromHuggingFace(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-1.7b', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: ModelStore.claim({ size: Size.gibibytes(20) }),
    licence: 'apache-2.0',
  });
  const converted = new DllamaConversion(qwen.convert, 'q40', { model: weights.artifact });
  new DllamaTopology(qwen.serve, 'chat', { model: converted.artifact, image: DLLAMA, replicaPower: 2 });
}

/** What Koldun does: the model streamed into a bucket, converted into another, and read through a CSI driver. */
function qwenThroughS3(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-1.7b-s3', { namespace: 'llm-s3' });
  const credentialsSecret = Secret.fromSecretName(qwen, 'minio-creds', 'minio-creds');
  const endpoint = 'http://minio.minio.svc:9000';

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.parse('https://huggingface.co/Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
      tokenSecret: Secret.fromSecretName(qwen, 'my-hf', 'my-hf'),
    }),
    store: ModelStore.s3({ endpoint, bucket: 'my-bucket-model', prefix: 'Qwen', credentialsSecret }),
    licence: 'apache-2.0',
  });
  const converted = new DllamaConversion(qwen.convert, 'q40', {
    model: weights.artifact,
    store: ModelStore.s3({ endpoint, bucket: 'my-bucket-convert', credentialsSecret }),
    pipProxy: 'http://dragonfly.dragonfly-system.svc:4001',
  });
  new DllamaTopology(qwen.serve, 'chat', { model: converted.artifact, image: DLLAMA, replicaPower: 1 });
}

/** On CPUs: quantized to 4 bits, two copies, at a path of the host that all models share. */
function qwenByLlamaCpp(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-1.7b-gguf', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: ModelStore.claim({ size: Size.gibibytes(20), accessModes: SHARED }),
    licence: 'apache-2.0',
  });
  const gguf = new GgufConversion(qwen.convert, 'q4', { model: weights.artifact, weights: GgufType.Q4_K_M });
  new LlamaServer(qwen.serve, 'chat', {
    model: gguf.artifact,
    contextSize: 8192,
    parallel: 2,
    replicas: 2,
    apiKey: { secret: Secret.fromSecretName(qwen, 'api-key', 'qwen3-1.7b-api-key'), key: 'key' },
    routes: [Route.httpRoute({ ...GATEWAY, path: '/qwen3-1.7b' })],
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });
}

/** On GPUs, one for each copy: as many copies as there are requests for. */
function qwenByVllm(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-8b', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-8B', {
      revision: 'b968826d9c46dd6066d109eabc6255188de91218',
    }),
    // Copies on several nodes mount it. A claim of one node would need `placement: L4.placement`, too.
    store: ModelStore.claim({ size: Size.gibibytes(40), accessModes: SHARED }),
    licence: 'apache-2.0',
  });
  new VllmServer(qwen.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['qwen3-8b'],
    accelerator: L4,
    maxModelLen: 16384,
    toolCallParser: 'hermes',
    reasoningParser: 'qwen3',
    apiKey: { secret: Secret.fromSecretName(qwen, 'api-key', 'qwen3-8b-api-key'), key: 'key' },
    scaling: Scaling.keda({
      max: 4,
      prometheus: { serverAddress: PROMETHEUS },
      triggers: [KedaTrigger.requestsWaiting(5)],
    }),
    routes: [Route.httpRoute({ ...GATEWAY, path: '/qwen3-8b' })],
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });
}

if (require.main === module) examples().synth();
