import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ModelCacheProps, ModelFactsProps, ModelSource, Pipeline } from '../../src';
import { LlamaServer } from '../../src/constructs/llama-server';
import { FlashAttention, LlamaServerProps, Pooling } from '../../src/constructs/llama-server-props';
import { ChatTemplate } from '../../src/constructs/chat-template';
import { checkFlags } from '../../src/engines/flag-table';
import { LlamaBackend } from '../../src/engines/llama/backend';
import { CacheType } from '../../src/engines/llama/cache-type';
import { LLAMA_FLAG_TABLE } from '../../src/engines/llama/flags';
import { Accelerator } from '../../src/pod/accelerator/accelerator';
import { cache, COMMIT, sharedClaim, tinyFacts } from '../support/models';
import { container, flagValues, podSpec, texts, the } from '../support/objects';
import type { IModelServer } from '../../src/serving/model-server';
import type { KubeObject } from '../../src/validation/kube-object';
import { checkedObjects, pipelineFor } from '../support/servers';

/** A repository of GGUF files whose facts are known. */
function gguf(
  pipeline: Pipeline,
  props: Partial<ModelCacheProps> = {},
  facts: Partial<ModelFactsProps> = {},
) {
  return cache(
    pipeline.download,
    {
      source: ModelSource.huggingFace('org/Qwen3-GGUF', { revision: COMMIT, include: ['*.gguf'] }),
      store: sharedClaim(),
      facts: tinyFacts({ headDim: 32, maxSeqLen: 32768, ...facts }),
      ...props,
    },
    props.source ? 'others' : 'weights',
  ).artifact;
}

type Given = Partial<LlamaServerProps> | ((pipeline: Pipeline) => Partial<LlamaServerProps>);

function made(given: Given = {}) {
  const pipeline = pipelineFor();
  const props = typeof given === 'function' ? given(pipeline) : given;
  const model = props.model ?? gguf(pipeline);
  const server = new LlamaServer(pipeline.serve, 'chat', { memory: Size.gibibytes(8), ...props, model });
  return { server, pipeline, model };
}

function served(given: Given = {}) {
  const { server, pipeline, model } = made(given);
  const objects = checkedObjects(pipeline);
  const deployment = the(objects, 'Deployment');
  const main = container(deployment, 'llama-server');
  const own = (main.args as string[]).slice((main.args as string[]).indexOf('--host'));
  const value = (flag: string) => flagValues(main.args as string[], flag)[0];
  return { server, objects, deployment, main, own, value, model, folder: `/models/${model.path}` };
}

const IMAGE = (version: string) => ({ image: `registry.example.com/llama.cpp:server-${version}` });

test('serves the only GGUF file of an artifact by an API of its name', () => {
  const { main, value, server, objects, folder } = served();
  expect(main.image).toMatch(/^ghcr\.io\/ggml-org\/llama\.cpp:server-v0\.4\.1@sha256:/);
  expect(main.command).toEqual(['/bin/sh', '/opt/llama-server/llama.sh']);
  expect(main.args.slice(0, 6)).toEqual(['--model', folder, '*.gguf', '', '--', '/app/llama-server']);
  expect([value('--host'), value('--port'), value('--alias')]).toEqual(['0.0.0.0', '8080', 'qwen3-gguf']);
  expect(main.args).toContain('--metrics');
  expect(server.endpoint).toBe('http://qwen-chat.llm.svc:8080/v1');
  expect(server.modelNames).toEqual(['qwen3-gguf']);
  expect(server.version).toBe('v0.4.1');
  expect(the(objects, 'Service').metadata.name).toBe(server.serviceName);
  expect(server._target.modelNames).toEqual(['qwen3-gguf']);
});

test('is an address with its port and the names of any server', () => {
  const { server }: { server: IModelServer } = served({ port: 80, alias: 'chat', ...IMAGE('b6500') });
  expect(server.endpoint).toBe('http://qwen-chat.llm.svc:80/v1');
  expect(made({ alias: 'chat' }).server.modelNames).toEqual(['chat']);
  expect(made(IMAGE('b6500')).server.version).toBe('b6500');
});

/** The names of the shell programs that are mounted. */
function scripts(objects: KubeObject[]): string[] {
  return objects
    .filter(({ kind, metadata }) => kind === 'ConfigMap' && /-scripts-/.test(metadata.name ?? ''))
    .flatMap((map) => Object.keys((map as unknown as { data: object }).data));
}

test('has those programs mounted that it runs', () => {
  expect(scripts(served().objects).sort()).toEqual(['llama.sh', 'llama_drain.sh']);
  expect(scripts(served({ file: 'a.gguf' }).objects)).toEqual(['llama_drain.sh']);
  const { objects, deployment } = served({ router: {} });
  expect(scripts(objects)).toEqual([]);
  expect(JSON.stringify(deployment)).not.toContain('/opt/llama-server');
});

test('needs no launcher for a file that is named', () => {
  const { main, folder } = served({ file: 'Q4/qwen-00001-of-00002.gguf' });
  expect(main.command).toEqual(['/app/llama-server']);
  expect(main.args.slice(0, 2)).toEqual(['--model', `${folder}/Q4/qwen-00001-of-00002.gguf`]);
});

test('has a Service of a valid name whatever the model is called, which ModelServe had not', () => {
  const pipeline = pipelineFor();
  const model = gguf(pipeline);
  const server = new LlamaServer(pipeline.serve, 'model-Qwen.gguf', { model, memory: Size.gibibytes(1) });
  expect(server.serviceName).toBe('qwen-model-qwen-gguf');
  checkedObjects(pipeline);
});

test('is probed where it answers while it is busy, and given all the time that loading takes', () => {
  const { main } = served({ startupTimeout: Duration.minutes(30) });
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    expect(main[probe].httpGet).toEqual({ path: '/health', port: 'http' });
  }
  expect(main.startupProbe.failureThreshold * main.startupProbe.periodSeconds).toBe(1800);
});

test('waits for its requests before SIGTERM', () => {
  const { main, deployment } = served({ drainTimeout: Duration.seconds(90) });
  expect(main.lifecycle.preStop.exec.command).toEqual([
    '/bin/sh',
    '/opt/llama-server/llama_drain.sh',
    '8080',
    '90',
  ]);
  expect(podSpec(deployment).terminationGracePeriodSeconds).toBeGreaterThan(95);
});

test('has a cache for all slots, and a thread for each CPU', () => {
  const { value } = served({ contextSize: 4096, parallel: 3, cpu: '6500m', batchSize: 256 });
  expect(value('--ctx-size')).toBe('12288');
  expect(value('--parallel')).toBe('3');
  expect(value('--threads')).toBe('6');
  expect([value('--batch-size'), value('--ubatch-size')]).toEqual(['256', '256']);
});

test('says all that can be said', () => {
  const { own } = served({
    ...IMAGE('v0.5.0'),
    contextSize: 1024,
    threads: 7,
    batchSize: 512,
    ubatchSize: 64,
    flashAttention: FlashAttention.ON,
    cacheTypeK: CacheType.Q8_0,
    cacheTypeV: CacheType.Q4_0,
    promptCache: Size.gibibytes(1),
    alias: 'my/model:q4',
    pooling: Pooling.CLS,
    jinja: false,
    webUi: true,
    embeddings: true,
    extraArgs: ['--rope-scaling', 'yarn', '-s', '-1'],
  });
  expect(own).toEqual(
    `--host 0.0.0.0 --port 8080 --offline --alias my/model:q4 --ctx-size 1024 --parallel 1 --batch-size 512
     --ubatch-size 64 --threads 7 --flash-attn on --cache-type-k q8_0 --cache-type-v q4_0 --cache-ram 1024 --embeddings
     --pooling cls --no-jinja --metrics --rope-scaling yarn -s -1`.split(/\s+/),
  );
});

test('has no cache of prompts and one batch for a whole text where it generates nothing', () => {
  for (const props of [{ embeddings: true }, { reranking: true }]) {
    const { value } = served({ ...props, batchSize: 1024 });
    expect([value('--cache-ram'), value('--ubatch-size')]).toEqual(['0', '1024']);
  }
});

describe('versions', () => {
  test.each(['b5415', 'b6324', 'b6500', 'b7347', 'b8179', 'b9842', 'b10361', 'v0.4.1', 'v0.5.0', 'v0.7.0'])(
    'all flags that are rendered are known to %s',
    (version) => {
      const { own } = served({
        ...IMAGE(version),
        file: 'a.gguf',
        webUi: false,
        flashAttention: FlashAttention.ON,
        draft: { file: 'd.gguf', maxTokens: 8, minTokens: 2 },
        adapters: [{ file: 'l.gguf' }],
        projector: { file: 'mmproj.gguf' },
        accelerator: Accelerator.nvidia({ count: 1 }),
      });
      expect(own.length).toBeGreaterThan(20);
      expect(checkFlags(LLAMA_FLAG_TABLE, version, own, { own: true })).toEqual([]);
    },
  );

  test.each([
    ['b6324', '--flash-attn', '--cache-type-k'],
    ['b6325', '--flash-attn', 'on'],
  ])('flash attention of %s is %s %s', (version, flag, next) => {
    const { own } = served({ ...IMAGE(version), flashAttention: FlashAttention.ON });
    expect(own[own.indexOf(flag) + 1]).toBe(next);
  });

  test('the draft has the names of its version', () => {
    const draft = { file: 'd.gguf', maxTokens: 8 };
    expect(served({ ...IMAGE('b8179'), draft }).value('--draft-max')).toBe('8');
    const { value } = served({ ...IMAGE('v0.5.0'), draft });
    expect([value('--spec-draft-n-max'), value('--spec-type')]).toEqual(['8', 'draft-simple']);
  });

  test('is told where the tag does not say it', () => {
    const image = 'registry.example.com/llama.cpp:2026-11';
    expect(() => made({ image })).toThrow(
      "qwen/serve/chat: 'version' is nothing; allowed: a build 'b6500' or a release 'v0.4.1'. The tag of image " +
        `'${image}' does not say which version it has, and flags depend on it.`,
    );
    expect(served({ image, version: 'b6500' }).main.image).toBe(image);
  });

  test('may be said of an image whose tag says the same, or a version of its own', () => {
    expect(served({ ...IMAGE('v0.4.1'), version: 'b10964' }).server.version).toBe('b10964');
    const image = 'registry.example.com/chat:v1.2.0';
    expect(served({ image, version: 'b6500' }).server.version).toBe('b6500');
  });

  test.each<[string, Partial<LlamaServerProps>, string]>([
    ['b5000', {}, "'version' is 'b5000'; allowed: b5415 or newer"],
    ['b6324', { flashAttention: FlashAttention.AUTO }, "'flashAttention' is 'auto'; allowed: on or off"],
    [
      'b6500',
      { router: {} },
      "'router' is {}; allowed: what llama-server b6500 knows; it becomes '--models-dir'",
    ],
    ['b6500', { adapters: [{ file: 'a' }, { file: 'b' }] }, 'one adapter without a scale before b7348'],
    [
      'b6500',
      { extraArgs: ['--fit', 'on'] },
      "'extraArgs' is '--fit'; allowed: the flags of llama-server b6500",
    ],
    ['b9842', { extraArgs: ['--draft-max', '3'] }, 'Use --spec-draft-n-max.'],
    ['b6500', { version: 'b9842' }, "'version' is 'b9842'; allowed: b6500, as the tag of image"],
    ['v0.4.1', { version: 'v0.5.0' }, "'version' is 'v0.5.0'; allowed: v0.4.1, as the tag of image"],
  ])('%s refuses %j', (version, props, message) =>
    expect(() => made({ ...IMAGE(version), ...props })).toThrow(message),
  );
});

describe('devices', () => {
  test.each([
    ['server-cuda-v0.4.1', Accelerator.nvidia({ count: 1 })],
    ['server-rocm-v0.4.1', Accelerator.amd({ count: 1, deviceGroups: [] })],
    ['server-intel-v0.4.1', Accelerator.intel({ count: 1, deviceGroups: [] })],
  ])('have image %s, with all layers on them', (tag, accelerator) => {
    const { main, value } = served({ accelerator });
    expect(main.image).toBe(`ghcr.io/ggml-org/llama.cpp:${tag}`);
    expect(value('--gpu-layers')).toBe('all');
  });

  test('had more layers than any model before there was a word for all', () => {
    const accelerator = Accelerator.nvidia({ count: 1 });
    expect(served({ accelerator, ...IMAGE('b6500') }).value('--gpu-layers')).toBe('999');
    expect(served({ accelerator, gpuLayers: 0 }).value('--gpu-layers')).toBe('0');
  });

  test('may be one part of a GPU, of which CUDA shows no more', () => {
    const parts = (count: number) => ({ accelerator: Accelerator.nvidia({ mig: '3g.40gb', count }) });
    expect(served(parts(1)).value('--gpu-layers')).toBe('all');
    expect(() => made(parts(2))).toThrow("'accelerator' is '2 parts of GPUs (MIG)'; allowed: 1");
  });

  test('for which llama.cpp publishes nothing need an image', () => {
    expect(() => made({ accelerator: Accelerator.gaudi({ count: 1 }) })).toThrow(
      "'image' is nothing; allowed: an image, as llama.cpp publishes none for devices of kind 'gaudi'",
    );
  });

  test.each([
    ['server-vulkan-v0.4.1', LlamaBackend.VULKAN, Accelerator.amd({ deviceGroups: [44] })],
    ['server-vulkan-v0.4.1', LlamaBackend.VULKAN, Accelerator.intel({ deviceGroups: [44] })],
    ['server-vulkan-v0.4.1', LlamaBackend.VULKAN, Accelerator.custom({ resource: 'example.com/gpu' })],
    ['server-cuda-v0.4.1', LlamaBackend.CUDA, Accelerator.custom({ resource: 'nvidia.com/gpu.shared' })],
    ['server-rocm-v0.4.1', LlamaBackend.ROCM, Accelerator.amd({ deviceGroups: [44] })],
  ])('have image %s by backend %s', (tag, backend, accelerator) => {
    const { main, value, server } = served({ accelerator, backend });
    expect(main.image).toBe(`ghcr.io/ggml-org/llama.cpp:${tag}`);
    expect(value('--gpu-layers')).toBe('all');
    expect(server.version).toBe('v0.4.1');
  });

  test.each<[string, Partial<LlamaServerProps>, string]>([
    [
      'of NVIDIA',
      { accelerator: Accelerator.nvidia() },
      "'backend' is 'vulkan'; allowed: cuda, for devices of kind 'nvidia'. Or give image",
    ],
    ['that there are none of', {}, "'backend' is 'vulkan'; allowed: nothing without an accelerator"],
    [
      'of an image',
      { accelerator: Accelerator.amd({ deviceGroups: [44] }), ...IMAGE('b6500') },
      "'backend' is 'vulkan'; allowed: nothing beside image",
    ],
    [
      'without a backend',
      { accelerator: Accelerator.custom({ resource: 'example.com/gpu' }), backend: undefined },
      "'backend' is nothing; allowed: cuda, rocm, intel, vulkan, for devices of kind 'other'. Or give image",
    ],
    ['of a word', { accelerator: Accelerator.nvidia(), backend: 'CUDA' as never }, "'backend' is 'CUDA'"],
  ])('%s have no backend', (_, props, message) => {
    expect(() => made({ backend: LlamaBackend.VULKAN, ...props })).toThrow(message);
  });

  test.each<[string, Accelerator | undefined, string]>([
    ['server-cuda-b6500', undefined, "kind 'cpu'; its tag says that it is for 'nvidia'"],
    [
      'server-cuda13-b9842',
      Accelerator.amd({ count: 1, deviceGroups: [44] }),
      "kind 'amd'; its tag says that it is for 'nvidia'",
    ],
    [
      'full-rocm-v0.4.1',
      Accelerator.nvidia({ count: 1 }),
      "kind 'nvidia'; its tag says that it is for 'amd'",
    ],
    ['server-intel-b6500', undefined, "kind 'cpu'; its tag says that it is for 'intel'"],
    ['server-b6500', Accelerator.nvidia({ count: 1 }), "kind 'nvidia'; its tag says that it is for 'cpu'"],
    ['server-openvino-b9842', Accelerator.nvidia({ count: 1 }), "is for 'cpu', 'intel'"],
  ])('are not those of image %s', (tag, accelerator, message) => {
    const image = `mirror.example.com/ggml-org/llama.cpp:${tag}`;
    expect(() => made({ image, accelerator })).toThrow(
      `'image' is '${image}'; allowed: an image for devices of`,
    );
    expect(() => made({ image, accelerator })).toThrow(message);
  });

  test.each([
    'ghcr.io/ggml-org/llama.cpp:server-vulkan-b6500',
    'ghcr.io/ggml-org/llama.cpp:server-cuda12-b9842',
    'registry.example.com/llama.cpp:server-b6500',
  ])('of NVIDIA may be those of %s', (image) => {
    expect(served({ image, accelerator: Accelerator.nvidia({ count: 1 }) }).main.image).toBe(image);
  });

  test('are what layers on devices need', () => {
    expect(() => made({ gpuLayers: 12 })).toThrow('nothing without an accelerator');
  });
});

describe('memory', () => {
  const fileSize = Size.gibibytes(4);

  test('is of weights, cache, buffers and process on CPUs', () => {
    const { main } = served({ fileSize, memory: undefined });
    const mib = parseInt(main.resources.limits.memory, 10);
    // 2 layers x 8192 tokens x 4 heads x 32 numbers x 2 x 2 bytes = 8 MiB, and 512 MiB for prompts.
    expect(mib).toBeGreaterThan(4096 + 8 + 512);
    expect(mib).toBeLessThan(4096 + 8 + 512 + 1024);
  });

  test('must hold the cache and the buffers', () => {
    const make = (memory: Size) => () =>
      made((pipeline) => ({
        model: gguf(pipeline, {}, { layers: 32, kvHeads: 8, maxSeqLen: 131072 }),
        fileSize,
        contextSize: 131072,
        memory,
      }));
    expect(make(Size.gibibytes(4))).toThrow(/'memory' is '4Gi'; allowed: \d+Mi or more. Weights take 4Gi/);
    expect(make(Size.gibibytes(12))).not.toThrow();
  });

  test('of a draft is that of its cache too, which its facts tell', () => {
    const draft = (pipeline: Pipeline, known: boolean) => ({
      model: cache(
        pipeline.download,
        {
          source: ModelSource.huggingFace('org/draft-gguf', { revision: COMMIT, include: ['*.gguf'] }),
          store: sharedClaim(),
          facts: known ? tinyFacts({ layers: 64 }) : undefined,
        },
        'draft',
      ).artifact,
      fileSize: Size.gibibytes(1),
    });
    const memory = (given: Given) => parseInt(served(given).main.resources.limits.memory, 10);
    const alone = memory({ fileSize, memory: undefined });
    const both = memory((pipeline) => ({ fileSize, memory: undefined, draft: draft(pipeline, true) }));
    // 64 layers x 8192 tokens x 4 heads x 32 numbers x 2 x 2 bytes, and the weights.
    expect(both - alone).toBeGreaterThanOrEqual(256 + 1024);
    expect(() =>
      made((pipeline) => ({ fileSize, memory: undefined, draft: draft(pipeline, false) })),
    ).toThrow('the facts of the model and of the draft');
  });

  test('has to be given where it cannot be computed', () => {
    expect(() =>
      made((pipeline) => ({ model: gguf(pipeline, { facts: undefined }), memory: undefined })),
    ).toThrow(
      "'memory' is nothing; allowed: an amount, because what the engine needs is not known. Give memory, or fileSize",
    );
    expect(() =>
      made((pipeline) => ({
        fileSize,
        memory: undefined,
        adapters: [
          {
            model: cache(
              pipeline.download,
              {
                source: ModelSource.huggingFace('org/lora-gguf', { revision: COMMIT, include: ['*.gguf'] }),
                store: sharedClaim(),
              },
              'lora',
            ).artifact,
          },
        ],
      })),
    ).toThrow(/Give memory, or the sizes of the files that are not known: adapters\[0\]\.fileSize\.$/);
    expect(() => made({ router: {}, memory: undefined })).toThrow(
      'What models a router loads is not known here',
    );
  });

  test('is little where devices hold the model', () => {
    const { main } = served({ accelerator: Accelerator.nvidia({ count: 1 }), memory: undefined });
    expect(main.resources.limits.memory).toBe('2560Mi');
  });

  test('of devices is to hold the model', () => {
    const accelerator = Accelerator.nvidia({ count: 1, memory: Size.gibibytes(4) });
    expect(() => made({ fileSize, accelerator })).toThrow(
      /'accelerator' is '1 x \d+Mi'; allowed: devices with \d+Mi or more together. Weights take 4Gi/,
    );
  });
});

describe('files', () => {
  test('of other artifacts are mounted and awaited with the model', () => {
    const { main, deployment, folder } = served((pipeline) => {
      const other = (id: string) =>
        cache(
          pipeline.download,
          {
            source: ModelSource.huggingFace(`org/${id}-gguf`, { revision: COMMIT, include: ['*.gguf'] }),
            store: sharedClaim(),
          },
          id,
        ).artifact;
      return {
        file: 'a.gguf',
        adapters: [{ model: other('legal'), scale: 0.5 }, { model: other('medical') }],
        draft: { file: 'draft.gguf' },
        projector: { file: 'mmproj*.gguf' },
      };
    });
    const quads = main.args.slice(0, main.args.indexOf('--'));
    expect(quads.slice(0, 4)).toEqual(['--model', folder, 'a.gguf', '']);
    expect(quads.slice(4, 12)).toEqual([
      '--lora-scaled',
      expect.stringMatching(/^\/models-1\/org--legal-gguf-/),
      '*.gguf',
      ':0.5',
      '--lora-scaled',
      expect.stringMatching(/^\/models-2\/org--medical-gguf-/),
      '*.gguf',
      ':1',
    ]);
    expect(quads.slice(12)).toEqual([
      '--mmproj',
      folder,
      'mmproj*.gguf',
      '',
      '--model-draft',
      folder,
      'draft.gguf',
      '',
    ]);
    expect(flagValues(container(deployment, 'await-model').args, '--key')).toBeDefined();
    expect(
      podSpec(deployment).initContainers[0].args.filter((arg: string) => arg.startsWith('--dir=')),
    ).toHaveLength(3);
  });

  test.each([
    ['/etc/passwd', 'a path in the artifact'],
    ['../other/a.gguf', 'a path in the artifact'],
    ['a//b.gguf', 'a path in the artifact'],
    ['a,b.gguf', 'a path in the artifact'],
    ['', 'a path in the artifact'],
    ['m-00002-of-00003.gguf', "Name 'm-00001-of-00003.gguf'"],
  ])("cannot be '%s'", (file, message) => expect(() => made({ file })).toThrow(message));

  test.each<[string, Partial<LlamaServerProps>]>([
    ['draft', { draft: {} }],
    ['draft', { draft: { maxTokens: 4 }, file: 'a.gguf' }],
    ['draft', { draft: { file: 'a.gguf' }, file: 'a.gguf' }],
    ['projector', { projector: {} }],
    ['adapters[1]', { adapters: [{ file: 'l.gguf' }, {}] }],
  ])('%s is not the file of the model itself: %j', (field, props) => {
    expect(() => made(props)).toThrow(
      new RegExp(`'${field.replace(/[[\]]/g, '\\$&')}\\.file' is .*; allowed: a file beside the model's own`),
    );
    const own = (pipeline: Pipeline) => {
      const model = gguf(pipeline);
      return { model, draft: { model } };
    };
    expect(() => made(own)).toThrow(
      "'draft.file' is nothing; allowed: a file beside the model's own, '*.gguf'",
    );
  });

  test('are never pasted into a shell', () => {
    const file = '*$(reboot)`id`\' " ;&|.gguf';
    expect(() => made({ file })).toThrow('a path in the artifact');
    const { main, objects } = served({ file: "*$(reboot)`id`' ;&|.gguf" });
    expect(main.args[2]).toBe("*$(reboot)`id`' ;&|.gguf");
    const launcher = the(objects, 'ConfigMap', /-scripts-/) as unknown as { data: Record<string, string> };
    expect(launcher.data['llama.sh']).not.toMatch(/\beval\b|reboot/);
  });

  test('are GGUF, or named', () => {
    const huggingFace = (pipeline: Pipeline) => cache(pipeline.download, { store: sharedClaim() }).artifact;
    expect(() => made((pipeline) => ({ model: huggingFace(pipeline) }))).toThrow(
      "'model' is 'an artifact of format 'huggingface''; allowed: an artifact of format 'gguf'",
    );
    expect(served((pipeline) => ({ model: huggingFace(pipeline), file: '*Q8*.gguf' })).main.args[2]).toBe(
      '*Q8*.gguf',
    );
  });
});

test('routes between all models of a folder, without metrics and with a pause before SIGTERM', () => {
  const { main, value, folder, server } = served({
    router: { maxModels: 2, idleTimeout: Duration.minutes(10) },
  });
  expect(main.command).toEqual(['/app/llama-server']);
  expect([value('--models-dir'), value('--models-max'), value('--sleep-idle-seconds')]).toEqual([
    folder,
    '2',
    '600',
  ]);
  expect(main.args).not.toContain('--alias');
  expect(main.args).not.toContain('--metrics');
  expect(main.lifecycle.preStop).toEqual({ sleep: { seconds: 125 } });
  expect(server._target.metrics).toBeUndefined();
  expect(server._target.modelNames).toEqual([]);
});

test('reads its keys from a file that is a Secret', () => {
  const { main, value, deployment, server, objects } = served((pipeline) => ({
    apiKey: { secret: Secret.fromSecretName(pipeline.serve, 'keys', 'llama-keys'), key: 'keys.txt' },
  }));
  expect(value('--api-key-file')).toBe('/etc/llama-server/key/api-keys');
  expect(main.lifecycle.preStop.exec.command.at(-1)).toBe('/etc/llama-server/key/api-keys');
  expect(podSpec(deployment).volumes).toContainEqual({
    name: 'api-key',
    secret: { secretName: 'llama-keys', items: [{ key: 'keys.txt', path: 'api-keys' }], defaultMode: 0o440 },
  });
  expect(server._target.apiKey).toEqual({ secret: 'llama-keys', key: 'keys.txt' });
  expect(texts(objects).join('\n')).toContain('llama-keys/keys.txt=the API key of qwen-chat');
});

test('has a chat template in a ConfigMap', () => {
  const { value, objects } = served({ chatTemplate: ChatTemplate.text('{{ messages }}') });
  expect(value('--chat-template-file')).toBe('/etc/llama-server/template/chat-template.jinja');
  const { data } = the(objects, 'ConfigMap', /-template-/) as unknown as { data: Record<string, string> };
  expect(data).toEqual({ 'chat-template.jinja': '{{ messages }}' });
});

test('several copies are each a process with all of the model', () => {
  const { deployment, objects } = served({ replicas: 3 });
  expect(deployment.spec.replicas).toBe(3);
  expect(the(objects, 'PodDisruptionBudget').metadata.name).toBe('qwen-chat');
});

test.each<[Partial<LlamaServerProps>, string]>([
  [
    { extraArgs: ['--ctx-size', '1'] },
    "'extraArgs' is '--ctx-size'; allowed: flags that the construct does not set itself. Use the property 'contextSize'.",
  ],
  [{ extraArgs: ['-c', '1'] }, "Use the property 'contextSize'."],
  [{ extraArgs: ['--contxt', '1'] }, 'the flags of llama-server v0.4.1'],
  [{ extraArgs: ['--port', '9931'] }, 'as the construct sets it'],
  [{ extraArgs: ['--seed 1'] }, 'the flags of llama-server v0.4.1'],
  [{ extraArgs: 'x' as never }, 'a list of strings'],
  [
    { env: { LLAMA_ARG_CTX_SIZE: '1' } },
    "'name in env' is 'LLAMA_ARG_CTX_SIZE'; allowed: variables that stand for no flag",
  ],
  [{ env: { LLAMA_API_KEY: 'x' } }, "Use the property 'apiKey'."],
  [{ env: { LLAMA_CACHE: '/x' } }, 'a name that this construct does not set itself'],
  [{ embeddings: true, reranking: true }, 'one of embeddings and reranking'],
  [{ contextSize: 40000 }, "'contextSize' is 40000; allowed: at most 32768"],
  [{ batchSize: 64, ubatchSize: 128 }, 'at most batchSize, 64'],
  [
    { flashAttention: FlashAttention.OFF, cacheTypeV: CacheType.Q8_0 },
    'f32, f16 or bf16 without flash attention',
  ],
  [{ cacheTypeK: 'q2_k' as never }, "'cacheTypeK' is 'q2_k'; allowed: f32, f16"],
  [{ router: {}, file: 'a.gguf' }, "'file' is 'given beside router'"],
  [{ router: {}, alias: 'a' }, "'alias' is 'given beside router'"],
  [{ router: { maxModels: 0 } }, "'router.maxModels' is 0"],
  [{ alias: 'a b' }, "'alias' is 'a b'"],
  [{ alias: 'a,b' }, "'alias' is 'a,b'"],
  [{ adapters: [{ file: 'a', scale: NaN }] }, "'adapters[0].scale'"],
  [{ threads: 0 }, "'threads' is 0"],
  [{ chatTemplate: 'text' as never }, 'a ChatTemplate'],
  [{ draft: { file: 'd', maxTokens: 0 } }, "'draft.maxTokens' is 0"],
  [{ draft: { file: 'd', minTokens: -1 } }, "'draft.minTokens' is -1"],
  [
    { extraArgs: ['--log-file', '/x'] },
    "'extraArgs' is '--log-file /x'; allowed: --log-file and a file in /tmp",
  ],
  [{ extraArgs: ['--log-file', '/tmp/logs/x'] }, 'a file in /tmp'],
  [{ extraArgs: ['--log_file', '/tmp/../x'] }, 'a file in /tmp'],
  [{ extraArgs: ['--slot-save-path', '/tmp/slots'] }, "--slot-save-path and '/tmp'"],
  [{ extraArgs: ['--log-prompts-dir', '/tmpfoo'] }, 'a folder in /tmp'],
  [{ extraArgs: ['-lcd', 'cache'] }, 'a file in /tmp'],
])('refuses %j', (props, message) => expect(() => made(props)).toThrow(message));

test('a quantized cache needs heads of a length that blocks divide', () => {
  expect(() =>
    made((pipeline) => ({ model: gguf(pipeline, {}, { headDim: 80 }), cacheTypeK: CacheType.Q8_0 })),
  ).toThrow('a head of the model has 80 numbers');
});

test('writes what extraArgs tell it where it can', () => {
  const extraArgs = [
    '--log-file',
    '/tmp/log',
    '--slot-save-path',
    '/tmp/',
    '--log-prompts-dir',
    '/tmp/prompts/a',
  ];
  expect(served({ extraArgs }).main.args.slice(-6)).toEqual(extraArgs);
  const writable = { extraArgs: ['--slot-save-path', '/slots'], writableRoot: true };
  expect(() => made(writable)).not.toThrow();
});

test('looks at guesses of any length where 0 says so', () => {
  const { value } = served({ ...IMAGE('v0.5.0'), draft: { file: 'd.gguf', minTokens: 0 } });
  expect(value('--spec-draft-n-min')).toBe('0');
});

describe('in plain JavaScript', () => {
  // What is no API key must not serve without one.
  test.each([null, '', 0, false, 'key', {}, { key: 'k' }])('its API key is not %j', (apiKey) => {
    expect(() => made({ apiKey: apiKey as never })).toThrow(/^qwen\/serve\/chat: 'apiKey(\.secret)?' is /);
  });

  test.each([
    'adapters',
    'alias',
    'chatTemplate',
    'draft',
    'env',
    'extraArgs',
    'file',
    'fileSize',
    'image',
    'jinja',
    'projector',
    'promptCache',
    'router',
    'threads',
    'version',
  ])('%s is not null', (field) => {
    expect(() => made({ [field]: null })).toThrow(
      `qwen/serve/chat: '${field}' is null; allowed: a value. Leave it out`,
    );
  });

  test.each<[string, object, string]>([
    ['adapters', { adapters: 'x' }, "'adapters' is 'a string'; allowed: a list"],
    ['adapters', { adapters: [null] }, "'adapters[0]' is null"],
    [
      'adapters',
      { adapters: ['x'] },
      "'adapters[0]' is 'a string'; allowed: an object of model, file, fileSize, scale",
    ],
    ['adapters', { adapters: [{ path: 'x' }] }, "'name in adapters[0]' is 'path'"],
    ['draft', { draft: true }, "'draft' is true; allowed: an object of"],
    ['draft', { draft: { model: 'x' } }, "'draft.model' is 'a string'; allowed: an artifact"],
    ['projector', { projector: '' }, "'projector' is 'a string'; allowed: an object of"],
    ['projector', { projector: [] }, "'projector' is 'an object of class Array'"],
    ['router', { router: false }, "'router' is false; allowed: an object of"],
    ['router', { router: { models: 2 } }, "'name in router' is 'models'; allowed: maxModels, idleTimeout"],
    ['idle time', { router: { idleTimeout: 5 } }, "'router.idleTimeout' is 5; allowed: a Duration"],
    [
      'idle time',
      { router: { idleTimeout: Duration.millis(1500) } },
      "'router.idleTimeout in seconds' is 1.5",
    ],
    ['file', { file: 1 }, "'file' is 1; allowed: a path in the artifact"],
    ['size', { fileSize: 1 }, "'fileSize' is 1; allowed: a size"],
    ['prompt cache', { promptCache: 0 }, "'promptCache' is 0; allowed: a size"],
    ['image', { image: 5 }, "'image' is 5; allowed: an image pinned"],
    [
      'version',
      { version: ['b6500'], image: 'example.com/llama:1' },
      `'version' is ["b6500"]; allowed: a build`,
    ],
    ['arguments', { extraArgs: 'x', contextSize: 99999 }, 'a list of strings'],
    ['arguments', { extraArgs: [1], contextSize: 99999 }, 'a list of strings'],
  ])('%s is not %j', (_, props, message) => expect(() => made(props)).toThrow(message));

  test('a file of a repository is no number', () => {
    const props = (pipeline: Pipeline) => ({
      model: cache(pipeline.download, { store: sharedClaim() }).artifact,
      file: 1 as never,
    });
    expect(() => made(props)).toThrow("'model' is 'an artifact of format");
  });

  test('there are properties', () => {
    const make = (props: unknown) => () => new LlamaServer(pipelineFor().serve, 'chat', props as never);
    for (const props of [undefined, null, {}])
      expect(make(props)).toThrow("'model' is nothing; allowed: an artifact");
    expect(make('x')).toThrow("'props' is 'a string'; allowed: an object of properties");
  });
});
