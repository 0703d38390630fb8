import { Duration } from 'cdk8s';
import { Secret, SecretValue } from 'cdk8s-plus-28';
import type { Pipeline } from '../../../src';
import { NetworkPeer } from '../../../src/pod/network-peer';
import { Route } from '../../../src/serving/route';
import { Monitoring } from '../../../src/serving/monitoring';
import type { InferencePoolRouteProps } from '../../../src/serving/routes/inference-pool';
import type { IngressRouteProps } from '../../../src/serving/routes/ingress';
import type { CpuScalingProps, CustomScalingProps } from '../../../src/serving/scalers/horizontal';
import type { KedaHttpScalingProps } from '../../../src/serving/scalers/keda-http';
import { Scaling } from '../../../src/serving/scaling';
import type { PrometheusMonitoringProps } from '../../../src/serving/watch/prometheus';
import { durationText } from '../../../src/serving/duration-text';
import { HttpRouteProps } from '../../../src/serving/routes/http-route';
import type { KubeObject } from '../../../src/validation/kube-object';
import { the } from '../../support/objects';
import { checkedObjects, inferenceServer, pipelineFor, served, sharedModel } from '../../support/servers';

const GATEWAY = { name: 'public', namespace: 'gateways', sectionName: 'https' };
const FROM = [NetworkPeer.namespace('envoy-gateway-system')];

function route(props: Partial<HttpRouteProps> = {}): Route {
  return Route.httpRoute({ gateway: GATEWAY, from: FROM, ...props });
}

function routeOf(props: Partial<HttpRouteProps> = {}) {
  return the(served({ routes: [route(props)], modelNames: ['qwen3', 'qwen3-fast'] }), 'HTTPRoute');
}

test('a route of a path leads to the Service without it, with time for an answer', () => {
  const object = routeOf({ hostnames: ['llm.example.com'], path: '/qwen' });
  expect(object.metadata.name).toBe('qwen-chat');
  expect(object.metadata.labels).toMatchObject({ 'app.kubernetes.io/component': 'server' });
  expect(object.spec).toEqual({
    parentRefs: [
      {
        group: 'gateway.networking.k8s.io',
        kind: 'Gateway',
        name: 'public',
        namespace: 'gateways',
        sectionName: 'https',
      },
    ],
    hostnames: ['llm.example.com'],
    rules: [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/qwen' } }],
        filters: [
          {
            type: 'URLRewrite',
            urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
          },
        ],
        backendRefs: [{ group: '', kind: 'Service', name: 'qwen-chat', port: 8080, weight: 1 }],
        timeouts: { request: '1h', backendRequest: '1h' },
      },
    ],
  });
});

test('a route of everything changes nothing', () => {
  const { spec } = routeOf({ gateway: { name: 'public' }, timeout: Duration.minutes(90) });
  expect(spec.parentRefs).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'public' }]);
  expect(spec).not.toHaveProperty('hostnames');
  expect(spec.rules[0]).toEqual({
    matches: [{ path: { type: 'PathPrefix', value: '/' } }],
    backendRefs: [{ group: '', kind: 'Service', name: 'qwen-chat', port: 8080, weight: 1 }],
    timeouts: { request: '1h30m', backendRequest: '1h30m' },
  });
});

function apiKey(pipeline: Pipeline): SecretValue {
  const secret = Secret.fromSecretName(pipeline.serve, 'key', 'api-key');
  return { secret, key: 'key' };
}

/** What each rule takes, and what the server sees in its place. */
function opened(props: Partial<HttpRouteProps>, withKey = true): [string, string | undefined][] {
  const objects = served((pipeline) => ({
    routes: [route(props)],
    ...(withKey ? { apiKey: apiKey(pipeline) } : {}),
  }));
  return the(objects, 'HTTPRoute').spec.rules.map(({ matches, filters }: KubeObject['spec']) => [
    matches[0].path.value,
    filters?.[0].urlRewrite.path.replacePrefixMatch,
  ]);
}

test('of a server with an API key the API alone is open, below the path', () => {
  expect(opened({ path: '/qwen' })).toEqual([['/qwen/v1', '/v1']]);
  expect(opened({})).toEqual([['/v1', undefined]]);
  expect(opened({ path: '/qwen' }, false)).toEqual([['/qwen', '/']]);
});

test('what else is open is said', () => {
  expect(opened({ path: '/qwen', paths: ['/v1', '/tokenize/', '/v1'] })).toEqual([
    ['/qwen/v1', '/v1'],
    ['/qwen/tokenize', '/tokenize'],
  ]);
  expect(opened({ path: '/qwen', paths: ['/'] })).toEqual([['/qwen', '/']]);
});

test('a path that the server sees is its own, or has the API below it', () => {
  expect(opened({ path: '/v1', stripPrefix: false })).toEqual([['/v1', undefined]]);
  expect(opened({ path: '/v1/chat', stripPrefix: false })).toEqual([['/v1/chat', undefined]]);
  expect(opened({ path: '/v10', stripPrefix: false })).toEqual([['/v10/v1', undefined]]);
  expect(opened({ path: '/qwen', stripPrefix: false })).toEqual([['/qwen/v1', undefined]]);
});

test('a route takes as many models as its definition does', () => {
  const names = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
  const withModels = (count: number, paths?: string[]) => () =>
    served({ routes: [route({ modelHeader: 'X-Model', paths })], modelNames: names(count) });
  expect(withModels(64, ['/v1', '/v2'])).not.toThrow();
  expect(withModels(65)).toThrow(/'routes\[0\]\.modelHeader' is 'X-Model'.*there are 65 models/);
  expect(withModels(43, ['/v1', '/v2', '/v3'])).toThrow(/there are 43 models and 129 pairs/);
});

test('a gateway that has no timeouts of routes is not told one', () => {
  expect(routeOf({ writeTimeout: false }).spec.rules[0]).not.toHaveProperty('timeouts');
  expect(() => route({ writeTimeout: false, timeout: Duration.minutes(5) })).toThrow(
    /'timeout' is 'given'; allowed: nothing where writeTimeout is false/,
  );
});

test('requests are told apart by headers, and by the model that their body names', () => {
  const { rules } = routeOf({ headers: { 'X-Tenant': 'a' }, modelHeader: 'X-Gateway-Model-Name' }).spec;
  expect(rules[0].matches.map((match: { headers: unknown }) => match.headers)).toEqual([
    [
      { type: 'Exact', name: 'X-Tenant', value: 'a' },
      { type: 'Exact', name: 'X-Gateway-Model-Name', value: 'qwen3' },
    ],
    [
      { type: 'Exact', name: 'X-Tenant', value: 'a' },
      { type: 'Exact', name: 'X-Gateway-Model-Name', value: 'qwen3-fast' },
    ],
  ]);
  expect(() => served({ routes: [route({ modelHeader: 'X-Gateway-Model-Name' })] })).toThrow(
    /chat: 'routes\[0\]\.modelHeader' is 'X-Gateway-Model-Name'.*names of its models are not known/,
  );
});

test('filters of the gateway come first, and a policy finds the route by its name', () => {
  const object = routeOf({
    path: '/qwen',
    filters: [{ group: 'traefik.io', kind: 'Middleware', name: 'jwt' }],
    annotations: { 'example.com/owner': 'platform' },
    name: 'chat-public',
  });
  expect(object.metadata.name).toBe('chat-public');
  expect(object.metadata.annotations).toMatchObject({ 'example.com/owner': 'platform' });
  expect(object.spec.rules[0].filters.map(({ type }: { type: string }) => type)).toEqual([
    'ExtensionRef',
    'URLRewrite',
  ]);
  expect(object.spec.rules[0].filters[0].extensionRef).toEqual({
    group: 'traefik.io',
    kind: 'Middleware',
    name: 'jwt',
  });
});

test('who sends the requests is let in', () => {
  const policy = the(served({ routes: [route()] }), 'NetworkPolicy', /server/);
  expect(policy.spec.ingress[0].from).toContainEqual({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'envoy-gateway-system' } },
  });
});

describe('several servers of one gateway', () => {
  function two(first: Partial<HttpRouteProps>, second: Partial<HttpRouteProps>) {
    const pipeline = pipelineFor();
    const model = sharedModel(pipeline);
    inferenceServer(pipeline.serve, { model, routes: [route(first)] }, 'chat');
    inferenceServer(pipeline.serve, { model, routes: [route(second)] }, 'code');
    return checkedObjects(pipeline);
  }

  test.each<[string, Partial<HttpRouteProps>, Partial<HttpRouteProps>]>([
    ['paths', { path: '/chat' }, { path: '/code' }],
    ['hosts', { hostnames: ['chat.example.com'] }, { hostnames: ['code.example.com'] }],
    ['headers', { headers: { tier: 'a' } }, { headers: { tier: 'b' } }],
    ['listeners', {}, { gateway: { ...GATEWAY, sectionName: 'internal' } }],
  ])('are told apart by %s', (_by, first, second) => {
    expect(two(first, second).filter(({ kind }) => kind === 'HTTPRoute')).toHaveLength(2);
  });

  test.each<[string, Partial<HttpRouteProps>, Partial<HttpRouteProps>]>([
    ['nothing at all', {}, {}],
    ['one path', { path: '/llm' }, { path: '/llm/' }],
    [
      'one of their hosts',
      { hostnames: ['a.example.com', 'llm.example.com'] },
      { hostnames: ['llm.example.com'] },
    ],
    ['headers in another case', { headers: { Tier: 'a' } }, { headers: { tier: 'a' } }],
  ])('that have %s are refused', (_what, first, second) => {
    expect(() => two(first, second)).toThrow(
      /code: 'routes\[0\]' is '.*'; allowed: a host and path that no other route of Gateway gateways\/public .*chat has it/s,
    );
  });

  test('of two programs do not know each other', () => {
    expect(() => [served({ routes: [route()] }), served({ routes: [route()] })]).not.toThrow();
  });
});

test.each<[Partial<HttpRouteProps>, RegExp]>([
  [{ from: undefined }, /Route\.httpRoute: 'from' is nothing.*envoy-gateway-system/],
  [{ gateway: undefined }, /'gateway\.name' is nothing/],
  [{ gateway: { name: 'Public' } }, /'gateway\.name' is 'Public'/],
  [{ gateway: { name: 'public', sectionName: 'HTTPS' } }, /'gateway\.sectionName' is 'HTTPS'/],
  [{ hostnames: ['https://llm.example.com'] }, /'hostnames\[0\]' is/],
  [{ hostnames: 'llm.example.com' as unknown as string[] }, /'hostnames' is 'a string'; allowed: a list/],
  [{ filters: {} as unknown as [] }, /'filters' is 'an object of class Object'; allowed: a list/],
  [{ headers: { 'X Tenant': 'a' } }, /'key in headers' is 'X Tenant'/],
  [{ headers: { tenant: 1 as unknown as string } }, /headers\["tenant"\]' is 1/],
  [{ filters: [{ group: '', kind: 'Middleware', name: 'jwt' }] }, /'filters\[0\]\.group' is ''/],
  [{ stripPrefix: true }, /'stripPrefix' is true/],
  [{ paths: [] }, /'paths' is \[\]; allowed: 1 to 16 paths/],
  [{ paths: ['v1'] }, /'paths\[0\]' is 'v1'/],
  [{ paths: [undefined as unknown as string] }, /'paths\[0\]' is ''/],
  [{ paths: '/v1' as unknown as string[] }, /'paths' is 'a string'; allowed: a list/],
  [{ path: `/${'a'.repeat(512)}` }, /'path' is .* at most 512/],
  [{ name: 'Chat' }, /'name' is 'Chat'/],
])('%j is refused', (props, message) => {
  expect(() => route(props)).toThrow(message);
});

test.each<[string, () => unknown]>([
  ['Route.httpRoute', () => Route.httpRoute(null as unknown as HttpRouteProps)],
  ['Route.ingress', () => Route.ingress(null as unknown as IngressRouteProps)],
  ['Route.inferencePool', () => Route.inferencePool(null as unknown as InferencePoolRouteProps)],
  ['Scaling.cpu', () => Scaling.cpu(null as unknown as CpuScalingProps)],
  ['Scaling.custom', () => Scaling.custom(null as unknown as CustomScalingProps)],
  ['Scaling.kedaHttp', () => Scaling.kedaHttp(null as unknown as KedaHttpScalingProps)],
  ['Monitoring.prometheus', () => Monitoring.prometheus(null as unknown as PrometheusMonitoringProps)],
])('%s of nothing is refused', (factory, make) => {
  expect(make).toThrow(`${factory}: 'props' is`);
});

test.each([
  [45, '45s'],
  [60, '1m'],
  [5400, '1h30m'],
  [86_461, '24h1m1s'],
])('%d seconds are %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
  expect(text).toMatch(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/);
});
