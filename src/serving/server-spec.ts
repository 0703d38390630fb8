import { Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { placeWithDevices } from '../artifact/stores/placing-devices';
import { isOnOneNode } from '../artifact/stores/store-volume';
import { Phase } from '../phases/phase';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import { AcceleratorOnPod, acceleratorOnPod } from '../pod/accelerator/on-pod';
import {
  checkCpu,
  checkFlag,
  checkKind,
  checkObjectName,
  checkPort,
  checkPositiveInteger,
  checkProps,
  checkQueueName,
  checkSize,
} from '../pod/checks';
import { canonicalJson } from '../pod/content-hash';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import type { Opening, Peer } from '../pod/network';
import { NetworkPeer } from '../pod/network-peer';
import { Owner, ownerOf } from '../pod/owner';
import { checkPlacement } from '../pod/placement';
import type { Placement } from '../pod/pod-spec';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import { secretNames } from '../pod/secret-env';
import { checkSeconds } from './checks';
import type { EngineSpec, EngineVariable } from './engine-spec';
import type { Monitoring } from './monitoring';
import type { Route } from './route';
import type { Scaling } from './scaling';
import { MeshSpec, resolveMesh } from './service-mesh';
import { checkPart, checkPeers, checkRoutes, checkSmokeTest } from './server-checks';
import { resolveEnv } from './server-env';
import type { Rollout, ServerProps } from './server-props';
import { resolveReaches } from './server-reach';
import { resolveRollout } from './server-rollout';
import { checkVolumes, withSharedMemory, writtenBytes } from './server-volumes';
import type { SmokeTestOptions } from './smoke-test-options';

/** Endpoints and proxies need this long to learn that a pod is going. */
const PRE_STOP_SECONDS = 5;

/** What the kubelet and the runtime take, before the process is killed. */
const STOP_MARGIN_SECONDS = 5;

/** How long requests may take to end, as ServerProps says. @internal */
export const DRAIN_TIMEOUT = Duration.minutes(2);

/** Slow network storage. */
const READ_RATE = Size.mebibytes(50);

/** Where the size of what is read is not known. */
const UNKNOWN_STARTUP = Duration.minutes(30);

/** A model that is still being fetched, and the image that is pulled, may keep a pod from starting so long. */
const WAIT_SECONDS = 3600;

/** Container logs count as ephemeral storage, and some clusters keep five files of 50 MiB for each container. */
const LOGS = Size.mebibytes(320);

/** Which pods take requests. @internal */
export const SERVER_COMPONENT = 'server';

/** A server with every default applied and every number derived. @internal */
export interface ServerSpec {
  readonly owner: Owner;
  readonly engine: EngineSpec;
  /** `server`. */
  readonly component: string;
  /** Pods, or groups of pods; undefined where an autoscaler decides. */
  readonly replicas?: number;
  readonly maxReplicas: number;
  readonly rollout: Rollout;
  readonly cpu: string;
  /** The container's limit, /dev/shm included. */
  readonly memory: Size;
  /** Its ephemeral storage. */
  readonly storage: Size;
  readonly env: EngineVariable[];
  readonly accelerator?: AcceleratorSpec;
  readonly devices?: AcceleratorOnPod;
  readonly placement: Placement;
  readonly priorityClassName?: string;
  readonly queueName?: string;
  readonly writableRoot: boolean;
  readonly imagePullSecrets: string[];
  readonly mesh?: MeshSpec;
  readonly guardImage: string;
  /** The port of the Service. */
  readonly servicePort: number;
  /** Who may send requests. */
  readonly clients: Peer[];
  /** Who reads the metrics. */
  readonly watchers: Peer[];
  /** Whom the engine asks, at which ports. */
  readonly reaches: Opening[];
  readonly startupSeconds: number;
  readonly progressSeconds: number;
  readonly preStopSeconds: number;
  readonly drainSeconds: number;
  readonly graceSeconds: number;
  readonly routes: Route[];
  readonly scaling?: Scaling;
  readonly monitoring?: Monitoring;
  readonly smokeTest?: SmokeTestOptions;
}

/**
 * The owner of a server's objects.
 *
 * @param app `app.kubernetes.io/name`: `vllm`
 * @internal
 */
export function serverOwner(scope: Construct, app: string): Owner {
  return ownerOf(scope, app, Phase.SERVE, [Phase.SERVE]);
}

/**
 * Decides all that servers have in common.
 *
 * @throws when a value cannot be used, when values contradict each other
 * @internal
 */
export function resolveServer(scope: Construct, props: ServerProps, engine: EngineSpec): ServerSpec {
  checkProps(scope, props);
  const { owner, artifacts } = engine;
  const accelerator = resolveAccelerator(scope, props);
  const devices = accelerator && acceleratorOnPod(owner, accelerator);
  const scaling = props.scaling === undefined ? undefined : checkPart(scope, 'scaling', props.scaling);
  const replicas = resolveReplicas(scope, props);
  const maxReplicas = replicas ?? scaling!._maxReplicas;
  const routes = checkRoutes(scope, props.routes);
  const monitoring =
    props.monitoring === undefined ? undefined : checkPart(scope, 'monitoring', props.monitoring);
  checkVolumes(scope, engine);
  const memory = resolveMemory(scope, props, engine);
  const startupSeconds = resolveStartup(scope, props, engine);
  const drainSeconds = checkSeconds(scope, 'drainTimeout', props.drainTimeout ?? DRAIN_TIMEOUT);
  const preStopSeconds = engine.drains ? PRE_STOP_SECONDS : PRE_STOP_SECONDS + drainSeconds;
  const graceSeconds =
    preStopSeconds + (engine.drains ? drainSeconds : 0) + engine.shutdownSeconds + STOP_MARGIN_SECONDS;
  return {
    owner,
    engine,
    component: SERVER_COMPONENT,
    replicas,
    maxReplicas,
    rollout: resolveRollout(scope, props.rollout, {
      maxReplicas,
      scarce: accelerator !== undefined,
      oneNode: artifacts.volumes.some(isOnOneNode),
      exclusiveClaim: engine.writable.find(({ claim }) => claim && !claim.shared)?.claim?.name,
      groupedBy: engine.groupedBy,
    }),
    cpu: checkCpu(scope, props.cpu ?? engine.resources.cpu),
    memory,
    storage: mebibytesFor(bytesOf(engine.resources.logs ?? LOGS) + writtenBytes(engine.writable)),
    env: resolveEnv(scope, props, engine),
    accelerator,
    devices,
    placement: resolvePlacement(scope, props, engine, devices),
    priorityClassName: checkPriorityClass(scope, props.priorityClassName),
    queueName: checkQueueName(scope, props.queueName),
    writableRoot: checkFlag(scope, 'writableRoot', props.writableRoot) ?? accelerator?.writesRoot ?? false,
    imagePullSecrets: secretNames(scope, 'imagePullSecrets', props.imagePullSecrets),
    mesh: resolveMesh(scope, props.mesh, engine),
    guardImage: checkImage(scope, 'guardImage', props.guardImage ?? PYTHON_IMAGE),
    servicePort: checkServicePort(scope, props, engine),
    clients: distinctPeers([
      ...checkPeers(scope, 'allowFrom', props.allowFrom ?? [NetworkPeer.sameNamespace()]),
      // Where something else stands before the server, a gateway leads to that, and needs no way to the pods.
      ...(scaling?._entrance(owner) ? [] : routes).flatMap(({ _peers }) => _peers),
      ...(scaling?._peers ?? []),
    ]),
    watchers: distinctPeers([...(monitoring?._peers ?? []), ...(scaling?._watchers ?? [])]),
    reaches: resolveReaches(scope, props.reaches),
    startupSeconds,
    progressSeconds: startupSeconds + graceSeconds + WAIT_SECONDS,
    preStopSeconds,
    drainSeconds,
    graceSeconds,
    routes,
    scaling,
    monitoring,
    smokeTest: checkSmokeTest(scope, props.smokeTest),
  };
}

function resolveReplicas(scope: Construct, { replicas, scaling }: ServerProps): number | undefined {
  if (scaling !== undefined && replicas !== undefined) {
    throw new InputError(scope, 'replicas', replicas, {
      allowed: 'nothing, as scaling decides how many copies run',
      advice: 'Each sync would set them back to what the file says, against the autoscaler.',
    });
  }
  return scaling ? undefined : checkPositiveInteger(scope, 'replicas', replicas ?? 1);
}

function resolveAccelerator(scope: Construct, { accelerator }: ServerProps): AcceleratorSpec | undefined {
  if (accelerator === undefined) return undefined;
  return checkKind(scope, 'accelerator', accelerator, ({ _spec }) => typeof _spec?.vendor === 'string', {
    allowed: 'an Accelerator',
    advice: 'Make one: Accelerator.nvidia({ count: 1 }).',
  })._spec;
}

/** @internal */
export function distinctPeers(peers: readonly NetworkPeer[]): Peer[] {
  return [...new Map(peers.map(({ _peer }) => [canonicalJson(_peer), _peer])).values()];
}

function resolvePlacement(
  scope: Construct,
  props: ServerProps,
  { owner, artifacts }: EngineSpec,
  devices: AcceleratorOnPod | undefined,
): Placement {
  const own = props.placement === undefined ? undefined : checkPlacement(scope, 'placement', props.placement);
  return placeWithDevices(owner, 'placement', own, devices, artifacts.volumes);
}

function resolveMemory(scope: Construct, props: ServerProps, engine: EngineSpec): Size {
  const { resources, sharedMemory } = engine;
  const computed = resources.memory && withSharedMemory(resources.memory, sharedMemory);
  if (props.memory === undefined) {
    if (computed) return computed;
    throw new InputError(scope, 'memory', undefined, {
      allowed: 'an amount, because what the engine needs is not known',
      advice: resources.memoryAdvice,
    });
  }
  const given = checkSize(scope, 'memory', props.memory);
  const least = resources.leastMemory && withSharedMemory(resources.leastMemory.size, sharedMemory);
  if (least && bytesOf(given) < bytesOf(least)) {
    const shared = sharedMemory ? ` (${bytesQuantity(sharedMemory)} of them for /dev/shm)` : '';
    throw new InputError(scope, 'memory', bytesQuantity(given), {
      allowed: `${bytesQuantity(least)} or more${shared}`,
      advice: resources.leastMemory?.reason,
    });
  }
  if (sharedMemory && bytesOf(given) <= bytesOf(sharedMemory)) {
    throw new InputError(scope, 'memory', bytesQuantity(given), {
      allowed: `more than the ${bytesQuantity(sharedMemory)} of /dev/shm, which count in it`,
    });
  }
  return given;
}

/** @returns at most how long a start may take, in seconds */
function resolveStartup(scope: Construct, props: ServerProps, engine: EngineSpec): number {
  const rate = checkSize(scope, 'readRate', props.readRate ?? READ_RATE);
  const { artifacts, readBytes } = engine;
  if (props.startupTimeout !== undefined) {
    if (props.readRate !== undefined) {
      throw new InputError(scope, 'readRate', bytesQuantity(props.readRate), {
        allowed: 'nothing, as startupTimeout says how long a start may take',
      });
    }
    return checkSeconds(scope, 'startupTimeout', props.startupTimeout);
  }
  const bytes = readBytes ?? artifacts.knownBytes;
  const unsized = readBytes === undefined ? artifacts.unsized : undefined;
  if (bytes === 0 && props.readRate !== undefined) {
    throw new InputError(scope, 'readRate', bytesQuantity(props.readRate), {
      allowed: unsized ? `nothing, as ${unsized}` : 'nothing, as a start reads no model',
      advice: unsized
        ? 'Give startupTimeout, or give ModelCache the facts of the model.'
        : 'How long a start may take is startupTimeout.',
    });
  }
  const unknown = unsized ? UNKNOWN_STARTUP.toSeconds() : 0;
  return engine.startupSeconds + Math.ceil((2 * bytes) / bytesOf(rate)) + unknown;
}

function checkServicePort(scope: Construct, props: ServerProps, engine: EngineSpec): number {
  const port = checkPort(scope, 'port', props.port ?? 8080);
  const other = engine.ports?.find(({ servicePort }) => servicePort === port);
  if (other) {
    throw new InputError(scope, 'port', port, {
      allowed: `a port that is not that of ${other.name}`,
    });
  }
  return port;
}

/** @internal */
export function checkPriorityClass(scope: Construct, name: string | undefined): string | undefined {
  return name === undefined ? undefined : checkObjectName(scope, 'priorityClassName', name);
}
