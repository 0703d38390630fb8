import * as fs from 'node:fs';
import * as path from 'node:path';

/** Where the shell programs beside llama-server are mounted. */
export const LLAMA_SCRIPTS_FOLDER = '/opt/llama-server';

const LAUNCHER = 'llama.sh';
const DRAIN = 'llama_drain.sh';
const RUNTIME_FOLDER = path.join(__dirname, '../../runtime');

/** A file that llama-server is started with. @internal */
export interface LlamaFileArgument {
  /** What llama-server calls it: `--model`. */
  readonly flag: string;
  /** The folder of the artifact in the container. */
  readonly folder: string;
  /** A path below it, or a pattern. */
  readonly file: string;
  /** What follows the path in the argument. */
  readonly suffix: string;
}

/**
 * The texts of the shell programs that are run, by their names: a change of one that is not would start servers again
 * for nothing.
 *
 * @param commands by which containers and hooks start, word by word
 * @internal
 */
export function llamaScripts(commands: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    [LAUNCHER, DRAIN]
      .filter((file) => commands.includes(`${LLAMA_SCRIPTS_FOLDER}/${file}`))
      .map((file) => [file, fs.readFileSync(path.join(RUNTIME_FOLDER, file), 'utf8')]),
  );
}

/** Whether a file is known before the pod starts. @internal */
export function isPattern(file: string): boolean {
  return /[*?[]/.test(file);
}

/**
 * The command by which the container starts. Where all files are known it is the server itself; patterns are resolved
 * by our launcher, which then becomes the server.
 *
 * @internal
 */
export function llamaCommand(
  server: string,
  files: readonly LlamaFileArgument[],
  args: readonly string[],
): { command: string[]; args: string[] } {
  if (!files.some(({ file }) => isPattern(file))) {
    return { command: [server], args: [...joined(files), ...args] };
  }
  const quads = files.flatMap(({ flag, folder, file, suffix }) => [flag, folder, file, suffix]);
  return {
    command: ['/bin/sh', `${LLAMA_SCRIPTS_FOLDER}/${LAUNCHER}`],
    args: [...quads, '--', server, ...args],
  };
}

/** A flag that stands several times becomes one argument, its paths joined by commas. */
function joined(files: readonly LlamaFileArgument[]): string[] {
  const values = new Map<string, string[]>();
  for (const { flag, folder, file, suffix } of files) {
    values.set(flag, [...(values.get(flag) ?? []), `${folder}/${file}${suffix}`]);
  }
  return [...values].flatMap(([flag, paths]) => [flag, paths.join(',')]);
}

/** The preStop hook: it ends when no request is under way any more. @internal */
export function llamaDrain(port: number, seconds: number, apiKeyFile?: string): string[] {
  return [
    '/bin/sh',
    `${LLAMA_SCRIPTS_FOLDER}/${DRAIN}`,
    String(port),
    String(seconds),
    ...(apiKeyFile ? [apiKeyFile] : []),
  ];
}
