import {
  argument,
  container,
  containers,
  objectsOf,
  ofKind,
  podSpec,
  the,
  Untyped,
} from '../../support/objects';
import { nodeCacheForAFleet } from './case';

const objects = objectsOf(...nodeCacheForAFleet().charts);
const nodes = the(objects, 'DaemonSet');
const small = the(objects, 'Deployment', 'fleet-small');
const large = ofKind(objects, 'StatefulSet');
const run = the(objects, 'Job', /^fleet-throughput-/);
const readers = [small, ...large, run];

const items = JSON.parse(
  (the(objects, 'ConfigMap', /-items-/) as Untyped).data['items.json'] as string,
) as Untyped[];
const keyOf = (name: string, kind = 'model'): string =>
  items.find((item) => item.kind === kind && item.name === name).key;
const folders = (of: Untyped) => podSpec(of).volumes.filter((volume: object) => 'hostPath' in volume);

test('who reads runs where the cache is, and tolerates what it tolerates', () => {
  const { nodeSelector, tolerations } = podSpec(nodes);
  expect(nodeSelector).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-L4' });
  for (const reader of readers) {
    expect(podSpec(reader).nodeSelector).toMatchObject(nodeSelector);
    expect(podSpec(reader).tolerations).toEqual(tolerations);
  }
});

test('the folder of the node is written by one container alone', () => {
  const writers = [nodes, ...readers].flatMap((object) => {
    const names = folders(object).map(({ name }: Untyped) => name);
    return containers(object)
      .filter(({ volumeMounts = [] }) =>
        volumeMounts.some(({ name, readOnly }: Untyped) => names.includes(name) && !readOnly),
      )
      .map(({ name }) => `${object.kind} ${name}`);
  });
  expect(writers).toEqual(['DaemonSet cache']);
});

test('each waits for what it reads, and for nothing else that the node keeps', () => {
  expect(argument(container(small, 'await-model'), 'key')).toEqual([keyOf('qwen3-8b')]);
  for (const pods of large) {
    expect(argument(container(pods, 'await-model'), 'key')).toEqual([keyOf('qwen3-32b')]);
  }
  const awaited = containers(run).flatMap((each) => (each.args ? argument(each, 'key') : []));
  expect(new Set(awaited)).toEqual(new Set([keyOf('qwen3-8b'), keyOf('vllm', 'repository')]));
});

test('copies are on several nodes, as each has the model; and those of one model on two nodes have it too', () => {
  expect(small.spec.replicas).toBe(3);
  expect(podSpec(small).topologySpreadConstraints).toHaveLength(1);
  expect(podSpec(small).affinity).toBeUndefined();
  expect(large).toHaveLength(2);
  for (const pods of large) expect(folders(pods)).toHaveLength(1);
});

test('the image that is kept is the one that runs, and nothing of it runs in the cache', () => {
  const held = container(nodes, 'image-vllm');
  expect(held.image).toBe(container(small, 'vllm').image);
  expect(held.image).toBe(container(run, 'vllm').image);
  expect(held.command[0]).toBe('/cdk8s-llm/busybox');
  expect(held.env).toContainEqual({ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' });
});

test('the cache alone reaches out, by HTTPS; who reads is offline', () => {
  const ports = (name: RegExp) =>
    the(objects, 'NetworkPolicy', name).spec.egress.flatMap(({ to, ports: open = [] }: Untyped) =>
      to === undefined ? open.map(({ port }: Untyped) => port) : [],
    );
  expect(ports(/^fleet-nodes-/)).toEqual([53, 53, 443]);
  expect(ports(/^fleet-small-server$/)).toEqual([]);
  expect(ports(/^fleet-throughput-/)).toEqual([]);
  // They find each other by name.
  expect(ports(/^fleet-large-server$/)).toEqual([53, 53]);
});

test('no pod departs from Pod Security but by that folder and by what sets up devices, and says so', () => {
  for (const object of [nodes, ...readers]) {
    const said = object.metadata.annotations?.['cdk8s-llm/pod-security-opt-out'] ?? '';
    const reasons = said.split('\n').map((line) => line.split(':')[0]);
    expect(reasons).toContain('hostPath');
    expect(['hostPath', 'readOnlyRootFilesystem']).toEqual(expect.arrayContaining(reasons));
    for (const { securityContext } of containers(object)) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    }
  }
});

test('a tenth of the nodes at a time is without its pod while something changes', () => {
  expect(nodes.spec.updateStrategy).toEqual({
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: '10%' },
  });
});
