// Synthesizes the examples into dist/.
import { FluxSourceRef, GitOps, PhasedApp, PhasedAppProps } from 'cdk8s-llm';
import { firstModel } from './examples/1-first-model';
import { throughABucket } from './examples/2-through-a-bucket';
import { onGpus } from './examples/3-on-gpus';
import { fineTuneToServe } from './examples/4-fine-tune-to-serve';
import { supportDesk } from './examples/5-support-desk';

const REPOSITORY = 'https://git.example.com/platform/models.git';

export function examples(props: PhasedAppProps = {}): PhasedApp {
  const app = new PhasedApp({
    gitOps: [
      GitOps.argoCd({ repoUrl: REPOSITORY, targetRevision: 'main', path: 'dist' }),
      GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('models'), path: 'dist' }),
      GitOps.kubectl(),
    ],
    ...props,
  });
  firstModel(app);
  throughABucket(app);
  onGpus(app);
  fineTuneToServe(app);
  supportDesk(app);
  return app;
}

if (require.main === module) examples().synth();
