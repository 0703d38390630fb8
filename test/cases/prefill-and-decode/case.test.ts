import { container, flagValues, objectsOf, podSpec, the, Untyped } from '../../support/objects';
import { prefillAndDecode } from './case';

const objects = objectsOf(...prefillAndDecode().charts);
const prefill = the(objects, 'Deployment', 'qwen3-32b-prefill');
const decode = the(objects, 'Deployment', 'qwen3-32b-decode');
const router = the(objects, 'Deployment', 'qwen3-32b-chat');
const both = [prefill, decode];

test('one produces the key-value cache, the other takes it over', () => {
  const transfer = (pods: Untyped) =>
    JSON.parse(flagValues(container(pods, 'vllm').args, '--kv-transfer-config')[0]);
  expect(both.map(transfer)).toEqual([
    { kv_connector: 'NixlConnector', kv_role: 'kv_producer' },
    { kv_connector: 'NixlConnector', kv_role: 'kv_consumer' },
  ]);
});

test('each pod tells the address at which another pod finds it', () => {
  for (const pods of both) {
    expect(container(pods, 'vllm').env).toContainEqual({
      name: 'VLLM_NIXL_SIDE_CHANNEL_HOST',
      valueFrom: { fieldRef: { fieldPath: 'status.podIP' } },
    });
  }
});

test('both serve the same bytes of the same model', () => {
  const [one, other] = both.map((pods) => container(pods, 'vllm'));
  expect(one.args[0]).toBe(other.args[0]);
  expect(one.image).toBe(other.image);
});

const instancesIn = (rules: Untyped[], ports: number[]) =>
  rules
    .filter(
      (rule) => JSON.stringify(rule.ports?.map(({ port }: Untyped) => port) ?? []) === JSON.stringify(ports),
    )
    .flatMap((rule) => rule.from ?? rule.to ?? [])
    .map(({ podSelector }: Untyped) => podSelector?.matchLabels?.['app.kubernetes.io/instance']);

test.each([
  ['qwen3-32b-prefill', 'qwen3-32b-decode'],
  ['qwen3-32b-decode', 'qwen3-32b-prefill'],
])('%s and %s reach each other on all ports; requests come from the router alone', (one, other) => {
  const { ingress, egress } = the(objects, 'NetworkPolicy', `${one}-server`).spec;
  expect(instancesIn(egress, [])).toEqual([other]);
  expect(instancesIn(ingress, [])).toEqual([other]);
  expect(instancesIn(ingress, [8000])).toEqual(['qwen3-32b-chat']);
});

test('the router knows both by their Services, and may ask them', () => {
  const { args } = container(router, 'vllm-router');
  for (const [flag, name] of [
    ['--prefill', 'qwen3-32b-prefill'],
    ['--decode', 'qwen3-32b-decode'],
  ]) {
    const [port] = the(objects, 'Service', name).spec.ports;
    expect(args).toContain(`${flag}=http://${name}:${port.port}`);
  }
  const { egress } = the(objects, 'NetworkPolicy', 'qwen3-32b-chat-server').spec;
  expect(instancesIn(egress, [8000])).toEqual(['qwen3-32b-prefill', 'qwen3-32b-decode']);
});

test('the router has no model, and waits for none', () => {
  expect(podSpec(router)).not.toHaveProperty('initContainers');
  expect(podSpec(router).volumes.map((volume: object) => Object.keys(volume))).not.toContainEqual(
    expect.arrayContaining(['persistentVolumeClaim']),
  );
});

test('replicas of the one have nothing to do with those of the other', () => {
  expect(both.map(({ spec }) => spec.replicas)).toEqual([3, 1]);
});
