import { Size } from 'cdk8s';
import { GUARD_PROGRAM } from '../pod/guard';
import { addJob } from '../pod/job';
import { ANNOTATION, annotationLines } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { NO_DEVICES_ENV } from '../pod/no-devices';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import { ContainerSpec, renderPod, storeAnnotations, storeLabels } from '../pod/pod-spec';
import { Programs } from '../pod/programs';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { POD_USER } from '../pod/security';
import { renderEnv, secretPurposes } from '../serving/server-env';
import { mountsOf, volumesOf, writtenBytes } from '../serving/server-volumes';
import { WRITABLE_FOLDERS } from './vllm-run-program';
import type { VllmRunSpec } from './vllm-run-spec';

const COMPONENT = 'run';

/** Why it may be queued, for the check and for the README that is synthesized. */
const NOTHING_WAITS = 'nothing waits for what a run leaves';

/** Container logs count as ephemeral storage. */
const LOGS = Size.mebibytes(320);

/** Adds the Job, its NetworkPolicy, and what its folder is made of. @internal */
export function renderVllmRun(spec: VllmRunSpec): void {
  const { owner, program, artifacts, prepared, devices, options } = spec;
  const guards = artifacts.guards(program.image).map((each) => ({ ...each, env: NO_DEVICES_ENV }));
  const programs = new Programs(owner, [
    ...(guards.length ? [GUARD_PROGRAM] : []),
    ...prepared.flatMap((each) => each.programs),
  ]);
  const initContainers = [...guards, ...prepared.flatMap((each) => each.initContainers)];
  const claims = devices?.podClaims ?? [];
  addJob(owner, {
    component: COMPONENT,
    options,
    queue: spec.queueName === undefined ? undefined : { name: spec.queueName, excuse: NOTHING_WAITS },
    more: spec.timeoutSeconds === undefined ? {} : { activeDeadlineSeconds: spec.timeoutSeconds },
    annotations: annotationsOf(spec),
    podLabels: storeLabels(artifacts.volumes),
    pod: renderPod({
      placement: spec.placement,
      imagePullSecrets: options.imagePullSecrets,
      stores: artifacts.volumes,
      nodeAffinity: devices?.nodeAffinity,
      user: { user: POD_USER, group: POD_USER, supplementalGroups: devices?.supplementalGroups },
      more: {
        ...(devices?.runtimeClassName ? { runtimeClassName: devices.runtimeClassName } : {}),
        ...(claims.length ? { resourceClaims: claims } : {}),
      },
      initContainers,
      containers: [container(spec)],
      volumes: [
        ...artifacts.podVolumes,
        ...volumesOf(owner, ownVolumes(spec)),
        ...prepared.flatMap(({ volumes }) => volumes),
        ...outsideVolumes(options),
        ...(initContainers.length ? [programs.volume()] : []),
      ],
    }),
  });
  devices?.objects();
  addNetwork(spec);
  prepared.forEach((each) => each.add(COMPONENT));
  if (initContainers.length) programs.add();
}

function annotationsOf({ artifacts, prepared, devices, env, writableRoot, accelerator }: VllmRunSpec) {
  const ofStores = storeAnnotations(artifacts.volumes);
  const optOuts = [
    ofStores[ANNOTATION.podSecurityOptOut],
    writableRoot
      ? `readOnlyRootFilesystem: ${accelerator?.writesRoot ? 'what sets up the devices writes to the root file system of the container' : 'asked for by writableRoot'}`
      : undefined,
  ];
  return {
    ...artifacts.annotations,
    ...Object.fromEntries(prepared.flatMap(({ annotations }) => Object.entries(annotations))),
    // A command may have ${...}, which is the program's.
    [ANNOTATION.fluxSubstitute]: 'disabled',
    [ANNOTATION.podSecurityOptOut]: annotationLines(optOuts),
    [ANNOTATION.skipChecks]: annotationLines([
      ofStores[ANNOTATION.skipChecks],
      ...(devices?.skipChecks ?? []),
    ]),
    [ANNOTATION.secrets]: annotationLines(secretPurposes(env)),
  };
}

function ownVolumes({ program }: VllmRunSpec) {
  const writable = Object.entries(WRITABLE_FOLDERS).map(([path, size]) => ({
    name: path.slice(1).replaceAll('/', '-'),
    path,
    size,
  }));
  return { writable, sharedMemory: program.sharedMemory, files: [] };
}

function container(spec: VllmRunSpec): ContainerSpec {
  const { program, artifacts, prepared, devices, options } = spec;
  const own = ownVolumes(spec);
  const workingDir = prepared[0]?.workingDir;
  const preparedBytes = prepared.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    name: 'vllm',
    image: program.image,
    command: program.command,
    env: [...renderEnv(spec.env), ...outsideEnv(options)],
    mounts: [
      ...artifacts.mounts,
      ...mountsOf(own),
      ...prepared.flatMap(({ mounts }) => mounts),
      ...outsideMounts(options),
    ],
    resources: {
      cpu: spec.cpu,
      memory: spec.memory,
      storage: mebibytesFor(bytesOf(LOGS) + writtenBytes(own.writable) + preparedBytes),
      devices: devices?.limits,
      claims: devices?.containerClaims,
    },
    withoutPrograms: true,
    writableRoot: spec.writableRoot,
    more: workingDir === undefined ? {} : { workingDir },
  };
}

function addNetwork({ owner, options, reaches }: VllmRunSpec): void {
  const { ports } = options;
  addNetworkPolicy(owner, {
    component: COMPONENT,
    ingress: [],
    egress: [...(ports.length ? [{ ports: [...new Set(ports)] }] : []), ...reaches],
    dns: ports.length + reaches.length > 0,
  });
}
