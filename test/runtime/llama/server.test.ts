import * as fs from 'node:fs';
import * as path from 'node:path';
import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ModelArchitecture, ModelFacts, ModelSource, ModelStore, PhasedApp } from '../../../src';
import { LlamaServer } from '../../../src/constructs/llama-server';
import { FlashAttention, LlamaServerProps, Pooling } from '../../../src/constructs/llama-server-props';
import { CacheType } from '../../../src/engines/llama/cache-type';
import { llamaMemory } from '../../../src/engines/llama/memory';
import { LLAMA_METRICS } from '../../../src/engines/llama/metrics';
import { findLlama } from '../../doubles/llama';
import { GGUF_VOCABULARY, TINY_GGUF, writeGguf, writeGgufAdapter } from '../../support/gguf';
import { cache, COMMIT } from '../../support/models';
import { ServerStand } from '../../support/server-stand';
import { checkedObjects } from '../../support/servers';
import { temporaryFolder } from '../artifact/program';

// What runs here is the command of the container as the YAML has it.

const llama = findLlama();
const stands: ServerStand[] = [];
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.kill()));
});
jest.setTimeout(120_000);

const KEY = 'key-of-the-test';

/** A server of a model of which the folder holds these files. */
async function served(
  props:
    Partial<LlamaServerProps> | ((pipeline: ReturnType<PhasedApp['pipeline']>) => Partial<LlamaServerProps>),
  write: (folder: string) => void = (folder) => writeGguf(path.join(folder, 'tiny.gguf')),
): Promise<ServerStand> {
  const pipeline = new PhasedApp().pipeline('tiny', { namespace: 'llm' });
  const model = cache(pipeline.download, {
    source: ModelSource.huggingFace('org/Tiny-GGUF', {
      revision: COMMIT,
      include: ['*.gguf'],
    }),
    store: ModelStore.claim({ size: Size.gibibytes(1) }),
  }).artifact;
  new LlamaServer(pipeline.serve, 'chat', {
    model,
    image: `registry.example.com/llama.cpp:server-${llama?.version}`,
    memory: Size.gibibytes(1),
    cpu: '1',
    contextSize: 4096,
    ...(typeof props === 'function' ? props(pipeline) : props),
  });
  const objects = checkedObjects(pipeline);
  const claim = temporaryFolder();
  const folder = path.join(claim, model.path);
  fs.mkdirSync(folder, { recursive: true });
  write(folder);
  const name = objects.find(({ kind }) => kind === 'PersistentVolumeClaim')?.metadata.name ?? '';
  const stand = await ServerStand.of(objects, 'llama-server', {
    programs: llama ? { '/app/llama-server': llama.program('llama-server') } : {},
    claims: { [name]: claim },
    secrets: { 'llama/keys': `${KEY}\n` },
  });
  stands.push(stand);
  return stand;
}

async function ask(stand: ServerStand, where: string, body?: unknown, key?: string): Promise<Response> {
  return fetch(`${stand.url}${where}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

async function isProcessing(stand: ServerStand): Promise<boolean> {
  return /^llamacpp:requests_processing 1$/m.test(await (await ask(stand, '/metrics')).text());
}

const question = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 4 };

(llama ? describe : describe.skip)('llama-server, started as the YAML says', () => {
  it('finds the file, answers its probes and a question by its name, and has the metrics that are named', async () => {
    const stand = await served({ file: '*iny*.gguf', parallel: 2 });
    stand.start();
    await stand.ready();
    expect(await stand.probe('readinessProbe')).toBe(200);
    expect(await stand.probe('livenessProbe')).toBe(200);
    const answer = await (await ask(stand, '/v1/chat/completions', question)).json();
    expect(answer).toMatchObject({ model: 'tiny-gguf', usage: { completion_tokens: 4 } });
    const metrics = await (await ask(stand, LLAMA_METRICS.path)).text();
    const names = Object.values(LLAMA_METRICS).filter(
      (name): name is string => typeof name === 'string' && name !== LLAMA_METRICS.path,
    );
    for (const name of names) expect(metrics).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(metrics).toMatch(/^llamacpp:tokens_predicted_total 4$/m);
    expect(metrics).not.toMatch(/kv_cache/);
    expect(await stand.stop()).toBe(0);
  });

  it('says 503 while it loads, and 200 from then on', async () => {
    const large = { ...TINY_GGUF, dim: 8 };
    const stand = await served({}, (folder) => writeGguf(path.join(folder, 'large.gguf'), large, 150_000));
    stand.start();
    const before = await stand.ready();
    expect(before).toContain(503);
    expect(before.filter((status) => status !== undefined && status !== 503)).toEqual([]);
    expect(await stand.probe('startupProbe')).toBe(200);
  });

  it('asks for a key of the Secret, but not in its probes', async () => {
    const stand = await served((pipeline) => ({
      apiKey: { secret: Secret.fromSecretName(pipeline.serve, 'llama', 'llama'), key: 'keys' },
    }));
    stand.start();
    await stand.ready();
    expect((await ask(stand, '/v1/chat/completions', question)).status).toBe(401);
    expect((await ask(stand, '/metrics')).status).toBe(401);
    expect((await ask(stand, '/v1/chat/completions', question, KEY)).status).toBe(200);
    expect(stand.log).not.toContain(KEY);
    expect(await stand.preStop()).toBe(0);
  });

  it('is drained by its preStop hook: a request that is under way ends', async () => {
    const stand = await served({ contextSize: 16384, drainTimeout: Duration.minutes(5) });
    stand.start();
    await stand.ready();
    let answered = false;
    const long = ask(stand, '/completion', { prompt: 'x', n_predict: 6_000, ignore_eos: true }).then(
      async (answer) => {
        const { tokens_predicted: tokens } = (await answer.json()) as { tokens_predicted: number };
        answered = true;
        return tokens;
      },
    );
    while (!(await isProcessing(stand))) expect(answered).toBe(false);
    expect(await stand.preStop()).toBe(0);
    expect(await long).toBe(6_000);
    expect(await stand.stop()).toBe(0);
  });

  it('serves all models of a folder as a router, each loaded when it is asked for', async () => {
    const stand = await served({ router: { maxModels: 1 } }, (folder) => {
      writeGguf(path.join(folder, 'one.gguf'));
      fs.mkdirSync(path.join(folder, 'two'));
      writeGguf(path.join(folder, 'two', 'any-name.gguf'));
      fs.writeFileSync(path.join(folder, '.artifact.json'), '{}');
    });
    stand.start();
    await stand.ready();
    const { data } = (await (await ask(stand, '/v1/models')).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id).sort()).toEqual(['one', 'two']);
    for (const model of ['one', 'two']) {
      const answer = await (await ask(stand, '/v1/chat/completions', { ...question, model })).json();
      expect(answer).toMatchObject({ model, usage: { completion_tokens: 4 } });
    }
    expect(await stand.stop()).toBe(0);
  });

  it('takes a draft model and adapters of the same folder', async () => {
    const stand = await served(
      {
        file: 'tiny.gguf',
        draft: { file: 'draft.gguf', maxTokens: 4, minTokens: 1 },
        adapters: [{ file: 'one-*.gguf', scale: 0.5 }, { file: 'two-*.gguf' }],
      },
      (folder) => {
        writeGguf(path.join(folder, 'tiny.gguf'));
        writeGguf(path.join(folder, 'draft.gguf'));
        writeGgufAdapter(path.join(folder, 'one-lora.gguf'));
        writeGgufAdapter(path.join(folder, 'two-lora.gguf'));
      },
    );
    stand.start();
    await stand.ready();
    const adapters = await (await ask(stand, '/lora-adapters')).json();
    expect(adapters).toMatchObject([{ scale: 0.5 }, { scale: 1 }]);
    await ask(stand, '/completion', { prompt: 'hello', n_predict: 32, temperature: 0 });
    expect(await (await ask(stand, '/metrics')).text()).toMatch(
      /^llamacpp:spec_decode_num_drafts_total [1-9]/m,
    );
  });

  it.each([FlashAttention.ON, FlashAttention.OFF])(
    'takes the memory that is computed, with flash attention %s',
    async (flashAttention) => {
      const stand = await served({ parallel: 2, flashAttention, extraArgs: ['--log-verbosity', '5'] });
      stand.start();
      await stand.ready();
      const { dim, feedForward: hiddenDim, layers, heads, kvHeads, contextLength: maxSeqLen } = TINY_GGUF;
      const shape = { dim, hiddenDim, layers, heads, kvHeads, maxSeqLen, vocabSize: GGUF_VOCABULARY };
      const memory = llamaMemory({
        facts: ModelFacts.of({ ...shape, architecture: ModelArchitecture.LLAMA }),
        weightBytes: 0,
        contextTokens: 2 * 4096,
        parallel: 2,
        ubatchSize: 512,
        cacheTypeK: CacheType.F16,
        cacheTypeV: CacheType.F16,
        flashAttention: flashAttention === FlashAttention.ON,
      });
      const mib = (pattern: RegExp) => Number(pattern.exec(stand.log)?.[1]);
      expect(memory.kvCache / 1024 ** 2).toBeCloseTo(mib(/llama_kv_cache: size = +([\d.]+) MiB/), 2);
      const buffers = mib(/CPU compute buffer size = +([\d.]+) MiB/);
      expect(memory.compute / 1024 ** 2).toBeGreaterThanOrEqual(buffers);
      expect(memory.compute / 1024 ** 2).toBeLessThan(3 * buffers);
    },
  );

  it('takes what else can be said', async () => {
    const shape = { ...TINY_GGUF, dim: 128 };
    const props: Partial<LlamaServerProps> = {
      batchSize: 256,
      threads: 1,
      embeddings: true,
      pooling: Pooling.MEAN,
      flashAttention: FlashAttention.ON,
      cacheTypeK: CacheType.Q8_0,
      cacheTypeV: CacheType.Q4_0,
      promptCache: Size.mebibytes(16),
      jinja: false,
      webUi: true,
      alias: 'my/name:1',
      extraArgs: ['--rope-scaling', 'yarn', '--log_verbosity', '2', '--no-context-shift', '--seed', '-1'],
    };
    const stand = await served(props, (folder) => writeGguf(path.join(folder, 'wide.gguf'), shape));
    stand.start();
    await stand.ready();
    const { data, model } = (await (await ask(stand, '/v1/embeddings', { input: 'hi' })).json()) as {
      data: { embedding: number[] }[];
      model: string;
    };
    expect(data[0].embedding).toHaveLength(shape.dim);
    expect(model).toBe('my/name:1');
  });
});
