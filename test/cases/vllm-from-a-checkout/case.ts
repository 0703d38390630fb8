import { Duration, Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  VllmRun,
  VllmRunServer,
} from '../../../src';
import { changedCheckout } from './checkout';

/** A change to vLLM that nobody has built or pushed: measured by a Job, and served to try it. */
export function vllmFromACheckout(props: PhasedAppProps = {}, checkout = changedCheckout()): PhasedApp {
  const app = new PhasedApp(props);
  const { download, serve } = app.pipeline('opt', { namespace: 'llm' });
  const accelerator = Accelerator.nvidia({ count: 1, preferNodes: ['worker-1'] });

  const { artifact: model } = new ModelCache(download, 'weights', {
    source: ModelSource.parse('hf://facebook/opt-125m@27dcfa74d334bc871f3234de431e71c6eeba5dd6', {
      include: ['*.json', '*.txt', 'pytorch_model.bin'],
    }),
    store: ModelStore.claim({
      size: Size.gibibytes(5),
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY],
    }),
  });

  new VllmRun(serve, 'latency', {
    checkout,
    command: ['vllm', 'bench', 'latency', '--model=$(MODEL_DIR)', '--num-iters=10'],
    model,
    accelerator,
    timeout: Duration.minutes(30),
  });
  new VllmRunServer(serve, 'mine', {
    checkout,
    command: ['vllm', 'serve', '$(MODEL_DIR)', '--served-model-name=opt'],
    model,
    accelerator,
  });
  return app;
}
