import { Duration, Size } from 'cdk8s';
import { Accelerator, AcceleratorProfiles, NetworkPeer, Pipeline } from '../../src';
import { VllmServer } from '../../src/constructs/vllm-server';
import { KvTransfer } from '../../src/constructs/vllm-server-kv-transfer';
import type { VllmServerProps } from '../../src/constructs/vllm-server-props';
import { SpeculativeDecoding } from '../../src/constructs/vllm-server-speculation';
import { MultiNode } from '../../src/serving/group';
import { KedaTrigger } from '../../src/serving/scalers/keda-trigger';
import { Scaling } from '../../src/serving/scaling';
import { InputError } from '../../src/pod/input-error';
import { cache, sharedClaim, tinyFacts } from '../support/models';
import { pipelineFor, sharedModel } from '../support/servers';

/** What a type checker would stop, and what no pod could run. */

type Given = Partial<VllmServerProps>;

const GPU = Accelerator.nvidia({ count: 1 });
const DRA = '1.34';

function refused(props: unknown, version = DRA): string {
  const pipeline = pipelineFor(version);
  const given = (typeof props === 'function' ? props(pipeline) : props) as Given;
  try {
    new VllmServer(pipeline.serve, 'chat', { model: sharedModel(pipeline), accelerator: GPU, ...given });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message;
  }
  throw new Error('it was taken');
}

const taken = (props: Given) => {
  const pipeline = pipelineFor(DRA);
  return () => new VllmServer(pipeline.serve, 'chat', { model: sharedModel(pipeline), ...props });
};

describe('null, which is what a missing value of a file is', () => {
  test('is no way to serve without the API key', () => {
    expect(refused({ apiKey: null })).toContain("'apiKey' is null; allowed: a value");
  });

  test.each([
    ...['model', 'modelFile', 'image', 'version', 'servedModelNames', 'port', 'cpu', 'allowFrom', 'routes'],
    ...['kvTransfer', 'speculative', 'compileCache', 'networkInterface', 'chatTemplate', 'adapters'],
    ...['extraArgs', 'drainTimeout', 'maxModelLen', 'quantization', 'multiNode', 'placement', 'smokeTest'],
  ])('is no %s', (field) => {
    expect(refused({ [field]: null })).toContain(`'${field}' is null; allowed: a value`);
  });
});

test.each<[string, () => unknown]>([
  ['KvTransfer.nixl', () => KvTransfer.nixl(null as never)],
  ['SpeculativeDecoding.ngram', () => SpeculativeDecoding.ngram(null as never)],
  ['SpeculativeDecoding.draftModel', () => SpeculativeDecoding.draftModel(null as never)],
  ['MultiNode.leaderWorkerSet', () => MultiNode.leaderWorkerSet(null as never)],
  ['AcceleratorProfiles', () => new AcceleratorProfiles(null as never)],
])('null makes nothing by %s', (where, make) => {
  expect(make).toThrow(`${where}: 'props' is null; allowed: an object`);
});

test.each<[string, unknown, string]>([
  ['adapters of one text', { adapters: 'x' }, "'adapters' is 'a string'; allowed: a list"],
  ['an adapter that is none', { adapters: ['x'] }, "'adapters[0]' is 'a string'"],
  ['names of one text', { servedModelNames: 'x' }, "'servedModelNames' is 'a string'; allowed: a list"],
  ['speculation by a name', { speculative: 'ngram' }, "'speculative' is 'a string'"],
  ['speculation of nothing', { speculative: {} }, "'speculative' is 'an object of class Object'"],
  ['a template by its text', { chatTemplate: '{{ x }}' }, "'chatTemplate' is 'a string'"],
  ['a transfer by its name', { kvTransfer: 'nixl' }, "'kvTransfer' is 'a string'"],
  ['an accelerator by its name', { accelerator: 'l4' }, "'accelerator' is 'a string'"],
  ['a cache by its name', { compileCache: 'claim' }, "'compileCache' is 'a string'"],
  ['a cache with an unknown property', { compileCache: { name: 'x' } }, "'name in compileCache' is 'name'"],
  ['nodes by a name', { multiNode: 'lws' }, "'multiNode' is 'a string'"],
  ['an image that is a number', { image: 5 }, "'image' is 5"],
  ['a file that is a number', { modelFile: 1 }, "'modelFile' is 1"],
  ['a network that is a number', { networkInterface: 1 }, "'networkInterface' is 1"],
  ['arguments of one text', { extraArgs: 'x' }, "'extraArgs' is 'a string'"],
  ['an argument that is a number', { extraArgs: [1] }, "'extraArgs' is"],
  ['a quantization that is a number', { quantization: 1 }, "'quantization' is 1"],
  ['half seconds', { drainTimeout: Duration.millis(1500) }, "'drainTimeout in seconds' is 1.5"],
  ['no share of the memory', { gpuMemoryUtilization: 0 }, "'gpuMemoryUtilization' is 0"],
  ['a context of nothing', { maxModelLen: 0 }, "'maxModelLen' is 0; allowed: a whole number"],
  ['threads of CPUs with a GPU', { cpuThreads: 'auto' }, "'cpuThreads' is 'auto'; allowed: nothing"],
  ['no switch', { expertParallel: 'yes' }, "'expertParallel' is 'yes'"],
  ['a rank that is none', { maxLoraRank: 17 }, "'maxLoraRank'"],
])('says of %s what it should be', (_, props, message) => {
  const known = { accelerator: Accelerator.nvidia({ product: 'NVIDIA-L4' }), ...(props as object) };
  expect(refused(known)).toContain(message);
});

test('a model without experts is not divided by experts', () => {
  expect(refused({ expertParallel: true })).toContain(
    "'expertParallel' is true; allowed: false, as the model has no experts",
  );
  expect(taken({ accelerator: GPU, expertParallel: false })).not.toThrow();
});

test('a rank of adapters is one that vLLM has', () => {
  const adapters = (pipeline: Pipeline) => [
    {
      name: 'sql',
      adapter: cache(pipeline.download, { store: sharedClaim(), facts: tinyFacts() }, 'l').artifact,
    },
  ];
  const message = refused((p: Pipeline) => ({ adapters: adapters(p), maxLoraRank: 17 }));
  expect(message).toContain("'maxLoraRank' is 17; allowed: 8, 16, 32, 64, 128, 256, 320, 512");
  expect(message).toContain('rank 17 fit 32');
});

describe('devices', () => {
  const gpu = { deviceClass: 'gpu.nvidia.com' };

  test.each([
    ['all of a node', Accelerator.dra({ ...gpu, all: true })],
    ['those of a claim that says no number', Accelerator.existingClaim('gpus', { vendor: 'nvidia' })],
  ])('of which the number is not known need a division: %s', (_, accelerator) => {
    expect(refused({ accelerator })).toContain("'tensorParallel' is nothing; allowed: a number");
    expect(taken({ accelerator, tensorParallel: 1 })).not.toThrow();
  });

  test('that may be one or two cannot be told to vLLM', () => {
    const accelerator = Accelerator.dra({ ...gpu, alternatives: [{ ...gpu, count: 2 }] });
    const message = "'accelerator.alternatives' is '1 or 2 devices'; allowed: alternatives of one number";
    expect(refused({ accelerator })).toContain(message);
    expect(refused({ accelerator, tensorParallel: 1 })).toContain(message);
    const alike = Accelerator.dra({ ...gpu, alternatives: [{ ...gpu, product: 'NVIDIA-L4' }] });
    expect(taken({ accelerator: alike })).not.toThrow();
  });

  test.each([
    ['by their resource', Accelerator.nvidia({ mig: '3g.40gb', count: 2 })],
    ['multiplied', Accelerator.nvidia({ mig: '3g.40gb' }).times(2)],
    [
      'by a resource of a name',
      Accelerator.custom({ resource: 'nvidia.com/mig-3g.40gb', vendor: 'nvidia', count: 2 }),
    ],
    ['by a claim', Accelerator.dra({ deviceClass: 'mig.nvidia.com', mig: '3g.40gb', count: 2 })],
  ])('that are parts of a GPU are used one by one: %s', (_, accelerator) => {
    expect(refused({ accelerator })).toContain("'accelerator' is '2 parts of GPUs (MIG)'; allowed: 1");
  });

  test('one part of a GPU is taken', () => {
    expect(taken({ accelerator: Accelerator.nvidia({ mig: '3g.40gb' }) })).not.toThrow();
  });

  test.each([
    ['shared', Accelerator.dra({ ...gpu, shared: true })],
    ['there already', Accelerator.existingClaim('gpus', { vendor: 'nvidia', count: 1 })],
  ])('of one claim are on one node, and have one memory: %s', (_, accelerator) => {
    expect(refused({ accelerator, nodes: 2 })).toContain(
      "'nodes' is 2; allowed: 1 with devices of one claim",
    );
    const message = refused({ accelerator, replicas: 2 });
    expect(message).toContain("'replicas' is 2");
    expect(message).toContain('2 x 0.92');
    expect(message).toContain('gpuMemoryUtilization: 0.47');
    expect(taken({ accelerator, replicas: 2, gpuMemoryUtilization: 0.47 })).not.toThrow();
    const scaling = Scaling.keda({
      max: 3,
      prometheus: {
        serverAddress: 'http://prometheus.monitoring.svc:9090',
        from: [NetworkPeer.namespace('monitoring')],
      },
      triggers: [KedaTrigger.requestsWaiting(10)],
    });
    expect(refused({ accelerator, scaling })).toContain("'scaling' is 3");
  });

  test('that are too small are named', () => {
    const accelerator = Accelerator.nvidia({ memory: Size.gibibytes(1) });
    expect(refused({ accelerator })).toContain("'accelerator' is '1 x a device of nvidia'");
  });
});

describe('an image', () => {
  test.each<[string, Given, string]>([
    [
      'for NVIDIA on AMD',
      { accelerator: Accelerator.amd({ deviceGroups: [] }), image: 'vllm/vllm-openai:v0.26.0' },
      'GPUs of AMD; this one is for GPUs of NVIDIA',
    ],
    [
      'for CPUs on NVIDIA',
      { accelerator: GPU, image: 'mirror.example.com/vllm/vllm-openai-cpu:v0.26.0' },
      'this one is for CPUs',
    ],
    [
      'for NVIDIA on CPUs',
      { accelerator: undefined, image: 'docker.io/vllm/vllm-openai:v0.26.0' },
      'for CPUs; this',
    ],
  ])('is for the devices: not one %s', (_, props, message) => {
    expect(refused(props)).toContain(message);
  });

  test('of somebody else may be for any device', () => {
    const image = 'registry.example.com/vllm-for-amd:v0.26.0';
    expect(taken({ accelerator: Accelerator.amd({ deviceGroups: [] }), image })).not.toThrow();
  });

  test('tells its version, which nobody can say otherwise', () => {
    const image = 'docker.io/vllm/vllm-openai:v0.8.5';
    const message = refused({ image, version: '0.20.0' });
    expect(message).toContain("'version' is '0.20.0'; allowed: 0.8.5, as the name of the image says");
    expect(taken({ accelerator: GPU, image, version: 'v0.8.5' })).not.toThrow();
  });

  test('with a version of its own has that of vLLM said', () => {
    const image = 'registry.example.com/chat:1.2.0';
    expect(taken({ accelerator: GPU, image, version: '0.20.0' })).not.toThrow();
  });
});

describe('arguments', () => {
  test.each([
    ['--data-parallel-rank', '1'],
    ['--data-parallel-size-local', '1'],
    ['-dpn', '1'],
    ['--tokenizer', 'org/other'],
    ['--revision', 'main'],
    ['--download-dir', '/x'],
    ['--hf-config-path', 'x'],
    ['--data-parallel-backend', 'ray'],
    ['-pcp', '2'],
  ])('do not undo what the construct sets up: %s', (...extraArgs) => {
    const message = refused({ extraArgs });
    expect(message).toContain(`'extraArgs' is '${extraArgs[0]}'; allowed: flags that do not undo`);
  });

  test.each([
    ['--pipeline-parallel-size', '2', 'pipelineParallel'],
    ['-dp', '2', 'dataParallel'],
    ['--enable-expert-parallel', undefined, 'expertParallel'],
    ['--lora-modules', 'sql=/models/sql', 'adapters'],
  ])('are none of what properties say, which is checked: not %s', (flag, value, property) => {
    const extraArgs = value === undefined ? [flag] : [flag, value];
    expect(refused({ extraArgs })).toContain(
      `'extraArgs' is '${flag}'; allowed: flags that the construct does not set itself. Use the property '${property}'`,
    );
  });

  test('say nothing of the port in the pod, which is not that of the Service', () => {
    expect(refused({ extraArgs: ['--port', '1'] })).toContain('Where it listens in its pod is fixed');
  });

  test.each([['--cpu-offload-gb', '40'], ['--cpu_offload_gb=40'], ['--kv-offloading-size', '40']])(
    'that take memory of the pod need to know how much it has: %s',
    (...extraArgs) => {
      expect(refused({ extraArgs })).toMatch(
        /'memory' is nothing; .* Give memory: 12Gi, and what --(cpu|kv)-offload/,
      );
      expect(taken({ accelerator: GPU, extraArgs, memory: Size.gibibytes(60) })).not.toThrow();
    },
  );
});
