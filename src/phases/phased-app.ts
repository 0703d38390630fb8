import * as path from 'node:path';
import { App, Chart, Names } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { checkFileHosts, checkHosts } from '../mirror/check';
import { Mirror } from '../mirror/mirror';
import { mirrorOf } from '../mirror/rules';
import { checkKind } from '../pod/checks';
import {
  DEFAULT_KUBERNETES_VERSION,
  KUBERNETES_VERSION_CONTEXT,
  checkKubernetesVersion,
} from '../pod/kubernetes-version';
import { InputError } from '../pod/input-error';
import { ANNOTATION } from '../pod/metadata';
import { phaseChartOf } from '../pod/names';
import { checkObjects, formatViolations } from '../validation/check';
import type { CheckedObject, KubeObject } from '../validation/kube-object';
import { IRule, ownRules } from '../validation/own-rules';
import type { Rule } from '../validation/rule';
import { findDuplicates } from './duplicates';
import { GitOps } from './gitops/gitops';
import { Phase, phaseFolder, phaseName } from './phase';
import { Pipeline, PipelineProps } from './pipeline';
import { renderReadme } from './readme/readme';
import { collect, SynthesizedChart } from './synth/collect';
import { OutputWriter } from './synth/output-writer';
import { stringifyDocuments } from './synth/yaml-writer';
import { OutputFile, PhaseView, PipelineView } from './views';

/** What a `PhasedApp` is told. */
export interface PhasedAppProps {
  /**
   * The tools that apply the files. For each of them, what points it at the pipelines is written to
   * `gitops/`.
   *
   * @default - none
   */
  readonly gitOps?: GitOps[];

  /**
   * The oldest Kubernetes version among the clusters that apply the files, from 1.28 to 1.36: no newer field is used,
   * and what needs one is refused. In 1.28 the front of a `DllamaTopology` is a container like the others, and
   * `ServiceMesh.linkerd()` is refused, because there are no native sidecars.
   *
   * @default 1.31
   */
  readonly kubernetesVersion?: string;

  /**
   * The servers from which everything comes in a network that reaches no others. `synth()` then refuses whatever
   * names another host.
   *
   * @default - none; everything comes from where it is published
   */
  readonly mirror?: Mirror;

  /**
   * The folder that is written to. The environment variable `CDK8S_OUTDIR`, by which the cdk8s command line
   * passes its own, comes first.
   *
   * @default dist
   */
  readonly outdir?: string;

  /**
   * Rules of your own, which every object must keep besides those of this library: `synth()` refuses what breaks
   * them.
   *
   * @default - none
   */
  readonly rules?: IRule[];
}

/**
 * A cdk8s app whose charts are the phases of pipelines, each in a folder of its own:
 * `<outdir>/<pipeline>/<10-download>/`. Argo CD, Flux or kubectl apply them in order; the completion of one
 * phase's Jobs opens the next.
 *
 * `synth()` also checks every object, and writes a README.md for the person who reviews the change.
 */
export class PhasedApp extends App {
  /** The Kubernetes version that the files are for. */
  public readonly kubernetesVersion: string;

  private readonly gitOps: GitOps[];
  private readonly mirror?: Mirror;
  private readonly rules: readonly Rule[];

  /**
   * @throws when this library does not know the Kubernetes version, or a tool or a rule is given twice
   */
  constructor(props: PhasedAppProps = {}) {
    // No metadata file: a GitOps tool would take it for an object.
    super({ outdir: process.env.CDK8S_OUTDIR ?? props.outdir ?? 'dist', recordConstructMetadata: false });
    const version = props.kubernetesVersion ?? DEFAULT_KUBERNETES_VERSION;
    checkKubernetesVersion('PhasedApp', version);
    this.kubernetesVersion = version;
    this.node.setContext(KUBERNETES_VERSION_CONTEXT, version);
    this.gitOps = checkTools(props.gitOps ?? []);
    this.rules = ownRules('PhasedApp', props.rules);
    this.mirror = checkMirror(props.mirror);
    this.mirror?._set(this);
  }

  /**
   * Adds a pipeline: all that one model needs, from source to endpoint.
   *
   * @param name names its folder and its objects
   * @throws when the name cannot be one, or another pipeline has it
   */
  public pipeline(name: string, props: PipelineProps): Pipeline {
    return new Pipeline(this, name, props);
  }

  /**
   * Writes the files.
   *
   * @throws when a construct is not valid, when two objects have one identity, when an object breaks a rule, or
   * when something names a host that the mirror does not cover: nothing is written then
   */
  public override synth(): void {
    const charts = collect(this);
    const duplicates = findDuplicates(charts);
    if (duplicates.length) throw new Error(duplicates.join('\n'));
    const phases = phasesOf(charts);
    for (const { phase, charts: inPhase } of phases) inPhase.forEach((chart) => addWaves(chart, phase));
    this.check(charts);

    const pipelines = viewsOf(phases);
    const toolFiles = this.gitOps.flatMap((tool) =>
      tool._render(pipelines, stringifyDocuments, mirrorOf(this)),
    );
    if (this.mirror) this.checkHosts(this.mirror, charts, toolFiles);
    const writer = new OutputWriter(path.resolve(this.outdir));
    for (const file of this.files(charts, phases, pipelines, toolFiles)) {
      writer.write(file.path, file.content, file.executable ? 0o755 : undefined);
    }
    writer.finish();
  }

  /** Checks each pipeline, and each chart outside of pipelines, as the set of objects that is applied together. */
  private check(charts: SynthesizedChart[]): void {
    const sets = new Map<IConstruct, SynthesizedChart[]>();
    for (const chart of charts) {
      const owner = phaseChartOf(chart.chart)?.node.scope ?? chart.chart;
      const set = sets.get(owner);
      if (set) set.push(chart);
      else sets.set(owner, [chart]);
    }
    const violations = [...sets.values()].flatMap((set) =>
      checkObjects(
        set.flatMap((chart) => checkedObjects(chart)),
        { kubernetesVersion: this.kubernetesVersion, foreignRules: 'essential', rules: this.rules },
      ),
    );
    if (violations.length) throw new Error(formatViolations(violations));
  }

  /** Refuses what names a host that the mirror does not cover. */
  private checkHosts({ _rules: rules }: Mirror, charts: SynthesizedChart[], files: OutputFile[]): void {
    const found = [
      ...checkHosts(
        charts.flatMap((chart) => checkedObjects(chart)),
        rules,
      ),
      ...files.flatMap(({ path: file, content }) => checkFileHosts(file, content, rules)),
    ];
    if (found.length) throw new Error(found.join('\n'));
  }

  private *files(
    charts: SynthesizedChart[],
    phases: PhaseCharts[],
    pipelines: PipelineView[],
    toolFiles: OutputFile[],
  ): Iterable<OutputFile> {
    const extension = this.outputFileExtension;
    for (const { pipeline, phase, charts: inPhase } of phases) {
      for (const { chart, objects } of inPhase) {
        if (objects.length === 0) continue;
        const name = phaseChartOf(chart) === chart ? phaseName(phase) : Names.toDnsLabel(chart);
        yield {
          path: `${pipeline.name}/${phaseFolder(phase)}/${name}${extension}`,
          content: stringifyDocuments(objects.map((o) => o.manifest as unknown)),
        };
      }
    }
    // Charts outside of pipelines, where cdk8s itself would write them.
    const others: string[] = [];
    for (const { chart, objects } of charts) {
      if (phaseChartOf(chart) || objects.length === 0) continue;
      others.push(`${Names.toDnsLabel(chart)}${extension}`);
      yield {
        path: others[others.length - 1],
        content: stringifyDocuments(objects.map((o) => o.manifest as unknown)),
      };
    }
    yield* toolFiles;
    yield {
      path: 'README.md',
      content: renderReadme(pipelines, {
        kubernetesVersion: this.kubernetesVersion,
        gitops: this.gitOps.map((tool) => tool._title),
        others,
        mirror: this.mirror?._rules,
      }),
    };
  }
}

function checkedObjects({ objects }: SynthesizedChart): CheckedObject[] {
  return objects.map((o) => ({ object: o.manifest as KubeObject, where: o.apiObject.node.path }));
}

function checkMirror(mirror: Mirror | undefined): Mirror | undefined {
  if (mirror === undefined) return undefined;
  return checkKind('PhasedApp', 'mirror', mirror, (given) => given instanceof Mirror, {
    allowed: 'a Mirror',
    advice: "Make one: new Mirror({ defaultRegistry: 'registry.example.com/{registry}', ... }).",
  });
}

/** Two of one tool would write the same files. */
function checkTools(tools: GitOps[]): GitOps[] {
  const titles = tools.map((tool) => tool._title);
  const twice = titles.find((title, index) => titles.indexOf(title) !== index);
  if (twice !== undefined) {
    throw new InputError('PhasedApp', 'gitOps', titles, {
      allowed: 'each tool once',
      advice: `Give ${twice} once.`,
    });
  }
  return tools;
}

/** A phase of a pipeline: its own chart, and the charts that stand in it. */
interface PhaseCharts {
  readonly pipeline: Pipeline;
  readonly phase: Phase;
  readonly charts: SynthesizedChart[];
}

/** Pipeline by pipeline, each with its phases in order. */
function phasesOf(charts: SynthesizedChart[]): PhaseCharts[] {
  const byPhaseChart = new Map<Chart, SynthesizedChart[]>();
  const pipelines = new Set<Pipeline>();
  for (const chart of charts) {
    const phaseChart = phaseChartOf(chart.chart);
    if (!phaseChart) continue;
    pipelines.add(phaseChart.node.scope as Pipeline);
    const others = byPhaseChart.get(phaseChart);
    if (others) others.push(chart);
    else byPhaseChart.set(phaseChart, [chart]);
  }
  return [...pipelines].flatMap((pipeline) =>
    pipeline
      ._phases()
      .map(({ phase, chart }) => ({ pipeline, phase, charts: byPhaseChart.get(chart) ?? [] })),
  );
}

/** What the user adds to a phase is applied with it, even if it knows nothing of phases. */
function addWaves(chart: SynthesizedChart, phase: Phase): void {
  for (const { manifest } of chart.objects) {
    const { metadata } = manifest as KubeObject;
    if (metadata.annotations?.[ANNOTATION.syncWave] !== undefined) continue;
    metadata.annotations = { [ANNOTATION.syncWave]: String(phase), ...metadata.annotations };
  }
}

function viewsOf(phases: PhaseCharts[]): PipelineView[] {
  const views = new Map<Pipeline, PhaseView[]>();
  for (const { pipeline, phase, charts } of phases) {
    const objects = charts.flatMap((chart) => chart.objects.map((o) => o.manifest as KubeObject));
    const others = views.get(pipeline) ?? [];
    views.set(
      pipeline,
      objects.length ? [...others, { phase, folder: phaseFolder(phase), objects }] : others,
    );
  }
  return [...views].map(([pipeline, view]) => ({
    name: pipeline.name,
    namespace: pipeline.namespace,
    phases: view,
  }));
}
