import { argument, container, flagValues, objectsOf, podSpec, the, Untyped } from '../../support/objects';
import { ggufConversion } from './case';

const objects = objectsOf(...ggufConversion().charts);
const conversion = the(objects, 'Job', /-gguf-gguf-/);
const convert = container(conversion, 'convert');
const deployment = the(objects, 'Deployment');
const server = container(deployment, 'llama-server');

test('what the download leaves is what is converted, and what that leaves is what is served', () => {
  const [download] = podSpec(the(objects, 'Job', /-weights-/)).containers;
  expect(argument(convert, 'input-key')).toEqual(argument(download, 'key'));
  const [folder] = argument(convert, 'output');
  const [name] = argument(convert, 'name');
  expect(flagValues(server.args, '--model')).toEqual([`${folder}/${name}.gguf`]);
  expect(argument(container(deployment, 'await-model'), 'key')).toEqual(argument(convert, 'key'));
});

test('each waits for the one before it, in whatever order they are applied', () => {
  const waves = [the(objects, 'Job', /-weights-/), conversion, deployment].map((object) =>
    podSpec(object).initContainers?.map(({ name }: Untyped) => name),
  );
  expect(waves).toEqual([undefined, ['await-model'], ['await-model']]);
});

test('the converter and the server are of one release of llama.cpp', () => {
  const release = (image: string) => /:(?:full|server)-(v[\d.]+)/.exec(image)?.[1];
  expect(release(convert.image)).toBeDefined();
  expect(release(convert.image)).toBe(release(server.image));
});

test('it is quantized as asked, and so is its name', () => {
  expect(argument(convert, 'type')).toEqual(['Q4_K_M']);
  expect(argument(convert, 'name')).toEqual(['qwen3-1.7b-Q4_K_M']);
});

test('memory is known without being told: the file, and two slots of 16384 tokens', () => {
  expect(flagValues(server.args, '--ctx-size')).toEqual(['32768']);
  const mebibytes = Number(/^(\d+)Mi$/.exec(server.resources.limits.memory)?.[1]);
  const file = Number(conversion.metadata.annotations?.['cdk8s-llm/artifact-bytes']) / 2 ** 20;
  // 28 layers, 8 heads of 128 numbers, keys and values in 16 bits.
  const cache = (28 * 8 * 128 * 2 * 2 * 32768) / 2 ** 20;
  expect(mebibytes).toBeGreaterThan(file + cache);
  expect(mebibytes).toBeLessThan(2 * (file + cache));
});

test('nothing but the download reaches out', () => {
  for (const name of ['qwen3-1-7b-gguf-gguf-convert', 'qwen3-1-7b-gguf-chat-server']) {
    expect(the(objects, 'NetworkPolicy', name).spec.egress).toEqual([]);
  }
});
