import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  TpuType,
  VllmServer,
} from '../../../src';

/** A slice of eight TPU v5e on one machine: the chips are not asked for by count alone. */
export function llama8bOnTpu(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const llama = app.pipeline('llama-3.1-8b-tpu', { namespace: 'llm' });

  const weights = new ModelCache(llama.download, 'weights', {
    source: ModelSource.huggingFace('meta-llama/Llama-3.1-8B-Instruct', {
      revision: '0e9e39f249a16976918f6564b8830bc894c89659',
      exclude: ['original/'],
      tokenSecret: Secret.fromSecretName(llama.download, 'hf-token', 'hf-token'),
    }),
    store: ModelStore.claim({
      size: Size.tebibytes(1),
      storageClassName: 'filestore-zonal',
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
    }),
    licence: 'llama3.1',
  });

  new VllmServer(llama.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['llama-3.1-8b-instruct'],
    accelerator: Accelerator.tpu({ type: TpuType.V5E, topology: '2x4' }),
    maxModelLen: 8192,
    maxNumSeqs: 128,
    memory: Size.gibibytes(64),
  });
  return app;
}
