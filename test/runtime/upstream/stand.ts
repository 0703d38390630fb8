import { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { listing, mark, Outcome, readJson, sha256, Workplace } from '../convert/convert';
import { ScriptServer, sumsOf } from './scripts';

export const PROGRAMS = path.join(__dirname, '../../../src/runtime');
export const MODEL = 'dllama_model_tiny_q40.m';
export const TOKENIZER = 'dllama_tokenizer_tiny.t';
export const COMPLETE = ['.artifact.json', MODEL, TOKENIZER];

export interface RunOptions {
  /** Other arguments than those of the Job; `undefined` leaves one out. */
  readonly args?: Record<string, string | undefined>;
  /** What else than the checksums is patched. */
  readonly patches?: Record<string, unknown>;
  readonly meanwhile?: (child: ChildProcess) => Promise<void>;
  readonly env?: Record<string, string>;
}

/** Tiny models, a server of scripts, and the program as its Job runs it but for the checksums of the scripts. */
export class Stand {
  public readonly server = new ScriptServer();
  public readonly workplace = new Workplace();

  public async start(...models: string[]): Promise<void> {
    this.workplace.makeModels(...models);
    await this.server.start();
  }

  public async stop(): Promise<void> {
    await this.server.stop();
    this.workplace.remove();
  }

  /** A complete input, after `spoil`. */
  public input(
    model = 'qwen3',
    layout = 'upstream',
    spoil: (input: string) => void = () => undefined,
  ): string {
    const input = this.workplace.copyModel(model, layout);
    spoil(input);
    mark(input, 'parent');
    return input;
  }

  public run(input: string, output: string, options: RunOptions = {}): Promise<Outcome> {
    const patches = {
      'dllama_upstream.SCRIPTS': { 'v0.16.2': sumsOf(this.server.scripts) },
      'dllama_upstream.PACKAGES': ['numpy'],
      'web.Patience.attempts': 2,
      ...options.patches,
    };
    const args = Object.entries({
      input,
      'input-key': 'parent',
      output,
      key: 'child',
      weights: 'q40',
      name: 'tiny',
      threads: '1',
      version: 'v0.16.2',
      'scripts-url': this.server.url,
      ...options.args,
    }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
    return this.workplace.run(
      [
        this.workplace.python,
        '-u',
        path.join(__dirname, 'patched.py'),
        PROGRAMS,
        JSON.stringify(patches),
        ...args,
      ],
      options.meanwhile,
      { TEST_PROGRAMS: PROGRAMS, ...options.env },
    );
  }
}

/** The output is whole, its marker tells the truth, and nothing else is left. */
export function expectComplete(output: string): void {
  expect(listing(output)).toEqual(COMPLETE);
  const { files } = readJson(output, '.artifact.json') as {
    files: { path: string; size: number; sha256: string }[];
  };
  expect(files.map((file) => file.path)).toEqual([MODEL, TOKENIZER]);
  for (const file of files) {
    expect(fs.statSync(path.join(output, file.path)).size).toBe(file.size);
    expect(sha256(path.join(output, file.path))).toBe(file.sha256);
  }
}

/** Nothing is published, and nothing of a run that failed is left. */
export function expectNothing(output: string): void {
  expect(fs.existsSync(output) ? listing(output) : []).toEqual([]);
}

/** Waits until the program prints what matches, and returns the match. */
export function said(child: ChildProcess, text: RegExp): Promise<RegExpExecArray> {
  let printed = '';
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (data: Buffer) => {
      printed += data.toString();
      const match = text.exec(printed);
      if (match) resolve(match);
    });
    child.on('close', () => reject(new Error(`ended without ${String(text)}: ${printed}`)));
  });
}

export async function ended(pid: number): Promise<void> {
  while (isRunning(pid)) await pause(20);
}

function isRunning(pid: number): boolean {
  try {
    // A process that has ended and that nobody has waited for is no longer running.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
