// The whole: an assistant for a support desk, trained on tickets by sixteen GPUs of two nodes, and served by three engines;
// beside it a larger model on two nodes, which judges answers, and is kept on the disks of its nodes. Those that ask for a
// key are behind one gateway, each with a path of its own.
//
//   Qwen3-8B, tickets, conversations -> training -+-> vLLM on GPUs: as many copies as there are requests for
//                                                 +-> GGUF -> llama-server on CPUs: started by the first request
//                                                 +-> q40 -> distributed-llama on four small nodes
//   Qwen3-32B -> node cache ----------------------+-> vLLM on two nodes of four GPUs
//
// The cluster must have: 2 nodes of 8 NVIDIA H100 with InfiniBand; 4 NVIDIA L4; 2 nodes of 4 of them, with the folder
// /var/lib/models and the taint that platform.ts has; a storage class for ReadWriteMany; a namespace `support` of the level
// `privileged` of Pod Security, for that folder; the bucket of the tickets; the images of the training script and of
// distributed-llama; Gateway API with the Gateway `llm`, KEDA with its HTTP add-on, and the Prometheus operator. All
// Secrets are listed in dist/README.md.
import { Duration, Size } from 'cdk8s';
import { Secret, SecretValue } from 'cdk8s-plus-28';
import {
  Artifact,
  DllamaConversion,
  DllamaTopology,
  FineTune,
  FineTunePreset,
  FineTuneResult,
  GgufConversion,
  GgufType,
  KedaTrigger,
  LlamaServer,
  ModelCache,
  ModelSource,
  ModelStore,
  NodeCache,
  PhasedApp,
  Pipeline,
  Route,
  Scaling,
  SmokeTest,
  VllmServer,
} from 'cdk8s-llm';
import {
  DLLAMA_IMAGE,
  FOUR_L4,
  GATEWAY,
  H100,
  L4,
  MINIO,
  MONITORING,
  PROMETHEUS,
  SHARED,
  TRAINER_IMAGE,
} from './platform';

export function supportDesk(app: PhasedApp): void {
  const support = app.pipeline('support', { namespace: 'support' });
  const secret = Secret.fromSecretName(support, 'api-key', 'support-api-keys');
  const assistant = train(support);
  serveAssistant(support, assistant, { secret, key: 'assistant' });
  serveJudge(support, { secret, key: 'judge' });
}

/** All weights of Qwen3-8B, on tickets, and on other conversations so that it does not forget how to have one. */
function train({ download, tune }: Pipeline): Artifact {
  const store = ModelStore.claim({ size: Size.gibibytes(400), accessModes: SHARED });

  const weights = new ModelCache(download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-8B', {
      revision: 'b968826d9c46dd6066d109eabc6255188de91218',
    }),
    store,
    licence: 'apache-2.0',
  });
  const tickets = new ModelCache(download, 'tickets', {
    source: ModelSource.s3({
      endpoint: MINIO,
      bucket: 'support',
      prefix: 'tickets/2026-10',
      credentialsSecret: Secret.fromSecretName(download, 'minio', 'minio-reader'),
      manifest: {
        path: 'SHA256SUMS',
        sha256: '9f2a6b1c0d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c',
      },
    }),
    store,
    licence: 'LicenseRef-internal',
  });
  const conversations = new ModelCache(download, 'conversations', {
    source: ModelSource.huggingFace('HuggingFaceH4/ultrachat_200k', {
      revision: '8049631c405ae6576f93f445c6b8166f76f5505a',
      dataset: true,
      include: ['data/train_sft-*'],
    }),
    store,
    licence: 'mit',
  });

  const assistant = new FineTune(tune, 'assistant', {
    model: weights.artifact,
    datasets: { tickets: tickets.artifact, conversations: conversations.artifact },
    image: TRAINER_IMAGE,
    preset: FineTunePreset.torchrun({
      script: '/app/train.py',
      args: [
        '--model=$(MODEL_DIR)',
        '--data=$(DATASET_TICKETS_DIR)',
        '--data=$(DATASET_CONVERSATIONS_DIR)',
        '--out=$(OUTPUT_DIR)',
      ],
      checkpoints: {
        folders: 'checkpoint-*',
        lastFile: 'trainer_state.json',
        args: ['--resume_from_checkpoint={}'],
      },
    }),
    name: 'support',
    result: FineTuneResult.FULL_WEIGHTS,
    accelerator: H100.times(8),
    nodes: 2,
    hyperparameters: { learning_rate: 1e-5, num_train_epochs: 2, save_steps: 200 },
    memory: Size.gibibytes(400), // each of eight processes reads the model into it before it divides it
    checkpointSpace: Size.gibibytes(250), // two: weights, their copy in float32, two moments of each
    deadline: Duration.hours(48),
  });
  return assistant.artifact;
}

/** Three servers of one model: for everybody, for what can wait, and for where there are no GPUs. */
function serveAssistant(
  { convert, serve, verify }: Pipeline,
  assistant: Artifact,
  apiKey: SecretValue,
): void {
  new VllmServer(serve, 'chat', {
    model: assistant,
    accelerator: L4,
    maxModelLen: 16384,
    apiKey,
    scaling: Scaling.keda({
      max: 4,
      prometheus: PROMETHEUS,
      triggers: [KedaTrigger.requestsWaiting(5)],
    }),
    routes: [Route.httpRoute({ ...GATEWAY, path: '/support' })],
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });

  const gguf = new GgufConversion(convert, 'gguf', { model: assistant, weights: GgufType.Q5_K_M });
  new LlamaServer(serve, 'batch', {
    model: gguf.artifact,
    contextSize: 8192,
    parallel: 4,
    cpu: '8',
    apiKey,
    scaling: Scaling.kedaHttp({ max: 1, concurrency: 4, cooldown: Duration.hours(1) }),
    routes: [Route.httpRoute({ ...GATEWAY, path: '/support-batch' })],
    monitoring: MONITORING,
  });

  // distributed-llama asks for no key, so it is for the pods of this namespace alone.
  const q40 = new DllamaConversion(convert, 'q40', { model: assistant });
  new DllamaTopology(serve, 'small-nodes', {
    model: q40.artifact,
    image: DLLAMA_IMAGE,
    replicaPower: 2,
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });

  new SmokeTest(verify, 'from-outside', {
    endpoint: 'https://llm.example.com/support/v1',
    model: 'support',
    apiKey,
    expect: 'Paris',
  });
}

/** Qwen3-32B with its layers divided between two nodes: 65 GB, which each node has on its disk. */
function serveJudge({ serve }: Pipeline, apiKey: SecretValue): void {
  const nodes = new NodeCache(serve, 'nodes', {
    placement: FOUR_L4.placement,
    path: '/var/lib/models',
    size: Size.gibibytes(200),
    images: [{ name: 'vllm', image: 'docker.io/vllm/vllm-openai:v0.26.0' }],
    models: [
      {
        name: 'qwen3-32b',
        source: ModelSource.huggingFace('Qwen/Qwen3-32B', {
          revision: '9216db5781bf21249d130ec9da846c4624c16137',
        }),
        licence: 'apache-2.0',
      },
    ],
  });
  new VllmServer(serve, 'judge', {
    model: nodes.artifact('qwen3-32b'),
    image: nodes.image('vllm').image,
    servedModelNames: ['qwen3-32b'],
    accelerator: FOUR_L4,
    nodes: 2,
    maxModelLen: 16384,
    readRate: Size.gibibytes(1), // NVMe
    apiKey,
    routes: [Route.httpRoute({ ...GATEWAY, path: '/judge' })],
    monitoring: MONITORING,
    smokeTest: { expect: 'Paris' },
  });
}
