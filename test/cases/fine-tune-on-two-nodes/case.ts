import { Duration, Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  FineTune,
  FineTunePreset,
  FineTuneResult,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  TrlMethod,
  VllmServer,
} from '../../../src';

/** A LoRA adapter by TRL on two nodes of four L4, which may be preempted; served by vLLM beside its base model. */
export function fineTuneOnTwoNodes(props: PhasedAppProps = {}, learningRate = 1e-4): PhasedApp {
  const app = new PhasedApp(props);
  const { download, tune, serve } = app.pipeline('qwen3-8b-chat', { namespace: 'llm' });
  const l4 = Accelerator.nvidia({ product: 'NVIDIA-L4' });
  const store = ModelStore.claim({
    size: Size.gibibytes(60),
    accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
  });

  const base = new ModelCache(download, 'base', {
    source: ModelSource.huggingFace('Qwen/Qwen3-8B', {
      revision: 'b968826d9c46dd6066d109eabc6255188de91218',
    }),
    store,
    licence: 'apache-2.0',
  });
  const conversations = new ModelCache(download, 'conversations', {
    source: ModelSource.huggingFace('HuggingFaceTB/smoltalk', {
      revision: '5feaf2fd3ffca7c237fc38d1861bc30365d48ffa',
      dataset: true,
      include: ['data/everyday-conversations/train-*'],
    }),
    store,
    licence: 'apache-2.0',
  });

  const style = new FineTune(tune, 'style', {
    model: base.artifact,
    datasets: { train: conversations.artifact },
    image: 'registry.example.com/trl:0.24.0',
    preset: FineTunePreset.trl({ method: TrlMethod.SFT }),
    result: FineTuneResult.LORA_ADAPTER,
    accelerator: l4.times(4),
    nodes: 2,
    hyperparameters: { learning_rate: learningRate, lora_r: 32, save_steps: 50, bf16: true },
    checkpointSpace: Size.gibibytes(4),
    gracePeriod: Duration.minutes(10),
    deadline: Duration.hours(24),
  });

  new VllmServer(serve, 'chat', {
    model: base.artifact,
    servedModelNames: ['qwen3-8b'],
    adapters: [{ name: 'style', adapter: style.artifact }],
    maxLoraRank: 32,
    accelerator: l4.times(2),
    maxModelLen: 16384,
    smokeTest: { model: 'style', expect: 'Paris' },
  });
  return app;
}
