import { Size } from 'cdk8s';
import { LlamaServer, ModelCache, ModelSource, ModelStore, PhasedApp, PhasedAppProps } from '../../../src';

/** One repository has the model twice, exact and small: the small one guesses, the exact one checks. */
export function ggufMainAndDraft(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const llama = app.pipeline('llama-2-7b-gguf', { namespace: 'llm' });

  const files = new ModelCache(llama.download, 'files', {
    source: ModelSource.huggingFace('TheBloke/Llama-2-7B-GGUF', {
      revision: 'b4e04e128f421c93a5f1e34ac4d7ca9b0af47b80',
      include: ['llama-2-7b.Q8_0.gguf', 'llama-2-7b.Q2_K.gguf'],
    }),
    store: ModelStore.claim({ size: Size.gibibytes(16) }),
    licence: 'llama2',
  });

  new LlamaServer(llama.serve, 'complete', {
    model: files.artifact,
    file: 'llama-2-7b.Q8_0.gguf',
    draft: { file: 'llama-2-7b.Q2_K.gguf', maxTokens: 16, minTokens: 5 },
    alias: 'llama-2-7b',
    contextSize: 4096,
    cpu: '8',
    memory: Size.gibibytes(16),
  });
  return app;
}
