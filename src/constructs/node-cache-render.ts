import { Size } from 'cdk8s';
import { artifactLine } from '../artifact/annotations';
import type { SecretUse } from '../artifact/sources/source-spec';
import { python } from '../pod/guard';
import { NO_MESH } from '../pod/mesh';
import { ANNOTATION } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { NO_DEVICES_ENV } from '../pod/no-devices';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import { addObject, selectorLabels, standardLabels } from '../pod/owner';
import { ContainerSpec, renderPod, storeAnnotations, storeMount, storePodVolume } from '../pod/pod-spec';
import { programPath, Programs } from '../pod/programs';
import { bytesOf } from '../pod/quantity';
import { secretEnv } from '../pod/secret-env';
import { MODELS_FOLDER } from '../pod/store-folder';
import { durationText } from '../serving/duration-text';
import type { EngineFile, WritableFolder } from '../serving/engine-spec';
import { addTexts, mountsOf, volumesOf } from '../serving/server-volumes';
import type { NodeCacheImage } from './node-cache-item';
import type { KeptArtifact } from './node-cache-kept';
import type { NodeCacheSpec } from './node-cache-spec';

const COMPONENT = 'cache';

const PROGRAM = 'node_cache.py';
const HOLD = 'hold.sh';

/** The port of the probes and metrics. */
const PORT = 9464;

const ITEMS = { name: 'items', folder: '/etc/cdk8s-llm/items', file: 'items.json' };

/** Where containers say that they hold images. */
const HELD: WritableFolder = { name: 'held', path: '/held', size: Size.mebibytes(1) };

/** Where the static BusyBox is, in containers that are made from images which may have no shell. */
const TOOLS: WritableFolder = { name: 'tools', path: '/cdk8s-llm', size: Size.mebibytes(16) };

const TEMPORARY: WritableFolder = { name: 'tmp', path: '/tmp', size: Size.mebibytes(64) };

/** @internal */
export function renderNodeCache(spec: NodeCacheSpec): void {
  const { owner, folder, kept, options, monitoring } = spec;
  const programs = new Programs(owner, programsOf(spec));
  const files: EngineFile[] = [
    { name: ITEMS.name, folder: ITEMS.folder, texts: { [ITEMS.file]: itemsText(spec) } },
  ];
  const stores = folder ? [folder.volume] : [];
  addObject(owner, 'DaemonSet', {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    name: owner.name,
    component: COMPONENT,
    annotations: {
      ...storeAnnotations(stores),
      [ANNOTATION.keeps]:
        kept.map(({ kind, name, artifact }) => artifactLine(`${kind} ${name}`, artifact)).join('\n') ||
        undefined,
      [ANNOTATION.secrets]: secretPurposes(kept),
    },
    body: {
      spec: {
        selector: { matchLabels: selectorLabels(owner, COMPONENT) },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: spec.maxUnavailable } },
        template: {
          metadata: {
            labels: { ...standardLabels(owner, COMPONENT), ...NO_MESH.labels },
            annotations: NO_MESH.annotations,
          },
          spec: renderPod({
            placement: spec.placement,
            imagePullSecrets: options.imagePullSecrets,
            serviceAccountName: spec.serviceAccountName,
            stores,
            initContainers: needsTools(spec) ? [toolsContainer(spec)] : [],
            containers: [
              cacheContainer(spec, files),
              ...spec.images.map((image) => holdContainer(spec, image)),
            ],
            volumes: [
              ...stores.map((store) => storePodVolume(store)),
              ...volumesOf(owner, { writable: writableOf(spec), files }),
              ...(spec.imageVolumes ? spec.images.map(imageVolume) : []),
              ...outsideVolumes(options),
              programs.volume(),
            ],
          }),
        },
      },
    },
  });
  const ports = [
    ...new Set([...kept.flatMap((each) => each.ports), ...(kept.length ? [443, ...options.ports] : [])]),
  ];
  addNetworkPolicy(owner, {
    component: COMPONENT,
    ingress: monitoring ? [{ peers: monitoring.from.map(({ _peer }) => _peer), ports: ['metrics'] }] : [],
    // A hub sends its large files from other hosts, whose addresses nobody can list.
    egress: ports.length ? [{ ports: ports.sort((a, b) => a - b) }] : [],
    dns: ports.length > 0,
  });
  if (monitoring) addMonitor(spec);
  addTexts(owner, COMPONENT, files);
  programs.add();
}

function programsOf({ kept, images, evict }: NodeCacheSpec): string[] {
  return [
    PROGRAM,
    ...kept.flatMap(({ program: [file], modules }) => [file, ...modules]),
    ...(evict.length ? ['evict.py', 'evict_folder.py'] : []),
    ...(images.length ? [HOLD] : []),
  ];
}

/** What the program reads: evictions come first, as they make room. */
function itemsText({ images, kept, evict }: NodeCacheSpec): string {
  const secrets = secretNames(kept);
  const items = [
    ...evict.map((artifact) => ({
      kind: 'eviction',
      name: artifact,
      what: `remove ${artifact}`,
      program: ['evict.py', `--root=${MODELS_FOLDER}`, `--artifact=${artifact}`],
    })),
    ...images.map(({ name, image }) => ({ kind: 'image', name, what: image })),
    ...kept.map((each) => ({
      kind: each.kind,
      name: each.name,
      what: each.artifact.provenance.source,
      key: each.artifact.key,
      path: each.artifact.path,
      attempt: each.attempt,
      program: each.program,
      ...(each.secrets.length
        ? {
            secrets: Object.fromEntries(each.secrets.map((use) => [use.env, secrets.get(secretId(use))])),
          }
        : {}),
    })),
  ];
  return `${JSON.stringify(items, null, 1)}\n`;
}

/** Two items may need different Secrets by the same name: each is handed its own by the program. */
function secretNames(kept: readonly KeptArtifact[]): Map<string, string> {
  const ids = new Set(kept.flatMap(({ secrets }) => secrets.map(secretId)));
  return new Map([...ids].map((id, index) => [id, `CACHE_SECRET_${index}`]));
}

function secretId({ secret, key }: SecretUse): string {
  return `${secret}/${key}`;
}

function secretEnvs(kept: readonly KeptArtifact[]): Record<string, unknown>[] {
  const uses = new Map(kept.flatMap(({ secrets }) => secrets.map((use) => [secretId(use), use] as const)));
  return [...secretNames(kept)].map(([id, env]) => {
    const { secret, key, optional } = uses.get(id)!;
    return secretEnv({ env, secret, key, optional });
  });
}

function secretPurposes(kept: readonly KeptArtifact[]): string | undefined {
  const needed = kept.flatMap(({ secrets }) => secrets.filter(({ optional }) => !optional));
  const lines = needed.map(({ secret, key, purpose }) => `${secret}/${key}=${purpose}`);
  return lines.length ? [...new Set(lines)].join('\n') : undefined;
}

/** Brings what is in the folder, and tells what of everything is there. */
function cacheContainer(spec: NodeCacheSpec, files: EngineFile[]): ContainerSpec {
  const { folder, images, kept, options } = spec;
  return {
    name: COMPONENT,
    image: spec.image,
    command: python(PROGRAM),
    args: [
      `--items=${ITEMS.folder}/${ITEMS.file}`,
      ...(folder
        ? [
            `--folder=${MODELS_FOLDER}`,
            `--node-folder=${folder.volume.path}`,
            `--size-bytes=${bytesOf(folder.size)}`,
          ]
        : []),
      ...(images.length ? [`--held=${HELD.path}`] : []),
      `--port=${PORT}`,
    ],
    env: [...secretEnvs(kept), ...outsideEnv(options)],
    ports: [{ name: 'metrics', containerPort: PORT }],
    mounts: [
      ...(folder ? [storeMount('write', folder.volume)] : []),
      ...mountsOf({ writable: [TEMPORARY], files }),
      ...(images.length ? [{ name: HELD.name, mountPath: HELD.path, readOnly: true }] : []),
      ...outsideMounts(options),
    ],
    resources: { cpu: '100m', cpuLimit: '2', memory: spec.memory, storage: Size.mebibytes(128) },
    more: {
      startupProbe: { httpGet: { path: '/live', port: 'metrics' }, failureThreshold: 30 },
      readinessProbe: { httpGet: { path: '/ready', port: 'metrics' }, timeoutSeconds: 5 },
      livenessProbe: {
        httpGet: { path: '/live', port: 'metrics' },
        periodSeconds: 30,
        timeoutSeconds: 10,
        failureThreshold: 6,
      },
    },
  };
}

/** Whether BusyBox has to be brought into the images. */
function needsTools({ images, imageVolumes }: NodeCacheSpec): boolean {
  return images.length > 0 && !imageVolumes;
}

const BUSYBOX = '/bin/busybox';

/** Copies BusyBox, which is linked statically, to where containers of any image can run it. */
function toolsContainer({ busyboxImage }: NodeCacheSpec): ContainerSpec {
  return {
    name: TOOLS.name,
    image: busyboxImage,
    command: [BUSYBOX, 'cp', BUSYBOX, `${TOOLS.path}/busybox`],
    mounts: [{ name: TOOLS.name, mountPath: TOOLS.path }],
    resources: HOLDING,
    withoutPrograms: true,
  };
}

/** A shell that sleeps. */
const HOLDING: ContainerSpec['resources'] = {
  cpu: '5m',
  cpuLimit: '50m',
  memory: Size.mebibytes(16),
  storage: Size.mebibytes(32),
};

/**
 * Keeps an image on the node: the kubelet pulls what a container is made from or mounts, and removes no image that one
 * uses. Each image has a container of its own, whose status tells why it cannot be pulled, and which keeps no other from
 * being pulled.
 */
function holdContainer(spec: NodeCacheSpec, { name, image }: NodeCacheImage): ContainerSpec {
  const common = { name: `image-${name}`, resources: HOLDING };
  const held = { name: HELD.name, mountPath: HELD.path };
  const command = (busybox: string) => [busybox, 'sh', programPath(HOLD), busybox, `${HELD.path}/${name}`];
  if (spec.imageVolumes) {
    return {
      ...common,
      image: spec.busyboxImage,
      command: command(BUSYBOX),
      mounts: [held, { name: `image-${name}`, mountPath: '/image', readOnly: true }],
    };
  }
  return {
    ...common,
    image,
    command: command(`${TOOLS.path}/busybox`),
    env: NO_DEVICES_ENV,
    mounts: [held, { name: TOOLS.name, mountPath: TOOLS.path, readOnly: true }],
    // The image's own may be closed to our user.
    more: { workingDir: '/' },
  };
}

function imageVolume({ name, image }: NodeCacheImage): Record<string, unknown> {
  return { name: `image-${name}`, image: { reference: image, pullPolicy: 'IfNotPresent' } };
}

function writableOf(spec: NodeCacheSpec): WritableFolder[] {
  return [TEMPORARY, ...(spec.images.length ? [HELD] : []), ...(needsTools(spec) ? [TOOLS] : [])];
}

function addMonitor({ owner, monitoring }: NodeCacheSpec): void {
  const { labels, intervalSeconds } = monitoring!;
  addObject(owner, 'Monitor', {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    name: owner.name,
    component: COMPONENT,
    labels,
    body: {
      spec: {
        selector: { matchLabels: selectorLabels(owner, COMPONENT) },
        podMetricsEndpoints: [
          {
            port: 'metrics',
            path: '/metrics',
            interval: durationText(intervalSeconds),
            // A cache is known by its node: the names of its pods change.
            relabelings: [
              { action: 'replace', sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' },
            ],
          },
        ],
      },
    },
  });
}
