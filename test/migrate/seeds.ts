/** The examples of the five systems' own documents, and what one has to answer for each. */
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface Seed {
  readonly name: string;
  readonly yaml: string;
  /** By the end of the question's name: `revision`. */
  readonly answers: Readonly<Record<string, string>>;
}

const COMMIT = '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e';
const SHA256 = 'a'.repeat(64);

/** Configurations of models, which the answers name by their files. */
const LLAMA_70B = {
  architectures: ['LlamaForCausalLM'],
  ...{ hidden_size: 8192, intermediate_size: 28672, num_hidden_layers: 80, vocab_size: 128256 },
  ...{ num_attention_heads: 64, num_key_value_heads: 8, head_dim: 128, max_position_embeddings: 131072 },
  ...{ model_type: 'llama', torch_dtype: 'bfloat16', tie_word_embeddings: false },
};
const QWEN_05B = {
  architectures: ['Qwen2ForCausalLM'],
  ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, vocab_size: 151936 },
  ...{ num_attention_heads: 14, num_key_value_heads: 2, max_position_embeddings: 32768 },
  ...{ model_type: 'qwen2', torch_dtype: 'bfloat16', tie_word_embeddings: true },
};

const KOLDUN = `apiVersion: koldun.gorizond.io/v1
kind: Model
metadata:
  name: hf-convert-script
  namespace: default
spec:
  sourceUrl: https://huggingface.co/Qwen/Qwen3-1.7B
  localPath: s3://my-bucket-model/Qwen/Qwen3-1.7B
  objectStorage:
    endpoint: http://192.168.205.2:32090
    secretRef:
      name: minio-creds
    bucketForSource: my-bucket-model
    bucketForConvert: my-bucket-convert
  pipProxy: http://192.168.205.2:4001
  download:
    memory: "2Gi"
    chunkMaxMiB: 256
    concurrency: 6
    image: python:3.11
    huggingFaceTokenSecretRef:
      name: my-hf
  conversion:
    weightsFloatType: q80
    outputPath: s3://my-bucket-convert
    converterVersion: v0.16.2
    image: python:3.11
    toolsImage: alpine:3.18
    memory: "8Gi"
---
apiVersion: koldun.gorizond.io/v1
kind: Dllama
metadata:
  name: hf-convert-script-topology
  namespace: default
spec:
  modelRef:
    kind: Model
    name: hf-convert-script
  replicaPower: 2
  rootImage: ghcr.io/gorizond/koldun:v0.0.1
  workerImage: ghcr.io/gorizond/koldun:v0.0.1
`;

const VOLUME = `  pv:
    storageClassName: csi-s3
    capacity: 10Gi
    accessModes: [ReadWriteMany]
    reclaimPolicy: Retain
    csiDriver: ru.yandex.s3.csi
    csiMounter: geesefs
    csiOptions: --memory-limit 1000 --dir-mode 0777 --file-mode 0666
    csiSecretName: csi-s3-secret
    csiSecretNamespace: kube-system
    pvcStorageClassName: ""
    pvcCapacity: 10Gi
    pvcAccessModes: [ReadWriteMany]
`;

const AI_OPERATOR = `apiVersion: ai.re-cinq.com/v1
kind: Job
metadata:
  name: finetune-job
spec:
  runtimeClassName: "nvidia"
  image: "silentehrec/torchtune:latest"
  model: "Qwen/Qwen2.5-0.5B-Instruct"
  diskSize: 50
  command:
    - "tune"
    - "run"
    - "full_finetune_single_device"
    - "-r=3"
    - "--config"
    - "qwen2_5/0.5B_full_single_device"
  huggingFaceSecret: "hf-token"
`;

const dynamoModel = (sourceURL: string) => `apiVersion: nvidia.com/v1alpha1
kind: DynamoModel
metadata:
  name: llama-3-70b-instruct-v1
  namespace: your-namespace
spec:
  name: meta-llama/Llama-3.3-70B-Instruct
  version: abcd12345
  sourceURL: ${sourceURL}
  secretRef: model-secret
  pvc:
    create: true
    storageClass: your-storage-class
    size: 200Gi
    volumeAccessMode: ReadWriteMany
`;

const DYNAMO_GRAPH = `---
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata:
  name: vllm-disagg
  namespace: your-namespace
spec:
  services:
    VllmDecodeWorker:
      modelRef: llama-3-70b-instruct-v1
      replicas: 2
`;

const DYNAMO_EXISTING = `apiVersion: nvidia.com/v1alpha1
kind: DynamoModel
metadata:
  name: existing-model
spec:
  name: my-org/my-model
  sourceURL: hf://my-org/my-model
  pvc:
    create: false
    name: existing-model-pvc
`;

const DYNAMO_CUSTOM = `apiVersion: nvidia.com/v1alpha1
kind: DynamoModel
metadata:
  name: custom-model
spec:
  name: my-org/custom-model
  sourceURL: custom://my-internal-registry/model
  downloaderRef: mlflow-downloader
  pvc:
    create: true
    storageClass: fast-ssd
    size: 500Gi
`;

const MODEL_SERVE = `apiVersion: model.example.com/v1alpha1
kind: ModelServe
metadata:
  name: model-qwen
  namespace: default
spec:
  modelName: Qwen.gguf
  modelUrl: https://example.com/models/Qwen.gguf
  image: ghcr.io/ggml-org/llama.cpp:server-b6500
  replicas: 2
`;

const CACHE_PLAN = `apiVersion: canhazgpu.dev/v1alpha1
kind: CachePlan
metadata:
  name: default
spec:
  items:
    - type: image
      name: vllm-pinned
      image:
        ref: docker.io/vllm/vllm-openai:v0.11.0
    - type: gitRepo
      name: vllm
      gitRepo:
        url: https://github.com/vllm-project/vllm
        branch: main
        pathName: vllm
    - type: models
      name: qwen
      scope: nodeSelector
      nodeSelector:
        gpu: a100
      models:
        repoId: Qwen/Qwen3-0.6B
        revision: main
`;

const VLLM_CLAIM = `---
apiVersion: resource.k8s.io/v1beta1
kind: ResourceClaim
metadata:
  name: k8shazgpu-vllm-1
  namespace: default
  annotations:
    canhazgpu.dev/workload: vllm
    canhazgpu.dev/image-name: vllm-pinned
    canhazgpu.dev/cmd: vllm serve Qwen/Qwen3-0.6B --port 8000
    canhazgpu.dev/port: "8000"
spec:
  devices:
    requests:
      - name: gpu-request
        deviceClassName: canhazgpu.class
        allocationMode: ExactCount
        count: 1
`;

/**
 * All of them.
 *
 * @param folder gets the configurations of models
 */
export function seeds(folder: string): Seed[] {
  const config = (name: string, content: object) => {
    const file = path.join(folder, name);
    fs.writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const llama = config('llama.json', LLAMA_70B);
  const koldun = { revision: COMMIT, image: 'registry.example.com/dllama:v0.16.4' };
  return [
    { name: 'koldun', yaml: KOLDUN, answers: koldun },
    { name: 'koldun-volume', yaml: KOLDUN.replace('---\n', `${VOLUME}---\n`), answers: koldun },
    {
      name: 'ai-operator',
      yaml: AI_OPERATOR,
      answers: {
        revision: COMMIT,
        config: config('qwen.json', QWEN_05B),
        image: `registry.example.com/torchtune:0.6@sha256:${SHA256}`,
        dataset: `yahma/alpaca-cleaned@${COMMIT}`,
      },
    },
    {
      name: 'dynamo-graph',
      yaml: dynamoModel('hf://meta-llama/Llama-3.3-70B-Instruct') + DYNAMO_GRAPH,
      answers: { revision: COMMIT, gpus: '8' },
    },
    { name: 'dynamo-s3', yaml: dynamoModel('s3://my-bucket/models/llama-70b'), answers: { sha256: SHA256 } },
    { name: 'dynamo-ngc', yaml: dynamoModel('ngc://nvidia/llama-70b'), answers: {} },
    {
      name: 'dynamo-https',
      yaml: dynamoModel('https://example.com/models/model.tar.gz'),
      answers: { sha256: SHA256 },
    },
    { name: 'dynamo-existing', yaml: DYNAMO_EXISTING, answers: { revision: COMMIT, config: llama } },
    {
      name: 'dynamo-custom',
      yaml: DYNAMO_CUSTOM,
      answers: {
        image: 'registry.example.com/mlflow:2.9',
        command: '["mlflow", "artifacts", "download", "-d", "$(MODEL_DIR)"]',
        version: '3',
      },
    },
    { name: 'model-serve', yaml: MODEL_SERVE, answers: { size: '399Mi', sha256: SHA256, memory: '2Gi' } },
    {
      name: 'k8shazgpu',
      yaml: CACHE_PLAN + VLLM_CLAIM,
      answers: { commit: COMMIT, revision: COMMIT, size: '500Gi' },
    },
  ];
}
