import * as fs from 'node:fs';
import * as path from 'node:path';
import { contentHash } from './content-hash';
import { ANNOTATION } from './metadata';
import { addObject, Owner } from './owner';

/** Where the programs of a pod are mounted. */
export const PROGRAMS_FOLDER = '/opt/cdk8s-llm';

const VOLUME = 'programs';

const RUNTIME_FOLDER = path.join(__dirname, '../runtime');

/** The texts, read once in a process. One string for each, however many objects hold it. */
const texts = new Map<string, string>();

/** By its file: what a program imports, looked up once in a process. */
const importsOfFiles = new Map<string, readonly string[]>();

/** By its files: the hash of a set of programs, computed once in a process. */
const hashes = new Map<string, string>();

/** The programs that a construct's pods run, in a ConfigMap named after their content. */
export class Programs {
  /** The ConfigMap's name. */
  public readonly name: string;

  private readonly files: readonly string[];

  /**
   * @param programs the files that the pods name: programs, kinds of sources and places, requirements. The modules
   * that they import are added, and no others, so that a change of one program leaves the pods of others alone.
   * @param component the pods that run them, where a construct's components have programs of their own: a change
   * of one component's programs then leaves the other's pods alone
   */
  constructor(
    private readonly owner: Owner,
    programs: readonly string[],
    private readonly component?: string,
  ) {
    this.files = withImports(programs);
    this.name = `${owner.name}-${component ?? 'programs'}-${hashOf(this.files)}`;
  }

  /** The pod's volume. */
  public volume(): Record<string, unknown> {
    return { name: VOLUME, configMap: { name: this.name } };
  }

  /** The container's mount. */
  public static mount(): Record<string, unknown> {
    return { name: VOLUME, mountPath: PROGRAMS_FOLDER, readOnly: true };
  }

  /** Adds the ConfigMap. Called last, so that in the file the programs follow what a reviewer reads first. */
  public add(): void {
    addObject(this.owner, ['Programs', ...(this.component ? [this.component] : [])].join('-'), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: this.name,
      component: this.component ?? 'programs',
      annotations: {
        [ANNOTATION.content]: this.files.join(', '),
        // Pruned in mirrored wave order otherwise: the old server's programs would go hours before the new
        // server is there.
        [ANNOTATION.syncOptions]: 'PruneLast=true',
        [ANNOTATION.fluxSubstitute]: 'disabled',
      },
      body: { immutable: true, data: dataOf(this.files) },
    });
  }
}

/** The path of a program in the pod. */
export function programPath(file: string): string {
  return `${PROGRAMS_FOLDER}/${file}`;
}

/**
 * The files and all modules of ours that they need to start, sorted. What a program imports within a function is
 * one of several that a pod may have, and so must be named.
 *
 * @internal
 */
export function withImports(files: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    if (file.endsWith('.py')) importsOf(file).forEach(add);
  };
  files.forEach(add);
  return [...found].sort();
}

/** The modules of ours that a Python file imports at its top level, by the lines that say so. */
function importsOf(file: string): readonly string[] {
  let imports = importsOfFiles.get(file);
  if (imports === undefined) {
    const names = [...textOf(file).matchAll(/^(?:import|from) (\w+)/gm)].map(([, name]) => `${name}.py`);
    imports = names.filter((name) => fs.existsSync(path.join(RUNTIME_FOLDER, name)));
    importsOfFiles.set(file, imports);
  }
  return imports;
}

function textOf(file: string): string {
  let text = texts.get(file);
  if (text === undefined) {
    text = fs.readFileSync(path.join(RUNTIME_FOLDER, file), 'utf8');
    texts.set(file, text);
  }
  return text;
}

function hashOf(files: readonly string[]): string {
  const id = files.join('/');
  let hash = hashes.get(id);
  if (hash === undefined) {
    hash = contentHash(dataOf(files));
    hashes.set(id, hash);
  }
  return hash;
}

function dataOf(files: readonly string[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file, textOf(file)]));
}
