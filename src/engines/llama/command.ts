import { FlagTable, hasFlag, valueOfFlag } from '../flag-table';
import type { CacheType } from './cache-type';
import { LLAMA_FLAG_TABLE } from './flags';
import { compareLlamaVersions } from './version';

/** Where llama-server listens. Always said: its default is moving from 8080 to 9931 (ggml-org/llama.cpp#26508). */
export const LLAMA_PORT = 8080;

/** A property of the construct, and the arguments that it becomes. @internal */
export interface LlamaArgument {
  readonly property: string;
  readonly given: unknown;
  readonly args: readonly string[];
}

/** What llama-server is told, besides its files. @internal */
export interface LlamaOptions {
  readonly version: string;
  /** Of all slots together. */
  readonly contextTokens: number;
  readonly parallel: number;
  readonly batchSize: number;
  readonly ubatchSize: number;
  readonly threads: number;
  /** Undefined where there is no accelerator. */
  readonly gpuLayers?: number | 'all';
  readonly flashAttention?: 'on' | 'off' | 'auto';
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
  readonly promptCacheMib: number;
  readonly alias?: string;
  readonly embeddings: boolean;
  readonly reranking: boolean;
  readonly pooling?: string;
  readonly jinja: boolean;
  readonly webUi: boolean;
  readonly chatTemplateFile?: string;
  readonly apiKeyFile?: string;
  readonly draft?: { readonly maxTokens?: number; readonly minTokens?: number };
  readonly router?: {
    readonly folder: string;
    readonly maxModels: number;
    readonly idleSeconds?: number;
  };
}

/** The properties of `LlamaServer` that become flags; extraArgs must not repeat them. @internal */
export const LLAMA_PROPERTIES: Readonly<Record<string, string>> = {
  '--model': 'file',
  '--alias': 'alias',
  '--ctx-size': 'contextSize',
  '--parallel': 'parallel',
  '--batch-size': 'batchSize',
  '--ubatch-size': 'ubatchSize',
  '--threads': 'threads',
  '--gpu-layers': 'gpuLayers',
  '--flash-attn': 'flashAttention',
  '--cache-type-k': 'cacheTypeK',
  '--cache-type-v': 'cacheTypeV',
  '--cache-ram': 'promptCache',
  '--lora': 'adapters',
  '--lora-scaled': 'adapters',
  '--mmproj': 'projector',
  '--model-draft': 'draft',
  '--spec-draft-model': 'draft',
  '--spec-draft-n-max': 'draft.maxTokens',
  '--spec-draft-n-min': 'draft.minTokens',
  '--draft': 'draft.maxTokens',
  '--draft-min': 'draft.minTokens',
  '--embedding': 'embeddings',
  '--rerank': 'reranking',
  '--pooling': 'pooling',
  '--jinja': 'jinja',
  '--no-jinja': 'jinja',
  '--chat-template': 'chatTemplate',
  '--chat-template-file': 'chatTemplate',
  '--api-key-file': 'apiKey',
  '--webui': 'webUi',
  '--no-webui': 'webUi',
  '--ui': 'webUi',
  '--models-dir': 'router',
  '--models-preset': 'router',
  '--models-max': 'router.maxModels',
  '--sleep-idle-seconds': 'router.idleTimeout',
  '--metrics': 'monitoring',
};

/** Older than this, llama-server has no `--no-jinja`, and reads templates as Jinja where it is told to. */
const JINJA_BY_DEFAULT = 'b7348';

/** From here on a draft model is used where its kind is named (ggml-org/llama.cpp#22964). */
const DRAFT_BY_TYPE = 'b9842';

/** The arguments of llama-server, but for `extraArgs` and the files. @internal */
export function llamaArguments(options: LlamaOptions): LlamaArgument[] {
  const { version, router, draft } = options;
  const has = (flag: string) => hasFlag(LLAMA_FLAG_TABLE, version, flag);
  const one = (property: string, given: unknown, ...args: string[]): LlamaArgument => ({
    property,
    given,
    args,
  });
  const when = (condition: boolean, ...args: LlamaArgument[]) => (condition ? args : []);
  return [
    one('port', LLAMA_PORT, '--host', '0.0.0.0', '--port', String(LLAMA_PORT)),
    ...when(has('--offline'), one('version', version, '--offline')),
    ...when(options.alias !== undefined, one('alias', options.alias, '--alias', options.alias ?? '')),
    ...(router ? routerArguments(router, one) : []),
    one('contextSize', options.contextTokens, '--ctx-size', String(options.contextTokens)),
    one('parallel', options.parallel, '--parallel', String(options.parallel)),
    one('batchSize', options.batchSize, '--batch-size', String(options.batchSize)),
    one('ubatchSize', options.ubatchSize, '--ubatch-size', String(options.ubatchSize)),
    one('threads', options.threads, '--threads', String(options.threads)),
    ...when(
      options.gpuLayers !== undefined,
      one(
        'gpuLayers',
        options.gpuLayers,
        '--gpu-layers',
        layers(LLAMA_FLAG_TABLE, version, options.gpuLayers),
      ),
    ),
    ...flashAttention(version, options.flashAttention),
    one('cacheTypeK', options.cacheTypeK, '--cache-type-k', options.cacheTypeK),
    one('cacheTypeV', options.cacheTypeV, '--cache-type-v', options.cacheTypeV),
    ...when(
      has('--cache-ram'),
      one('promptCache', options.promptCacheMib, '--cache-ram', String(options.promptCacheMib)),
    ),
    ...when(options.embeddings, one('embeddings', true, '--embeddings')),
    ...when(options.reranking, one('reranking', true, '--reranking')),
    ...when(
      options.pooling !== undefined,
      one('pooling', options.pooling, '--pooling', options.pooling ?? ''),
    ),
    ...jinja(version, options.jinja),
    ...when(
      options.chatTemplateFile !== undefined,
      one('chatTemplate', 'a text', '--chat-template-file', options.chatTemplateFile ?? ''),
    ),
    ...when(
      options.apiKeyFile !== undefined,
      one('apiKey', 'a Secret', '--api-key-file', options.apiKeyFile ?? ''),
    ),
    ...(draft ? draftArguments(version, draft, one) : []),
    ...when(!options.webUi, one('webUi', false, '--no-webui')),
    ...when(!router, one('monitoring', true, '--metrics')),
  ];
}

type One = (property: string, given: unknown, ...args: string[]) => LlamaArgument;

function routerArguments(
  { folder, maxModels, idleSeconds }: NonNullable<LlamaOptions['router']>,
  one: One,
): LlamaArgument[] {
  return [
    one('router', {}, '--models-dir', folder),
    one('router.maxModels', maxModels, '--models-max', String(maxModels)),
    ...(idleSeconds === undefined
      ? []
      : [one('router.idleTimeout', `${idleSeconds} s`, '--sleep-idle-seconds', String(idleSeconds))]),
  ];
}

/** Before `all` was a word, more layers than any model has meant it. */
function layers(table: FlagTable, version: string, gpuLayers: number | 'all' | undefined): string {
  if (gpuLayers !== 'all') return String(gpuLayers);
  return valueOfFlag(table, version, table.flags['--gpu-layers']) === 'integer' ? '999' : 'all';
}

function flashAttention(version: string, given: LlamaOptions['flashAttention']): LlamaArgument[] {
  if (given === undefined) return [];
  const isSwitch = valueOfFlag(LLAMA_FLAG_TABLE, version, LLAMA_FLAG_TABLE.flags['--flash-attn']) === 'none';
  if (!isSwitch) return [{ property: 'flashAttention', given, args: ['--flash-attn', given] }];
  return given === 'off' ? [] : [{ property: 'flashAttention', given, args: ['--flash-attn'] }];
}

function jinja(version: string, on: boolean): LlamaArgument[] {
  if (on) return [{ property: 'jinja', given: on, args: ['--jinja'] }];
  const isDefault = compareLlamaVersions(version, JINJA_BY_DEFAULT) >= 0;
  return isDefault ? [{ property: 'jinja', given: on, args: ['--no-jinja'] }] : [];
}

function draftArguments(
  version: string,
  { maxTokens, minTokens }: NonNullable<LlamaOptions['draft']>,
  one: One,
): LlamaArgument[] {
  const renamed = hasFlag(LLAMA_FLAG_TABLE, version, '--spec-draft-n-max');
  return [
    ...(compareLlamaVersions(version, DRAFT_BY_TYPE) >= 0
      ? [one('draft', {}, '--spec-type', 'draft-simple')]
      : []),
    ...(maxTokens === undefined
      ? []
      : [
          one(
            'draft.maxTokens',
            maxTokens,
            renamed ? '--spec-draft-n-max' : '--draft-max',
            String(maxTokens),
          ),
        ]),
    ...(minTokens === undefined
      ? []
      : [
          one(
            'draft.minTokens',
            minTokens,
            renamed ? '--spec-draft-n-min' : '--draft-min',
            String(minTokens),
          ),
        ]),
  ];
}
