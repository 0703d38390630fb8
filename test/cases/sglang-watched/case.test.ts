import { argument, container, objectsOf, ofKind, podSpec, the, Untyped } from '../../support/objects';
import { sglangWatched } from './case';

const objects = objectsOf(...sglangWatched().charts);
const deployment = the(objects, 'Deployment');
const sglang = container(deployment, 'sglang');

test('an unknown engine has what the known ones have: the guarded model, probes, a locked-down pod', () => {
  const [folder] = argument(container(deployment, 'await-model'), 'dir');
  expect(sglang.env).toContainEqual({ name: 'MODEL_DIR', value: folder });
  expect(sglang.args).toContain('--model-path=$(MODEL_DIR)');
  expect(sglang.startupProbe.failureThreshold * sglang.startupProbe.periodSeconds).toBeGreaterThan(600);
  expect(podSpec(deployment).securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 });
  expect(sglang.securityContext.capabilities).toEqual({ drop: ['ALL'] });
});

test('each query of the autoscaler is of a metric that the server has been said to have', () => {
  const queries = the(objects, 'ScaledObject').spec.triggers.map(({ metadata }: Untyped) => metadata.query);
  expect(queries).toHaveLength(2);
  expect(queries[0]).toContain('sglang:num_queue_reqs{');
  expect(queries[1]).toContain('sglang:token_usage{');
  expect(deployment.spec).not.toHaveProperty('replicas');
});

test('Prometheus finds the port, and is let in', () => {
  const monitor = the(objects, 'PodMonitor');
  expect(monitor.metadata.labels).toMatchObject({ release: 'kube-prometheus-stack' });
  expect(deployment.spec.template.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
  expect(monitor.spec.podMetricsEndpoints[0].port).toBe('http');
  const peers = the(objects, 'NetworkPolicy', /-server$/).spec.ingress.flatMap(({ from }: Untyped) => from);
  expect(peers).toContainEqual({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } },
  });
});

test('alerts tell of a server that is down, degraded, restarting, queueing, full or slow', () => {
  const rules = ofKind(objects, 'PrometheusRule')
    .flatMap(({ spec }) => spec.groups)
    .flatMap(({ rules }: Untyped) => rules.map(({ alert }: Untyped) => alert));
  expect(rules).toEqual(
    expect.arrayContaining([
      'LlmServerDown',
      'LlmServerDegraded',
      'LlmServerRestarting',
      'LlmServerQueueGrowing',
      'LlmServerCacheFull',
      'LlmServerSlowFirstToken',
    ]),
  );
});

test('the last gate is a Job that asks the question, in a phase after the server', () => {
  const job = the(objects, 'Job', /smoke-test/);
  const test = container(job, 'smoke-test');
  // The pods of this version, by the Service of the test's own, at the port that the engine listens at.
  expect(argument(test, 'endpoint')).toEqual([
    expect.stringMatching(/^http:\/\/qwen3-8b-sglang-chat-smoke-test-[0-9a-f]{8}\.llm\.svc:30000\/v1$/),
  ]);
  expect(argument(test, 'expect')).toEqual(['Paris']);
  expect(argument(test, 'max-first-token-ms')).toEqual(['5000']);
});
