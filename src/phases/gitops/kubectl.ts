import * as fs from 'node:fs';
import * as path from 'node:path';
import { LABEL } from '../../pod/metadata';
import type { OutputFile, PhaseView, PipelineView } from '../views';
import type { GitOpsTool } from './gitops';

const HEADER =
  "# The steps of apply.sh, in order: pipeline, namespace, phase, the phase's Jobs as namespace/name, what has to be\n" +
  '# rolled out before the next phase as kind:namespace/name, and the Services of tests as service:namespace/name.\n';

/**
 * The script, which is the same for every app, and its steps as lines of words: neither has to be edited, and
 * a shell needs no YAML parser.
 *
 * @internal
 */
export class Kubectl implements GitOpsTool {
  public readonly title = 'kubectl';

  public render(pipelines: readonly PipelineView[]): OutputFile[] {
    const steps = pipelines.flatMap((pipeline) =>
      pipeline.phases.map((phase, index) => step(pipeline, phase, index === pipeline.phases.length - 1)),
    );
    return [
      { path: 'gitops/kubectl/apply.sh', content: script(), executable: true },
      { path: 'gitops/kubectl/steps.txt', content: HEADER + steps.join('') },
    ];
  }
}

/** The component of smoke tests, which apply.sh knows by it, too. */
const VERIFY = 'verify';

/** What kubectl can wait for besides Jobs. */
const ROLLED_OUT = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

/** @param isLast nothing comes after it that must not meet the pods of before: a smoke test, for instance */
function step(pipeline: PipelineView, phase: PhaseView, isLast: boolean): string {
  const jobs: string[] = [];
  const rollouts: string[] = [];
  const tested: string[] = [];
  for (const { kind, metadata } of phase.objects) {
    const name = `${metadata.namespace ?? pipeline.namespace}/${metadata.name}`;
    if (kind === 'Job') jobs.push(name);
    // Each version of a server has another one: those that no step names are old.
    if (kind === 'Service' && metadata.labels?.[LABEL.component] === VERIFY) tested.push(`service:${name}`);
    if (ROLLED_OUT.has(kind) && !isLast) rollouts.push(`${kind.toLowerCase()}:${name}`);
  }
  return [pipeline.name, pipeline.namespace, phase.folder, ...jobs, ...rollouts, ...tested].join(' ') + '\n';
}

function script(): string {
  return fs.readFileSync(path.join(__dirname, 'apply.sh'), 'utf8');
}
