import { App, Chart } from 'cdk8s';
import { SharedDevices } from '../../src/constructs/shared-devices';
import { Accelerator } from '../../src/pod/accelerator/accelerator';
import { acceleratorOnPod } from '../../src/pod/accelerator/on-pod';
import { objectsOf, violationsOf } from '../support/objects';
import { serverOf } from '../pod/accelerator/accelerated-pod';

function share(accelerator: Accelerator, kubernetesVersion = '1.34') {
  const app = new App();
  app.node.setContext('cdk8s-llm/kubernetesVersion', kubernetesVersion);
  const chart = new Chart(app, 'models', { namespace: 'llm' });
  const shared = new SharedDevices(chart, 'gpu', { accelerator });
  return { accelerator: shared.accelerator, objects: objectsOf(chart) };
}

test('several servers name one claim', () => {
  const { accelerator, objects } = share(
    Accelerator.dra({ deviceClass: 'gpu.nvidia.com', product: 'NVIDIA-L4', preferNodes: ['worker-1'] }),
  );
  expect(objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
    'resource.k8s.io/v1 ResourceClaim',
  ]);
  expect(violationsOf(objects, '1.34')).toBe('');
  for (let server = 0; server < 2; server++) {
    const { podClaims, nodeAffinity } = acceleratorOnPod(serverOf(), accelerator._spec);
    expect(podClaims).toEqual([{ name: 'devices', resourceClaimName: objects[0].metadata.name }]);
    expect(nodeAffinity).toBeDefined();
  }
  // What is checked of each server's memory is what a device has.
  expect(accelerator._spec.memoryBytes).toBe(23034 * 2 ** 20);
});

test('in the API of the version', () => {
  const devices = Accelerator.dra({ deviceClass: 'gpu.nvidia.com', featureGateIsOn: true });
  expect(share(devices, '1.32').objects[0].apiVersion).toBe('resource.k8s.io/v1beta1');
  expect(violationsOf(share(devices, '1.32').objects, '1.32')).toBe('');
});

test.each<[string, Accelerator, RegExp]>([
  [
    'extended resources',
    Accelerator.nvidia(),
    /models\/gpu: 'accelerator' is 'nvidia\.com\/gpu'; allowed: devices by/,
  ],
  ['a claim that is there', Accelerator.existingClaim('gpus'), /'accelerator' is 'a claim that is there'/],
  ['null', null as unknown as Accelerator, /'accelerator' is null/],
  ['what is no accelerator', 'gpu' as unknown as Accelerator, /allowed: an Accelerator/],
])('refuses %s', (_, accelerator, message) => {
  expect(() => share(accelerator)).toThrow(message);
});

test('refuses a version without DRA', () => {
  expect(() => share(Accelerator.dra({ deviceClass: 'gpu.nvidia.com' }), '1.31')).toThrow(/alpha only/);
});
