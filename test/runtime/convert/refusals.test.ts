import * as fs from 'node:fs';
import * as path from 'node:path';
import { editJson, listing, mark, readJson, writeJson, Workplace } from './convert';
import { readSafetensors, Tensor, writeSafetensors } from './safetensors';

let workplace: Workplace;

beforeAll(() => {
  workplace = new Workplace();
  workplace.makeModels();
});

afterAll(() => workplace.remove());

/** What is done to a good input, before it gets its marker. */
type Spoil = (input: string) => void;

interface Refusal {
  /** The tiny model that is spoilt. */
  readonly model?: string;
  readonly layout?: string;
  readonly spoil?: Spoil;
  readonly options?: Record<string, string>;
  readonly code?: number;
  /** What the message must say: what is wrong, and what to do. */
  readonly says: RegExp;
}

const config =
  (changes: Record<string, unknown>): Spoil =>
  (input) =>
    editJson(input, 'config.json', changes);

const tokenizerConfig =
  (changes: Record<string, unknown>): Spoil =>
  (input) =>
    editJson(input, 'tokenizer_config.json', changes);

const tokenizer =
  (change: (tokenizer: ReturnType<typeof readJson>) => void): Spoil =>
  (input) => {
    const json = readJson(input, 'tokenizer.json');
    change(json);
    writeJson(input, 'tokenizer.json', json);
  };

const without =
  (file: string): Spoil =>
  (input) =>
    fs.rmSync(path.join(input, file));

const tensors =
  (change: (tensors: Tensor[]) => Tensor[]): Spoil =>
  (input) => {
    const file = path.join(input, 'model.safetensors');
    writeSafetensors(file, change(readSafetensors(file)));
  };

const stray = (name: string, dtype = 'F32'): Tensor => ({
  name,
  dtype,
  shape: [8],
  data: Buffer.alloc(dtype === 'F32' ? 32 : 8),
});

const LLAMA3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 1024 };

const REFUSALS: Record<string, Refusal> = {
  // What is asked for.
  'q80 weights': {
    options: { weights: 'q80' },
    says: /--weights q80: distributed-llama runs q40 and f32 only/,
  },
  'f16 weights': {
    options: { weights: 'f16' },
    says: /--weights f16: distributed-llama runs q40 and f32 only/,
  },
  'a name with a slash': { options: { name: '../tiny' }, says: /--name '\.\.\/tiny': letters, digits/ },
  'no threads': { options: { threads: '0' }, says: /--threads 0: at least 1/ },
  'threads that are no number': { options: { threads: 'many' }, says: /--threads.*usage:/ },
  'an unknown option': { options: { colour: 'red' }, says: /unrecognized arguments: --colour red/ },
  'the wrong input': {
    options: { 'input-key': 'another' },
    says: /is the artifact parent, expected is another/,
  },

  // The configuration.
  'an unknown architecture': {
    spoil: config({ model_type: 'gemma3' }),
    says: /model_type is 'gemma3'; distributed-llama knows llama, mistral, qwen3, qwen3_moe/,
  },
  'attention bias': { spoil: config({ attention_bias: true }), says: /attention_bias is true; .* no bias/ },
  'bias in the feed-forward layers': { spoil: config({ mlp_bias: true }), says: /mlp_bias is true/ },
  'another activation': {
    spoil: config({ hidden_act: 'gelu' }),
    says: /hidden_act is 'gelu'; distributed-llama knows silu/,
  },
  'another epsilon': {
    spoil: config({ rms_norm_eps: 1e-12 }),
    says: /rms_norm_eps is 1e-12; distributed-llama knows 1e-05, 1e-06/,
  },
  'no epsilon': { spoil: config({ rms_norm_eps: undefined }), says: /rms_norm_eps is None/ },
  'linear rope scaling': {
    spoil: config({ rope_scaling: { rope_type: 'linear', factor: 2 } }),
    says: /rope_type is 'linear'; distributed-llama knows default and llama3/,
  },
  'yarn in the layout of transformers 5': {
    layout: 't5-one',
    spoil: config({ rope_parameters: { rope_type: 'yarn', rope_theta: 10000, factor: 4 } }),
    says: /rope_type is 'yarn'/,
  },
  'a scaling factor that is not whole': {
    spoil: config({ rope_scaling: { ...LLAMA3, rope_type: 'llama3', factor: 2.5 } }),
    says: /factor is 2\.5, but the \.m file holds whole numbers only/,
  },
  'llama3 scaling without its factors': {
    spoil: config({ rope_scaling: { rope_type: 'llama3', factor: 8 } }),
    says: /low_freq_factor is None/,
  },
  'llama3 scaling of a qwen3': {
    model: 'qwen3',
    spoil: config({ rope_scaling: { ...LLAMA3, rope_type: 'llama3' } }),
    says: /rope_type is llama3 in a qwen3; distributed-llama scales in llama only/,
  },
  'a rope_theta that is too large': { spoil: config({ rope_theta: 1e10 }), says: /does not fit in 31 bits/ },
  'rotary embeddings by layer': {
    layout: 't5-one',
    spoil: config({ rope_parameters: { full_attention: { rope_theta: 1e6, rope_type: 'default' } } }),
    says: /differ from layer to layer/,
  },
  'partly rotated heads': { spoil: config({ partial_rotary_factor: 0.5 }), says: /rotates whole heads/ },
  'quantized weights': {
    spoil: config({ quantization_config: { quant_method: 'fp8' } }),
    says: /the weights are quantized \(fp8\); convert the repository with bf16 weights/,
  },
  'a dimension that q40 cannot cut': {
    spoil: config({ intermediate_size: 150 }),
    says: /intermediate_size is 150, which is no multiple of 32 as q40 needs; convert to f32/,
  },
  'a missing number': { spoil: config({ num_hidden_layers: undefined }), says: /num_hidden_layers is None/ },
  'a number that is none': { spoil: config({ hidden_size: '64' }), says: /hidden_size is '64'/ },
  'heads that share unevenly': {
    spoil: config({ num_key_value_heads: 3 }),
    says: /num_attention_heads 4 is no multiple of num_key_value_heads 3/,
  },
  'heads that do not divide the model': {
    spoil: config({ num_attention_heads: 6, num_key_value_heads: 2 }),
    says: /hidden_size 64 is no multiple of num_attention_heads 6/,
  },
  'heads of odd size': { spoil: config({ head_dim: 15 }), says: /head_dim 15 is odd/ },
  'experts in a llama': { spoil: config({ num_experts: 4 }), says: /4 experts in a llama/ },
  'a qwen3_moe without experts': {
    model: 'qwen3_moe',
    spoil: config({ num_experts: undefined }),
    says: /num_experts 0, num_experts_per_tok 2 and moe_intermediate_size 32 make no mixture of experts/,
  },
  'experts in some layers only': {
    model: 'qwen3_moe',
    spoil: config({ mlp_only_layers: [0] }),
    says: /layers without experts/,
  },
  'experts whose weights are not normalized': {
    model: 'qwen3_moe',
    spoil: config({ norm_topk_prob: false }),
    says: /norm_topk_prob is not true/,
  },
  'no config.json': { spoil: without('config.json'), says: /config\.json is missing in the input/ },
  'a config.json that is cut': {
    spoil: (input) => fs.writeFileSync(path.join(input, 'config.json'), '{"model_type": "ll'),
    says: /config\.json is not JSON/,
  },

  // The weights.
  'no safetensors': {
    spoil: without('model.safetensors'),
    says: /no \*\.safetensors in the input; other formats/,
  },
  'a missing tensor': {
    spoil: tensors((all) => all.filter(({ name }) => !name.endsWith('1.mlp.up_proj.weight'))),
    says: /1 tensors are missing: model\.layers\.1\.mlp\.up_proj\.weight; download the whole repository/,
  },
  'a missing head': {
    spoil: tensors((all) => all.filter(({ name }) => name !== 'lm_head.weight')),
    says: /lm_head\.weight is missing, and config\.json says that it is not tied/,
  },
  'a missing layer': {
    spoil: config({ num_hidden_layers: 4 }),
    says: /9 tensors are missing: model\.layers\.3\.input_layernorm\.weight.* and 5 more/,
  },
  'a layer too many': {
    spoil: config({ num_hidden_layers: 2 }),
    says: /9 tensors that this architecture does not have: model\.layers\.2\./,
  },
  'a bias tensor': {
    spoil: tensors((all) => [...all, stray('model.layers.0.self_attn.q_proj.bias')]),
    says: /the model has biases \(model\.layers\.0\.self_attn\.q_proj\.bias\)/,
  },
  'a stray tensor': {
    spoil: tensors((all) => [...all, stray('vision.proj.weight')]),
    says: /1 tensors that this architecture does not have: vision\.proj\.weight/,
  },
  'experts in one tensor': {
    model: 'qwen3_moe',
    spoil: tensors((all) => [...all, stray('model.layers.0.mlp.experts.gate_up_proj')]),
    says: /the experts are saved as one tensor .*; save the model with save_original_format=True/,
  },
  'a tensor of another shape': {
    spoil: config({ vocab_size: 320 }),
    says: /model\.embed_tokens\.weight has the shape \[300, 64\]; by config\.json it is \[320, 64\]/,
  },
  'a tensor of another type': {
    spoil: tensors((all) => [...all, stray('model.layers.0.mlp.up_proj.weight_scale', 'F8_E4M3')]),
    says: /weight_scale is F8_E4M3; only BF16, F16 and F32 are converted/,
  },
  'a tensor in two files': {
    spoil: (input) => {
      const all = readSafetensors(path.join(input, 'model.safetensors'));
      writeSafetensors(path.join(input, 'consolidated.safetensors'), [all[3]]);
    },
    says: /is in consolidated\.safetensors and in model\.safetensors; exclude one of the files/,
  },
  'a stray file beside the shards': {
    layout: 't4-shards',
    spoil: (input) => writeSafetensors(path.join(input, 'consolidated.safetensors'), [stray('x')]),
    says: /stray files beside those of .*: consolidated\.safetensors; exclude them from the download/,
  },
  'a missing shard': {
    layout: 't4-shards',
    spoil: without('model-00002-of-00005.safetensors'),
    says: /shards of .* are missing: model-00002-of-00005\.safetensors; download the whole repository/,
  },
  'shards of another index': {
    layout: 't4-shards',
    spoil: (input) => {
      const index = readJson(input, 'model.safetensors.index.json');
      index.weight_map['model.norm.weight'] =
        index.weight_map['model.norm.weight'] === 'model-00001-of-00005.safetensors'
          ? 'model-00002-of-00005.safetensors'
          : 'model-00001-of-00005.safetensors';
      writeJson(input, 'model.safetensors.index.json', index);
    },
    says: /tensor model\.norm\.weight is in .* the files are of different revisions/,
  },
  'an index that names more than the shards hold': {
    layout: 't4-shards',
    spoil: (input) => {
      const index = readJson(input, 'model.safetensors.index.json');
      index.weight_map['model.extra.weight'] = 'model-00001-of-00005.safetensors';
      writeJson(input, 'model.safetensors.index.json', index);
    },
    says: /tensors of model\.safetensors\.index\.json are missing: model\.extra\.weight/,
  },
  'a file that is cut': {
    spoil: (input) => fs.truncateSync(path.join(input, 'model.safetensors'), 100_000),
    code: 65,
    says: /model\.safetensors is damaged: .* does not fit in it; delete the input and download it again/,
  },
  'a file that is no safetensors': {
    spoil: (input) => fs.writeFileSync(path.join(input, 'model.safetensors'), 'version https://git-lfs'),
    code: 65,
    says: /model\.safetensors is damaged: its header is cut/,
  },
  'a header that is no JSON': {
    spoil: (input) => {
      const bytes = Buffer.alloc(64);
      bytes.writeBigUInt64LE(32n);
      fs.writeFileSync(path.join(input, 'model.safetensors'), bytes);
    },
    code: 65,
    says: /model\.safetensors is damaged: its header is not JSON/,
  },
  'weights that are not numbers': {
    spoil: tensors((all) => {
      const norm = all.find(({ name }) => name === 'model.layers.2.mlp.up_proj.weight')!;
      norm.data.writeUInt16LE(0x7fc0, 64);
      return all;
    }),
    code: 65,
    says: /model\.layers\.2\.mlp\.up_proj\.weight holds weights that are not finite or do not fit in q40/,
  },
  'weights that are too large': {
    spoil: tensors((all) => {
      const head = all.find(({ name }) => name === 'lm_head.weight')!;
      head.data.writeUInt16LE(0x4a00, 64); // 2,097,152: an eighth of it does not fit in a float16
      return all;
    }),
    code: 65,
    says: /lm_head\.weight holds weights that are not finite or do not fit in q40 .*the checkpoint is broken/,
  },

  // The tokenizer.
  'an unknown tokenizer class': {
    spoil: tokenizerConfig({ tokenizer_class: 'GPT2Tokenizer' }),
    says: /tokenizer_class is 'GPT2Tokenizer'; only PreTrainedTokenizerFast/,
  },
  'no tokenizer class': { spoil: tokenizerConfig({ tokenizer_class: undefined }), says: /is None; only/ },
  'SentencePiece alone': {
    spoil: (input) => {
      editJson(input, 'tokenizer_config.json', { tokenizer_class: 'LlamaTokenizer' });
      fs.renameSync(path.join(input, 'tokenizer.json'), path.join(input, 'tokenizer.model'));
    },
    says: /tokenizer\.json is missing: .*single characters with a SentencePiece tokenizer; only byte-level BPE/,
  },
  'SentencePiece in a tokenizer.json': {
    spoil: tokenizer((json) => {
      json.pre_tokenizer = { type: 'Metaspace', replacement: '▁' };
      json.decoder = { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] };
    }),
    says: /is not byte-level BPE: .*SentencePiece/,
  },
  'a tokenizer that is no BPE': {
    spoil: tokenizer((json) => (json.model.type = 'Unigram')),
    says: /is not byte-level BPE/,
  },
  'no tokenizer.json': {
    spoil: without('tokenizer.json'),
    says: /tokenizer\.json is missing in the input: add/,
  },
  'no tokenizer_config.json': {
    spoil: without('tokenizer_config.json'),
    says: /tokenizer_config\.json is missing in the input: add it to what the download includes/,
  },
  'no chat template': {
    spoil: tokenizerConfig({ chat_template: undefined }),
    says: /no chat template .*dllama-api ends at start.*chat_template\.jinja/,
  },
  'the tokenizer of another model': {
    spoil: tokenizer((json) => {
      for (let id = 296; id < 305; id++) json.added_tokens.push({ id, content: `<extra_${id}>` });
    }),
    says: /the tokenizer has 305 tokens, the model 300: they do not belong together/,
  },
  'a bos token among ordinary ones': {
    spoil: config({ bos_token_id: 1 }),
    says: /bos_token_id is 1, but ordinary tokens go up to 290/,
  },
  'no eos token': {
    spoil: (input) => {
      editJson(input, 'config.json', { eos_token_id: null });
      editJson(input, 'tokenizer_config.json', { eos_token: null });
      without('generation_config.json')(input);
    },
    says: /eos_token_id is None, which is none of the 296 tokens; set it in config\.json/,
  },
  'an eos token that does not exist': {
    spoil: config({ eos_token_id: [293, 1000] }),
    says: /eos_token_id is \[293, 1000\], which is none of the 296 tokens/,
  },
  'ids with a gap': {
    spoil: tokenizer((json) => (json.model.vocab['!'] = 500)),
    says: /the ids of its 296 tokens are not 0 to 295, each once \('!' is 500\)/,
  },
  'added tokens that would get another id': {
    spoil: tokenizer((json) => (json.added_tokens[4].id = 299)),
    says: /added token '<think>' has the id 299, but would be loaded as 295; save the tokenizer again/,
  },
  'an empty token': {
    spoil: tokenizer((json) => {
      json.model.vocab[''] = json.model.vocab['!'];
      delete json.model.vocab['!'];
    }),
    says: /token 33 of tokenizer\.json is empty/,
  },
};

it.each(Object.entries(REFUSALS))('refuses %s', async (_, refusal) => {
  const { model = 'llama', layout = 't4-one', spoil, options, code = 64, says } = refusal;
  const input = workplace.copyModel(model, layout);
  spoil?.(input);
  mark(input, 'parent');
  const output = workplace.freshPath();
  const outcome = await workplace.run(
    workplace.command({
      ...{ input, 'input-key': 'parent', output, key: 'child', weights: 'q40', name: 'tiny' },
      ...options,
    }),
  );
  expect(outcome.stdout).toMatch(says);
  expect(outcome.code).toBe(code);
  expect(outcome.result).toEqual({ error: expect.stringMatching(says), code, retryable: false });
  // One line for a person, with no other before it that says the work has begun, and nothing left behind.
  expect(fs.existsSync(output) ? listing(output) : []).toEqual([]);
});

it('refuses an input that is not what its marker says', async () => {
  const input = workplace.copyModel('llama', 't4-one');
  mark(input, 'parent');
  fs.appendFileSync(path.join(input, 'tokenizer.json'), ' ');
  const { code, stdout } = await workplace.run(command(input, workplace.freshPath()));
  expect(code).toBe(65);
  expect(stdout).toMatch(/tokenizer\.json has \d+ bytes, its marker says \d+: delete the input/);
});

it('waits, by an exit code that is retried, for an input without a marker', async () => {
  const input = workplace.copyModel('llama', 't4-one');
  const { code, stdout, result } = await workplace.run(command(input, workplace.freshPath()));
  expect(code).toBe(75);
  expect(stdout).toContain('is not complete yet: it has no marker');
  expect(result.retryable).toBe(true);
});

it('refuses to write over another artifact', async () => {
  const input = workplace.copyModel('llama', 't4-one');
  mark(input, 'parent');
  const output = workplace.freshPath();
  fs.mkdirSync(output);
  mark(output, 'somebody');
  const { code, stdout } = await workplace.run(command(input, output));
  expect(code).toBe(64);
  expect(stdout).toContain('holds another artifact (somebody): choose another path or delete it');
  expect(readJson(output, '.artifact.json').key).toBe('somebody');
});

it('says how to get numpy where there is none', async () => {
  const input = workplace.copyModel('llama', 't4-one');
  mark(input, 'parent');
  const shadow = workplace.freshPath();
  fs.mkdirSync(shadow);
  fs.writeFileSync(path.join(shadow, 'numpy.py'), 'raise ImportError("none")\n');
  const outcome = await workplace.run(command(input, workplace.freshPath()), undefined, {
    PYTHONPATH: shadow,
  });
  expect(outcome.code).toBe(64);
  expect(outcome.stdout).toMatch(/numpy is missing in this image: .*requirements-numpy\.txt/);
});

it('notes a chat template of unknown style, and an attention window', async () => {
  const input = workplace.copyModel('mistral', 't4-one');
  editJson(input, 'tokenizer_config.json', { chat_template: '{{ messages }}' });
  editJson(input, 'config.json', { sliding_window: 1024 });
  mark(input, 'parent');
  const { code, stdout } = await workplace.run(command(input, workplace.freshPath()));
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /note: dllama-api does not know the style of the chat template .*: set chatTemplate/,
  );
  expect(stdout).toContain('set maxSeqLen to at most 1024');
});

function command(input: string, output: string): string[] {
  return workplace.command({
    ...{ input, 'input-key': 'parent', output, key: 'child', weights: 'q40', name: 'tiny' },
  });
}
