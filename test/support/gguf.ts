import * as fs from 'node:fs';

/** The shape of a model that no one can talk to: small and made of noise. */
export interface GgufShape {
  readonly dim: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly contextLength: number;
}

export const TINY_GGUF: GgufShape = {
  dim: 32,
  feedForward: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  contextLength: 131072,
};

/** Three control tokens and one for each byte. */
export const GGUF_VOCABULARY = 3 + 256;

const TYPE = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 } as const;
const F32 = 0;
const ALIGNMENT = 32;

/**
 * A model of the architecture `llama` that llama.cpp can load, of some 100 KB.
 *
 * @param vocabulary tokens, of which those beyond the bytes are words: many of them make a model that loads slowly
 */
export function writeGguf(file: string, shape: GgufShape = TINY_GGUF, vocabulary = GGUF_VOCABULARY): void {
  fs.writeFileSync(file, ggufFile(metadataOf(shape, vocabulary), tensorsOf(shape, vocabulary)));
}

/** A LoRA adapter of rank 4 for the queries of the first layer. */
export function writeGgufAdapter(file: string, shape: GgufShape = TINY_GGUF): void {
  const metadata = [
    text('general.architecture', 'llama'),
    text('general.type', 'adapter'),
    text('adapter.type', 'lora'),
    number('adapter.lora.alpha', 8, 'float32'),
  ];
  const tensors: Tensor[] = [
    { name: 'blk.0.attn_q.weight.lora_a', dims: [shape.dim, 4] },
    { name: 'blk.0.attn_q.weight.lora_b', dims: [4, shape.dim] },
  ];
  fs.writeFileSync(file, ggufFile(metadata, tensors));
}

interface Tensor {
  readonly name: string;
  /** The innermost first, as GGUF has them. */
  readonly dims: number[];
}

function metadataOf(shape: GgufShape, vocabularySize: number): Buffer[] {
  return [
    text('general.architecture', 'llama'),
    text('general.name', 'tiny'),
    number('general.file_type', F32),
    number('llama.block_count', shape.layers),
    number('llama.context_length', shape.contextLength),
    number('llama.embedding_length', shape.dim),
    number('llama.feed_forward_length', shape.feedForward),
    number('llama.attention.head_count', shape.heads),
    number('llama.attention.head_count_kv', shape.kvHeads),
    number('llama.rope.dimension_count', shape.dim / shape.heads),
    number('llama.attention.layer_norm_rms_epsilon', 1e-5, 'float32'),
    ...vocabulary(vocabularySize),
  ];
}

/** As SentencePiece has it: bytes are tokens of their own, so that every text can be read. */
function vocabulary(size: number): Buffer[] {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const words = Array.from({ length: size - GGUF_VOCABULARY }, (_, word) => `w${word}`);
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...words];
  const kinds = [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)];
  return [
    text('tokenizer.ggml.model', 'llama'),
    array('tokenizer.ggml.tokens', 'string', tokens.map(string)),
    array(
      'tokenizer.ggml.scores',
      'float32',
      tokens.map(() => scalar('float32', 0)),
    ),
    array(
      'tokenizer.ggml.token_type',
      'int32',
      kinds.map((kind) => scalar('int32', kind)),
    ),
    number('tokenizer.ggml.bos_token_id', 1),
    number('tokenizer.ggml.eos_token_id', 2),
    number('tokenizer.ggml.unknown_token_id', 0),
    text('tokenizer.chat_template', '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}'),
  ];
}

function tensorsOf(
  { dim, feedForward, layers, heads, kvHeads }: GgufShape,
  vocabularySize: number,
): Tensor[] {
  const kvDim = (dim / heads) * kvHeads;
  const blocks = Array.from({ length: layers }, (_, layer): Tensor[] => {
    const of = (name: string, ...dims: number[]) => ({ name: `blk.${layer}.${name}.weight`, dims });
    return [
      of('attn_norm', dim),
      of('attn_q', dim, dim),
      of('attn_k', dim, kvDim),
      of('attn_v', dim, kvDim),
      of('attn_output', dim, dim),
      of('ffn_norm', dim),
      of('ffn_gate', dim, feedForward),
      of('ffn_up', dim, feedForward),
      of('ffn_down', feedForward, dim),
    ];
  });
  return [
    { name: 'token_embd.weight', dims: [dim, vocabularySize] },
    ...blocks.flat(),
    { name: 'output_norm.weight', dims: [dim] },
    { name: 'output.weight', dims: [dim, vocabularySize] },
  ];
}

function ggufFile(metadata: Buffer[], tensors: Tensor[]): Buffer {
  const data: Buffer[] = [];
  const infos: Buffer[] = [];
  let offset = 0;
  let seed = 1;
  for (const { name, dims } of tensors) {
    infos.push(
      string(name),
      scalar('uint32', dims.length),
      ...dims.map(uint64),
      scalar('uint32', F32),
      uint64(offset),
    );
    const values = new Float32Array(dims.reduce((product, length) => product * length, 1));
    for (let i = 0; i < values.length; i++) {
      seed = (seed * 48271) % 2147483647; // the same noise at each run
      values[i] = seed / 2147483647 - 0.5;
    }
    const bytes = padded(Buffer.from(values.buffer));
    data.push(bytes);
    offset += bytes.length;
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    scalar('uint32', 3),
    uint64(tensors.length),
    uint64(metadata.length),
    ...metadata,
    ...infos,
  ]);
  return Buffer.concat([padded(head), ...data]);
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % ALIGNMENT;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(ALIGNMENT - rest)]);
}

function text(key: string, value: string): Buffer {
  return Buffer.concat([string(key), scalar('uint32', TYPE.string), string(value)]);
}

function number(key: string, value: number, type: 'uint32' | 'float32' = 'uint32'): Buffer {
  return Buffer.concat([string(key), scalar('uint32', TYPE[type]), scalar(type, value)]);
}

function array(key: string, type: keyof typeof TYPE, items: Buffer[]): Buffer {
  const head = [
    string(key),
    scalar('uint32', TYPE.array),
    scalar('uint32', TYPE[type]),
    uint64(items.length),
  ];
  return Buffer.concat([...head, ...items]);
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function scalar(type: 'uint32' | 'int32' | 'float32', value: number): Buffer {
  const bytes = Buffer.alloc(4);
  if (type === 'float32') bytes.writeFloatLE(value);
  else if (type === 'int32') bytes.writeInt32LE(value);
  else bytes.writeUInt32LE(value);
  return bytes;
}
