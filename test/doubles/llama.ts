import { execFileSync } from 'node:child_process';
import * as path from 'node:path';

/** llama.cpp as this machine has it. */
export interface LlamaPeer {
  /** A program of it: `llama-server`, `llama-quantize`. */
  program(name: string): string;
  /** `b11669`. */
  readonly version: string;
}

/**
 * Finds llama.cpp's programs. They are no part of this project; install-llama.sh beside this file brings them.
 *
 * Without them a warning is printed and undefined returned; with CDK8S_LLM_REQUIRE_PEERS=1 it is an error.
 */
export function findLlama(): LlamaPeer | undefined {
  const folder = process.env.CDK8S_LLM_PEER_LLAMA;
  if (folder) {
    const program = (name: string) => path.join(folder, name);
    const text = execFileSync('sh', ['-c', 'exec "$0" --version 2>&1', program('llama-server')]).toString();
    const build = /\bbuild (\d+)|^version: (\d+) /m.exec(text);
    if (!build) throw new Error(`llama-server --version says no build: ${text}`);
    return { program, version: `b${build[1] ?? build[2]}` };
  }
  const message =
    'there is no llama-server here, so nothing was tested against it; ' +
    'run test/doubles/install-llama.sh and set CDK8S_LLM_PEER_LLAMA to what it prints';
  if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') throw new Error(message);
  console.warn(message);
  return undefined;
}
