import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Output } from '../../src/cli/io';
import { run } from '../../src/cli/run';

/** What a command line has done. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Whether a person sits at a terminal. */
  readonly isTTY?: boolean;
}

/** Runs a command line in this process. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { stdin = '', env = {}, cwd = process.cwd(), isTTY = false } = options;
  const texts = { stdout: '', stderr: '' };
  const output = (name: keyof typeof texts): Output => ({
    isTTY,
    write: (text: string) => (texts[name] += text),
  });
  const code = await run(args, {
    stdin: () => Promise.resolve(stdin),
    stdout: output('stdout'),
    stderr: output('stderr'),
    env,
    cwd,
  });
  return { code, ...texts };
}

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** A folder with such files, which goes when the tests of a file have ended. */
export function folderWith(files: Record<string, string>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-cli-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}
