import { ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '../../..');

/** What a run of the program left. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** The termination message. */
  readonly result: Record<string, unknown>;
}

/** The program as its Job has it: mounted programs, an input that it may only read, a termination log. */
export class Workplace {
  public readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'convert-'));
  public readonly python = pythonWithNumpy();
  private readonly programs = path.join(this.folder, 'programs');
  private runs = 0;

  constructor() {
    fs.mkdirSync(this.programs);
    for (const program of ['program.py', 'marker.py', 'dllama_convert.py']) {
      fs.copyFileSync(path.join(ROOT, 'src/runtime', program), path.join(this.programs, program));
    }
  }

  /** Makes the tiny models of `make_models.py`: `path('models', case, layout)`. */
  public makeModels(...cases: string[]): void {
    this.runPython(path.join(__dirname, 'make_models.py'), this.path('models'), ...cases);
  }

  /** Makes a model large enough to be interrupted; its marker's key is `bench`. */
  public makeLargeModel(name: string, shape: Record<string, number>): string {
    const folder = this.path(name);
    this.runPython(path.join(ROOT, 'bench/convert/make_model.py'), folder, JSON.stringify(shape));
    return folder;
  }

  /** A copy of a tiny model that a test may spoil. */
  public copyModel(name: string, layout: string): string {
    const copy = this.path(`copy-${this.runs++}`);
    fs.cpSync(this.path('models', name, layout), copy, { recursive: true });
    return copy;
  }

  public path(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  /** A folder that does not exist yet. */
  public freshPath(): string {
    return this.path(`output-${this.runs++}`);
  }

  /** The command line of the Job. */
  public command(options: Record<string, string>): string[] {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    return [this.python, path.join(this.programs, 'dllama_convert.py'), ...args];
  }

  /** Runs a command line to its end. `meanwhile` may end it sooner. */
  public async run(
    command: string[],
    meanwhile: (child: ChildProcess) => Promise<void> = () => Promise.resolve(),
    env: Record<string, string> = {},
  ): Promise<Outcome> {
    const terminationLog = this.path(`termination-${this.runs++}`);
    const child = spawn(command[0], command.slice(1), {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', TERMINATION_LOG: terminationLog, PYTHONDONTWRITEBYTECODE: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve([code, signal]));
    });
    await meanwhile(child);
    const [code, signal] = await ended;
    // A traceback is never what a person should read.
    expect(stderr).toBe('');
    const result = fs.existsSync(terminationLog)
      ? (JSON.parse(fs.readFileSync(terminationLog, 'utf8')) as Record<string, unknown>)
      : {};
    return { code, signal, stdout, result };
  }

  public remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private runPython(...args: string[]): void {
    execFileSync(this.python, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** The marker that the download leaves, for all files of the folder. */
export function mark(folder: string, key: string): void {
  const files = listing(folder).filter((name) => !name.startsWith('.'));
  writeJson(folder, '.artifact.json', {
    format: 1,
    key,
    source: { type: 'hugging-face', repository: 'org/tiny', revision: 'f'.repeat(40) },
    licence: 'apache-2.0',
    parents: [],
    bytes: 0,
    files: files.map((name) => ({ path: name, size: fs.statSync(path.join(folder, name)).size })),
  });
}

export function listing(folder: string): string[] {
  return fs.readdirSync(folder).sort();
}

export function sha256(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

/** A JSON file, untyped. */
export function readJson(folder: string, name: string) {
  return JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
}

export function writeJson(folder: string, name: string, value: unknown): void {
  fs.writeFileSync(path.join(folder, name), JSON.stringify(value));
}

/** Changes entries of a JSON file; `undefined` removes one. */
export function editJson(folder: string, name: string, changes: Record<string, unknown>): void {
  writeJson(folder, name, Object.assign(readJson(folder, name), changes));
}

function pythonWithNumpy(): string {
  const candidates = process.env.PYTHON_NUMPY
    ? [process.env.PYTHON_NUMPY]
    : [path.join(ROOT, '.venv/bin/python'), 'python3', '/usr/bin/python3'];
  for (const candidate of candidates) {
    try {
      // Its own path, not that of a wrapper which needs an environment.
      const program = 'import numpy, sys; print(sys.executable)';
      return execFileSync(candidate, ['-c', program], { encoding: 'utf8', stdio: 'pipe' }).trim();
    } catch {
      // the next one
    }
  }
  throw new Error(
    `These tests need a Python >= 3.11 with numpy; none of ${candidates.join(', ')} is one. ` +
      'Set PYTHON_NUMPY, or install src/runtime/requirements-numpy.txt into .venv.',
  );
}
