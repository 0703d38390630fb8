import { allowedNodeCounts } from '../../../src/engines/dllama/topology-rules';
import { PublishedDllamaModel } from '../../../src/engines/dllama/published-models';
import { unsupportedByDllama } from '../../../src/engines/dllama/support';

const ALL = PublishedDllamaModel.all();

test('there are eleven, each once', () => {
  expect(new Set(ALL.map((model) => model.key)).size).toBe(11);
  expect(new Set(ALL.map((model) => model.repository)).size).toBe(11);
});

// The address of every file is https://huggingface.co/<repository>/resolve/<commit>/<part>.
test.each([
  ['llama3_1_8b_instruct_q40', 'Llama-3_1-8B-Q40-Instruct', 'dllama_model_llama3.1_instruct_q40.m', 1],
  ['llama3_1_405b_instruct_q40', 'Llama-3_1-405B-Q40-Instruct', 'dllama_model_llama31_405b_q40_cd', 56],
  ['llama3_2_1b_instruct_q40', 'Llama-3_2-1B-Q40-Instruct', 'dllama_model_llama3.2-1b-instruct_q40.m', 1],
  ['llama3_2_3b_instruct_q40', 'Llama-3_2-3B-Q40-Instruct', 'dllama_model_llama3.2-3b-instruct_q40.m', 1],
  ['llama3_3_70b_instruct_q40', 'Llama-3_3-70B-Q40-Instruct', 'dllama_model_llama-3.3-70b_q40ak', 11],
  [
    'deepseek_r1_distill_llama_8b_q40',
    'DeepSeek-R1-Distill-Llama-8B',
    'dllama_model_deepseek-r1-distill-llama-8b_q40.m',
    1,
  ],
  ['qwen3_0.6b_q40', 'Qwen3-0.6B-Q40', 'dllama_model_qwen3_0.6b_q40.m', 1],
  ['qwen3_1.7b_q40', 'Qwen3-1.7B-Q40', 'dllama_model_qwen3_1.7b_q40.m', 1],
  ['qwen3_8b_q40', 'Qwen3-8B-Q40', 'dllama_model_qwen3_8b_q40.m', 1],
  ['qwen3_14b_q40', 'Qwen3-14B-Q40', 'dllama_model_qwen3_14b_q40_ab', 2],
  ['qwen3_30b_a3b_q40', 'Qwen3-30B-A3B-Q40', 'dllama_model_qwen3_30b_a3b_ae', 5],
])('%s is in %s, the last of its parts is %s', (key, repository, lastPart, parts) => {
  const model = ALL.find((candidate) => candidate.key === key)!;
  expect(model.repository).toBe(`b4rtaz/${repository}-Distributed-Llama`);
  expect(model.parts).toHaveLength(parts);
  expect(model.parts.at(-1)).toBe(lastPart);
  expect(model.modelFile).toBe(parts === 1 ? lastPart : `dllama_model_${key}.m`);
  expect(model.tokenizerFile).toMatch(/^dllama_tokenizer_.*\.t$/);
});

test('parts are named as split names them', () => {
  const { parts } = PublishedDllamaModel.LLAMA3_1_405B_INSTRUCT_Q40;
  const suffixes = parts.map((part) => part.slice('dllama_model_llama31_405b_q40_'.length));
  expect(suffixes.slice(0, 2)).toEqual(['aa', 'ab']);
  expect(suffixes.slice(24, 28)).toEqual(['ay', 'az', 'ba', 'bb']);
  expect(suffixes).toEqual([...suffixes].sort());
});

test.each(ALL.map((model) => [model.key, model] as const))('%s can be served', (_key, model) => {
  expect(unsupportedByDllama(model.facts, model.weights)).toEqual([]);
  expect(allowedNodeCounts(model.facts, model.weights)).toEqual(
    [1, 2, 4, 8, 16].filter((nodes) => nodes <= model.facts.kvHeads),
  );
});

test('is found by its repository', () => {
  expect(PublishedDllamaModel.ofRepository('B4rtaz/qwen3-8b-q40-Distributed-Llama')).toBe(
    PublishedDllamaModel.QWEN3_8B_Q40,
  );
  expect(PublishedDllamaModel.ofRepository('Qwen/Qwen3-8B')).toBeUndefined();
});
