import * as fs from 'node:fs';
import * as path from 'node:path';
import type { OutputFile, PhaseView, PipelineView } from '../views';
import type { GitOpsTool } from './gitops';

const HEADER =
  "# The steps of apply.sh, in order: pipeline, namespace, phase, and the phase's Jobs as namespace/name.\n";

/**
 * The script, which is the same for every app, and its steps as lines of words: neither has to be edited, and
 * a shell needs no YAML parser.
 *
 * @internal
 */
export class Kubectl implements GitOpsTool {
  public readonly title = 'kubectl';

  public render(pipelines: readonly PipelineView[]): OutputFile[] {
    const steps = pipelines.flatMap((pipeline) => pipeline.phases.map((phase) => step(pipeline, phase)));
    return [
      { path: 'gitops/kubectl/apply.sh', content: script(), executable: true },
      { path: 'gitops/kubectl/steps.txt', content: HEADER + steps.join('') },
    ];
  }
}

function step(pipeline: PipelineView, phase: PhaseView): string {
  const jobs = phase.objects
    .filter((object) => object.kind === 'Job')
    .map((job) => `${job.metadata.namespace ?? pipeline.namespace}/${job.metadata.name}`);
  return [pipeline.name, pipeline.namespace, phase.folder, ...jobs].join(' ') + '\n';
}

function script(): string {
  return fs.readFileSync(path.join(__dirname, 'apply.sh'), 'utf8');
}
