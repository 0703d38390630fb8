import { container, flagValues, objectsOf, podSpec, the } from '../../support/objects';
import { llama8bOnTpu } from './case';

const deployment = the(objectsOf(...llama8bOnTpu().charts), 'Deployment');
const vllm = container(deployment, 'vllm');

test('the pod takes the whole slice, by its type and topology', () => {
  expect(podSpec(deployment).nodeSelector).toEqual({
    'cloud.google.com/gke-tpu-accelerator': 'tpu-v5-lite-podslice',
    'cloud.google.com/gke-tpu-topology': '2x4',
  });
  expect(podSpec(deployment).tolerations).toEqual([
    { key: 'google.com/tpu', operator: 'Exists', effect: 'NoSchedule' },
  ]);
  expect(vllm.resources.limits['google.com/tpu']).toBe('8');
  expect(vllm.resources.requests['google.com/tpu']).toBe('8');
});

test('each layer is divided among all eight chips', () => {
  expect(flagValues(vllm.args, '--tensor-parallel-size')).toEqual(['8']);
});

test('it is the image for TPUs', () => expect(vllm.image).toMatch(/^docker\.io\/vllm\/vllm-tpu:v/));

test('a slice has no second copy of itself: the old pod ends first', () => {
  expect(deployment.spec.strategy).toEqual({ type: 'Recreate' });
});
