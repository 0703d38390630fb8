import { Duration } from 'cdk8s';
import { NetworkPeer } from '../../../src/pod/network-peer';
import { Route } from '../../../src/serving/route';
import { KedaHttpScalingProps } from '../../../src/serving/scalers/keda-http';
import { Scaling } from '../../../src/serving/scaling';
import { the } from '../../support/objects';
import { served } from '../../support/servers';

const FROM = [NetworkPeer.namespace('gateways')];
const GATEWAY = { name: 'public', namespace: 'gateways' };

function scaling(props: Partial<KedaHttpScalingProps> = {}): Scaling {
  return Scaling.kedaHttp({ max: 2, concurrency: 4, ...props });
}

const STARTUP = { startupTimeout: Duration.minutes(10) };

test('requests are held while the server starts', () => {
  const objects = served({ ...STARTUP, scaling: scaling() });
  expect(the(objects, 'HTTPScaledObject')).toMatchObject({
    apiVersion: 'http.keda.sh/v1alpha1',
    metadata: { name: 'qwen-chat', namespace: 'llm' },
    spec: {
      hosts: ['qwen-chat.llm'],
      scaleTargetRef: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: 'qwen-chat',
        service: 'qwen-chat',
        port: 8080,
      },
      replicas: { min: 0, max: 2 },
      scaledownPeriod: 600,
      initialCooldownPeriod: 600,
      scalingMetric: { concurrency: { targetValue: 4 } },
      // Longer than a start may take, and than an answer that is not streamed.
      timeouts: { conditionWait: '11m', responseHeader: '1h' },
    },
  });
  expect(the(objects, 'Deployment').spec).not.toHaveProperty('replicas');
});

test('a route leads to the interceptor, by the host that it knows the server by', () => {
  const objects = served({
    ...STARTUP,
    scaling: scaling(),
    routes: [
      Route.httpRoute({ gateway: GATEWAY, from: FROM, hostnames: ['llm.example.com'], path: '/qwen' }),
    ],
  });
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
  expect(rule.filters).toEqual([
    {
      type: 'URLRewrite',
      urlRewrite: {
        hostname: 'qwen-chat.llm',
        path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' },
      },
    },
  ]);
  expect(the(objects, 'HTTPScaledObject').spec.hosts).toContain(rule.filters[0].urlRewrite.hostname);
});

test('the interceptor is let in, wherever it is', () => {
  const objects = served({
    ...STARTUP,
    allowFrom: [],
    scaling: scaling({ interceptor: { namespace: 'llm', service: 'interceptor', port: 9090 } }),
    routes: [Route.httpRoute({ gateway: GATEWAY, from: FROM })],
  });
  expect(the(objects, 'NetworkPolicy', /server/).spec.ingress[0].from).toContainEqual({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'llm' } },
  });
  expect(the(objects, 'HTTPRoute').spec.rules[0].backendRefs).toEqual([
    { group: '', kind: 'Service', name: 'interceptor', namespace: 'llm', port: 9090, weight: 1 },
  ]);
});

test('a gateway that asks the interceptor is not let in to the pods', () => {
  const from = [NetworkPeer.namespace('gateways')];
  const routes = [Route.httpRoute({ gateway: GATEWAY, from })];
  const letIn = (scaled: boolean) =>
    the(
      served({ ...STARTUP, allowFrom: [], routes, ...(scaled ? { scaling: scaling() } : {}) }),
      'NetworkPolicy',
      /server/,
    ).spec.ingress[0].from;
  const namespaces = (...names: string[]) =>
    names.map((name) => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
    }));
  expect(letIn(true)).toEqual(namespaces('keda'));
  expect(letIn(false)).toEqual(namespaces('gateways'));
});

test.each([
  ['an Ingress', Route.ingress({ className: 'nginx', from: FROM }), /'an Ingress'.*Use Route\.httpRoute/],
  [
    'a pool',
    Route.inferencePool({ gateway: GATEWAY, from: FROM, picker: { service: 'picker' } }),
    /'an InferencePool'.*Use Route\.httpRoute/,
  ],
])('%s cannot lead to the interceptor', (_what, route, message) => {
  expect(() => served({ ...STARTUP, scaling: scaling(), routes: [route] })).toThrow(message);
});

test('what can be said otherwise is said otherwise', () => {
  const { spec } = the(
    served({
      ...STARTUP,
      scaling: scaling({
        min: 1,
        cooldown: Duration.hours(1),
        timeout: Duration.minutes(90),
        hosts: ['qwen.example.com'],
      }),
    }),
    'HTTPScaledObject',
  );
  expect(spec).toMatchObject({
    hosts: ['qwen-chat.llm', 'qwen.example.com'],
    replicas: { min: 1, max: 2 },
    scaledownPeriod: 3600,
    timeouts: { responseHeader: '1h30m' },
  });
});

test('a server is not ended before its first answer', () => {
  expect(() => served({ ...STARTUP, scaling: scaling({ cooldown: Duration.minutes(5) }) })).toThrow(
    /'scaling' is 'a cooldown of 300 s'; allowed: 600 s or more/,
  );
});

test.each<[Partial<KedaHttpScalingProps>, RegExp]>([
  [{ concurrency: 0 }, /Scaling\.kedaHttp: 'concurrency' is 0/],
  [{ max: 0 }, /'max' is 0/],
  [{ hosts: 'qwen.example.com' as never }, /'hosts' is 'a string'; allowed: a list/],
  [{ cooldown: '' as never }, /'cooldown' is 'a string'; allowed: a Duration/],
  [{ hosts: ['Qwen'] }, /'hosts\[0\]' is 'Qwen'/],
  [{ interceptor: { port: 70_000 } }, /'interceptor\.port' is 70000/],
  [{ interceptor: { namespace: 'Keda' } }, /'interceptor\.namespace' is 'Keda'/],
])('%j is refused', (props, message) => {
  expect(() => scaling(props)).toThrow(message);
});
