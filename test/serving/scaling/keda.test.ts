import { Duration } from 'cdk8s';
import { ISecret } from 'cdk8s-plus-28';
import { NetworkPeer } from '../../../src/pod/network-peer';
import { Monitoring } from '../../../src/serving/monitoring';
import { KedaScalingProps } from '../../../src/serving/scalers/keda';
import { KedaCronProps, KedaTrigger } from '../../../src/serving/scalers/keda-trigger';
import { PrometheusAuthentication, PrometheusProps } from '../../../src/serving/scalers/prometheus';
import { ownSeries } from '../../../src/serving/scalers/promql';
import { Scaling } from '../../../src/serving/scaling';
import type { ServerTarget } from '../../../src/serving/server-target';
import { ofKind, the, Untyped } from '../../support/objects';
import { served } from '../../support/servers';

const ADDRESS = { serverAddress: 'http://prometheus.monitoring.svc:9090' };
const PROMETHEUS = { ...ADDRESS, from: [NetworkPeer.namespace('monitoring')] };
const METRICS = {
  running: 'vllm:num_requests_running',
  waiting: 'vllm:num_requests_waiting',
  kvCacheUsage: 'vllm:kv_cache_usage_perc',
};
const GATEWAY_QUERY = 'sum(rate(envoy_cluster_upstream_rq_total{cluster="qwen"}[2m]))';

function scaling(props: Partial<KedaScalingProps> = {}): Scaling {
  return Scaling.keda({
    max: 4,
    prometheus: PROMETHEUS,
    triggers: [KedaTrigger.requestsWaiting(5)],
    ...props,
  });
}

function scaledObject(props: Partial<KedaScalingProps> = {}, startupTimeout = Duration.minutes(10)): Untyped {
  return the(served({ metrics: METRICS, startupTimeout, scaling: scaling(props) }), 'ScaledObject').spec;
}

test("copies by the engine's own queue, of its own pods alone", () => {
  const objects = served({
    metrics: METRICS,
    startupTimeout: Duration.minutes(10),
    scaling: scaling({ min: 2 }),
  });
  expect(the(objects, 'ScaledObject')).toMatchObject({
    metadata: { name: 'qwen-chat', namespace: 'llm' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'qwen-chat' },
      minReplicaCount: 2,
      maxReplicaCount: 4,
      advanced: {
        horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 600 } } },
      },
      triggers: [
        {
          type: 'prometheus',
          name: 'requests-waiting-0',
          metricType: 'AverageValue',
          metadata: {
            serverAddress: 'http://prometheus.monitoring.svc:9090',
            query: 'sum(vllm:num_requests_waiting{namespace="llm",pod=~"qwen-chat-[0-9a-z]+-[0-9a-z]{5}"})',
            threshold: '5',
            activationThreshold: '0',
          },
        },
      ],
    },
  });
  expect(the(objects, 'Deployment').spec).not.toHaveProperty('replicas');
  expect(the(objects, 'ScaledObject').spec).not.toHaveProperty('cooldownPeriod');
});

test('a query is of the pods of one Deployment, and of no other whose name begins like it', () => {
  const { query } = scaledObject().triggers[0].metadata;
  const pattern = new RegExp(`^(?:${/pod=~"(.*?)"/.exec(query)![1]})$`);
  expect('qwen-chat-6d5f9c7b8-x2x4z').toMatch(pattern);
  expect('qwen-chat-fast-6d5f9c7b8-x2x4z').not.toMatch(pattern);
  expect('qwen-chat-0').not.toMatch(pattern);
});

test.each([
  ['LeaderWorkerSet', 'big', 'big-1', 'big-1-1'],
  // Each copy has a StatefulSet for its leader, and one for its workers.
  ['StatefulSet', 'big-0', 'big-1-0', 'big-1-worker-0'],
])('of groups of a %s the leaders are asked', (kind, name, leader, worker) => {
  const target = {
    owner: { namespace: 'llm', name: 'big' },
    workload: { apiVersion: 'x', kind, name },
  } as ServerTarget;
  const pattern = new RegExp(`^(?:${/pod=~"(.*?)"/.exec(ownSeries(target, 'm', {}))![1]})$`);
  expect(leader).toMatch(pattern);
  expect(worker).not.toMatch(pattern);
});

test('caches count as shares of each pod, requests as they are', () => {
  const { triggers } = scaledObject({
    triggers: [KedaTrigger.kvCacheUsage(0.8), KedaTrigger.requestsRunning(16)],
    prometheus: { ...PROMETHEUS, matchers: { cluster: 'ea"st' }, headers: { 'X-Scope-OrgID': 'llm' } },
  });
  expect(triggers.map(({ metadata }: Untyped) => [metadata.query, metadata.threshold])).toEqual([
    [
      'sum(avg by (pod) (vllm:kv_cache_usage_perc{namespace="llm",' +
        'pod=~"qwen-chat-[0-9a-z]+-[0-9a-z]{5}",cluster="ea\\"st"}))',
      '0.8',
    ],
    [
      'sum(vllm:num_requests_running{namespace="llm",' +
        'pod=~"qwen-chat-[0-9a-z]+-[0-9a-z]{5}",cluster="ea\\"st"})',
      '16',
    ],
  ]);
  expect(triggers[0].metadata.customHeaders).toBe('X-Scope-OrgID=llm');
});

test('what the engine does not measure is refused', () => {
  expect(() => served({ scaling: scaling() })).toThrow(
    /chat: 'scaling' is 'KedaTrigger\.requestsWaiting'.*it is not known what acme measures/,
  );
  expect(() => served({ metrics: { running: 'acme_running' }, scaling: scaling() })).toThrow(
    /allowed: what acme measures: .*running.*KedaTrigger\.query/,
  );
});

describe('down to none', () => {
  const activation = KedaTrigger.query({ query: GATEWAY_QUERY, threshold: 2, existsAtZero: true });

  test('needs something that tells of requests while no copy runs', () => {
    expect(() => scaling({ min: 0 })).toThrow(
      /Scaling\.keda: 'min' is 0; .*nothing could start the server again.*existsAtZero.*Scaling\.kedaHttp/,
    );
    const blind = KedaTrigger.query({ query: GATEWAY_QUERY, threshold: 2 });
    expect(() => scaling({ min: 0, triggers: [blind] })).toThrow(/'min' is 0/);
    const hours = { timezone: 'Europe/Berlin', start: '0 8 * * 1-5', end: '0 18 * * 1-5', replicas: 1 };
    const { triggers } = scaledObject({ min: 0, triggers: [KedaTrigger.cron(hours)] });
    expect(triggers[0]).toEqual({
      type: 'cron',
      name: 'cron-0',
      metadata: {
        timezone: 'Europe/Berlin',
        start: '0 8 * * 1-5',
        end: '0 18 * * 1-5',
        desiredReplicas: '1',
      },
    });
  });

  test('leaves a start its time, and a server its requests', () => {
    const spec = scaledObject({ min: 0, triggers: [KedaTrigger.requestsWaiting(5), activation] });
    expect(spec).toMatchObject({ minReplicaCount: 0, cooldownPeriod: 600, initialCooldownPeriod: 600 });
    expect(spec.triggers.map(({ name }: Untyped) => name)).toEqual([
      'requests-waiting-0',
      'query-1',
      'busy-2',
    ]);
    expect(spec.triggers[1].metadata).toMatchObject({ query: GATEWAY_QUERY, activationThreshold: '0' });
    // A million requests of one copy never ask for a second one.
    expect(spec.triggers[2].metadata).toMatchObject({
      query: expect.stringContaining('vllm:num_requests_running'),
      threshold: '1000000',
      activationThreshold: '0',
    });
  });

  test('does not ask twice whether requests run', () => {
    const { triggers } = scaledObject({ min: 0, triggers: [KedaTrigger.requestsRunning(8), activation] });
    expect(triggers).toHaveLength(2);
  });

  test('waits 5 minutes at least, and as long as one says', () => {
    const triggers = [activation];
    expect(scaledObject({ min: 0, triggers }, Duration.minutes(1)).cooldownPeriod).toBe(300);
    expect(scaledObject({ min: 0, triggers, cooldown: Duration.hours(1) }).cooldownPeriod).toBe(3600);
    expect(() => scaledObject({ min: 0, triggers, cooldown: Duration.minutes(5) })).toThrow(
      /'scaling' is 'a cooldown of 300 s'; allowed: 600 s or more.*readRate/,
    );
  });
});

describe("the engine's own metrics", () => {
  const given = { metrics: METRICS, startupTimeout: Duration.minutes(10) };
  const activation = KedaTrigger.query({ query: GATEWAY_QUERY, threshold: 10, existsAtZero: true });
  const unread = (props: Partial<KedaScalingProps>) => () =>
    served({ ...given, scaling: scaling({ prometheus: ADDRESS, ...props }) });

  test('are no reason to scale where nobody reads them', () => {
    expect(unread({})).toThrow(
      /chat: 'scaling' is 'KedaTrigger\.requestsWaiting'; .*Monitoring\.prometheus.*prometheus: \{ \.\.\., from:/s,
    );
    // It would end a server that answers: what is not known counts as 0.
    expect(unread({ min: 0, triggers: [activation] })).toThrow(/'scaling' is 'KedaTrigger\.busy'/);
    expect(unread({ triggers: [activation] })).not.toThrow();
  });

  test('are read by monitoring, or by who else is let in', () => {
    const letIn = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } },
    };
    const from = [NetworkPeer.namespace('monitoring')];
    const watched = served({
      ...given,
      monitoring: Monitoring.prometheus({ from }),
      scaling: scaling({ prometheus: ADDRESS }),
    });
    expect(ofKind(watched, 'ScaledObject')).toHaveLength(1);
    const otherwise = served({ ...given, allowFrom: [], scaling: scaling() });
    expect(the(otherwise, 'NetworkPolicy', /server/).spec.ingress).toEqual([
      { from: [letIn], ports: [{ protocol: 'TCP', port: 8000 }] },
    ]);
  });
});

test('a Prometheus is shown keys of Secrets, which README lists', () => {
  const secret = { name: 'prometheus-login' } as ISecret;
  const token = served({
    metrics: METRICS,
    scaling: scaling({
      prometheus: {
        ...PROMETHEUS,
        authentication: PrometheusAuthentication.bearerToken({ secret, key: 'token' }),
      },
    }),
  });
  const authentication = the(token, 'TriggerAuthentication');
  expect(authentication.metadata.name).toBe('qwen-chat-prometheus');
  expect(authentication.metadata.annotations).toMatchObject({
    'cdk8s-llm/secrets': 'prometheus-login/token=ask Prometheus (bearerToken)',
  });
  expect(authentication.spec).toEqual({
    secretTargetRef: [{ parameter: 'bearerToken', name: 'prometheus-login', key: 'token' }],
  });
  expect(the(token, 'ScaledObject').spec.triggers[0]).toMatchObject({
    authenticationRef: { name: 'qwen-chat-prometheus' },
    metadata: { authModes: 'bearer' },
  });
  const basic = scaledObject({
    prometheus: {
      ...PROMETHEUS,
      authentication: PrometheusAuthentication.basic({ secret, key: 'user' }, { secret, key: 'password' }),
    },
  });
  expect(basic.triggers[0].metadata.authModes).toBe('basic');
});

test('what holds while Prometheus does not answer', () => {
  expect(scaledObject({ fallback: { replicas: 2 }, pollingInterval: Duration.seconds(15) })).toMatchObject({
    fallback: { failureThreshold: 3, replicas: 2 },
    pollingInterval: 15,
  });
  expect(scaledObject()).not.toHaveProperty('fallback');
});

function cron(props: Partial<KedaCronProps>): KedaTrigger {
  return KedaTrigger.cron({ timezone: 'UTC', start: '0 8 * * *', end: '0 18 * * *', replicas: 1, ...props });
}

function withHeader(name: string): Scaling {
  return scaling({ prometheus: { ...PROMETHEUS, headers: { [name]: 'abc' } } });
}

test.each<[string, () => unknown, RegExp]>([
  ['no trigger', () => scaling({ triggers: [] }), /'triggers' is/],
  [
    'a trigger that is data',
    () => scaling({ triggers: [{}] as unknown as KedaTrigger[] }),
    /'triggers\[0\]' is 'an object of class Object'/,
  ],
  [
    'a cooldown of what never ends',
    () => scaling({ min: 1, cooldown: Duration.minutes(5) }),
    /'cooldown' is 'given'; allowed: nothing where min is above 0/,
  ],
  ['fewer than none', () => scaling({ min: -1 }), /'min' is -1/],
  [
    'a fallback to more than all',
    () => scaling({ fallback: { replicas: 5 } }),
    /'fallback\.replicas' is 5.*max is 4/,
  ],
  [
    'more copies at a time than all',
    () => scaling({ triggers: [cron({ replicas: 5 })] }),
    /'replicas of triggers\[0\]' is 5; allowed: 4 or fewer/,
  ],
  ['nothing', () => Scaling.keda(null as unknown as KedaScalingProps), /Scaling\.keda: 'props' is/],
  [
    'a header that is a credential',
    () => withHeader('Authorization'),
    /'key in prometheus\.headers' is 'Authorization'.*PrometheusAuthentication/,
  ],
  ['a key in a header', () => withHeader('X-Api-Key'), /'X-Api-Key'/],
  ['a token in a header', () => withHeader('X-Vault-Token'), /'X-Vault-Token'/],
  ['a cookie', () => withHeader('cookie'), /'cookie'/],
  ['a reader that is none', () => scaling({ prometheus: { ...ADDRESS, from: [] } }), /'prometheus\.from' is/],
  ['a fallback to none', () => scaling({ fallback: { replicas: 0 } }), /'fallback\.replicas' is 0/],
  [
    'no address',
    () => scaling({ prometheus: { serverAddress: 'prometheus:9090' } }),
    /'prometheus\.serverAddress' is/,
  ],
  [
    'credentials in an address',
    () => scaling({ prometheus: { serverAddress: 'https://me:secret@prometheus' } }),
    /'prometheus\.serverAddress' is '(?!.*secret)/,
  ],
  [
    'a header that KEDA would take for two',
    () => scaling({ prometheus: { ...PROMETHEUS, headers: { 'X-A': 'a,b' } } }),
    /prometheus\.headers\["X-A"\]/,
  ],
  [
    'a label that is none',
    () => scaling({ prometheus: { ...PROMETHEUS, matchers: { 'a-b': 'c' } } }),
    /prometheus\.matchers\["a-b"\]/,
  ],
  [
    'a token that is a text',
    () => PrometheusAuthentication.bearerToken('secret' as unknown as { secret: ISecret; key: string }),
    /PrometheusAuthentication: 'bearerToken' is '(?!secret)/,
  ],
  [
    'an authentication that is data',
    () => scaling({ prometheus: { ...PROMETHEUS, authentication: {} as PrometheusProps['authentication'] } }),
    /'prometheus\.authentication' is/,
  ],
  ['half a request', () => KedaTrigger.requestsWaiting(0.5), /'perReplica' is 0\.5/],
  ['more than a cache', () => KedaTrigger.kvCacheUsage(80), /'share' is 80; allowed: above 0, at most 1/],
  ['no query', () => KedaTrigger.query({ query: ' ', threshold: 1 }), /'query' is ' '/],
  ['no threshold', () => KedaTrigger.query({ query: 'up', threshold: 0 }), /'threshold' is 0/],
  [
    'no activation',
    () => KedaTrigger.query({ query: 'up', threshold: 1, activationThreshold: -1 }),
    /'activationThreshold' is -1/,
  ],
  [
    'no time',
    () => KedaTrigger.cron({ timezone: 'UTC', start: '8:00', end: '0 18 * * *', replicas: 1 }),
    /'start' is '8:00'/,
  ],
  [
    'a time that ends as it begins',
    () => KedaTrigger.cron({ timezone: 'UTC', start: '0 8 * * *', end: '0 8 * * *', replicas: 1 }),
    /'end' is '0 8 \* \* \*'; allowed: another time than the start/,
  ],
  [
    'no time zone',
    () => KedaTrigger.cron({ timezone: 'here now', start: '0 8 * * *', end: '0 18 * * *', replicas: 1 }),
    /'timezone' is 'here now'/,
  ],
])('%s is refused', (_what, make, message) => {
  expect(make).toThrow(message);
});

test.each(['*/15 0-23/2 1,15 jan-JUN mon-fri', '0 8 ? * 0,6', '59 23 31 12 SAT'])('%s is a time', (start) => {
  expect(() => cron({ start })).not.toThrow();
});

test.each([
  ['a b c d e', 'minute'],
  ['60 8 * * *', 'minute'],
  ['0 24 * * *', 'hour'],
  ['0 8 0 * *', 'day of the month'],
  ['0 8 * 13 *', 'month'],
  ['0 8 * * 7', 'day of the week'],
  ['0 8 * * fri-mon', 'day of the week'],
  ['0 9-8 * * *', 'hour'],
  ['*/0 8 * * *', 'minute'],
  ['1-2-3 8 * * *', 'minute'],
  ['0, 8 * * *', 'minute'],
])('%s is no time, by its %s', (end, part) => {
  expect(() => cron({ end })).toThrow(new RegExp(`KedaTrigger\\.cron: 'end' is .*a ${part} of \\d`));
});

test.each(['Mars/Phobos', 'Europe', 'europe/berlin', 'utc', '+01:00'])('%s is no time zone', (timezone) => {
  expect(() => cron({ timezone })).toThrow(`'timezone' is '${timezone}'`);
});

test('a number is no time zone', () => {
  expect(() => cron({ timezone: 1 as never })).toThrow("'timezone' is 1; allowed: a time zone");
});

test.each(['UTC', 'Europe/Berlin', 'America/Argentina/Ushuaia', 'Asia/Kolkata'])(
  '%s is a time zone',
  (timezone) => {
    expect(() => cron({ timezone })).not.toThrow();
  },
);
