// A larger model on GPUs, one for each copy and as many copies as there are requests for, with all that traffic asks
// for: a route with a path and a key, autoscaling by the queue of the engine, monitoring, and a question after each
// change that must be answered before a promotion goes on.
//
// The cluster must have: 4 NVIDIA L4, a storage class for ReadWriteMany, Gateway API with the Gateway `llm`, KEDA, the
// Prometheus operator, and the Secret `qwen3-8b-api-key`.
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  KedaTrigger,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  Route,
  Scaling,
  VllmServer,
} from 'cdk8s-llm';
import { GATEWAY, L4, MONITORING, PROMETHEUS, SHARED } from './platform';

export function onGpus(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-8b', { namespace: 'llm' });

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-8B', {
      revision: 'b968826d9c46dd6066d109eabc6255188de91218',
    }),
    // Copies on several nodes mount it. A claim of one node would need `placement: L4.placement`, too.
    store: ModelStore.claim({ size: Size.gibibytes(40), accessModes: SHARED }),
    licence: 'apache-2.0',
  });
  new VllmServer(qwen.serve, 'chat', {
    model: weights.artifact,
    servedModelNames: ['qwen3-8b'],
    accelerator: L4,
    maxModelLen: 16384,
    toolCallParser: 'hermes',
    reasoningParser: 'qwen3',
    apiKey: { secret: Secret.fromSecretName(qwen, 'api-key', 'qwen3-8b-api-key'), key: 'key' },
    scaling: Scaling.keda({
      max: 4,
      prometheus: PROMETHEUS,
      triggers: [KedaTrigger.requestsWaiting(5)],
    }),
    routes: [Route.httpRoute({ ...GATEWAY, path: '/qwen3-8b' })],
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });
}
