import { Duration, Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  AcceleratorProfiles,
  ModelCache,
  ModelSource,
  ModelStore,
  NetworkPeer,
  PhasedApp,
  PhasedAppProps,
  Route,
  Scaling,
  VllmServer,
} from '../../../src';

/** What the platform team says of its nodes, once for everybody. */
const profiles = new AcceleratorProfiles({ l4: Accelerator.nvidia({ product: 'NVIDIA-L4' }) });

/** 70 GB of weights on eight cards of 24 GB in one pod, which is there only while somebody asks it. */
export function llama70bOnEightL4(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp(props);
  const llama = app.pipeline('llama-3.1-70b-instruct-fp8-l4', { namespace: 'llm' });

  const weights = new ModelCache(llama.download, 'weights', {
    source: ModelSource.huggingFace('nvidia/Llama-3.1-70B-Instruct-FP8', {
      revision: '07a08be3d8a8f5254c2aba375b79743bca8fd491',
    }),
    store: ModelStore.claim({
      size: Size.tebibytes(1),
      storageClassName: 'filestore-zonal',
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
    }),
    licence: 'llama3.1',
  });

  new VllmServer(llama.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['llama-3.1-70b-instruct-fp8-l4'],
    accelerator: profiles.use('l4:8'),
    tensorParallel: 2,
    pipelineParallel: 4,
    maxModelLen: 32768,
    maxNumSeqs: 256,
    kvCacheDtype: 'fp8',
    enforceEager: true,
    readRate: Size.mebibytes(400),
    scaling: Scaling.kedaHttp({ max: 1, concurrency: 256, cooldown: Duration.hours(1) }),
    routes: [
      Route.httpRoute({
        gateway: { name: 'llm', namespace: 'gateways', sectionName: 'https' },
        from: [NetworkPeer.namespace('envoy-gateway-system')],
        hostnames: ['llm.example.com'],
        path: '/llama-3.1-70b',
      }),
    ],
  });
  return app;
}
