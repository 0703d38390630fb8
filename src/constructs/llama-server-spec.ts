import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import type { LlamaBackend } from '../engines/llama/backend';
import { CacheType } from '../engines/llama/cache-type';
import { LLAMA_PORT, LLAMA_PROPERTIES, LlamaOptions, llamaArguments } from '../engines/llama/command';
import { LLAMA_FLAG_TABLE } from '../engines/llama/flags';
import {
  defaultLlamaBackend,
  devicesOfLlamaImage,
  LLAMA_FOLDER,
  llamaBackends,
  LlamaDevice,
  llamaServerImage,
} from '../engines/llama/images';
import { llamaCommand, llamaDrain } from '../engines/llama/launcher';
import { LLAMA_METRICS } from '../engines/llama/metrics';
import { compareLlamaVersions } from '../engines/llama/version';
import { LLAMA_WRITABLE, unwritablePath } from '../engines/llama/written-paths';
import { checkParts } from '../pod/accelerator/parts';
import {
  checkFlag,
  checkKind,
  checkOptions,
  checkPositiveInteger,
  checkProps,
  checkSize,
} from '../pod/checks';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import { bytesOf } from '../pod/quantity';
import { checkSecretValue } from '../pod/secret-env';
import { checkSeconds } from '../serving/checks';
import type { EngineSpec } from '../serving/engine-spec';
import { checkExtraArgs, checkPropertyArgs } from '../serving/extra-args';
import { mountArtifacts, MountedArtifacts } from '../serving/mounted-artifacts';
import { apiKeyPurpose } from '../serving/server-env';
import { serverOwner } from '../serving/server-spec';
import {
  checkFileOptions,
  checkGguf,
  engineFiles,
  filesOf,
  KEY_FILE,
  rolesOf,
  TEMPLATE_FILE,
} from './llama-server-files';
import { resolveMemory, resolveWeightBytes } from './llama-server-memory';
import { FlashAttention, LlamaRouter, LlamaServerProps, Pooling } from './llama-server-props';
import { resolveLlamaVersion } from './llama-version';

const SERVER = `${LLAMA_FOLDER}/llama-server`;

/** What the container's `app.kubernetes.io/name` and name are. */
const APP = 'llama-server';

/** A model's own context is often a hundred times what its requests need. */
const CONTEXT_SIZE = 8192;

const PROMPT_CACHE = Size.mebibytes(512);

/** From the process's start to the first answer, without the reading of the model: a warm-up run, kernels compiled. */
const STARTUP_SECONDS = 120;

/** What unloading takes after SIGTERM. */
const SHUTDOWN_SECONDS = 10;

/** What `LlamaServer` hands to the core of all servers, and the version that its flags are of. @internal */
export interface LlamaServerSpec {
  readonly engine: EngineSpec;
  readonly version: string;
}

/**
 * @throws when a value cannot be used, when the version does not know what is asked for
 * @internal
 */
export function resolveLlamaServer(scope: Construct, props: LlamaServerProps): LlamaServerSpec {
  checkProps(scope, props);
  const owner = serverOwner(scope, APP);
  const model = checkGguf(scope, 'model', props.model, props.file);
  checkFileOptions(scope, props);
  const device = deviceOf(props);
  if (props.accelerator?._spec) checkParts(scope, props.accelerator._spec);
  const image = resolveImage(scope, props, device);
  const version = resolveVersion(scope, props, image);
  const extra = resolveExtraArgs(scope, props, version);
  const artifacts = mountArtifacts(owner, rolesOf(scope, props, model));
  const cpu = props.cpu ?? '4';
  const options = resolveOptions(scope, props, { model, version, device, cpu, artifacts });
  const args = llamaArguments(options);
  for (const { property, given, args: becomes } of args) {
    checkPropertyArgs(scope, LLAMA_FLAG_TABLE, version, property, given, becomes);
  }
  const files = props.router ? [] : filesOf(scope, props, artifacts, version);
  refuseEnv(scope, props);
  const apiKey = props.apiKey === undefined ? undefined : checkSecretValue(scope, 'apiKey', props.apiKey);
  const weightBytes = resolveWeightBytes(scope, props);
  const command = llamaCommand(SERVER, files, [...args.flatMap((argument) => argument.args), ...extra]);
  // A router's metrics are those of its models, so nothing tells when it is idle.
  const preStop = props.router
    ? undefined
    : (seconds: number) => llamaDrain(LLAMA_PORT, seconds, apiKey ? KEY_FILE : undefined);
  const engine: EngineSpec = {
    owner,
    engine: APP,
    image: checkImage(scope, 'image', image),
    ...command,
    env: [
      { name: 'HOME', value: LLAMA_WRITABLE },
      { name: 'USER', value: 'llama' },
      { name: 'LLAMA_CACHE', value: `${LLAMA_WRITABLE}/llama.cpp` },
      { name: 'XDG_CACHE_HOME', value: `${LLAMA_WRITABLE}/.cache` },
    ],
    port: LLAMA_PORT,
    artifacts,
    ...PROBES,
    writable: [{ name: 'tmp', path: LLAMA_WRITABLE, size: Size.gibibytes(1) }],
    files: engineFiles(props, apiKey, [...command.command, ...(preStop?.(0) ?? [])]),
    resources: { cpu, ...resolveMemory(scope, props, options, weightBytes) },
    startupSeconds: STARTUP_SECONDS,
    readBytes: props.router ? 0 : weightBytes,
    shutdownSeconds: SHUTDOWN_SECONDS,
    drains: false,
    preStop,
    metrics: props.router ? undefined : LLAMA_METRICS,
    modelNames: options.alias === undefined ? [] : [options.alias],
    api: props.embeddings ? 'embedding' : props.reranking ? 'rerank' : 'chat',
    apiKey,
    secretPurposes: apiKey && [apiKeyPurpose(owner, apiKey)],
  };
  return { engine, version };
}

/**
 * 503 while the model is loaded, 200 from then on, whatever the slots do, and without an API key
 * (tools/server/README.md of ggml-org/llama.cpp). The HTTP threads answer it, so that a busy server is alive.
 */
const PROBES: Pick<EngineSpec, 'probes' | 'healthPath'> = {
  healthPath: '/health',
  probes: {
    startup: { action: { httpGet: { path: '/health', port: 'http' } } },
    readiness: { action: { httpGet: { path: '/health', port: 'http' } }, periodSeconds: 5 },
    liveness: {
      action: { httpGet: { path: '/health', port: 'http' } },
      periodSeconds: 20,
      timeoutSeconds: 15,
      failureThreshold: 6,
    },
  },
};

function deviceOf({ accelerator }: LlamaServerProps): LlamaDevice {
  return accelerator?._spec?.vendor ?? 'cpu';
}

function resolveImage(scope: Construct, { image, backend }: LlamaServerProps, device: LlamaDevice): string {
  if (image === undefined) return llamaServerImage(resolveBackend(scope, backend, device));
  if (backend !== undefined) {
    throw new InputError(scope, 'backend', backend, { allowed: 'nothing beside image, which has one' });
  }
  checkImage(scope, 'image', image);
  const devices = devicesOfLlamaImage(image);
  if (device === 'other' || (devices?.includes(device) ?? true)) return image;
  throw new InputError(scope, 'image', image, {
    allowed: `an image for devices of kind '${device}'; its tag says that it is for '${devices?.join("', '")}'`,
    advice: 'Leave it out to have the one of llama.cpp for the accelerator, or for CPUs without one.',
  });
}

/** @returns undefined for CPUs */
function resolveBackend(
  scope: Construct,
  given: LlamaBackend | undefined,
  device: LlamaDevice,
): LlamaBackend | undefined {
  if (device === 'cpu') {
    if (given === undefined) return undefined;
    throw new InputError(scope, 'backend', given, {
      allowed: 'nothing without an accelerator',
      advice: 'Give accelerator, for instance Accelerator.amd({ deviceGroups: [44, 109] }).',
    });
  }
  const possible = llamaBackends(device);
  const backend = given ?? defaultLlamaBackend(device);
  if (backend !== undefined && possible.includes(backend)) return backend;
  if (possible.length === 0) {
    throw new InputError(scope, 'image', undefined, {
      allowed: `an image, as llama.cpp publishes none for devices of kind '${device}'`,
      advice: `Any image with the program ${SERVER} does.`,
    });
  }
  throw new InputError(scope, 'backend', given, {
    allowed: `${possible.join(', ')}, for devices of kind '${device}'`,
    advice: `Or give image: any with the program ${SERVER} does; llama.cpp has others for Musa and OpenVINO.`,
  });
}

function resolveVersion(scope: Construct, props: LlamaServerProps, image: string): string {
  const version = resolveLlamaVersion(scope, {
    image,
    given: props.version,
    reason: 'flags depend on it',
  });
  if (compareLlamaVersions(version, LLAMA_FLAG_TABLE.oldest) >= 0) return version;
  throw new InputError(scope, 'version', version, {
    allowed: `${LLAMA_FLAG_TABLE.oldest} or newer`,
    advice: 'The flags of older versions are not known here: pin a newer image.',
  });
}

function resolveExtraArgs(scope: Construct, props: LlamaServerProps, version: string): string[] {
  const args = checkExtraArgs(scope, LLAMA_FLAG_TABLE, version, props, LLAMA_PROPERTIES);
  const unwritable =
    props.writableRoot || props.accelerator?._spec?.writesRoot ? undefined : unwritablePath(args);
  if (unwritable === undefined) return args;
  throw new InputError(scope, 'extraArgs', unwritable.given, {
    allowed: unwritable.allowed,
    advice: 'The pod can write nowhere else.',
  });
}

interface Context {
  readonly model: Artifact;
  readonly version: string;
  readonly device: LlamaDevice;
  readonly cpu: string;
  readonly artifacts: MountedArtifacts;
}

function resolveOptions(
  scope: Construct,
  props: LlamaServerProps,
  { model, version, device, cpu, artifacts }: Context,
): LlamaOptions {
  const { router } = props;
  const positive = (field: string, given: number | undefined, otherwise: number) =>
    checkPositiveInteger(scope, field, given ?? otherwise);
  const optional = (field: string, given: number | undefined, least: number) =>
    given === undefined ? undefined : checkPositiveInteger(scope, field, given, least);
  if (router !== undefined) {
    checkOptions(scope, 'router', router, ROUTER);
    refuseWithRouter(scope, props);
  }
  const embeddings = checkFlag(scope, 'embeddings', props.embeddings) ?? false;
  const reranking = checkFlag(scope, 'reranking', props.reranking) ?? false;
  if (embeddings && reranking) {
    throw new InputError(scope, 'reranking', true, {
      allowed: 'one of embeddings and reranking: each takes the whole server',
    });
  }
  const generates = !embeddings && !reranking;
  const contextSize = resolveContextSize(scope, props, model);
  const parallel = positive('parallel', props.parallel, 1);
  const batchSize = positive('batchSize', props.batchSize, 2048);
  const ubatchSize = positive(
    'ubatchSize',
    props.ubatchSize,
    generates ? Math.min(512, batchSize) : batchSize,
  );
  if (ubatchSize > batchSize) {
    throw new InputError(scope, 'ubatchSize', ubatchSize, { allowed: `at most batchSize, ${batchSize}` });
  }
  const flashAttention = resolveFlashAttention(scope, props, version);
  return {
    version,
    contextTokens: contextSize * parallel,
    parallel,
    batchSize,
    ubatchSize,
    threads: positive('threads', props.threads, Math.max(1, Math.floor(cpusOf(cpu)) || 1)),
    gpuLayers: resolveGpuLayers(scope, props, device),
    flashAttention,
    cacheTypeK: resolveCacheType(scope, 'cacheTypeK', props),
    cacheTypeV: resolveCacheTypeV(scope, props, flashAttention),
    promptCacheMib: resolvePromptCache(scope, props, generates),
    alias: router ? undefined : resolveAlias(scope, props, model),
    embeddings,
    reranking,
    pooling: oneOf(scope, 'pooling', Pooling, props.pooling),
    jinja: checkFlag(scope, 'jinja', props.jinja) ?? true,
    webUi: checkFlag(scope, 'webUi', props.webUi) ?? false,
    chatTemplateFile: resolveTemplate(scope, props),
    apiKeyFile: props.apiKey === undefined ? undefined : KEY_FILE,
    draft: props.draft && {
      maxTokens: optional('draft.maxTokens', props.draft.maxTokens, 1),
      minTokens: optional('draft.minTokens', props.draft.minTokens, 0),
    },
    router: router && {
      folder: artifacts.folderOf(model),
      maxModels: positive('router.maxModels', router.maxModels, 1),
      idleSeconds:
        router.idleTimeout === undefined
          ? undefined
          : checkSeconds(scope, 'router.idleTimeout', router.idleTimeout),
    },
  };
}

const ROUTER: Record<keyof LlamaRouter, true> = { maxModels: true, idleTimeout: true };

function refuseWithRouter(scope: Construct, props: LlamaServerProps): void {
  for (const field of ['file', 'fileSize', 'alias', 'adapters', 'projector', 'draft'] as const) {
    if (props[field] === undefined) continue;
    throw new InputError(scope, field, 'given beside router', {
      allowed: 'a model of its own, without router',
      advice:
        'A router serves all models of the folder, each with its name and with the projector beside it.',
    });
  }
}

function resolveContextSize(scope: Construct, props: LlamaServerProps, model: Artifact): number {
  const most = model.facts?.maxSeqLen;
  if (props.contextSize === undefined) return Math.min(CONTEXT_SIZE, most ?? CONTEXT_SIZE);
  const size = checkPositiveInteger(scope, 'contextSize', props.contextSize);
  if (
    most === undefined ||
    size <= most ||
    props.extraArgs?.some((arg) => /^--(rope|yarn|override-kv)/.test(arg))
  )
    return size;
  throw new InputError(scope, 'contextSize', size, {
    allowed: `at most ${most}, which is the model's (max_position_embeddings)`,
    advice: 'The server would cut it to that. To stretch the model, give --rope-scaling by extraArgs.',
  });
}

function resolveGpuLayers(
  scope: Construct,
  { gpuLayers }: LlamaServerProps,
  device: LlamaDevice,
): number | 'all' | undefined {
  if (device !== 'cpu') {
    return gpuLayers === undefined ? 'all' : checkPositiveInteger(scope, 'gpuLayers', gpuLayers, 0);
  }
  if (gpuLayers === undefined) return undefined;
  throw new InputError(scope, 'gpuLayers', gpuLayers, {
    allowed: 'nothing without an accelerator',
    advice: 'Give accelerator, for instance Accelerator.nvidia({ count: 1 }).',
  });
}

function resolveFlashAttention(
  scope: Construct,
  props: LlamaServerProps,
  version: string,
): FlashAttention | undefined {
  const given = oneOf(scope, 'flashAttention', FlashAttention, props.flashAttention);
  const hasAuto = compareLlamaVersions(version, 'b6325') >= 0;
  if (given !== FlashAttention.AUTO || hasAuto)
    return given ?? (hasAuto ? FlashAttention.AUTO : FlashAttention.OFF);
  throw new InputError(scope, 'flashAttention', given, {
    allowed: `on or off for llama-server ${version}`,
    advice: 'It chooses by itself from b6325 on: pin a newer image.',
  });
}

/** Quantized types go in blocks of 32 numbers, none of which belongs to two heads. */
const CACHE_BLOCK = 32;

function resolveCacheType(
  scope: Construct,
  field: 'cacheTypeK' | 'cacheTypeV',
  props: LlamaServerProps,
): CacheType {
  const type = oneOf(scope, field, CacheType, props[field]) ?? CacheType.F16;
  const headDim = props.model.facts?.headDim ?? CACHE_BLOCK;
  if (!isQuantized(type) || headDim % CACHE_BLOCK === 0) return type;
  throw new InputError(scope, field, type, {
    allowed: `f32, f16 or bf16, as a head of the model has ${headDim} numbers, which blocks of 32 do not divide`,
  });
}

function resolveCacheTypeV(
  scope: Construct,
  props: LlamaServerProps,
  flashAttention: FlashAttention | undefined,
): CacheType {
  const type = resolveCacheType(scope, 'cacheTypeV', props);
  if (!isQuantized(type) || flashAttention !== FlashAttention.OFF) return type;
  throw new InputError(scope, 'cacheTypeV', type, {
    allowed: 'f32, f16 or bf16 without flash attention',
    advice: 'Give flashAttention: FlashAttention.ON.',
  });
}

function isQuantized(type: CacheType): boolean {
  return ![CacheType.F32, CacheType.F16, CacheType.BF16].includes(type);
}

function resolvePromptCache(scope: Construct, { promptCache }: LlamaServerProps, generates: boolean): number {
  const size = promptCache === undefined ? PROMPT_CACHE : checkSize(scope, 'promptCache', promptCache);
  return promptCache !== undefined || generates ? Math.ceil(bytesOf(size) / 1024 ** 2) : 0;
}

function resolveAlias(scope: Construct, { alias }: LlamaServerProps, model: Artifact): string {
  const name = alias ?? model.provenance.repository.split('/').slice(-1)[0].toLowerCase();
  if (typeof name === 'string' && /^[A-Za-z0-9][\w.:/-]{0,127}$/.test(name)) return name;
  throw new InputError(scope, 'alias', name, {
    allowed: "at most 128 letters, digits, '.', '_', ':', '/' and '-'",
  });
}

/** @returns the path that it has in the container */
function resolveTemplate(scope: Construct, { chatTemplate }: LlamaServerProps): string | undefined {
  if (chatTemplate === undefined) return undefined;
  checkKind(scope, 'chatTemplate', chatTemplate, ({ _spec }) => typeof _spec?.kind === 'string', {
    allowed: 'a ChatTemplate',
    advice: "Make one: ChatTemplate.file('chat-template.jinja').",
  });
  return TEMPLATE_FILE;
}

/** @throws when a string of plain JavaScript is none of the enum */
function oneOf<T extends string>(
  scope: Construct,
  field: string,
  type: Readonly<Record<string, T>>,
  given: T | undefined,
): T | undefined {
  if (given === undefined || Object.values(type).includes(given)) return given;
  throw new InputError(scope, field, given, { allowed: Object.values(type).join(', ') });
}

/** CPUs of an amount as Kubernetes writes it; what is none the core refuses. */
function cpusOf(cpu: string): number {
  return String(cpu).endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu);
}

/** Every flag has a variable, which nobody would check. */
function refuseEnv(scope: Construct, { env = {}, secretEnv = {} }: LlamaServerProps): void {
  for (const [field, names] of Object.entries({ env: Object.keys(env), secretEnv: Object.keys(secretEnv) })) {
    const name = names.find((each) => /^LLAMA_(ARG_|API_KEY|OFFLINE)/.test(each));
    if (name === undefined) continue;
    throw new InputError(scope, `name in ${field}`, name, {
      allowed: 'variables that stand for no flag of llama-server',
      advice:
        name === 'LLAMA_API_KEY'
          ? "Use the property 'apiKey'."
          : 'Use the property for it, or extraArgs: they are checked.',
    });
  }
}
