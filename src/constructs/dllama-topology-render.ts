import { Size } from 'cdk8s';
import { consumerAnnotations, servedAnnotations } from '../artifact/annotations';
import { GUARD_PROGRAM, guards, python } from '../pod/guard';
import { withHelper } from '../pod/helper-container';
import { NO_MESH } from '../pod/mesh';
import { DLLAMA_METRICS } from '../engines/dllama/metrics';
import { ANNOTATION, annotationLines, LABEL } from '../pod/metadata';
import { addNetworkPolicy, Peer } from '../pod/network';
import { addObject, selectorLabels, standardLabels } from '../pod/owner';
import {
  ContainerSpec,
  PodSpec,
  renderPod,
  storeAnnotations,
  storeLabels,
  storeMount,
  storePodVolume,
} from '../pod/pod-spec';
import { programPath, Programs } from '../pod/programs';
import type { ContainerResources } from '../pod/resources';
import { POD_USER } from '../pod/security';
import { revisionOf, withRevision } from '../serving/revision';
import { distinctPeers } from '../serving/server-spec';
import type { ServerTarget } from '../serving/server-target';
import { addSmokeTest } from '../serving/smoke-test';
import type { DllamaDevice } from './dllama-topology-devices';
import {
  DllamaTopologySpec,
  FRONT_PORT,
  ROOT_PORT,
  WorkerSetSpec,
  WORKER_PORT,
} from './dllama-topology-spec';

const SCRIPT = 'dllama.sh';
const FRONT_PROGRAM = 'dllama_front.py';

/** Where front and root tell each other that the root has to be restarted. */
const STATE_FOLDER = '/run/cdk8s-llm';

/** Endpoints and proxies need this long to learn that a pod is going. */
const PRE_STOP_SECONDS = 5;

/** From the first probe that sees a fault to a restart: three in a row. */
const PROBE = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 };

/**
 * dllama-api logs every prompt and answer. Container logs count as ephemeral storage, and some clusters keep
 * five files of 50 MiB for each container.
 */
const LOGS = Size.mebibytes(320);

const WRITES_ROOT =
  'readOnlyRootFilesystem: what sets up the devices writes to the root file system of the container';

/** @internal */
export function renderDllamaTopology(spec: DllamaTopologySpec): ServerTarget {
  const rootPrograms = new Programs(spec.owner, [GUARD_PROGRAM, FRONT_PROGRAM, SCRIPT]);
  const workerPrograms = new Programs(spec.owner, [SCRIPT], 'worker');
  const workers = spec.workerSets.map((set) => ({
    set,
    template: workerTemplate(spec, set, workerPrograms),
  }));
  const root = rootTemplate(spec, rootPrograms);
  // Who asks the root asks its workers.
  const revision = revisionOf(root, ...workers.map(({ template }) => template));
  renderRoot(spec, withRevision(root, revision));
  renderServices(spec);
  for (const { set, template } of workers) renderWorkerSet(spec, set, template);
  if (spec.workers > 1) renderWorkerDisruption(spec);
  renderNetwork(spec);
  spec.devices.addObjects();
  const target = targetOf(spec, revision);
  spec.routes.forEach((route, index) => route._render(target, index));
  spec.monitoring?._render(target);
  if (spec.smokeTest) addSmokeTest(spec.owner.scope, target, spec.smokeTest);
  rootPrograms.add();
  if (spec.workers > 0) workerPrograms.add();
  return target;
}

/** The root, whose front takes the requests: whoever watches or asks the topology watches or asks that. */
function targetOf(spec: DllamaTopologySpec, revision: string): ServerTarget {
  const { owner, volume, model, front } = spec;
  return {
    owner,
    component: 'root',
    selector: selectorLabels(owner, 'root'),
    revision,
    workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: `${owner.name}-root` },
    service: { name: owner.name, port: spec.port },
    container: { name: 'front', port: FRONT_PORT },
    replicas: 1,
    alone: 'the root alone takes requests',
    engine: 'dllama',
    metrics: DLLAMA_METRICS,
    modelNames: [front.modelId],
    healthPath: '/health',
    accelerator: spec.rootDevice?.spec,
    startupSeconds: spec.startupSeconds,
    drainSeconds: spec.drainSeconds,
    claims: volume.kind === 'claim' ? [volume.claimName] : [],
    provenance: servedAnnotations([model]),
  };
}

function renderRoot(spec: DllamaTopologySpec, template: Record<string, unknown>): void {
  const { owner, volume, model } = spec;
  addObject(owner, 'Root', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: `${owner.name}-root`,
    component: 'root',
    annotations: {
      ...consumerAnnotations(model),
      ...workloadAnnotations(storeAnnotations([volume]), spec.rootDevice),
    },
    body: {
      spec: {
        replicas: 1,
        // A second root would wait for ever for workers that serve the first.
        strategy: { type: 'Recreate' },
        progressDeadlineSeconds: spec.startupSeconds + 600,
        selector: { matchLabels: selectorLabels(owner, 'root') },
        template,
      },
    },
  });
}

function rootTemplate(spec: DllamaTopologySpec, programs: Programs): Record<string, unknown> {
  const { owner, volume } = spec;
  return {
    metadata: {
      labels: { ...standardLabels(owner, 'root'), ...storeLabels([volume]), ...NO_MESH.labels },
      annotations: { ...NO_MESH.annotations },
    },
    spec: renderPod({
      placement: spec.rootPlacement,
      imagePullSecrets: spec.imagePullSecrets,
      stores: [volume],
      ...ofDevice(spec.rootDevice),
      more: {
        ...morePod(spec, spec.rootDevice),
        terminationGracePeriodSeconds: PRE_STOP_SECONDS + spec.drainSeconds + 10,
      },
      ...rootContainers(spec),
      volumes: [
        // Only the root reads the model; it sends the workers their parts.
        storePodVolume(volume),
        { name: 'state', emptyDir: { sizeLimit: '1Mi' } },
        programs.volume(),
      ],
    }),
  };
}

/**
 * Where front and root are stopped together, both let the answer in flight end: the front refuses all others, and the
 * root goes on until the front's connection is closed.
 */
function rootContainers(spec: DllamaTopologySpec): Pick<PodSpec, 'initContainers' | 'containers'> {
  const { owner, model, volume, front, workerHosts } = spec;
  return withHelper(
    owner.kubernetesVersion,
    {
      initContainers: guards(model, volume, front.image, workerHosts),
      containers: [rootContainer(spec)],
    },
    frontContainer(spec),
    // Its image need not have a program for it.
    ['python3', '-c', `import time; time.sleep(${PRE_STOP_SECONDS})`],
  );
}

function rootContainer(spec: DllamaTopologySpec): ContainerSpec {
  const workers = String(spec.workers);
  return {
    name: 'root',
    image: spec.image,
    // Not as process 1, which would ignore every signal.
    command: ['sh', programPath(SCRIPT), 'root'],
    args: spec.rootCommand,
    env: [
      { name: 'DLLAMA_ROOT_PORT', value: String(ROOT_PORT) },
      { name: 'DLLAMA_WORKER_PORT', value: String(WORKER_PORT) },
      { name: 'STATE_DIR', value: STATE_FOLDER },
      { name: 'DRAIN_SECONDS', value: String(spec.drainSeconds) },
      ...(spec.rootDevice?.env ?? []),
    ],
    mounts: [storeMount('read', spec.volume), { name: 'state', mountPath: STATE_FOLDER }],
    resources: {
      cpu: String(spec.rootThreads),
      memory: spec.rootMemory,
      storage: LOGS,
      ...requested(spec.rootDevice),
    },
    writableRoot: spec.rootDevice?.spec.writesRoot,
    more: {
      // Without a terminal its output stays in a buffer until the process ends.
      tty: true,
      // Probes look at the kernel's table of connections: one that connected would end the root.
      startupProbe: {
        exec: { command: probe('root-started') },
        periodSeconds: 5,
        timeoutSeconds: 5,
        failureThreshold: Math.ceil(spec.startupSeconds / 5),
      },
      readinessProbe: { exec: { command: probe('root-ready', workers) }, ...PROBE, failureThreshold: 2 },
      livenessProbe: { exec: { command: probe('root-live', workers) }, ...PROBE },
      lifecycle: { preStop: { exec: { command: ['sleep', String(PRE_STOP_SECONDS)] } } },
    },
  };
}

function frontContainer(spec: DllamaTopologySpec): ContainerSpec {
  const { front } = spec;
  return {
    name: 'front',
    image: front.image,
    command: python(FRONT_PROGRAM),
    args: [
      `--port=${FRONT_PORT}`,
      `--root-port=${ROOT_PORT}`,
      `--workers=${spec.workers}`,
      `--model-id=${front.modelId}`,
      `--queue=${front.queueLength}`,
      `--queue-seconds=${front.queueSeconds}`,
      `--max-body-mib=${front.maxBodyMib}`,
      `--max-seq-len=${front.maxSeqLen}`,
      `--stall-seconds=${front.stallSeconds}`,
      `--drain-seconds=${spec.drainSeconds}`,
      `--state-dir=${STATE_FOLDER}`,
    ],
    ports: [{ name: 'http', containerPort: FRONT_PORT, protocol: 'TCP' }],
    mounts: [{ name: 'state', mountPath: STATE_FOLDER }],
    resources: { cpu: '500m', memory: Size.mebibytes(256), storage: LOGS },
    more: {
      startupProbe: {
        httpGet: { path: '/livez', port: 'http' },
        periodSeconds: 2,
        timeoutSeconds: 5,
        failureThreshold: 30,
      },
      readinessProbe: { httpGet: { path: '/health', port: 'http' }, ...PROBE, failureThreshold: 2 },
      livenessProbe: { httpGet: { path: '/livez', port: 'http' }, ...PROBE },
    },
  };
}

function renderServices(spec: DllamaTopologySpec): void {
  const { owner } = spec;
  addObject(owner, 'Service', {
    apiVersion: 'v1',
    kind: 'Service',
    name: owner.name,
    component: 'root',
    annotations: servedAnnotations([spec.model]),
    body: {
      spec: {
        selector: selectorLabels(owner, 'root'),
        ports: [{ name: 'http', port: spec.port, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
      },
    },
  });
  if (spec.workers === 0) return;
  // Workers look up the root here, to notice that it has moved to another address.
  addHeadlessService(spec, 'RootNames', spec.rootService, 'root', { name: 'http', port: FRONT_PORT });
  addHeadlessService(spec, 'WorkerNames', spec.workerService, 'worker', {
    name: 'dllama',
    port: WORKER_PORT,
  });
}

function addHeadlessService(
  spec: DllamaTopologySpec,
  id: string,
  name: string,
  component: string,
  port: { name: string; port: number },
): void {
  const { owner } = spec;
  addObject(owner, id, {
    apiVersion: 'v1',
    kind: 'Service',
    name,
    component,
    annotations: servedAnnotations([spec.model]),
    body: {
      spec: {
        clusterIP: 'None',
        // distributed-llama knows no other addresses.
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        // Names must resolve before the pods are ready: the workers are ready only with the root.
        publishNotReadyAddresses: true,
        selector: selectorLabels(owner, component),
        ports: [{ ...port, targetPort: port.name, protocol: 'TCP' }],
      },
    },
  });
}

function renderWorkerDisruption({ owner, workerService }: DllamaTopologySpec): void {
  addObject(owner, 'WorkerDisruption', {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    name: workerService,
    component: 'worker',
    body: {
      spec: {
        maxUnavailable: 1,
        // A worker that is not ready computes for nobody: it must not keep a node from being drained.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: selectorLabels(owner, 'worker') },
      },
    },
  });
}

function workerLabels({ owner }: DllamaTopologySpec, { slots }: WorkerSetSpec): Record<string, string> {
  return { ...selectorLabels(owner, 'worker'), [LABEL.slots]: slots };
}

function renderWorkerSet(
  spec: DllamaTopologySpec,
  set: WorkerSetSpec,
  template: Record<string, unknown>,
): void {
  const { owner } = spec;
  addObject(owner, `Workers-${set.slots}`, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: set.name,
    component: 'worker',
    annotations: { ...consumerAnnotations(spec.model), ...workloadAnnotations({}, set.device) },
    body: {
      spec: {
        replicas: set.replicas,
        serviceName: spec.workerService,
        // None is of use without the others.
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: workerLabels(spec, set) },
        template,
      },
    },
  });
}

function workerTemplate(
  spec: DllamaTopologySpec,
  set: WorkerSetSpec,
  programs: Programs,
): Record<string, unknown> {
  return {
    metadata: {
      labels: { ...standardLabels(spec.owner, 'worker'), ...workerLabels(spec, set), ...NO_MESH.labels },
      annotations: { ...NO_MESH.annotations },
    },
    spec: renderPod({
      placement: set.placement,
      imagePullSecrets: spec.imagePullSecrets,
      stores: [],
      ...ofDevice(set.device),
      more: {
        ...morePod(spec, set.device),
        // The restart loop ends at once; there is nothing to drain in a worker.
        terminationGracePeriodSeconds: 5,
        ...(spec.workers > 1 ? { topologySpreadConstraints: [spread(spec)] } : {}),
      },
      containers: [workerContainer(spec, set)],
      volumes: [programs.volume()],
    }),
  };
}

function spread(spec: DllamaTopologySpec): Record<string, unknown> {
  return {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorLabels(spec.owner, 'worker') },
  };
}

function workerContainer(spec: DllamaTopologySpec, set: WorkerSetSpec): ContainerSpec {
  return {
    name: 'worker',
    image: spec.image,
    // A worker ends whenever its root goes while it loads; the loop starts it again without a back-off.
    command: ['sh', programPath(SCRIPT), 'worker'],
    args: set.command,
    env: [{ name: 'DLLAMA_WORKER_PORT', value: String(WORKER_PORT) }, ...(set.device?.env ?? [])],
    ports: [{ name: 'dllama', containerPort: WORKER_PORT, protocol: 'TCP' }],
    resources: { cpu: String(set.threads), memory: set.memory, storage: LOGS, ...requested(set.device) },
    writableRoot: set.device?.spec.writesRoot,
    more: {
      tty: true,
      startupProbe: {
        exec: { command: probe('worker-ready') },
        periodSeconds: 2,
        timeoutSeconds: 5,
        failureThreshold: 60,
      },
      readinessProbe: { exec: { command: probe('worker-ready') }, ...PROBE },
      // A worker whose root vanished with its node would serve the dead connection for ever.
      // Only after a minute or two: until then a name server may still tell the address of the root before.
      livenessProbe: {
        exec: { command: probe('worker-live', spec.rootHost) },
        ...PROBE,
        failureThreshold: 12,
      },
    },
  };
}

/** What a pod has for the device of its process. */
function ofDevice(device: DllamaDevice | undefined): Pick<PodSpec, 'nodeAffinity' | 'user'> {
  if (!device) return {};
  const { nodeAffinity, supplementalGroups } = device.onPod;
  return { nodeAffinity, user: { user: POD_USER, group: POD_USER, supplementalGroups } };
}

function morePod({ priorityClassName }: DllamaTopologySpec, device: DllamaDevice | undefined): object {
  const { runtimeClassName, podClaims = [] } = device?.onPod ?? {};
  return {
    ...(priorityClassName ? { priorityClassName } : {}),
    ...(runtimeClassName ? { runtimeClassName } : {}),
    ...(podClaims.length ? { resourceClaims: podClaims } : {}),
  };
}

function requested(device: DllamaDevice | undefined): Pick<ContainerResources, 'devices' | 'claims'> {
  return { devices: device?.onPod.limits, claims: device?.onPod.containerClaims };
}

/** What the workload says of its stores and of its device. */
function workloadAnnotations(
  ofStores: Record<string, string>,
  device: DllamaDevice | undefined,
): Record<string, string | undefined> {
  return {
    ...ofStores,
    [ANNOTATION.podSecurityOptOut]: annotationLines([
      ofStores[ANNOTATION.podSecurityOptOut],
      device?.spec.writesRoot ? WRITES_ROOT : undefined,
    ]),
    [ANNOTATION.skipChecks]: annotationLines([
      ofStores[ANNOTATION.skipChecks],
      ...(device?.onPod.skipChecks ?? []),
    ]),
  };
}

function probe(...args: string[]): string[] {
  return ['sh', programPath(SCRIPT), ...args];
}

function renderNetwork(spec: DllamaTopologySpec): void {
  const { owner } = spec;
  const component = (name: string): Peer => ({ podSelector: { matchLabels: selectorLabels(owner, name) } });
  const toWorkers = { peers: [component('worker')], ports: [WORKER_PORT] };
  addNetworkPolicy(owner, {
    component: 'root',
    ingress: [
      {
        peers: distinctPeers([
          ...spec.allowFrom,
          ...spec.routes.flatMap(({ _peers }) => _peers),
          ...(spec.monitoring?._peers ?? []),
        ]),
        ports: [FRONT_PORT],
      },
    ],
    egress: spec.workers > 0 ? [toWorkers] : [],
    dns: spec.workers > 0,
  });
  if (spec.workers === 0) return;
  addNetworkPolicy(owner, {
    component: 'worker',
    ingress: [{ peers: [component('root'), component('worker')], ports: [WORKER_PORT] }],
    egress: [toWorkers],
    dns: true,
  });
}
