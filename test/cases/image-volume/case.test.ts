import { container, containers, objectsOf, podSpec, the } from '../../support/objects';
import { imageVolume } from './case';

const objects = objectsOf(...imageVolume().charts);
const deployment = the(objects, 'Deployment');

test('the model is a volume that the node pulls by its digest, with the Secret of its registry', () => {
  expect(podSpec(deployment).volumes).toContainEqual({
    name: 'models',
    image: {
      reference: expect.stringMatching(/^registry\.example\.com\/models\/qwen3-8b@sha256:[0-9a-f]{64}$/),
      pullPolicy: 'IfNotPresent',
    },
  });
  expect(podSpec(deployment).imagePullSecrets).toEqual([{ name: 'registry' }]);
});

test('its folder of the image is where the server reads', () => {
  const vllm = container(deployment, 'vllm');
  const mount = vllm.volumeMounts.find(({ name }: { name: string }) => name === 'models');
  expect(mount).toEqual({ name: 'models', mountPath: vllm.args[0], subPath: 'models', readOnly: true });
});

test('nothing is downloaded, kept or awaited', () => {
  const kinds = objects.map(({ kind }) => kind);
  for (const kind of ['Job', 'PersistentVolumeClaim']) expect(kinds).not.toContain(kind);
  expect(containers(deployment).map(({ name }) => name)).toEqual(['vllm']);
});
