import { container, flagValues, objectsOf, podSpec, the } from '../../support/objects';
import { deepSeekR1OnEightMi300x } from './case';

const objects = objectsOf(...deepSeekR1OnEightMi300x().charts);
const deployment = the(objects, 'Deployment');
const vllm = container(deployment, 'vllm');

test('it is the image for ROCm, with all cards of the node and who may open their devices', () => {
  expect(vllm.image).toMatch(/^docker\.io\/vllm\/vllm-openai-rocm:v/);
  expect(vllm.resources.limits['amd.com/gpu']).toBe('8');
  expect(flagValues(vllm.args, '--tensor-parallel-size')).toEqual(['8']);
  expect(podSpec(deployment).securityContext.supplementalGroups).toEqual([44, 109]);
});

test('the download fills the disk of a node where the server can run', () => {
  const job = the(objects, 'Job');
  for (const pods of [job, deployment]) {
    expect(podSpec(pods).nodeSelector).toEqual({ 'amd.com/gpu.product-name': 'AMD_Instinct_MI300X_OAM' });
    expect(podSpec(pods).tolerations).toContainEqual({
      key: 'amd.com/gpu',
      operator: 'Exists',
      effect: 'NoSchedule',
    });
  }
});

test('reading 689 GB at the rate of the disk, and a start besides, is within the budget', () => {
  const { failureThreshold, periodSeconds } = vllm.startupProbe;
  expect(failureThreshold * periodSeconds).toBeGreaterThan((2 * 688586727753) / 2 ** 30 + 900);
});

test('thoughts are told from answers, and tokens guessed by the layers that the model has for it', () => {
  expect(flagValues(vllm.args, '--reasoning-parser')).toEqual(['deepseek_r1']);
  expect(JSON.parse(flagValues(vllm.args, '--speculative-config')[0])).toEqual({
    method: 'mtp',
    num_speculative_tokens: 1,
  });
});

test('what is compiled outlives the pod, and the API key is nowhere but in its Secret', () => {
  const cache = vllm.volumeMounts.find(({ name }: { name: string }) => name === 'cache');
  expect(cache).toEqual({ name: 'cache', mountPath: '/var/cache/vllm', subPath: 'deepseek-r1-chat' });
  expect(vllm.env).toContainEqual({
    name: 'VLLM_API_KEY',
    valueFrom: { secretKeyRef: { name: 'deepseek-api', key: 'key' } },
  });
  expect(vllm.args.join(' ')).not.toContain('api-key');
});

test('a stopped server has ten minutes for its answers, and the pod a little more', () => {
  expect(flagValues(vllm.args, '--shutdown-timeout')).toEqual(['600']);
  expect(podSpec(deployment).terminationGracePeriodSeconds).toBeGreaterThan(600);
});
