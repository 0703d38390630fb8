import { speculationProblem, speculativeConfig } from '../../../src/engines/vllm/speculation';

test('the configuration of each method', () => {
  expect(speculativeConfig({ method: 'ngram', tokens: 4, longest: 3, shortest: 2 })).toEqual({
    method: 'ngram',
    num_speculative_tokens: 4,
    prompt_lookup_max: 3,
    prompt_lookup_min: 2,
  });
  expect(speculativeConfig({ method: 'eagle3', tokens: 2 }, '/models/head')).toEqual({
    method: 'eagle3',
    model: '/models/head',
    num_speculative_tokens: 2,
  });
  expect(speculativeConfig({ method: 'mtp', tokens: 1 })).toEqual({
    method: 'mtp',
    num_speculative_tokens: 1,
  });
});

test.each([
  ['0.8.1', 'ngram', true],
  ['0.8.2', 'ngram', false],
  ['0.9.2', 'draft_model', false],
  ['0.10.0', 'draft_model', true],
  ['0.14.1', 'draft_model', true],
  ['0.15.0', 'draft_model', false],
  ['0.10.0', 'eagle', false],
  ['0.11.0', 'mtp', true],
  ['0.11.1', 'mtp', false],
])('vLLM %s with %s is refused: %s', (version, method, refused) => {
  const problem = speculationProblem(version, { method, tokens: 2 } as never);
  expect(problem !== undefined).toBe(refused);
  if (refused) expect(problem!.advice).toMatch(/^Pin an image of /);
});
