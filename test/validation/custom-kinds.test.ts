import { checkObjects, KubeObject } from '../../src/validation/check';

const metadata = { name: 'tuned', namespace: 'llm' };

/** Custom resources that are called like kinds of Kubernetes itself, and have nothing of their fields. */
const CALLED_ALIKE: KubeObject[] = [
  {
    apiVersion: 'ai.re-cinq.com/v1',
    kind: 'Job',
    metadata,
    spec: { image: 'torchtune:latest', diskSize: 50 },
  },
  { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata, spec: { template: { spec: {} } } },
  { apiVersion: 'projectcalico.org/v3', kind: 'NetworkPolicy', metadata, spec: { selector: 'all()' } },
  { apiVersion: 'apps.openshift.example.com/v1', kind: 'Deployment', metadata },
];

test.each(CALLED_ALIKE)('$kind of $apiVersion is not taken for that of Kubernetes', (object) => {
  expect(checkObjects([{ where: 'models.yaml', object }], { kubernetesVersion: '1.31' })).toEqual([]);
});

test('a kind of Kubernetes in a group that it has left is refused all the same', () => {
  const object = { apiVersion: 'extensions/v1beta1', kind: 'Deployment', metadata };
  expect(checkObjects([{ where: 'old.yaml', object }], { kubernetesVersion: '1.31' })).toMatchObject([
    { rule: 'schema', field: 'apiVersion' },
  ]);
});
