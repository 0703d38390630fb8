// Trained on a GPU, served on CPUs: a LoRA adapter is trained on a small public dataset, which an L4 does within the
// hour; the adapter and its base model become GGUF files, which llama-server reads together, in two copies.
//
// The cluster must have: an NVIDIA L4, a storage class for ReadWriteMany, an image with TRL, Gateway API with the Gateway
// `llm`, the Prometheus operator, and the Secret `small-talk-api-key`.
import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  FineTune,
  FineTunePreset,
  FineTuneResult,
  GgufConversion,
  GgufType,
  LlamaServer,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  Route,
  TrlMethod,
} from 'cdk8s-llm';
import { GATEWAY, L4, MONITORING, SHARED, TRL_IMAGE } from './platform';

export function fineTuneToServe(app: PhasedApp): void {
  const talk = app.pipeline('small-talk', { namespace: 'llm' });
  const store = ModelStore.claim({ size: Size.gibibytes(20), accessModes: SHARED });

  const weights = new ModelCache(talk.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store,
    licence: 'apache-2.0',
  });
  const conversations = new ModelCache(talk.download, 'conversations', {
    source: ModelSource.huggingFace('HuggingFaceTB/smoltalk', {
      revision: '5feaf2fd3ffca7c237fc38d1861bc30365d48ffa',
      dataset: true,
      include: ['data/everyday-conversations/train-*'], // one of its parts, about 2,000 conversations
    }),
    store,
    licence: 'apache-2.0',
  });

  const style = new FineTune(talk.tune, 'style', {
    model: weights.artifact,
    datasets: { train: conversations.artifact },
    image: TRL_IMAGE,
    preset: FineTunePreset.trl({ method: TrlMethod.SFT }),
    result: FineTuneResult.LORA_ADAPTER,
    accelerator: L4,
    hyperparameters: {
      lora_r: 16,
      lora_alpha: 32,
      lora_target_modules: 'all-linear',
      learning_rate: 2e-4,
      num_train_epochs: 3,
      save_steps: 100,
      per_device_train_batch_size: 2,
      gradient_accumulation_steps: 8,
      max_length: 2048,
      bf16: true,
    },
    deadline: Duration.hours(12),
  });

  const base = new GgufConversion(talk.convert, 'base', {
    model: weights.artifact,
    weights: GgufType.Q4_K_M,
  });
  const adapter = new GgufConversion(talk.convert, 'adapter', {
    model: style.artifact,
    adapterOf: weights.artifact,
  });

  new LlamaServer(talk.serve, 'chat', {
    model: base.artifact,
    adapters: [{ model: adapter.artifact, fileSize: Size.mebibytes(64) }],
    alias: 'small-talk',
    contextSize: 8192,
    parallel: 2,
    replicas: 2,
    apiKey: { secret: Secret.fromSecretName(talk, 'api-key', 'small-talk-api-key'), key: 'key' },
    routes: [Route.httpRoute({ ...GATEWAY, path: '/small-talk' })],
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });
}
