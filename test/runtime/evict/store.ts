import * as fs from 'node:fs';
import * as path from 'node:path';
import { bytes, temporaryFolder } from '../artifact/program';

/** An artifact as a test puts it into a store. */
export interface Stored {
  readonly name: string;
  readonly parents?: string[];
  /** @default some */
  readonly files?: Record<string, Buffer>;
  /** @default true */
  readonly complete?: boolean;
}

export const KEYS = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc'];
export const [MODEL, CONVERTED, OTHER] = ['qwen--qwen3', 'qwen3-q40', 'other'].map(
  (name, at) => `${name}-${KEYS[at]}`,
);

/** A model, what was converted from it, and one that has nothing to do with them. */
export const STORE: Stored[] = [
  { name: MODEL },
  { name: CONVERTED, parents: [KEYS[0]] },
  { name: OTHER, files: { 'model.gguf': bytes(5000) } },
];

const FILES = {
  'config.json': Buffer.from('{}'),
  'weights/a.safetensors': bytes(3000),
  'weights/b.safetensors': bytes(70),
};

export const SIZE = Object.values(FILES).reduce((sum, file) => sum + file.length, 0);

export function filesOf({
  name,
  parents = [],
  files = FILES,
  complete = true,
}: Stored): Record<string, Buffer> {
  const listed = Object.entries(files).map(([file, { length }]) => ({
    path: file,
    size: length,
    sha256: '0'.repeat(64),
  }));
  const marker = {
    format: 1,
    key: name.slice(-12),
    parents,
    bytes: listed.reduce((sum, { size }) => sum + size, 0),
    files: listed,
  };
  return { ...files, ...(complete ? { '.artifact.json': Buffer.from(JSON.stringify(marker)) } : {}) };
}

/** A folder that is a store. */
export function folderStore(stored: Stored[] = STORE): string {
  const root = temporaryFolder();
  for (const artifact of stored) {
    for (const [file, content] of Object.entries(filesOf(artifact))) {
      const at = path.join(root, artifact.name, file);
      fs.mkdirSync(path.dirname(at), { recursive: true });
      fs.writeFileSync(at, content);
    }
  }
  return root;
}

/** Everything in a folder that is a store, by its path. */
export function allIn(root: string): string[] {
  return fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** The paths of artifacts that are there as they were put. */
export function pathsOf(stored: Stored[]): string[] {
  return stored.flatMap((each) => Object.keys(filesOf(each)).map((file) => `${each.name}/${file}`)).sort();
}
