import { Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  KnownModels,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  VllmServer,
} from '../../../src';

/** The model is an image that the nodes pull and mount: there is no Job, no claim and no marker to wait for. */
export function imageVolume(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp({ kubernetesVersion: '1.35', ...props });
  const qwen = app.pipeline('qwen3-8b-image', { namespace: 'llm' });

  const image = new ModelCache(qwen.download, 'image', {
    source: ModelSource.oci(
      'registry.example.com/models/qwen3-8b@sha256:44556677889900aabbccddeeff00112244556677889900aabbccddeeff001122',
      {
        path: '/models',
        pullSecret: Secret.fromSecretName(qwen.download, 'registry', 'registry'),
      },
    ),
    store: ModelStore.imageVolume(),
    licence: 'apache-2.0',
    facts: KnownModels.facts('Qwen/Qwen3-8B'),
  });

  new VllmServer(qwen.serve, 'chat', {
    model: image.artifact,
    servedModelNames: ['qwen3-8b'],
    accelerator: Accelerator.nvidia({ product: 'NVIDIA-L4' }),
    maxModelLen: 16384,
    toolCallParser: 'hermes',
    reasoningParser: 'qwen3',
  });
  return app;
}
