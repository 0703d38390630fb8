import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, Secret } from 'cdk8s-plus-28';
import {
  LlamaServer,
  ModelCache,
  ModelSource,
  ModelStore,
  NetworkPeer,
  PhasedApp,
  PhasedAppProps,
  Pipeline,
  Route,
} from '../../../src';

/** What is in the bucket `inference-models`: each file is a model, under the name by which people ask for it. */
const CATALOGUE = [
  {
    file: 'Qwen.gguf',
    sha256: '74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db',
    size: Size.mebibytes(469),
    replicas: 3,
  },
  {
    file: 'SmolLM2.gguf',
    sha256: '48f5f8f8e0c3d9d7a3a8e4b1f2c6d5e7a9b0c1d2e3f405162738495a6b7c8d9e',
    size: Size.mebibytes(369),
    replicas: 1,
  },
];

/** Two models side by side, told apart by the path; three replicas of one, each a process of its own. */
export function twoGgufsOneGateway(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const store = ModelStore.claim({
    name: 'catalogue',
    size: Size.gibibytes(20),
    accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
  });
  for (const model of CATALOGUE) {
    // The files' names have dots and capitals, which no Service can have.
    const pipeline = app.pipeline(model.file.toLowerCase(), { namespace: 'llm' });
    serve(pipeline, store, model);
  }
  return app;
}

function serve(
  pipeline: Pipeline,
  store: ModelStore,
  { file, sha256, size, replicas }: (typeof CATALOGUE)[number],
): void {
  const weights = new ModelCache(pipeline.download, 'file', {
    source: ModelSource.s3({
      endpoint: 'http://minio.minio.svc:9000',
      bucket: 'inference-models',
      credentialsSecret: Secret.fromSecretName(pipeline.download, 'minio', 'inference-secrets'),
      files: { [file]: sha256 },
      size,
    }),
    store,
  });
  const name = file.replace('.gguf', '');
  new LlamaServer(pipeline.serve, 'server', {
    model: weights.artifact,
    alias: name,
    replicas,
    memory: Size.gibibytes(3),
    routes: [
      Route.httpRoute({
        gateway: { name: 'inference', namespace: 'gateways' },
        from: [NetworkPeer.namespace('traefik')],
        hostnames: ['models.example.com'],
        path: `/${name}`,
      }),
    ],
  });
}
