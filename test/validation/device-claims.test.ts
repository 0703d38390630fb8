import { checkObjects } from '../../src/validation/check';

/** What the schema says of a claim with one request. */
function violations(api: string, kubernetesVersion: string, request: object): string[] {
  const object = {
    apiVersion: `resource.k8s.io/${api}`,
    kind: 'ResourceClaim',
    metadata: { name: 'gpus', namespace: 'llm' },
    spec: { devices: { requests: [{ name: 'gpu', ...request }] } },
  };
  return checkObjects([{ object, where: 'claim' }], { kubernetesVersion })
    .filter(({ rule }) => rule === 'schema')
    .map(({ field, message }) => `${field} ${message}`);
}

const FIELD = 'spec.devices.requests[0]';
const GPU = { deviceClassName: 'gpu.nvidia.com' };

test.each<[string, string, object]>([
  ['v1', '1.34', { exactly: { ...GPU, allocationMode: 'ExactCount', count: 2 } }],
  [
    'v1',
    '1.34',
    { exactly: { ...GPU, allocationMode: 'All', selectors: [{ cel: { expression: 'true' } }] } },
  ],
  [
    'v1',
    '1.36',
    {
      firstAvailable: [
        { name: 'a', ...GPU },
        { name: 'b', ...GPU, count: 2 },
      ],
    },
  ],
  ['v1', '1.36', { exactly: { ...GPU, tolerations: [{ operator: 'Exists' }] } }],
  ['v1beta2', '1.33', { exactly: GPU }],
  ['v1beta1', '1.32', GPU],
])('%s of Kubernetes %s takes %j', (api, version, request) => {
  expect(violations(api, version, request)).toEqual([]);
});

test.each<[string, string, object, string]>([
  ['v1', '1.34', GPU, `${FIELD}.deviceClassName is not a known field`],
  ['v1', '1.34', {}, `${FIELD} is {"name":"gpu"}; it must say exactly one thing of what it can`],
  ['v1', '1.34', { exactly: GPU, firstAvailable: [] }, 'it must say exactly one thing of what it can'],
  ['v1', '1.34', { exactly: {} }, `${FIELD}.exactly.deviceClassName is missing`],
  ['v1', '1.34', { exactly: { ...GPU, allocationMode: 'Some' } }, 'allowed are "ExactCount", "All"'],
  ['v1', '1.35', { exactly: { ...GPU, tolerations: [] } }, 'tolerations needs Kubernetes 1.36'],
  ['v1', '1.34', { exactly: { ...GPU, capacity: {} } }, 'capacity needs Kubernetes 1.36'],
  ['v1beta2', '1.33', { firstAvailable: [{ name: 'a', ...GPU }] }, 'firstAvailable needs Kubernetes 1.34'],
  ['v1beta2', '1.33', GPU, `${FIELD}.deviceClassName is not a known field`],
  ['v1beta1', '1.32', { exactly: GPU }, `${FIELD}.exactly is not a known field`],
  ['v1beta1', '1.33', { firstAvailable: [{ name: 'a', ...GPU }] }, 'firstAvailable needs Kubernetes 1.34'],
  ['v1beta1', '1.32', { ...GPU, adminAccess: true }, 'adminAccess needs Kubernetes 1.34'],
  ['v1alpha3', '1.31', GPU, 'apiVersion is "resource.k8s.io/v1alpha3"; a ResourceClaim is of apiVersion'],
])('%s of Kubernetes %s refuses %j', (api, version, request, message) => {
  expect(violations(api, version, request).join('\n')).toContain(message);
});
