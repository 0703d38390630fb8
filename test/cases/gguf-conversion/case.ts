import { Size } from 'cdk8s';
import {
  GgufConversion,
  GgufType,
  LlamaServer,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
} from '../../../src';

/** From safetensors to a quantized GGUF file to an endpoint, in one pipeline on one disk. */
export function ggufConversion(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const qwen = app.pipeline('qwen3-1.7b-gguf', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: ModelStore.claim({ size: Size.gibibytes(20) }),
    licence: 'apache-2.0',
  });
  const gguf = new GgufConversion(qwen.convert, 'gguf', {
    model: weights.artifact,
    weights: GgufType.Q4_K_M,
  });
  new LlamaServer(qwen.serve, 'chat', {
    model: gguf.artifact,
    contextSize: 16384,
    parallel: 2,
    smokeTest: { expect: 'Paris' },
  });
  return app;
}
