import { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { listing, Outcome, readJson, sha256, Workplace } from './convert';

const MODEL = 'dllama_model_large_q40.m';
const TOKENIZER = 'dllama_tokenizer_large.t';
const COMPLETE = ['.artifact.json', MODEL, TOKENIZER];

let workplace: Workplace;
let input: string;
/** Of an undisturbed run. */
let sums: Record<string, string>;
let milliseconds: number;

beforeAll(async () => {
  workplace = new Workplace();
  input = workplace.makeLargeModel('large', {
    ...{ hidden_size: 512, intermediate_size: 1024, num_hidden_layers: 6, vocab_size: 12000 },
    ...{ num_attention_heads: 8, num_key_value_heads: 4 },
  });
  const output = workplace.freshPath();
  const started = Date.now();
  expect(await run(output)).toMatchObject({ code: 0 });
  milliseconds = Date.now() - started;
  sums = sumsOf(output);
});

afterAll(() => workplace.remove());

function options(output: string): Record<string, string> {
  return { input, 'input-key': 'bench', output, key: 'child', weights: 'q40', name: 'large' };
}

function run(output: string, meanwhile?: (child: ChildProcess) => Promise<void>): Promise<Outcome> {
  return workplace.run(workplace.command(options(output)), meanwhile);
}

function sumsOf(output: string): Record<string, string> {
  return Object.fromEntries([MODEL, TOKENIZER].map((name) => [name, sha256(path.join(output, name))]));
}

/** The output is whole, and nothing but the output is left. */
function expectComplete(output: string): void {
  expect(listing(output)).toEqual(COMPLETE);
  expect(sumsOf(output)).toEqual(sums);
}

/** No marker, or one that tells the truth. */
function expectNoLie(output: string): void {
  if (fs.existsSync(path.join(output, '.artifact.json'))) {
    const { files } = readJson(output, '.artifact.json') as { files: { path: string; sha256: string }[] };
    for (const file of files) expect(sha256(path.join(output, file.path))).toBe(file.sha256);
    expect(sumsOf(output)).toEqual(sums);
  }
}

/** Waits until the program writes the model, or has ended. */
async function writing(child: ChildProcess, output: string): Promise<void> {
  while (child.exitCode === null && !modelsBuilt(output).some((file) => fs.statSync(file).size > 0)) {
    await pause(2);
  }
}

/** The models, whole or not, that runs have begun. */
function modelsBuilt(output: string): string[] {
  const folder = path.join(output, '.building');
  if (!fs.existsSync(folder)) return [];
  return listing(folder)
    .map((name) => path.join(folder, name, MODEL))
    .filter((file) => fs.existsSync(file));
}

/** Waits until the program has printed `text`. */
function said(child: ChildProcess, text: string): Promise<void> {
  let printed = '';
  return new Promise((resolve) => {
    child.stdout!.on('data', (data: Buffer) => {
      printed += data.toString();
      if (printed.includes(text)) resolve();
    });
  });
}

it('can be killed at any instant and run again', async () => {
  for (let round = 0; round < 8; round++) {
    const output = workplace.freshPath();
    // Every other kill comes while the model is written, the others anywhere from start to end.
    const outcome = await run(output, async (child) => {
      if (round % 2) await writing(child, output);
      await pause(Math.random() * milliseconds * (round % 2 ? 0.3 : 1));
      child.kill('SIGKILL');
    });
    expect([0, null]).toContain(outcome.code);
    if (fs.existsSync(output)) expectNoLie(output);
    expect(await run(output)).toMatchObject({ code: 0 });
    expectComplete(output);
  }
});

it('removes what a killed run left', async () => {
  const output = workplace.freshPath();
  const { signal } = await run(output, async (child) => {
    await writing(child, output);
    child.kill('SIGKILL');
  });
  expect(signal).toBe('SIGKILL');
  expect(modelsBuilt(output)).toHaveLength(1);
  expect(listing(output)).toEqual(['.building']);
  expect(await run(output)).toMatchObject({ code: 0 });
  expectComplete(output);
});

it('stops at SIGTERM with nothing left, and may be started again', async () => {
  const output = workplace.freshPath();
  const outcome = await run(output, async (child) => {
    await writing(child, output);
    child.kill('SIGTERM');
  });
  expect(outcome).toMatchObject({ code: 75, result: { code: 75, retryable: true } });
  expect(listing(output)).toEqual([]);
});

it('may run twice at once', async () => {
  const output = workplace.freshPath();
  const outcomes = await Promise.all([run(output), run(output), run(output)]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  // One converted; the others waited for it, or came when it was done.
  expect(outcomes.filter(({ stdout }) => stdout.includes('converted '))).toHaveLength(1);
  expectComplete(output);
});

it('takes over from a copy that is killed', async () => {
  const output = workplace.freshPath();
  let second: Promise<Outcome> | undefined;
  const first = await run(output, async (child) => {
    await writing(child, output);
    child.kill('SIGSTOP');
    second = run(output, async (other) => {
      await said(other, 'another copy of this program is at work; waiting for it');
      child.kill('SIGKILL');
    });
  });
  expect(first.signal).toBe('SIGKILL');
  expect(await second!).toMatchObject({ code: 0 });
  expectComplete(output);
});

it('leaves a complete output alone', async () => {
  const output = workplace.freshPath();
  await run(output);
  const before = COMPLETE.map((name) => fs.statSync(path.join(output, name)).mtimeMs);
  const { code, stdout, result } = await run(output);
  expect(code).toBe(0);
  expect(stdout).not.toContain('converting');
  expect(result).toMatchObject({ files: 2, key: 'child', model: MODEL, tokenizer: TOKENIZER });
  expect(COMPLETE.map((name) => fs.statSync(path.join(output, name)).mtimeMs)).toEqual(before);
});

it('has nothing to do when the output is stored elsewhere already, of which stored.py leaves a note', async () => {
  const made = workplace.freshPath();
  await run(made);
  const output = workplace.freshPath();
  fs.mkdirSync(output);
  fs.copyFileSync(path.join(made, '.artifact.json'), path.join(output, '.artifact.json'));
  fs.writeFileSync(path.join(output, '.artifact.stored'), 's3://models/p\n');
  const { code, stdout } = await run(output);
  expect(code).toBe(0);
  expect(stdout).not.toContain('converting');
  expect(fs.readdirSync(output).sort()).toEqual(['.artifact.json', '.artifact.stored']);
});

it('converts again when a file is not what the marker says', async () => {
  const output = workplace.freshPath();
  await run(output);
  fs.truncateSync(path.join(output, MODEL), 1000);
  const { code, stdout } = await run(output);
  expect(code).toBe(0);
  expect(stdout).toContain(`${MODEL} is not what the marker says: converting again`);
  expectComplete(output);
});

it('sees before it starts that the disk is too small', async () => {
  // A model of twice the free space, all of it holes.
  const { bavail, bsize } = fs.statfsSync(workplace.folder);
  const rows = Math.ceil((bavail * bsize * 2) / (4 * 512) / 1024) * 1024;
  const huge = workplace.path('huge');
  fs.cpSync(input, huge, { recursive: true });
  enlargeEmbedding(path.join(huge, 'model.safetensors'), rows, 512);
  fs.writeFileSync(
    path.join(huge, 'config.json'),
    JSON.stringify({ ...readJson(huge, 'config.json'), vocab_size: rows }),
  );
  const output = workplace.freshPath();
  const outcome = await workplace.run(workplace.command({ ...options(output), input: huge }));
  expect(outcome.stdout).toMatch(/the output needs \d+ MiB, .* has \d+ MiB free: enlarge the store/);
  expect(outcome).toMatchObject({ code: 73, result: { code: 73, retryable: false } });
  expect(listing(output)).toEqual([]);
  fs.rmSync(huge, { recursive: true });
});

/** Gives the first tensor, the embedding, `rows` rows without writing them. */
function enlargeEmbedding(file: string, rows: number, columns: number): void {
  const bytes = fs.readFileSync(file);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const embedding = header['model.embed_tokens.weight'];
  const more = rows * columns * 2 - embedding.data_offsets[1];
  for (const tensor of Object.values(header)) {
    tensor.data_offsets = tensor.data_offsets.map((at) => (at ? at + more : 0)) as [number, number];
  }
  embedding.shape = [rows, columns];
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(text.length));
  fs.writeFileSync(file, Buffer.concat([start, text]));
  const end = Math.max(...Object.values(header).map((tensor) => tensor.data_offsets[1]));
  fs.truncateSync(file, 8 + text.length + end);
}

/** Runs the Job's command, and then another, in a mount namespace that `setup` changes. */
function unshared(setup: string, output: string, afterwards = ':'): Promise<Outcome> {
  const script = `${setup} && { "$@"; code=$?; ${afterwards}; exit $code; }`;
  const command = workplace.command(options(output));
  return workplace.run(['unshare', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...command]);
}

it('ends with the code of a full disk, and takes back what it wrote', async () => {
  const store = workplace.freshPath();
  const output = path.join(store, 'out');
  fs.mkdirSync(store);
  // Room for folders and the lock, but for no other file: what a disk says that fills up meanwhile.
  const full = `mount -t tmpfs -o nr_inodes=5 full '${store}'`;
  const outcome = await unshared(full, output, `find '${store}'`);
  expect(outcome.stdout).toContain('No space left on device');
  expect(outcome).toMatchObject({ code: 73, result: { code: 73, retryable: false } });
  expect(outcome.stdout.trim().split('\n').slice(-2)).toEqual([store, output]);
});

it('needs to write to nothing but its output', async () => {
  const output = workplace.freshPath();
  fs.mkdirSync(output);
  const readOnly = `mount --bind '${output}' '${output}' && mount -o remount,bind,ro / /`;
  const outcome = await unshared(readOnly, output);
  expect(outcome.stdout).toContain('complete: ');
  expect(outcome.code).toBe(0);
  expectComplete(output);
});

it('says that an output cannot be written', async () => {
  const outcome = await unshared('mount -o remount,bind,ro / /', workplace.freshPath());
  expect(outcome.stdout).toContain('Read-only file system');
  expect(outcome.code).toBe(77);
});

it('tells how far it is', async () => {
  const [python, program, ...args] = workplace.command(options(workplace.freshPath()));
  const impatient = [
    `import sys; sys.path.insert(0, ${JSON.stringify(path.dirname(program))})`,
    'import dllama_convert, program',
    'dllama_convert.PROGRESS_SECONDS = 0',
    'program.run(dllama_convert.main)',
  ].join('\n');
  const { code, stdout } = await workplace.run([python, '-c', impatient, ...args]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d\d:\d\d:\d\dZ \d+% of \d+ million parameters, \d+ million\/s, \d+ s left$/m);
});

it('takes memory by threads, not by the size of a tensor', async () => {
  // One tensor of 77 million weights, for which upstream's converter takes over 2 GiB.
  const wide = workplace.makeLargeModel('wide', {
    ...{ hidden_size: 512, intermediate_size: 512, num_hidden_layers: 1, vocab_size: 150000 },
    ...{ num_attention_heads: 8, num_key_value_heads: 8 },
  });
  const command = workplace.command({ ...options(workplace.freshPath()), input: wide, threads: '2' });
  const { code, stdout } = await workplace.run(command);
  expect(code).toBe(0);
  const mebibytes = Number(/converted .* (\d+) MiB of memory/.exec(stdout)?.[1]);
  expect(mebibytes).toBeGreaterThan(10);
  // The tensor itself may be mapped as a whole (150); a copy of it as float32 would be 300 more.
  expect(mebibytes).toBeLessThan(400);
});
