import { Chart, Duration } from 'cdk8s';
import { ConfigMap, Secret } from 'cdk8s-plus-28';
import { DllamaConversion, NetworkPeer, PhasedApp } from '../../../src';
import { LLAMA_METRICS } from '../../../src/engines/llama/metrics';
import { Monitoring } from '../../../src/serving/monitoring';
import { ScrapeKind } from '../../../src/serving/watch/prometheus';
import { cache, downloaded, sharedClaim, topology } from '../../support/models';
import { container, objectsOf, ofKind, plainChart, the, violationsOf } from '../../support/objects';
import { checkedObjects, inferenceServer, pipelineFor, served, sharedModel } from '../../support/servers';
import {
  asked,
  dashboardOf,
  monitoring,
  PROMETHEUS,
  rulesOf,
  vllm,
  watchedPipeline,
  watchedVllm,
} from './watched';

const METRICS = { running: 'acme_running', waiting: 'acme_waiting' };

describe('Prometheus finds the pods', () => {
  const labels = { release: 'prometheus' };

  test('by a PodMonitor that names them, their port and the path', () => {
    const objects = watchedVllm({ monitoring: monitoring({ labels, interval: Duration.minutes(2) }) });
    const deployment = the(objects, 'Deployment');
    const monitor = the(objects, 'PodMonitor', 'qwen-chat');
    expect(monitor.metadata.labels).toMatchObject(labels);
    expect(monitor.spec).toEqual({
      selector: deployment.spec.selector as object,
      podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval: '2m' }],
    });
    expect(container(deployment, 'vllm').ports).toEqual([expect.objectContaining({ name: 'http' })]);
  });

  test('by a ServiceMonitor that reads one Service of several', () => {
    const pipeline = pipelineFor();
    const weights = cache(pipeline.download).artifact;
    topology(pipeline.serve, {
      model: weights,
      modelFile: 'm.m',
      tokenizerFile: 't.t',
      weights: 'q40' as never,
      monitoring: monitoring({ kind: ScrapeKind.SERVICE_MONITOR }),
    });
    const objects = checkedObjects(pipeline);
    const { selector, endpoints } = the(objects, 'ServiceMonitor', 'qwen-chat').spec;
    const selected = ofKind(objects, 'Service').filter(({ metadata }) =>
      Object.entries(selector.matchLabels as object).every(
        ([key, value]) => metadata.labels?.[key] === value,
      ),
    );
    expect(selected.length).toBeGreaterThan(1);
    expect(endpoints).toEqual([
      {
        port: 'http',
        path: '/metrics',
        interval: '30s',
        relabelings: [
          { action: 'keep', sourceLabels: ['__meta_kubernetes_service_name'], regex: 'qwen-chat' },
        ],
      },
    ]);
    expect(selected.map(({ metadata }) => metadata.name)).toContain('qwen-chat');
  });

  test('at the port that the metrics have', () => {
    const objects = served({
      ports: [{ name: 'metrics', containerPort: 9000 }],
      metrics: { ...METRICS, port: 'metrics', path: '/m' },
      monitoring: monitoring(),
    });
    expect(the(objects, 'PodMonitor').spec.podMetricsEndpoints).toEqual([
      { port: 'metrics', path: '/m', interval: '30s' },
    ]);
    const { ingress } = the(objects, 'NetworkPolicy', 'qwen-chat-server').spec;
    expect(ingress).toContainEqual({ from: [PROMETHEUS._peer], ports: [{ protocol: 'TCP', port: 9000 }] });
  });

  test('at that port by a ServiceMonitor, too, though the Service does not have it', () => {
    const objects = served({
      ports: [{ name: 'metrics', containerPort: 9000 }],
      metrics: { ...METRICS, port: 'metrics' },
      monitoring: monitoring({ kind: ScrapeKind.SERVICE_MONITOR }),
    });
    const [endpoint] = the(objects, 'ServiceMonitor').spec.endpoints as {
      port?: string;
      relabelings: unknown[];
    }[];
    expect(endpoint.port).toBeUndefined();
    expect(endpoint.relabelings).toContainEqual({
      action: 'keep',
      sourceLabels: ['__meta_kubernetes_pod_container_port_name'],
      regex: 'metrics',
    });
  });

  test('with the API key, where the engine asks for it', () => {
    const pipeline = pipelineFor();
    const target = inferenceServer(pipeline.serve, { model: sharedModel(pipeline) })._target;
    monitoring()._render({ ...target, metrics: LLAMA_METRICS, apiKey: { secret: 'keys', key: 'chat' } });
    expect(the(checkedObjects(pipeline), 'PodMonitor').spec.podMetricsEndpoints).toEqual([
      {
        port: 'http',
        path: '/metrics',
        interval: '30s',
        authorization: { type: 'Bearer', credentials: { name: 'keys', key: 'chat' } },
      },
    ]);
  });

  test('and shows a key of its own, where the server accepts several', () => {
    const pipeline = pipelineFor();
    const target = inferenceServer(pipeline.serve, { model: sharedModel(pipeline) })._target;
    const secret = Secret.fromSecretName(pipeline.serve, 'metrics-key', 'metrics-key');
    const ownKey = monitoring({ apiKey: { secret, key: 'token' } });
    ownKey._render({ ...target, metrics: LLAMA_METRICS, apiKey: { secret: 'keys', key: 'all' } });
    const monitor = the(checkedObjects(pipeline), 'PodMonitor');
    expect(monitor.spec.podMetricsEndpoints[0].authorization.credentials).toEqual({
      name: 'metrics-key',
      key: 'token',
    });
    expect(monitor.metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'metrics-key/token=read the metrics of qwen-chat (API key)',
    );
    expect(() => ownKey._render({ ...target, metrics: LLAMA_METRICS, apiKey: undefined })).toThrow(
      /'monitoring\.apiKey' is 'given'; allowed: nothing, as acme tells its metrics without a key/,
    );
  });

  test('and is let in to a topology, too', () => {
    const objects = watchedPipeline();
    const { ingress } = the(objects, 'NetworkPolicy', 'qwen-chat-root').spec;
    expect(ingress[0].from).toContainEqual(PROMETHEUS._peer);
  });
});

describe('what is watched of a pipeline as a whole', () => {
  test('comes with its first phase, so that a failed download is told of', () => {
    const objects = watchedPipeline();
    for (const [kind, name] of [
      ['PrometheusRule', 'qwen-monitoring'],
      ['ConfigMap', 'qwen-monitoring-dashboard'],
    ]) {
      expect(the(objects, kind, name).metadata.annotations?.['argocd.argoproj.io/sync-wave']).toBe('10');
    }
    expect(
      the(objects, 'PrometheusRule', 'qwen-chat').metadata.annotations?.['argocd.argoproj.io/sync-wave'],
    ).toBe('40');
  });

  test('knows all Jobs and claims, those that come after the server as well', () => {
    const pipeline = pipelineFor();
    vllm(pipeline, { smokeTest: {} });
    cache(pipeline.download, { store: sharedClaim() }, 'late');
    const objects = checkedObjects(pipeline);
    const { LlmJobFailed, LlmClaimNearlyFull } = rulesOf(objects, 'qwen-monitoring');
    const jobs = ofKind(objects, 'Job').map(({ metadata }) => metadata.name);
    expect(jobs).toHaveLength(3);
    expect(
      LlmJobFailed.expr
        .match(/job_name=~"([^"]*)"/)?.[1]
        .split('|')
        .sort(),
    ).toEqual(jobs.sort());
    // Of containers and init containers alike.
    expect(LlmJobFailed.annotations.description).toContain('-o jsonpath={..terminated.message}');
    const claims = ofKind(objects, 'PersistentVolumeClaim').map(({ metadata }) => metadata.name);
    expect(claims).toHaveLength(2);
    expect(LlmClaimNearlyFull.expr.match(/persistentvolumeclaim=~"([^"]*)"/)?.[1].split('|')).toEqual(
      claims.sort(),
    );
  });

  test('is there once, with all servers on one dashboard', () => {
    const objects = watchedPipeline();
    expect(
      ofKind(objects, 'ConfigMap').filter(({ metadata }) => metadata.labels?.grafana_dashboard),
    ).toHaveLength(1);
    expect(asked(objects, 'Tokens').join()).toMatch(
      /dllama_front_generated_tokens_total.*vllm:generation_tokens_total/,
    );
  });

  test('is found by the labels of Prometheus and of Grafana', () => {
    const objects = watchedVllm({
      monitoring: monitoring({
        labels: { release: 'prometheus' },
        dashboard: { labels: { dashboards: 'llm' }, folder: 'Models' },
        alerts: { labels: { team: 'ml' } },
      }),
    });
    for (const rule of ofKind(objects, 'PrometheusRule')) {
      expect(rule.metadata.labels).toMatchObject({ release: 'prometheus' });
    }
    const { labels, annotations } = the(objects, 'ConfigMap', /dashboard$/).metadata;
    expect(labels).toMatchObject({ dashboards: 'llm' });
    expect(labels).not.toHaveProperty('grafana_dashboard');
    expect(annotations).toMatchObject({
      grafana_folder: 'Models',
      'kustomize.toolkit.fluxcd.io/substitute': 'disabled',
    });
    expect(rulesOf(objects, 'qwen-monitoring').LlmJobFailed.labels).toEqual({
      namespace: 'llm',
      pipeline: 'qwen',
      severity: 'warning',
      team: 'ml',
    });
  });

  test('is one for all servers of a pipeline', () => {
    const pipeline = pipelineFor();
    vllm(pipeline, {}, 'one');
    expect(() => vllm(pipeline, { monitoring: monitoring({ alerts: { restarts: 9 } }) }, 'two')).toThrow(
      "qwen/serve/two: 'monitoring' is 'other labels, alerts or another dashboard'; allowed: those of qwen/serve/one",
    );
    // Who reads them, how and how often may differ.
    vllm(
      pipeline,
      { monitoring: monitoring({ from: [NetworkPeer.namespace('other')], interval: Duration.minutes(1) }) },
      'three',
    );
  });

  test('keeps its name, and the dashboard its address', () => {
    const [before, after] = [watchedVllm(), watchedVllm({ replicas: 3 })].map(
      (objects) => dashboardOf(objects).uid as string,
    );
    expect(after).toBe(before);
  });

  test('is the same in every synth', () => {
    const pipeline = pipelineFor();
    vllm(pipeline);
    const [first, second] = [1, 2].map(() => JSON.stringify(checkedObjects(pipeline)));
    expect(second).toBe(first);
  });

  test.each(['1.28', '1.31', '1.34'])('keeps all rules in Kubernetes %s', (version) => {
    expect(() => watchedPipeline(version)).not.toThrow();
  });

  test('stands with the rest in a chart that knows nothing of phases', () => {
    const chart = plainChart();
    inferenceServer(chart, { model: downloaded(chart), metrics: METRICS, monitoring: monitoring() });
    const objects = objectsOf(chart);
    expect(violationsOf(objects)).toBe('');
    expect(
      the(objects, 'PrometheusRule', 'models-monitoring').metadata.annotations?.[
        'argocd.argoproj.io/sync-wave'
      ],
    ).toBe('10');
    expect(dashboardOf(objects).title).toBe('models (llm)');
  });
});

describe('a part of it', () => {
  test('can be left out', () => {
    const without = watchedVllm({ monitoring: monitoring({ alerts: { enabled: false } }) });
    expect(ofKind(without, 'PrometheusRule')).toEqual([]);
    expect(dashboardOf(without).panels).not.toEqual([]);
    const undrawn = watchedVllm({ monitoring: monitoring({ dashboard: { enabled: false } }) });
    expect(
      ofKind(undrawn, 'ConfigMap').filter(({ metadata }) => /dashboard/.test(metadata.name ?? '')),
    ).toEqual([]);
    expect(ofKind(undrawn, 'PrometheusRule')).toHaveLength(2);
  });

  test('is there for an engine without metrics: what the cluster knows of it', () => {
    const objects = served({ monitoring: Monitoring.prometheus() });
    expect(ofKind(objects, 'PodMonitor')).toEqual([]);
    expect(Object.keys(rulesOf(objects, 'qwen-chat'))).toEqual([
      'LlmServerDown',
      'LlmServerDegraded',
      'LlmServerRestarting',
    ]);
    expect(asked(objects, 'Copies')).toHaveLength(2);
  });
});

describe('Monitoring.prometheus refuses', () => {
  test.each([
    ['nobody', { from: [] }, "'from' is"],
    ['nobody in another way', { from: '' as never }, "'from' is 'a string'"],
    ['a key that is none', { apiKey: '' as never }, "'apiKey' is 'a string'"],
    ['another object', { kind: 'Probe' as ScrapeKind }, 'PodMonitor, ServiceMonitor'],
    ['no time', { interval: Duration.millis(500) }, "'interval in seconds' is 0.5"],
    ['labels that cannot be', { labels: { 'a b': 'c' } }, "'key in labels' is 'a b'"],
    [
      'labels of alerts that there are',
      { alerts: { labels: { severity: 'page' } } },
      "'name in alerts.labels' is 'severity'",
    ],
    ['shares above all', { alerts: { kvCachePercent: 100 } }, "'alerts.kvCachePercent' is 100"],
    ['half a request', { alerts: { waitingRequests: 0.5 } }, "'alerts.waitingRequests' is 0.5"],
    ['text for a switch', { dashboard: { enabled: 'false' as never } }, "'dashboard.enabled' is 'false'"],
    ['a folder without a name', { dashboard: { folder: '' } }, 'the name of a folder'],
  ])('%s', (_, props, error) => {
    expect(() => monitoring(props)).toThrow(error);
  });

  test('to read metrics that there are not, and not to read those that there are', () => {
    const pipeline = pipelineFor();
    const model = sharedModel(pipeline);
    expect(() => inferenceServer(pipeline.serve, { model, monitoring: monitoring() }, 'a')).toThrow(
      "'monitoring.from' is 'given'; allowed: nothing, as acme has no metrics to read",
    );
    expect(() =>
      inferenceServer(pipeline.serve, { model, metrics: METRICS, monitoring: Monitoring.prometheus() }, 'b'),
    ).toThrow("'monitoring.from' is nothing; allowed: who reads the metrics");
  });

  test('what is no Monitoring', () => {
    const pipeline = pipelineFor();
    const weights = cache(pipeline.download).artifact;
    const { artifact } = new DllamaConversion(pipeline.convert, 'q40', { model: weights });
    const given = { from: [] } as never;
    expect(() => topology(pipeline.serve, { model: artifact, monitoring: given })).toThrow(
      'allowed: a Monitoring',
    );
  });
});

test('two apps in one program know nothing of each other', () => {
  const charts = [1, 2].map(() => {
    const chart = new Chart(new PhasedApp(), 'models', { namespace: 'llm' });
    ConfigMap.fromConfigMapName(chart, 'none', 'none');
    inferenceServer(chart, { model: downloaded(chart), metrics: METRICS, monitoring: monitoring() });
    return JSON.stringify(objectsOf(chart));
  });
  expect(charts[0]).toBe(charts[1]);
});
