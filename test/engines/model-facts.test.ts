import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ModelArchitecture, ModelFacts } from '../../src/engines/model-facts';

const LLAMA = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000.0,
  rope_scaling: {
    factor: 8.0,
    low_freq_factor: 1.0,
    high_freq_factor: 4.0,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  tie_word_embeddings: false,
};

const MIXTURE = {
  ...LLAMA,
  model_type: 'qwen3_moe',
  head_dim: 128,
  num_experts: 128,
  num_experts_per_tok: 8,
  moe_intermediate_size: 768,
};

describe('ModelFacts.fromConfig', () => {
  test('reads what transformers 4 wrote', () => {
    expect(ModelFacts.fromConfig(LLAMA)).toMatchObject({
      modelType: 'llama',
      architecture: ModelArchitecture.LLAMA,
      dim: 4096,
      hiddenDim: 14336,
      layers: 32,
      heads: 32,
      kvHeads: 8,
      headDim: 128,
      queryDim: 4096,
      kvDim: 1024,
      vocabSize: 128256,
      maxSeqLen: 131072,
      experts: 0,
      ropeTheta: 500000,
      llama3RopeScaling: true,
      normEpsilon: 1e-5,
      tiedEmbeddings: false,
      isMixtureOfExperts: false,
      isQwen3: false,
    });
  });

  test('reads the rotary embedding where transformers 5 keeps it', () => {
    const { rope_theta, rope_scaling, ...rest } = LLAMA;
    const facts = ModelFacts.fromConfig({ ...rest, rope_parameters: { ...rope_scaling, rope_theta } });
    expect(facts).toMatchObject({ ropeTheta: 500000, llama3RopeScaling: true });
  });

  test('takes null for missing, as transformers writes it', () => {
    const facts = ModelFacts.fromConfig({ ...LLAMA, head_dim: null, rope_scaling: null, num_experts: null });
    expect(facts).toMatchObject({ headDim: 128, llama3RopeScaling: false, experts: 0 });
  });

  test('reads a mixture of experts', () => {
    expect(ModelFacts.fromConfig(MIXTURE)).toMatchObject({
      architecture: ModelArchitecture.QWEN3_MOE,
      experts: 128,
      activeExperts: 8,
      moeHiddenDim: 768,
      isMixtureOfExperts: true,
      isQwen3: true,
    });
  });

  test('reads the number of experts where transformers 5 keeps it', () => {
    const facts = ModelFacts.fromConfig({ ...MIXTURE, num_experts: undefined, num_local_experts: 64 });
    expect(facts.experts).toBe(64);
  });

  test('keeps an architecture it does not know', () => {
    const facts = ModelFacts.fromConfig({ ...LLAMA, model_type: 'phi3' });
    expect(facts.modelType).toBe('phi3');
    expect(facts.architecture).toBeUndefined();
  });

  test("reads DeepSeek's latent attention and its experts", () => {
    const facts = ModelFacts.fromConfig({
      ...LLAMA,
      model_type: 'deepseek_v3',
      n_routed_experts: 256,
      num_experts_per_tok: 8,
      moe_intermediate_size: 2048,
      kv_lora_rank: 512,
      qk_rope_head_dim: 64,
      quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] },
      torch_dtype: 'bfloat16',
    });
    expect(facts).toMatchObject({
      experts: 256,
      activeExperts: 8,
      moeHiddenDim: 2048,
      quantization: 'fp8',
      dtype: 'bfloat16',
      _attention: { isKnown: true, latentDim: 576, fullLayers: 32 },
    });
    expect(facts.architecture).toBeUndefined();
  });

  test('reads the language of a model that sees, and what its family takes for what it leaves out', () => {
    const facts = ModelFacts.fromConfig({
      model_type: 'gemma3',
      dtype: 'bfloat16',
      text_config: {
        model_type: 'gemma3_text',
        hidden_size: 2560,
        intermediate_size: 10240,
        num_hidden_layers: 34,
        sliding_window: 1024,
      },
      vision_config: { hidden_size: 1152 },
    });
    expect(facts).toMatchObject({
      modelType: 'gemma3',
      dim: 2560,
      layers: 34,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      dtype: 'bfloat16',
      _attention: { isKnown: true, window: 1024, fullLayers: 5, windowLayers: 29 },
    });
  });

  test('reads the names of GPT-2 and of OPT', () => {
    const gpt2 = {
      model_type: 'gpt2',
      n_embd: 768,
      n_layer: 12,
      n_head: 12,
      n_positions: 1024,
      vocab_size: 50257,
    };
    expect(ModelFacts.fromConfig(gpt2)).toMatchObject({
      dim: 768,
      hiddenDim: 3072,
      layers: 12,
      heads: 12,
      maxSeqLen: 1024,
    });
    const opt = { ...LLAMA, model_type: 'opt', intermediate_size: undefined, ffn_dim: 3072 };
    expect(ModelFacts.fromConfig(opt).hiddenDim).toBe(3072);
  });

  test.each<[string, Record<string, unknown>, object]>([
    ['no window', {}, { window: undefined, fullLayers: 32, windowLayers: 0, linearLayers: 0 }],
    ['a window of all layers', { sliding_window: 4096 }, { window: 4096, fullLayers: 0, windowLayers: 32 }],
    [
      'a window that is not used',
      { sliding_window: 4096, use_sliding_window: false },
      { window: undefined, fullLayers: 32, windowLayers: 0 },
    ],
    [
      'the kind of each layer',
      {
        sliding_window: 128,
        num_hidden_layers: 4,
        layer_types: ['sliding_attention', 'full_attention', 'linear_attention', 'full_attention'],
      },
      { window: 128, fullLayers: 2, windowLayers: 1, linearLayers: 1 },
    ],
    [
      'full attention in every fourth layer',
      { full_attention_interval: 4 },
      { fullLayers: 8, linearLayers: 24 },
    ],
  ])('tells which layers look back how far: %s', (_, more, attention) => {
    expect(ModelFacts.fromConfig({ ...LLAMA, ...more })._attention).toMatchObject(attention);
  });

  test('counts heads for key and value heads, as transformers does', () => {
    expect(ModelFacts.fromConfig({ ...LLAMA, num_key_value_heads: undefined }).kvHeads).toBe(32);
  });

  test.each([
    [null, 'config is null; give the object that config.json holds'],
    [[], 'config is []; give the object that config.json holds'],
    [{ ...LLAMA, model_type: undefined }, 'model_type is missing; config.json must name the architecture'],
    [
      { ...LLAMA, hidden_size: undefined },
      'dim (hidden_size) is missing; it must be a whole number of at least 1',
    ],
    [
      { ...LLAMA, num_hidden_layers: 0 },
      'layers (num_hidden_layers) is 0; it must be a whole number of at least 1',
    ],
    [{ ...LLAMA, vocab_size: 1.5 }, 'vocabSize (vocab_size) is 1.5; it must be a whole number'],
    [{ ...LLAMA, vocab_size: '128256' }, 'vocabSize (vocab_size) is "128256"; it must be a whole number'],
    [{ ...LLAMA, rms_norm_eps: 0 }, 'normEpsilon (rms_norm_eps) is 0; it must be a number above 0'],
    [
      { ...LLAMA, num_attention_heads: 30 },
      'dim is 4096 and heads is 30, and no headDim (head_dim) is given',
    ],
    [
      { ...MIXTURE, num_experts: undefined },
      'experts (num_experts) is 0; it must be a whole number of at least 1',
    ],
    [{ ...MIXTURE, moe_intermediate_size: undefined }, 'moeHiddenDim (moe_intermediate_size) is missing'],
    [
      { ...MIXTURE, num_experts_per_tok: 129 },
      'activeExperts (num_experts_per_tok) is 129; it must be from 1 to',
    ],
  ])('refuses %#: %s', (config, message) => {
    expect(() => ModelFacts.fromConfig(config)).toThrow(message);
  });
});

describe('ModelFacts.fromConfigFile', () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'facts-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const write = (text: string): string => {
    const file = path.join(folder, 'config.json');
    fs.writeFileSync(file, text);
    return file;
  };

  test('reads a file', () => {
    expect(ModelFacts.fromConfigFile(write(JSON.stringify(LLAMA))).dim).toBe(4096);
  });

  test('names the file that is not there', () => {
    const file = path.join(folder, 'none.json');
    expect(() => ModelFacts.fromConfigFile(file)).toThrow(`cannot read '${file}'`);
  });

  test('names the file that is no JSON', () => {
    const file = write('<html>');
    expect(() => ModelFacts.fromConfigFile(file)).toThrow(`'${file}' is not JSON`);
  });

  test('names the file that lacks a field', () => {
    const file = write(JSON.stringify({ model_type: 'llama' }));
    expect(() => ModelFacts.fromConfigFile(file)).toThrow(`dim (hidden_size) is missing`);
    expect(() => ModelFacts.fromConfigFile(file)).toThrow(`(in '${file}')`);
  });
});

describe('ModelFacts.of', () => {
  const props = {
    architecture: ModelArchitecture.QWEN3,
    dim: 1024,
    hiddenDim: 3072,
    layers: 28,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    vocabSize: 151936,
    maxSeqLen: 40960,
  };

  test('takes facts by hand', () => {
    expect(ModelFacts.of(props)).toMatchObject({
      architecture: 'qwen3',
      queryDim: 2048,
      kvDim: 1024,
      isQwen3: true,
    });
  });

  test('counts parameters: Qwen3 0.6B has 596,049,920 with a shared embedding', () => {
    expect(ModelFacts.of({ ...props, tiedEmbeddings: true }).parameters).toBe(596_049_920);
    expect(ModelFacts.of(props).parameters).toBe(751_632_384);
  });

  test('refuses a negative number', () => {
    expect(() => ModelFacts.of({ ...props, kvHeads: -8 })).toThrow('kvHeads (num_key_value_heads) is -8');
  });
});
