import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  ArtifactFormat,
  DllamaConversion,
  FineTune,
  FineTunePreset,
  FineTuneProps,
  FineTuneResult,
  GgufConversion,
  LlamaServer,
  Mirror,
  ModelSource,
  NodeCache,
  PhasedApp,
  SourceProof,
  VllmServer,
} from '../../src';
import { dataset, fineTune, TRAINER_IMAGE } from '../support/fine-tunes';
import { cache, claim, downloaded, s3, sharedClaim, source, UNKNOWN } from '../support/models';
import {
  argument,
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  texts,
  the,
  Untyped,
  violationsOf,
} from '../support/objects';

/** The objects of a fine-tuning in a plain chart, with a model and a dataset before it. */
function made(props: Partial<FineTuneProps> = {}, { store = sharedClaim() } = {}) {
  const chart = plainChart();
  const model = props.model ?? downloaded(chart, { store });
  const train = dataset(chart, store);
  const tuned = fineTune(chart, { datasets: { train }, ...props, model });
  const objects = objectsOf(chart);
  const job = the(objects, 'Job', /-support-/);
  return { chart, model, train, artifact: tuned.artifact, objects, job, train_: container(job, 'train') };
}

const envOf = (of: Untyped) =>
  Object.fromEntries(
    (of.env as Untyped[]).map(({ name, value, valueFrom }) => [name, value ?? valueFrom]),
  ) as Record<string, Untyped>;

const keyOf = (props: Partial<FineTuneProps> = {}) => made(props).artifact.key;

test('makes a Job, a NetworkPolicy and its programs, which pass all checks', () => {
  const { objects } = made();
  expect(violationsOf(objects)).toBe('');
  const own = objects.filter((object) => object.metadata.labels?.['app.kubernetes.io/name'] === 'fine-tune');
  expect(own.map((object) => object.kind)).toEqual(['Job', 'NetworkPolicy', 'ConfigMap']);
});

test('is in the phase of tuning alone', () => {
  const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
  const model = downloaded(pipeline.download, { store: sharedClaim() });
  fineTune(pipeline.tune, { model });
  expect(() => fineTune(pipeline.convert, { model })).toThrow('pipeline.tune');
});

describe('the pod', () => {
  test('waits for model and dataset, trains in the image of the user, and publishes in ours', () => {
    const { job, model, train, artifact } = made();
    const { initContainers, containers, restartPolicy, terminationGracePeriodSeconds } = podSpec(job);
    expect(initContainers.map(({ name }: Untyped) => name)).toEqual(['await-model', 'train']);
    expect(containers.map(({ name }: Untyped) => name)).toEqual(['publish']);
    expect([restartPolicy, terminationGracePeriodSeconds]).toEqual(['Never', 120]);
    expect(argument(container(job, 'await-model'), 'key')).toEqual([model.key, train.key]);
    expect(container(job, 'train').image).toBe(TRAINER_IMAGE);
    expect(container(job, 'publish').image).toMatch(/^docker\.io\/library\/python:3/);
    expect(argument(container(job, 'publish'), 'parent')).toEqual([
      `model=${model.key}=/model`,
      `train=${train.key}=/datasets/train`,
    ]);
    expect(argument(container(job, 'publish'), 'key')).toEqual([artifact.key]);
  });

  test('runs the command as it stands, with paths by variables', () => {
    const command = ['python3', '/app/train.py', '--model=$(MODEL_DIR)', '--text=a; rm -rf / "$(id)"'];
    const { train_, artifact } = made({ command });
    const { args } = train_ as { args: string[] };
    expect(args.slice(args.indexOf('--') + 1)).toEqual(command);
    expect(train_.command).toEqual(['python3', '-u', '/opt/cdk8s-llm/tune.py']);
    expect(envOf(train_)).toMatchObject({
      MODEL_DIR: '/model',
      DATASET_TRAIN_DIR: '/datasets/train',
      OUTPUT_DIR: `/output/${artifact.path}/.artifact.parts/work`,
      NNODES: '1',
      NPROC_PER_NODE: '1',
      SEED: '42',
    });
  });

  test('reads model and dataset at the same paths whatever stores hold them, and cannot write to them', () => {
    const mounts = (of: Untyped) =>
      (of.volumeMounts as Untyped[])
        .filter(({ mountPath }) => /^\/(model|datasets|output)/.test(mountPath as string))
        .map(({ mountPath, readOnly = false, subPath }) => [mountPath, readOnly, subPath]);
    const one = made();
    expect(mounts(one.train_)).toEqual([
      ['/model', true, one.model.path],
      ['/datasets/train', true, one.train.path],
      ['/output', false, undefined],
    ]);
    const other = made({ store: sharedClaim({ name: 'results' }) });
    expect(mounts(other.train_)).toEqual(mounts(one.train_));
    expect(other.artifact.key).toBe(one.artifact.key);
    const names = (podSpec(other.job).volumes as Untyped[]).map(({ name }) => name as string);
    expect(names).toEqual(['models', 'output', 'scratch', 'shm', 'programs']);
  });

  test('can write nowhere but below /tmp, /dev/shm and the output, and all caches are there', () => {
    const { train_, job } = made({
      scratch: Size.gibibytes(50),
      sharedMemory: Size.gibibytes(8),
      cpuOnly: true,
      accelerator: undefined,
      memory: Size.gibibytes(64),
    });
    expect(train_.securityContext.readOnlyRootFilesystem).toBe(true);
    expect(train_.workingDir).toBe('/tmp');
    const env = envOf(train_);
    for (const name of [
      'HF_HOME',
      'XDG_CACHE_HOME',
      'TRITON_CACHE_DIR',
      'TORCHINDUCTOR_CACHE_DIR',
      'WANDB_DIR',
    ])
      expect(env[name]).toMatch(/^\/tmp\//);
    expect(env.USER).toBe('cdk8s-llm');
    expect(podSpec(job).volumes).toEqual(
      expect.arrayContaining([
        { name: 'scratch', emptyDir: { sizeLimit: '50Gi' } },
        { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '8Gi' } },
      ]),
    );
    expect(train_.resources.limits['ephemeral-storage']).toBe('51456Mi');
  });

  test('has its own disk in a claim of a class, where one is named', () => {
    const { train_, job, objects } = made({ scratch: Size.gibibytes(500), scratchStorageClass: 'fast' });
    expect(violationsOf(objects)).toBe('');
    const scratch = podSpec(job).volumes.find(({ name }: Untyped) => name === 'scratch');
    expect(scratch.ephemeral.volumeClaimTemplate.spec).toEqual({
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fast',
      resources: { requests: { storage: '500Gi' } },
    });
    expect(train_.resources.limits['ephemeral-storage']).toBe('256Mi');
    expect(() => made({ scratchStorageClass: 'Fast Disk' })).toThrow("'scratchStorageClass' is 'Fast Disk'");
  });

  test('has a deadline, a grace period and retries as it is told', () => {
    const { job } = made({
      deadline: Duration.hours(12),
      gracePeriod: Duration.minutes(10),
      backoffLimit: 2,
    });
    expect(job.spec).toMatchObject({ activeDeadlineSeconds: 43200, backoffLimit: 2 });
    expect(podSpec(job).terminationGracePeriodSeconds).toBe(600);
    expect(made().job.spec).not.toHaveProperty('activeDeadlineSeconds');
    expect(made().job.metadata.name).toBe(made({ deadline: Duration.hours(12) }).job.metadata.name);
  });

  test('says where the result is from, and of what it was made', () => {
    const { job, model, train, artifact } = made();
    expect(job.metadata.annotations).toMatchObject({
      'cdk8s-llm/artifact-key': artifact.key,
      'cdk8s-llm/needs-artifact': `${model.key} ${train.key}`,
      'cdk8s-llm/parents': `${model.path} ${train.path}`,
      'cdk8s-llm/repository': 'qwen3-1.7b-support',
      'cdk8s-llm/revision': artifact.key,
    });
    expect(job.metadata.annotations?.['cdk8s-llm/source']).toMatch(
      /^fine-tune of hf:\/\/Qwen\/Qwen3-1\.7B@\w{40} with hf:\/\/datasets\/acme\/tickets@\w{40}$/,
    );
  });
});

describe('devices', () => {
  test('are asked for, with their runtime class and where they are', () => {
    const accelerator = Accelerator.nvidia({ count: 4, product: 'NVIDIA-L4', runtimeClass: 'nvidia' });
    const { job, train_, objects } = made({ accelerator });
    expect(violationsOf(objects)).toBe('');
    expect(train_.resources.limits).toMatchObject({ 'nvidia.com/gpu': '4', cpu: '16' });
    expect(train_.resources.requests).toMatchObject({ 'nvidia.com/gpu': '4' });
    expect(podSpec(job)).toMatchObject({
      runtimeClassName: 'nvidia',
      nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-L4' },
    });
    expect(container(job, 'publish').resources.limits).not.toHaveProperty('nvidia.com/gpu');
    expect(envOf(train_).NPROC_PER_NODE).toBe('4');
  });

  test('by DRA are claimed by the pod and used by the trainer', () => {
    const app = new PhasedApp({ kubernetesVersion: '1.34' });
    const pipeline = app.pipeline('dra', { namespace: 'llm' });
    const weights = downloaded(pipeline.download, { store: sharedClaim() });
    fineTune(pipeline.tune, {
      model: weights,
      accelerator: Accelerator.dra({ deviceClass: 'gpu.nvidia.com', count: 2 }),
    });
    const objects = objectsOf(...pipeline._phases().map((phase) => phase.chart));
    expect(ofKind(objects, 'ResourceClaimTemplate')).toHaveLength(1);
    const job = the(objects, 'Job', /-support-/);
    expect(podSpec(job).resourceClaims).toHaveLength(1);
    expect(container(job, 'train').resources.claims).toEqual([{ name: 'devices' }]);
    expect(violationsOf(objects, '1.34')).toBe('');
  });

  test('must be chosen, or CPUs', () => {
    expect(() => made({ accelerator: undefined })).toThrow(
      /'accelerator' is nothing; allowed: an Accelerator, or cpuOnly: true/,
    );
    expect(() => made({ cpuOnly: true, accelerator: Accelerator.nvidia() })).toThrow(
      'nothing, as cpuOnly is true',
    );
    expect(() => made({ accelerator: 'nvidia' as unknown as Accelerator })).toThrow(
      "'accelerator' is 'a string'",
    );
    const { train_ } = made({ cpuOnly: true, accelerator: undefined });
    expect(Object.keys(train_.resources.limits as object).sort()).toEqual([
      'cpu',
      'ephemeral-storage',
      'memory',
    ]);
  });

  test('decide the number of processes; parts of GPUs are one process each', () => {
    const processes = (accelerator: Accelerator, more: Partial<FineTuneProps> = {}) =>
      envOf(made({ accelerator, ...more }).train_).NPROC_PER_NODE as string;
    expect(processes(Accelerator.nvidia({ count: 8 }))).toBe('8');
    expect(processes(Accelerator.nvidia({ count: 8 }), { processesPerNode: 1 })).toBe('1');
    expect(() => made({ processesPerNode: 2 })).toThrow('at most 1, one for each device');
  });
});

describe('memory', () => {
  test('follows from the model, the processes and /dev/shm', () => {
    const bytes = made().model.bytes!;
    const expected = Math.ceil((2 * bytes) / 2 ** 20) + (4 + 1) * 1024;
    expect(made().train_.resources.limits.memory).toBe(`${expected}Mi`);
  });

  test('is asked for where it cannot be known', () => {
    const chart = plainChart();
    const model = downloaded(chart, { source: source(UNKNOWN) });
    expect(() => fineTune(chart, { model })).toThrow('the size of the base model is not known');
    expect(() => made({ cpuOnly: true, accelerator: undefined, memory: undefined })).toThrow(
      /gradients.*The weights alone are/,
    );
    expect(() => made({ memory: Size.mebibytes(512) })).toThrow('more than the 1Gi of /dev/shm');
  });
});

describe('several nodes', () => {
  const nodes = { nodes: 2, accelerator: Accelerator.nvidia({ count: 8 }) };

  test('are the pods of an Indexed Job, which a headless Service names before they are ready', () => {
    const { job, objects, train_ } = made(nodes);
    expect(violationsOf(objects)).toBe('');
    expect(job.spec).toMatchObject({
      completionMode: 'Indexed',
      completions: 2,
      parallelism: 2,
      backoffLimit: 10,
    });
    const service = the(objects, 'Service');
    expect(service.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(podSpec(job).subdomain).toBe(service.metadata.name);
    expect(job.spec.template.metadata.labels).toMatchObject(service.spec.selector as object);
    const env = envOf(train_);
    expect(env.MASTER_ADDR).toBe(`$(JOB_NAME)-0.${service.metadata.name}.llm.svc`);
    expect(env.JOB_NAME).toEqual({
      fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-name']" },
    });
    expect(`${job.metadata.name}-0`.length).toBeLessThanOrEqual(63);
  });

  test('reach each other and nobody else', () => {
    const policy = the(made(nodes).objects, 'NetworkPolicy', /-train$/);
    const peers = [{ podSelector: { matchLabels: policy.spec.podSelector.matchLabels as object } }];
    expect(policy.spec.ingress).toEqual([{ from: peers }]);
    expect(policy.spec.egress.slice(1)).toEqual([{ to: peers }]);
  });

  test('need stores that all of them can mount', () => {
    expect(() => made(nodes, { store: claim() })).toThrow(
      /'nodes' is 2; allowed: 1, as one node at a time can mount claim/,
    );
    const chart = plainChart();
    const model = downloaded(chart, { store: sharedClaim() });
    expect(() => fineTune(chart, { ...nodes, model, store: s3(chart) })).toThrow(/'store' is 'a bucket'/);
  });

  test('read what a node cache keeps on each of them, and leave the result elsewhere', () => {
    const chart = plainChart();
    const kept = new NodeCache(chart, 'kept', {
      models: [{ name: 'qwen', source: source() }],
      path: '/var/lib/models',
      size: Size.gibibytes(100),
    });
    const model = kept.artifact('qwen');
    expect(() => fineTune(chart, { ...nodes, model }, 'there')).toThrow(
      /'store' is 'folder .* of a NodeCache'/,
    );
    const { artifact } = fineTune(chart, { ...nodes, model, store: sharedClaim() });
    expect(podSpec(the(objectsOf(chart), 'Job')).volumes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ hostPath: { path: '/var/lib/models', type: 'Directory' } }),
        expect.objectContaining({ persistentVolumeClaim: { claimName: 'models-support' } }),
      ]),
    );
    expect(artifact.provenance.source).toMatch(/^fine-tune of hf:\S+$/);
  });

  test('start a script of torchrun, a process for each device', () => {
    const preset = FineTunePreset.torchrun({ script: '/app/train.py', args: ['--out=$(OUTPUT_DIR)'] });
    const { train_ } = made({ ...nodes, preset, hyperparameters: { lr: 0.1, packing: true } });
    const { args } = train_ as { args: string[] };
    expect(args.slice(args.indexOf('--') + 1)).toEqual([
      'torchrun',
      '--nnodes=2',
      '--nproc_per_node=8',
      '--rdzv_backend=c10d',
      '--rdzv_endpoint=$(MASTER_ADDR):$(MASTER_PORT)',
      '--rdzv_id=models-support',
      '/app/train.py',
      '--out=$(OUTPUT_DIR)',
      '--lr=0.1',
      '--packing=True',
    ]);
  });
});

describe('the hub', () => {
  test('is not asked while it trains', () => {
    const { objects, train_ } = made();
    expect(envOf(train_)).toMatchObject({
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_OFFLINE: '1',
      HF_DATASETS_OFFLINE: '1',
    });
    const { egress, ingress } = the(objects, 'NetworkPolicy', /-train$/).spec;
    expect([ingress, egress]).toEqual([[], []]);
  });

  test('is asked where that is allowed, with a token by reference; nobody vouches for the result then', () => {
    const chart = plainChart();
    const hubTokenSecret = Secret.fromSecretName(chart, 'token', 'hf-reader');
    const { objects, train_, artifact, job } = made({ hubAccess: true, hubTokenSecret });
    expect(envOf(train_)).not.toHaveProperty('HF_HUB_OFFLINE');
    expect(envOf(train_).HF_TOKEN).toEqual({ secretKeyRef: { name: 'hf-reader', key: 'token' } });
    expect(the(objects, 'NetworkPolicy', /-train$/).spec.egress[1].ports).toEqual([
      { protocol: 'TCP', port: 443 },
    ]);
    expect(artifact.provenance.proof).toBe(SourceProof.NONE);
    expect(job.metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'hf-reader/token=the environment variable HF_TOKEN',
    );
    expect(() => made({ hubTokenSecret })).toThrow('nothing without hubAccess: true');
    const hubToken = { secret: hubTokenSecret, key: 'HF_TOKEN' };
    expect(envOf(made({ hubAccess: true, hubToken }).train_).HF_TOKEN).toEqual({
      secretKeyRef: { name: 'hf-reader', key: 'HF_TOKEN' },
    });
    expect(() => made({ hubToken })).toThrow(
      "'hubToken' is 'a Secret'; allowed: nothing without hubAccess: true",
    );
    expect(() => made({ hubAccess: true, hubToken, hubTokenSecret })).toThrow('nothing beside hubToken');
  });

  test('is its mirror where the app has one', () => {
    const app = new PhasedApp({
      mirror: new Mirror({
        addresses: { 'https://huggingface.co': 'https://hub.example.com:8443' },
        defaultRegistry: 'registry.example.com/{registry}',
      }),
    });
    const pipeline = app.pipeline('qwen', { namespace: 'llm' });
    fineTune(pipeline.tune, {
      model: downloaded(pipeline.download, { store: sharedClaim() }),
      hubAccess: true,
    });
    const objects = objectsOf(...pipeline._phases().map(({ chart }) => chart));
    const job = the(objects, 'Job', /-support-/);
    expect(envOf(container(job, 'train')).HF_ENDPOINT).toBe('https://hub.example.com:8443');
    const ports = the(objects, 'NetworkPolicy', /-train$/).spec.egress[1].ports as Untyped[];
    expect(ports.map(({ port }) => port as number)).toEqual([443, 8443]);
  });

  test('and other servers are separate: a port for wandb opens no hub', () => {
    const chart = plainChart();
    const secret = Secret.fromSecretName(chart, 'wandb', 'wandb');
    const { objects, train_, artifact } = made({
      egressPorts: [443],
      secretEnv: { WANDB_API_KEY: { secret, key: 'key' } },
    });
    expect(envOf(train_)).toMatchObject({
      HF_HUB_OFFLINE: '1',
      WANDB_API_KEY: { secretKeyRef: { name: 'wandb', key: 'key' } },
    });
    expect(the(objects, 'NetworkPolicy', /-train$/).spec.egress[1].ports).toEqual([
      { protocol: 'TCP', port: 443 },
    ]);
    expect(artifact.key).toBe(keyOf());
  });
});

describe('the key', () => {
  test.each<[string, Partial<FineTuneProps>]>([
    ['the image', { image: 'registry.example.com/trainer:1.1' }],
    ['the command', { command: ['python3', '/app/train.py', '--packing'] }],
    ['a hyperparameter', { hyperparameters: { learning_rate: 1e-4 } }],
    ['the seed', { seed: 7 }],
    ['the result', { result: FineTuneResult.LORA_ADAPTER }],
    ['the number of processes', { accelerator: Accelerator.nvidia({ count: 2 }) }],
    ['a variable', { env: { PACKING: '1' } }],
    ['access to the hub', { hubAccess: true }],
  ])('changes with %s', (_, props) => {
    expect(keyOf(props)).not.toBe(keyOf());
    expect(made(props).job.metadata.name).not.toBe(made().job.metadata.name);
  });

  test('changes with model and dataset', () => {
    const chart = plainChart();
    const store = sharedClaim();
    const [one, two] = [
      downloaded(chart, { store }),
      cache(chart, { store, source: source(UNKNOWN) }, 'b').artifact,
    ];
    const [a, b] = [dataset(chart, store, 'a'), dataset(chart, store, 'b-set')];
    const memory = Size.gibibytes(64);
    const keys = [
      { model: one, datasets: { train: a } },
      { model: two, datasets: { train: a } },
      { model: one, datasets: { train: b } },
      { model: one, datasets: { train: a, test: b } },
    ].map(
      (props, index) =>
        fineTune(chart, { ...props, memory } as Partial<FineTuneProps>, `t${index}`).artifact.key,
    );
    expect(new Set(keys).size).toBe(4);
  });

  test('does not change with what only decides where and how fast it runs', () => {
    const same: Partial<FineTuneProps>[] = [
      { cpu: '32' },
      { memory: Size.gibibytes(200) },
      { scratch: Size.gibibytes(100) },
      { attempt: 2 },
      { backoffLimit: 0 },
      { deadline: Duration.hours(1) },
      { accelerator: Accelerator.nvidia({ count: 1, product: 'NVIDIA-L4' }) },
      { store: sharedClaim({ name: 'elsewhere' }) },
    ];
    for (const props of same) expect(made(props).artifact.key).toBe(keyOf());
  });
});

describe('what others make of the result', () => {
  const adapter = { result: FineTuneResult.LORA_ADAPTER };

  test('full weights are converted and served as any model, under a name of their own', () => {
    const { chart, artifact } = made({});
    expect([artifact.format, artifact.facts?.layers]).toEqual([ArtifactFormat.HUGGING_FACE, 28]);
    new DllamaConversion(chart, 'dllama', { model: artifact });
    new GgufConversion(chart, 'gguf', { model: artifact });
    new VllmServer(chart, 'vllm', {
      model: artifact,
      accelerator: Accelerator.nvidia({ product: 'NVIDIA-L4' }),
    });
    const objects = objectsOf(chart);
    expect(violationsOf(objects)).toBe('');
    const names = texts(container(the(objects, 'Deployment'), 'vllm').args);
    expect(names).toContain('qwen3-1.7b-support');
    expect(names).not.toContain('Qwen/Qwen3-1.7B');
  });

  test('an adapter is an adapter of vLLM, and of llama.cpp by way of GGUF', () => {
    const { chart, artifact, model } = made(adapter);
    expect(artifact.format).toBe(ArtifactFormat.LORA);
    new VllmServer(chart, 'vllm', {
      model,
      adapters: [{ name: 'support', adapter: artifact }],
      accelerator: Accelerator.nvidia({ product: 'NVIDIA-L4' }),
    });
    const base = new GgufConversion(chart, 'gguf', { model }).artifact;
    const lora = new GgufConversion(chart, 'lora', { model: artifact, adapterOf: model }).artifact;
    new LlamaServer(chart, 'llama', {
      model: base,
      contextSize: 4096,
      adapters: [{ model: lora }],
      memory: Size.gibibytes(8),
    });
    const objects = objectsOf(chart);
    expect(violationsOf(objects)).toBe('');
    const vllm = container(the(objects, 'Deployment', /-vllm$/), 'vllm');
    expect(texts(vllm.args).join(' ')).toContain(artifact.path);
    const convert = container(the(objects, 'Job', /-lora-/), 'convert');
    expect(argument(convert, 'base-key')).toEqual([model.key]);
  });

  test('an adapter is no model', () => {
    const { chart, artifact } = made(adapter);
    const accelerator = Accelerator.nvidia({ product: 'NVIDIA-L4' });
    expect(
      () => new VllmServer(chart, 'a', { model: artifact, accelerator, memory: Size.gibibytes(9) }),
    ).toThrow("'model' is 'an adapter'");
    expect(() => new GgufConversion(chart, 'b', { model: artifact })).toThrow("'adapterOf' is nothing");
    expect(() => new DllamaConversion(chart, 'c', { model: artifact })).toThrow(
      "an artifact of format 'lora'",
    );
    expect(() => new LlamaServer(chart, 'd', { model: artifact, contextSize: 4096 })).toThrow(
      "an artifact of format 'lora'",
    );
    expect(() => fineTune(chart, { model: artifact }, 'e')).toThrow("an artifact of format 'lora'");
  });

  test('full weights are fine-tuned again: first by examples, then by preferences', () => {
    const { chart, artifact, model } = made({});
    const again = fineTune(chart, { model: artifact }, 'preferences');
    const job = the(objectsOf(chart), 'Job', /-preferences-/);
    expect(job.metadata.annotations?.['cdk8s-llm/parents']).toContain(model.path);
    expect(argument(container(job, 'await-model'), 'key')).toEqual([artifact.key]);
    expect(again.artifact.provenance.source).toMatch(/^fine-tune of fine-tune of hf:/);
  });
});

describe('the store', () => {
  test('that is a bucket is filled from a disk of the pod', () => {
    const chart = plainChart();
    const store = s3(chart);
    const model = downloaded(chart, { store: sharedClaim() });
    fineTune(chart, { model, store, checkpointSpace: Size.gibibytes(30) });
    const objects = objectsOf(chart);
    expect(violationsOf(objects)).toBe('');
    const job = the(objects, 'Job', /-support-/);
    const names = [...podSpec(job).initContainers, ...podSpec(job).containers].map(
      ({ name }: Untyped) => name as string,
    );
    expect(names).toEqual(['await-model', 'look', 'train', 'publish', 'upload']);
    expect(podSpec(job).volumes.find(({ name }: Untyped) => name === 'output')).toHaveProperty(
      'emptyDir.sizeLimit',
    );
    expect(() => {
      const other = plainChart();
      const unknown = downloaded(other, { source: source(UNKNOWN) });
      fineTune(other, { model: unknown, store: s3(other), memory: Size.gibibytes(64) });
    }).toThrow("'checkpointSpace' is nothing");
  });

  test('that is too small for checkpoints is refused before the first GPU hour', () => {
    const store = () => sharedClaim({ size: Size.gibibytes(16) });
    expect(() => made({}, { store: store() })).toThrow(
      /Gi or more: .*what is there besides, while it is made/,
    );
    expect(() => made({ checkpointSpace: Size.gibibytes(1) }, { store: store() })).not.toThrow();
  });

  test('of one node draws download and training to the nodes of the devices', () => {
    const accelerator = Accelerator.nvidia({ product: 'NVIDIA-L4' });
    const { objects, job } = made({ accelerator }, { store: claim({ placement: accelerator.placement }) });
    expect(violationsOf(objects)).toBe('');
    for (const each of ofKind(objects, 'Job')) {
      expect(podSpec(each).nodeSelector).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-L4' });
    }
    expect(podSpec(job).affinity.podAffinity).toBeDefined();
    expect(() => made({ accelerator }, { store: claim() })).toThrow('ModelStore.claim({ placement })');
  });

  test('makes one artifact once, and refuses two Jobs of different means', () => {
    const { chart, model, train } = made({});
    const same = { model, datasets: { train }, name: 'qwen3-1.7b-support' };
    fineTune(chart, same, 'again');
    expect(ofKind(objectsOf(chart), 'Job')).toHaveLength(3);
    expect(() => fineTune(chart, { ...same, cpu: '64' }, 'more')).toThrow('the same cpu as there');
  });
});

describe('refuses', () => {
  test.each<[string, Partial<FineTuneProps>, string | RegExp]>([
    ['no image', { image: undefined }, "'image' is nothing"],
    ['latest', { image: 'silentehrec/torchtune:latest' }, 'pinned by a tag other than'],
    ['an empty command', { command: [] }, 'a program and its arguments'],
    ['a line for a shell', { command: 'python train.py' as unknown as string[] }, 'a list of strings'],
    ['no result', { result: undefined }, 'FineTuneResult.FULL_WEIGHTS or'],
    ['null', { env: null as unknown as Record<string, string> }, "'env' is null"],
    [
      'a number as hyperparameter that is none',
      { hyperparameters: { lr: NaN } },
      'a text, a number, true or false',
    ],
    [
      'a credential as hyperparameter',
      { hyperparameters: { hub_token: 'hf_x' } },
      'from a Secret: secretEnv',
    ],
    [
      'a name of a hyperparameter that is none',
      { hyperparameters: { 'a b': 1 } },
      "'name in hyperparameters' is 'a b'",
    ],
    ['a variable of ours', { env: { OUTPUT_DIR: '/x' } }, 'the folder that the result goes to'],
    [
      'to be online without saying so',
      { env: { HF_HUB_OFFLINE: '0' } },
      'a name that this construct does not set itself',
    ],
    ['a name that is no folder', { name: '../x' }, "letters, digits, '.', '_' and '-'"],
    ['no nodes', { nodes: 0 }, 'a whole number of at least 1'],
    ['a dataset that is none', { datasets: { train: 'x' as never } }, "'datasets.train' is 'a string'"],
    [
      'a name of a dataset that is no folder',
      { datasets: { 'Train Set': {} as never } },
      "'name in datasets'",
    ],
    [
      'both a preset and a command',
      { preset: FineTunePreset.torchrun({ script: 'x.py' }), command: ['x'] },
      'exactly one of preset and command',
    ],
    ['what is no preset', { preset: {} as FineTunePreset }, 'a factory of FineTunePreset'],
  ])('%s', (_, props, message) => expect(() => made(props)).toThrow(message));

  test('a dataset as model', () => {
    const chart = plainChart();
    expect(() => fineTune(chart, { model: dataset(chart, claim()) })).toThrow("'model' is 'a dataset'");
    const gguf = cache(
      chart,
      { source: ModelSource.huggingFace('a/b', { revision: '0'.repeat(40), include: ['*.gguf'] }) },
      'g',
    );
    expect(() => fineTune(chart, { model: gguf.artifact }, 'b')).toThrow("an artifact of format 'gguf'");
    expect(() => new FineTune(chart, 'x', undefined as never)).toThrow("'model' is nothing");
  });
});

test('a claim and S3 hold datasets too', () => {
  const chart = plainChart();
  const store = sharedClaim();
  const model = downloaded(chart, { store });
  const s3Set = ModelSource.s3({ bucket: 'corpus', prefix: 'tickets', unpinned: true });
  const ofClaim = ModelSource.claim('corpus', { path: 'tickets', unpinned: true });
  const datasets = {
    train: cache(chart, { source: s3Set, store }, 'from-s3').artifact,
    test: cache(chart, { source: ofClaim, store: sharedClaim({ name: 'sets' }) }, 'from-claim').artifact,
  };
  fineTune(chart, { model, datasets, store });
  expect(violationsOf(objectsOf(chart))).toBe('');
});
