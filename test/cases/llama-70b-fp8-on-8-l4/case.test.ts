import { container, flagValues, objectsOf, podSpec, the } from '../../support/objects';
import { llama70bOnEightL4 } from './case';

const objects = objectsOf(...llama70bOnEightL4().charts);
const deployment = the(objects, 'Deployment');
const vllm = container(deployment, 'vllm');

test('the model is divided among all eight cards of one pod', () => {
  expect(flagValues(vllm.args, '--tensor-parallel-size')).toEqual(['2']);
  expect(flagValues(vllm.args, '--pipeline-parallel-size')).toEqual(['4']);
  expect(vllm.resources.limits['nvidia.com/gpu']).toBe('8');
  expect(vllm.resources.requests['nvidia.com/gpu']).toBe('8');
  expect(podSpec(deployment).nodeSelector).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-L4' });
});

test('its processes share memory, and the container may use it', () => {
  const shm = podSpec(deployment).volumes.find(({ name }: { name: string }) => name === 'shm');
  expect(shm.emptyDir).toEqual({ medium: 'Memory', sizeLimit: '2Gi' });
  expect(vllm.volumeMounts).toContainEqual({ name: 'shm', mountPath: '/dev/shm' });
});

test('the dots of the name are in no name that cannot have them', () => {
  const service = the(objects, 'Service').metadata.name;
  expect(service).toBe('llama-3-1-70b-instruct-fp8-l4-chat');
  for (const { metadata } of objects) expect(metadata.name).not.toContain('.');
});

test('the number of copies is left to the autoscaler, which goes down to none', () => {
  expect(deployment.spec).not.toHaveProperty('replicas');
  const { spec } = the(objects, 'HTTPScaledObject');
  expect(spec.replicas).toEqual({ min: 0, max: 1 });
  expect(spec.scaleTargetRef).toMatchObject({ kind: 'Deployment', name: deployment.metadata.name });
});

test('requests wait at the interceptor, which tells servers apart by a host of their own, until a start is over', () => {
  const { spec } = the(objects, 'HTTPScaledObject');
  const [rule] = the(objects, 'HTTPRoute').spec.rules;
  expect(rule.backendRefs).toEqual([
    {
      group: '',
      kind: 'Service',
      name: 'keda-add-ons-http-interceptor-proxy',
      namespace: 'keda',
      port: 8080,
      weight: 1,
    },
  ]);
  expect(rule.filters).toContainEqual({
    type: 'URLRewrite',
    urlRewrite: { hostname: spec.hosts[0], path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
  });
  const { failureThreshold, periodSeconds } = vllm.startupProbe;
  const [, minutes, seconds = 0] = /^(\d+)m(?:(\d+)s)?$/.exec(spec.timeouts.conditionWait) as RegExpExecArray;
  expect(Number(minutes) * 60 + Number(seconds)).toBeGreaterThanOrEqual(failureThreshold * periodSeconds);
  expect(spec.scaledownPeriod).toBeGreaterThanOrEqual(failureThreshold * periodSeconds);
});

test('a second copy, for which there are no cards, is never waited for', () => {
  expect(deployment.spec.strategy).toEqual({ type: 'Recreate' });
});
