import { knownFacts } from '../../src/engines/known-models';
import { ModelFacts } from '../../src/engines/model-facts';
import { devicesOf, divisionsOf, Parallelism, parallelismProblem } from '../../src/engines/parallelism';

const llama70b = knownFacts('meta-llama/Llama-3.1-70B')!; // 64 heads, 8 key-value heads, 80 layers
const llama3b = knownFacts('meta-llama/Llama-3.2-3B')!; // 24 heads, 8 key-value heads
const deepseek = knownFacts('deepseek-ai/DeepSeek-R1')!;
const qwen30bFp8 = knownFacts('Qwen/Qwen3-30B-A3B-FP8')!;
const qwen235bFp8 = knownFacts('Qwen/Qwen3-235B-A22B-FP8')!;

function split(tensor: number, pipeline = 1, data = 1, expert?: boolean): Parallelism {
  return { tensor, pipeline, data, expert };
}

test('a copy takes tensor x pipeline x data devices', () => {
  expect(devicesOf(split(2, 4, 3))).toBe(24);
});

test.each<[string, Parallelism, number, ModelFacts | undefined]>([
  ['tensor 2 x pipeline 4 on 8 devices', split(2, 4), 8, llama70b],
  ['key-value heads repeated: 16 devices for 8 heads', split(16), 16, llama70b],
  ['8 devices for DeepSeek', split(8), 8, deepseek],
  ['latent attention, whose heads share one vector: 16 devices', split(16), 16, deepseek],
  ['two devices for blocks of 128 in 768', split(2), 2, qwen30bFp8],
  ['whole experts are not cut', split(8, 1, 1, true), 8, qwen235bFp8],
  [
    'experts of which the facts know nothing',
    split(2, 1, 1, true),
    2,
    ModelFacts.fromConfig({
      ...{ model_type: 'dbrx', hidden_size: 256, intermediate_size: 512, num_hidden_layers: 2 },
      ...{ num_attention_heads: 8, vocab_size: 1024, max_position_embeddings: 2048 },
      ffn_config: { moe_num_experts: 16 },
    }),
  ],
  ['anything without facts', split(7), 7, undefined],
])('%s: can be', (_, parallelism, devices, facts) => {
  expect(parallelismProblem(parallelism, devices, facts)).toBeUndefined();
});

test.each<[Parallelism, number | undefined, ModelFacts | undefined, object]>([
  [
    split(2, 2),
    8,
    llama70b,
    {
      number: 'tensor',
      given: 2,
      allowed: 'tensor x pipeline x data = 8, as many as there are devices',
      advice: expect.stringContaining('8 x 1, 4 x 2, 2 x 4, 1 x 8') as string,
    },
  ],
  [
    split(5),
    5,
    llama3b,
    {
      number: 'tensor',
      allowed: '1, 2, 4, 8, 24',
      advice: expect.stringContaining('The 24 attention heads cannot be divided by 5.') as string,
    },
  ],
  [
    split(3),
    3,
    llama3b,
    {
      advice: expect.stringContaining('8 key-value heads can neither be divided by 3 nor repeated') as string,
    },
  ],
  [
    split(4),
    4,
    qwen30bFp8,
    {
      allowed: '1, 2',
      advice: expect.stringContaining('blocks of 128, which moe_intermediate_size 768 / 4 cuts') as string,
    },
  ],
  [split(8), 8, qwen235bFp8, { advice: expect.stringContaining('1536 / 8') as string }],
  [split(1, 81), 81, llama70b, { number: 'pipeline', given: 81, allowed: '1 to 80, the number of layers' }],
  [split(3), undefined, llama70b, { number: 'tensor', given: 3 }],
  [
    split(8, 1, 1, true),
    8,
    llama70b,
    { number: 'expert', given: true, allowed: 'false, as the model has no experts' },
  ],
])('%j on %s devices cannot be', (parallelism, devices, facts, problem) => {
  expect(parallelismProblem(parallelism, devices, facts)).toMatchObject(problem);
});

test('divisions are those that can be, the widest tensors first', () => {
  expect(divisionsOf(12, llama70b).map(({ tensor, pipeline }) => [tensor, pipeline])).toEqual([
    [4, 3],
    [2, 6],
    [1, 12],
  ]);
  expect(divisionsOf(4, undefined).map(({ tensor }) => tensor)).toEqual([4, 2, 1]);
});
