import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  ModelArchitecture,
  ModelCache,
  ModelFacts,
  ModelSource,
  ModelStore,
  MultiNode,
  PhasedApp,
  PhasedAppProps,
  VllmServer,
} from '../../../src';

/** 812 GB of weights in bfloat16: more than the eight cards of one node hold, so one copy is on two. */
export function llama405bOnTwoNodes(
  props: PhasedAppProps = {},
  multiNode = MultiNode.statefulSets(),
): PhasedApp {
  const app = new PhasedApp(props);
  const llama = app.pipeline('llama-3.1-405b', { namespace: 'llm' });
  const h100 = Accelerator.nvidia({
    product: 'NVIDIA-H100-80GB-HBM3',
    rdma: { resource: 'rdma/ib', count: 8 },
  });

  const weights = new ModelCache(llama.download, 'weights', {
    source: ModelSource.huggingFace('meta-llama/Llama-3.1-405B-Instruct', {
      revision: 'be673f326cab4cd22ccfef76109faf68e41aa5f1',
      exclude: ['original/'],
      tokenSecret: Secret.fromSecretName(llama.download, 'hf-token', 'hf-token'),
    }),
    store: ModelStore.claim({
      size: Size.tebibytes(1),
      storageClassName: 'lustre',
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
    }),
    licence: 'llama3.1',
    facts: ModelFacts.of({
      architecture: ModelArchitecture.LLAMA,
      dim: 16384,
      hiddenDim: 53248,
      layers: 126,
      heads: 128,
      kvHeads: 8,
      vocabSize: 128256,
      maxSeqLen: 131072,
      llama3RopeScaling: true,
      sourceBytes: 811706777600,
    }),
  });

  new VllmServer(llama.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['llama-3.1-405b-instruct'],
    nodes: 2,
    multiNode,
    accelerator: h100.times(8),
    maxModelLen: 32768,
    networkInterface: 'eth0',
    toolCallParser: 'llama3_json',
    readRate: Size.gibibytes(1),
  });
  return app;
}
