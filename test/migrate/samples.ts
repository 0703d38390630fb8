/** A resource of each kind with all of its fields, for the test of docs/migrate.md. */
import { COMMIT, Document, SHA256 } from '../support/migrations';

/** A resource in its files, and what its fields can be besides. */
export interface Sample {
  /** The files' documents. */
  readonly documents: readonly Document[];
  /** Which of them it is. */
  readonly index: number;
  /**
   * Other values of fields, by the rows of the table; without one, the field is taken away. `undefined` says that
   * nothing can be made then.
   */
  readonly others?: Readonly<Record<string, unknown>>;
  /** Values of fields that are refused, or of those that are checked. */
  readonly refused?: Readonly<Record<string, unknown>>;
}

const metadata = (name: string, more: Document = {}) => ({ name, namespace: 'llm', ...more });

const IMAGE = 'registry.example.com/dllama:v0.16.4';

const model = {
  apiVersion: 'koldun.gorizond.io/v1',
  kind: 'Model',
  metadata: metadata('qwen'),
  spec: {
    sourceUrl: 'https://huggingface.co/Qwen/Qwen3-1.7B',
    localPath: 's3://source/Qwen',
    objectStorage: {
      endpoint: 'http://minio.minio.svc:9000',
      secretRef: { name: 'minio', namespace: 'other' },
      bucketForSource: 'source',
      bucketForConvert: 'converted',
    },
    pipProxy: 'http://proxy.example.com:4001',
    launchOptions: ['--fast'],
    download: {
      image: 'python:3.12',
      huggingFaceTokenSecretRef: { name: 'hf', namespace: 'other' },
      chunkMaxMiB: 256,
      concurrency: 6,
      memory: '2Gi',
    },
    conversion: {
      image: 'python:3.12',
      weightsFloatType: 'f32',
      outputPath: 's3://elsewhere/q',
      memory: '8Gi',
      rcloneImage: 'rclone:1',
      toolsImage: 'alpine:3.18',
      converterVersion: 'v0.16.3',
    },
    pv: {
      storageClassName: 'bucket',
      capacity: '20Gi',
      accessModes: ['ReadWriteMany'],
      reclaimPolicy: 'Delete',
      csiDriver: 's3.example.com',
      csiMounter: 'geesefs',
      csiOptions: '--memory-limit 1000',
      volumeAttributes: { region: 'here' },
      csiSecretName: 'csi',
      csiSecretNamespace: 'csi-system',
      pvcStorageClassName: '',
      pvcCapacity: '10Gi',
      pvcAccessModes: ['ReadOnlyMany'],
    },
  },
};

/** Without what depends on its own, so that it can be taken for another's. */
const plainModel = {
  ...model,
  spec: { ...model.spec, conversion: {}, download: undefined, pv: undefined },
};

const CACHE = {
  'spec.cacheSpec.endpoint': 'http://other',
  'spec.cacheSpec.bucket': 'other',
  'spec.cacheSpec.secretRef.name': 'other',
};

const root = {
  apiVersion: 'koldun.gorizond.io/v1',
  kind: 'Root',
  metadata: metadata('chat'),
  spec: {
    modelRef: 'qwen',
    image: IMAGE,
    args: ['--max-seq-len', '1024', '--role', 'root'],
    cacheSpec: {
      endpoint: 'http://cache',
      bucket: 'cache',
      secretRef: { name: 'cache', namespace: 'other' },
    },
    workerSelector: { pool: 'mine' },
  },
};

const worker = {
  apiVersion: 'koldun.gorizond.io/v1',
  kind: 'Worker',
  metadata: metadata('chat-0', { labels: { pool: 'mine' } }),
  spec: {
    modelRef: 'another',
    image: 'registry.example.com/dllama:v0.16.5',
    args: ['--net-turbo', '0'],
    cacheSpec: root.spec.cacheSpec,
    rootRef: 'chat',
    slot: 0,
  },
};

const dynamoModel = {
  apiVersion: 'nvidia.com/v1alpha1',
  kind: 'DynamoModel',
  metadata: metadata('llama'),
  spec: {
    name: 'meta-llama/Llama-3.3-70B-Instruct',
    version: COMMIT,
    sourceURL: 'hf://meta-llama/Llama-3.3-70B-Instruct',
    secretRef: 'hf',
    pvc: {
      create: true,
      name: 'models',
      storageClass: 'nfs',
      size: '200Gi',
      volumeAccessMode: 'ReadWriteMany',
    },
  },
};

const graph = {
  apiVersion: 'nvidia.com/v1alpha1',
  kind: 'DynamoGraphDeployment',
  metadata: metadata('graph'),
  spec: {
    services: {
      Worker: {
        modelRef: 'llama',
        replicas: 2,
        componentType: 'worker',
        subComponentType: 'decode',
        dynamoNamespace: 'dynamo',
        envFromSecret: 'hf',
        resources: {
          requests: { cpu: '4', memory: '32Gi', gpu: '2' },
          limits: { cpu: '8', memory: '64Gi', gpu: '4' },
        },
        extraPodSpec: { mainContainer: { image: 'x' } },
      },
    },
  },
};

const item = (type: string, name: string, block: Document) => ({ type, name, [type]: block });

const cachePlan = {
  apiVersion: 'canhazgpu.dev/v1alpha1',
  kind: 'CachePlan',
  metadata: { name: 'default' },
  spec: {
    items: [
      {
        ...item('gitRepo', 'vllm', {
          url: 'https://github.com/vllm-project/vllm.git',
          commit: COMMIT,
          pathName: 'vllm',
          syncStrategy: 'merge',
        }),
        scope: 'nodeSelector',
        nodeSelector: { gpu: 'true' },
      },
      item('image', 'cuda', { ref: 'nvidia/cuda:12.1' }),
      item('models', 'opt', { repoId: 'facebook/opt-125m', revision: COMMIT, cache: 'blobs' }),
    ],
  },
};

const claim = (request: Document, annotations: Document = {}) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: metadata('run', {
    annotations: {
      'canhazgpu.dev/workload': 'vllm',
      'canhazgpu.dev/image-name': 'cuda',
      'canhazgpu.dev/repo-name': 'vllm',
      'canhazgpu.dev/cmd': 'python bench.py',
      'canhazgpu.dev/prefer-node': 'worker-1',
      'canhazgpu.dev/port': '8000',
      ...annotations,
    },
  }),
  spec: { devices: { requests: [{ name: 'gpus', ...request }] } },
});

const modelServe = (spec: Document) => ({
  apiVersion: 'model.example.com/v1alpha1',
  kind: 'ModelServe',
  metadata: metadata('model-qwen'),
  spec: { modelName: 'Qwen.gguf', ...spec },
});

const job = {
  apiVersion: 'ai.re-cinq.com/v1',
  kind: 'Job',
  metadata: metadata('tune'),
  spec: {
    image: 'registry.example.com/torchtune:v0.6.1',
    model: 'Qwen/Qwen3-1.7B',
    runtimeClassName: 'nvidia-cdi',
    diskSize: 60,
    storageClassName: 'fast',
    accessModes: ['ReadWriteMany'],
    command: ['tune', 'run', 'lora_finetune_single_device', '--config', 'qwen2_5/0.5B_lora_single_device'],
    huggingFaceSecret: 'hf',
  },
};

/** What the cluster writes, and what people add to any resource. */
const everything = {
  ...model,
  metadata: metadata('qwen', {
    labels: { team: 'a' },
    annotations: {
      'koldun.gorizond.io/ttl-seconds': '1',
      'koldun.gorizond.io/force-size-rerun': '1',
      'koldun.gorizond.io/model-generation': '1',
      'koldun.gorizond.io/slot': '1',
      'koldun.gorizond.io/job-deleted-at': 'then',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      note: 'mine',
    },
    uid: '1',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2025-01-01T00:00:00Z',
    deletionTimestamp: '2025-01-01T00:00:00Z',
    deletionGracePeriodSeconds: 1,
    selfLink: '/x',
    managedFields: [{}],
    ownerReferences: [{}],
    finalizers: ['x'],
  }),
};

/** Another version of the API, and another kind of it. */
const not = (group: string) => ({ apiVersion: `${group}/v0`, kind: 'Modle' });

/** By the schema. A row is tried with each sample in which its field is. */
export const SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'metadata.json': [
    {
      documents: [everything],
      index: 0,
      others: { 'metadata.name': 'other', 'metadata.namespace': 'other' },
    },
    {
      documents: [cachePlan, claim({ count: 1 })],
      index: 1,
      others: {
        'metadata.name': 'other',
        'metadata.namespace': 'other',
        'metadata.annotations["canhazgpu.dev/image-name"]': 'another',
        'metadata.annotations["canhazgpu.dev/cmd"]': 'python other.py',
      },
      refused: {
        'metadata.annotations["canhazgpu.dev/workload"]': 'other',
        'metadata.annotations["k8shazgpu.com/pod-spec"]': '{}',
      },
    },
    {
      documents: [claim({ count: 1 }, { 'canhazgpu.dev/diff-configmap': 'run-vllm-diffs' })],
      index: 0,
      others: {
        'metadata.name': 'other',
        'metadata.namespace': 'other',
        'metadata.annotations["canhazgpu.dev/diff-configmap"]': 'other-vllm-diffs',
        'metadata.annotations["canhazgpu.dev/cmd"]': 'python other.py',
      },
    },
  ],
  'koldun-model.json': [
    {
      documents: [{ ...model, status: {} }],
      index: 0,
      others: {
        'spec.sourceUrl': 'https://huggingface.co/Qwen/Qwen3-4B',
        'spec.localPath': 's3://source/Other',
        'spec.objectStorage.endpoint': 'http://other:9000',
        'spec.objectStorage.secretRef.name': 'other',
        'spec.objectStorage.bucketForSource': 'other',
        'spec.objectStorage.bucketForConvert': 'other',
        'spec.download.huggingFaceTokenSecretRef.name': 'other',
      },
      refused: {
        ...not('koldun.gorizond.io'),
        'spec.download.command': ['sh'],
        'spec.download.args': ['-x'],
        'spec.conversion.command': ['sh'],
        'spec.conversion.args': ['-x'],
      },
    },
    // Where outputPath does not win over it.
    {
      documents: [plainModel],
      index: 0,
      others: { 'spec.objectStorage.bucketForConvert': 'other' },
    },
  ],
  'koldun-dllama.json': [
    {
      documents: [
        plainModel,
        { ...plainModel, metadata: { name: 'qwen', namespace: 'other' } },
        { ...plainModel, metadata: metadata('qwen2') },
        {
          apiVersion: 'koldun.gorizond.io/v1',
          kind: 'Dllama',
          metadata: metadata('chat'),
          spec: {
            modelRef: { apiGroup: 'koldun.gorizond.io', kind: 'Model', name: 'qwen', namespace: 'llm' },
            replicaPower: 2,
            rootImage: IMAGE,
            workerImage: 'registry.example.com/other:v0.16.4',
          },
          status: {},
        },
      ],
      index: 3,
      others: {
        'spec.modelRef.name': 'qwen2',
        'spec.modelRef.namespace': 'other',
        'spec.replicaPower': 3,
        'spec.rootImage': 'registry.example.com/dllama:v0.16.5',
        'spec.workerImage': IMAGE,
      },
      refused: {
        ...not('koldun.gorizond.io'),
        'spec.modelRef.apiGroup': 'apps',
        'spec.modelRef.kind': 'Modle',
      },
    },
  ],
  'koldun-root.json': [
    {
      documents: [
        plainModel,
        { ...plainModel, metadata: metadata('qwen2') },
        { ...root, status: {} },
        { ...worker, spec: { ...worker.spec, rootRef: 'chat2' } },
        { ...root, metadata: metadata('chat2'), spec: { modelRef: 'qwen', image: IMAGE } },
      ],
      index: 2,
      others: {
        'spec.modelRef': 'qwen2-s3-output-pvc',
        'spec.image': 'registry.example.com/dllama:v0.16.5',
        ...CACHE,
      },
      refused: not('koldun.gorizond.io'),
    },
  ],
  'koldun-worker.json': [
    {
      documents: [
        plainModel,
        { ...root, spec: { ...root.spec, workerSelector: undefined } },
        { ...root, metadata: metadata('chat2'), spec: { modelRef: 'qwen', image: IMAGE } },
        { ...worker, status: {} },
      ],
      index: 3,
      others: { 'spec.modelRef': 'qwen', 'spec.image': IMAGE, 'spec.rootRef': 'chat2', ...CACHE },
      refused: { ...not('koldun.gorizond.io'), 'spec.slot': 5 },
    },
  ],
  'ai-operator-job.json': [
    {
      documents: [{ ...job, status: {} }],
      index: 0,
      others: { 'spec.huggingFaceSecret': 'other' },
      refused: not('ai.re-cinq.com'),
    },
  ],
  'dynamo-model.json': [
    {
      documents: [{ ...dynamoModel, status: {} }, graph],
      index: 0,
      others: {
        'spec.name': 'llama',
        'spec.sourceURL': 'hf://meta-llama/Llama-3.1-70B-Instruct',
        'spec.pvc.create': false,
        'spec.pvc.size': '300Gi',
        'spec.pvc.volumeAccessMode': 'ReadWriteOnce',
      },
      refused: not('nvidia.com'),
    },
    {
      documents: [
        {
          ...dynamoModel,
          spec: {
            ...dynamoModel.spec,
            sourceURL: 'custom://x/y',
            secretRef: undefined,
            downloaderRef: 'mlflow',
          },
        },
      ],
      index: 0,
      others: {
        'spec.name': 'other',
        'spec.downloaderRef': undefined,
        'spec.sourceURL': 'custom://x/z',
        'spec.pvc.size': '300Gi',
        'spec.pvc.create': false,
      },
    },
  ],
  'dynamo-graph-deployment.json': [
    {
      documents: [dynamoModel, { ...dynamoModel, metadata: metadata('llama2') }, { ...graph, status: {} }],
      index: 2,
      others: { 'spec.services.*.modelRef': 'llama2' },
      refused: not('nvidia.com'),
    },
  ],
  'cache-plan.json': [
    {
      documents: [{ ...cachePlan, status: {} }],
      index: 0,
      others: {
        'spec.items[].type': 'hfModel',
        'spec.items[].name': 'other',
        'spec.items[].scope': 'allNodes',
        'spec.items[].nodeSelector': { gpu: 'false' },
        'spec.items[].image.ref': 'nvidia/cuda:12.2',
        'spec.items[].gitRepo.url': 'https://github.com/other/vllm.git',
        'spec.items[].gitRepo.pathName': 'other',
        'spec.items[].models.repoId': 'facebook/opt-350m',
      },
      refused: not('canhazgpu.dev'),
    },
    {
      documents: [
        {
          ...cachePlan,
          spec: {
            items: [
              item('gitRepo', 'vllm', { url: 'https://a.example/b', branch: 'main', pathName: 'b' }),
              item('image', 'cuda', { ref: 'nvidia/cuda:12.1' }),
            ],
          },
        },
      ],
      index: 0,
      others: {
        'spec.items[].name': 'other',
        'spec.items[].gitRepo.url': 'https://c.example/b',
        'spec.items[].gitRepo.branch': 'other',
        'spec.items[].gitRepo.pathName': 'other',
      },
    },
  ],
  'vllm-claim.json': [
    {
      documents: [
        cachePlan,
        {
          ...claim({ deviceClassName: 'canhazgpu.class', allocationMode: 'ExactCount', count: 2 }),
          status: {},
        },
      ],
      index: 1,
      others: { 'spec.devices.requests[].name': 'other' },
      refused: {
        apiVersion: 'resource.k8s.io/v0',
        kind: 'ResourceClam',
        'spec.devices.requests[].allocationMode': 'All',
      },
    },
    {
      documents: [
        cachePlan,
        claim({ exactly: { deviceClassName: 'canhazgpu.class', allocationMode: 'ExactCount', count: 2 } }),
      ],
      index: 1,
      others: { 'spec.devices.requests[].name': 'other' },
      refused: { 'spec.devices.requests[].exactly.allocationMode': 'All' },
    },
  ],
  'model-serve.json': [
    {
      documents: [
        {
          ...modelServe({
            modelUrl: 'https://models.example.com/Qwen.gguf',
            image: 'ghcr.io/ggerganov/llama.cpp:server-gpu',
            replicas: 2,
            modelUuid: 'x',
          }),
          status: {},
        },
      ],
      index: 0,
      others: { 'spec.modelName': 'Other.gguf', 'spec.modelUrl': 'https://models.example.com/Other.gguf' },
      refused: not('model.example.com'),
    },
    {
      documents: [
        modelServe({
          minioPath: `models/${SHA256}/Qwen.gguf`,
          minioEndpoint: 'other:9000',
          minioBucket: 'other',
          runtimeParams: '-c 4096 --no-mmap',
          memoryLimit: 2048,
          cpuLimit: 1000,
        }),
      ],
      index: 0,
      others: { 'spec.minioPath': 'models/Other.gguf' },
    },
  ],
};
