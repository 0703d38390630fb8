import { isSingleNode } from '../artifact/stores/store-volume';
import { GUARD_PROGRAM } from '../pod/guard';
import { hasSleepAction } from '../pod/kubernetes-version';
import { selectorLabels, standardLabels } from '../pod/owner';
import { ContainerSpec, renderPod, storeLabels } from '../pod/pod-spec';
import { Programs } from '../pod/programs';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { POD_USER, PodUser } from '../pod/security';
import type { EngineProbe, EngineProbes, EngineSpec, EngineVariable } from './engine-spec';
import { renderEnv } from './server-env';
import type { ServerSpec } from './server-spec';
import { meshMetadata } from './service-mesh';
import { mountsOf, spareBytes, volumesOf } from './server-volumes';

/** In what the pods of a group differ from the pod of a server. @internal */
export interface PodTemplateOverrides {
  /** `app.kubernetes.io/component` of the pods. @default - that of the server */
  readonly component?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly command?: string[];
  readonly args?: string[];
  /** Besides those of the server. */
  readonly env?: EngineVariable[];
  /** `none` for pods that nobody can ask, whose leader answers for them: they have no ports either. */
  readonly probes?: EngineProbes | 'none';
  /** Names that must resolve before the containers start. */
  readonly awaitHosts?: string[];
  /** Fields of the pod besides: `subdomain`, affinity excepted. */
  readonly podMore?: Record<string, unknown>;
  /** How long preStop pauses, in seconds. @default - as for the pods that take requests */
  readonly preStopSeconds?: number;
  /** False where the pods are placed as a group. @default - as there may be several copies */
  readonly spread?: boolean;
}

/** The template of a server's pods. @internal */
export function serverPodTemplate(
  spec: ServerSpec,
  overrides: PodTemplateOverrides = {},
): Record<string, unknown> {
  const { owner, engine, devices } = spec;
  const { artifacts } = engine;
  const { component = spec.component, awaitHosts } = overrides;
  const preparations = engine.preparations ?? [];
  const initContainers = [
    ...artifacts.guards(spec.guardImage, awaitHosts),
    ...preparations.flatMap((each) => each.initContainers),
  ];
  const claims = devices?.podClaims ?? [];
  const mesh = meshMetadata(spec.mesh);
  // A claim of one node keeps all copies there, and so does the folder of a node that is named.
  const onOneNode =
    artifacts.volumes.some(isSingleNode) ||
    spec.placement.nodeSelector?.['kubernetes.io/hostname'] !== undefined;
  const spreads = (overrides.spread ?? spec.maxReplicas > 1) && !onOneNode;
  return {
    metadata: {
      labels: {
        ...standardLabels(owner, component),
        ...storeLabels(artifacts.volumes),
        ...mesh.labels,
        ...overrides.labels,
      },
      annotations: { ...mesh.annotations, ...overrides.annotations },
    },
    spec: renderPod({
      placement: spec.placement,
      imagePullSecrets: spec.imagePullSecrets,
      stores: artifacts.volumes,
      nodeAffinity: devices?.nodeAffinity,
      user: userOf(spec),
      more: {
        ...(spec.priorityClassName ? { priorityClassName: spec.priorityClassName } : {}),
        ...(devices?.runtimeClassName ? { runtimeClassName: devices.runtimeClassName } : {}),
        ...(claims.length ? { resourceClaims: claims } : {}),
        ...(spreads ? { topologySpreadConstraints: [spread(spec, component)] } : {}),
        terminationGracePeriodSeconds: spec.graceSeconds,
        ...engine.podMore,
        ...overrides.podMore,
      },
      initContainers,
      containers: [engineContainer(spec, overrides)],
      volumes: [
        ...artifacts.podVolumes,
        ...volumesOf(owner, engine),
        ...preparations.flatMap(({ volumes }) => volumes),
        ...(initContainers.length ? [programsOf(spec).volume()] : []),
      ],
    }),
  };
}

/** As whom all programs of the pod run, with the groups that own the files of its devices. */
function userOf({ engine, devices }: ServerSpec): PodUser {
  const { user = POD_USER, group = POD_USER, supplementalGroups = [] } = engine.user ?? {};
  const groups = [...new Set([...supplementalGroups, ...(devices?.supplementalGroups ?? [])])];
  return { user, group, supplementalGroups: groups };
}

/** The programs that the pods run beside the engine: the guard, and what prepares them. @internal */
export function programsOf({ owner, engine }: ServerSpec): Programs {
  const preparing = (engine.preparations ?? []).flatMap(({ programs }) => programs);
  return new Programs(owner, [GUARD_PROGRAM, ...preparing]);
}

function engineContainer(spec: ServerSpec, overrides: PodTemplateOverrides): ContainerSpec {
  const { engine, devices } = spec;
  const { preparations = [] } = engine;
  const workingDir = preparations.find((each) => each.workingDir)?.workingDir;
  const prepared = preparations.reduce((sum, { bytes }) => sum + bytes, 0);
  const storage = mebibytesFor(bytesOf(spec.storage) + prepared);
  const probes = overrides.probes ?? engine.probes;
  return {
    name: engine.engine,
    image: engine.image,
    command: overrides.command ?? engine.command,
    args: overrides.args ?? engine.args,
    env: renderEnv([...spec.env, ...(overrides.env ?? [])]),
    ports: probes === 'none' ? [] : portsOf(engine),
    mounts: [
      ...engine.artifacts.mounts,
      ...mountsOf(engine),
      ...preparations.flatMap(({ mounts }) => mounts),
    ],
    resources: {
      cpu: spec.cpu,
      memory: spec.memory,
      storage,
      storageRequest: mebibytesFor(bytesOf(storage) - spareBytes(engine.writable)),
      devices: devices?.limits,
      claims: devices?.containerClaims,
    },
    withoutPrograms: true,
    writableRoot: spec.writableRoot,
    more: {
      ...(workingDir === undefined ? {} : { workingDir }),
      ...(probes === 'none' ? {} : renderProbes(spec, probes)),
      lifecycle: { preStop: preStop(spec, overrides.preStopSeconds) },
    },
  };
}

function portsOf({ port, ports = [] }: EngineSpec): Record<string, unknown>[] {
  return [
    { name: 'http', containerPort: port, protocol: 'TCP' },
    ...ports.map(({ name, port: containerPort }) => ({ name, containerPort, protocol: 'TCP' })),
  ];
}

function renderProbes(
  spec: ServerSpec,
  { startup, readiness, liveness }: EngineProbes,
): Record<string, unknown> {
  const periodSeconds = startup.periodSeconds ?? 10;
  const failureThreshold = Math.ceil(spec.startupSeconds / periodSeconds);
  return {
    startupProbe: renderProbe({ ...startup, periodSeconds, failureThreshold }),
    readinessProbe: renderProbe(readiness),
    livenessProbe: renderProbe(liveness),
  };
}

function renderProbe(probe: EngineProbe): Record<string, unknown> {
  const { action, periodSeconds = 10, timeoutSeconds = 5, failureThreshold = 3 } = probe;
  return { ...action, periodSeconds, timeoutSeconds, failureThreshold };
}

/** The pod leaves the endpoints as preStop starts; who still sends to it has until preStop ends. */
function preStop(
  { owner, engine, preStopSeconds, drainSeconds }: ServerSpec,
  seconds?: number,
): Record<string, unknown> {
  if (seconds === undefined && !engine.drains && engine.preStop) {
    return { exec: { command: engine.preStop(drainSeconds) } };
  }
  const pause = seconds ?? preStopSeconds;
  if (hasSleepAction(owner.kubernetesVersion)) return { sleep: { seconds: pause } };
  return { exec: { command: ['sleep', String(pause)] } };
}

function spread({ owner }: ServerSpec, component: string): Record<string, unknown> {
  return {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorLabels(owner, component) },
  };
}
