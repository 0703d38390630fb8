import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DllamaConverter } from '../../../src/constructs/dllama-converter';
import { FloatType } from '../../../src/engines/dllama/float-type';
import type { ModelFacts } from '../../../src/engines/model-facts';
import { readJson } from '../convert/convert';
import { GOOD_SCRIPTS, MODEL_SCRIPT, TOKENIZER_SCRIPT } from './scripts';
import { ended, expectComplete, expectNothing, MODEL, PROGRAMS, said, Stand, TOKENIZER } from './stand';

const stand = new Stand();
let input: string;

beforeAll(async () => {
  await stand.start('qwen3');
  input = stand.input();
});
afterEach(() => stand.server.reset());
afterAll(() => stand.stop());

const fresh = (): string => stand.workplace.freshPath();

/** Runs with other scripts than the good ones. */
function withScripts(scripts: Record<string, string>): void {
  stand.server.scripts = { ...GOOD_SCRIPTS, ...scripts };
}

it('runs the scripts of the tag, and publishes what they wrote', async () => {
  const output = fresh();
  const outcome = await stand.run(input, output);
  expect(outcome).toMatchObject({
    code: 0,
    result: { files: 2, key: 'child', model: MODEL, tokenizer: TOKENIZER },
  });
  expect(outcome.stdout).toMatch(/fetched 4 scripts of distributed-llama v0\.16\.2, checksums are right/);
  // Their progress is passed on.
  expect(outcome.stdout).toMatch(/^\d\d:\d\d:\d\dZ 🔶 Writing tensor model\.embed_tokens\.weight/m);
  expect(stand.server.requests.sort()).toEqual(
    Object.keys(GOOD_SCRIPTS)
      .map((name) => `/v0.16.2/${name}`)
      .sort(),
  );
  expectComplete(output);
  const marker = readJson(output, '.artifact.json');
  expect(marker).toMatchObject({
    format: 1,
    key: 'child',
    parents: ['parent'],
    licence: 'apache-2.0',
    source: {
      type: 'dllama-conversion',
      converter: 'upstream/v0.16.2',
      weights: 'q40',
      name: 'tiny',
      from: { type: 'hugging-face', repository: 'org/tiny' },
    },
  });
  expect(marker.source.converter).toBe(DllamaConverter.upstream()._spec.id);
  expect(marker.bytes).toBe(outcome.result.bytes);
});

it('does nothing when the output is complete', async () => {
  const output = fresh();
  await stand.run(input, output);
  stand.server.requests = [];
  const again = await stand.run(input, output);
  expect(again.code).toBe(0);
  expect(stand.server.requests).toEqual([]);
  expectComplete(output);
});

it('gives the scripts what they need on a read-only root file system', async () => {
  const tell = `
import os, tempfile
print('home is here: %s' % (os.environ['HOME'] == os.getcwd() == tempfile.gettempdir()))
print('offline: ' + os.environ['HF_HUB_OFFLINE'], 'threads: ' + os.environ['OMP_NUM_THREADS'])
print('packages: ' + os.environ['PYTHONPATH'])
`;
  withScripts({ [MODEL_SCRIPT]: tell + GOOD_SCRIPTS[MODEL_SCRIPT] });
  const output = fresh();
  const { code, stdout } = await stand.run(input, output, {
    args: { threads: '3' },
    env: { PYTHONPATH: '/packages' },
  });
  expect(code).toBe(0);
  expect(stdout).toContain('home is here: True');
  expect(stdout).toContain('offline: 1 threads: 3');
  expect(stdout).toContain('packages: /packages');
  expectComplete(output);
});

describe('a script that fails', () => {
  it('ends the run for good with its last words', async () => {
    withScripts({
      [MODEL_SCRIPT]:
        "open('dllama_model_tiny_q40.m', 'wb').write(b'half')\nraise Exception('Layer x not found')\n",
    });
    const output = fresh();
    const { code, result } = await stand.run(input, output);
    expect(code).toBe(64);
    expect(result).toMatchObject({ code: 64, retryable: false });
    expect(result.error).toMatch(
      /upstream's convert-hf\.py failed \(exit 1\); its last lines: .*Exception: Layer x not found/,
    );
    expectNothing(output);
  });

  it('is run before the long work when it is the one for the tokenizer', async () => {
    withScripts({ [TOKENIZER_SCRIPT]: "raise Exception('Tokenizer X is not supported')\n" });
    const output = fresh();
    const { code, stdout } = await stand.run(input, output);
    expect(code).toBe(64);
    expect(stdout).toMatch(/convert-tokenizer-hf\.py failed .*Tokenizer X is not supported/);
    expect(stdout).not.toContain('Writing tensor');
    expectNothing(output);
  });

  it.each([
    ['a full disk', 73, "raise OSError(28, 'No space left on device')"],
    [
      'a full disk that a library tells of',
      73,
      "raise RuntimeError('write failed: No space left on device')",
    ],
    ['no access', 77, "raise PermissionError(13, 'Permission denied')"],
    ['a disk that fails', 75, "raise OSError(5, 'Input/output error')"],
    ['a crash', 75, 'import os, signal; os.kill(os.getpid(), signal.SIGSEGV)'],
  ])('%s ends the run with %d', async (_what, code, script) => {
    withScripts({ [MODEL_SCRIPT]: script });
    const output = fresh();
    const outcome = await stand.run(input, output);
    expect(outcome.code).toBe(code);
    expect(outcome.result).toMatchObject({ code, retryable: code === 75 });
    expectNothing(output);
  });
});

describe('a script that is killed', () => {
  const KILL = 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)';

  it('by the memory limit ends the run for good, and the message says what to raise', async () => {
    const events = path.join(stand.workplace.folder, 'memory.events');
    fs.writeFileSync(events, 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n');
    withScripts({
      [MODEL_SCRIPT]: `open('${events}', 'w').write('low 0\\nhigh 0\\nmax 99\\noom 2\\noom_kill 2\\n')\n${KILL}\n`,
    });
    const output = fresh();
    const { code, stdout } = await stand.run(input, output, {
      patches: { 'tool.MEMORY_EVENTS': events },
    });
    expect(code).toBe(64);
    expect(stdout).toMatch(/ended by SIGKILL, out of memory: raise the memory of the conversion/);
    expectNothing(output);
  });

  it('by anything else may be tried again', async () => {
    const events = path.join(stand.workplace.folder, 'memory.events');
    fs.writeFileSync(events, 'oom 1\n');
    withScripts({ [MODEL_SCRIPT]: KILL });
    const output = fresh();
    const { code, stdout } = await stand.run(input, output, {
      patches: { 'tool.MEMORY_EVENTS': events },
    });
    expect(code).toBe(75);
    expect(stdout).toMatch(/ended by SIGKILL \(perhaps the node is short of memory\)/);
    expectNothing(output);
  });
});

describe('wrong output of a script that reports success', () => {
  const write = (name: string, content: string): string => `open('${name}', 'wb').write(${content})\n`;

  it.each([
    [
      'a short model',
      { 'writer.py': 'def write(f, header, size): f.write(header)\n' },
      /wrote 1\d\d bytes of .*_q40\.m, by the formula it has 183608: nothing is published/,
    ],
    [
      'a model with another header',
      { 'writer.py': 'def write(f, header, size): f.write(bytes(size))\n' },
      /a dllama_model_tiny_q40\.m that does not say what the input says/,
    ],
    [
      'another tokenizer',
      { 'tokenizer-writer.py': "def write(path, data): open(path, 'wb').write(data[:-1] + b'?')\n" },
      /a dllama_tokenizer_tiny\.t that does not say what the input says/,
    ],
    [
      'a short tokenizer',
      { [TOKENIZER_SCRIPT]: write(TOKENIZER, "b'short'") },
      /5 bytes of dllama_tokenizer_tiny\.t/,
    ],
    ['no model', { [MODEL_SCRIPT]: "print('done')\n" }, /no dllama_model_tiny_q40\.m, though it reported/],
  ])('%s is not published', async (_what, scripts, says) => {
    withScripts(scripts);
    const output = fresh();
    const { code, stdout } = await stand.run(input, output);
    expect(stdout).toMatch(says);
    expect(code).toBe(65);
    expectNothing(output);
  });
});

describe('a run that is ended', () => {
  const WAITS = `
import os, time
f = open('dllama_model_tiny_q40.m', 'wb', buffering=0)
f.write(b'half')
print('half written by %d' % os.getpid())
while not os.path.exists(os.environ['TEST_GATE']): time.sleep(0.02)
open('dllama_model_tiny_q40.m', 'wb').write(b'spoilt')
`;

  it('by kill -9 is made good by the next, whatever an orphan still writes', async () => {
    const output = fresh();
    const gate = fresh();
    withScripts({ [MODEL_SCRIPT]: WAITS });
    let orphan = 0;
    const killed = await stand.run(input, output, {
      env: { TEST_GATE: gate },
      meanwhile: async (child) => {
        orphan = Number((await said(child, /half written by (\d+)/))[1]);
        child.kill('SIGKILL');
        // Its pipe is the program's too: let the test not wait for it.
        child.stdout!.destroy();
      },
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(fs.existsSync(path.join(output, '.artifact.json'))).toBe(false);
    stand.server.reset();
    expect((await stand.run(input, output)).code).toBe(0);
    expectComplete(output);
    fs.writeFileSync(gate, '');
    await ended(orphan);
    expectComplete(output);
  });

  it('by SIGTERM takes the script with it', async () => {
    const output = fresh();
    withScripts({ [MODEL_SCRIPT]: WAITS });
    let script = 0;
    const outcome = await stand.run(input, output, {
      env: { TEST_GATE: fresh() },
      meanwhile: async (child) => {
        script = Number((await said(child, /half written by (\d+)/))[1]);
        child.kill('SIGTERM');
      },
    });
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toMatch(/stopped by SIGTERM/);
    await ended(script);
    expectNothing(output);
  });

  it('and one that begins meanwhile do no harm to each other', async () => {
    const output = fresh();
    const gate = fresh();
    const waiting = `import os, time
print('at work')
while not os.path.exists(os.environ['TEST_GATE']): time.sleep(0.02)
`;
    withScripts({ [MODEL_SCRIPT]: waiting + GOOD_SCRIPTS[MODEL_SCRIPT] });
    const env = { TEST_GATE: gate };
    let second: ReturnType<Stand['run']> | undefined;
    const first = await stand.run(input, output, {
      env,
      meanwhile: async (child) => {
        await said(child, /at work/);
        await new Promise<void>((seen) => {
          second = stand.run(input, output, {
            env,
            meanwhile: async (other) => {
              await said(other, /another copy of this program is at work/);
              seen();
            },
          });
        });
        fs.writeFileSync(gate, '');
      },
    });
    expect([first.code, (await second!).code]).toEqual([0, 0]);
    expect(stand.server.requests).toHaveLength(4);
    expectComplete(output);
  });
});

it('knows the same versions as the construct', () => {
  const program = 'import json, dllama_upstream; print(json.dumps(list(dllama_upstream.SCRIPTS)))';
  const versions = JSON.parse(
    execFileSync(stand.workplace.python, ['-c', program], {
      encoding: 'utf8',
      env: { PYTHONPATH: PROGRAMS, PYTHONDONTWRITEBYTECODE: '1' },
    }),
  ) as string[];
  expect(versions.length).toBeGreaterThan(0);
  for (const version of versions) {
    expect(DllamaConverter.upstream({ version })._spec.args).toContain(`--version=${version}`);
  }
  expect(() => DllamaConverter.upstream({ version: 'v0.16.1' })).toThrow(versions.join(', '));
});

it('takes from the construct the mirror that the scripts are on', () => {
  const scriptsUrl = 'https://mirror.example/distributed-llama/{version}/converter';
  const { args, id, scriptsUrl: taken } = DllamaConverter.upstream({ scriptsUrl })._spec;
  expect(args).toEqual(['--version=v0.16.2']);
  expect(taken).toBe(scriptsUrl);
  // The bytes are the same, so the artifact is.
  expect(id).toBe(DllamaConverter.upstream()._spec.id);
  for (const wrong of ['http://mirror', 'https://me:secret@mirror', 'https://mirror:8443/x', 'mirror/x']) {
    expect(() => DllamaConverter.upstream({ scriptsUrl: wrong })).toThrow(/'scriptsUrl' is .*https:/);
  }
  expect(() => DllamaConverter.upstream({ scriptsUrl: 'https://me:secret@m' })).not.toThrow(/secret/);
});

it('asks for memory by the largest matrix, and never for less than its program needs', () => {
  const memory = (vocabSize: number, hiddenDim: number, dim: number, weights = FloatType.Q40): number =>
    DllamaConverter.upstream()
      ._spec.memory({ vocabSize, hiddenDim, dim } as ModelFacts, weights)!
      .toMebibytes();
  expect(memory(128256, 14336, 4096)).toBe(Math.ceil(1.2 * (145 + (24.9 * 128256 * 4096) / 1024 ** 2)));
  expect(memory(1000, 14336, 4096)).toBe(Math.ceil(1.2 * (145 + (24.9 * 14336 * 4096) / 1024 ** 2)));
  expect(memory(300, 160, 64)).toBe(1024);
  expect(memory(128256, 14336, 4096, FloatType.F32)).toBe(1024);
});
