import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, Secret } from 'cdk8s-plus-28';
import {
  ModelArchitecture,
  ModelCache,
  ModelFacts,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  SmokeTestApi,
  VllmServer,
} from '../../../src';

/** No accelerator at all, and three artifacts in one pod: a model and two LoRA adapters, each a model to clients. */
export function cpuVllmWithTwoAdapters(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const llama = app.pipeline('llama-2-7b-cpu', { namespace: 'llm' });
  const store = ModelStore.claim({
    name: 'llama-2',
    size: Size.gibibytes(60),
    accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
  });

  const base = new ModelCache(llama.download, 'base', {
    source: ModelSource.huggingFace('meta-llama/Llama-2-7b-hf', {
      revision: '01c7f73d771dfac7d292323805ebc428287df4f9',
      include: ['*.safetensors', '*.json', 'tokenizer.model'],
      tokenSecret: Secret.fromSecretName(llama.download, 'hf-token', 'hf-token'),
    }),
    store,
    licence: 'llama2',
    facts: ModelFacts.of({
      architecture: ModelArchitecture.LLAMA,
      dim: 4096,
      hiddenDim: 11008,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      vocabSize: 32000,
      maxSeqLen: 4096,
      sourceBytes: 13476835328,
    }),
  });
  const sql = new ModelCache(llama.download, 'sql', {
    source: ModelSource.huggingFace('yard1/llama-2-7b-sql-lora-test', {
      revision: '0dfa347e8877a4d4ed19ee56c140fa518470028c',
    }),
    store,
  });
  const summary = new ModelCache(llama.download, 'summary', {
    source: ModelSource.huggingFace('vineetsharma/qlora-adapter-Llama-2-7b-hf-TweetSumm', {
      revision: '796337d8e866318c59e38f16416e3ecd11fe5403',
    }),
    store,
  });

  new VllmServer(llama.serve, 'complete', {
    model: base.artifact,
    servedModelNames: ['llama-2-7b'],
    adapters: [
      { name: 'sql', adapter: sql.artifact },
      { name: 'tweet-summary', adapter: summary.artifact },
    ],
    maxLoraRank: 64,
    cpu: '32',
    cpuKvCache: Size.gibibytes(16),
    memory: Size.gibibytes(48),
    smokeTest: { api: SmokeTestApi.COMPLETION, model: 'sql', prompt: 'SELECT count(*) FROM' },
  });
  return app;
}
