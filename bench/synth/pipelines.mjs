// The example of the README, as often as wanted.
import { Size } from 'cdk8s';
import {
  DllamaConversion,
  DllamaTopology,
  ModelCache,
  ModelSource,
  ModelStore,
} from '../../lib/src/index.js';

const NAMESPACE = 'llm';

/** Names of `count` pipelines. */
export function pipelineNames(count) {
  return Array.from({ length: count }, (_, i) => `qwen3-1.7b-${i + 1}`);
}

/**
 * Fills pipelines: download, convert and serve Qwen3-1.7B.
 *
 * @param addPipeline - makes a pipeline of a name
 */
export function addPipelines(count, addPipeline) {
  for (const name of pipelineNames(count)) fill(addPipeline(name, { namespace: NAMESPACE }));
}

function fill(pipeline) {
  const weights = new ModelCache(pipeline.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: ModelStore.claim({ size: Size.gibibytes(20) }),
  });
  const converted = new DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
  new DllamaTopology(pipeline.serve, 'chat', {
    model: converted.artifact,
    image: 'registry.example.com/dllama:v0.16.4',
    replicaPower: 2,
  });
}
