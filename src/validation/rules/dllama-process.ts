import { Container } from '../shapes';
import { ObjectSet, Pod, PodContainer } from '../object-set';

/** A distributed-llama process in a container, as its command line tells. @internal */
export interface DllamaProcess {
  readonly pod: Pod;
  readonly at: PodContainer;
  readonly role: 'root' | 'worker';
  /** What follows the program: `worker`, `--port`, `9999` ... */
  readonly args: readonly string[];
  /** Where these stand: the container's args or command, or a text for a shell. */
  readonly field: string;
  /** Whether it is the container's process 1. */
  readonly isFirst: boolean;
}

/** The program's name, where a word names distributed-llama; `--state-dir=/run/dllama` names a folder. */
function programOf(word: string): 'dllama' | 'dllama-api' | undefined {
  if (word.startsWith('-')) return undefined;
  for (const name of ['dllama', 'dllama-api'] as const) {
    if (word === name || word.endsWith(`/${name}`)) return name;
  }
  return undefined;
}

/** Flags that no other program takes, by which one with another path is known. */
const OWN_FLAGS = ['--nthreads', '--buffer-float-type'];

/** The distributed-llama processes of a pod: roots and workers. @internal */
export function dllamaProcesses(pod: Pod): readonly DllamaProcess[] {
  let processes = found.get(pod);
  if (!processes) {
    processes = pod.containers.flatMap((at) => processOf(pod, at) ?? []);
    found.set(pod, processes);
  }
  return processes;
}

/** Looked for once, asked for by every rule. */
const found = new WeakMap<Pod, readonly DllamaProcess[]>();

function processOf(pod: Pod, at: PodContainer): DllamaProcess | undefined {
  const { container } = at;
  const items = [...(container.command ?? []), ...(container.args ?? [])];
  const words = items.some((item) => programOf(item) !== undefined || OWN_FLAGS.includes(item))
    ? items
    : shellWords(items);
  if (!words) return undefined;
  const index = programIndex(words);
  const args = words.slice(index + 1);
  const isRoot = programOf(words[index] ?? '') === 'dllama-api' || args.includes('--model');
  return {
    pod,
    at,
    role: isRoot ? 'root' : 'worker',
    args,
    field: `${at.field}.${container.args?.length ? 'args' : 'command'}`,
    isFirst: index === 0,
  };
}

/** Where the program stands; without its usual name, before the first flag and the word `worker`. */
function programIndex(words: readonly string[]): number {
  const named = words.findLastIndex((word) => programOf(word) !== undefined);
  if (named >= 0) return named;
  const worker = words.lastIndexOf('worker');
  const flag = words.findIndex((word) => word.startsWith('--'));
  return (worker >= 0 && worker < flag ? worker : flag) - 1;
}

/** The words of a command given to a shell as one text, from the program to the end of its command. */
function shellWords(items: readonly string[]): string[] | undefined {
  for (const item of items) {
    if (!item.includes('dllama') || !/\s/.test(item)) continue;
    for (const command of item.split(/[;&|\n]+/)) {
      const words = command.split(/\s+/).map((word) => word.replace(/^["']|["']$/g, ''));
      const program = words.findIndex((word) => programOf(word) !== undefined);
      // `sh -c` is process 1, whatever it starts.
      if (program >= 0) return ['sh', ...words.slice(program)];
    }
  }
  return undefined;
}

/** The items after a flag, up to the next one. @internal */
export function flagValues(args: readonly string[], flag: string): string[] | undefined {
  const index = args.indexOf(flag);
  if (index < 0) return undefined;
  const rest = args.slice(index + 1);
  const end = rest.findIndex((item) => item.startsWith('--'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The port that a process listens at: 9990 when it is not told. @internal */
export function dllamaPort(process: DllamaProcess): number {
  return Number(flagValues(process.args, '--port')?.[0] ?? 9990);
}

/** All processes of a set. @internal */
export function allDllamaProcesses(set: ObjectSet): DllamaProcess[] {
  return set.pods.flatMap(dllamaProcesses);
}

/** The names or numbers by which a port of a container is known. @internal */
export function namesOfPort(container: Container, port: number): (number | string)[] {
  return [
    port,
    ...(container.ports ?? []).filter((p) => p.containerPort === port).flatMap((p) => p.name ?? []),
  ];
}
