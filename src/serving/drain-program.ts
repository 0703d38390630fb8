import * as fs from 'node:fs';
import * as path from 'node:path';
import type { EngineFile } from './engine-spec';

const PROGRAM = 'drain.py';
const FOLDER = '/opt/drain';

/** The program that waits for a server's requests, as a file of its container. @internal */
export function drainFiles(): EngineFile {
  const text = fs.readFileSync(path.join(__dirname, '../runtime', PROGRAM), 'utf8');
  return { name: 'drain', folder: FOLDER, texts: { [PROGRAM]: text } };
}

/**
 * The preStop hook of an image that has Python: it ends when no request is under way any more.
 *
 * @param seconds the most that it waits
 * @param metrics the gauges that count requests
 * @internal
 */
export function drainCommand(port: number, seconds: number, metrics: readonly string[]): string[] {
  return ['python3', `${FOLDER}/${PROGRAM}`, String(port), String(seconds), ...metrics];
}
