// Converts growing models for distributed-llama: parameters per second, CPU and peak memory.
//   node bench/convert.mjs [--quick]
// Needs a Python with numpy: PYTHON_NUMPY, .venv/bin/python, python3 or /usr/bin/python3.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const CONVERTER = path.join(ROOT, 'src/runtime/dllama_convert.py');

/** Shapes of a llama with tied embeddings. The last has a vocabulary like Qwen3's: one tensor is most of it. */
const MODELS = [
  { name: 'small', hidden_size: 512, intermediate_size: 1536, num_hidden_layers: 10, vocab_size: 32000 },
  { name: 'medium', hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 12, vocab_size: 32000 },
  { name: 'large', hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 15, vocab_size: 48000 },
  { name: 'wide', hidden_size: 5120, intermediate_size: 5120, num_hidden_layers: 1, vocab_size: 151936 },
];

function python(...args) {
  return execFileSync(interpreter(), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function interpreter() {
  const candidates = process.env.PYTHON_NUMPY
    ? [process.env.PYTHON_NUMPY]
    : [path.join(ROOT, '.venv/bin/python'), 'python3', '/usr/bin/python3'];
  for (const candidate of candidates) {
    try {
      execFileSync(candidate, ['-c', 'import numpy'], { stdio: 'ignore' });
      return candidate;
    } catch {
      // the next one
    }
  }
  throw new Error(`No Python with numpy among ${candidates.join(', ')}: set PYTHON_NUMPY`);
}

function convert(folder, { name, ...shape }, weights) {
  const model = path.join(folder, name);
  const config = { num_attention_heads: shape.hidden_size / 64, num_key_value_heads: 8, ...shape };
  const make = path.join(ROOT, 'bench/convert/make_model.py');
  const parameters = Number(python(make, model, JSON.stringify(config)));
  const output = path.join(folder, 'output');
  const measured = JSON.parse(
    python(
      path.join(ROOT, 'bench/measure.py'),
      ...[interpreter(), CONVERTER, '--input', model, '--input-key', 'bench', '--output', output],
      ...['--key', 'bench', '--weights', weights, '--name', name],
    ),
  );
  fs.rmSync(model, { recursive: true });
  fs.rmSync(output, { recursive: true });
  return { parameters, ...measured };
}

/** The table of this benchmark. `quick` leaves out the models of more than 200 million parameters. */
export async function benchConvert({ quick }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-convert-'));
  const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);
  try {
    const rows = [];
    for (const model of quick ? MODELS.slice(0, 2) : MODELS) {
      const { parameters, seconds, cpu, peak, anonymous } = convert(folder, model, 'q40');
      rows.push([
        model.name,
        Math.round(parameters / 1e6),
        mebibytes(2 * parameters),
        Number(seconds.toFixed(1)),
        Math.round(parameters / 1e6 / seconds),
        Number(cpu.toFixed(1)),
        Math.round(parameters / 1e6 / cpu),
        mebibytes(peak),
        mebibytes(anonymous),
      ]);
    }
    return {
      title: 'Converting for distributed-llama (bf16 to q40)',
      columns: [
        'model',
        'million parameters',
        'input MiB',
        'seconds',
        'million parameters/s',
        'CPU seconds',
        'million parameters/CPU second',
        'peak memory MiB',
        'of it anonymous MiB',
      ],
      rows,
      notes: [
        `${os.availableParallelism()} cores; ${python('-c', 'import numpy, platform; print("Python", platform.python_version(), "numpy", numpy.__version__)').trim()}.`,
        'The embedding is written as float32, twice the size of its input: for a wide vocabulary the disk sets the pace.',
        "Peak memory counts pages of the input that are mapped at the time; anonymous memory is the process's own.",
        "distributed-llama v0.16.2's own converter: 7 to 10 million parameters/s on one core whatever it is given, and 145 MiB + 24.9 bytes for each parameter of the largest tensor.",
      ],
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { title, columns, rows, notes } = await benchConvert({ quick: process.argv.includes('--quick') });
  console.log(title);
  console.table(rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i], value]))));
  for (const note of notes) console.log(note);
}
