import { argument, container, flagValues, objectsOf, ofKind, podSpec, the } from '../../support/objects';
import { ggufMainAndDraft } from './case';

const objects = objectsOf(...ggufMainAndDraft().charts);
const deployment = the(objects, 'Deployment');
const server = container(deployment, 'llama-server');
const [folder] = argument(container(deployment, 'await-model'), 'dir');

test('both files are fetched by one Job into one artifact', () => {
  expect(ofKind(objects, 'Job')).toHaveLength(1);
  const [download] = podSpec(the(objects, 'Job')).containers;
  expect(argument(download, 'include')).toEqual(['llama-2-7b.Q8_0.gguf', 'llama-2-7b.Q2_K.gguf']);
  expect(argument(container(deployment, 'await-model'), 'dir')).toHaveLength(1);
});

test('the large one answers, the small one guesses', () => {
  expect(flagValues(server.args, '--model')).toEqual([`${folder}/llama-2-7b.Q8_0.gguf`]);
  expect(flagValues(server.args, '--model-draft')).toEqual([`${folder}/llama-2-7b.Q2_K.gguf`]);
});

test('the flags of guessing are those of the version, not those that it has removed', () => {
  expect(flagValues(server.args, '--spec-draft-n-max')).toEqual(['16']);
  expect(flagValues(server.args, '--spec-draft-n-min')).toEqual(['5']);
  for (const removed of ['--draft-max', '--draft-min', '--draft']) expect(server.args).not.toContain(removed);
});

test('the program itself is started, as no name has to be looked up', () => {
  expect(server.command).toEqual(['/app/llama-server']);
});
