import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  LlamaServer,
  Monitoring,
  MultiNode,
  NetworkPeer,
  NodeCache,
  PhasedApp,
  ServiceMesh,
  VllmServer,
} from '../../../src';
import { Accelerator } from '../../../src/pod/accelerator/accelerator';
import { Route } from '../../../src/serving/route';
import { Scaling } from '../../../src/serving/scaling';
import { fineTune } from '../../support/fine-tunes';
import { temporaryFolder } from '../../support/folders';
import { cache, claim, sharedClaim, source } from '../../support/models';
import { inferenceServer, sharedModel } from '../../support/servers';
import { rows, section } from './markdown-document';

test('what a server takes, needs, opens and departs from is read from its objects', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  inferenceServer(pipeline.serve, {
    model: sharedModel(pipeline),
    replicas: 2,
    accelerator: Accelerator.nvidia({ count: 4 }),
    apiKey: { secret: Secret.fromSecretName(pipeline.serve, 's', 'chat-key'), key: 'key' },
    routes: [
      Route.httpRoute({
        gateway: { name: 'public', namespace: 'infra' },
        from: [NetworkPeer.namespace('infra')],
        hostnames: ['llm.example.com'],
        path: '/qwen',
      }),
    ],
  });
  app.synth();

  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  const table = (heading: string) => rows(section(readme, heading));
  expect(table('## Secrets that must exist')).toMatchObject([
    { Secret: '`chat-key`', keys: '`key`', for: 'the API key of qwen-chat' },
  ]);
  expect(table('## Opt-outs from Pod Security `restricted`')).toMatchObject([
    { object: 'Deployment `qwen-chat`', 'what and why': expect.stringMatching(/^readOnlyRootFilesystem: /) },
  ]);
  expect(table('### CPU, memory and GPUs of qwen')).toContainEqual(
    expect.objectContaining({ 'pods of': 'Deployment `qwen-chat`', GPUs: '8 x nvidia.com/gpu' }),
  );
  expect(table('### Endpoints of qwen')).toEqual([
    {
      'address in the cluster': '`http://qwen-chat.llm.svc:8080`',
      'answered by': 'Deployment `qwen-chat`',
      'from outside': '`llm.example.com/qwen/v1` by Gateway `infra/public`',
    },
  ]);
  expect(table('### Artifacts of qwen')).toMatchObject([{ 'awaited by': 'Deployment `qwen-chat`' }]);
});

test('what the cluster must have is listed, and the most that an autoscaler may ask for', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  const gpus = Accelerator.nvidia({ count: 4, runtimeClass: 'nvidia' });
  inferenceServer(pipeline.serve, {
    model: cache(pipeline.download, { store: claim({ placement: gpus.placement }) }).artifact,
    priorityClassName: 'models',
    accelerator: gpus,
    scaling: Scaling.kedaHttp({ hosts: ['qwen.llm'], max: 3, concurrency: 4 }),
    routes: [
      Route.httpRoute({
        gateway: { name: 'public', namespace: 'infra' },
        from: [NetworkPeer.namespace('infra')],
        hostnames: ['llm.example.com'],
      }),
    ],
  });
  app.synth();

  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  const table = (heading: string) => rows(section(readme, heading));
  expect(table('## What the cluster must have').map(({ what }) => what)).toEqual([
    'Gateway API 1.2 or newer, and a controller of its Gateways',
    'Gateway `infra/public`, which takes routes of namespace `llm`',
    "KEDA's HTTP add-on 0.11 or newer",
    'PriorityClass `models`',
    'RuntimeClass `nvidia`',
    expect.stringMatching(/^a ReferenceGrant in namespace `keda` from HTTPRoutes of `llm` to Service `keda-/),
    'a default StorageClass',
    'nodes with `nvidia.com/gpu`, by the device plugin of their vendor',
    expect.stringMatching(
      /^one node with room for all pods: 3, each [\d.]+ CPUs, .+iB of memory, 4 x nvidia.com\/gpu$/,
    ),
  ]);
  expect(table('### CPU, memory and GPUs of qwen')).toContainEqual(
    expect.objectContaining({ 'how many': '0 to 3, on one node', GPUs: '12 x nvidia.com/gpu' }),
  );
  expect(table('### Endpoints of qwen')[0]['address in the cluster']).toMatch(
    /^host .*`qwen\.llm` at the interceptor .*, which starts it; while it runs:<br>`http:/,
  );
});

test('what trains needs devices too, and what is on the disks of nodes a namespace that allows it', () => {
  const outdir = temporaryFolder();
  const pipeline = new PhasedApp({ outdir }).pipeline('qwen', { namespace: 'llm' });
  const nodes = new NodeCache(pipeline.download, 'nodes', {
    models: [{ name: 'qwen', source: source() }],
    path: '/var/lib/models',
    size: Size.gibibytes(100),
  });
  fineTune(pipeline.tune, { model: nodes.artifact('qwen'), store: sharedClaim() });
  (pipeline.node.root as PhasedApp).synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  const users = expect.stringMatching(/^DaemonSet `qwen-nodes`, Job `qwen-support-\w+`$/);
  expect(rows(section(readme, '## What the cluster must have'))).toEqual([
    {
      what: 'a default StorageClass, whose volumes are ReadWriteMany',
      for: 'PersistentVolumeClaim `qwen-support`',
    },
    {
      what:
        'namespace `llm` of the level `privileged` of Pod Security, and folder `/var/lib/models` of user and group ' +
        '65532 on the nodes',
      for: users,
    },
    {
      what: 'nodes with `nvidia.com/gpu`, by the device plugin of their vendor',
      for: expect.stringMatching(/^Job `qwen-support-\w+`$/),
    },
  ]);
  expect(readme).toContain('["DaemonSet, one on each node<br/>qwen-nodes"]');
});

test('a controller of groups has to know what their pods are told by', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  new VllmServer(pipeline.serve, 'chat', {
    model: sharedModel(pipeline),
    nodes: 2,
    multiNode: MultiNode.leaderWorkerSet(),
    accelerator: Accelerator.nvidia({ count: 1 }),
  });
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  expect(rows(section(readme, '## What the cluster must have'))[0].what).toBe('LeaderWorkerSet 0.6 or newer');
});

test('a mesh has to take in the pods of servers that are part of it', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const meshes = {
    sidecar: ServiceMesh.istioSidecar(),
    ambient: ServiceMesh.istioAmbient(),
    linkerd: ServiceMesh.linkerd(),
    none: undefined,
  };
  for (const [name, mesh] of Object.entries(meshes)) {
    const pipeline = app.pipeline(name, { namespace: 'llm' });
    inferenceServer(pipeline.serve, { model: sharedModel(pipeline), mesh });
  }
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  expect(rows(section(readme, '## What the cluster must have'))).toEqual([
    { what: 'Istio 1.12 or newer, with proxies in pods', for: 'Deployment `sidecar-chat`' },
    { what: 'Istio in ambient mode', for: 'Deployment `ambient-chat`' },
    { what: 'Linkerd 2.15 or newer', for: 'Deployment `linkerd-chat`' },
    {
      what: 'a default StorageClass, whose volumes are ReadWriteMany',
      for: expect.stringContaining('PersistentVolumeClaim `sidecar-weights`'),
    },
  ]);
});

test('who sends the API key is named beside who asks for it', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  new LlamaServer(pipeline.serve, 'chat', {
    model: sharedModel(pipeline),
    file: 'model.gguf',
    memory: Size.gibibytes(4),
    apiKey: { secret: Secret.fromSecretName(pipeline.serve, 's', 'chat-key'), key: 'key' },
    monitoring: Monitoring.prometheus({ from: [NetworkPeer.namespace('monitoring')] }),
    smokeTest: {},
  });
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  expect(rows(section(readme, '## Secrets that must exist'))).toEqual([
    {
      namespace: '`llm`',
      Secret: '`chat-key`',
      keys: '`key`',
      for: 'the API key of qwen-chat',
      'used by': expect.stringMatching(
        /^Deployment `qwen-chat`, Job `qwen-chat-smoke-test-\w+`, PodMonitor `qwen-chat`$/,
      ) as string,
    },
  ]);
});

test('what routes name has to be there, and their addresses are those that a client types', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  const from = [NetworkPeer.namespace('infra')];
  inferenceServer(pipeline.serve, {
    model: sharedModel(pipeline),
    routes: [
      Route.ingress({
        ...{ className: 'nginx', host: 'a.example.com', path: '/qwen', from },
        tls: { secretName: 'tls', clusterIssuer: 'le' },
      }),
      Route.httpRoute({
        ...{ gateway: { name: 'public' }, hostnames: ['b.example.com'], from },
        filters: [{ group: 'traefik.io', kind: 'Middleware', name: 'auth' }],
      }),
      Route.inferencePool({ gateway: { name: 'pools' }, from, picker: { service: 'epp' } }),
    ],
  });
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  const needs = rows(section(readme, '## What the cluster must have')).map(({ what }) => what);
  expect(needs).toEqual(
    expect.arrayContaining([
      'IngressClass `nginx`',
      'Middleware `llm/auth`',
      'cert-manager, and its ClusterIssuer `le`',
      'the endpoint picker, Service `epp` in `llm`',
    ]),
  );
  const [{ 'from outside': ways }] = rows(section(readme, '### Endpoints of qwen'));
  expect(ways).toMatch(/^`https:\/\/a\.example\.com\/qwen[\w/]*` by class `nginx`/);
});
