import { Duration } from 'cdk8s';
import { Accelerator } from '../../../src/pod/accelerator/accelerator';
import { ScalingMetric } from '../../../src/serving/scalers/scaling-metric';
import { Scaling } from '../../../src/serving/scaling';
import { the } from '../../support/objects';
import { served } from '../../support/servers';

test('copies by CPU use, between bounds, and the Deployment says no number', () => {
  const objects = served({ scaling: Scaling.cpu({ max: 3 }) });
  expect(the(objects, 'HorizontalPodAutoscaler').spec).toMatchObject({
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'qwen-chat' },
    minReplicas: 1,
    maxReplicas: 3,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
      },
    ],
  });
  expect(the(objects, 'Deployment').spec).not.toHaveProperty('replicas');
  expect(the(objects, 'PodDisruptionBudget').metadata.name).toBe('qwen-chat');
});

test.each([
  [Duration.minutes(1), 300],
  [Duration.minutes(20), 1200],
  [Duration.hours(3), 3600],
])('a copy that takes %p to start is not ended sooner than it is missed', (startupTimeout, window) => {
  const objects = served({ startupTimeout, scaling: Scaling.cpu({ min: 2, max: 4, targetUtilization: 60 }) });
  const { behavior, minReplicas, metrics } = the(objects, 'HorizontalPodAutoscaler').spec;
  expect(behavior).toEqual({
    scaleDown: {
      stabilizationWindowSeconds: window,
      // The default drain of two minutes.
      policies: [{ type: 'Pods', value: 1, periodSeconds: 120 }],
    },
  });
  expect(minReplicas).toBe(2);
  expect(metrics[0].resource.target.averageUtilization).toBe(60);
});

test('CPU use tells nothing of a server with an accelerator', () => {
  const accelerator = Accelerator.nvidia({ count: 1 });
  expect(() => served({ accelerator, scaling: Scaling.cpu({ max: 2 }) })).toThrow(
    /chat: 'scaling' is 'by CPU use'.*Scaling\.keda/,
  );
  expect(() =>
    served({
      accelerator,
      scaling: Scaling.custom({ max: 2, metrics: [ScalingMetric.pods('waiting', '5')] }),
    }),
  ).not.toThrow();
});

test("copies by metrics of the cluster's adapters", () => {
  const metrics = [
    ScalingMetric.cpuUtilization(90),
    ScalingMetric.pods('requests_waiting', '5', { model: 'qwen3' }),
    ScalingMetric.object({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      name: 'qwen-chat',
      metric: 'requests_per_second',
      averageValue: '500m',
    }),
    ScalingMetric.external('queue_length', '10', { queue: 'llm' }),
  ];
  const objects = served({ scaling: Scaling.custom({ max: 8, metrics }) });
  expect(the(objects, 'HorizontalPodAutoscaler').spec.metrics.slice(1)).toEqual([
    {
      type: 'Pods',
      pods: {
        metric: { name: 'requests_waiting', selector: { matchLabels: { model: 'qwen3' } } },
        target: { type: 'AverageValue', averageValue: '5' },
      },
    },
    {
      type: 'Object',
      object: {
        describedObject: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'qwen-chat' },
        metric: { name: 'requests_per_second' },
        target: { type: 'AverageValue', averageValue: '500m' },
      },
    },
    {
      type: 'External',
      external: {
        metric: { name: 'queue_length', selector: { matchLabels: { queue: 'llm' } } },
        target: { type: 'AverageValue', averageValue: '10' },
      },
    },
  ]);
});

test('replicas and scaling are two answers to one question', () => {
  expect(() => served({ replicas: 2, scaling: Scaling.cpu({ max: 3 }) })).toThrow(/'replicas' is 2/);
});

test.each<[string, () => unknown, RegExp]>([
  ['no copy at all', () => Scaling.cpu({ min: 0, max: 2 }), /Scaling\.cpu: 'min' is 0/],
  ['fewer at most than at least', () => Scaling.cpu({ min: 3, max: 2 }), /'max' is 2; allowed: 3 or more/],
  ['no number', () => Scaling.cpu({ max: '3' as unknown as number }), /'max' is '3'/],
  ['no use', () => Scaling.cpu({ max: 2, targetUtilization: 0 }), /'percent' is 0/],
  ['no metric', () => Scaling.custom({ max: 2, metrics: [] }), /Scaling\.custom: 'metrics' is/],
  [
    'a metric that is a text',
    () => Scaling.custom({ max: 2, metrics: ['cpu'] as unknown as ScalingMetric[] }),
    /'metrics\[0\]' is 'a string'/,
  ],
  ['no quantity', () => ScalingMetric.pods('waiting', 'five'), /'averageValue' is 'five'/],
  ['no name', () => ScalingMetric.external('', '5'), /'metric' is ''/],
  ['no label', () => ScalingMetric.pods('waiting', '5', { 'a b': 'c' }), /'key in labels' is 'a b'/],
])('%s is refused', (_what, make, message) => {
  expect(make).toThrow(message);
});
