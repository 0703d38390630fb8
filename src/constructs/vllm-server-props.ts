import type { Size } from 'cdk8s';
import type { IPersistentVolumeClaim, SecretValue } from 'cdk8s-plus-28';
import type { Artifact } from '../artifact/artifact';
import type { MultiNode } from '../serving/group';
import type { ServerProps } from '../serving/server-props';
import type { VllmCheckout } from './vllm-checkout';
import type { ChatTemplate } from './chat-template';
import type { KvTransfer } from './vllm-server-kv-transfer';
import type { SpeculativeDecoding } from './vllm-server-speculation';

/** The types that vLLM computes in. */
export enum VllmDtype {
  /** That of the model's files, where the devices have it. */
  AUTO = 'auto',
  /** bfloat16. */
  BFLOAT16 = 'bfloat16',
  /** float16, for devices without bfloat16 and for AWQ. */
  FLOAT16 = 'float16',
  /** float32. */
  FLOAT32 = 'float32',
}

/** A LoRA adapter that is served beside the model, under a name of its own. */
export interface LoraAdapterProps {
  /** What requests call it, as they call a model. */
  readonly name: string;

  /** Its files, as PEFT writes them. */
  readonly adapter: Artifact;
}

/**
 * A claim of yours that keeps what vLLM compiles at its first start: the next start is minutes shorter. On TPUs, where
 * that takes 20 to 30 minutes, it is worth having.
 */
export interface CompileCacheProps {
  /**
   * The claim, in the namespace of the server. Where the model is in a claim that one node alone can mount, this one is
   * one that binds on first use, or that is in the same zone or on the same node: no pod starts that cannot mount both.
   */
  readonly claim: IPersistentVolumeClaim;

  /**
   * A folder of the claim. Servers of one model, version and kind of device can share one.
   *
   * @default - the name of the server
   */
  readonly folder?: string;

  /**
   * Whether pods on several nodes can mount the claim (ReadWriteMany). Else there is one copy of the server, on one
   * node, and a new version starts when the old one has ended.
   *
   * @default false
   */
  readonly shared?: boolean;
}

/** What a `VllmServer` is told. */
export interface VllmServerProps extends ServerProps {
  /** The model: the artifact of a `ModelCache`, as on Hugging Face, or one GGUF file. */
  readonly model: Artifact;

  /**
   * The file of the model, for an artifact of GGUF files. vLLM reads one that is not split, until 0.23.
   *
   * @default - that which the artifact names
   */
  readonly modelFile?: string;

  /**
   * The image.
   *
   * @default - that of the vLLM project for the accelerator: docker.io/vllm/vllm-openai, -openai-cpu, -openai-rocm,
   * -openai-xpu or vllm-tpu, v0.26.0
   */
  readonly image?: string;

  /**
   * The checkout of vLLM that it runs from, in the image of the commit that the checkout goes off from. `version` says
   * whose flags that commit has: that of the release before it. Not with `image`.
   *
   * @default - the vLLM of the image
   */
  readonly checkout?: VllmCheckout;

  /**
   * The version of vLLM in the image, where its name and tag do not tell: `0.19.0`.
   *
   * @default - by the image's tag
   */
  readonly version?: string;

  /**
   * What requests call the model. Any of them; answers have the first.
   *
   * @default - the repository that the model is from: `org/name`
   */
  readonly servedModelNames?: string[];

  /**
   * Among how many devices each layer is divided. It divides the attention heads.
   *
   * @default - all devices of a pod that the other kinds of parallelism leave; 1 without devices
   */
  readonly tensorParallel?: number;

  /**
   * Into how many groups of layers the model is divided.
   *
   * @default - the number of nodes
   */
  readonly pipelineParallel?: number;

  /**
   * How many times the model is there within a copy of the server, with one queue.
   *
   * @default 1
   */
  readonly dataParallel?: number;

  /**
   * Whether the experts of a mixture are divided among the devices by experts, and not each of them.
   *
   * @default false
   */
  readonly expertParallel?: boolean;

  /**
   * On how many nodes a copy of the server is. The accelerator is that of each node. Needs vLLM 0.12.0 or newer.
   *
   * @default 1
   */
  readonly nodes?: number;

  /**
   * What runs the nodes of a copy.
   *
   * @default MultiNode.statefulSets()
   */
  readonly multiNode?: MultiNode;

  /**
   * The network device of the pods by which the nodes talk to each other: `eth0`, `net1`.
   *
   * @default - as NCCL and Gloo find it
   */
  readonly networkInterface?: string;

  /**
   * The longest context, in tokens. One such request must fit the key-value cache.
   *
   * @default - the model's own
   */
  readonly maxModelLen?: number;

  /**
   * The type of the weights and of what is computed.
   *
   * @default - that of the model's files
   */
  readonly dtype?: VllmDtype;

  /**
   * How the weights are quantized while they are loaded: `fp8`, `bitsandbytes`. A model that is quantized already says
   * so itself.
   *
   * @default - as the model's files say
   */
  readonly quantization?: string;

  /**
   * The type of the key-value cache: `fp8` halves it.
   *
   * @default - that of the model
   */
  readonly kvCacheDtype?: string;

  /**
   * The share of each device's memory that the server takes, above 0 and up to 1.
   *
   * @default - vLLM's own: 0.9 (0.92 since 0.20)
   */
  readonly gpuMemoryUtilization?: number;

  /**
   * Whether requests that begin alike share their key-value cache.
   *
   * @default - vLLM's own: true for models that can
   */
  readonly prefixCaching?: boolean;

  /**
   * Whether long prompts are read in parts, with answers of others in between. False needs vLLM 0.8.5 or newer.
   *
   * @default - vLLM's own: true for models that can
   */
  readonly chunkedPrefill?: boolean;

  /**
   * The most requests that are answered at a time.
   *
   * @default - vLLM's own, by the devices
   */
  readonly maxNumSeqs?: number;

  /**
   * The most tokens that are computed in a step.
   *
   * @default - vLLM's own, by the devices
   */
  readonly maxNumBatchedTokens?: number;

  /**
   * Whether nothing is compiled: a quicker start and slower answers.
   *
   * @default false
   */
  readonly enforceEager?: boolean;

  /**
   * LoRA adapters.
   *
   * @default - none
   */
  readonly adapters?: LoraAdapterProps[];

  /**
   * At least the largest rank of the adapters: 8, 16, 32, 64, 128, 256, 320 or 512.
   *
   * @default - vLLM's own: 16
   */
  readonly maxLoraRank?: number;

  /**
   * How many adapters can be used in one step.
   *
   * @default - all of `adapters`
   */
  readonly maxLoras?: number;

  /**
   * How tokens are guessed ahead.
   *
   * @default - not at all
   */
  readonly speculative?: SpeculativeDecoding;

  /**
   * How calls of tools are read from what the model says, and let the model decide when to call one: `hermes`,
   * `llama3_json`, `mistral`, or what `--tool-parser-plugin` adds.
   *
   * @default - tools are not called
   */
  readonly toolCallParser?: string;

  /**
   * How the reasoning of a model is told from its answer: `deepseek_r1`, `qwen3`.
   *
   * @default - they are not told apart
   */
  readonly reasoningParser?: string;

  /**
   * The template of conversations.
   *
   * @default - the tokenizer's own
   */
  readonly chatTemplate?: ChatTemplate;

  /**
   * The key that requests below `/v1` must bring as a bearer token. vLLM asks for it there, and below `/v2` and some
   * others, alone: `/invocations`, which answers as `/v1` does, `/tokenize`, `/metrics` and `/health` are open to whoever
   * reaches the server (docs/usage/security.md). A route from outside should lead to `/v1` alone.
   *
   * @default - none is asked for
   */
  readonly apiKey?: SecretValue;

  /**
   * Where the key-value cache goes besides the devices: to another server, or to the memory of the node.
   *
   * @default - nowhere
   */
  readonly kvTransfer?: KvTransfer;

  /**
   * Whether Python code that came with the model may run in the server. Read it before.
   *
   * @default false
   */
  readonly trustRemoteCode?: boolean;

  /**
   * Whether requests are logged, with prompts.
   *
   * @default false
   */
  readonly logRequests?: boolean;

  /**
   * A claim that keeps what is compiled at a start.
   *
   * @default - each pod compiles for itself
   */
  readonly compileCache?: CompileCacheProps;

  /**
   * Memory that the processes of a pod share (/dev/shm). It counts in the pod's memory.
   *
   * @default - 2 GiB where there are several processes (AMD 8 GiB, CPUs 4 GiB), else the runtime's 64 MiB
   */
  readonly sharedMemory?: Size;

  /**
   * The key-value cache of a server without devices, in whole gibibytes. It counts in the pod's memory.
   *
   * @default 4 GiB
   */
  readonly cpuKvCache?: Size;

  /**
   * How the threads of a server without devices are bound to CPUs: `nobind`, `auto` for nodes whose kubelet gives the
   * pod CPUs of its own, or a list such as `0-31`.
   *
   * @default 'nobind', with a thread for each CPU of the container; `auto` before vLLM 0.11.1
   */
  readonly cpuThreads?: string;

  /**
   * Further arguments, each by itself: `['--max-logprobs', '5']`. Those that the construct sets itself are refused, and
   * those by which the server asks others unless `reaches` says whom.
   *
   * @default - none
   */
  readonly extraArgs?: string[];
}
