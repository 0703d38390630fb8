import * as fs from 'node:fs';
import * as path from 'node:path';
import { renderReadme } from '../phases/readme/readme';
import { appFrom } from './app-options';
import type { Arguments } from './arguments';
import type { Run } from './command';
import { EXIT, usageError } from './exit-codes';
import type { Io } from './io';
import { kubernetesVersionFrom } from './kubernetes-version';
import type * as Migrated from './migrated';
import { readOutputFolder } from './output-folder';
import { Progress } from './progress';

/** `cdk8s-llm plan` @internal */
export const plan: Run = async (args, io) => {
  const [folder] = args.operands;
  if ((folder === undefined) === (args.values('file').length === 0)) {
    throw usageError("name either a folder that was synthesized, or resources by '-f FILE'.");
  }
  io.stdout.write(folder === undefined ? await planOfResources(args, io) : planOfFolder(folder, args, io));
  return EXIT.OK;
};

async function planOfResources(args: Arguments, io: Io): Promise<string> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- all constructs, which a folder needs none of
  const { planFrom, withSynthesized } = require('./migrated') as typeof Migrated;
  const app = appFrom(args);
  const progress = new Progress(io, args.has('quiet'));
  const made = await planFrom(args, io, progress);
  progress.report('Synthesizing');
  const text = withSynthesized(made, app, (outdir) =>
    fs.readFileSync(path.join(outdir, 'README.md'), 'utf8'),
  );
  progress.clear();
  return text;
}

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
