import { Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { checkArtifact } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { isSingleNode } from '../artifact/stores/store-volume';
import { hasFlag } from '../engines/flag-table';
import {
  ALWAYS_SET,
  argumentsByProperty,
  propertiesOfFlags,
  vllmArguments,
  VllmCommand,
  waitsForRequests,
} from '../engines/vllm/command';
import {
  CACHE_FOLDER,
  cpuEnvironment,
  HOME_FOLDER,
  REFUSED_ENVIRONMENT,
  UNBOUND_THREADS_SINCE,
  vllmEnvironment,
} from '../engines/vllm/environment';
import { VLLM_FLAGS } from '../engines/vllm/flag-table';
import { defaultVllmImage, VllmDevice } from '../engines/vllm/images';
import {
  kvTransferBytes,
  kvTransferConfig,
  kvTransferEnvironment,
  kvTransferSince,
} from '../engines/vllm/kv-transfer';
import { vllmMetrics } from '../engines/vllm/metrics';
import { speculationProblem } from '../engines/vllm/speculation';
import { atLeastVersion, isVersion, versionOfImage } from '../engines/vllm/version';
import { checkFlag, checkKind, checkPositiveInteger, checkSize } from '../pod/checks';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import type { Opening } from '../pod/network';
import { LABEL } from '../pod/metadata';
import type { Owner } from '../pod/owner';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import { checkExtraArgs, checkPropertyArgs } from '../serving/extra-args';
import type { EngineFile, EngineSpec, EngineVariable, WritableFolder } from '../serving/engine-spec';
import { GroupSpec, MultiNode, withinGroup } from '../serving/group';
import { groupFiles } from '../serving/group-program';
import { ArtifactRole, MountedArtifacts, mountArtifacts } from '../serving/mounted-artifacts';
import { checkSecretValue } from '../serving/server-env';
import { serverOwner } from '../serving/server-spec';
import { checkLayout, resolveLayout, VllmLayout } from './vllm-server-layout';
import { LoraAdapterProps, VllmDtype, VllmServerProps } from './vllm-server-props';

/** What the engine calls itself: the name of its containers too. */
const VLLM = 'vllm';

/** Where the API listens, as vLLM's own default has it. */
const PORT = 8000;

/** From the start of the process to its first answer, beside the reading: compiling, capturing graphs. */
const STARTUP_SECONDS = 900;

/** What a process takes to end its workers, after its last request. */
const SHUTDOWN_SECONDS = 20;

/** Where the chat template is. */
const TEMPLATE_FOLDER = '/etc/vllm/chat-template';
const TEMPLATE_FILE = 'template.jinja';

/** Since when several nodes need no Ray (#23691). */
const NODES_SINCE = '0.12.0';

/** GGUF files are read by a plugin since, which the images do not have (#39612). */
const GGUF_UNTIL = '0.24.0';

/** What the processes of one pod share, by whose devices they have: vLLM's documents on Docker and on Kubernetes. */
const SHARED_MEMORY: Partial<Record<VllmDevice, Size>> = { amd: Size.gibibytes(8), cpu: Size.gibibytes(4) };
const SHARED_MEMORY_OF_OTHERS = Size.gibibytes(2);

/** As ServerProps says. */
const DRAIN_TIMEOUT = Duration.minutes(2);

const GIB = 1024 ** 3;

/** A server of vLLM with every default applied. @internal */
export interface VllmServerSpec {
  readonly engine: EngineSpec;
  readonly version: string;
  readonly layout: VllmLayout;
  /** Of several nodes alone. */
  readonly group?: GroupSpec;
}

/** @throws when a value cannot be used with the version, the model or another value @internal */
export function resolveVllmServer(scope: Construct, props: VllmServerProps): VllmServerSpec {
  const owner = serverOwner(scope, VLLM);
  checkArtifact(scope, props.model);
  const device = deviceOf(props);
  const image = resolveImage(scope, props, device);
  const version = resolveVersion(scope, props, image);
  const layout = resolveLayout(scope, props);
  checkLayout(scope, props, layout, version);
  const adapters = checkAdapters(scope, props.adapters);
  const artifacts = mountArtifacts(owner, rolesOf(props, adapters));
  const servedModelNames = checkModelNames(scope, props, adapters);
  const command = commandOf(scope, props, { version, layout, artifacts, servedModelNames, adapters });
  const args = checkedArguments(scope, props, command);
  const apiKey = props.apiKey && checkSecretValue(scope, 'apiKey', props.apiKey);
  const group = resolveGroup(scope, props, { version, layout, artifacts, args });

  return {
    version,
    layout,
    group,
    engine: {
      owner,
      engine: VLLM,
      image,
      command: ['vllm', 'serve'],
      args,
      env: environment(scope, props, { device, version, layout, apiKey }),
      refusedEnv: REFUSED_ENVIRONMENT,
      port: PORT,
      artifacts,
      probes: {
        // Nothing listens while the model is loaded.
        startup: { action: HEALTH },
        readiness: { action: HEALTH },
        // 503 says that the engine is dead. It answers slowly, but it answers, while it computes.
        liveness: { action: HEALTH, timeoutSeconds: 10, failureThreshold: 6 },
      },
      healthPath: '/health',
      writable: writable(scope, props, owner),
      sharedMemory: sharedMemory(scope, props, device, layout),
      files: [
        ...templateFiles(props),
        ...(group?.multiNode.kind === 'stateful-sets' ? [groupFiles(owner)] : []),
      ],
      resources: resources(props, device, layout, artifacts),
      startupSeconds: STARTUP_SECONDS,
      shutdownSeconds: SHUTDOWN_SECONDS,
      drains: waitsForRequests(version),
      metrics: props.extraArgs?.includes('--disable-log-stats') ? undefined : vllmMetrics(version),
      modelNames: [...servedModelNames, ...adapters.map(({ name }) => name)],
      apiKey,
      network: network(owner, props, layout),
      secretPurposes: apiKey ? [`${apiKey.secret}/${apiKey.key}=the API key of ${owner.name}`] : [],
      podsPerReplica: layout.nodes,
    },
  };
}

const HEALTH = { httpGet: { path: '/health', port: 'http' } };

function deviceOf({ accelerator }: VllmServerProps): VllmDevice {
  return accelerator?._spec?.vendor ?? 'cpu';
}

function resolveImage(scope: Construct, { image }: VllmServerProps, device: VllmDevice): string {
  const chosen = image ?? defaultVllmImage(device);
  if (chosen !== undefined) return checkImage(scope, 'image', chosen);
  throw new InputError(scope, 'image', undefined, {
    allowed: `an image of vLLM for these devices, as the vLLM project publishes none`,
    advice:
      device === 'gaudi'
        ? 'Intel publishes them at vault.habana.ai/gaudi-docker, with vLLM and its plugin for Gaudi.'
        : 'Name the image of their vendor.',
  });
}

function resolveVersion(scope: Construct, props: VllmServerProps, image: string): string {
  const told = versionOfImage(image);
  const version = props.version ?? told;
  if (version === undefined) {
    throw new InputError(scope, 'version', undefined, {
      allowed: `the version of vLLM in ${image}, which its tag does not tell`,
      advice: "Give it, for instance version: '0.19.0': which flags there are depends on it.",
    });
  }
  if (!isVersion(version)) {
    throw new InputError(scope, 'version', version, {
      allowed: "a version of vLLM: '0.19.0', '0.8.5.post1'",
    });
  }
  if (!atLeastVersion(version, VLLM_FLAGS.oldest)) {
    throw new InputError(scope, 'version', version, { allowed: `${VLLM_FLAGS.oldest} or newer` });
  }
  return version.replace(/^v/, '');
}

function checkAdapters(scope: Construct, adapters: LoraAdapterProps[] = []): LoraAdapterProps[] {
  const names = new Set<string>();
  adapters.forEach(({ name, adapter }, index) => {
    // They stand before a '=' in an argument, and JSON begins with '{'.
    if (typeof name !== 'string' || !/^[A-Za-z0-9][\w./:-]{0,127}$/.test(name)) {
      throw new InputError(scope, `adapters[${index}].name`, name, {
        allowed: "at most 128 letters, digits, '.', '_', '/', ':' and '-', with a letter or digit first",
      });
    }
    if (names.has(name)) {
      throw new InputError(scope, `adapters[${index}].name`, name, { allowed: 'each name once' });
    }
    names.add(name);
    checkKind(scope, `adapters[${index}].adapter`, adapter, (given) => given.key !== undefined, {
      allowed: 'an artifact',
      advice: 'Give the .artifact of the ModelCache of the adapter.',
    });
  });
  return adapters;
}

function rolesOf(props: VllmServerProps, adapters: LoraAdapterProps[]): ArtifactRole[] {
  const draft = props.speculative?._model;
  return [
    { role: 'model', artifact: props.model },
    ...adapters.map(({ name, adapter }) => ({ role: `adapter ${name}`, artifact: adapter })),
    ...(draft ? [{ role: 'draft', artifact: draft }] : []),
  ];
}

function checkModelNames(scope: Construct, props: VllmServerProps, adapters: LoraAdapterProps[]): string[] {
  const names = props.servedModelNames ?? [props.model.provenance.repository];
  if (names.length === 0) {
    throw new InputError(scope, 'servedModelNames', names, { allowed: 'at least one name' });
  }
  const taken = new Set(adapters.map(({ name }) => name));
  names.forEach((name, index) => {
    if (typeof name !== 'string' || !/^[^\s-]\S*$/.test(name)) {
      throw new InputError(scope, `servedModelNames[${index}]`, name, {
        allowed: "a name without spaces, with no '-' at the start",
      });
    }
    if (taken.has(name)) {
      throw new InputError(scope, `servedModelNames[${index}]`, name, {
        allowed: 'a name that no other model or adapter has',
      });
    }
    taken.add(name);
  });
  return names;
}

/** What commandOf builds upon. */
interface Resolved {
  readonly version: string;
  readonly layout: VllmLayout;
  readonly artifacts: MountedArtifacts;
  readonly servedModelNames: string[];
  readonly adapters: LoraAdapterProps[];
}

function commandOf(scope: Construct, props: VllmServerProps, resolved: Resolved): VllmCommand {
  const { version, layout, artifacts } = resolved;
  checkVersionGates(scope, props, version);
  const count = (field: 'maxModelLen' | 'maxNumSeqs' | 'maxNumBatchedTokens' | 'maxLoraRank' | 'maxLoras') =>
    props[field] === undefined ? undefined : checkPositiveInteger(scope, field, props[field]);
  const flag = (
    field:
      | 'expertParallel'
      | 'prefixCaching'
      | 'chunkedPrefill'
      | 'enforceEager'
      | 'trustRemoteCode'
      | 'logRequests',
  ) => checkFlag(scope, field, props[field]);
  const word = (field: 'quantization' | 'kvCacheDtype' | 'toolCallParser' | 'reasoningParser') =>
    checkWord(scope, field, props[field]);
  if (resolved.adapters.length === 0) {
    for (const field of ['maxLoras', 'maxLoraRank'] as const) {
      if (props[field] !== undefined) {
        throw new InputError(scope, field, props[field], { allowed: 'nothing, as there are no adapters' });
      }
    }
  }
  const draft = props.speculative?._model;
  return {
    version,
    model: modelPath(scope, props, version, artifacts),
    servedModelNames: resolved.servedModelNames,
    port: PORT,
    tensorParallel: layout.tensorParallel,
    pipelineParallel: layout.pipelineParallel,
    dataParallel: layout.dataParallel,
    expertParallel: flag('expertParallel'),
    maxModelLen: count('maxModelLen'),
    dtype: checkDtype(scope, props.dtype),
    quantization: word('quantization'),
    kvCacheDtype: word('kvCacheDtype'),
    gpuMemoryUtilization: checkShare(scope, props),
    prefixCaching: flag('prefixCaching'),
    chunkedPrefill: flag('chunkedPrefill'),
    maxNumSeqs: count('maxNumSeqs'),
    maxNumBatchedTokens: count('maxNumBatchedTokens'),
    enforceEager: flag('enforceEager'),
    adapters: resolved.adapters.map(({ name, adapter }) => ({ name, path: artifacts.folderOf(adapter) })),
    maxLoraRank: count('maxLoraRank'),
    maxLoras: count('maxLoras') ?? (resolved.adapters.length || undefined),
    speculation: props.speculative?._speculation,
    draft: draft && artifacts.folderOf(draft),
    toolCallParser: word('toolCallParser'),
    reasoningParser: word('reasoningParser'),
    chatTemplate: props.chatTemplate && `${TEMPLATE_FOLDER}/${TEMPLATE_FILE}`,
    kvTransfer: props.kvTransfer && kvTransferConfig(version, props.kvTransfer._spec),
    trustRemoteCode: flag('trustRemoteCode'),
    logRequests: flag('logRequests'),
    shutdownSeconds: drainSeconds(props),
  };
}

/** What the version cannot do, where it is no flag that it lacks. */
function checkVersionGates(scope: Construct, props: VllmServerProps, version: string): void {
  const problem = props.speculative && speculationProblem(version, props.speculative._speculation);
  if (problem) throw new InputError(scope, 'speculative', props.speculative._speculation.method, problem);
  const transfer = props.kvTransfer?._spec;
  if (transfer && !atLeastVersion(version, kvTransferSince(transfer))) {
    throw new InputError(scope, 'kvTransfer', transfer.connector, {
      allowed: `vLLM ${kvTransferSince(transfer)} or newer`,
      advice: `Pin an image of ${kvTransferSince(transfer)} or newer; this is ${version}.`,
    });
  }
  // A switch that could not be turned off by its name.
  const negations = { prefixCaching: '0.6.5', chunkedPrefill: '0.8.5' } as const;
  for (const [field, since] of Object.entries(negations) as [keyof typeof negations, string][]) {
    if (props[field] === false && !atLeastVersion(version, since)) {
      throw new InputError(scope, field, false, {
        allowed: `true, or vLLM ${since} or newer`,
        advice: `Leave it out, or pin an image of ${since} or newer; this is ${version}.`,
      });
    }
  }
}

function modelPath(
  scope: Construct,
  props: VllmServerProps,
  version: string,
  artifacts: MountedArtifacts,
): string {
  const { model } = props;
  const folder = artifacts.folderOf(model);
  const file = props.modelFile ?? (model.format === ArtifactFormat.GGUF ? model.modelFile : undefined);
  if (model.format === ArtifactFormat.DLLAMA) {
    throw new InputError(scope, 'model', `an artifact of format '${model.format}'`, {
      allowed: 'files as on Hugging Face, or one GGUF file',
      advice: 'Give the artifact that it was converted from.',
    });
  }
  if (model.format === ArtifactFormat.HUGGING_FACE) {
    if (file === undefined) return folder;
    if (!file.endsWith('.gguf')) {
      throw new InputError(scope, 'modelFile', file, {
        allowed: 'a GGUF file, or nothing: files as on Hugging Face are read as a folder',
      });
    }
  }
  if (atLeastVersion(version, GGUF_UNTIL)) {
    throw new InputError(scope, 'model', 'a GGUF file', {
      allowed: `files as on Hugging Face: vLLM ${GGUF_UNTIL} and newer read GGUF by a plugin alone`,
      advice: 'Serve it with LlamaServer, or pin an older image of vLLM.',
    });
  }
  if (file === undefined || !/^[^/].*\.gguf$/.test(file) || file.split('/').includes('..')) {
    throw new InputError(scope, 'modelFile', file, {
      allowed: 'the path of a GGUF file in the artifact',
      advice: 'Name the one file that is to be served.',
    });
  }
  if (/-\d{5}-of-\d{5}\.gguf$/.test(file)) {
    throw new InputError(scope, 'modelFile', file, {
      allowed: 'a GGUF file that is not split, as vLLM reads one alone',
      advice: 'Serve it with LlamaServer, or merge it with llama.cpp.',
    });
  }
  return `${folder}/${file}`;
}

function checkDtype(scope: Construct, dtype: VllmDtype | undefined): string | undefined {
  if (dtype === undefined || Object.values(VllmDtype).includes(dtype)) return dtype;
  throw new InputError(scope, 'dtype', dtype, { allowed: Object.values(VllmDtype).join(', ') });
}

function checkShare(scope: Construct, props: VllmServerProps): number | undefined {
  const { gpuMemoryUtilization: share } = props;
  if (share === undefined) return undefined;
  if (props.accelerator === undefined) {
    throw new InputError(scope, 'gpuMemoryUtilization', share, {
      allowed: 'nothing, as there is no accelerator',
      advice: "Use the property 'cpuKvCache'.",
    });
  }
  if (typeof share === 'number' && share > 0 && share <= 1) return share;
  throw new InputError(scope, 'gpuMemoryUtilization', share, { allowed: 'a number above 0 and up to 1' });
}

/** What is no Duration is refused where all servers are checked. */
function drainSeconds({ drainTimeout = DRAIN_TIMEOUT }: VllmServerProps): number {
  return typeof drainTimeout.toSeconds === 'function' ? drainTimeout.toSeconds() : DRAIN_TIMEOUT.toSeconds();
}

/** One word, which an argument can be: no flag, and no text that only a shell would split. */
function checkWord(scope: Construct, field: string, word: string | undefined): string | undefined {
  if (word === undefined || (typeof word === 'string' && /^[A-Za-z0-9][\w.+-]*$/.test(word))) return word;
  throw new InputError(scope, field, word, { allowed: "a word of letters, digits, '_', '-', '.' and '+'" });
}

/** The arguments, each of which the version knows. */
function checkedArguments(scope: Construct, props: VllmServerProps, command: VllmCommand): string[] {
  const { version } = command;
  const [model, ...own] = vllmArguments(command);
  for (const [property, args] of argumentsByProperty(own)) {
    checkPropertyArgs(scope, VLLM_FLAGS, version, property, args.join(' '), args);
  }
  const set = { ...propertiesOfFlags(own), ...ALWAYS_SET };
  return [model, ...own, ...checkExtraArgs(scope, VLLM_FLAGS, version, props.extraArgs, set)];
}

interface EnvironmentFacts {
  readonly device: VllmDevice;
  readonly version: string;
  readonly layout: VllmLayout;
  readonly apiKey?: { readonly secret: string; readonly key: string };
}

function environment(scope: Construct, props: VllmServerProps, facts: EnvironmentFacts): EngineVariable[] {
  const { device, version, layout, apiKey } = facts;
  const { networkInterface, kvTransfer } = props;
  const plain: Record<string, string> = {
    ...vllmEnvironment(),
    ...(device === 'cpu' ? cpuVariables(scope, props, version) : {}),
    ...(kvTransfer ? kvTransferEnvironment(kvTransfer._spec, layout.devicesPerPod ?? 1) : {}),
    ...(networkInterface === undefined ? {} : networkVariables(scope, networkInterface)),
  };
  if (device !== 'cpu') refuseCpuProps(scope, props);
  const address = 'status.podIP';
  return [
    ...Object.entries(plain).map(([name, value]) => ({ name, value })),
    ...(layout.nodes > 1 || kvTransfer?._spec.connector === 'nixl'
      ? [{ name: 'VLLM_HOST_IP', field: address }]
      : []),
    ...(kvTransfer?._spec.connector === 'nixl'
      ? [{ name: 'VLLM_NIXL_SIDE_CHANNEL_HOST', field: address }]
      : []),
    ...(apiKey ? [{ name: 'VLLM_API_KEY', ...apiKey }] : []),
  ];
}

function cpuVariables(scope: Construct, props: VllmServerProps, version: string): Record<string, string> {
  const unbound = atLeastVersion(version, UNBOUND_THREADS_SINCE);
  const threads = props.cpuThreads ?? (unbound ? 'nobind' : undefined);
  if (threads !== undefined && !/^(auto|nobind|\d+(-\d+)?([,|]\d+(-\d+)?)*)$/.test(threads)) {
    throw new InputError(scope, 'cpuThreads', threads, {
      allowed: "'nobind', 'auto', or CPUs: '0-31', '0-31|32-63' for two tensor parallel processes",
    });
  }
  if (threads === 'nobind' && !unbound) {
    throw new InputError(scope, 'cpuThreads', threads, {
      allowed: `'auto' or a list of CPUs, as vLLM ${version} always binds its threads`,
      advice: `Pin an image of ${UNBOUND_THREADS_SINCE} or newer.`,
    });
  }
  return cpuEnvironment(cpuKvGibibytes(scope, props), threads, cpusOf(props.cpu ?? CPUS_WITHOUT_DEVICES));
}

/** CPUs of the container, rounded up; a text that is no amount is refused where all servers are checked. */
function cpusOf(cpu: string): number {
  const amount = cpu.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu);
  return Math.max(1, Math.ceil(Number.isFinite(amount) ? amount : 1));
}

function cpuKvGibibytes(scope: Construct, { cpuKvCache = Size.gibibytes(4) }: VllmServerProps): number {
  const bytes = bytesOf(checkSize(scope, 'cpuKvCache', cpuKvCache));
  if (bytes % GIB !== 0) {
    throw new InputError(scope, 'cpuKvCache', bytesQuantity(cpuKvCache), { allowed: 'whole gibibytes' });
  }
  return bytes / GIB;
}

function refuseCpuProps(scope: Construct, props: VllmServerProps): void {
  for (const field of ['cpuKvCache', 'cpuThreads'] as const) {
    if (props[field] !== undefined) {
      throw new InputError(scope, field, field, { allowed: 'nothing, as there is an accelerator' });
    }
  }
}

function networkVariables(scope: Construct, networkInterface: string): Record<string, string> {
  if (!/^[A-Za-z0-9][\w.,^=-]*$/.test(networkInterface)) {
    throw new InputError(scope, 'networkInterface', networkInterface, {
      allowed: "the name of a network device, 'eth0'",
    });
  }
  return { NCCL_SOCKET_IFNAME: networkInterface, GLOO_SOCKET_IFNAME: networkInterface };
}

function writable(scope: Construct, { compileCache }: VllmServerProps, owner: Owner): WritableFolder[] {
  return [
    { name: 'tmp', path: '/tmp', size: Size.gibibytes(4) },
    { name: 'home', path: HOME_FOLDER, size: Size.gibibytes(1) },
    compileCache
      ? { name: 'cache', path: CACHE_FOLDER, claim: compileClaim(scope, compileCache, owner) }
      : { name: 'cache', path: CACHE_FOLDER, size: Size.gibibytes(10) },
  ];
}

function compileClaim(
  scope: Construct,
  { claim, folder, shared }: NonNullable<VllmServerProps['compileCache']>,
  owner: Owner,
) {
  checkKind(scope, 'compileCache.claim', claim, ({ name }) => typeof name === 'string' && name !== '', {
    allowed: 'a claim of cdk8s-plus',
    advice: "Name one that exists: PersistentVolumeClaim.fromClaimName(scope, 'id', 'its-name').",
  });
  const subPath = folder ?? owner.name;
  if (!/^[^/\s][^\s:]*[^/\s]$|^[^/\s]$/.test(subPath) || subPath.split('/').includes('..')) {
    throw new InputError(scope, 'compileCache.folder', folder, {
      allowed: "a folder of the claim, without '/' at the ends and without '..'",
    });
  }
  return { name: claim.name, subPath, shared: checkFlag(scope, 'compileCache.shared', shared) ?? false };
}

function sharedMemory(
  scope: Construct,
  props: VllmServerProps,
  device: VllmDevice,
  { nodes, workersPerPod }: VllmLayout,
): Size | undefined {
  if (props.sharedMemory !== undefined) return checkSize(scope, 'sharedMemory', props.sharedMemory);
  if (nodes === 1 && workersPerPod === 1) return undefined;
  return SHARED_MEMORY[device] ?? SHARED_MEMORY_OF_OTHERS;
}

function templateFiles({ chatTemplate }: VllmServerProps): EngineFile[] {
  if (chatTemplate === undefined) return [];
  const where = { name: 'chat-template', folder: TEMPLATE_FOLDER };
  const spec = chatTemplate._spec;
  return spec.kind === 'text'
    ? [{ ...where, texts: { [TEMPLATE_FILE]: spec.text } }]
    : [{ ...where, configMap: spec.configMap, items: [{ key: spec.key, path: TEMPLATE_FILE }] }];
}

const CPUS_WITHOUT_DEVICES = '8';

/** The API server and the engine; the libraries, and what a process of Python with PyTorch takes. */
const BASE_BYTES = 8 * GIB;

/** Each process that drives a device: PyTorch, the libraries of the device, buffers that are pinned. */
const WORKER_BYTES = 4 * GIB;

/** Weights are read through buffers, and some formats are repacked: a tenth beside them, and PyTorch. */
const CPU_OVERHEAD = 1.1;

function resources(
  props: VllmServerProps,
  device: VllmDevice,
  layout: VllmLayout,
  artifacts: MountedArtifacts,
): EngineSpec['resources'] {
  if (device !== 'cpu') {
    // Each process spins on what it waits for; weights pass through the page cache, which may be taken away.
    const workers = layout.workersPerPod;
    const offloaded = props.kvTransfer ? kvTransferBytes(props.kvTransfer._spec) : 0;
    return {
      cpu: String(2 + 2 * workers),
      memory: mebibytesFor(BASE_BYTES + workers * WORKER_BYTES + offloaded),
    };
  }
  const cache = bytesOf(props.cpuKvCache ?? Size.gibibytes(4)) * layout.workersPerPod;
  const weights = artifacts.bytes;
  if (weights === undefined) {
    return {
      cpu: CPUS_WITHOUT_DEVICES,
      memoryAdvice:
        `Give memory: the size of the model's files, ${bytesQuantity(mebibytesFor(cache))} of key-value cache, and ` +
        `${bytesQuantity(Size.gibibytes(BASE_BYTES / GIB))} for the processes. Or give ModelCache the facts of the model.`,
    };
  }
  const least = mebibytesFor(weights * layout.dataParallel + cache + BASE_BYTES / 2);
  return {
    cpu: CPUS_WITHOUT_DEVICES,
    memory: mebibytesFor(weights * layout.dataParallel * CPU_OVERHEAD + cache + BASE_BYTES),
    leastMemory: {
      size: least,
      reason:
        `${bytesQuantity(mebibytesFor(weights * layout.dataParallel))} of weights, ` +
        `${bytesQuantity(mebibytesFor(cache))} of key-value cache and 4Gi for the processes.`,
    },
  };
}

/** Servers that share requests reach each other on all ports: the transfers choose theirs as they go. */
function network(
  owner: Owner,
  { kvTransfer }: VllmServerProps,
  { nodes }: VllmLayout,
): EngineSpec['network'] {
  const peers = (kvTransfer?._peering?.names ?? []).map((name) => podsOf(owner, name));
  const openings: Opening[] = [
    ...(peers.length ? [{ peers, ports: [] }] : []),
    ...(nodes > 1 ? [withinGroup(owner)] : []),
  ];
  return { ingress: openings, egress: openings, dns: nodes > 1 };
}

/** All pods of another server in the namespace, those that are its workers too. */
function podsOf({ app }: Owner, name: string): Record<string, unknown> {
  return { podSelector: { matchLabels: { [LABEL.name]: app, [LABEL.instance]: name } } };
}

interface GroupFacts {
  readonly version: string;
  readonly layout: VllmLayout;
  readonly artifacts: MountedArtifacts;
  readonly args: string[];
}

/**
 * Several nodes: the first has the API, the others are its hands. The first listens at its own address, for which a
 * name is not enough (vllm/distributed/device_communicators/shm_broadcast.py binds it).
 */
function resolveGroup(
  scope: Construct,
  props: VllmServerProps,
  { version, layout, artifacts, args }: GroupFacts,
): GroupSpec | undefined {
  if (layout.nodes === 1) {
    if (props.multiNode !== undefined) {
      throw new InputError(scope, 'multiNode', 'given', { allowed: 'nothing, as there is one node' });
    }
    return undefined;
  }
  if (!hasFlag(VLLM_FLAGS, version, '--nnodes')) {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with vLLM ${version}, which needs a Ray cluster for more`,
      advice: `Pin an image of ${NODES_SINCE} or newer: its nodes find each other by themselves.`,
    });
  }
  const device = deviceOf(props);
  if (device === 'tpu' || device === 'gaudi') {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with devices of kind '${device}', whose plugin of vLLM needs a Ray cluster for more`,
      advice: 'Take a slice that one node has.',
    });
  }
  const single = artifacts.volumes.find(isSingleNode);
  if (single?.kind === 'claim') {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with claim ${single.claimName}, which one node at a time can mount`,
      advice: 'Keep the model in a claim of access mode ReadWriteMany, in S3, or in an image.',
    });
  }
  const multiNode = (props.multiNode ?? MultiNode.statefulSets())._spec;
  if (props.scaling !== undefined && multiNode.kind === 'stateful-sets') {
    throw new InputError(scope, 'scaling', 'given', {
      allowed: 'nothing with StatefulSets, of which each copy has its own',
      advice: 'Use MultiNode.leaderWorkerSet(), whose controller can be told how many copies run.',
    });
  }
  const nodes = (rank: string, leader: string) => [
    ...args,
    ...['--distributed-executor-backend', 'mp', '--nnodes', String(layout.nodes)],
    ...['--node-rank', rank, '--master-addr', leader],
  ];
  return {
    nodes: layout.nodes,
    multiNode,
    leaderArgs: nodes('0', '$(VLLM_HOST_IP)'),
    workerArgs: (leader, rank) => [...nodes(rank, leader), '--headless'],
  };
}
