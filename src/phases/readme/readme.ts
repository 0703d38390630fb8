import type { MirrorRules } from '../../mirror/rules';
import { PipelineView, queuedJobs } from '../views';
import { bytesText } from './amounts';
import { artifactTable } from './artifacts';
import { claimedBytes, claimTable } from './claims';
import { ClusterNeeds } from './cluster-needs';
import { amountCells, computeTable } from './compute';
import { ConfigMaps } from './config-maps';
import { diagram } from './diagram';
import { endpointTable } from './endpoints';
import { Images } from './images';
import { code, table, text } from './markdown';
import { mirrorSection } from './mirror';
import { networkTable } from './network';
import { OptOuts } from './opt-outs';
import { PipelineModel } from './pipeline-model';
import { Secrets } from './secrets';
import { ServiceAccounts } from './service-accounts';

/** So many pipelines are drawn and told one by one; a reviewer of more reads the summary. */
const DETAILED = 20;

/** What the README says besides what the objects say. @internal */
export interface ReadmeOptions {
  /** The target version, such as `1.31`. */
  readonly kubernetesVersion: string;
  /** The titles of the GitOps tools in use. */
  readonly gitops: readonly string[];
  /** Files that belong to no pipeline: what the tools are pointed at does not hold them. */
  readonly others: readonly string[];
  /** The rules of the app's mirror. @default - it has none */
  readonly mirror?: MirrorRules;
}

/**
 * The README of the output, for the person who reviews the change: what was made, drawn and in tables. All of
 * it is read from the objects themselves.
 *
 * @internal
 */
export function renderReadme(all: readonly PipelineView[], options: ReadmeOptions): string {
  const pipelines = all.filter((pipeline) => pipeline.phases.length > 0);
  const minor = Number(options.kubernetesVersion.split('.')[1]);
  const images = new Images();
  const secrets = new Secrets();
  const configMaps = new ConfigMaps();
  const serviceAccounts = new ServiceAccounts();
  const optOuts = new OptOuts();
  const clusterNeeds = new ClusterNeeds();
  const rows: string[][] = [];
  const details: string[] = [];
  for (const view of pipelines) {
    const pipeline = new PipelineModel(view, minor);
    images.add(pipeline);
    secrets.add(pipeline);
    configMaps.add(pipeline);
    serviceAccounts.add(pipeline);
    optOuts.add(pipeline);
    clusterNeeds.add(pipeline);
    rows.push(summaryRow(pipeline));
    if (details.length < DETAILED) details.push(pipelineSection(pipeline));
  }
  const sections = [
    introduction(pipelines.length, options),
    `## Pipelines\n\n${table(SUMMARY, rows, 'None.')}${SUMMARY_NOTE}`,
    ...(clusterNeeds.size > 0 ? [`## What the cluster must have\n\n${clusterNeeds.table()}`] : []),
    `## Secrets that must exist\n\n${secrets.table()}`,
    ...(configMaps.size > 0 ? [`## ConfigMaps that must exist\n\n${configMaps.table()}`] : []),
    ...(serviceAccounts.size > 0 ? [`## ServiceAccounts that must exist\n\n${serviceAccounts.table()}`] : []),
    `## Images\n\n${images.table()}`,
    ...(options.mirror ? [`## Mirror\n\n${mirrorSection(options.mirror)}`] : []),
    `## Opt-outs from Pod Security \`restricted\`\n\n${optOuts.table()}`,
    `## How to apply\n\n${applySection(pipelines, options.gitops)}${othersNote(options.others)}`,
    `## How to run a failed Job again\n\n${rerunSection(options.gitops)}`,
    ...(pipelines.length > DETAILED ? [detailsNote(pipelines.length)] : []),
    ...details,
  ];
  return sections.join('\n');
}

function introduction(count: number, { kubernetesVersion, gitops }: ReadmeOptions): string {
  const tools = gitops.length > 0 ? ` Ready for ${gitops.map(text).join(', ')}.` : '';
  return `# What was synthesized

${count} ${count === 1 ? 'pipeline' : 'pipelines'} for Kubernetes ${text(kubernetesVersion)}.${tools}

Made by cdk8s-llm from the same objects as the YAML beside it. Do not edit: the next synth writes it anew.
`;
}

function othersNote(others: readonly string[]): string {
  if (others.length === 0) return '';
  return `
**By no tool**: ${others.map(code).join(', ')}. They belong to no pipeline; apply them as you do your other files, before
the pipelines that need them.
`;
}

const SUMMARY = ['pipeline', 'namespace', 'phases', 'CPU', 'memory', 'GPUs', 'claims'];
const SUMMARY_NOTE = `
CPU, memory and GPUs: the most that is requested at one time, when Jobs prepare a new model while the old one
serves.
`;

function summaryRow(pipeline: PipelineModel): string[] {
  return [
    code(pipeline.name),
    code(pipeline.namespace),
    pipeline.phases.map(({ folder }) => folder).join(', '),
    ...amountCells(pipeline.mostAtOnce()),
    bytesText(claimedBytes(pipeline)),
  ];
}

function detailsNote(count: number): string {
  return `## Details

Drawn and told one by one are the first ${DETAILED} of ${count} pipelines. All of them are in the tables above; the objects of
each are in its folder.
`;
}

function pipelineSection(pipeline: PipelineModel): string {
  return `## Pipeline ${text(pipeline.name)}

Namespace ${code(pipeline.namespace)}. A thick arrow: a phase is applied when the one before it is complete. A dotted arrow: a
pod waits until the artifact is there and whole, in whatever order things were applied.

\`\`\`mermaid
${diagram(pipeline)}\`\`\`

### Artifacts of ${text(pipeline.name)}

${artifactTable(pipeline)}
### Claims of ${text(pipeline.name)}

${claimTable(pipeline)}
### CPU, memory and GPUs of ${text(pipeline.name)}

What is requested, and the scheduler must find.

${computeTable(pipeline)}
### Endpoints of ${text(pipeline.name)}

${endpointTable(pipeline)}
### Network openings of ${text(pipeline.name)}

What is not in this table is closed, in clusters whose network plugin enforces NetworkPolicies.

${networkTable(pipeline)}`;
}

const APPLY: Record<string, string> = {
  'Argo CD': `**Argo CD**: commit this folder, then \`kubectl apply -f gitops/argocd/\`: once, and again when a pipeline is new. Or let
an Application of yours take that folder: then a commit is all it takes.
`,
  Flux: `**Flux**: commit this folder, then \`kubectl apply -f gitops/flux/\`: once, and again when a pipeline or a phase is new. Or
let a Kustomization of yours take that folder, without \`wait: true\`: then a commit is all it takes.
`,
  kubectl: `**kubectl**: \`gitops/kubectl/apply.sh --dry-run\` says what would be done, \`gitops/kubectl/apply.sh\` does it.
`,
};

const APPLY_BY_HAND = `Apply the folders of a pipeline in the order of their numbers with \`kubectl apply --server-side -f\`, each when all
Jobs of the one before it are complete.
`;

/** What Argo CD must be told once where Kueue holds Jobs back. */
const QUEUED_JOBS = `Before that, once, by whoever administers Argo CD: what \`gitops/argocd/job-health.patch\` says at its head. Without it
Argo CD opens the next phase while a Job that Kueue has admitted still runs.
`;

function applySection(pipelines: readonly PipelineView[], gitops: readonly string[]): string {
  const queued = pipelines.some((pipeline) => queuedJobs(pipeline).length > 0);
  const ways = gitops.flatMap((title) => [
    ...(title in APPLY ? [APPLY[title]] : []),
    ...(title === 'Argo CD' && queued ? [QUEUED_JOBS] : []),
  ]);
  return ways.length > 0 ? ways.join('\n') : APPLY_BY_HAND;
}

const RERUN: Record<string, string> = {
  'Argo CD': '- Argo CD: `kubectl delete job`, then `argocd app sync`.\n',
  Flux: '- Flux: `kubectl delete job`, then `flux reconcile kustomization`.\n',
  kubectl: '- kubectl: `kubectl delete job`, then `gitops/kubectl/apply.sh`.\n',
};

function rerunSection(gitops: readonly string[]): string {
  const ways = gitops.flatMap((title) => RERUN[title] ?? []);
  return `A failed Job stays failed, and no tool starts it again by itself. Its log and its pod's termination message say why.
When the cause is gone, raise \`attempt\` of its construct, synthesize and commit: the Job gets a new name and runs. What
is there and whole is not fetched or made again. Or, without a commit:

${ways.length > 0 ? ways.join('') : '- `kubectl delete job`, then apply its folder again.\n'}`;
}
