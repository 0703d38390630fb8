import type { Size } from 'cdk8s';
import type { Artifact } from '../artifact/artifact';
import type { ModelStore } from '../artifact/model-store';
import type { GgufType } from '../engines/llama/gguf-type';
import type { JobOptions } from '../pod/job-options';

/** The file that says which weights matter, as llama-imatrix writes it. */
export interface ImportanceMatrix {
  /** The artifact that has it. */
  readonly model: Artifact;

  /** Its path in the artifact: `imatrix.gguf`. */
  readonly file: string;
}

/** What a `GgufConversion` is told. */
export interface GgufConversionProps extends JobOptions {
  /** The model as it is on Hugging Face: `cache.artifact`. */
  readonly model: Artifact;

  /**
   * How the weights are stored. What the converter of llama.cpp cannot write by itself is quantized from a file that
   * it has written, for which there must be room beside the result.
   *
   * @default GgufType.Q4_K_M; GgufType.F16 for an adapter
   */
  readonly weights?: GgufType;

  /**
   * What is quantized, on its way to `weights`: `AUTO`, `F32`, `F16` or `BF16`.
   *
   * @default GgufType.AUTO, which loses nothing of weights in 16 bits
   */
  readonly intermediate?: GgufType;

  /**
   * Which weights matter: quantizations to few bits lose less by it, and some are refused without it.
   *
   * @default - none
   */
  readonly importanceMatrix?: ImportanceMatrix;

  /**
   * The model that `model` is a LoRA adapter of, as PEFT writes one (adapter_config.json). The result is an adapter for
   * `LlamaServer`. Of the model itself its config.json is enough.
   *
   * @default - none: `model` is a whole model
   */
  readonly adapterOf?: Artifact;

  /**
   * The most that a file may have, a whole number of megabytes. What is larger is split; llama-server is given the first
   * part, `-00001-of-<parts>.gguf`, and finds the others.
   *
   * @default - one file, whatever its size
   */
  readonly maxFileSize?: Size;

  /**
   * Where the GGUF file is kept.
   *
   * @default - the store of the model
   */
  readonly store?: ModelStore;

  /**
   * The model's name, in the file and in its name: `<name>-<weights>.gguf`.
   *
   * @default - the repository's name in lower case: `qwen3-1.7b`
   */
  readonly name?: string;

  /**
   * Threads, which are also the CPUs that the Job asks for.
   *
   * @default 4, or 2 where nothing is quantized
   */
  readonly threads?: number;

  /**
   * Memory of the Job, request and limit.
   *
   * @default - 350 MiB and 8.1 bytes for each value of the model's largest tensor, a fifth more, at least 1 GiB; 2 GiB
   * for an adapter
   */
  readonly memory?: Size;

  /**
   * The disk of the pod through which the files pass into a bucket.
   *
   * @default - by the model's facts
   */
  readonly scratch?: Size;

  /**
   * The image: one of llama.cpp's `full` images, or one that has its tools in /app and Python 3.11 or newer.
   *
   * @default ghcr.io/ggml-org/llama.cpp:full-v0.4.1
   */
  readonly image?: string;

  /**
   * The version of llama.cpp in the image: `b9842` or `v0.4.1`. It is part of the artifact's key. Not another than the
   * tag says.
   *
   * @default - what the image's tag says
   */
  readonly version?: string;
}
