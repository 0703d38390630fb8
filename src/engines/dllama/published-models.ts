import { ModelArchitecture, ModelFacts } from '../model-facts';
import { knownFacts } from '../known-models';
import { FloatType } from './float-type';
import { modelFileBytes } from './memory';

/**
 * A model that distributed-llama's author publishes on Hugging Face, already converted with q40 weights: it
 * is downloaded and served, with nothing in between.
 */
export class PublishedDllamaModel {
  /** Llama 3.1 8B Instruct. */
  public static readonly LLAMA3_1_8B_INSTRUCT_Q40 = new PublishedDllamaModel({
    key: 'llama3_1_8b_instruct_q40',
    repository: 'b4rtaz/Llama-3_1-8B-Q40-Instruct-Distributed-Llama',
    modelFile: 'dllama_model_llama3.1_instruct_q40.m',
    tokenizerFile: 'dllama_tokenizer_llama_3_1.t',
    facts: factsOf('meta-llama/Llama-3.1-8B-Instruct'),
  });

  /** Llama 3.1 405B Instruct, in 56 parts. */
  public static readonly LLAMA3_1_405B_INSTRUCT_Q40 = new PublishedDllamaModel({
    key: 'llama3_1_405b_instruct_q40',
    repository: 'b4rtaz/Llama-3_1-405B-Q40-Instruct-Distributed-Llama',
    partPrefix: 'dllama_model_llama31_405b_q40_',
    partCount: 56,
    tokenizerFile: 'dllama_tokenizer_llama_3_1.t',
    // Converted from the first release, which had 16 key-value heads: only these give the published size.
    facts: ModelFacts.of({
      architecture: ModelArchitecture.LLAMA,
      dim: 16384,
      hiddenDim: 53248,
      layers: 126,
      heads: 128,
      kvHeads: 16,
      vocabSize: 128256,
      maxSeqLen: 131072,
      ropeTheta: 500000,
      llama3RopeScaling: true,
      normEpsilon: 1e-5,
    }),
  });

  /** Llama 3.2 1B Instruct. */
  public static readonly LLAMA3_2_1B_INSTRUCT_Q40 = new PublishedDllamaModel({
    key: 'llama3_2_1b_instruct_q40',
    repository: 'b4rtaz/Llama-3_2-1B-Q40-Instruct-Distributed-Llama',
    modelFile: 'dllama_model_llama3.2-1b-instruct_q40.m',
    tokenizerFile: 'dllama_tokenizer_llama3_2.t',
    facts: factsOf('meta-llama/Llama-3.2-1B-Instruct'),
  });

  /** Llama 3.2 3B Instruct. */
  public static readonly LLAMA3_2_3B_INSTRUCT_Q40 = new PublishedDllamaModel({
    key: 'llama3_2_3b_instruct_q40',
    repository: 'b4rtaz/Llama-3_2-3B-Q40-Instruct-Distributed-Llama',
    modelFile: 'dllama_model_llama3.2-3b-instruct_q40.m',
    tokenizerFile: 'dllama_tokenizer_llama3_2.t',
    facts: factsOf('meta-llama/Llama-3.2-3B-Instruct'),
  });

  /** Llama 3.3 70B Instruct, in 11 parts. */
  public static readonly LLAMA3_3_70B_INSTRUCT_Q40 = new PublishedDllamaModel({
    key: 'llama3_3_70b_instruct_q40',
    repository: 'b4rtaz/Llama-3_3-70B-Q40-Instruct-Distributed-Llama',
    partPrefix: 'dllama_model_llama-3.3-70b_q40',
    partCount: 11,
    tokenizerFile: 'dllama_tokenizer_llama-3.3-70b.t',
    facts: factsOf('meta-llama/Llama-3.3-70B-Instruct'),
  });

  /** DeepSeek R1, distilled into Llama 8B. */
  public static readonly DEEPSEEK_R1_DISTILL_LLAMA_8B_Q40 = new PublishedDllamaModel({
    key: 'deepseek_r1_distill_llama_8b_q40',
    repository: 'b4rtaz/DeepSeek-R1-Distill-Llama-8B-Distributed-Llama',
    modelFile: 'dllama_model_deepseek-r1-distill-llama-8b_q40.m',
    tokenizerFile: 'dllama_tokenizer_deepseek-r1-distill-llama-8b.t',
    facts: factsOf('deepseek-ai/DeepSeek-R1-Distill-Llama-8B'),
  });

  /** Qwen3 0.6B. */
  public static readonly QWEN3_0_6B_Q40 = new PublishedDllamaModel({
    key: 'qwen3_0.6b_q40',
    repository: 'b4rtaz/Qwen3-0.6B-Q40-Distributed-Llama',
    modelFile: 'dllama_model_qwen3_0.6b_q40.m',
    tokenizerFile: 'dllama_tokenizer_qwen3_0.6b.t',
    facts: factsOf('Qwen/Qwen3-0.6B'),
  });

  /** Qwen3 1.7B. */
  public static readonly QWEN3_1_7B_Q40 = new PublishedDllamaModel({
    key: 'qwen3_1.7b_q40',
    repository: 'b4rtaz/Qwen3-1.7B-Q40-Distributed-Llama',
    modelFile: 'dllama_model_qwen3_1.7b_q40.m',
    tokenizerFile: 'dllama_tokenizer_qwen3_1.7b.t',
    facts: factsOf('Qwen/Qwen3-1.7B'),
  });

  /** Qwen3 8B. */
  public static readonly QWEN3_8B_Q40 = new PublishedDllamaModel({
    key: 'qwen3_8b_q40',
    repository: 'b4rtaz/Qwen3-8B-Q40-Distributed-Llama',
    modelFile: 'dllama_model_qwen3_8b_q40.m',
    tokenizerFile: 'dllama_tokenizer_qwen3_8b.t',
    facts: factsOf('Qwen/Qwen3-8B'),
  });

  /** Qwen3 14B, in two parts. */
  public static readonly QWEN3_14B_Q40 = new PublishedDllamaModel({
    key: 'qwen3_14b_q40',
    repository: 'b4rtaz/Qwen3-14B-Q40-Distributed-Llama',
    partPrefix: 'dllama_model_qwen3_14b_q40_',
    partCount: 2,
    tokenizerFile: 'dllama_tokenizer_qwen3_14b.t',
    facts: factsOf('Qwen/Qwen3-14B'),
  });

  /** Qwen3 30B with 3B active, a mixture of experts, in five parts. */
  public static readonly QWEN3_30B_A3B_Q40 = new PublishedDllamaModel({
    key: 'qwen3_30b_a3b_q40',
    repository: 'b4rtaz/Qwen3-30B-A3B-Q40-Distributed-Llama',
    partPrefix: 'dllama_model_qwen3_30b_a3b_',
    partCount: 5,
    tokenizerFile: 'dllama_tokenizer_qwen3_30b_a3b.t',
    facts: factsOf('Qwen/Qwen3-30B-A3B'),
  });

  /** All of them, in the order in which distributed-llama's launch script lists them. */
  public static all(): PublishedDllamaModel[] {
    return [
      PublishedDllamaModel.LLAMA3_1_8B_INSTRUCT_Q40,
      PublishedDllamaModel.LLAMA3_1_405B_INSTRUCT_Q40,
      PublishedDllamaModel.LLAMA3_2_1B_INSTRUCT_Q40,
      PublishedDllamaModel.LLAMA3_2_3B_INSTRUCT_Q40,
      PublishedDllamaModel.LLAMA3_3_70B_INSTRUCT_Q40,
      PublishedDllamaModel.DEEPSEEK_R1_DISTILL_LLAMA_8B_Q40,
      PublishedDllamaModel.QWEN3_0_6B_Q40,
      PublishedDllamaModel.QWEN3_1_7B_Q40,
      PublishedDllamaModel.QWEN3_8B_Q40,
      PublishedDllamaModel.QWEN3_14B_Q40,
      PublishedDllamaModel.QWEN3_30B_A3B_Q40,
    ];
  }

  /**
   * The published model that a repository holds; undefined when it is none of them. Upper and lower case are
   * the same, as on the hub.
   *
   * @param repository `org/name` on Hugging Face
   */
  public static ofRepository(repository: string): PublishedDllamaModel | undefined {
    const wanted = String(repository).toLowerCase();
    return PublishedDllamaModel.all().find((model) => model.repository.toLowerCase() === wanted);
  }

  /** Its name in distributed-llama's launch script. */
  public readonly key: string;
  /** `org/name` on Hugging Face. */
  public readonly repository: string;
  /** Name of the model file, once its parts are joined. */
  public readonly modelFile: string;
  /** The files of the repository that make the model file when joined in this order; often one alone. */
  public readonly parts: string[];
  /** Name of the tokenizer file in the repository. */
  public readonly tokenizerFile: string;
  /** The shape of the model. */
  public readonly facts: ModelFacts;
  /** How its weights are stored. */
  public readonly weights: FloatType = FloatType.Q40;
  /**
   * Size of the model file in bytes, computed from the facts. The header of a file that an older converter
   * wrote may differ by a few dozen bytes: a size to plan with, not one to verify by.
   */
  public readonly modelBytes: number;

  private constructor(published: Published) {
    this.key = published.key;
    this.repository = published.repository;
    this.parts =
      published.modelFile !== undefined
        ? [published.modelFile]
        : partSuffixes(published.partCount).map((suffix) => published.partPrefix + suffix);
    this.modelFile = published.modelFile ?? `dllama_model_${published.key}.m`;
    this.tokenizerFile = published.tokenizerFile;
    this.facts = published.facts;
    this.modelBytes = modelFileBytes(published.facts, this.weights);
  }
}

type Published = {
  readonly key: string;
  readonly repository: string;
  readonly tokenizerFile: string;
  readonly facts: ModelFacts;
} & (
  | { readonly modelFile: string }
  | { readonly modelFile?: undefined; readonly partPrefix: string; readonly partCount: number }
);

/** aa, ab ... az, ba ... as `split` names its parts. */
function partSuffixes(count: number): string[] {
  const letter = (index: number): string => String.fromCharCode('a'.charCodeAt(0) + index);
  return Array.from({ length: count }, (_, index) => letter(Math.floor(index / 26)) + letter(index % 26));
}

function factsOf(repository: string): ModelFacts {
  const facts = knownFacts(repository);
  if (facts === undefined) throw new Error(`no facts are known of ${repository}`);
  return facts;
}
