import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { COMMIT, HubDouble, sha256 } from '../../doubles/hub';
import type { HubFile, HubRepository } from '../../doubles/hub';

export const PYTHON = process.env.PYTHON ?? 'python3';
const RUNTIME = path.join(__dirname, '../../../src/runtime');
export const MIB = 1024 * 1024;
/** Within a second, and twice that on a machine that is busy with other things: milliseconds. */
export const SOON = 3000;
export const REPO = 'org/model';

export interface Result {
  readonly files?: number;
  readonly bytes?: number;
  readonly fetched?: number;
  readonly error?: string;
  readonly code?: number;
  readonly retryable?: boolean;
}

export interface Marker {
  readonly key: string;
  readonly licence: string | null;
  readonly files: { path: string; size: number; sha256: string }[];
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What the program left as termination message. */
  readonly result: Result;
  readonly log: string;
  readonly milliseconds: number;
}

export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  /** Put before the program, such as `prlimit --as=...`. */
  readonly wrap?: string[];
  readonly uid?: number;
  /** The folder of the programs. @default src/runtime */
  readonly programs?: string;
  /** `wrap` starts the interpreter itself. */
  readonly withoutPython?: boolean;
}

/** Temporary folders that live as long as the tests of a file. */
const folders: string[] = [];

export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'artifact-test-'));
  folders.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  folders.splice(0).forEach((folder) => fs.rmSync(folder, { recursive: true, force: true }));
}

// Whoever makes any has them removed, after all else that tests end with.
afterAll(removeTemporaryFolders);

/** A Hub for the tests of a file, or of a block; each finds it without requests or faults. */
export function hubForTests(...repositories: HubRepository[]): HubDouble {
  const hub = new HubDouble(repositories);
  beforeAll(() => hub.listen());
  beforeEach(() => hub.forget());
  afterAll(() => hub.stop());
  return hub;
}

/** Starts a program, named by the first argument, as the container of a Job does. */
export function start([program, ...args]: string[], options: RunOptions = {}): Run {
  const terminationLog = path.join(temporaryFolder(), 'termination-log');
  fs.writeFileSync(terminationLog, '');
  fs.chmodSync(path.dirname(terminationLog), 0o755);
  fs.chmodSync(terminationLog, 0o666);
  const [command, ...rest] = [
    ...(options.wrap ?? []),
    ...(options.withoutPython ? [] : [PYTHON, '-u']),
    path.join(options.programs ?? RUNTIME, program),
    ...args,
  ];
  const began = Date.now();
  const child = spawn(command, rest, {
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      PYTHONPYCACHEPREFIX: process.env.PYTHONPYCACHEPREFIX,
      TERMINATION_LOG: terminationLog,
      ...options.env,
    },
    uid: options.uid,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<Outcome>((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => {
      const left = fs.readFileSync(terminationLog, 'utf8');
      done({
        code,
        signal,
        result: left ? (JSON.parse(left) as Result) : {},
        log: Buffer.concat(chunks).toString(),
        milliseconds: Date.now() - began,
      });
    });
  });
  return { child, ended };
}

/** The programs, and others beside them, in a folder as that of a pod. */
export function programsWith(...others: string[]): string {
  const folder = temporaryFolder();
  for (const file of [...fs.readdirSync(RUNTIME).map((name) => path.join(RUNTIME, name)), ...others]) {
    if (/\.(py|sh)$/.test(file)) fs.copyFileSync(file, path.join(folder, path.basename(file)));
  }
  return folder;
}

/** Options that run `patch` in the interpreter before the program. */
export function patched(patch: string): RunOptions {
  const bootstrap = [
    'import os, runpy, sys',
    'sys.argv = sys.argv[1:]',
    'sys.path.insert(0, os.path.dirname(sys.argv[0]))',
    patch,
    'runpy.run_path(sys.argv[0], run_name="__main__")',
  ].join('\n');
  return { wrap: [PYTHON, '-c', bootstrap], withoutPython: true };
}

export function run(args: string[], options: RunOptions = {}): Promise<Outcome> {
  return start(args, options).ended;
}

/** The arguments of a download from the double; small buffers, so that small files have many chunks. */
export function fetchArgs(hub: HubDouble, sink: string[], ...more: string[]): string[] {
  return [
    'fetch.py',
    'huggingface',
    `--repo=${REPO}`,
    `--revision=${COMMIT}`,
    `--endpoint=${hub.endpoint}`,
    '--key=k1',
    '--workers=4',
    '--chunk-mib=1',
    ...sink,
    ...more,
  ];
}

/** Bytes that do not repeat, the same for the same seed, at little cost. */
export function bytes(size: number, seed = 1): Buffer {
  const words = new Int32Array(Math.ceil(size / 4));
  const { imul } = Math; // looking up a global 75 million times is slow inside jest
  let state = seed;
  for (let at = 0; at < words.length; at++) {
    state = (imul(state, 1664525) + 1013904223) | 0;
    words[at] = state;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** A complete artifact in a folder, as a program leaves it. */
export function artifactFolder(files: HubFile[], changes: Record<string, unknown> = {}): string {
  const folder = temporaryFolder();
  for (const file of files) {
    writeFile(folder, file.path, file.content);
  }
  const marker = {
    format: 1,
    key: 'k1',
    source: { type: 'dllama-conversion', converter: 'any/1' },
    licence: 'apache-2.0',
    parents: ['k0'],
    bytes: files.reduce((sum, file) => sum + file.content.length, 0),
    files: files.map((file) => ({
      path: file.path,
      size: file.content.length,
      sha256: sha256(file.content),
    })),
    ...changes,
  };
  fs.writeFileSync(path.join(folder, '.artifact.json'), JSON.stringify(marker));
  return folder;
}

/** Writes a file that is older than any marker. */
export function writeFile(folder: string, name: string, content: Buffer): void {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  fs.utimesSync(file, 1e9, 1e9);
}

export function large(name: string, size: number, seed?: number): HubFile {
  return { path: name, content: bytes(size, seed ?? size), lfs: true };
}

export function small(name: string, content: string): HubFile {
  return { path: name, content: Buffer.from(content) };
}

/** Every file below a folder that is not of the program's own keeping. */
export function filesOf(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

export function markerOf(folder: string): Marker | undefined {
  const file = path.join(folder, '.artifact.json');
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Marker) : undefined;
}

/** The artifact is exactly these files, and the marker says so truly. */
export function expectComplete(folder: string, files: HubFile[], key = 'k1'): void {
  expect(filesOf(folder)).toEqual([...files.map((file) => file.path), '.artifact.json'].sort());
  for (const file of files) {
    expect(sha256(fs.readFileSync(path.join(folder, file.path)))).toBe(sha256(file.content));
  }
  expect(markerOf(folder)).toMatchObject({
    format: 1,
    key,
    bytes: files.reduce((sum, file) => sum + file.content.length, 0),
  });
  expect(markerOf(folder)?.files).toEqual(
    files
      .map((file) => ({ path: file.path, size: file.content.length, sha256: sha256(file.content) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
}

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((done) => setTimeout(done, milliseconds));
