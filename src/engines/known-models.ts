import { InputError } from '../pod/input-error';
import { knownServingFacts, knownServingRepositories } from './known-configs';
import { ModelArchitecture, ModelFacts, ModelFactsProps } from './model-facts';

/**
 * Well-known repositories on Hugging Face whose facts this library has, as their config.json says them.
 * `ModelSource.huggingFace` finds them by itself; this is for copies of them elsewhere, and for their GGUF files.
 *
 * @example
 *
 * new ModelCache(pipeline.download, 'image', {
 *   source: ModelSource.oci('registry.example.com/models/qwen3-8b@sha256:...', { path: '/models' }),
 *   store: ModelStore.imageVolume(),
 *   facts: KnownModels.facts('Qwen/Qwen3-8B'),
 * });
 */
export class KnownModels {
  /**
   * The facts of a repository. A fine-tuned model has those of the model that it was made from, unless its config.json
   * differs.
   *
   * @param repository `org/name`, in upper or lower case
   * @throws when it is not among `repositories`
   */
  public static facts(repository: string): ModelFacts {
    const facts = typeof repository === 'string' ? knownFacts(repository) : undefined;
    if (facts) return facts;
    throw new InputError('KnownModels.facts', 'repository', repository, {
      allowed: KnownModels.repositories.join(', '),
      advice: "Those of others are read from config.json: ModelFacts.fromConfigFile('config.json').",
    });
  }

  /** The repositories, in alphabetical order. */
  public static get repositories(): string[] {
    return [...Object.keys(KNOWN_MODELS), ...knownServingRepositories()].sort();
  }

  private constructor() {}
}

/**
 * The facts of a well-known repository on Hugging Face, so that nobody has to write them down; undefined for
 * any other. Upper and lower case are the same, as on the hub. The facts are those of the repository's
 * config.json; a fine-tuned copy under another name is another model. Those of quantized models, and of architectures
 * that no converter of ours knows, are in known-configs.ts.
 *
 * Not here: Llama 3.1 405B, whose config.json went from 16 to 8 key-value heads between two commits, and
 * Mistral 7B, whose SentencePiece tokenizer distributed-llama misreads.
 *
 * @internal
 */
export function knownFacts(repository: string): ModelFacts | undefined {
  const props = PROPS_BY_REPOSITORY.get(repository.toLowerCase());
  return props ? ModelFacts.of(props) : knownServingFacts(repository);
}

/** Repositories whose facts are known to the byte. @internal */
export function knownRepositories(): string[] {
  return Object.keys(KNOWN_MODELS);
}

const QWEN3 = {
  architecture: ModelArchitecture.QWEN3,
  headDim: 128,
  kvHeads: 8,
  vocabSize: 151936,
  maxSeqLen: 40960,
  ropeTheta: 1e6,
  normEpsilon: 1e-6,
};

const LLAMA3 = {
  architecture: ModelArchitecture.LLAMA,
  kvHeads: 8,
  vocabSize: 128256,
  maxSeqLen: 131072,
  ropeTheta: 500000,
  llama3RopeScaling: true,
  normEpsilon: 1e-5,
};

// sourceBytes: all tensors as the repository's index adds them up; the files' own headers add less than 0.01 %.
const LLAMA3_8B = { ...LLAMA3, dim: 4096, hiddenDim: 14336, layers: 32, heads: 32, sourceBytes: 16060522496 };
const LLAMA3_70B = {
  ...LLAMA3,
  dim: 8192,
  hiddenDim: 28672,
  layers: 80,
  heads: 64,
  sourceBytes: 141107412992,
};
const LLAMA32_1B: ModelFactsProps = {
  ...LLAMA3,
  dim: 2048,
  hiddenDim: 8192,
  layers: 16,
  heads: 32,
  headDim: 64,
  tiedEmbeddings: true,
  sourceBytes: 2471628800,
};
const LLAMA32_3B: ModelFactsProps = {
  ...LLAMA3,
  dim: 3072,
  hiddenDim: 8192,
  layers: 28,
  heads: 24,
  headDim: 128,
  tiedEmbeddings: true,
  sourceBytes: 6425499648,
};

const KNOWN_MODELS: Record<string, ModelFactsProps> = {
  'Qwen/Qwen3-0.6B': {
    ...QWEN3,
    dim: 1024,
    hiddenDim: 3072,
    layers: 28,
    heads: 16,
    tiedEmbeddings: true,
    // The file holds the output matrix although it is the embedding; so does that of 1.7B.
    sourceBytes: 1503264768,
  },
  'Qwen/Qwen3-1.7B': {
    ...QWEN3,
    dim: 2048,
    hiddenDim: 6144,
    layers: 28,
    heads: 16,
    tiedEmbeddings: true,
    sourceBytes: 4063479808,
  },
  'Qwen/Qwen3-4B': {
    ...QWEN3,
    dim: 2560,
    hiddenDim: 9728,
    layers: 36,
    heads: 32,
    tiedEmbeddings: true,
    sourceBytes: 8044936192,
  },
  'Qwen/Qwen3-8B': { ...QWEN3, dim: 4096, hiddenDim: 12288, layers: 36, heads: 32, sourceBytes: 16381470720 },
  'Qwen/Qwen3-14B': {
    ...QWEN3,
    dim: 5120,
    hiddenDim: 17408,
    layers: 40,
    heads: 40,
    sourceBytes: 29536614400,
  },
  'Qwen/Qwen3-32B': {
    ...QWEN3,
    dim: 5120,
    hiddenDim: 25600,
    layers: 64,
    heads: 64,
    sourceBytes: 65524246528,
  },
  'Qwen/Qwen3-30B-A3B': {
    ...QWEN3,
    architecture: ModelArchitecture.QWEN3_MOE,
    dim: 2048,
    hiddenDim: 6144,
    layers: 48,
    heads: 32,
    kvHeads: 4,
    experts: 128,
    activeExperts: 8,
    moeHiddenDim: 768,
    sourceBytes: 61064245248,
  },
  'meta-llama/Llama-3.1-8B': LLAMA3_8B,
  'meta-llama/Llama-3.1-8B-Instruct': LLAMA3_8B,
  'meta-llama/Llama-3.1-70B': LLAMA3_70B,
  'meta-llama/Llama-3.1-70B-Instruct': LLAMA3_70B,
  'meta-llama/Llama-3.2-1B': LLAMA32_1B,
  'meta-llama/Llama-3.2-1B-Instruct': LLAMA32_1B,
  'meta-llama/Llama-3.2-3B': LLAMA32_3B,
  'meta-llama/Llama-3.2-3B-Instruct': LLAMA32_3B,
  'meta-llama/Llama-3.3-70B-Instruct': LLAMA3_70B,
  'deepseek-ai/DeepSeek-R1-Distill-Llama-8B': LLAMA3_8B,
};

const PROPS_BY_REPOSITORY = new Map(
  Object.entries(KNOWN_MODELS).map(([repository, props]) => [repository.toLowerCase(), props]),
);
