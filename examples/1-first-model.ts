// A first model: from Hugging Face into a claim, converted for distributed-llama, and answered by a root and three
// workers, each with a quarter of the weights.
//
// The cluster must have: a default storage class, 4 nodes with 5 CPUs free each, and the image of distributed-llama.
import { Size } from 'cdk8s';
import { DllamaConversion, DllamaTopology, ModelCache, ModelSource, ModelStore, PhasedApp } from 'cdk8s-llm';
import { DLLAMA_IMAGE } from './platform';

export function firstModel(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-1.7b', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: ModelStore.claim({ size: Size.gibibytes(20) }),
    licence: 'apache-2.0',
  });
  const converted = new DllamaConversion(qwen.convert, 'q40', { model: weights.artifact });
  new DllamaTopology(qwen.serve, 'chat', {
    model: converted.artifact,
    image: DLLAMA_IMAGE,
    replicaPower: 2,
  });
}
