import { Duration } from 'cdk8s';
import { LLAMA_METRICS } from '../../../src/engines/llama/metrics';
import { vllmMetrics } from '../../../src/engines/vllm/metrics';
import { DLLAMA_METRICS } from '../../../src/engines/dllama/metrics';
import type { ServerTarget } from '../../../src/serving/server-target';
import { resolveAlerts } from '../../../src/serving/watch/alert-options';
import { serverAlerts } from '../../../src/serving/watch/server-alerts';
import { findPromtool } from '../../doubles/promtool';
import { inferenceServer, pipelineFor, sharedModel } from '../../support/servers';
import { groupsOf, monitoring, rulesOf, watchedPipeline, watchedVllm } from './watched';

const ALL = [
  'LlmServerDown',
  'LlmServerDegraded',
  'LlmServerRestarting',
  'LlmServerQueueGrowing',
  'LlmServerErrors',
  'LlmServerCacheFull',
  'LlmServerSlowFirstToken',
];

function target(more: Partial<ServerTarget> = {}): ServerTarget {
  const pipeline = pipelineFor();
  return { ...inferenceServer(pipeline.serve, { model: sharedModel(pipeline) })._target, ...more };
}

function alertsOf(more: Partial<ServerTarget>): string[] {
  return serverAlerts(target(more), resolveAlerts('test')).map(({ alert }) => alert);
}

test('vLLM tells all that there are alerts of', () => {
  expect(alertsOf({ metrics: vllmMetrics('0.11.0') })).toEqual(ALL);
});

test.each([
  ['llama-server', LLAMA_METRICS, ['LlmServerErrors', 'LlmServerCacheFull', 'LlmServerSlowFirstToken']],
  ['the front of distributed-llama', DLLAMA_METRICS, ['LlmServerCacheFull']],
  ['vLLM 0.8.4', vllmMetrics('0.8.4'), ['LlmServerErrors']],
])('what %s does not tell is left out', (_, metrics, absent) => {
  expect(alertsOf({ metrics })).toEqual(ALL.filter((alert) => !absent.includes(alert)));
});

test.each([
  [
    'StatefulSet',
    'qwen-chat-0',
    'statefulset=~"qwen-chat-[0-9]+"',
    'qwen-chat-[0-9]+(-worker)?-[0-9]+',
    'qwen-chat-[0-9]+-0',
  ],
  [
    'LeaderWorkerSet',
    'qwen-chat',
    'statefulset="qwen-chat"',
    'qwen-chat-[0-9]+(-[0-9]+)?',
    'qwen-chat-[0-9]+',
  ],
])('of groups of a %s, leaders are asked, and all pods watched', (kind, name, sets, pods, leaders) => {
  const group = target({ workload: { apiVersion: 'v1', kind, name }, metrics: vllmMetrics('0.11.0') });
  const [down, degraded, restarting, queue] = serverAlerts(group, resolveAlerts('test'));
  // Not of the first copy's StatefulSet alone.
  expect(degraded.annotations.description).not.toContain(kind);
  expect(down.expr).toBe(
    `sum(kube_statefulset_status_replicas_ready{namespace="llm",${sets}}) == 0 and ` +
      `sum(kube_statefulset_replicas{namespace="llm",${sets}}) > 0`,
  );
  expect(restarting.expr).toContain(`pod=~"${pods}"`);
  expect(queue.expr).toContain(`pod=~"${leaders}"`);
});

test('each says what is wrong, what to do, and how much it matters', () => {
  const objects = watchedPipeline();
  const rules = ['qwen-chat', 'qwen-fast', 'qwen-monitoring'].flatMap((name) =>
    Object.values(rulesOf(objects, name)),
  );
  expect(rules.length).toBeGreaterThan(12);
  for (const { labels, annotations } of rules) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(labels).toMatchObject({ pipeline: 'qwen', namespace: 'llm' });
    expect(annotations.summary.length).toBeGreaterThan(20);
    expect(annotations.description.length).toBeGreaterThan(80);
  }
});

test('thresholds are those that are given', () => {
  const rules = rulesOf(
    watchedVllm({
      monitoring: monitoring({
        alerts: {
          waitingRequests: 7,
          waitingFor: Duration.minutes(90),
          kvCachePercent: 80,
          timeToFirstToken: Duration.seconds(3),
          errorPercent: 2,
          restarts: 1,
        },
      }),
    }),
    'qwen-chat',
  );
  expect(rules.LlmServerQueueGrowing).toMatchObject({
    expr: expect.stringMatching(/ > 7$/) as string,
    for: '1h30m',
  });
  expect(rules.LlmServerCacheFull.expr).toMatch(/ > 0\.8$/);
  expect(rules.LlmServerSlowFirstToken.expr).toMatch(/ > 3$/);
  expect(rules.LlmServerErrors.expr).toMatch(/ > 0\.02$/);
  expect(rules.LlmServerRestarting.expr).toMatch(/\[30m\]\) > 1 or .*\[30m\]\) > 1$/);
});

const promtool = findPromtool();

(promtool ? describe : describe.skip)('Prometheus', () => {
  const objects = watchedVllm({ replicas: 2, startupTimeout: Duration.minutes(10) });
  const server = groupsOf(objects, 'qwen-chat');
  const groups = [...server, ...groupsOf(objects, 'qwen-monitoring')];
  const jobs = rulesOf(objects, 'qwen-monitoring')
    .LlmJobFailed.expr.match(/job_name=~"([^"]*)"/)![1]
    .split('|');

  const labels = 'namespace="llm",deployment="qwen-chat"';
  const copies = (available: string, wanted: string) => ({
    [`kube_deployment_status_replicas_available{${labels}}`]: available,
    [`kube_deployment_spec_replicas{${labels}}`]: wanted,
  });
  const pod = 'namespace="llm",pod="qwen-chat-6d5f9c7b8d-x2x4z"';
  const two = copies('2x200', '2x200');

  test('takes all rules', () => {
    expect(promtool!.check(groups)).toMatch(/SUCCESS: 9 rules found/);
    expect(() =>
      promtool!.check(
        watchedPipeline().flatMap(({ kind, spec }) =>
          kind === 'PrometheusRule' ? (spec.groups as unknown[]) : [],
        ),
      ),
    ).not.toThrow();
  });

  test.each([
    ['nothing when all is well', two, 100, []],
    ['nothing where nothing is to run', copies('0x200', '0x200'), 100, []],
    ['nothing while copies start', copies('0x14 2x100', '2x200'), 14, []],
    ['that nobody is answered', copies('0x200', '2x200'), 20, ['LlmServerDown']],
    ['that copies are missing', copies('1x200', '2x200'), 20, ['LlmServerDegraded']],
    [
      'a restart loop',
      { ...two, [`kube_pod_container_status_restarts_total{${pod},container="vllm"}`]: '0+1x200' },
      40,
      ['LlmServerRestarting'],
    ],
    [
      'a restart loop before the server',
      {
        ...two,
        [`kube_pod_init_container_status_restarts_total{${pod},container="await-model"}`]: '0+1x200',
      },
      40,
      ['LlmServerRestarting'],
    ],
    [
      'nothing of a single restart',
      { ...two, [`kube_pod_container_status_restarts_total{${pod},container="vllm"}`]: '0x20 1x200' },
      40,
      [],
    ],
    ['a queue', { ...two, [`vllm:num_requests_waiting{${pod}}`]: '30x200' }, 20, ['LlmServerQueueGrowing']],
    [
      'nothing of a queue that ends',
      { ...two, [`vllm:num_requests_waiting{${pod}}`]: '0x10 30x3 0x100' },
      14,
      [],
    ],
    [
      'nothing of the queue of another server whose name begins alike',
      { ...two, 'vllm:num_requests_waiting{namespace="llm",pod="qwen-chat-2-6d5f9c7b8d-x2x4z"}': '30x200' },
      20,
      [],
    ],
    [
      'a full cache',
      { ...two, [`vllm:kv_cache_usage_perc{${pod}}`]: '0.99x200' },
      20,
      ['LlmServerCacheFull'],
    ],
    [
      'failed requests',
      {
        ...two,
        [`http_requests_total{${pod},handler="/v1/chat/completions",status="2xx"}`]: '0+90x200',
        [`http_requests_total{${pod},handler="/v1/chat/completions",status="5xx"}`]: '0+10x200',
      },
      30,
      ['LlmServerErrors'],
    ],
    [
      'nothing of requests that were wrong',
      {
        ...two,
        [`http_requests_total{${pod},handler="/v1/chat/completions",status="2xx"}`]: '0+90x200',
        [`http_requests_total{${pod},handler="/v1/chat/completions",status="4xx"}`]: '0+10x200',
      },
      30,
      [],
    ],
    [
      'slow first tokens',
      {
        ...two,
        [`vllm:time_to_first_token_seconds_bucket{${pod},le="20"}`]: '0+80x200',
        [`vllm:time_to_first_token_seconds_bucket{${pod},le="80"}`]: '0+100x200',
        [`vllm:time_to_first_token_seconds_bucket{${pod},le="+Inf"}`]: '0+100x200',
      },
      40,
      ['LlmServerSlowFirstToken'],
    ],
    [
      'a failed download',
      { ...two, [`kube_job_failed{namespace="llm",job_name="${jobs[0]}",condition="true"}`]: '1x200' },
      5,
      ['LlmJobFailed'],
    ],
    [
      "nothing of another pipeline's Job",
      { ...two, 'kube_job_failed{namespace="llm",job_name="other-0a1b2c3d",condition="true"}': '1x200' },
      5,
      [],
    ],
    [
      'a claim that fills up',
      {
        ...two,
        'kubelet_volume_stats_available_bytes{namespace="llm",persistentvolumeclaim="qwen-weights-chat"}':
          '1x200',
        'kubelet_volume_stats_capacity_bytes{namespace="llm",persistentvolumeclaim="qwen-weights-chat"}':
          '100x200',
      },
      20,
      ['LlmClaimNearlyFull'],
    ],
  ])('tells %s', (_, series, minutes, alerts) => {
    promtool!.expectFiring(groups, series, minutes, alerts);
  });
});
