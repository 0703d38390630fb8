import { NetworkPeer } from '../../../src/pod/network-peer';
import { Route } from '../../../src/serving/route';
import { InferencePoolRouteProps, InferencePoolVersion } from '../../../src/serving/routes/inference-pool';
import { the } from '../../support/objects';
import { served } from '../../support/servers';

function route(props: Partial<InferencePoolRouteProps> = {}): Route {
  return Route.inferencePool({
    gateway: { name: 'inference', namespace: 'gateways' },
    from: [NetworkPeer.namespace('gateways')],
    picker: { service: 'qwen-picker' },
    ...props,
  });
}

const SELECTOR = {
  'app.kubernetes.io/name': 'inference-server',
  'app.kubernetes.io/instance': 'qwen-chat',
  'app.kubernetes.io/component': 'server',
};

test('the gateway is led to a pool of the pods themselves, at their own port', () => {
  const objects = served({ routes: [route({ path: '/qwen' })] });
  expect(the(objects, 'InferencePool')).toMatchObject({
    apiVersion: 'inference.networking.k8s.io/v1',
    metadata: { name: 'qwen-chat', namespace: 'llm' },
    spec: {
      selector: { matchLabels: SELECTOR },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'qwen-picker', port: { number: 9002 }, failureMode: 'FailClose' },
    },
  });
  const { rules } = the(objects, 'HTTPRoute').spec;
  expect(rules[0].backendRefs).toEqual([
    { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'qwen-chat', weight: 1 },
  ]);
  expect(rules[0].filters[0].urlRewrite.path.replacePrefixMatch).toBe('/');
});

test('gateways of before 1.0 are told in their own words', () => {
  const objects = served({
    routes: [
      route({
        version: InferencePoolVersion.V1ALPHA2,
        picker: { service: 'qwen-picker', port: 9003, failOpen: true },
      }),
    ],
  });
  expect(the(objects, 'InferencePool')).toMatchObject({
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    spec: {
      selector: SELECTOR,
      targetPortNumber: 8000,
      extensionRef: { name: 'qwen-picker', portNumber: 9003, failureMode: 'FailOpen' },
    },
  });
  expect(the(objects, 'HTTPRoute').spec.rules[0].backendRefs[0].group).toBe('inference.networking.x-k8s.io');
});

test('the picker is let in to the metrics, as the gateway is to the API', () => {
  const objects = served({
    allowFrom: [],
    routes: [route({ picker: { service: 'p', from: [NetworkPeer.pods({ app: 'picker' })] } })],
  });
  expect(the(objects, 'NetworkPolicy', /server/).spec.ingress[0].from).toEqual([
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gateways' } } },
    { podSelector: { matchLabels: { app: 'picker' } } },
  ]);
});

test('a picker whose labels are not said is let in with all pods of the namespace', () => {
  const objects = served({ allowFrom: [], routes: [route()] });
  expect(the(objects, 'NetworkPolicy', /server/).spec.ingress[0].from).toEqual([
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gateways' } } },
    { podSelector: {} },
  ]);
});

test.each<[Partial<InferencePoolRouteProps>, RegExp]>([
  [{ picker: undefined }, /'picker\.service' is nothing/],
  [{ picker: { service: 'p', port: 0 } }, /'picker\.port' is 0/],
  [{ picker: { service: 'p', from: 'x' as never } }, /'picker\.from' is 'a string'; allowed: a list/],
  [{ picker: { service: 'p', from: ['x'] as unknown as NetworkPeer[] } }, /'picker\.from\[0\]' is/],
  [{ version: 'v1beta1' as InferencePoolVersion }, /'version' is 'v1beta1'; allowed: v1, v1alpha2/],
  [{ from: [] }, /Route\.inferencePool: 'from' is/],
])('%j is refused', (props, message) => {
  expect(() => route(props)).toThrow(message);
});
