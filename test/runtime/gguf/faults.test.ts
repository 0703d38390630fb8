import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { filesOf, markerOf, patched, sleep } from '../artifact/program';
import type { Outcome, RunOptions } from '../artifact/program';
import { CONVERTER, Fault, GgufStand, QUANTIZER, SPLITTER } from './stand';

const FILE = 'qwen3-1.7b-Q4_K_M.gguf';

/** Nothing that a consumer could take for the artifact. */
function expectNothing(stand: GgufStand): void {
  expect(filesOf(stand.output).filter((file) => !file.startsWith('.artifact.parts/'))).toEqual([]);
}

async function expectRepaired(stand: GgufStand): Promise<void> {
  writeFileSync(path.join(stand.tools, 'faults.json'), '{}');
  expect((await stand.run()).code).toBe(0);
  expect(filesOf(stand.output)).toEqual(['.artifact.json', FILE]);
}

async function until(there: () => boolean): Promise<void> {
  while (!there()) await sleep(20);
}

const started = (stand: GgufStand, tool: string) => existsSync(path.join(stand.tools, `${tool}.started`));
const goOn = (stand: GgufStand, tool: string) => writeFileSync(path.join(stand.tools, `${tool}.go`), '');

describe('a tool that fails', () => {
  test.each<[string, string, Fault, number, RegExp]>([
    [
      'does not know the architecture',
      CONVERTER,
      { say: ['INFO:hf-to-gguf:Loading', 'ERROR:hf-to-gguf:Model FooForCausalLM is not supported'], exit: 1 },
      64,
      /converter of llama\.cpp v0\.4\.1 failed \(exit 1\): it does not know the architecture FooForCausalLM\. Name the image/,
    ],
    [
      'does not know the tokenizer',
      CONVERTER,
      {
        say: ['NotImplementedError: BPE pre-tokenizer was not recognized - update get_vocab_base_pre()'],
        exit: 1,
      },
      64,
      /it does not know the model's tokenizer/,
    ],
    [
      'misses an importance matrix',
      QUANTIZER,
      { say: ['llama_model_quantize: failed to quantize: this quantization requires an imatrix!'], exit: 1 },
      64,
      /quantizer .* needs an importance matrix/,
    ],
    [
      'has no disk left',
      CONVERTER,
      { say: ['OSError: [Errno 28] No space left on device'], exit: 1 },
      73,
      /No space left on device/,
    ],
    ['has no memory left', CONVERTER, { say: ['MemoryError'], exit: 1 }, 73, /raise the memory/],
    [
      'may not read',
      CONVERTER,
      { say: ["PermissionError: [Errno 13] Permission denied: '/models/x'"], exit: 1 },
      77,
      /Permission denied/,
    ],
    ['fails otherwise', QUANTIZER, { say: ['one', 'two'], exit: 1 }, 64, /its last lines: one \/ two$/],
    ['says nothing', SPLITTER, { say: [], exit: 3 }, 64, /failed \(exit 3\), without a word/],
    ['crashes', QUANTIZER, { signal: 'SIGSEGV' }, 75, /quantizer was ended by SIGSEGV/],
    ['is killed', QUANTIZER, { signal: 'SIGKILL' }, 75, /perhaps the node is short of memory/],
  ])('as it %s', async (_, tool, fault, code, message) => {
    const stand = new GgufStand(() => (tool === SPLITTER ? { maxFileSize: Size.gibibytes(1) } : {}));
    stand.faults({ [tool]: fault });
    const outcome = await stand.run();
    expect(outcome.code).toBe(code);
    expect(outcome.result).toMatchObject({ code, retryable: code === 75 });
    expect(outcome.result.error).toMatch(message);
    expectNothing(stand);
  });

  test('where the limit of memory was reached ends for good', async () => {
    const stand = new GgufStand();
    const events = path.join(stand.tools, 'memory.events');
    writeFileSync(events, 'oom 1\n');
    stand.faults({ [QUANTIZER]: { wait: true, signal: 'SIGKILL' } });
    const { ended } = stand.start(patched(`import tool; tool.MEMORY_EVENTS = ${JSON.stringify(events)}`));
    await until(() => started(stand, QUANTIZER));
    writeFileSync(events, 'oom 2\n');
    goOn(stand, QUANTIZER);
    const { code, result } = await ended;
    expect([code, result.error]).toEqual([
      73,
      expect.stringContaining('ran out of memory: raise the memory'),
    ]);
  });

  test('on a disk that is full, of which llama-quantize says nothing', async () => {
    const stand = new GgufStand();
    stand.faults({ [QUANTIZER]: { say: ['basic_ios::clear: iostream error'], exit: 1 } });
    const full = patched('import gguf_convert\ngguf_convert.HARDLY_ANY = 1 << 62');
    // The program that is run is another module than the one that is patched.
    const { code } = await stand.start(asModule(full)).ended;
    expect(code).toBe(73);
  });

  test('that is not in the image', async () => {
    const stand = new GgufStand();
    writeFileSync(path.join(stand.tools, 'faults.json'), '{}');
    const { code, result } = await stand.start(
      asModule(
        patched(
          'import os\nreal = os.path.exists\nos.path.exists = lambda path: not str(path).endswith("llama-quantize") and real(path)',
        ),
      ),
    ).ended;
    expect([code, result.error]).toEqual([
      64,
      expect.stringMatching(/the image has no .*llama-quantize: name one of/),
    ]);
  });
});

/** Runs the program as a module, so that a patch of the module is one of the program. */
function asModule(options: RunOptions): RunOptions {
  const [python, flag, script] = options.wrap!;
  const run = 'runpy.run_path(sys.argv[0], run_name="__main__")';
  const replaced = script.replace(run, 'import gguf_convert, program\nprogram.run(gguf_convert.main)');
  return { ...options, wrap: [python, flag, replaced] };
}

describe('a tool that reports success', () => {
  test.each<[NonNullable<Fault['spoil']>, RegExp]>([
    ['short', /quantized\.gguf is \d+ bytes long, and its tensors need \d+/],
    ['long', /bytes long, and its tensors need/],
    ['magic', /is not a GGUF file: it does not begin with GGUF/],
    ['type', /says that it is of file type 2, and was to be Q4_K_M/],
    ['empty', /has no tensors/],
    ['nothing', /no quantized\.gguf was written/],
  ])('and left a file that is %s: 65, and nothing is published', async (spoil, message) => {
    const stand = new GgufStand();
    stand.faults({ [QUANTIZER]: { spoil } });
    const { code, result } = await stand.run();
    expect(code).toBe(65);
    expect(result.error).toMatch(message);
    expectNothing(stand);
    await expectRepaired(stand);
  });

  test('and left parts that are not whole', async () => {
    const stand = new GgufStand(() => ({ maxFileSize: Size.gibibytes(1) }));
    stand.faults({ [SPLITTER]: { spoil: 'short' } });
    const { code } = await stand.run();
    expect(code).toBe(65);
    expectNothing(stand);
  });

  test('and left too few tensors in its parts', async () => {
    const stand = new GgufStand(() => ({ maxFileSize: Size.gibibytes(1) }));
    stand.faults({ [SPLITTER]: { spoil: 'nothing' } });
    const { code, result } = await stand.run();
    expect([code, result.error]).toEqual([65, expect.stringContaining('wrote 0 parts with 0 tensors of 6')]);
    expectNothing(stand);
  });
});

describe('a disk', () => {
  test('that cannot hold it is told of before the long work: 73', async () => {
    const stand = new GgufStand();
    const little = patched(
      'import os\nreal = os.statvfs\n' +
        'class Little:\n  f_blocks, f_bavail, f_frsize = 1000, 1, 4096\n' +
        'os.statvfs = lambda path: Little',
    );
    const { code, result } = await stand.start(little).ended;
    expect([code, result.error]).toEqual([
      73,
      expect.stringMatching(/has room for 4\.0 KiB, and about \d\.\d\d GiB/),
    ]);
    expect(stand.calls()).toEqual([]);
  });

  test('that fills up: 73', async () => {
    const stand = new GgufStand();
    const full = patched(
      'import errno, os\ndef fsync(fd): raise OSError(errno.ENOSPC, "No space left on device")\nos.fsync = fsync',
    );
    expect(await stand.start(full).ended).toMatchObject({ code: 73 });
    expectNothing(stand);
  });
});

describe('a run that is ended', () => {
  test('by SIGTERM takes its tool with it', async () => {
    const stand = new GgufStand();
    stand.faults({ [CONVERTER]: { wait: true } });
    const { child, ended } = stand.start();
    await until(() => started(stand, CONVERTER));
    child.kill('SIGTERM');
    const { code, result } = await ended;
    expect([code, result.error]).toEqual([75, expect.stringContaining('stopped by SIGTERM')]);
    const [{ pid }] = stand.calls();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expectNothing(stand);
    await expectRepaired(stand);
  });

  test('by kill -9 is made good by the next, which goes on with what a tool had finished', async () => {
    const stand = new GgufStand();
    stand.faults({ [QUANTIZER]: { wait: true } });
    const { child, ended } = stand.start();
    await until(() => started(stand, QUANTIZER));
    child.kill('SIGKILL');
    goOn(stand, QUANTIZER); // an orphan, which in a pod is killed too
    await ended;
    expectNothing(stand);
    await expectRepaired(stand);
    expect(stand.calls().map(({ name }) => name)).toEqual([CONVERTER, QUANTIZER, QUANTIZER]);
  });

  test('and left what a power cut has spoilt begins anew', async () => {
    const stand = new GgufStand();
    stand.faults({ [QUANTIZER]: { exit: 1 } });
    await stand.run();
    truncateSync(path.join(stand.output, '.artifact.parts/converted.gguf'), 100);
    await expectRepaired(stand);
    expect(stand.calls().map(({ name }) => name)).toEqual([CONVERTER, QUANTIZER, CONVERTER, QUANTIZER]);
  });

  test('at one step after the other never leaves a marker over what is not whole', async () => {
    const killAt = (at: number) =>
      patched(
        `sys.path.insert(0, ${JSON.stringify(path.join(__dirname, '../artifact'))}); ` +
          `import kill_at; kill_at.arm(${at}, 'SIGKILL')`,
      );
    const whole = new GgufStand();
    const { log } = await whole.start(killAt(0)).ended;
    const steps = Number(/steps: (\d+)/.exec(log)?.[1]);
    expect(steps).toBeGreaterThan(20);
    const content = readFileSync(path.join(whole.output, FILE));
    for (let at = 1; at <= steps; at += 5) {
      const stand = new GgufStand();
      const killed: Outcome = await stand.start(killAt(at)).ended;
      expect(killed.signal).toBe('SIGKILL');
      if (markerOf(stand.output)) expect(readFileSync(path.join(stand.output, FILE))).toEqual(content);
      await expectRepaired(stand);
    }
  }, 300_000);
});

describe('two copies at once', () => {
  test('one waits for the other, and finds it done', async () => {
    const stand = new GgufStand();
    stand.faults({ [CONVERTER]: { wait: true } });
    const first = stand.start();
    await until(() => started(stand, CONVERTER));
    const second = stand.start();
    let said = '';
    second.child.stdout!.on('data', (data: Buffer) => (said += data.toString()));
    await until(() => said.includes('another copy is at work'));
    goOn(stand, CONVERTER);
    const codes = await Promise.all([first.ended, second.ended]);
    expect(codes.map(({ code }) => code)).toEqual([0, 0]);
    expect(stand.calls()).toHaveLength(2);
    expect(filesOf(stand.output)).toEqual(['.artifact.json', FILE]);
  });

  test.each([CONVERTER, QUANTIZER])(
    'of which one removes what the %s of the other works at: that is run again',
    async (tool) => {
      const stand = new GgufStand();
      stand.faults({ [tool]: { wait: true } });
      const run = stand.start();
      await until(() => started(stand, tool));
      rmSync(path.join(stand.output, '.artifact.parts'), { recursive: true });
      goOn(stand, tool);
      const { code, log } = await run.ended;
      expect([code, code === 75 ? '' : log]).toEqual([75, '']);
      expect(log).toMatch(/is gone, as another copy of this Job has removed it/);
      await expectRepaired(stand);
    },
  );

  test('without locks harm nothing: each works in a folder of its own', async () => {
    const stand = new GgufStand();
    const noLocks = patched(
      'import errno, fcntl\ndef flock(*_): raise OSError(errno.ENOLCK, "No locks available")\nfcntl.flock = flock',
    );
    const runs: { ended: Promise<Outcome> }[] = [stand.start(noLocks), stand.start(noLocks)];
    const codes = (await Promise.all(runs.map(({ ended }) => ended))).map(({ code }) => code);
    // The slower one may find its files gone, and is then run again.
    expect(codes).toContain(0);
    for (const code of codes) expect([0, 75]).toContain(code);
    await expectRepaired(stand);
  });
});
