import * as fs from 'node:fs';
import * as path from 'node:path';
import { editJson, listing, mark, readJson, sha256, Workplace } from './convert';
import { readSafetensors, writeSafetensors } from './safetensors';

const SUMS = JSON.parse(
  fs.readFileSync(path.join(__dirname, '../../fixtures/dllama/upstream-sums.json'), 'utf8'),
) as Record<string, Record<string, { bytes: number; sha256: string }>>;

const LAYOUTS = ['t4-one', 't4-shards', 't5-one', 't5-shards'];
const WEIGHTS = ['q40', 'f32'];

let workplace: Workplace;

beforeAll(() => {
  workplace = new Workplace();
  workplace.makeModels();
  for (const name of Object.keys(SUMS)) {
    for (const layout of LAYOUTS) {
      mark(workplace.path('models', name, layout), 'parent');
    }
  }
});

afterAll(() => workplace.remove());

function options(input: string, output: string, weights = 'q40'): Record<string, string> {
  return { input, 'input-key': 'parent', output, key: 'child', weights, name: 'tiny' };
}

/** The sums of the files of an output. */
function sumsOf(output: string, weights: string): Record<string, string> {
  return {
    model: sha256(path.join(output, `dllama_model_tiny_${weights}.m`)),
    tokenizer: sha256(path.join(output, 'dllama_tokenizer_tiny.t')),
  };
}

function upstreamSums(name: string, weights: string): Record<string, string> {
  return { model: SUMS[name][weights].sha256, tokenizer: SUMS[name].tokenizer.sha256 };
}

describe.each(Object.keys(SUMS))('%s', (name) => {
  it.each(LAYOUTS.flatMap((layout) => WEIGHTS.map((weights) => [layout, weights])))(
    'gives from %s in %s the bytes of upstream',
    async (layout, weights) => {
      const input = workplace.path('models', name, layout);
      const before = listing(input);
      const output = workplace.freshPath();
      const { code, stdout } = await workplace.run(workplace.command(options(input, output, weights)));
      expect(stdout).toContain('complete: ');
      expect(code).toBe(0);
      expect(sumsOf(output, weights)).toEqual(upstreamSums(name, weights));
      expect(listing(output)).toEqual([
        '.artifact.json',
        `dllama_model_tiny_${weights}.m`,
        'dllama_tokenizer_tiny.t',
      ]);
      expect(listing(input)).toEqual(before);
    },
  );
});

it('leaves the marker and the termination message', async () => {
  const input = workplace.path('models', 'qwen3', 't5-shards');
  const output = workplace.freshPath();
  const { result } = await workplace.run(workplace.command(options(input, output)));
  const files = ['q40', 'tokenizer'].map((kind) => SUMS.qwen3[kind]);
  const bytes = files[0].bytes + files[1].bytes;
  expect(readJson(output, '.artifact.json')).toEqual({
    format: 1,
    key: 'child',
    source: {
      type: 'dllama-conversion',
      converter: 'cdk8s-llm-dllama/1',
      weights: 'q40',
      name: 'tiny',
      from: { type: 'hugging-face', repository: 'org/tiny', revision: 'f'.repeat(40) },
    },
    licence: 'apache-2.0',
    parents: ['parent'],
    bytes,
    files: [
      { path: 'dllama_model_tiny_q40.m', size: files[0].bytes, sha256: files[0].sha256 },
      { path: 'dllama_tokenizer_tiny.t', size: files[1].bytes, sha256: files[1].sha256 },
    ],
  });
  expect(result).toEqual({
    files: 2,
    bytes,
    key: 'child',
    seconds: expect.any(Number),
    model: 'dllama_model_tiny_q40.m',
    tokenizer: 'dllama_tokenizer_tiny.t',
  });
});

it.each(['1', '7'])('gives the same bytes on %s threads', async (threads) => {
  const output = workplace.freshPath();
  const input = workplace.path('models', 'llama3', 't4-one');
  await workplace.run(workplace.command({ ...options(input, output), threads }));
  expect(sumsOf(output, 'q40')).toEqual(upstreamSums('llama3', 'q40'));
});

it('ignores tensors that are computed from the configuration', async () => {
  const input = workplace.copyModel('llama', 't4-one');
  const file = path.join(input, 'model.safetensors');
  const extra = { dtype: 'F32', shape: [8], data: Buffer.alloc(32) };
  writeSafetensors(file, [
    { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', ...extra },
    ...readSafetensors(file),
  ]);
  mark(input, 'parent');
  const output = workplace.freshPath();
  await workplace.run(workplace.command(options(input, output)));
  expect(sumsOf(output, 'q40')).toEqual(upstreamSums('llama', 'q40'));
});

it.each([
  ['chat_template.json', (template: string) => JSON.stringify({ chat_template: template })],
  ['chat_template.jinja', (template: string) => template],
])('takes the chat template from %s', async (file, text) => {
  const input = workplace.copyModel('qwen3', 't4-one');
  const template = readJson(input, 'tokenizer_config.json').chat_template as string;
  editJson(input, 'tokenizer_config.json', { chat_template: undefined });
  fs.writeFileSync(path.join(input, file), text(template));
  mark(input, 'parent');
  const output = workplace.freshPath();
  await workplace.run(workplace.command(options(input, output)));
  expect(sumsOf(output, 'q40')).toEqual(upstreamSums('qwen3', 'q40'));
});

it('takes the default of several chat templates', async () => {
  const input = workplace.copyModel('qwen3', 't4-one');
  const template = readJson(input, 'tokenizer_config.json').chat_template as string;
  const named = [
    { name: 'tool_use', template: 'other' },
    { name: 'default', template },
  ];
  editJson(input, 'tokenizer_config.json', { chat_template: named });
  mark(input, 'parent');
  const output = workplace.freshPath();
  await workplace.run(workplace.command(options(input, output)));
  expect(sumsOf(output, 'q40')).toEqual(upstreamSums('qwen3', 'q40'));
});

it.each([
  ['generation_config.json', { bos_token_id: undefined, eos_token_id: undefined }, {}],
  [
    'tokenizer_config.json',
    { bos_token_id: null, eos_token_id: null },
    { bos_token: { content: '<|endoftext|>' }, eos_token: '<|im_end|>' },
  ],
])('takes bos and eos from %s where config.json has none', async (file, config, tokens) => {
  const input = workplace.copyModel('qwen3', 't4-one');
  editJson(input, 'config.json', config);
  editJson(input, 'tokenizer_config.json', tokens);
  if (file === 'tokenizer_config.json') fs.rmSync(path.join(input, 'generation_config.json'));
  mark(input, 'parent');
  const output = workplace.freshPath();
  await workplace.run(workplace.command(options(input, output)));
  expect(sumsOf(output, 'q40')).toEqual(upstreamSums('qwen3', 'q40'));
});

it.each(['Qwen2TokenizerFast', 'TokenizersBackend', 'LlamaTokenizer'])(
  'reads the tokenizer.json of a %s',
  async (name) => {
    const input = workplace.copyModel('qwen3', 't4-one');
    editJson(input, 'tokenizer_config.json', { tokenizer_class: name });
    mark(input, 'parent');
    const output = workplace.freshPath();
    await workplace.run(workplace.command(options(input, output)));
    expect(sumsOf(output, 'q40')).toEqual(upstreamSums('qwen3', 'q40'));
  },
);
