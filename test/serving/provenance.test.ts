import { Size } from 'cdk8s';
import type { Artifact } from '../../src';
import { VllmServer } from '../../src/constructs/vllm-server';
import { Accelerator } from '../../src/pod/accelerator/accelerator';
import { NetworkPeer } from '../../src/pod/network-peer';
import { MultiNode } from '../../src/serving/group';
import { Monitoring } from '../../src/serving/monitoring';
import { Route } from '../../src/serving/route';
import { KedaTrigger } from '../../src/serving/scalers/keda-trigger';
import { Scaling } from '../../src/serving/scaling';
import { ScrapeKind } from '../../src/serving/watch/prometheus';
import type { InferenceServerProps } from '../../src/constructs/inference-server-props';
import type { KubeObject } from '../../src/validation/kube-object';
import { cache, conversion, sharedClaim, topology } from '../support/models';
import { checkedObjects, inferenceServer, pipelineFor } from '../support/servers';

const FROM = [NetworkPeer.namespace('gateways')];
const MONITORING = { from: [NetworkPeer.namespace('monitoring')] };

/** What leads to a server, decides of it or watches it. */
const OF_SERVERS = [
  'Service',
  'PodMonitor',
  'ServiceMonitor',
  'HTTPRoute',
  'InferencePool',
  'Ingress',
  'Middleware',
  'HorizontalPodAutoscaler',
  'ScaledObject',
  'HTTPScaledObject',
];

const OF_TEST = /smoke-test/;

const isOfServer = ({ kind, metadata }: KubeObject) =>
  OF_SERVERS.includes(kind) || (kind === 'Job' && OF_TEST.test(metadata.name ?? ''));

/** The kinds of those objects, each of which says which artifacts it is about. */
function saying(objects: KubeObject[], artifacts: Artifact[]): string[] {
  const parents = artifacts.flatMap(({ _ancestors }) => _ancestors);
  const found = objects.filter(isOfServer);
  for (const { metadata } of found) {
    expect(metadata.annotations).toMatchObject({
      'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
      'cdk8s-llm/revision': artifacts[0].provenance.revision,
      'cdk8s-llm/licence': 'apache-2.0',
      'cdk8s-llm/serves-artifact': artifacts.map(({ key }) => key).join(' '),
      ...(parents.length ? { 'cdk8s-llm/parents': parents.join(' ') } : {}),
    });
    // It neither makes them nor waits for them.
    expect(metadata.annotations).not.toHaveProperty('cdk8s-llm/artifact-key');
    expect(metadata.annotations).not.toHaveProperty('cdk8s-llm/needs-artifact');
  }
  return [...new Set(found.map(({ kind }) => kind))].sort();
}

/** A server of what was converted, and of a second artifact. */
function serverSaying(props: Partial<InferenceServerProps>): string[] {
  const pipeline = pipelineFor();
  const store = sharedClaim();
  const downloaded = cache(pipeline.download, { store, licence: 'apache-2.0' }).artifact;
  const model = conversion(pipeline.convert, { model: downloaded, store }).artifact;
  inferenceServer(pipeline.serve, {
    model,
    artifacts: [{ name: 'original', artifact: downloaded }],
    metrics: { running: 'acme_running' },
    ...props,
  });
  return saying(checkedObjects(pipeline), [model, downloaded]);
}

test('all that belongs to a server says which artifacts it serves, and what they were made from', () => {
  const gateway = { name: 'public', namespace: 'gateways', sectionName: 'https' };
  const picker = { service: 'epp', port: 9002 };
  expect(
    serverSaying({
      routes: [
        Route.httpRoute({ gateway, from: FROM, path: '/a' }),
        Route.inferencePool({ gateway, from: FROM, path: '/b', picker, name: 'pool' }),
        Route.ingress({ className: 'traefik', from: FROM, path: '/c' }),
      ],
      scaling: Scaling.keda({
        max: 2,
        prometheus: { serverAddress: 'http://prometheus.monitoring.svc:9090', ...MONITORING },
        triggers: [KedaTrigger.requestsRunning(4)],
      }),
      monitoring: Monitoring.prometheus(MONITORING),
      smokeTest: {},
    }),
  ).toEqual([
    'HTTPRoute',
    'InferencePool',
    'Ingress',
    'Job',
    'Middleware',
    'PodMonitor',
    'ScaledObject',
    'Service',
  ]);
});

test.each([
  ['HTTPScaledObject', { scaling: Scaling.kedaHttp({ max: 1, concurrency: 4 }), smokeTest: {} }],
  [
    'ServiceMonitor',
    { monitoring: Monitoring.prometheus({ ...MONITORING, kind: ScrapeKind.SERVICE_MONITOR }) },
  ],
  ['HorizontalPodAutoscaler', { scaling: Scaling.cpu({ max: 3 }) }],
])('a %s does', (kind, props: Partial<InferenceServerProps>) => {
  expect(serverSaying(props)).toContain(kind);
});

test('the Service of the nodes of a group does', () => {
  const pipeline = pipelineFor();
  const model = cache(pipeline.download, { store: sharedClaim(), licence: 'apache-2.0' }).artifact;
  new VllmServer(pipeline.serve, 'chat', {
    model,
    accelerator: Accelerator.nvidia({ memory: Size.gibibytes(80) }),
    multiNode: MultiNode.statefulSets(),
    nodes: 2,
    pipelineParallel: 2,
  });
  expect(saying(checkedObjects(pipeline), [model])).toEqual(['Service']);
});

test('a topology of distributed-llama does', () => {
  const pipeline = pipelineFor();
  const downloaded = cache(pipeline.download, { licence: 'apache-2.0' }).artifact;
  const model = conversion(pipeline.convert, { model: downloaded }).artifact;
  topology(pipeline.serve, { model, smokeTest: {}, monitoring: Monitoring.prometheus(MONITORING) });
  expect(saying(checkedObjects(pipeline), [model])).toEqual(['Job', 'PodMonitor', 'Service']);
});
