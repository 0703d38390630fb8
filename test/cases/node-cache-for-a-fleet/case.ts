import { Duration, Size } from 'cdk8s';
import { PercentOrAbsolute } from 'cdk8s-plus-28';
import {
  Accelerator,
  ModelSource,
  NetworkPeer,
  NodeCache,
  PhasedApp,
  PhasedAppProps,
  VllmRun,
  VllmServer,
} from '../../../src';

/** Nodes that have an image, a repository and two models before anything asks for them, and three who read them. */
export function nodeCacheForAFleet(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const { serve } = app.pipeline('fleet', { namespace: 'llm' });
  const l4 = Accelerator.nvidia({ product: 'NVIDIA-L4' });

  const nodes = new NodeCache(serve, 'nodes', {
    placement: l4.placement,
    path: '/var/lib/models',
    size: Size.gibibytes(200),
    images: [{ name: 'vllm', image: 'docker.io/vllm/vllm-openai:v0.26.0' }],
    repositories: [
      {
        name: 'vllm',
        url: 'https://github.com/vllm-project/vllm.git',
        commit: '568afb3a13806beb53bb2e6bd518269357b237c0',
      },
    ],
    models: [
      {
        name: 'qwen3-8b',
        source: ModelSource.huggingFace('Qwen/Qwen3-8B', {
          revision: 'b968826d9c46dd6066d109eabc6255188de91218',
        }),
        licence: 'apache-2.0',
      },
      {
        name: 'qwen3-32b',
        source: ModelSource.huggingFace('Qwen/Qwen3-32B', {
          revision: '9216db5781bf21249d130ec9da846c4624c16137',
        }),
        licence: 'apache-2.0',
      },
    ],
    maxUnavailable: PercentOrAbsolute.percent(10),
    monitoring: { from: [NetworkPeer.namespace('monitoring')] },
  });

  new VllmServer(serve, 'small', {
    model: nodes.artifact('qwen3-8b'),
    image: nodes.image('vllm').image,
    accelerator: l4,
    maxModelLen: 16384,
    replicas: 3,
    readRate: Size.gibibytes(1),
  });
  new VllmServer(serve, 'large', {
    model: nodes.artifact('qwen3-32b'),
    image: nodes.image('vllm').image,
    accelerator: l4.times(4),
    nodes: 2,
    maxModelLen: 16384,
    readRate: Size.gibibytes(1),
  });
  new VllmRun(serve, 'throughput', {
    repository: nodes.repository('vllm'),
    cachedImage: nodes.image('vllm'),
    command: ['vllm', 'bench', 'throughput', '--model=$(MODEL_DIR)', '--input-len=512', '--output-len=128'],
    model: nodes.artifact('qwen3-8b'),
    accelerator: l4,
    timeout: Duration.hours(2),
  });
  return app;
}
