import { ApiObject, Chart, Lazy } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { Phase, PHASES } from '../../phases/phase';
import type { Pipeline } from '../../phases/pipeline';
import { canonicalJson } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import { ANNOTATION } from '../../pod/metadata';
import { phaseChartOf } from '../../pod/names';
import { addObject, Owner, ownerOf } from '../../pod/owner';
import type { ServerTarget } from '../server-target';
import { dashboard } from './dashboard';
import { panelsOf } from './panels';
import { pipelineAlerts, PipelineParts } from './pipeline-alerts';
import type { PrometheusSpec } from './prometheus';
import { checkExpression, knownMetrics } from './promql';

/** By the pipeline, or by the plain chart. */
const watches = new WeakMap<IConstruct, PipelineWatch>();

/**
 * What is watched of a pipeline as a whole: its Jobs, its claims, and all its servers on one dashboard. Made by the first
 * server that is watched. What it says is known at synth, when all constructs of the pipeline are there.
 *
 * It stands in the first phase: an alert of a failed download that came with the server would come never.
 *
 * @internal
 */
export class PipelineWatch extends Construct {
  /** @throws when another server has it watched in another way */
  public static of(server: Construct, spec: PrometheusSpec): PipelineWatch {
    const chart = phaseChartOf(server);
    const root: IConstruct = chart ? chart.node.scope! : Chart.of(server);
    let watch = watches.get(root);
    if (!watch) watches.set(root, (watch = new PipelineWatch(firstChart(root, chart), root, spec)));
    if (watch.way !== wayOf(spec)) {
      throw new InputError(server, 'monitoring', 'other labels, alerts or another dashboard', {
        allowed: `those of ${watch.servers[0].owner.scope.node.path}`,
        advice:
          'A pipeline has one dashboard and one set of alerts: give all its servers the same Monitoring.',
      });
    }
    return watch;
  }

  private readonly servers: ServerTarget[] = [];
  private readonly owner: Owner;
  private readonly way: string;

  private constructor(
    chart: Chart,
    private readonly root: IConstruct,
    private readonly spec: PrometheusSpec,
  ) {
    super(chart, 'monitoring');
    this.way = wayOf(spec);
    this.owner = ownerOf(this, 'monitoring', Phase.DOWNLOAD, PHASES);
    if (spec.alerts.enabled) this.addRule();
    if (spec.dashboard.enabled) this.addDashboard();
  }

  public watch(server: ServerTarget): void {
    this.servers.push(server);
  }

  private addRule(): void {
    const { owner, spec } = this;
    addObject(owner, 'Alerts', {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      name: owner.name,
      component: 'alerts',
      labels: spec.labels,
      body: {
        spec: {
          groups: [
            {
              name: `${owner.namespace}/${owner.name}`,
              rules: Lazy.any({ produce: () => this.rules() }) as unknown,
            },
          ],
        },
      },
    });
  }

  private rules(): unknown[] {
    const rules = pipelineAlerts(this.parts(), this.spec.alerts);
    rules.forEach(({ expr }) => checkExpression(this.node.path, expr, knownMetrics([])));
    return rules;
  }

  private addDashboard(): void {
    const { owner } = this;
    const { labels, folder } = this.spec.dashboard;
    addObject(owner, 'Dashboard', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      // Without a hash: Grafana's sidecar, which removes the file of a ConfigMap that goes, would remove that of a new
      // name with the old one (kiwigrid/k8s-sidecar#30).
      name: `${owner.name}-dashboard`,
      component: 'dashboard',
      labels,
      annotations: {
        grafana_folder: folder,
        [ANNOTATION.fluxSubstitute]: 'disabled',
        [ANNOTATION.syncOptions]: 'PruneLast=true',
      },
      body: {
        data: {
          [`${owner.namespace}-${owner.pipeline}.json`]: Lazy.any({
            produce: () => this.dashboardText(),
          }) as unknown,
        },
      },
    });
  }

  private dashboardText(): string {
    const parts = this.parts();
    const panels = panelsOf(parts, this.servers);
    const known = knownMetrics(this.servers);
    panels.forEach(({ queries }) =>
      queries.forEach(({ expr }) => checkExpression(this.node.path, expr, known)),
    );
    return `${JSON.stringify(dashboard(parts, panels), null, 1)}\n`;
  }

  private parts(): PipelineParts {
    const objects = this.root.node.findAll().filter((each): each is ApiObject => ApiObject.isApiObject(each));
    const names = (kind: string) => objects.flatMap((each) => (each.kind === kind ? [each.name] : []));
    return {
      pipeline: this.owner.pipeline,
      namespace: this.owner.namespace,
      jobs: names('Job'),
      claims: [
        ...new Set([...names('PersistentVolumeClaim'), ...this.servers.flatMap(({ claims }) => claims)]),
      ].sort(),
    };
  }
}

/** The first phase that has anything yet: a server comes after what makes its model. */
function firstChart(root: IConstruct, chart: Chart | undefined): Chart {
  return chart ? (root as Pipeline)._phases()[0].chart : (root as Chart);
}

/** What all servers of a pipeline have to agree on. */
function wayOf({ labels, alerts, dashboard: board }: PrometheusSpec): string {
  return canonicalJson({ labels, alerts, board });
}
