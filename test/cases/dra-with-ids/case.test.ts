import { container, flagValues, objectsOf, podSpec, the } from '../../support/objects';
import { draWithIds } from './case';

const deployment = (version: string) =>
  the(objectsOf(...draWithIds({ kubernetesVersion: version }).charts), 'Deployment');
const objects = objectsOf(...draWithIds().charts);
const template = the(objects, 'ResourceClaimTemplate');

test('exactly the named devices are claimed, as many as there are names', () => {
  expect(template.apiVersion).toBe('resource.k8s.io/v1');
  const [{ exactly }] = template.spec.spec.devices.requests;
  expect(exactly).toMatchObject({
    deviceClassName: 'gpu.nvidia.com',
    allocationMode: 'ExactCount',
    count: 2,
  });
  const cel = exactly.selectors.map((selector: { cel: { expression: string } }) => selector.cel.expression);
  expect(cel.join('\n')).toContain('"GPU-1dfa35e2-bb0c-4b6e-9a1c-0a3ed2a3d1c4"');
  expect(cel.join('\n')).toContain('"GPU-8f7c1b6a-3c1d-4a0e-8f53-61f6cb3c8a57"');
});

test('the pod has the claim, and the container what is in it and no other device', () => {
  const [claim] = podSpec(deployment('1.34')).resourceClaims;
  expect(claim.resourceClaimTemplateName).toBe(template.metadata.name);
  const { resources } = container(deployment('1.34'), 'vllm');
  expect(resources.claims).toEqual([{ name: claim.name }]);
  expect(Object.keys(resources.limits)).not.toContain('nvidia.com/gpu');
});

test('a node is preferred and not required', () => {
  const { nodeAffinity } = podSpec(deployment('1.34')).affinity;
  const [{ preference }] = nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution;
  expect(preference.matchExpressions).toEqual([
    { key: 'kubernetes.io/hostname', operator: 'In', values: ['gpu-1'] },
  ]);
  expect(nodeAffinity).not.toHaveProperty('requiredDuringSchedulingIgnoredDuringExecution');
});

test('the model is divided among the devices of the claim', () => {
  const { args } = container(deployment('1.36'), 'vllm');
  expect(flagValues(args, '--tensor-parallel-size')).toEqual(['2']);
});
