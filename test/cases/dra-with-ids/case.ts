import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  VllmServer,
} from '../../../src';

/** What `k8shazgpu vllm run --gpus 2 --gpu-ids ... --prefer-node gpu-1` asks for, and its driver does not do. */
export function draWithIds(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp({ kubernetesVersion: '1.34', ...props });
  const qwen = app.pipeline('qwen3-8b-dra', { namespace: 'llm' });

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

  new VllmServer(qwen.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['qwen3-8b'],
    accelerator: Accelerator.dra({
      deviceClass: 'gpu.nvidia.com',
      ids: ['GPU-1dfa35e2-bb0c-4b6e-9a1c-0a3ed2a3d1c4', 'GPU-8f7c1b6a-3c1d-4a0e-8f53-61f6cb3c8a57'],
      memory: Size.gibibytes(24),
      preferNodes: ['gpu-1'],
    }),
    maxModelLen: 32768,
  });
  return app;
}
