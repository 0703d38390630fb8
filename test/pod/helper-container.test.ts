import { Size } from 'cdk8s';
import { withHelper } from '../../src/pod/helper-container';
import type { ContainerSpec } from '../../src/pod/pod-spec';

const named = (name: string): ContainerSpec => ({
  name,
  image: 'registry.example.com/image:v1',
  command: [name],
  resources: { cpu: '1', memory: Size.mebibytes(64), storage: Size.mebibytes(32) },
  more: { tty: true },
});

const [first, main, helper] = ['first', 'main', 'helper'].map(named);
const pod = { initContainers: [first], containers: [main] };
const stay = ['sleep', '5'];

test.each(['1.29', '1.36'])(
  'in Kubernetes %s it is a native sidecar, after the other init containers',
  (version) => {
    expect(withHelper(version, pod, helper, stay)).toEqual({
      initContainers: [first, { ...helper, more: { tty: true, restartPolicy: 'Always' } }],
      containers: [main],
    });
  },
);

test('in Kubernetes 1.28 it is one of the others, and stays as long as their hooks', () => {
  expect(withHelper('1.28', pod, helper, stay)).toEqual({
    initContainers: [first],
    containers: [
      main,
      { ...helper, more: { tty: true, lifecycle: { preStop: { exec: { command: stay } } } } },
    ],
  });
});
