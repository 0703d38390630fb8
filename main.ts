// The examples that this repository synthesizes into dist/.
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  DllamaConversion,
  DllamaTopology,
  FluxSourceRef,
  GitOps,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
} from './src';

/** No image of distributed-llama is published; images/dllama/Dockerfile builds it. */
const DLLAMA = 'registry.example.com/dllama:v0.16.4';

const REPOSITORY = 'https://git.example.com/platform/models.git';

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

if (require.main === module) examples().synth();
