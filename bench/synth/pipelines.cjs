// The example pipelines, as often as wanted. CommonJS, as TypeScript makes it of a cdk8s program.
const { Size } = require('cdk8s');
const llm = require('../../lib/src/index.js');

/** What fills an empty pipeline, by the engine that serves. */
const FILL = { 'distributed-llama': byDllama, 'llama-server': byLlamaServer, vLLM: byVllm };

exports.ENGINES = Object.keys(FILL);

/**
 * Adds pipelines that download, convert and serve a model of Qwen3.
 *
 * @param addPipeline - makes an empty pipeline of a name and props
 */
exports.addPipelines = (engine, count, addPipeline) => {
  for (let i = 1; i <= count; i++) FILL[engine](addPipeline(`qwen3-${i}`, { namespace: 'llm' }));
};

/** The example of the README. */
function byDllama(pipeline) {
  const weights = small(pipeline);
  const converted = new llm.DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
  new llm.DllamaTopology(pipeline.serve, 'chat', {
    model: converted.artifact,
    image: 'registry.example.com/dllama:v0.16.4',
    replicaPower: 2,
  });
}

/** On CPUs, with a route, monitoring and a smoke test. */
function byLlamaServer(pipeline) {
  const weights = small(pipeline);
  const gguf = new llm.GgufConversion(pipeline.convert, 'q4', {
    model: weights.artifact,
    weights: llm.GgufType.Q4_K_M,
  });
  new llm.LlamaServer(pipeline.serve, 'chat', {
    model: gguf.artifact,
    parallel: 2,
    replicas: 2,
    ...traffic(pipeline),
  });
}

/** On GPUs, with a route, monitoring, a smoke test and autoscaling. */
function byVllm(pipeline) {
  const accelerator = llm.Accelerator.nvidia({ product: 'NVIDIA-L4' });
  const weights = new llm.ModelCache(pipeline.download, 'weights', {
    source: llm.ModelSource.huggingFace('Qwen/Qwen3-8B', {
      revision: 'b968826d9c46dd6066d109eabc6255188de91218',
    }),
    store: llm.ModelStore.claim({ size: Size.gibibytes(40), placement: accelerator.placement }),
  });
  new llm.VllmServer(pipeline.serve, 'chat', {
    model: weights.artifact,
    accelerator,
    maxModelLen: 16384,
    scaling: llm.Scaling.keda({
      max: 4,
      prometheus: { serverAddress: 'http://prometheus.monitoring.svc:9090' },
      triggers: [llm.KedaTrigger.requestsWaiting(5)],
    }),
    ...traffic(pipeline),
  });
}

function small(pipeline) {
  return new llm.ModelCache(pipeline.download, 'weights', {
    source: llm.ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: llm.ModelStore.claim({ size: Size.gibibytes(20) }),
  });
}

function traffic(pipeline) {
  return {
    routes: [
      llm.Route.httpRoute({
        gateway: { name: 'llm', namespace: 'gateways' },
        from: [llm.NetworkPeer.namespace('envoy-gateway-system')],
        path: `/${pipeline.node.id}`,
      }),
    ],
    monitoring: llm.Monitoring.prometheus({ from: [llm.NetworkPeer.namespace('monitoring')] }),
    smokeTest: {},
  };
}
