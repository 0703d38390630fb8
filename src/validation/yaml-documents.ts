/** YAML with the places of everything in it: the parser that cdk8s brings along, read as Kubernetes reads YAML. */
import { createRequire } from 'node:module';

/** A place in a file, counted from 1. @internal */
export interface Position {
  readonly line: number;
  readonly column: number;
  /** Where it ends, in the same line. */
  readonly endColumn: number;
}

/** A document of a file. @internal */
export interface YamlDocument {
  readonly value: unknown;
  /**
   * The place of a field, or of the innermost object around it that is there.
   *
   * @param path names and indices, from the document's root
   */
  readonly positionOf: (path: readonly (string | number)[]) => Position;
}

/** What makes a file no YAML. @internal */
export interface YamlError {
  readonly message: string;
  readonly position: Position;
}

/** What is used of the package `yaml`. */
interface Yaml {
  readonly LineCounter: new () => { linePos(offset: number): { line: number; col: number } };
  readonly parseAllDocuments: (text: string, options: object) => Parsed[];
  readonly isMap: (node: unknown) => node is { items: readonly { key: Node; value: unknown }[] };
  readonly isSeq: (node: unknown) => node is { items: readonly unknown[] };
}

interface Node {
  readonly value?: unknown;
  readonly range?: readonly [start: number, valueEnd: number, nodeEnd: number];
}

interface Parsed {
  readonly contents: Node | null;
  readonly errors: readonly { message: string; pos: readonly [number, number] }[];
  toJS(): unknown;
}

/** A type of values in YAML 1.1. */
interface Tag {
  readonly tag?: string;
  readonly format?: string;
}

let loaded: Yaml | undefined;

function yaml(): Yaml {
  loaded ??= createRequire(require.resolve('cdk8s'))('yaml') as Yaml;
  return loaded;
}

/**
 * Reads the documents of a YAML text; empty ones are left out.
 *
 * @returns what could be read, and what could not
 * @internal
 */
export function readDocuments(text: string): { documents: YamlDocument[]; errors: YamlError[] } {
  const { LineCounter, parseAllDocuments } = yaml();
  const lines = new LineCounter();
  const positionAt = (start: number, end: number): Position => {
    const { line, col } = lines.linePos(start);
    const last = lines.linePos(Math.max(start, end));
    // An offset behind the last character counts as column 0.
    const column = Math.max(col, 1);
    return {
      line: Math.max(line, 1),
      column,
      endColumn: last.line === line ? Math.max(last.col, column) : column,
    };
  };
  const documents: YamlDocument[] = [];
  const errors: YamlError[] = [];
  const parsed = parseAllDocuments(text, {
    version: '1.1',
    customTags: asKubernetes,
    lineCounter: lines,
    prettyErrors: false,
    // What it would warn of is refused below.
    logLevel: 'error',
  });
  for (const document of parsed) {
    for (const { message, pos } of document.errors) errors.push({ message, position: positionAt(...pos) });
    if (document.errors.length > 0 || document.contents === null) continue;
    const { contents } = document;
    const wrongKey = keyThatIsNoText(contents);
    if (wrongKey) {
      const message = 'The name of a field is a map or a list; only text can be one';
      errors.push({ message, position: positionAt(...rangeOf(wrongKey, [])) });
      continue;
    }
    try {
      const value = document.toJS();
      if (value === null) continue;
      documents.push({ value, positionOf: (path) => positionAt(...rangeOf(contents, path)) });
    } catch (error) {
      // Aliases of aliases: a few lines that would fill the memory.
      errors.push({ message: (error as Error).message, position: positionAt(...rangeOf(contents, [])) });
    }
  }
  return { documents, errors };
}

/** Kubernetes reads YAML 1.1, but takes neither `2024-01-01` for a date nor `12:30` for a number of minutes. */
function asKubernetes(tags: readonly Tag[]): readonly Tag[] {
  return tags.filter(({ tag, format }) => tag !== 'tag:yaml.org,2002:timestamp' && format !== 'TIME');
}

/** A map or list where the name of a field stands: `{{ .Values.name }}` of a template reads so. */
function keyThatIsNoText(node: unknown): Node | undefined {
  const { isMap, isSeq } = yaml();
  const items = isMap(node) ? node.items : isSeq(node) ? node.items : [];
  for (const item of items) {
    const { key, value } = isMap(node)
      ? (item as { key: Node; value: unknown })
      : { key: undefined, value: item };
    const wrong = isMap(key) || isSeq(key) ? (key as Node) : keyThatIsNoText(value);
    if (wrong) return wrong;
  }
  return undefined;
}

/** Where a field begins and ends: its name, or the element of a list. */
function rangeOf(root: Node, path: readonly (string | number)[]): [number, number] {
  const { isMap, isSeq } = yaml();
  let node: unknown = root;
  let range: readonly [number, number] = [root.range?.[0] ?? 0, root.range?.[0] ?? 0];
  for (const segment of path) {
    let found: Node | undefined;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(key.value) === String(segment));
      [found, node] = [pair?.key, pair?.value];
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      found = node as Node | undefined;
    }
    if (!found?.range) break;
    range = [found.range[0], isMap(found) || isSeq(found) ? found.range[0] : found.range[1]];
  }
  return [range[0], range[1]];
}

/**
 * The names and indices of a field as rules write it: `spec.containers[0].resources.limits["nvidia.com/gpu"]`.
 *
 * @internal
 */
export function segmentsOf(field: string): (string | number)[] {
  const segments: (string | number)[] = [];
  const segment = /\.?([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/y;
  for (let match = segment.exec(field); match; match = segment.exec(field)) {
    segments.push(match[2] === undefined ? (match[1] ?? match[3]) : Number(match[2]));
  }
  return segments;
}
