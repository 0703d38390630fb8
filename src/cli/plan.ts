import { renderReadme } from '../phases/readme/readme';
import type { Arguments } from './arguments';
import type { Run } from './command';
import { EXIT } from './exit-codes';
import type { Io } from './io';
import { kubernetesVersionFrom } from './kubernetes-version';
import { readOutputFolder } from './output-folder';
import { Progress } from './progress';

/** `cdk8s-llm plan` @internal */
export const plan: Run = async (args, io) => {
  io.stdout.write(planOfFolder(args.operands[0], args, io));
  return Promise.resolve(EXIT.OK);
};

function planOfFolder(folder: string, args: Arguments, io: Io): string {
  const kubernetesVersion = kubernetesVersionFrom(args);
  const progress = new Progress(io, args.has('quiet'));
  const { pipelines, gitops, others } = readOutputFolder(folder, io.cwd, (name) => {
    progress.report(`Reading ${name}`);
  });
  const text = renderReadme(pipelines, { kubernetesVersion, gitops, others });
  progress.clear();
  return text;
}
