import * as fs from 'node:fs';
import { AttentionFacts, attentionFacts } from './attention-facts';
import { CONFIG_NAMES, ConfigField, configField, languageConfig } from './config-fields';
import { rotaryEmbedding } from './rotary-embedding';

/** The architectures this library computes with, named as `model_type` in config.json names them. */
export enum ModelArchitecture {
  /** Llama 2, 3, 3.1, 3.2, 3.3 and what is distilled into them. */
  LLAMA = 'llama',
  /** Mistral 7B and its relatives; the same layers as Llama. */
  MISTRAL = 'mistral',
  /** Qwen3, dense. */
  QWEN3 = 'qwen3',
  /** Qwen3, mixture of experts. */
  QWEN3_MOE = 'qwen3_moe',
}

/**
 * What a model's config.json says of its shape. Leave out what config.json leaves out: the size of a
 * converted file depends on it to the byte.
 */
export interface ModelFactsProps {
  /** The architecture (`model_type`). */
  readonly architecture: ModelArchitecture;
  /** Length of a token's vector (`hidden_size`). */
  readonly dim: number;
  /** Length of the feed-forward vector (`intermediate_size`). */
  readonly hiddenDim: number;
  /** Number of layers (`num_hidden_layers`). */
  readonly layers: number;
  /** Number of attention heads (`num_attention_heads`). */
  readonly heads: number;
  /** Number of key and value heads (`num_key_value_heads`). */
  readonly kvHeads: number;
  /**
   * Length of one head's vector (`head_dim`).
   *
   * @default - dim / heads
   */
  readonly headDim?: number;
  /** Number of tokens in the vocabulary (`vocab_size`). */
  readonly vocabSize: number;
  /** The longest context the model was made for, in tokens (`max_position_embeddings`). */
  readonly maxSeqLen: number;
  /**
   * Number of experts (`num_experts`); needed for a mixture of experts.
   *
   * @default 0
   */
  readonly experts?: number;
  /**
   * Number of experts that work on one token (`num_experts_per_tok`); needed for a mixture of experts.
   *
   * @default 0
   */
  readonly activeExperts?: number;
  /**
   * Length of one expert's feed-forward vector (`moe_intermediate_size`); needed for a mixture of experts.
   *
   * @default - none
   */
  readonly moeHiddenDim?: number;
  /**
   * Base of the rotary position embedding (`rope_theta`).
   *
   * @default - not in config.json
   */
  readonly ropeTheta?: number;
  /**
   * Whether config.json stretches the rotary embedding as Llama 3.1 does (`rope_scaling` of type `llama3`).
   *
   * @default false
   */
  readonly llama3RopeScaling?: boolean;
  /**
   * Epsilon of the normalization (`rms_norm_eps`).
   *
   * @default - not in config.json
   */
  readonly normEpsilon?: number;
  /**
   * Whether the output matrix is the embedding (`tie_word_embeddings`).
   *
   * @default false
   */
  readonly tiedEmbeddings?: boolean;
  /**
   * Size of all safetensors files of the repository, in bytes.
   *
   * @default - not known
   */
  readonly sourceBytes?: number;
}

/**
 * The shape of a model: what decides how much memory it takes, how large its files are and among how many
 * processes it can be divided.
 *
 * @example
 * ModelFacts.fromConfigFile('models/qwen3-1.7b/config.json');
 */
export class ModelFacts {
  /**
   * Reads the facts from a parsed config.json, as transformers 4 or 5 wrote it. An architecture that this
   * library does not know is kept as it is; the engine that cannot serve it refuses it.
   *
   * Fails when a field that the facts need is missing or is no whole number.
   *
   * @param config the object that `JSON.parse` gives for the file
   */
  public static fromConfig(config: unknown): ModelFacts {
    return new ModelFacts(fieldsOfConfig(config));
  }

  /**
   * Reads the facts from a config.json file at synth.
   *
   * Fails when the file cannot be read, is not JSON, or lacks a field.
   *
   * @param path path of the file, relative to the working directory
   */
  public static fromConfigFile(path: string): ModelFacts {
    let text: string;
    try {
      text = fs.readFileSync(path, 'utf8');
    } catch (error) {
      throw new Error(
        `ModelFacts: cannot read '${path}' (${(error as Error).message}); ` +
          `give the path of the model's config.json, or the facts by ModelFacts.of(...)`,
        { cause: error },
      );
    }
    let config: unknown;
    try {
      config = JSON.parse(text);
    } catch (error) {
      throw new Error(`ModelFacts: '${path}' is not JSON (${(error as Error).message})`, { cause: error });
    }
    try {
      return ModelFacts.fromConfig(config);
    } catch (error) {
      throw new Error(`${(error as Error).message} (in '${path}')`, { cause: error });
    }
  }

  /**
   * The facts of a repository whose config.json this library knows in part.
   *
   * @internal
   */
  public static _fromKnown(config: Readonly<Record<string, unknown>>, sourceBytes?: number): ModelFacts {
    return new ModelFacts({ ...fieldsOfConfig(config), sourceBytes });
  }

  /**
   * The facts given by hand.
   *
   * Fails when a number is not whole or not positive, or when the facts of the experts do not fit together.
   */
  public static of(props: ModelFactsProps): ModelFacts {
    return new ModelFacts({ ...props, modelType: props?.architecture });
  }

  /** `model_type` of config.json, whatever it is. */
  public readonly modelType: string;
  /** The architecture; undefined when `model_type` is none that this library knows. */
  public readonly architecture?: ModelArchitecture;
  /** Length of a token's vector. */
  public readonly dim: number;
  /** Length of the feed-forward vector of a dense layer. */
  public readonly hiddenDim: number;
  /** Number of layers. */
  public readonly layers: number;
  /** Number of attention heads. */
  public readonly heads: number;
  /** Number of key and value heads. */
  public readonly kvHeads: number;
  /** Length of one head's vector. */
  public readonly headDim: number;
  /** Number of tokens in the vocabulary. */
  public readonly vocabSize: number;
  /** The longest context the model was made for, in tokens. */
  public readonly maxSeqLen: number;
  /** Number of experts; 0 for a dense model. */
  public readonly experts: number;
  /** Number of experts that work on one token; 0 for a dense model. */
  public readonly activeExperts: number;
  /** Length of one expert's feed-forward vector; undefined for a dense model. */
  public readonly moeHiddenDim?: number;
  /** Base of the rotary position embedding, when config.json says it. */
  public readonly ropeTheta?: number;
  /** Whether the rotary embedding is stretched as Llama 3.1 does. */
  public readonly llama3RopeScaling: boolean;
  /** Epsilon of the normalization, when config.json says it. */
  public readonly normEpsilon?: number;
  /** Whether the output matrix is the embedding. */
  public readonly tiedEmbeddings: boolean;
  /** Size of all safetensors files of the repository in bytes, when known. */
  public readonly sourceBytes?: number;
  /** How config.json says that the weights are quantized (`quantization_config.quant_method`): `fp8`, `awq`. */
  public readonly quantization?: string;
  /** The type of weights that are not quantized (`dtype`, `torch_dtype`): `bfloat16`. */
  public readonly dtype?: string;

  /**
   * Whether head_dim is written in config.json, not derived: a converted file then repeats it in its header.
   * @internal
   */
  public readonly _headDimGiven: boolean;
  /**
   * The config.json behind the facts, for engines to look for what they cannot run.
   * @internal
   */
  public readonly _config?: Readonly<Record<string, unknown>>;
  /**
   * What each token leaves in the key-value cache.
   * @internal
   */
  public readonly _attention: AttentionFacts;

  private constructor(fields: Fields) {
    this.modelType = fields.modelType;
    this.architecture = Object.values(ModelArchitecture).find((known) => String(known) === fields.modelType);
    this.dim = whole('dim', fields.dim);
    this.hiddenDim = whole('hiddenDim', fields.hiddenDim);
    this.layers = whole('layers', fields.layers);
    this.heads = whole('heads', fields.heads);
    this.kvHeads = whole('kvHeads', fields.kvHeads);
    this._headDimGiven = fields.headDim !== undefined;
    this.headDim = this._headDimGiven ? whole('headDim', fields.headDim) : this.dim / this.heads;
    if (!Number.isInteger(this.headDim)) {
      throw new Error(
        `ModelFacts: dim is ${this.dim} and heads is ${this.heads}, and no headDim (head_dim) is given; ` +
          `give headDim, or a dim that heads divides`,
      );
    }
    this.vocabSize = whole('vocabSize', fields.vocabSize);
    this.maxSeqLen = whole('maxSeqLen', fields.maxSeqLen);
    this.experts = whole('experts', fields.experts ?? 0, 0);
    this.activeExperts = whole('activeExperts', fields.activeExperts ?? 0, 0);
    this.moeHiddenDim =
      fields.moeHiddenDim === undefined ? undefined : whole('moeHiddenDim', fields.moeHiddenDim);
    if (this.architecture === ModelArchitecture.QWEN3_MOE) {
      whole('experts', this.experts);
      whole('moeHiddenDim', this.moeHiddenDim);
      if (this.activeExperts < 1 || this.activeExperts > this.experts) {
        throw new Error(
          `ModelFacts: activeExperts (num_experts_per_tok) is ${this.activeExperts}; ` +
            `it must be from 1 to the number of experts, ${this.experts}`,
        );
      }
    }
    this.ropeTheta = positive('ropeTheta', fields.ropeTheta);
    this.llama3RopeScaling = fields.llama3RopeScaling ?? false;
    this.normEpsilon = positive('normEpsilon', fields.normEpsilon);
    this.tiedEmbeddings = fields.tiedEmbeddings ?? false;
    this.sourceBytes = positive('sourceBytes', fields.sourceBytes);
    this._config = fields.config;
    this._attention = attentionFacts(this.modelType, fields.config ?? {}, this.layers);
    const { quantization_config: quantized, dtype, torch_dtype: torchDtype } = fields.config ?? {};
    this.quantization = textOf((quantized as Record<string, unknown> | null | undefined)?.quant_method);
    this.dtype = textOf(dtype ?? torchDtype);
  }

  /** Length of all heads' queries together. */
  public get queryDim(): number {
    return this.headDim * this.heads;
  }

  /** Length of all heads' keys (or values) together. */
  public get kvDim(): number {
    return this.headDim * this.kvHeads;
  }

  /** Number of parameters, counting a shared embedding once. */
  public get parameters(): number {
    const attention = 2 * this.dim * this.queryDim + 2 * this.dim * this.kvDim;
    const headNorms = this.isQwen3 ? 2 * this.headDim : 0;
    const feedForward = this.isMixtureOfExperts
      ? this.dim * this.experts + 3 * this.experts * this.dim * (this.moeHiddenDim ?? 0)
      : 3 * this.dim * this.hiddenDim;
    const embeddings = (this.tiedEmbeddings ? 1 : 2) * this.vocabSize * this.dim;
    return embeddings + this.layers * (attention + headNorms + feedForward + 2 * this.dim) + this.dim;
  }

  /** Whether the layers are mixtures of experts. */
  public get isMixtureOfExperts(): boolean {
    return this.architecture === ModelArchitecture.QWEN3_MOE;
  }

  /** Whether it is a Qwen3, dense or not: it normalizes each head. */
  public get isQwen3(): boolean {
    return this.architecture === ModelArchitecture.QWEN3 || this.architecture === ModelArchitecture.QWEN3_MOE;
  }
}

/** The props before they are checked, with any model_type and the config.json they came from. */
type Fields = { readonly [Name in Exclude<keyof ModelFactsProps, 'architecture'>]?: unknown } & {
  readonly modelType: string;
  readonly llama3RopeScaling?: boolean;
  readonly tiedEmbeddings?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
};

function fieldsOfConfig(given: unknown): Fields {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error(`ModelFacts: config is ${describe(given)}; give the object that config.json holds`);
  }
  const { model_type: modelType } = given as Record<string, unknown>;
  if (typeof modelType !== 'string') {
    throw new Error(
      `ModelFacts: model_type is ${describe(modelType)}; ` +
        `config.json must name the architecture, such as ${Object.values(ModelArchitecture).join(', ')}`,
    );
  }
  const config = languageConfig(given as Record<string, unknown>);
  const rope = rotaryEmbedding(config);
  const field = (name: ConfigField): unknown => configField(config, name);
  return {
    modelType,
    dim: field('dim'),
    hiddenDim: field('hiddenDim'),
    layers: field('layers'),
    heads: field('heads'),
    // transformers' own reading of a config.json that is silent about them.
    kvHeads: field('kvHeads') ?? field('heads'),
    headDim: field('headDim'),
    vocabSize: field('vocabSize'),
    maxSeqLen: field('maxSeqLen'),
    experts: field('experts'),
    activeExperts: field('activeExperts'),
    moeHiddenDim: field('moeHiddenDim'),
    ropeTheta: rope.theta,
    llama3RopeScaling: rope.type === 'llama3',
    normEpsilon: field('normEpsilon'),
    tiedEmbeddings: config.tie_word_embeddings === true,
    config,
  };
}

function whole(field: string, value: unknown, least = 1): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(
    `ModelFacts: ${named(field)} is ${describe(value)}; it must be a whole number of at least ${least}`,
  );
}

function positive(field: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  throw new Error(`ModelFacts: ${named(field)} is ${describe(value)}; it must be a number above 0`);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function named(field: string): string {
  return field in CONFIG_NAMES ? `${field} (${CONFIG_NAMES[field as ConfigField][0]})` : field;
}

function describe(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
