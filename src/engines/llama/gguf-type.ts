import type { ModelFacts } from '../model-facts';
import { estimatedParameters } from '../model-size';

/** How the weights of a GGUF file are stored, as llama.cpp names it. Sizes are those of an 8B model. */
export enum GgufType {
  /** 16 bits, of the kind that is nearest to the weights' own. */
  AUTO = 'AUTO',
  /** 32 bits. */
  F32 = 'F32',
  /** 16 bits. */
  F16 = 'F16',
  /** 16 bits with the range of f32. */
  BF16 = 'BF16',
  /** 8.5 bits: hardly worse than 16. */
  Q8_0 = 'Q8_0',
  /** 6.6 bits. */
  Q6_K = 'Q6_K',
  /** 5.7 bits. */
  Q5_K_M = 'Q5_K_M',
  /** 5.6 bits. */
  Q5_K_S = 'Q5_K_S',
  /** 6 bits, of the old kind. */
  Q5_1 = 'Q5_1',
  /** 5.6 bits, of the old kind. */
  Q5_0 = 'Q5_0',
  /** 4.9 bits: what most people serve. */
  Q4_K_M = 'Q4_K_M',
  /** 4.7 bits. */
  Q4_K_S = 'Q4_K_S',
  /** 5.1 bits, of the old kind. */
  Q4_1 = 'Q4_1',
  /** 4.6 bits, of the old kind, which some CPUs compute fastest. */
  Q4_0 = 'Q4_0',
  /** 4.7 bits, not evenly spaced. */
  IQ4_NL = 'IQ4_NL',
  /** 4.5 bits, not evenly spaced. */
  IQ4_XS = 'IQ4_XS',
  /** 4.3 bits. */
  Q3_K_L = 'Q3_K_L',
  /** 4.0 bits. */
  Q3_K_M = 'Q3_K_M',
  /** 3.6 bits. */
  Q3_K_S = 'Q3_K_S',
  /** 3.8 bits. */
  IQ3_M = 'IQ3_M',
  /** 3.7 bits. */
  IQ3_S = 'IQ3_S',
  /** 3.5 bits; needs an importance matrix. */
  IQ3_XS = 'IQ3_XS',
  /** 3.4 bits; needs an importance matrix. */
  IQ3_XXS = 'IQ3_XXS',
  /** 3.2 bits. */
  Q2_K = 'Q2_K',
  /** 3.0 bits; needs an importance matrix. */
  Q2_K_S = 'Q2_K_S',
  /** 2.9 bits; needs an importance matrix. */
  IQ2_M = 'IQ2_M',
  /** 2.7 bits; needs an importance matrix. */
  IQ2_S = 'IQ2_S',
  /** 2.6 bits; needs an importance matrix. */
  IQ2_XS = 'IQ2_XS',
  /** 2.4 bits; needs an importance matrix. */
  IQ2_XXS = 'IQ2_XXS',
  /** 2.1 bits; needs an importance matrix. */
  IQ1_M = 'IQ1_M',
  /** 2.0 bits; needs an importance matrix. */
  IQ1_S = 'IQ1_S',
  /** 2.5 bits, for models that were trained with three values. */
  TQ2_0 = 'TQ2_0',
  /** 2.2 bits, for models that were trained with three values. */
  TQ1_0 = 'TQ1_0',
}

/** What convert_hf_to_gguf.py writes by itself (`--outtype`); all else llama-quantize makes of it. @internal */
export function isConverted(type: GgufType): boolean {
  return CONVERTED.has(type);
}

const CONVERTED: ReadonlySet<GgufType> = new Set([
  GgufType.AUTO,
  GgufType.F32,
  GgufType.F16,
  GgufType.BF16,
  GgufType.Q8_0,
]);

/**
 * Whether llama-quantize refuses it without an importance matrix (tensor_requires_imatrix in src/llama-quant.cpp, and
 * the types that its mixtures are made of).
 *
 * @internal
 */
export function needsImportanceMatrix(type: GgufType): boolean {
  return NEED_MATRIX.has(type);
}

const NEED_MATRIX: ReadonlySet<GgufType> = new Set([
  GgufType.Q2_K_S,
  GgufType.IQ1_S,
  GgufType.IQ1_M,
  GgufType.IQ2_XXS,
  GgufType.IQ2_XS,
  GgufType.IQ2_S,
  GgufType.IQ2_M,
  GgufType.IQ3_XXS,
  GgufType.IQ3_XS,
]);

/** Bits of a weight, scales included. */
interface Bits {
  /** In the layers, on average. */
  readonly layers: number;
  /** In the embeddings. */
  readonly embeddings: number;
  /** In the output matrix, which the embeddings are where it is tied. */
  readonly output: number;
}

const same = (bits: number): Bits => ({ layers: bits, embeddings: bits, output: bits });

/** Bits of the types of single tensors (GGML_QUANT_SIZES of gguf-py). */
const Q2_K = 2.625;
const Q3_K = 3.4375;
const Q4_K = 4.5;
const Q5_K = 5.5;
const Q6_K = 6.5625;
const IQ3_S = 3.4375;

/**
 * As `llama-quantize --dry-run` of v0.7.0 has it. The layers of Llama 2 7B, 3.1 8B and 3.3 70B, Mistral 7B and Qwen3
 * 0.6B, 1.7B, 8B and 30B-A3B are within 4 % of it (those of IQ1 and IQ2 within 6 %), their files within 3 %.
 */
const BITS: Readonly<Record<GgufType, Bits>> = {
  [GgufType.AUTO]: same(16),
  [GgufType.F32]: same(32),
  [GgufType.F16]: same(16),
  [GgufType.BF16]: same(16),
  [GgufType.Q8_0]: same(8.5),
  [GgufType.Q6_K]: same(Q6_K),
  [GgufType.Q5_K_M]: { layers: 5.66, embeddings: Q5_K, output: Q6_K },
  [GgufType.Q5_K_S]: { layers: 5.5, embeddings: Q5_K, output: Q6_K },
  [GgufType.Q5_1]: { layers: 6, embeddings: 6, output: Q6_K },
  [GgufType.Q5_0]: { layers: 5.5, embeddings: 5.5, output: Q6_K },
  [GgufType.Q4_K_M]: { layers: 4.81, embeddings: Q4_K, output: Q6_K },
  [GgufType.Q4_K_S]: { layers: 4.54, embeddings: Q4_K, output: Q6_K },
  [GgufType.Q4_1]: { layers: 5, embeddings: 5, output: Q6_K },
  [GgufType.Q4_0]: { layers: 4.5, embeddings: 4.5, output: Q6_K },
  [GgufType.IQ4_NL]: { layers: 4.54, embeddings: 4.5, output: Q6_K },
  [GgufType.IQ4_XS]: { layers: 4.3, embeddings: 4.25, output: Q6_K },
  [GgufType.Q3_K_L]: { layers: 4.21, embeddings: Q3_K, output: Q6_K },
  [GgufType.Q3_K_M]: { layers: 3.85, embeddings: Q3_K, output: Q6_K },
  [GgufType.Q3_K_S]: { layers: 3.45, embeddings: Q3_K, output: Q6_K },
  [GgufType.IQ3_M]: { layers: 3.59, embeddings: IQ3_S, output: Q6_K },
  [GgufType.IQ3_S]: { layers: 3.45, embeddings: IQ3_S, output: Q6_K },
  [GgufType.IQ3_XS]: { layers: 3.27, embeddings: IQ3_S, output: Q6_K },
  [GgufType.IQ3_XXS]: { layers: 3.2, embeddings: IQ3_S, output: Q5_K },
  [GgufType.Q2_K]: { layers: 2.94, embeddings: Q2_K, output: Q6_K },
  [GgufType.Q2_K_S]: { layers: 2.71, embeddings: Q2_K, output: Q6_K },
  [GgufType.IQ2_M]: { layers: 2.7, embeddings: IQ3_S, output: Q5_K },
  [GgufType.IQ2_S]: { layers: 2.49, embeddings: IQ3_S, output: Q5_K },
  [GgufType.IQ2_XS]: { layers: 2.36, embeddings: Q2_K, output: Q5_K },
  [GgufType.IQ2_XXS]: { layers: 2.12, embeddings: Q2_K, output: Q5_K },
  [GgufType.IQ1_M]: { layers: 1.85, embeddings: Q2_K, output: Q5_K },
  [GgufType.IQ1_S]: { layers: 1.69, embeddings: Q2_K, output: Q5_K },
  [GgufType.TQ2_0]: { layers: 2.07, embeddings: Q4_K, output: Q6_K },
  [GgufType.TQ1_0]: { layers: 1.69, embeddings: Q4_K, output: Q6_K },
};

/** Of the tokenizer, for each token: its text, its type, and the merges that lead to it. */
const TOKEN_BYTES = 64;

/** About how long the file is, in bytes: within a few percent. @internal */
export function ggufBytes(facts: ModelFacts, type: GgufType): number {
  const bits = BITS[type];
  const matrix = facts.vocabSize * facts.dim;
  const embeddings = facts.tiedEmbeddings ? bits.output * matrix : (bits.embeddings + bits.output) * matrix;
  const layers = estimatedParameters(facts) - (facts.tiedEmbeddings ? 1 : 2) * matrix;
  return Math.ceil((layers * bits.layers + embeddings) / 8) + TOKEN_BYTES * facts.vocabSize;
}

const MIB = 1024 ** 2;

/** Python with torch and transformers; measured. */
const CONVERTER = 350 * MIB;

/** For each value of the tensor at hand, as measured: 2 mapped, 4 as f32, 2 as they are written. */
const BYTES_PER_VALUE = 8.1;

/**
 * The memory that a conversion takes, in bytes. The converter computes one tensor at a time (gguf-py/gguf/lazy.py of
 * llama.cpp): the embeddings, a feed-forward matrix, or those of all experts of a layer, which it puts into one. Measured
 * with v0.5.0 and bf16 weights. llama-quantize maps its input and takes less, 5 bytes for each value (f32_conv_buf and
 * work in src/llama-quant.cpp).
 *
 * @internal
 */
export function conversionBytes({ dim, hiddenDim, moeHiddenDim, experts, vocabSize }: ModelFacts): number {
  const mixture = experts * dim * (moeHiddenDim ?? hiddenDim);
  return CONVERTER + BYTES_PER_VALUE * Math.max(vocabSize * dim, hiddenDim * dim, mixture);
}
