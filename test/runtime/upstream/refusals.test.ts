import * as path from 'node:path';
import { editJson, listing, readJson } from '../convert/convert';
import { readSafetensors, writeSafetensors } from '../convert/safetensors';
import { expectComplete, expectNothing, Stand } from './stand';

const stand = new Stand();

beforeAll(() => stand.start());
afterEach(() => stand.server.reset());
afterAll(() => stand.stop());

const fresh = (): string => stand.workplace.freshPath();

type Spoil = (input: string) => void;

const config =
  (changes: Record<string, unknown>): Spoil =>
  (input) =>
    editJson(input, 'config.json', changes);

const tokenizerConfig =
  (changes: Record<string, unknown>): Spoil =>
  (input) =>
    editJson(input, 'tokenizer_config.json', changes);

interface Refusal {
  readonly model?: string;
  readonly layout?: string;
  readonly spoil?: Spoil;
  readonly args?: Record<string, string | undefined>;
  readonly code?: number;
  readonly says: RegExp;
}

/** What our own converter reads, and upstream would spoil in silence or fail at. */
const UPSTREAM_ONLY: Record<string, Refusal> = {
  'rope_theta where transformers 5 keeps it': {
    spoil: config({ rope_theta: undefined, rope_parameters: { rope_type: 'default', rope_theta: 1000000 } }),
    says: /keeps rope_theta in rope_parameters, as transformers 5 writes it; upstream would take the default in silence/,
  },
  'rope scaling where transformers 5 keeps it': {
    model: 'llama3',
    spoil: (input) => {
      const { rope_scaling: scaling } = readJson(input, 'config.json');
      editJson(input, 'config.json', { rope_scaling: undefined, rope_parameters: scaling });
    },
    says: /keeps rope_scaling in rope_parameters/,
  },
  'rope scaling of no effect': {
    spoil: config({ rope_scaling: { rope_type: 'default' } }),
    says: /rope_scaling is \{'rope_type': 'default'\}; upstream knows null and rope_type llama3 only/,
  },
  'rope scaling with the old name of its type': {
    model: 'llama3',
    spoil: (input) => {
      const { rope_type: type, ...scaling } = readJson(input, 'config.json').rope_scaling;
      editJson(input, 'config.json', { rope_scaling: { ...scaling, type } });
    },
    says: /upstream knows null and rope_type llama3 only/,
  },
  'experts as transformers 5 counts them': {
    model: 'qwen3_moe',
    spoil: config({ num_experts: undefined, num_local_experts: 4 }),
    says: /calls num_experts num_local_experts/,
  },
  'no key-value heads': {
    model: 'llama',
    spoil: config({ num_key_value_heads: undefined }),
    says: /config\.json has no num_key_value_heads/,
  },
  'special tokens in the generation config alone': {
    spoil: config({ eos_token_id: undefined }),
    says: /config\.json has no eos_token_id, where alone upstream looks for it/,
  },
  'the tokenizer class of transformers 5': {
    spoil: tokenizerConfig({ tokenizer_class: 'TokenizersBackend' }),
    says: /tokenizer_class is TokenizersBackend; upstream knows .*Qwen2Tokenizer \(transformers 5 writes other names/,
  },
  'LlamaTokenizer, of which upstream reads tokenizer.model': {
    spoil: tokenizerConfig({ tokenizer_class: 'LlamaTokenizer' }),
    says: /tokenizer_class is LlamaTokenizer; upstream knows/,
  },
  'a chat template in chat_template.jinja': {
    layout: 't5-one',
    spoil: (input) => {
      editJson(input, 'config.json', { rope_theta: 1000000, rope_parameters: undefined });
    },
    says: /no single chat_template; newer versions of transformers keep it in chat_template\.jinja, where upstream does not look/,
  },
  'several chat templates': {
    spoil: (input) => {
      const { chat_template: template } = readJson(input, 'tokenizer_config.json');
      editJson(input, 'tokenizer_config.json', { chat_template: [{ name: 'default', template }] });
    },
    says: /no single chat_template/,
  },
  'a bos token that transformers 5 adds or not': {
    spoil: tokenizerConfig({ backend: 'tokenizers', add_bos_token: undefined }),
    says: /no add_bos_token, as transformers 5 writes it; upstream would begin every text with the bos token/,
  },
  'shards in another order': {
    layout: 't4-shards',
    says: /upstream does not find the tensor \S+: it reads shards only when .*which reads any order/,
  },
  'a head that upstream has not seen when it needs it': {
    model: 'llama',
    spoil: (input) => moveHead(input),
    says: /upstream does not find the tensor lm_head\.weight/,
  },
};

/** Moves lm_head to a shard of its own before the last, where upstream would take the embeddings for it. */
function moveHead(input: string): void {
  const files = listing(input).filter((name) => name.endsWith('.safetensors'));
  const last = path.join(input, files[files.length - 1]);
  const tensors = readSafetensors(last);
  writeSafetensors(
    last,
    tensors.filter(({ name }) => name !== 'lm_head.weight'),
  );
  const own = files[files.length - 2].replace('.safetensors', '.with-head.safetensors');
  writeSafetensors(
    path.join(input, own),
    tensors.filter(({ name }) => name === 'lm_head.weight'),
  );
  const index = readJson(input, 'model.safetensors.index.json');
  index.weight_map['lm_head.weight'] = own;
  editJson(input, 'model.safetensors.index.json', index);
}

/** A few of those that dllama_convert.py checks for both; its own tests have the others. */
const SHARED: Record<string, Refusal> = {
  'an unknown architecture': {
    spoil: config({ model_type: 'gemma2' }),
    says: /model_type is 'gemma2'; distributed-llama knows llama/,
  },
  'weights that cannot run': { args: { weights: 'q80' }, says: /--weights q80: .* q40 and f32 only/ },
  'a missing tensor': {
    spoil: config({ num_hidden_layers: 4 }),
    says: /12? ?\d* tensors are missing: model\.layers\.3\./,
  },
  'an input of another key': {
    args: { 'input-key': 'other' },
    says: /is the artifact parent, expected is other/,
  },
  'an input that is not there': {
    args: { input: '/nonexistent' },
    code: 75,
    says: /not complete yet: it has no marker/,
  },
};

/** Of the command line. */
const USAGE: Record<string, Refusal> = {
  'a version without checksums': {
    args: { version: 'v0.17.0' },
    says: /--version v0\.17\.0: checksums are known of v0\.16\.2/,
  },
  'no version': { args: { version: undefined }, says: /required: --version .*usage:/ },
  'a mirror with credentials': {
    args: { 'scripts-url': 'https://me:secret@mirror/x' },
    says: /--scripts-url is not .* without credentials/,
  },
  'a mirror that is a file': { args: { 'scripts-url': 'file:///etc' }, says: /--scripts-url is not http/ },
};

it.each(Object.entries({ ...UPSTREAM_ONLY, ...SHARED, ...USAGE }))(
  'refuses %s before it fetches or runs anything',
  async (name, { model, layout, spoil, args, code, says }) => {
    const output = fresh();
    const outcome = await stand.run(stand.input(model, layout, spoil), output, { args });
    expect(outcome.result.error).toMatch(says);
    expect(outcome.code).toBe(code ?? 64);
    expect(stand.server.requests).toEqual([]);
    expectNothing(output);
    if (name in UPSTREAM_ONLY) expect(outcome.stdout).toContain('use DllamaConverter.streaming()');
    expect(outcome.stdout).not.toContain('secret');
  },
);

it.each(['llama', 'llama3', 'mistral', 'qwen3', 'qwen3_moe'])('converts a whole %s', async (model) => {
  for (const layout of ['upstream', 't4-one']) {
    const output = fresh();
    expect((await stand.run(stand.input(model, layout), output)).code).toBe(0);
    expectComplete(output);
  }
});

it('says which packages are missing', async () => {
  const output = fresh();
  const { code, result } = await stand.run(stand.input(), output, {
    patches: { 'dllama_upstream.PACKAGES': ['numpy', 'not_installed_1', 'not_installed_2'] },
  });
  expect(code).toBe(64);
  expect(result.error).toMatch(
    /^not_installed_1 and not_installed_2 are missing in this image: .*requirements-upstream\.txt/,
  );
  expectNothing(output);
});
