import * as fs from 'node:fs';
import * as path from 'node:path';
import { usageError } from './exit-codes';
import type { Io } from './io';

/** What stands for standard input on the command line. */
const STDIN = '-';

/** A file of the command line, or in a folder of it. @internal */
export interface InputFile {
  /** As a person finds it: what was given, and the path below it. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads files, the YAML files of folders and of the folders in them, and standard input, in the order given; of a
 * folder in the order of names. Each file once.
 *
 * @param given paths, or `-`
 * @param reading called before each file, with the number of all
 * @throws when one is not there or cannot be read, or a folder has no YAML file
 * @internal
 */
export async function readFiles(
  given: readonly string[],
  io: Io,
  reading: (name: string, done: number, of: number) => void = () => undefined,
): Promise<InputFile[]> {
  const names = new Map<string, string>();
  for (const each of given) {
    for (const name of each === STDIN ? [STDIN] : filesAt(each, io.cwd)) {
      const id = name === STDIN ? STDIN : path.resolve(io.cwd, name);
      if (!names.has(id)) names.set(id, name);
    }
  }
  const files: InputFile[] = [];
  for (const [id, name] of names) {
    reading(name, files.length + 1, names.size);
    files.push(
      id === STDIN
        ? { name: '<stdin>', text: await io.stdin() }
        : { name, text: readable(name, () => fs.readFileSync(id, 'utf8')) },
    );
  }
  return files;
}

function filesAt(given: string, cwd: string): string[] {
  const isFolder = readable(given, () => fs.statSync(path.resolve(cwd, given)).isDirectory());
  if (!isFolder) return [given];
  const files = readable(given, () => yamlFilesIn(path.resolve(cwd, given)));
  if (files.length === 0) throw usageError(`${given} has no file that ends in .yaml or .yml.`);
  return files.map((file) => path.join(given, file));
}

/** Paths of the YAML files below a folder. What a tool keeps for itself is none of ours. */
function yamlFilesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return [];
      const file = path.join(folder, entry.name);
      // A link may lead to a folder, as in a mounted ConfigMap; a link in a circle ends with an error.
      const isFolder =
        entry.isDirectory() ||
        (entry.isSymbolicLink() && fs.statSync(file, { throwIfNoEntry: false })?.isDirectory());
      if (isFolder) return yamlFilesIn(file).map((inner) => path.join(entry.name, inner));
      return /\.ya?ml$/.test(entry.name) ? [entry.name] : [];
    });
}

/** @throws in words of its own what the file system says by a code */
function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw usageError(`${name} ${REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? String(error)}.`);
  }
}

const REASONS: Record<string, string> = {
  EACCES: 'may not be read by this user',
  ELOOP: 'is a link that leads in a circle',
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: what is named as a folder is a file',
};
