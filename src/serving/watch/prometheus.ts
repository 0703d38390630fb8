import { Duration } from 'cdk8s';
import type { SecretValue } from 'cdk8s-plus-28';
import { checkFlag, checkKind, checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkLabels } from '../../pod/labels';
import { ANNOTATION } from '../../pod/metadata';
import type { NetworkPeer } from '../../pod/network-peer';
import { addObject } from '../../pod/owner';
import { checkSecretValue } from '../../pod/secret-env';
import { checkFrom, checkSeconds } from '../checks';
import { durationText } from '../duration-text';
import type { ServerTarget } from '../server-target';
import { AlertOptions, AlertSpec, resolveAlerts } from './alert-options';
import type { MonitoringPart } from './monitoring-part';
import { PipelineWatch } from './pipeline-watch';
import { checkExpression, knownMetrics } from './promql';
import { serverAlerts } from './server-alerts';

/** By which object Prometheus finds the pods. */
export enum ScrapeKind {
  /** A PodMonitor. */
  POD_MONITOR = 'PodMonitor',
  /** A ServiceMonitor, for a Prometheus that reads no PodMonitors. */
  SERVICE_MONITOR = 'ServiceMonitor',
}

/** A dashboard for Grafana. */
export interface DashboardOptions {
  /**
   * Whether there is one.
   *
   * @default true
   */
  readonly enabled?: boolean;

  /**
   * The labels by which Grafana's sidecar finds its ConfigMap.
   *
   * @default { grafana_dashboard: '1' }, as Grafana's chart has it
   */
  readonly labels?: { [name: string]: string };

  /**
   * The folder that Grafana shows it in, where its sidecar reads the annotation `grafana_folder`.
   *
   * @default - the sidecar's
   */
  readonly folder?: string;
}

/** How a server is watched by Prometheus. */
export interface PrometheusMonitoringProps {
  /**
   * The pods of Prometheus, which the server's NetworkPolicy lets in. Not for an engine that has no metrics.
   *
   * @default - none, for an engine that has no metrics
   */
  readonly from?: NetworkPeer[];

  /**
   * The key that Prometheus sends where an engine asks for one before it tells its metrics, as llama-server does: one of
   * those that the server accepts, without a line feed in it or at its end, which would make each scrape fail. Needed
   * where the server's `apiKey` is a file of several keys.
   *
   * @default - the server's `apiKey`
   */
  readonly apiKey?: SecretValue;

  /**
   * By which object Prometheus finds the pods.
   *
   * @default ScrapeKind.POD_MONITOR
   */
  readonly kind?: ScrapeKind;

  /**
   * How often they are asked.
   *
   * @default 30 seconds
   */
  readonly interval?: Duration;

  /**
   * Labels by which Prometheus selects monitors and rules: `{ release: 'kube-prometheus-stack' }`.
   *
   * @default - none, for one that selects all
   */
  readonly labels?: { [name: string]: string };

  /** When somebody is told. @default - the defaults of `AlertOptions` */
  readonly alerts?: AlertOptions;

  /** What can be seen. @default - the defaults of `DashboardOptions` */
  readonly dashboard?: DashboardOptions;
}

/** With every default applied. @internal */
export interface PrometheusSpec {
  readonly from?: NetworkPeer[];
  readonly apiKey?: { readonly secret: string; readonly key: string };
  readonly kind: ScrapeKind;
  readonly intervalSeconds: number;
  readonly labels: Record<string, string>;
  readonly alerts: AlertSpec;
  readonly dashboard: {
    readonly enabled: boolean;
    readonly labels: Record<string, string>;
    readonly folder?: string;
  };
}

const WHERE = 'Monitoring.prometheus';

/** @internal */
export function prometheusMonitoring(props: PrometheusMonitoringProps): MonitoringPart {
  checkProps(WHERE, props);
  const spec = resolve(props);
  return { peers: spec.from ?? [], render: (target) => render(spec, target) };
}

function resolve(props: PrometheusMonitoringProps): PrometheusSpec {
  const {
    kind = ScrapeKind.POD_MONITOR,
    interval = Duration.seconds(30),
    labels = {},
    dashboard = {},
  } = props;
  if (!Object.values(ScrapeKind).includes(kind)) {
    throw new InputError(WHERE, 'kind', kind, { allowed: Object.values(ScrapeKind).join(', ') });
  }
  if (dashboard.folder !== undefined) {
    checkKind(
      WHERE,
      'dashboard.folder',
      dashboard.folder,
      (given) => typeof given === 'string' && given !== '',
      {
        allowed: 'the name of a folder',
      },
    );
  }
  return {
    from: props.from === undefined ? undefined : checkFrom(WHERE, props.from),
    apiKey: props.apiKey === undefined ? undefined : checkSecretValue(WHERE, 'apiKey', props.apiKey),
    kind,
    intervalSeconds: checkSeconds(WHERE, 'interval', interval),
    labels: checkLabels(WHERE, 'labels', labels),
    alerts: resolveAlerts(WHERE, props.alerts),
    dashboard: {
      enabled: checkFlag(WHERE, 'dashboard.enabled', dashboard.enabled) ?? true,
      labels: checkLabels(WHERE, 'dashboard.labels', dashboard.labels ?? { grafana_dashboard: '1' }),
      folder: dashboard.folder,
    },
  };
}

function render(spec: PrometheusSpec, target: ServerTarget): void {
  const { owner } = target;
  if (target.metrics && !spec.from) {
    throw new InputError(owner.scope, 'monitoring.from', undefined, {
      allowed: 'who reads the metrics: one NetworkPeer or more',
      advice:
        "The pods of Prometheus: Monitoring.prometheus({ from: [NetworkPeer.namespace('monitoring')] }).",
    });
  }
  if (!target.metrics && spec.from) {
    throw new InputError(owner.scope, 'monitoring.from', 'given', {
      allowed: `nothing, as ${target.engine} has no metrics to read`,
      advice: 'What the cluster knows of the server is watched without: Monitoring.prometheus().',
    });
  }
  if (spec.apiKey && !(target.apiKey && target.metrics?.needApiKey)) {
    throw new InputError(owner.scope, 'monitoring.apiKey', 'given', {
      allowed: `nothing, as ${target.engine} tells its metrics without a key`,
    });
  }
  if (target.metrics) addMonitor(spec, target);
  if (spec.alerts.enabled) addServerRule(spec, target);
  PipelineWatch.of(owner.scope, spec).watch(target);
}

/** Prometheus puts the labels `namespace` and `pod` to what it reads, by the one object as by the other. */
function addMonitor(spec: PrometheusSpec, target: ServerTarget): void {
  const { owner, component, selector, service } = target;
  const apiKey = spec.apiKey ?? target.apiKey;
  const { path, port = 'http', needApiKey } = target.metrics!;
  const endpoint = {
    path,
    interval: durationText(spec.intervalSeconds),
    ...(needApiKey && apiKey
      ? { authorization: { type: 'Bearer', credentials: { name: apiKey.secret, key: apiKey.key } } }
      : {}),
  };
  addObject(owner, 'Monitor', {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: spec.kind,
    name: owner.name,
    component,
    labels: spec.labels,
    annotations: {
      ...target.provenance,
      [ANNOTATION.secrets]:
        spec.apiKey && `${spec.apiKey.secret}/${spec.apiKey.key}=read the metrics of ${owner.name} (API key)`,
    },
    body: {
      spec: {
        selector: { matchLabels: { ...selector } },
        ...(spec.kind === ScrapeKind.POD_MONITOR
          ? { podMetricsEndpoints: [{ port, ...endpoint }] }
          : { endpoints: [{ ...servicePort(service.name, port), ...endpoint }] }),
      },
    },
  });
}

/** The Service has the API's port alone for sure; what it has not, Prometheus finds at its pods all the same. */
function servicePort(service: string, port: string): Record<string, unknown> {
  const keep = (label: string, regex: string) => ({ action: 'keep', sourceLabels: [label], regex });
  // Headless Services of the server's pods have the same labels; each would be read, too.
  const once = keep('__meta_kubernetes_service_name', service);
  return port === 'http'
    ? { port, relabelings: [once] }
    : { relabelings: [once, keep('__meta_kubernetes_pod_container_port_name', port)] };
}

function addServerRule(spec: PrometheusSpec, target: ServerTarget): void {
  const { owner, component } = target;
  const rules = serverAlerts(target, spec.alerts);
  const known = knownMetrics([target]);
  rules.forEach(({ expr }) => checkExpression(owner.scope.node.path, expr, known));
  addObject(owner, 'Alerts', {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    name: owner.name,
    component,
    labels: spec.labels,
    annotations: target.provenance,
    body: { spec: { groups: [{ name: `${owner.namespace}/${owner.name}`, rules }] } },
  });
}
