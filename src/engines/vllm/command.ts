import { Speculation, speculativeConfig } from './speculation';
import { atLeastVersion } from './version';

/** What `vllm serve` is told, as plain data. @internal */
export interface VllmCommand {
  readonly version: string;
  /** Folder of the model's files, or a GGUF file. */
  readonly model: string;
  /** The first is what answers call the model. */
  readonly servedModelNames: readonly string[];
  readonly port: number;
  readonly tensorParallel: number;
  readonly pipelineParallel: number;
  readonly dataParallel: number;
  readonly expertParallel?: boolean;
  readonly maxModelLen?: number;
  readonly dtype?: string;
  readonly quantization?: string;
  readonly kvCacheDtype?: string;
  readonly gpuMemoryUtilization?: number;
  readonly prefixCaching?: boolean;
  readonly chunkedPrefill?: boolean;
  readonly maxNumSeqs?: number;
  readonly maxNumBatchedTokens?: number;
  readonly enforceEager?: boolean;
  readonly adapters: readonly { readonly name: string; readonly path: string }[];
  readonly maxLoraRank?: number;
  readonly maxLoras?: number;
  readonly speculation?: Speculation;
  /** Folder of the draft model's files. */
  readonly draft?: string;
  readonly toolCallParser?: string;
  readonly reasoningParser?: string;
  readonly chatTemplate?: string;
  readonly kvTransfer?: Record<string, unknown>;
  readonly trustRemoteCode?: boolean;
  /** Whether prompts and parameters are logged. */
  readonly logRequests?: boolean;
  /** How long requests may take to end after SIGTERM, for versions that can wait. */
  readonly shutdownSeconds: number;
}

/** Whether the process itself waits for its requests after SIGTERM (#36666). @internal */
export function waitsForRequests(version: string): boolean {
  return atLeastVersion(version, '0.18.0');
}

/** The construct's property for each flag that the arguments set. @internal */
export function propertiesOfFlags(args: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    args.flatMap((arg) => {
      const flag = flagOf(arg);
      return flag === undefined || PROPERTIES[flag] === WHERE_IT_LISTENS ? [] : [[flag, PROPERTIES[flag]]];
    }),
  );
}

/** The arguments in the order that they have, each flag with its values and the property that it is of. @internal */
export function argumentsByProperty(args: readonly string[]): [property: string, args: string[]][] {
  const parts: [string, string[]][] = [];
  for (const arg of args) {
    const flag = flagOf(arg);
    if (flag !== undefined) parts.push([PROPERTIES[flag], [arg]]);
    else parts[parts.length - 1][1].push(arg);
  }
  return parts;
}

/** The names of flags that a user gives, in one spelling. @internal */
export function flagsOf(args: readonly string[] = []): string[] {
  return args.map((arg) => arg.split('=')[0].replace(/_/g, '-')).filter((arg) => arg.startsWith('-'));
}

function flagOf(arg: string): string | undefined {
  if (arg in PROPERTIES) return arg;
  const positive = arg.replace(/^--no-/, '--');
  return positive !== arg && positive in PROPERTIES ? positive : undefined;
}

/** No property's: the flag table says why a user must not set them. */
const WHERE_IT_LISTENS = '';

const PROPERTIES: Record<string, string> = {
  '--host': WHERE_IT_LISTENS,
  '--port': WHERE_IT_LISTENS,
  '--served-model-name': 'servedModelNames',
  '--tensor-parallel-size': 'tensorParallel',
  '--pipeline-parallel-size': 'pipelineParallel',
  '--data-parallel-size': 'dataParallel',
  '--enable-expert-parallel': 'expertParallel',
  '--max-model-len': 'maxModelLen',
  '--dtype': 'dtype',
  '--quantization': 'quantization',
  '--kv-cache-dtype': 'kvCacheDtype',
  '--gpu-memory-utilization': 'gpuMemoryUtilization',
  '--enable-prefix-caching': 'prefixCaching',
  '--enable-chunked-prefill': 'chunkedPrefill',
  '--max-num-seqs': 'maxNumSeqs',
  '--max-num-batched-tokens': 'maxNumBatchedTokens',
  '--enforce-eager': 'enforceEager',
  '--enable-lora': 'adapters',
  '--lora-modules': 'adapters',
  '--max-lora-rank': 'maxLoraRank',
  '--max-loras': 'maxLoras',
  '--speculative-config': 'speculative',
  '--enable-auto-tool-choice': 'toolCallParser',
  '--tool-call-parser': 'toolCallParser',
  '--reasoning-parser': 'reasoningParser',
  '--enable-reasoning': 'reasoningParser',
  '--chat-template': 'chatTemplate',
  '--kv-transfer-config': 'kvTransfer',
  '--trust-remote-code': 'trustRemoteCode',
  '--enable-log-requests': 'logRequests',
  '--disable-log-requests': 'logRequests',
  '--shutdown-timeout': 'drainTimeout',
  '--disable-access-log-for-endpoints': 'logRequests',
};

/** Flags that the construct decides although they are not always among its arguments. @internal */
export const ALWAYS_SET: Record<string, string> = {
  '--model': 'model',
  '--pipeline-parallel-size': 'pipelineParallel',
  '--data-parallel-size': 'dataParallel',
  '--enable-expert-parallel': 'expertParallel',
  '--lora-modules': 'adapters',
  '--distributed-executor-backend': 'nodes',
};

/** What stands behind `vllm serve`, without the user's own arguments. @internal */
export function vllmArguments(command: VllmCommand): string[] {
  const { version } = command;
  return [
    command.model,
    ...['--host', '0.0.0.0', '--port', String(command.port)],
    ...['--served-model-name', ...command.servedModelNames],
    ...parallelism(command),
    ...option('--max-model-len', command.maxModelLen),
    ...option('--dtype', command.dtype),
    ...option('--quantization', command.quantization),
    ...option('--kv-cache-dtype', command.kvCacheDtype),
    ...option('--gpu-memory-utilization', command.gpuMemoryUtilization),
    ...toggle('--enable-prefix-caching', command.prefixCaching),
    ...toggle('--enable-chunked-prefill', command.chunkedPrefill),
    ...option('--max-num-seqs', command.maxNumSeqs),
    ...option('--max-num-batched-tokens', command.maxNumBatchedTokens),
    ...(command.enforceEager ? ['--enforce-eager'] : []),
    ...adapters(command),
    ...(command.speculation
      ? ['--speculative-config', JSON.stringify(speculativeConfig(command.speculation, command.draft))]
      : []),
    ...(command.toolCallParser
      ? ['--enable-auto-tool-choice', '--tool-call-parser', command.toolCallParser]
      : []),
    ...reasoning(command),
    ...option('--chat-template', command.chatTemplate),
    ...(command.kvTransfer ? ['--kv-transfer-config', JSON.stringify(command.kvTransfer)] : []),
    ...(command.trustRemoteCode ? ['--trust-remote-code'] : []),
    ...logging(command),
    ...(waitsForRequests(version) ? ['--shutdown-timeout', String(command.shutdownSeconds)] : []),
  ];
}

function parallelism(command: VllmCommand): string[] {
  return [
    ...['--tensor-parallel-size', String(command.tensorParallel)],
    ...(command.pipelineParallel > 1 ? ['--pipeline-parallel-size', String(command.pipelineParallel)] : []),
    ...(command.dataParallel > 1 ? ['--data-parallel-size', String(command.dataParallel)] : []),
    ...(command.expertParallel ? ['--enable-expert-parallel'] : []),
  ];
}

/** `name=path` since ever; the JSON form is of 0.6.2 and newer. */
function adapters({ adapters: all, maxLoraRank, maxLoras }: VllmCommand): string[] {
  if (all.length === 0) return [];
  return [
    '--enable-lora',
    ...option('--max-lora-rank', maxLoraRank),
    ...option('--max-loras', maxLoras),
    ...['--lora-modules', ...all.map(({ name, path }) => `${name}=${path}`)],
  ];
}

/** Before 0.9.0 a parser did nothing without the switch. */
function reasoning({ version, reasoningParser }: VllmCommand): string[] {
  if (reasoningParser === undefined) return [];
  const enable = atLeastVersion(version, '0.9.0') ? [] : ['--enable-reasoning'];
  return [...enable, '--reasoning-parser', reasoningParser];
}

/** Prompts are logged unless they are asked not to be before 0.10.1, and only if they are asked to be since. */
function logging({ version, logRequests }: VllmCommand): string[] {
  const asked = atLeastVersion(version, '0.10.1');
  return [
    ...(asked && logRequests ? ['--enable-log-requests'] : []),
    ...(!asked && !logRequests ? ['--disable-log-requests'] : []),
    // Every probe would be a line.
    ...(atLeastVersion(version, '0.16.0') ? ['--disable-access-log-for-endpoints', '/health,/metrics'] : []),
  ];
}

function option(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [flag, String(value)];
}

function toggle(flag: string, value: boolean | undefined): string[] {
  return value === undefined ? [] : [value ? flag : `--no-${flag.slice(2)}`];
}
