import { Duration, Size } from 'cdk8s';
import { PersistentVolumeClaim, Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  SpeculativeDecoding,
  VllmServer,
} from '../../../src';

/** 689 GB of weights, kept on the disk of the one node that serves them. */
export function deepSeekR1OnEightMi300x(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const deepSeek = app.pipeline('deepseek-r1', { namespace: 'llm' });
  const mi300x = Accelerator.amd({ product: 'AMD_Instinct_MI300X_OAM', deviceGroups: [44, 109] });

  const weights = new ModelCache(deepSeek.download, 'weights', {
    source: ModelSource.huggingFace('deepseek-ai/DeepSeek-R1', {
      revision: '56d4cbbb4d29f4355bab4b9a39ccb717a14ad5ad',
    }),
    store: ModelStore.claim({
      size: Size.tebibytes(1),
      storageClassName: 'local-nvme',
      placement: mi300x.placement,
    }),
    licence: 'mit',
  });

  new VllmServer(deepSeek.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['deepseek-r1'],
    accelerator: mi300x.times(8),
    maxModelLen: 65536,
    reasoningParser: 'deepseek_r1',
    speculative: SpeculativeDecoding.multiTokenPrediction(1),
    apiKey: { secret: Secret.fromSecretName(deepSeek.serve, 'api-key', 'deepseek-api'), key: 'key' },
    compileCache: {
      claim: PersistentVolumeClaim.fromClaimName(deepSeek.serve, 'compiled', 'vllm-compiled'),
    },
    readRate: Size.gibibytes(1),
    drainTimeout: Duration.minutes(10),
  });
  return app;
}
