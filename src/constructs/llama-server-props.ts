import type { Duration, Size } from 'cdk8s';
import type { SecretValue } from 'cdk8s-plus-28';
import type { Artifact } from '../artifact/artifact';
import type { LlamaBackend } from '../engines/llama/backend';
import type { CacheType } from '../engines/llama/cache-type';
import type { ServerProps } from '../serving/server-props';
import type { ChatTemplate } from './chat-template';

/** Whether attention is computed without its whole matrix of scores, which saves memory and time. */
export enum FlashAttention {
  /** Where the model and the device have it; from b6325. */
  AUTO = 'auto',
  /** Always. */
  ON = 'on',
  /** Never. */
  OFF = 'off',
}

/** How the vectors of a text's tokens become that of the text. */
export enum Pooling {
  /** Each token has its own. */
  NONE = 'none',
  /** Their mean. */
  MEAN = 'mean',
  /** That of the first token. */
  CLS = 'cls',
  /** That of the last token. */
  LAST = 'last',
  /** A score, for reranking. */
  RANK = 'rank',
}

/** A file of an artifact, beside the model. */
export interface LlamaFile {
  /**
   * The artifact that has it.
   *
   * @default - that of the model
   */
  readonly model?: Artifact;

  /**
   * Its path in the artifact, or a pattern that matches one file alone: `*mmproj*.gguf`. Resolved when the pod starts.
   * Needed where it is in the artifact of the model.
   *
   * @default - the artifact's model file, or its only GGUF file
   */
  readonly file?: string;

  /**
   * The size of that file.
   *
   * @default - that of the artifact, where it is known
   */
  readonly fileSize?: Size;
}

/** An adapter. */
export interface LlamaAdapter extends LlamaFile {
  /**
   * How much it changes the model; a scale and several adapters need b7348 or newer.
   *
   * @default 1
   */
  readonly scale?: number;
}

/** A small model whose guesses the large one checks. */
export interface LlamaDraft extends LlamaFile {
  /**
   * The most tokens that it guesses at a time.
   *
   * @default - the server's
   */
  readonly maxTokens?: number;

  /**
   * The fewest tokens for which its guess is looked at.
   *
   * @default - the server's
   */
  readonly minTokens?: number;
}

/** Many models in one server, each loaded when it is asked for. */
export interface LlamaRouter {
  /**
   * How many are in memory at a time; the one that was not asked for the longest goes.
   *
   * @default 1
   */
  readonly maxModels?: number;

  /**
   * How long a model stays in memory that nobody asks.
   *
   * @default - until it has to make room
   */
  readonly idleTimeout?: Duration;
}

/** What a `LlamaServer` is told. */
export interface LlamaServerProps extends ServerProps {
  /** The GGUF files: `cache.artifact`, `conversion.artifact`. */
  readonly model: Artifact;

  /**
   * The model's file in the artifact: its path, or a pattern that matches one file alone (`*Q4_K_M*.gguf`), which is
   * resolved when the pod starts. `*` matches slashes too. Of a model that is split, the first part. Not with `router`.
   *
   * @default - the artifact's model file, or its only GGUF file
   */
  readonly file?: string;

  /**
   * The size of that file with all its parts. From it and the facts of the model follow how much memory the server takes
   * and how long it may take to start.
   *
   * @default - that of the artifact, where it is known
   */
  readonly fileSize?: Size;

  /**
   * Serve all models of the artifact's folder, each loaded when it is asked for: a file for each, or a folder where it
   * has several files. From b7347. Routers have no metrics.
   *
   * @default - one model
   */
  readonly router?: LlamaRouter;

  /**
   * The model's name in the API. Not with `router`, where models are named after their files.
   *
   * @default - the repository's name in lower case
   */
  readonly alias?: string;

  /**
   * Tokens of a request and its answer together. The cache for all slots is so many times as large.
   *
   * @default 8192, or the model's own where that is less
   */
  readonly contextSize?: number;

  /**
   * Requests that are answered at the same time; others wait.
   *
   * @default 1
   */
  readonly parallel?: number;

  /**
   * Tokens of prompts that are given to the model at once.
   *
   * @default 2048
   */
  readonly batchSize?: number;

  /**
   * Tokens that are computed at once: more is faster and needs more memory.
   *
   * @default 512; for embeddings and reranking, which need a text in one, batchSize
   */
  readonly ubatchSize?: number;

  /**
   * Threads that compute.
   *
   * @default - one for each CPU
   */
  readonly threads?: number;

  /**
   * Layers that are computed by the accelerator; the others by CPUs.
   *
   * @default - all, with an accelerator
   */
  readonly gpuLayers?: number;

  /**
   * Whether attention is computed without its whole matrix of scores.
   *
   * @default FlashAttention.AUTO, or before b6325 OFF
   */
  readonly flashAttention?: FlashAttention;

  /**
   * How keys of tokens are stored.
   *
   * @default CacheType.F16
   */
  readonly cacheTypeK?: CacheType;

  /**
   * How values of tokens are stored. What is smaller than F16 needs flash attention.
   *
   * @default CacheType.F16
   */
  readonly cacheTypeV?: CacheType;

  /**
   * Memory for the caches of prompts that left their slot and may come again. From b6674.
   *
   * @default 512 MiB; nothing for embeddings and reranking
   */
  readonly promptCache?: Size;

  /**
   * LoRA adapters.
   *
   * @default - none
   */
  readonly adapters?: LlamaAdapter[];

  /**
   * The projector of a multimodal model, by which it sees or hears.
   *
   * @default - none
   */
  readonly projector?: LlamaFile;

  /**
   * A small model of the same vocabulary whose guesses the large one checks.
   *
   * @default - none
   */
  readonly draft?: LlamaDraft;

  /**
   * Give embeddings and nothing else.
   *
   * @default false
   */
  readonly embeddings?: boolean;

  /**
   * Rank documents by a query, and nothing else.
   *
   * @default false
   */
  readonly reranking?: boolean;

  /**
   * How the vectors of a text's tokens become that of the text.
   *
   * @default - the model's
   */
  readonly pooling?: Pooling;

  /**
   * The template by which a conversation becomes a prompt.
   *
   * @default - the model's
   */
  readonly chatTemplate?: ChatTemplate;

  /**
   * Whether chat templates are read as Jinja, as tools and most models need.
   *
   * @default true
   */
  readonly jinja?: boolean;

  /**
   * Whether it has its web page for chats.
   *
   * @default false
   */
  readonly webUi?: boolean;

  /**
   * The API keys that it accepts, from a Secret: one a line. What asks the server by itself, when it drains and in the
   * smoke test, sends the first.
   *
   * Prometheus sends the value as it is. With several lines, or with a line feed at the end, which `kubectl create secret
   * --from-file` leaves there, no scrape of `monitoring` succeeds, and what is in the Secret nobody knows at synth. So make
   * a single key by `--from-literal`, or give one of several by itself: `Monitoring.prometheus({ apiKey })`.
   *
   * @default - whoever can reach it may ask it
   */
  readonly apiKey?: SecretValue;

  /**
   * By what it computes on the accelerator, which chooses the image: `LlamaBackend.VULKAN` for GPUs of AMD and Intel
   * that ROCm or SYCL does not know, and any for `Accelerator.custom`. Not with `image`.
   *
   * @default - that of the accelerator's vendor: CUDA, ROCm, or SYCL for Intel; none without an accelerator
   */
  readonly backend?: LlamaBackend;

  /**
   * The image. One of llama.cpp's own has to be for the accelerator, or for CPUs without one.
   *
   * @default - llama.cpp's own of v0.4.1, for the accelerator and `backend`
   */
  readonly image?: string;

  /**
   * The version of llama.cpp in the image: `b6500` or `v0.4.1`. Not another than the tag says.
   *
   * @default - what the image's tag says
   */
  readonly version?: string;

  /**
   * Further arguments, each by itself: `['--rope-scaling', 'yarn']`. Checked against the flags of the version. What they
   * write must be in /tmp, which has 1 GiB and ends with the pod.
   *
   * @default - none
   */
  readonly extraArgs?: string[];
}
