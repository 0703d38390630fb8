import * as net from 'node:net';
import { isPort } from '../../pod/checks';
import { DLLAMA_FLAGS, FlagRole } from './flags';
import { FloatType } from './float-type';
import { bufferFloatType } from './storage';
import { DllamaVersion, isOlder, versionName } from './version';

/** The chat templates that distributed-llama can be told to use; by default it reads the tokenizer's. @internal */
export type ChatTemplate = 'llama2' | 'llama3' | 'deepSeek3';

interface CommandOptions {
  /** The program, as a path or a name on PATH. */
  readonly program: string;
  /** Threads that compute; they spin, so there must be a whole CPU for each. */
  readonly threads: number;
  /** The IPv4 address to listen at. */
  readonly host: string;
  readonly port: number;
  /** Whether sockets spin while a request is served: less latency for one busy CPU. Default of the program: yes. */
  readonly netTurbo?: boolean;
  /** The device that it computes on, by its number among those of Vulkan. Without it computes on CPUs. */
  readonly gpuIndex?: number;
  /** More flags: name, value, name, value ... */
  readonly extraArgs?: readonly string[];
  /** The release, where the image tells it; flags that came later are refused. */
  readonly version?: DllamaVersion;
}

/** What the root is started with. @internal */
export interface RootCommandOptions extends CommandOptions {
  /** Path of the `.m` file. */
  readonly model: string;
  /** Path of the `.t` file. */
  readonly tokenizer: string;
  readonly weights: FloatType;
  readonly maxSeqLen: number;
  /** `host:port` of each worker: names that the root and the workers resolve to one IPv4 address each. */
  readonly workers: readonly string[];
  readonly chatTemplate?: ChatTemplate;
}

/** What a worker is started with. @internal */
export type WorkerCommandOptions = CommandOptions;

/**
 * The root's command line, one item an argument. The program reads pairs and drops an odd last item without a word
 * (`--port=9991` at the end is lost, and so is a list of no workers), so every flag is written with its value, and
 * the workers' list is followed by another flag.
 *
 * Fails on an option or extra argument that the program would refuse, misread or ignore.
 *
 * @internal
 */
export function rootCommand(options: RootCommandOptions): string[] {
  checkWhole('maxSeqLen', options.maxSeqLen, 1);
  checkWorkers(options.workers);
  return ofRelease(options, [
    options.program,
    '--model',
    file('model', options.model),
    '--tokenizer',
    file('tokenizer', options.tokenizer),
    '--buffer-float-type',
    bufferFloatType(options.weights),
    '--max-seq-len',
    String(options.maxSeqLen),
    ...(options.workers.length > 0 ? ['--workers', ...options.workers] : []),
    ...common(options),
    ...(options.chatTemplate ? ['--chat-template', options.chatTemplate] : []),
    ...extra('root', options),
  ]);
}

/**
 * A worker's command line. All else it is told by the root: no flag has to match.
 *
 * Fails on an option or extra argument that the program would refuse, misread or ignore.
 *
 * @internal
 */
export function workerCommand(options: WorkerCommandOptions): string[] {
  return ofRelease(options, [options.program, 'worker', ...common(options), ...extra('worker', options)]);
}

/** The command line, once every flag of it is one that the release has. */
function ofRelease(options: CommandOptions, command: string[]): string[] {
  const { version } = options;
  const newer = DLLAMA_FLAGS.find(
    ({ name, since }) =>
      command.includes(name) && since !== undefined && version !== undefined && isOlder(version, since),
  );
  if (newer?.since === undefined || version === undefined) return command;
  throw new Error(
    `${newer.name} needs distributed-llama ${versionName(newer.since)} or newer; the image is ${versionName(version)}`,
  );
}

function common(options: CommandOptions): string[] {
  checkWhole('threads', options.threads, 1);
  checkPort('port', options.port);
  if (!net.isIPv4(options.host)) {
    throw new Error(
      `host is '${options.host}'; it must be an IPv4 address, such as 0.0.0.0: names are not resolved`,
    );
  }
  return [
    '--nthreads',
    String(options.threads),
    '--host',
    options.host,
    '--port',
    String(options.port),
    ...(options.netTurbo === undefined ? [] : ['--net-turbo', options.netTurbo ? '1' : '0']),
    ...(options.gpuIndex === undefined ? [] : ['--gpu-index', String(options.gpuIndex)]),
  ];
}

function extra(role: FlagRole, options: CommandOptions): readonly string[] {
  const args = options.extraArgs ?? [];
  const seen = new Set<string>();
  for (let index = 0; index < args.length; index += 2) {
    const name = args[index];
    const value: string | undefined = args[index + 1];
    checkExtra(role, name, value, options);
    if (seen.has(name)) throw new Error(`extraArgs has ${name} twice; give it once`);
    seen.add(name);
  }
  return args;
}

function checkExtra(role: FlagRole, name: string, value: string | undefined, options: CommandOptions): void {
  if (name.includes('=')) {
    const [flag, ...rest] = name.split('=');
    throw new Error(
      `extraArgs has '${name}'; give name and value as two items: '${flag}', '${rest.join('=')}'`,
    );
  }
  const flag = DLLAMA_FLAGS.find((known) => known.name === name);
  if (flag === undefined) {
    throw new Error(
      `extraArgs has '${name}', which distributed-llama does not know; allowed are ${usable(role)}`,
    );
  }
  if (flag.useless !== undefined)
    throw new Error(`extraArgs has ${name}, which serves nothing here: ${flag.useless}`);
  if (flag.setBy !== undefined)
    throw new Error(`extraArgs has ${name}, which is set by '${flag.setBy}'; set that`);
  if (!flag.roles.includes(role)) {
    throw new Error(`extraArgs has ${name}, which a ${role} does not read; allowed are ${usable(role)}`);
  }
  if (value === undefined || !flag.pattern.test(value)) {
    const given = value === undefined ? 'no value' : `'${value}'`;
    throw new Error(`extraArgs has ${name} with ${given}; its value is ${flag.value}, as the item after it`);
  }
  if (name === '--gpu-index' && options.gpuIndex !== undefined) {
    throw new Error("extraArgs has --gpu-index, which is set by 'accelerator'; set that");
  }
  if (name === '--gpu-index' && options.threads !== 1) {
    throw new Error(`extraArgs has --gpu-index, which needs threads 1; threads is ${options.threads}`);
  }
}

function usable(role: FlagRole): string {
  return DLLAMA_FLAGS.filter((flag) => flag.roles.includes(role) && flag.setBy === undefined)
    .map((flag) => flag.name)
    .join(', ');
}

function checkWorkers(workers: readonly string[]): void {
  for (const [index, worker] of workers.entries()) {
    const parts = /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):(\d+)$/.exec(worker);
    if (parts === null) {
      throw new Error(
        `workers[${index}] is '${worker}'; it must be one host:port, with a name or an IPv4 address`,
      );
    }
    checkPort(`the port of workers[${index}]`, Number(parts[3]));
    // The root would connect to it twice and wait for ever.
    if (workers.indexOf(worker) !== index)
      throw new Error(`workers has '${worker}' twice; each must be another pod`);
  }
}

function file(field: string, path: string): string {
  if (path !== '' && !path.startsWith('-')) return path;
  throw new Error(`${field} is '${path}'; it must be the path of a file`);
}

function checkPort(field: string, port: number): void {
  if (isPort(port)) return;
  throw new Error(`${field} is ${port}; it must be a whole number from 1 to 65535`);
}

function checkWhole(field: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new Error(`${field} is ${value}; it must be a whole number of at least ${least}`);
}
