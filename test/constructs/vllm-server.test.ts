import { Duration, Size } from 'cdk8s';
import { ConfigMap, PersistentVolumeClaim, Secret } from 'cdk8s-plus-28';
import { Accelerator, Artifact, ModelArchitecture, ModelSource, NetworkPeer, Pipeline } from '../../src';
import { VllmServer } from '../../src/constructs/vllm-server';
import { ChatTemplate } from '../../src/constructs/chat-template';
import { KvRole, KvTransfer } from '../../src/constructs/vllm-server-kv-transfer';
import { VllmDtype, VllmServerProps } from '../../src/constructs/vllm-server-props';
import { SpeculativeDecoding } from '../../src/constructs/vllm-server-speculation';
import type { KubeObject } from '../../src/validation/kube-object';
import { cache, COMMIT, sharedClaim, tinyFacts } from '../support/models';
import { container, flagValues, ofKind, podSpec, texts, the, Untyped } from '../support/objects';
import { checkedObjects, pipelineFor, sharedModel } from '../support/servers';

type Given = Partial<VllmServerProps>;

const GPU = Accelerator.nvidia({ count: 1 });

function add(pipeline: Pipeline, props: Given | ((pipeline: Pipeline) => Given), id = 'chat'): VllmServer {
  const given = typeof props === 'function' ? props(pipeline) : props;
  return new VllmServer(pipeline.serve, id, { model: given.model ?? sharedModel(pipeline), ...given });
}

/** The objects of a server, all checked. */
function objects(
  props: Given | ((pipeline: Pipeline) => Given) = { accelerator: GPU },
  version = '1.31',
): KubeObject[] {
  const pipeline = pipelineFor(version);
  add(pipeline, props);
  return checkedObjects(pipeline, version);
}

function engine(props?: Given | ((pipeline: Pipeline) => Given)): Untyped {
  return container(the(objects(props), 'Deployment', 'qwen-chat'), 'vllm');
}

function args(props?: Given | ((pipeline: Pipeline) => Given)): string[] {
  return engine(props).args;
}

function environment(of: Untyped): Record<string, unknown> {
  return Object.fromEntries(of.env.map((each: Untyped) => [each.name, each.value ?? each.valueFrom]));
}

function refusal(props: Given | ((pipeline: Pipeline) => Given)): string {
  const pipeline = pipelineFor();
  try {
    add(pipeline, props);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

function other(pipeline: Pipeline, id: string, repository = `org/${id}`): Artifact {
  const source = ModelSource.huggingFace(repository, { revision: COMMIT });
  return cache(pipeline.download, { source, store: sharedClaim(), facts: tinyFacts() }, id).artifact;
}

/** A model with experts. */
function mixture(pipeline: Pipeline): Artifact {
  const facts = tinyFacts({
    architecture: ModelArchitecture.QWEN3_MOE,
    experts: 8,
    activeExperts: 2,
    moeHiddenDim: 128,
  });
  const source = ModelSource.huggingFace('org/mixture', { revision: COMMIT });
  return cache(pipeline.download, { source, store: sharedClaim(), facts }, 'mixture').artifact;
}

describe('what is run', () => {
  test('the command is written out, the model is a folder', () => {
    const { command, image, args: given } = engine();
    expect(image).toBe('docker.io/vllm/vllm-openai:v0.26.0');
    expect(command).toEqual(['vllm', 'serve']);
    expect(given[0]).toMatch(/^\/models\/qwen--qwen3-1.7b-[0-9a-f]{12}$/);
    expect(flagValues(given, '--served-model-name')).toEqual(['Qwen/Qwen3-1.7B']);
    expect(flagValues(given, '--port')).toEqual(['8000']);
    expect(flagValues(given, '--host')).toEqual(['0.0.0.0']);
  });

  test.each([
    [undefined, 'docker.io/vllm/vllm-openai-cpu:v0.26.0'],
    [Accelerator.amd({ count: 1, deviceGroups: [] }), 'docker.io/vllm/vllm-openai-rocm:v0.26.0'],
    [Accelerator.intel({ count: 1, deviceGroups: [] }), 'docker.io/vllm/vllm-openai-xpu:v0.26.0'],
    [Accelerator.tpu({ type: 'tpu-v6e-slice', topology: '2x2' } as never), 'docker.io/vllm/vllm-tpu:v0.26.0'],
  ])('the image is that for the devices: %#', (accelerator, image) => {
    expect(engine({ accelerator }).image).toBe(image);
  });

  test('for Gaudi an image has to be named', () => {
    const accelerator = Accelerator.gaudi({ count: 1 });
    expect(refusal({ accelerator })).toContain('vault.habana.ai');
    const image =
      'vault.habana.ai/gaudi-docker/1.24.1/ubuntu24.04/habanalabs/vllm-0.26.0-ptupstream:1.24.1-14';
    expect(engine({ accelerator, image }).image).toBe(image);
  });

  test('no hub is asked, nobody is told, and each folder that is written is a volume', () => {
    const of = engine();
    const variables = environment(of);
    expect(variables).toMatchObject({
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_OFFLINE: '1',
      VLLM_NO_USAGE_STATS: '1',
      DO_NOT_TRACK: '1',
      USER: 'vllm',
    });
    const mounted = of.volumeMounts
      .filter((each: Untyped) => !each.readOnly)
      .map((each: Untyped) => each.mountPath);
    const folders = Object.entries(variables).filter(([name]) => /HOME|ROOT|CACHE|DIR|BASE/.test(name));
    expect(folders.length).toBeGreaterThan(9);
    for (const [, folder] of folders) {
      expect(mounted.some((path: string) => folder === path || String(folder).startsWith(`${path}/`))).toBe(
        true,
      );
    }
    expect(the(objects(), 'NetworkPolicy', 'qwen-chat-server').spec.egress).toEqual([]);
  });

  test('it is asked for its health, which it tells when it can serve', () => {
    const { startupProbe, readinessProbe, livenessProbe } = engine();
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      expect(probe.httpGet).toEqual({ path: '/health', port: 'http' });
    }
    expect(livenessProbe.failureThreshold * livenessProbe.periodSeconds).toBeGreaterThanOrEqual(60);
    expect(startupProbe.failureThreshold * startupProbe.periodSeconds).toBeGreaterThan(900);
  });

  test('a TPU compiles for longer', () => {
    const accelerator = Accelerator.tpu({ type: 'tpu-v6e-slice', topology: '2x2' } as never);
    const { startupProbe } = engine({ accelerator });
    expect(startupProbe.failureThreshold * startupProbe.periodSeconds).toBeGreaterThan(2400);
  });

  test('it asks for the storage that a start writes, and may write more', () => {
    const storage = ({ resources }: Untyped) =>
      ['requests', 'limits'].map((list) => resources[list]['ephemeral-storage']);
    expect(storage(engine())).toEqual(['1664Mi', '15680Mi']);
    const { requests, limits } = engine().resources;
    expect(requests.memory).toBe(limits.memory);
  });

  test('the first engine keeps requests that wait in memory of the pod', () => {
    const memory = (image: string) => engine({ accelerator: GPU, image }).resources.limits.memory;
    expect(memory('docker.io/vllm/vllm-openai:v0.10.2')).toBe('16Gi');
    expect(memory('docker.io/vllm/vllm-openai:v0.11.0')).toBe('12Gi');
  });

  test('what it offers', () => {
    const pipeline = pipelineFor();
    const server = add(pipeline, {
      accelerator: GPU,
      servedModelNames: ['llama-3.1-8b', 'chat'],
      image: 'docker.io/vllm/vllm-openai:v0.19.0',
    });
    expect(server.serviceName).toBe('qwen-chat');
    expect(server.endpoint).toBe('http://qwen-chat.llm.svc:8080/v1');
    expect(server.modelNames).toEqual(['llama-3.1-8b', 'chat']);
    expect(server.version).toBe('0.19.0');
  });

  test.each(['1.28', '1.31', '1.34'])('all of it passes the checks for Kubernetes %s', (version) => {
    expect(objects({ accelerator: GPU, replicas: 2 }, version).length).toBeGreaterThan(4);
  });
});

describe('how a request ends with its pod', () => {
  test('the engine waits for requests since 0.18.0, as long as it is told', () => {
    const workload = the(objects({ accelerator: GPU, drainTimeout: Duration.seconds(300) }), 'Deployment');
    const { terminationGracePeriodSeconds: grace } = podSpec(workload);
    const of = container(workload, 'vllm');
    expect(flagValues(of.args, '--shutdown-timeout')).toEqual(['300']);
    expect(grace).toBeGreaterThan(300 + of.lifecycle.preStop.sleep.seconds);
  });

  test('before, the pod waits with the end of the process until there are no requests', () => {
    const image = 'docker.io/vllm/vllm-openai:v0.17.1';
    const given = { accelerator: GPU, image, drainTimeout: Duration.seconds(300) };
    const found = objects(given);
    const workload = the(found, 'Deployment');
    const of = container(workload, 'vllm');
    expect(of.args).not.toContain('--shutdown-timeout');
    expect(of.lifecycle.preStop.exec.command).toEqual([
      'python3',
      '/opt/drain/drain.py',
      '8000',
      '300',
      'vllm:num_requests_running',
      'vllm:num_requests_waiting',
    ]);
    expect(of.volumeMounts).toContainEqual({ name: 'drain', mountPath: '/opt/drain', readOnly: true });
    const { data } = the(found, 'ConfigMap', /^qwen-chat-drain-/) as unknown as { data: object };
    expect(Object.keys(data)).toEqual(['drain.py']);
    expect(podSpec(workload).terminationGracePeriodSeconds).toBeGreaterThan(310);

    const silent = the(objects({ ...given, extraArgs: ['--disable-log-stats'] }), 'Deployment');
    expect(container(silent, 'vllm').lifecycle.preStop.sleep.seconds).toBeGreaterThanOrEqual(300);
  });

  test('a timeout that is none is refused', () => {
    expect(refusal({ accelerator: GPU, drainTimeout: 30 as never })).toContain("'drainTimeout'");
  });
});

describe('properties become arguments', () => {
  test('each as it is', () => {
    const given = args((pipeline) => ({
      model: mixture(pipeline),
      accelerator: GPU,
      maxModelLen: 2048,
      dtype: VllmDtype.BFLOAT16,
      quantization: 'fp8',
      kvCacheDtype: 'fp8',
      gpuMemoryUtilization: 0.85,
      prefixCaching: false,
      chunkedPrefill: false,
      maxNumSeqs: 32,
      maxNumBatchedTokens: 4096,
      enforceEager: true,
      toolCallParser: 'hermes',
      reasoningParser: 'qwen3',
      trustRemoteCode: true,
      logRequests: true,
      expertParallel: true,
      extraArgs: ['--max-logprobs', '5'],
    }));
    expect(given).toEqual(
      expect.arrayContaining([
        ...['--max-model-len', '2048', '--dtype', 'bfloat16', '--quantization', '--kv-cache-dtype', 'fp8'],
        ...['--gpu-memory-utilization', '0.85', '--no-enable-prefix-caching', '--no-enable-chunked-prefill'],
        ...[
          '--max-num-seqs',
          '32',
          '--max-num-batched-tokens',
          '--enforce-eager',
          '--enable-auto-tool-choice',
        ],
        ...['--tool-call-parser', 'hermes', '--reasoning-parser', 'qwen3', '--trust-remote-code'],
        ...['--enable-log-requests', '--enable-expert-parallel'],
      ]),
    );
    expect(given.slice(-2)).toEqual(['--max-logprobs', '5']);
  });

  test('the key is a variable from a Secret', () => {
    const found = objects((pipeline) => ({
      accelerator: GPU,
      apiKey: { secret: Secret.fromSecretName(pipeline.serve, 'key', 'api-key'), key: 'token' },
    }));
    const of = container(the(found, 'Deployment'), 'vllm');
    expect(environment(of).VLLM_API_KEY).toEqual({ secretKeyRef: { name: 'api-key', key: 'token' } });
    expect(of.args).not.toContain('--api-key');
    expect(texts(the(found, 'Deployment').metadata)).toEqual(
      expect.arrayContaining([expect.stringContaining('api-key/token=')]),
    );
  });

  test('a template is a file of a ConfigMap that is named after it', () => {
    const found = objects({ accelerator: GPU, chatTemplate: ChatTemplate.text('{{ messages }}') });
    const template = the(found, 'ConfigMap', /chat-template/);
    expect(template.metadata.name).toMatch(/^qwen-chat-chat-template-[0-9a-f]{8}$/);
    expect((template as Untyped).data).toEqual({ 'template.jinja': '{{ messages }}' });
    const of = container(the(found, 'Deployment'), 'vllm');
    expect(flagValues(of.args, '--chat-template')).toEqual(['/etc/vllm/chat-template/template.jinja']);
    expect(of.volumeMounts).toContainEqual({
      name: 'chat-template',
      mountPath: '/etc/vllm/chat-template',
      readOnly: true,
    });
    const changed = objects({ accelerator: GPU, chatTemplate: ChatTemplate.text('{{ other }}') });
    expect(the(changed, 'ConfigMap', /chat-template/).metadata.name).not.toBe(template.metadata.name);
  });

  test("or a key of somebody else's ConfigMap", () => {
    const found = objects((pipeline) => ({
      accelerator: GPU,
      chatTemplate: ChatTemplate.configMap(
        ConfigMap.fromConfigMapName(pipeline.serve, 'templates', 'templates'),
        'llama.jinja',
      ),
    }));
    expect(podSpec(the(found, 'Deployment')).volumes).toContainEqual({
      name: 'chat-template',
      configMap: { name: 'templates', items: [{ key: 'llama.jinja', path: 'template.jinja' }] },
    });
  });

  test('a template is checked', () => {
    expect(() => ChatTemplate.text(' ')).toThrow('a Jinja template');
    expect(() => ChatTemplate.file('no/such/file.jinja')).toThrow('no such file');
    expect(ChatTemplate.file('package.json')._spec).toMatchObject({ kind: 'text' });
    expect(() => ChatTemplate.configMap('templates' as never, 'a')).toThrow('a ConfigMap of cdk8s-plus');
  });

  test.each([
    [{ maxModelLen: 0 }, 'maxModelLen'],
    [{ maxNumSeqs: 1.5 }, 'maxNumSeqs'],
    [{ gpuMemoryUtilization: 1.1 }, 'gpuMemoryUtilization'],
    [{ dtype: 'fp16' as never }, 'dtype'],
    [{ quantization: '--trust-remote-code' }, 'quantization'],
    [{ toolCallParser: 'hermes; rm' }, 'toolCallParser'],
    [{ servedModelNames: [] }, 'servedModelNames'],
    [{ servedModelNames: ['--x'] }, 'servedModelNames[0]'],
    [{ servedModelNames: ['a', 'a'] }, 'servedModelNames[1]'],
    [{ maxLoras: 2 }, 'maxLoras'],
    [{ enforceEager: 'false' as never }, 'enforceEager'],
    [{ cpuKvCache: Size.gibibytes(4) }, 'cpuKvCache'],
    [{ networkInterface: 'eth0; reboot' }, 'networkInterface'],
    [{ version: 'newest' }, 'version'],
    [{ env: { VLLM_PORT: '1' } }, 'VLLM_PORT'],
    [{ env: { HOME: '/root' } }, 'HOME'],
  ])('%j is refused', (props, field) => {
    expect(refusal({ accelerator: GPU, ...(props as Given) })).toContain(field);
  });
});

describe('the version', () => {
  test('has to be told where the tag does not tell it', () => {
    const image = 'registry.example.com/vllm:nightly-0123abc';
    expect(refusal({ accelerator: GPU, image })).toContain("version: '0.19.0'");
    expect(args({ accelerator: GPU, image, version: '0.17.0' })).not.toContain('--shutdown-timeout');
  });

  test.each([
    ['v0.7.0', { reasoningParser: 'deepseek_r1' }, "'reasoningParser'", '0.7.1'],
    ['v0.8.2', { dataParallel: 2, accelerator: Accelerator.nvidia({ count: 2 }) }, "'dataParallel'", '0.8.3'],
    ['v0.8.0', { chunkedPrefill: false }, "'chunkedPrefill'", '0.8.5'],
    ['v0.10.1', { nodes: 2 }, "'nodes'", '0.12.0'],
    ['v0.21.0', { kvTransfer: KvTransfer.cpuMemory(Size.gibibytes(8)) }, "'kvTransfer'", '0.22.0'],
    ['v0.8.1', { speculative: SpeculativeDecoding.ngram({ tokens: 4 }) }, "'speculative'", '0.8.2'],
  ])('%s cannot %j', (tag, props, field, since) => {
    const message = refusal({
      accelerator: GPU,
      image: `docker.io/vllm/vllm-openai:${tag}`,
      ...(props as Given),
    });
    expect(message).toContain(field);
    expect(message).toContain(since);
  });

  test('v0.7.3 cannot divide by experts', () => {
    const image = 'docker.io/vllm/vllm-openai:v0.7.3';
    expect(refusal((p) => ({ accelerator: GPU, image, model: mixture(p), expertParallel: true }))).toMatch(
      /'expertParallel' is .* before 0\.8\.0/,
    );
  });

  test('a flag that is gone is refused, with what took its place', () => {
    const message = refusal({ accelerator: GPU, extraArgs: ['--speculative-model', 'x'] });
    expect(message).toContain("'extraArgs' is '--speculative-model'");
    expect(message).toContain('--speculative-config');
  });

  test('a flag that the construct sets is refused, with its property', () => {
    expect(refusal({ accelerator: GPU, extraArgs: ['--port', '1'] })).toContain("'port'");
    expect(refusal({ accelerator: GPU, maxModelLen: 512, extraArgs: ['--max-model-len=1024'] })).toContain(
      'maxModelLen',
    );
    expect(refusal({ accelerator: GPU, extraArgs: ['-tp', '2'] })).toContain('tensorParallel');
    expect(args({ accelerator: GPU, extraArgs: ['--max-model-len', '1k'] })).toContain('1k');
  });

  test('what must not be said by arguments is refused', () => {
    expect(refusal({ accelerator: GPU, extraArgs: ['--api-key', 'x'] })).toContain('apiKey');
    expect(refusal({ accelerator: GPU, extraArgs: ['--trust-remote-code'] })).toContain('trustRemoteCode');
  });
});

describe('adapters and drafts', () => {
  test('adapters are artifacts of their own, which the pod waits for', () => {
    const found = objects((pipeline) => ({
      accelerator: GPU,
      adapters: [
        { name: 'legal', adapter: other(pipeline, 'legal') },
        { name: 'org/medical', adapter: other(pipeline, 'medical') },
      ],
      maxLoraRank: 64,
    }));
    const of = container(the(found, 'Deployment'), 'vllm');
    expect(of.args).toContain('--enable-lora');
    expect(flagValues(of.args, '--max-lora-rank')).toEqual(['64']);
    expect(flagValues(of.args, '--max-loras')).toEqual(['2']);
    expect(flagValues(of.args, '--lora-modules')).toEqual([
      expect.stringMatching(/^legal=\/models-1\/org--legal-[0-9a-f]{12}$/),
      expect.stringMatching(/^org\/medical=\/models-2\/org--medical-[0-9a-f]{12}$/),
    ]);
    expect(
      the(found, 'Deployment').metadata.annotations!['cdk8s-llm/needs-artifact'].split(' '),
    ).toHaveLength(3);
  });

  test('their names are names of models too', () => {
    const pipeline = pipelineFor();
    const server = add(pipeline, {
      accelerator: GPU,
      adapters: [{ name: 'legal', adapter: other(pipeline, 'legal') }],
    });
    expect(server.modelNames).toEqual(['Qwen/Qwen3-1.7B', 'legal']);
  });

  test.each(['', '-x', 'a=b', '{"a": 1}', 'a b'])("an adapter cannot be called '%s'", (name) => {
    const message = refusal((pipeline) => ({
      accelerator: GPU,
      adapters: [{ name, adapter: other(pipeline, 'a') }],
    }));
    expect(message).toContain('adapters[0].name');
  });

  test('nor as the model', () => {
    const message = refusal((pipeline) => ({
      accelerator: GPU,
      servedModelNames: ['chat'],
      adapters: [{ name: 'chat', adapter: other(pipeline, 'a') }],
    }));
    expect(message).toContain('servedModelNames[0]');
  });

  test('a draft model is an artifact', () => {
    const given = args((pipeline) => ({
      accelerator: GPU,
      speculative: SpeculativeDecoding.draftModel({ model: other(pipeline, 'draft'), tokens: 5 }),
    }));
    expect(JSON.parse(flagValues(given, '--speculative-config')[0])).toEqual({
      method: 'draft_model',
      model: expect.stringMatching(/^\/models-1\/org--draft-/),
      num_speculative_tokens: 5,
    });
  });

  test('what guesses ahead is checked', () => {
    expect(() => SpeculativeDecoding.ngram({ tokens: 0 })).toThrow("'tokens' is 0");
    expect(() => SpeculativeDecoding.ngram({ tokens: 2, longest: 2, shortest: 3 })).toThrow(
      "'shortest' is 3",
    );
    expect(() => SpeculativeDecoding.draftModel({ model: 'x' as never, tokens: 2 })).toThrow('an artifact');
    expect(SpeculativeDecoding.multiTokenPrediction(1)._speculation).toEqual({ method: 'mtp', tokens: 1 });
  });
});

describe('GGUF', () => {
  const gguf = (pipeline: Pipeline): Artifact => other(pipeline, 'gguf', 'org/Model-GGUF');
  const image = 'docker.io/vllm/vllm-openai:v0.19.0';

  test('one file is read until 0.23', () => {
    const given = args((p) => ({ accelerator: GPU, image, model: gguf(p), modelFile: 'model-Q4_K_M.gguf' }));
    expect(given[0]).toMatch(/^\/models\/org--model-gguf-[0-9a-f]{12}\/model-Q4_K_M.gguf$/);
  });

  test('no more since, none that is split, none of another kind', () => {
    const refused = (more: Given) => refusal((p) => ({ accelerator: GPU, image, model: gguf(p), ...more }));
    expect(refused({ modelFile: 'a.gguf', image: 'docker.io/vllm/vllm-openai:v0.24.0' })).toContain(
      'LlamaServer',
    );
    expect(refused({ modelFile: 'a-00001-of-00002.gguf' })).toContain('not split');
    expect(refused({ modelFile: 'model.safetensors' })).toContain("'modelFile'");
    expect(refused({ modelFile: '../a.gguf' })).toContain("'modelFile'");
  });
});

describe('without devices', () => {
  test('threads are as many as CPUs, and the cache is counted', () => {
    const of = engine({ cpu: '12', cpuKvCache: Size.gibibytes(16) });
    expect(environment(of)).toMatchObject({
      VLLM_CPU_KVCACHE_SPACE: '16',
      VLLM_CPU_OMP_THREADS_BIND: 'nobind',
      OMP_NUM_THREADS: '12',
    });
    const least = 4063479808 / 1024 ** 2 + (16 + 8) * 1024;
    expect(parseInt(of.resources.limits.memory, 10)).toBeGreaterThan(least);
    expect(of.resources.limits.memory).toMatch(/Mi$/);
    expect(of.resources.limits.cpu).toBe('12');
  });

  test('processes share the CPUs', () => {
    const of = engine({ cpu: '12', tensorParallel: 2 });
    expect(environment(of)).toMatchObject({ OMP_NUM_THREADS: '6' });
  });

  test('where the size of an adapter is not known it says so', () => {
    const message = refusal((pipeline) => {
      const source = ModelSource.huggingFace('org/sql', { revision: COMMIT });
      const { artifact } = cache(pipeline.download, { source, store: sharedClaim() }, 'sql');
      return { adapters: [{ name: 'sql', adapter: artifact }] };
    });
    expect(message).toContain('Give memory, as the size of adapter sql is not known');
  });

  test('too little memory is refused, with the arithmetic', () => {
    const message = refusal({ memory: Size.gibibytes(8) });
    expect(message).toContain('of weights');
    expect(message).toContain('of key-value cache');
  });

  test('threads can be bound', () => {
    expect(environment(engine({ cpuThreads: '0-7|8-15' }))).toMatchObject({
      VLLM_CPU_OMP_THREADS_BIND: '0-7|8-15',
    });
    expect(refusal({ cpuThreads: 'all of them' })).toContain("'cpuThreads'");
    expect(refusal({ cpuThreads: 'nobind', image: 'docker.io/vllm/vllm-openai-cpu:v0.10.0' })).toContain(
      '0.11.1',
    );
    expect(environment(engine({ image: 'docker.io/vllm/vllm-openai-cpu:v0.10.0' }))).not.toHaveProperty(
      'VLLM_CPU_OMP_THREADS_BIND',
    );
  });

  test('the share of a device is refused, and a cache that is not whole', () => {
    expect(refusal({ gpuMemoryUtilization: 0.5 })).toContain("'cpuKvCache'");
    expect(refusal({ cpuKvCache: Size.mebibytes(1500) })).toContain('whole gibibytes');
  });
});

describe('how the model is divided', () => {
  const l4 = (count: number) => Accelerator.nvidia({ count, product: 'NVIDIA-L4' });
  const divided = (props: Given) => {
    const given = args(props);
    return ['tensor', 'pipeline', 'data'].map((kind) => flagValues(given, `--${kind}-parallel-size`)[0]);
  };

  test.each([
    [{ accelerator: l4(1) }, ['1', undefined, undefined]],
    [{ accelerator: l4(4) }, ['4', undefined, undefined]],
    [{ accelerator: l4(8), tensorParallel: 2 }, ['2', '4', undefined]],
    [{ accelerator: l4(8), pipelineParallel: 4 }, ['2', '4', undefined]],
    [{ accelerator: l4(8), dataParallel: 2 }, ['4', undefined, '2']],
    [{ tensorParallel: 2 }, ['2', undefined, undefined]],
  ])('%#: all devices are used', (props, sizes) => {
    expect(divided(props)).toEqual(sizes);
  });

  test('processes of one pod share memory', () => {
    const shm = (props: Given) =>
      podSpec(the(objects(props), 'Deployment')).volumes.find((volume: Untyped) => volume.name === 'shm');
    expect(shm({ accelerator: l4(1) })).toBeUndefined();
    expect(shm({ accelerator: l4(2) }).emptyDir).toEqual({ medium: 'Memory', sizeLimit: '2Gi' });
    expect(shm({ accelerator: Accelerator.amd({ count: 2, deviceGroups: [] }) }).emptyDir.sizeLimit).toBe(
      '8Gi',
    );
    expect(shm({ accelerator: l4(2), sharedMemory: Size.gibibytes(20) }).emptyDir.sizeLimit).toBe('20Gi');
  });

  test('what does not use all devices, or cannot divide the heads, is refused with what can', () => {
    expect(refusal({ accelerator: l4(8), tensorParallel: 4, pipelineParallel: 1 })).toContain('4 x 2');
    const heads = refusal({ accelerator: l4(3) });
    expect(heads).toContain("'tensorParallel' is 3");
    expect(heads).toContain('16 attention heads');
  });

  test('what does not fit the devices is refused with what does', () => {
    const message = refusal((pipeline) => ({
      model: cache(pipeline.download, {
        source: ModelSource.huggingFace('Qwen/Qwen3-32B', { revision: COMMIT }),
        store: sharedClaim(),
      }).artifact,
      accelerator: l4(1),
    }));
    expect(message).toContain("'accelerator'");
    expect(message).toMatch(/What would fit: .*4 such devices/);
  });

  test('a context that does not fit is refused with the longest that does', () => {
    const long = {
      accelerator: Accelerator.nvidia({ count: 1, memory: Size.gibibytes(8) }),
      maxModelLen: 40960,
    };
    const message = refusal(long);
    expect(message).toContain("'maxModelLen' is 40960");
    const fits = Number(/a context of at most (\d+) tokens/.exec(message)![1]);
    expect(args({ ...long, maxModelLen: fits })).toContain(String(fits));
    expect(refusal({ ...long, maxModelLen: fits + 1 })).toContain("'maxModelLen'");
    expect(args({ ...long, kvCacheDtype: 'fp8', maxModelLen: 2 * fits })).toContain(String(2 * fits));
    expect(args({ ...long, maxModelLen: undefined, extraArgs: ['--max_model_len=1k'] })).toContain(
      '--max_model_len=1k',
    );
    expect(args({ ...long, extraArgs: ['--cpu-offload-gb', '4'], memory: Size.gibibytes(48) })).toContain(
      '40960',
    );
  });
});

describe('caches', () => {
  test('what is compiled can outlive the pod', () => {
    const found = objects((pipeline) => ({
      accelerator: GPU,
      compileCache: { claim: PersistentVolumeClaim.fromClaimName(pipeline.serve, 'cache', 'compiled') },
    }));
    const pod = podSpec(the(found, 'Deployment'));
    expect(pod.volumes).toContainEqual({ name: 'cache', persistentVolumeClaim: { claimName: 'compiled' } });
    expect(container(the(found, 'Deployment'), 'vllm').volumeMounts).toContainEqual({
      name: 'cache',
      mountPath: '/var/cache/vllm',
      subPath: 'qwen-chat',
    });
    expect((the(found, 'Deployment') as Untyped).spec.strategy).toEqual({ type: 'Recreate' });
  });

  test('of a claim that one node can mount there is one user', () => {
    const many = (shared: boolean) => (pipeline: Pipeline) => ({
      accelerator: GPU,
      replicas: 2,
      compileCache: {
        claim: PersistentVolumeClaim.fromClaimName(pipeline.serve, 'cache', 'compiled'),
        shared,
      },
    });
    expect(refusal(many(false))).toContain('ReadWriteMany');
    expect(ofKind(objects(many(true)), 'Deployment')).toHaveLength(1);
  });

  test.each(['/a', 'a/', '../a', 'a:b'])("its folder cannot be '%s'", (folder) => {
    const message = refusal((pipeline) => ({
      accelerator: GPU,
      compileCache: {
        claim: PersistentVolumeClaim.fromClaimName(pipeline.serve, 'cache', 'compiled'),
        folder,
      },
    }));
    expect(message).toContain('compileCache.folder');
  });

  test('memory of the node for the key-value cache is memory of the pod', () => {
    const memory = (props: Given) => engine({ accelerator: GPU, ...props }).resources.limits.memory;
    expect(memory({})).toBe('12Gi');
    expect(memory({ kvTransfer: KvTransfer.cpuMemory(Size.gibibytes(64)) })).toBe('76Gi');
    const of = engine({ accelerator: GPU, kvTransfer: KvTransfer.lmCache(Size.gibibytes(20)) });
    expect(environment(of).LMCACHE_MAX_LOCAL_CPU_SIZE).toBe('20');
    expect(of.resources.limits.memory).toBe('32Gi');
  });
});

describe('prefill and decode as two servers', () => {
  const pair = () => {
    const pipeline = pipelineFor();
    const model = sharedModel(pipeline);
    const shared = { model, accelerator: GPU, allowFrom: [NetworkPeer.pods({ app: 'router' })] };
    const prefill = add(
      pipeline,
      { ...shared, kvTransfer: KvTransfer.nixl({ role: KvRole.PREFILL, peers: ['qwen-decode'] }) },
      'prefill',
    );
    add(
      pipeline,
      { ...shared, kvTransfer: KvTransfer.nixl({ role: KvRole.DECODE, peers: [prefill.serviceName] }) },
      'decode',
    );
    return checkedObjects(pipeline);
  };

  test.each([
    ['prefill', 'kv_producer', 'qwen-decode'],
    ['decode', 'kv_consumer', 'qwen-prefill'],
  ])('%s is %s, and open to %s', (role, kvRole, peer) => {
    const found = pair();
    const of = container(the(found, 'Deployment', `qwen-${role}`), 'vllm');
    expect(JSON.parse(flagValues(of.args, '--kv-transfer-config')[0])).toEqual({
      kv_connector: 'NixlConnector',
      kv_role: kvRole,
    });
    expect(environment(of)).toMatchObject({
      VLLM_NIXL_SIDE_CHANNEL_HOST: { fieldRef: { fieldPath: 'status.podIP' } },
      VLLM_NIXL_SIDE_CHANNEL_PORT: '5600',
    });
    const { ingress, egress } = the(found, 'NetworkPolicy', `qwen-${role}-server`).spec;
    const labels = { 'app.kubernetes.io/name': 'vllm', 'app.kubernetes.io/instance': peer };
    const opening = [{ podSelector: { matchLabels: labels } }];
    expect(ingress).toContainEqual({ from: opening });
    expect(egress).toEqual([{ to: opening }]);
  });

  test('what is told of them is checked', () => {
    expect(() => KvTransfer.nixl({ role: 'both' as never, peers: ['a'] })).toThrow('prefill, decode');
    expect(() => KvTransfer.nixl({ role: KvRole.DECODE, peers: [] })).toThrow('at least one other server');
    expect(() => KvTransfer.nixl({ role: KvRole.DECODE, peers: ['http://a'] })).toThrow(
      'the name of a Service',
    );
    expect(() => KvTransfer.lmCache(Size.mebibytes(10))).toThrow('1 GiB or more');
  });
});
