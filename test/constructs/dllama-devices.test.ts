import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { Accelerator, DllamaConversion, DllamaTopologyProps, NetworkPeer, PhasedApp, Route } from '../../src';
import type { KubeObject } from '../../src/validation/kube-object';
import { rows, section } from '../phases/readme/markdown-document';
import { temporaryFolder } from '../support/folders';
import { topology } from '../support/models';
import { container, flagValues, ofKind, podSpec, the } from '../support/objects';
import { checkedObjects, pipelineFor, sharedModel } from '../support/servers';

const AMD = Accelerator.amd({ product: 'AMD_Instinct_MI210', deviceGroups: [44, 109] });

/** The objects of a pipeline with one topology, after the checks that `synth()` runs have passed. */
function served(props: Partial<DllamaTopologyProps>, kubernetesVersion?: string): KubeObject[] {
  const pipeline = pipelineFor(kubernetesVersion);
  const { artifact } = new DllamaConversion(pipeline.convert, 'q40', { model: sharedModel(pipeline) });
  topology(pipeline.serve, { model: artifact, ...props });
  return checkedObjects(pipeline, kubernetesVersion);
}

function made(props: Partial<DllamaTopologyProps>, kubernetesVersion?: string) {
  const objects = served(props, kubernetesVersion);
  const deployment = the(objects, 'Deployment');
  const sets = ofKind(objects, 'StatefulSet');
  const pods = [deployment, ...sets].map(podSpec);
  const engines = [container(deployment, 'root'), ...sets.map((set) => container(set, 'worker'))];
  return { objects, deployment, sets, pods, engines, front: container(deployment, 'front') };
}

describe('the devices of a topology', () => {
  test('are one of each process, which computes on it by one thread', () => {
    const { engines, front, pods } = made({ accelerator: AMD });
    for (const engine of engines) {
      expect(engine.resources.limits).toMatchObject({ 'amd.com/gpu': '1', cpu: '1' });
      expect(engine.resources.requests).toMatchObject({ 'amd.com/gpu': '1' });
      expect(flagValues(engine.args, '--gpu-index')).toEqual(['0']);
      expect(flagValues(engine.args, '--nthreads')).toEqual(['1']);
      expect(engine.env.map(({ name }: { name: string }) => name)).not.toContain(
        'NVIDIA_DRIVER_CAPABILITIES',
      );
    }
    expect(front.resources.limits).not.toHaveProperty(['amd.com/gpu']);
    for (const pod of pods) {
      expect(pod.nodeSelector).toEqual(AMD.placement.nodeSelector);
      expect(pod.tolerations).toEqual(AMD.placement.tolerations);
      expect(pod.securityContext.supplementalGroups).toEqual([44, 109]);
    }
  });

  test('of NVIDIA come with the driver for Vulkan, by their runtime class and on their nodes', () => {
    const accelerator = Accelerator.nvidia({ product: 'NVIDIA-L4', runtimeClass: 'nvidia' });
    const { engines, pods } = made({ accelerator, rootPlacement: { nodeSelector: { zone: 'a' } } });
    for (const engine of engines) {
      expect(engine.env).toContainEqual({ name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'graphics,utility' });
    }
    for (const pod of pods) expect(pod.runtimeClassName).toBe('nvidia');
    expect(pods[0].nodeSelector).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-L4', zone: 'a' });
    expect(pods[1].nodeSelector).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-L4' });
  });

  test('without any, it computes on CPUs as before', () => {
    const { engines, pods } = made({});
    for (const engine of engines) {
      expect(engine.args).not.toContain('--gpu-index');
      expect(flagValues(engine.args, '--nthreads')).toEqual(['4']);
    }
    for (const pod of pods) expect(pod.securityContext).not.toHaveProperty('supplementalGroups');
  });

  test('may be others for a slot', () => {
    const { sets, engines } = made({ workerSlots: [{ slot: 1, accelerator: AMD }] });
    const special = sets.findIndex(({ metadata }) => String(metadata.name).endsWith('slot-1'));
    expect(engines[1 + special].resources.limits).toMatchObject({ 'amd.com/gpu': '1', cpu: '1' });
    const [root] = engines;
    expect(root.resources.limits).toMatchObject({ cpu: '4' });
    expect(root.resources.limits).not.toHaveProperty(['amd.com/gpu']);
  });

  test('by DRA: each pod has a claim of its own, by one template', () => {
    const accelerator = Accelerator.dra({ deviceClass: 'gpu.amd.com', deviceGroups: [] });
    const { objects, pods, engines } = made({ accelerator }, '1.34');
    const { metadata } = the(objects, 'ResourceClaimTemplate');
    for (const pod of pods) {
      expect(pod.resourceClaims).toEqual([{ name: 'devices', resourceClaimTemplateName: metadata.name }]);
    }
    for (const engine of engines) expect(engine.resources.claims).toEqual([{ name: 'devices' }]);
  });

  test('that write to the root file system say so at each workload', () => {
    const accelerator = Accelerator.custom({
      resource: 'example.com/gpu',
      vendor: 'nvidia',
      writesRoot: true,
    });
    const { deployment, sets, engines, front } = made({ accelerator });
    for (const { metadata } of [deployment, ...sets]) {
      expect(metadata.annotations?.['cdk8s-llm/pod-security-opt-out']).toContain('readOnlyRootFilesystem: ');
    }
    for (const engine of engines) expect(engine.securityContext.readOnlyRootFilesystem).toBe(false);
    expect(front.securityContext.readOnlyRootFilesystem).toBe(true);
  });

  test.each<[string, Partial<DllamaTopologyProps>, string]>([
    ['several of a process', { accelerator: AMD.times(2) }, "'accelerator' is '2 devices of a pod'"],
    [
      'without Vulkan',
      { accelerator: Accelerator.gaudi() },
      "'accelerator' is 'gaudi'; allowed: devices that",
    ],
    [
      'parts of GPUs',
      { accelerator: Accelerator.nvidia({ mig: '1g.10gb' }) },
      "'accelerator' is 'parts of GPUs (MIG)'; allowed: whole GPUs",
    ],
    [
      'one claim of all',
      { accelerator: Accelerator.existingClaim('shared') },
      "'accelerator' is 'one claim of all pods'",
    ],
    ['with many threads', { accelerator: AMD, threads: 4 }, "'threads' is 4; allowed: 1 with an accelerator"],
    [
      'with many threads of a slot',
      { accelerator: AMD, workerSlots: [{ slot: 0, threads: 2 }] },
      "'workerSlots[0].threads' is 2; allowed: 1 with an accelerator",
    ],
    [
      'chosen twice',
      { accelerator: AMD, workerArgs: ['--gpu-index', '1'] },
      "extraArgs has --gpu-index, which is set by 'accelerator'",
    ],
    [
      'too small for the model',
      {
        accelerator: Accelerator.custom({
          resource: 'example.com/gpu',
          vendor: 'amd',
          deviceGroups: [],
          memory: Size.mebibytes(1),
        }),
      },
      "'accelerator' is 'a device of 1 MiB'; allowed: ",
    ],
    [
      'no Accelerator',
      { accelerator: { count: 1 } as unknown as Accelerator },
      'allowed: an Accelerator. Make one: Accelerator.amd({ count: 1 })',
    ],
  ])('are refused: %s', (_, props, message) => {
    expect(() => made(props)).toThrow(message);
  });
});

test('the README counts the devices of the whole group, and tells the way from outside', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  const { artifact } = new DllamaConversion(pipeline.convert, 'q40', { model: sharedModel(pipeline) });
  const from = [NetworkPeer.namespace('gateways')];
  const routes = [Route.ingress({ className: 'nginx', from, host: 'llm.example.com' })];
  topology(pipeline.serve, { model: artifact, accelerator: AMD, routes });
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  const table = (heading: string) => rows(section(readme, heading));
  expect(table('### CPU, memory and GPUs of qwen')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ 'pods of': 'Deployment `qwen-chat-root`', GPUs: '1 x amd.com/gpu' }),
      expect.objectContaining({ 'pods of': 'StatefulSet `qwen-chat-worker`', GPUs: '3 x amd.com/gpu' }),
    ]),
  );
  expect(table('### Endpoints of qwen')[0]['from outside']).toContain('llm.example.com');
});

test('the PriorityClass is that of root and workers', () => {
  const { pods } = made({ priorityClassName: 'batch' });
  for (const pod of pods) expect(pod.priorityClassName).toBe('batch');
  expect(() => made({ priorityClassName: 'No!' })).toThrow("'priorityClassName' is 'No!'");
});

describe('the ways to a topology', () => {
  const from = [NetworkPeer.namespace('gateways')];
  const gateway = { name: 'public', namespace: 'gateways' };

  test.each([
    ['an Ingress', Route.ingress({ className: 'nginx', from, host: 'llm.example.com', paths: ['/v1'] })],
    ['an HTTPRoute', Route.httpRoute({ gateway, from, hostnames: ['llm.example.com'], paths: ['/v1'] })],
  ])('%s leads to the Service of the front, whose pod lets the gateway in', (_, route) => {
    const objects = served({ routes: [route], allowFrom: [] });
    const [found] = [...ofKind(objects, 'Ingress'), ...ofKind(objects, 'HTTPRoute')];
    const service = the(objects, 'Service', 'qwen-chat');
    expect(service.spec.ports[0].targetPort).toBe('http');
    const [rule] = found.spec.rules;
    const backend = rule.backendRefs?.[0] ?? rule.http.paths[0].backend.service;
    expect(backend).toMatchObject({ name: service.metadata.name });
    expect(backend.port.number ?? backend.port).toBe(service.spec.ports[0].port);
    const policy = the(objects, 'NetworkPolicy', /root/);
    expect(policy.spec.ingress).toEqual([
      { from: from.map(({ _peer }) => _peer), ports: [{ port: 8080, protocol: 'TCP' }] },
    ]);
  });

  test('no InferencePool, as there is one pod', () => {
    const picker = { service: 'picker' };
    expect(() => served({ routes: [Route.inferencePool({ gateway, from, picker })] })).toThrow(
      "'routes[0]' is 'an InferencePool'; allowed: what leads to one pod, as the root alone takes requests",
    );
  });

  test('nothing else than a route', () => {
    expect(() => served({ routes: [{}] as unknown as Route[] })).toThrow(
      "'routes[0]' is 'an object of class Object'",
    );
  });
});
