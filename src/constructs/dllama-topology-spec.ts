import { Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { Artifact, checkModelArtifact } from '../artifact/artifact';
import { placeWithDevices } from '../artifact/stores/placing-devices';
import type { StoreVolume } from '../artifact/stores/store-volume';
import { rootCommand, workerCommand } from '../engines/dllama/command';
import { FloatType } from '../engines/dllama/float-type';
import {
  checkMemoryLimit,
  defaultMaxSeqLen,
  DllamaLayout,
  DllamaRole,
  longestContext,
  podMemory,
} from '../engines/dllama/memory';
import { unsupportedByDllama } from '../engines/dllama/support';
import { checkNodes, workersOfPower } from '../engines/dllama/topology-rules';
import { checkImageVersion } from '../engines/dllama/version';
import { Phase } from '../phases/phase';
import {
  checkKind,
  checkList,
  checkOptions,
  checkPort,
  checkPositiveInteger,
  checkProps,
  checkSize,
} from '../pod/checks';
import { artifactFolder } from '../pod/guard';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { NetworkPeer } from '../pod/network-peer';
import { Owner, ownerOf } from '../pod/owner';
import { checkPlacement } from '../pod/placement';
import { Placement } from '../pod/pod-spec';
import { bytesOf, bytesQuantity } from '../pod/quantity';
import { secretNames } from '../pod/secret-env';
import { checkSeconds } from '../serving/checks';
import type { Route } from '../serving/route';
import { checkPeers, checkRoutes, checkSmokeTest } from '../serving/server-checks';
import { checkPriorityClass, DRAIN_TIMEOUT } from '../serving/server-spec';
import { checkMonitoring, Monitoring } from '../serving/monitoring';
import type { SmokeTestOptions } from '../serving/smoke-test-options';
import {
  checkDeviceMemory,
  DEVICE_THREADS,
  DllamaDevice,
  DllamaDevices,
  GPU_INDEX,
} from './dllama-topology-devices';
import { DllamaFrontProps, DllamaTopologyProps, DllamaWorkerSlot } from './dllama-topology-props';

/** Where dllama-api listens: at 127.0.0.1 only, so that nothing but the front can reach it. */
export const ROOT_PORT = 9990;

/** Where the front listens, whatever the port of its Service: not at a port of the others, nor at one under 1024. */
export const FRONT_PORT = 8080;

/** Where workers listen. */
export const WORKER_PORT = 9999;

const MIB = 1024 * 1024;

/** Slow network storage. */
const READ_BYTES_PER_SECOND = 50 * MIB;

/** A set of workers with the same pods, as one StatefulSet. @internal */
export interface WorkerSetSpec {
  readonly name: string;
  /** `shared`, or the number of a slot of its own. */
  readonly slots: string;
  readonly replicas: number;
  readonly threads: number;
  readonly memory: Size;
  readonly placement: Placement;
  readonly device?: DllamaDevice;
  readonly command: string[];
}

/** A topology with every default applied and every number derived. @internal */
export interface DllamaTopologySpec {
  readonly owner: Owner;
  readonly model: Artifact;
  readonly volume: StoreVolume;
  readonly image: string;
  readonly imagePullSecrets: string[];
  readonly workers: number;
  readonly workerSets: WorkerSetSpec[];
  /** The headless Service that names the workers. */
  readonly workerService: string;
  /** The headless Service that names the root's pod. */
  readonly rootService: string;
  /** The workers' names as the root and the workers dial them, in the order of the slots. */
  readonly workerHosts: string[];
  readonly rootHost: string;
  readonly rootCommand: string[];
  readonly rootThreads: number;
  readonly rootMemory: Size;
  readonly rootPlacement: Placement;
  readonly rootDevice?: DllamaDevice;
  /** All of them, to be added. */
  readonly devices: DllamaDevices;
  readonly priorityClassName?: string;
  /** The port of the Service. */
  readonly port: number;
  readonly allowFrom: NetworkPeer[];
  readonly routes: Route[];
  readonly monitoring?: Monitoring;
  readonly smokeTest?: SmokeTestOptions;
  readonly front: FrontSpec;
  readonly drainSeconds: number;
  readonly startupSeconds: number;
}

/** @internal */
export interface FrontSpec {
  readonly image: string;
  readonly queueLength: number;
  readonly queueSeconds: number;
  readonly maxBodyMib: number;
  /** Bounds the prompts that are handed over. */
  readonly maxSeqLen: number;
  readonly stallSeconds: number;
  readonly modelId: string;
}

export function resolveDllamaTopology(scope: Construct, props: DllamaTopologyProps): DllamaTopologySpec {
  const owner = ownerOf(scope, 'dllama', Phase.SERVE, [Phase.SERVE]);
  const model = checkModelArtifact(scope, 'model', props.model);
  checkProps(scope, props);
  const files = resolveFiles(scope, props);
  const workers = resolveWorkers(scope, props, files.weights);
  const devices = new DllamaDevices(scope, owner);
  const device = devices.of('accelerator', props.accelerator);
  const threads = resolveThreads(scope, 'threads', props.threads, device, 4);
  const maxSeqLen = resolveMaxSeqLen(scope, props);
  const memory = resolveMemory(scope, props, { nodes: workers + 1, weights: files.weights, maxSeqLen });
  const image = checkDllamaImage(scope, props.image);
  const workerService = `${owner.name}-worker`;
  const rootService = `${owner.name}-root`;

  const rootArgs = checkArgs(scope, 'rootArgs', props.rootArgs);
  const workerArgs = checkArgs(scope, 'workerArgs', props.workerArgs);
  checkDeviceMemory(scope, 'accelerator', device, 'root', memory.layout);
  const command = (set: { threads: number; device?: DllamaDevice }) =>
    inConstruct(scope, () =>
      workerCommand({
        program: props.dllamaCommand ?? 'dllama',
        threads: set.threads,
        host: '0.0.0.0',
        port: WORKER_PORT,
        netTurbo: props.netTurbo,
        gpuIndex: set.device && GPU_INDEX,
        extraArgs: workerArgs,
      }),
    );
  const workerSets = resolveWorkerSets(scope, props, {
    base: owner.name,
    name: workerService,
    workers,
    threads,
    memory,
    devices,
    device,
    owner,
    command,
  });
  const workerHosts = slotPods(workerSets, workers).map(
    (pod) => `${pod}.${workerService}.${owner.namespace}.svc`,
  );

  const volume = model._volume(owner);

  return {
    owner,
    model,
    volume,
    image,
    imagePullSecrets: secretNames(scope, 'imagePullSecrets', props.imagePullSecrets),
    workers,
    workerSets,
    workerService,
    rootService,
    workerHosts,
    rootHost: `${rootService}.${owner.namespace}.svc`,
    rootCommand: inConstruct(scope, () =>
      rootCommand({
        program: props.dllamaApiCommand ?? 'dllama-api',
        model: `${artifactFolder(model)}/${files.model}`,
        tokenizer: `${artifactFolder(model)}/${files.tokenizer}`,
        weights: files.weights,
        maxSeqLen,
        workers: workerHosts.map((host) => `${host}:${WORKER_PORT}`),
        threads,
        host: '127.0.0.1',
        port: ROOT_PORT,
        netTurbo: props.netTurbo,
        chatTemplate: props.chatTemplate,
        gpuIndex: device && GPU_INDEX,
        extraArgs: rootArgs,
      }),
    ),
    rootThreads: threads,
    rootMemory: memory.root,
    rootPlacement: placeWithDevices(
      owner,
      'rootPlacement',
      checkOwnPlacement(scope, 'rootPlacement', props.rootPlacement),
      device?.onPod,
      [volume],
    ),
    rootDevice: device,
    devices,
    priorityClassName: checkPriorityClass(scope, props.priorityClassName),
    port: checkPort(scope, 'port', props.port ?? 8080),
    allowFrom: checkPeers(scope, 'allowFrom', props.allowFrom ?? [NetworkPeer.sameNamespace()]),
    routes: checkRoutes(scope, props.routes),
    monitoring: checkMonitoring(scope, props.monitoring),
    smokeTest: checkSmokeTest(scope, props.smokeTest),
    front: resolveFront(scope, props, files.model, maxSeqLen),
    drainSeconds: checkSeconds(scope, 'drainTimeout', props.drainTimeout ?? DRAIN_TIMEOUT),
    startupSeconds: props.startupTimeout
      ? checkSeconds(scope, 'startupTimeout', props.startupTimeout)
      : 600 + Math.ceil(((model.bytes ?? 0) * 2) / READ_BYTES_PER_SECOND),
  };
}

function resolveFiles(scope: Construct, props: DllamaTopologyProps) {
  const { model } = props;
  const files = {
    model: props.modelFile ?? model.modelFile,
    tokenizer: props.tokenizerFile ?? model.tokenizerFile,
    weights: props.weights ?? model.weights,
  };
  const missing = Object.entries({
    modelFile: files.model,
    tokenizerFile: files.tokenizer,
    weights: files.weights,
  })
    .filter(([, value]) => value === undefined)
    .map(([field]) => field);
  if (missing.length) {
    throw new InputError(scope, 'model', `an artifact of format '${model.format}'`, {
      allowed: 'converted files',
      advice:
        `Convert it with DllamaConversion and give its artifact; or, if the repository holds .m and .t files ` +
        `already, name them: ${missing.join(', ')}.`,
    });
  }
  for (const [field, value] of [
    ['modelFile', files.model],
    ['tokenizerFile', files.tokenizer],
  ] as const) {
    if (!/^[\w.-]+(\/[\w.-]+)*$/.test(value!) || value!.split('/').includes('..')) {
      throw new InputError(scope, field, value, { allowed: 'the path of a file in the artifact' });
    }
  }
  return files as { model: string; tokenizer: string; weights: FloatType };
}

function resolveWorkers(scope: Construct, props: DllamaTopologyProps, weights: FloatType): number {
  const { replicaPower, workers } = props;
  if ((replicaPower === undefined) === (workers === undefined)) {
    throw new InputError(scope, 'workers', workers === undefined ? undefined : { workers, replicaPower }, {
      allowed: 'either workers or replicaPower',
      advice: 'replicaPower p gives 2^p nodes, which is 2^p - 1 workers and the root.',
    });
  }
  const count =
    workers !== undefined
      ? checkPositiveInteger(scope, 'workers', workers, 0)
      : workersOfPower(checkPositiveInteger(scope, 'replicaPower', replicaPower!, 0));
  const { facts } = props.model;
  const field = workers !== undefined ? 'workers' : 'replicaPower';
  const given = workers ?? replicaPower;
  const unsupported = facts ? unsupportedByDllama(facts, weights) : [];
  if (unsupported.length) {
    throw new InputError(scope, 'model', props.model.provenance.repository, {
      allowed: 'a model that distributed-llama can run',
      advice: unsupported.join(' '),
    });
  }
  const reason = checkNodes({ facts, nodes: count + 1, weights });
  if (reason)
    throw new InputError(scope, field, given, {
      allowed: 'a number of nodes that can share the model',
      advice: reason,
    });
  return count;
}

function checkOwnPlacement(
  scope: Construct,
  field: string,
  placement: Placement | undefined,
): Placement | undefined {
  return placement === undefined ? undefined : checkPlacement(scope, field, placement);
}

/** @throws when what computes on a device would have several */
function resolveThreads(
  scope: Construct,
  field: string,
  given: number | undefined,
  device: DllamaDevice | undefined,
  otherwise: number,
): number {
  const threads = checkPositiveInteger(scope, field, given ?? (device ? DEVICE_THREADS : otherwise));
  if (!device || threads === DEVICE_THREADS) return threads;
  throw new InputError(scope, field, threads, {
    allowed: `${DEVICE_THREADS} with an accelerator: distributed-llama computes on a GPU by one thread`,
  });
}

function resolveMaxSeqLen(scope: Construct, props: DllamaTopologyProps): number {
  const { facts } = props.model;
  const given = props.maxSeqLen ?? (facts ? defaultMaxSeqLen(facts) : 4096);
  checkPositiveInteger(scope, 'maxSeqLen', given);
  if (facts && given > longestContext(facts)) {
    throw new InputError(scope, 'maxSeqLen', given, {
      allowed: `at most the model's own ${longestContext(facts)}`,
    });
  }
  return given;
}

function resolveMemory(scope: Construct, props: DllamaTopologyProps, l: Omit<DllamaLayout, 'facts'>) {
  const { facts } = props.model;
  const roles: [DllamaRole, 'rootMemory' | 'workerMemory'][] = [
    ['root', 'rootMemory'],
    ['worker', 'workerMemory'],
  ];
  const computed = facts && podMemory({ ...l, facts });
  const result: Partial<Record<DllamaRole, Size>> = {};
  for (const [role, field] of roles) {
    if (role === 'worker' && l.nodes === 1) continue;
    const given = props[field];
    const needed = computed?.[role];
    if (given === undefined && !needed) {
      throw new InputError(scope, field, undefined, {
        allowed: "an amount, because the model's facts are not known",
        advice:
          'Give it, or give ModelCache the facts of the model: ModelFacts.fromConfigFile(its config.json).',
      });
    }
    if (given !== undefined) checkMemory(scope, field, given, role, facts && { ...l, facts });
    result[role] = given ?? Size.mebibytes(needed!.mib);
  }
  return { root: result.root!, worker: result.worker, layout: facts && { ...l, facts } };
}

function checkMemory(
  scope: Construct,
  field: string,
  given: Size,
  role: DllamaRole,
  layout: DllamaLayout | undefined,
): void {
  checkSize(scope, field, given);
  const reason = layout && checkMemoryLimit(layout, role, bytesOf(given));
  if (reason)
    throw new InputError(scope, field, bytesQuantity(given), {
      allowed: 'what the model needs',
      advice: reason,
    });
}

interface WorkerDefaults {
  /** The base of the topology's names. */
  readonly base: string;
  readonly name: string;
  readonly workers: number;
  readonly threads: number;
  readonly memory: { worker?: Size; layout?: DllamaLayout };
  readonly devices: DllamaDevices;
  readonly device?: DllamaDevice;
  readonly owner: Owner;
  readonly command: (set: { threads: number; device?: DllamaDevice }) => string[];
}

const SLOT: Record<keyof DllamaWorkerSlot, true> = {
  slot: true,
  placement: true,
  threads: true,
  memory: true,
  accelerator: true,
};

/** One set for all slots that are alike, and one for each slot that is not. */
function resolveWorkerSets(
  scope: Construct,
  props: DllamaTopologyProps,
  all: WorkerDefaults,
): WorkerSetSpec[] {
  const slots = checkList(scope, 'workerSlots', props.workerSlots);
  const own = checkOwnPlacement(scope, 'workerPlacement', props.workerPlacement);
  const placed = (field: string, given: Placement | undefined, device: DllamaDevice | undefined) =>
    placeWithDevices(all.owner, field, given, device?.onPod, []);
  const seen = new Set<number>();
  const special = slots.map((slot, index): WorkerSetSpec => {
    const field = `workerSlots[${index}]`;
    checkOptions(scope, field, slot, SLOT);
    if (!Number.isInteger(slot.slot) || slot.slot < 0 || slot.slot >= all.workers || seen.has(slot.slot)) {
      throw new InputError(scope, `${field}.slot`, slot.slot, {
        allowed: `each of 0 to ${all.workers - 1} once (there are ${all.workers} workers)`,
      });
    }
    seen.add(slot.slot);
    if (slot.memory !== undefined)
      checkMemory(scope, `${field}.memory`, slot.memory, 'worker', all.memory.layout);
    const device = all.devices.of(`${field}.accelerator`, slot.accelerator) ?? all.device;
    checkDeviceMemory(scope, `${field}.accelerator`, device, 'worker', all.memory.layout);
    const threads = resolveThreads(scope, `${field}.threads`, slot.threads, device, all.threads);
    return {
      // Not `-worker-0`, which would read like the first pod of the shared set.
      name: `${all.base}-slot-${slot.slot}`,
      slots: String(slot.slot),
      replicas: 1,
      threads,
      memory: slot.memory ?? all.memory.worker!,
      placement:
        slot.placement === undefined
          ? placed('workerPlacement', own, device)
          : placed(`${field}.placement`, checkPlacement(scope, `${field}.placement`, slot.placement), device),
      device,
      command: all.command({ threads, device }),
    };
  });
  const alike = all.workers - special.length;
  if (alike > 0) checkDeviceMemory(scope, 'accelerator', all.device, 'worker', all.memory.layout);
  const shared: WorkerSetSpec[] =
    alike === 0
      ? []
      : [
          {
            name: all.name,
            slots: 'shared',
            replicas: alike,
            threads: all.threads,
            memory: all.memory.worker!,
            placement: placed('workerPlacement', own, all.device),
            device: all.device,
            command: all.command({ threads: all.threads, device: all.device }),
          },
        ];
  return [...shared, ...special];
}

/** The pod of each slot. The pods of the shared set fill, in order, the slots that have none of their own. */
function slotPods(sets: WorkerSetSpec[], workers: number): string[] {
  let next = 0;
  const shared = sets.find((set) => set.slots === 'shared');
  return Array.from({ length: workers }, (_, slot) => {
    const own = sets.find((set) => set.slots === String(slot));
    return own ? `${own.name}-0` : `${shared!.name}-${next++}`;
  });
}

function checkArgs(scope: Construct, field: string, args: string[] | undefined): string[] {
  return checkList(scope, field, args).map((arg, index) =>
    checkKind(scope, `${field}[${index}]`, arg, (given) => typeof given === 'string', { allowed: 'a text' }),
  );
}

function checkDllamaImage(scope: Construct, given: string): string {
  const image = checkImage(scope, 'image', given);
  const reason = checkImageVersion(image);
  if (reason) throw new InputError(scope, 'image', image, { allowed: 'v0.16.4 or newer', advice: reason });
  return image;
}

const FRONT: Record<keyof DllamaFrontProps, true> = {
  queueLength: true,
  queueTimeout: true,
  maxBody: true,
  stallTimeout: true,
  image: true,
};

function resolveFront(
  scope: Construct,
  props: DllamaTopologyProps,
  modelFile: string,
  maxSeqLen: number,
): FrontSpec {
  const front = checkOptions(scope, 'front', props.front ?? {}, FRONT);
  return {
    image: checkImage(scope, 'front.image', front.image ?? PYTHON_IMAGE),
    queueLength: checkPositiveInteger(scope, 'front.queueLength', front.queueLength ?? 32),
    queueSeconds: checkSeconds(scope, 'front.queueTimeout', front.queueTimeout ?? Duration.minutes(10)),
    maxBodyMib: checkPositiveInteger(
      scope,
      'front.maxBody in MiB',
      bytesOf(checkSize(scope, 'front.maxBody', front.maxBody ?? Size.mebibytes(8))) / MIB,
    ),
    stallSeconds: checkSeconds(scope, 'front.stallTimeout', front.stallTimeout ?? Duration.minutes(5)),
    maxSeqLen,
    // What dllama-api itself reports as the model's id.
    modelId: modelFile.split('/').at(-1)!,
  };
}

/** The engine's errors name the field, the value and the advice, but know no construct. */
function inConstruct<T>(scope: Construct, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw new Error(`${scope.node.path}: ${(error as Error).message}`, { cause: error });
  }
}
