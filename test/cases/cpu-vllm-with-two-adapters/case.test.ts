import { argument, container, flagValues, objectsOf, podSpec, the } from '../../support/objects';
import { cpuVllmWithTwoAdapters } from './case';

const objects = objectsOf(...cpuVllmWithTwoAdapters().charts);
const deployment = the(objects, 'Deployment');
const vllm = container(deployment, 'vllm');
const guard = container(deployment, 'await-model');

test('it computes on CPUs, with memory for its key-value cache', () => {
  expect(vllm.image).toMatch(/^docker\.io\/vllm\/vllm-openai-cpu:v/);
  expect(Object.keys(vllm.resources.limits).sort()).toEqual(['cpu', 'ephemeral-storage', 'memory']);
  expect(vllm.env).toContainEqual({ name: 'VLLM_CPU_KVCACHE_SPACE', value: '16' });
  expect(vllm.args).not.toContain('--gpu-memory-utilization');
});

test('each adapter is a model of its own name, from its own artifact', () => {
  const folders = argument(guard, 'dir');
  expect(folders).toHaveLength(3);
  expect(vllm.args[0]).toBe(folders[0]);
  expect(flagValues(vllm.args, '--lora-modules')).toEqual([
    `sql=${folders[1]}`,
    `tweet-summary=${folders[2]}`,
  ]);
  expect(vllm.args).toContain('--enable-lora');
  expect(flagValues(vllm.args, '--max-loras')).toEqual(['2']);
  expect(flagValues(vllm.args, '--max-lora-rank')).toEqual(['64']);
});

test('it starts when all three artifacts are there, each with its own key', () => {
  const keys = argument(guard, 'key');
  expect(new Set(keys).size).toBe(3);
  argument(guard, 'dir').forEach((folder, index) => expect(folder).toMatch(new RegExp(`-${keys[index]}$`)));
});

test('all of them are in one claim, which is mounted once', () => {
  const claims = podSpec(deployment).volumes.filter((volume: object) => 'persistentVolumeClaim' in volume);
  expect(claims).toEqual([{ name: 'models', persistentVolumeClaim: { claimName: 'llama-2' } }]);
});

test('the smoke test asks an adapter, as what continues texts', () => {
  const test = container(the(objects, 'Job', /smoke-test/), 'smoke-test');
  expect(argument(test, 'model')).toEqual(['sql']);
  expect(argument(test, 'api')).toEqual(['completion']);
});
