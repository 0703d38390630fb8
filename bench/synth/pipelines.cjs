// The example of the README, as often as wanted. CommonJS, as TypeScript makes it of a cdk8s program.
const { Size } = require('cdk8s');
const {
  DllamaConversion,
  DllamaTopology,
  ModelCache,
  ModelSource,
  ModelStore,
} = require('../../lib/src/index.js');

/**
 * Adds pipelines that download, convert and serve Qwen3-1.7B.
 *
 * @param addPipeline - makes an empty pipeline of a name and props
 */
exports.addPipelines = (count, addPipeline) => {
  for (let i = 1; i <= count; i++) fill(addPipeline(`qwen3-1.7b-${i}`, { namespace: 'llm' }));
};

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
