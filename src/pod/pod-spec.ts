import {
  describeVolume,
  IMAGE_VOLUMES_RULE,
  isSingleNode,
  StoreVolume,
} from '../artifact/stores/store-volume';
import { ANNOTATION, claimLabel } from './metadata';
import { unitePlacements } from './placement';
import { Programs } from './programs';
import { ContainerResources, renderResources } from './resources';
import { STORE_VOLUME, storeFolder } from './store-folder';
import { containerSecurityContext, podSecurityContext, PodUser } from './security';

/** A Kubernetes toleration, as it is written. */
export interface Toleration {
  /** The taint's key. @default - any, with operator Exists */
  readonly key?: string;
  /** `Equal` or `Exists`. @default Equal */
  readonly operator?: string;
  /** The taint's value. @default - none */
  readonly value?: string;
  /** `NoSchedule`, `PreferNoSchedule` or `NoExecute`. @default - all effects */
  readonly effect?: string;
  /** How long a `NoExecute` taint is tolerated, in seconds. @default - for ever */
  readonly tolerationSeconds?: number;
}

/** Where pods may run. */
export interface Placement {
  /** Labels that a node must have. @default - none */
  readonly nodeSelector?: { [label: string]: string };
  /** Taints of nodes that the pods tolerate. @default - none */
  readonly tolerations?: Toleration[];
}

/** A container of ours as plain data. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly command: string[];
  readonly args?: string[];
  readonly env?: Record<string, unknown>[];
  readonly ports?: Record<string, unknown>[];
  readonly mounts?: Record<string, unknown>[];
  readonly resources: ContainerResources;
  /** Whether it runs none of our programs. @default false */
  readonly withoutPrograms?: boolean;
  /** Whether it may write to its root file system, which the pod then has to opt out for. @default false */
  readonly writableRoot?: boolean;
  /** Further fields: probes, lifecycle, tty, restartPolicy. */
  readonly more?: Record<string, unknown>;
}

/** A container with the safe settings that all of ours have. */
export function renderContainer(c: ContainerSpec): Record<string, unknown> {
  const mounts = [...(c.mounts ?? []), ...(c.withoutPrograms ? [] : [Programs.mount()])];
  return {
    name: c.name,
    image: c.image,
    command: c.command,
    ...(c.args?.length ? { args: c.args } : {}),
    ...(c.env?.length ? { env: c.env } : {}),
    ...(c.ports?.length ? { ports: c.ports } : {}),
    ...c.more,
    resources: renderResources(c.resources),
    securityContext: containerSecurityContext(c),
    ...(mounts.length ? { volumeMounts: mounts } : {}),
  };
}

/** A pod as plain data. */
export interface PodSpec {
  readonly initContainers?: ContainerSpec[];
  readonly containers: ContainerSpec[];
  readonly volumes: Record<string, unknown>[];
  /** Where the pod may run, besides what its stores say. */
  readonly placement: Placement;
  /** The ServiceAccount by whose identity it is let in elsewhere. @default - the namespace's own */
  readonly serviceAccountName?: string;
  /** The names of the Secrets by which its images are pulled. @default - none */
  readonly imagePullSecrets?: string[];
  /** The stores' volumes that it mounts. */
  readonly stores: StoreVolume[];
  /** Which nodes it prefers or must have, besides the placement. @default - none */
  readonly nodeAffinity?: Record<string, unknown>;
  /** As whom its programs run. @default - as user and group 65532 */
  readonly user?: PodUser;
  readonly more?: Record<string, unknown>;
}

/** A pod template's spec with the safe settings that all of ours have. */
export function renderPod(pod: PodSpec): Record<string, unknown> {
  const { nodeSelector, tolerations } = unitePlacements(
    'pod',
    'placement',
    pod.placement,
    placementsOf(pod.stores),
  );
  const pullSecrets = pullSecretsOf(pod);
  return {
    ...(pod.serviceAccountName ? { serviceAccountName: pod.serviceAccountName } : {}),
    // A token for the Kubernetes API; an identity elsewhere needs none.
    automountServiceAccountToken: false,
    ...(pullSecrets.length ? { imagePullSecrets: pullSecrets.map((name) => ({ name })) } : {}),
    enableServiceLinks: false,
    securityContext: podSecurityContext(pod.user),
    ...(nodeSelector ? { nodeSelector } : {}),
    ...(tolerations ? { tolerations } : {}),
    ...affinity(pod),
    ...pod.more,
    ...(pod.initContainers?.length ? { initContainers: pod.initContainers.map(renderContainer) } : {}),
    containers: pod.containers.map(renderContainer),
    volumes: pod.volumes,
  };
}

function affinity({ stores, nodeAffinity }: PodSpec): Record<string, unknown> {
  const both = {
    ...(nodeAffinity ? { nodeAffinity } : {}),
    ...(stores.some(isSingleNode) ? togetherOn(stores) : {}),
  };
  return Object.keys(both).length ? { affinity: both } : {};
}

/** The kubelet pulls the images that are mounted by the same Secrets as those that are run. */
function pullSecretsOf({ imagePullSecrets = [], stores }: PodSpec): string[] {
  const ofStores = stores.flatMap((store) => (store.kind === 'image' && store.pullSecret) || []);
  return [...new Set([...imagePullSecrets, ...ofStores])];
}

/** Where the stores let the pods run that mount them. */
export function placementsOf(stores: readonly StoreVolume[]): { of: string; placement: Placement }[] {
  return stores.map((store) => ({ of: describeVolume(store), placement: store.placement }));
}

/** The labels that draw the pods of a single-node volume together. */
export function storeLabels(stores: readonly StoreVolume[]): Record<string, string> {
  return Object.fromEntries(
    stores.flatMap((store) =>
      store.kind === 'claim' && isSingleNode(store) ? [[claimLabel(store.claimName), 'mounted']] : [],
    ),
  );
}

/**
 * What an object says of the volumes that its pods mount: the departures from Pod Security that they need, and the
 * checks that they are excused from.
 *
 * @param source the volume of others that a model is copied from
 */
export function storeAnnotations(
  stores: readonly StoreVolume[],
  source?: StoreVolume,
): Record<string, string> {
  const kept = [...new Set(stores.filter((store) => store.kind === 'node').map(describeVolume))];
  const reasons = [
    ...(kept.length ? [`the models are kept in ${kept.join(' and ')}`] : []),
    ...(source?.kind === 'node' ? [`the model is read from ${describeVolume(source)}`] : []),
  ];
  return {
    ...(reasons.length ? { [ANNOTATION.podSecurityOptOut]: `hostPath: ${reasons.join(', ')}` } : {}),
    ...(stores.some((store) => store.kind === 'image' && store.byGate)
      ? {
          [ANNOTATION.skipChecks]: `${IMAGE_VOLUMES_RULE}: featureGateIsOn says that the cluster has ImageVolume on`,
        }
      : {}),
  };
}

/**
 * The pod's volume for a store. Read-only mounts are the containers' matter: a claim that one pod takes
 * read-only as a whole may be attached in a mode that the next pod cannot write in.
 */
export function storePodVolume(store: StoreVolume, name = STORE_VOLUME): Record<string, unknown> {
  switch (store.kind) {
    case 'claim':
      return { name, persistentVolumeClaim: { claimName: store.claimName } };
    case 'image':
      return { name, image: { reference: store.reference, pullPolicy: 'IfNotPresent' } };
    case 'node':
      // Not made where it is missing: the kubelet would make it for root alone.
      return { name, hostPath: { path: store.path, type: 'Directory' } };
  }
}

/**
 * The container's mount of a store, to read or to write.
 *
 * @param store an image holds one artifact, so it is mounted where the folder of that artifact is in other stores
 * @param name the pod's volume
 */
export function storeMount(
  access: 'read' | 'write',
  store?: StoreVolume,
  name = STORE_VOLUME,
): Record<string, unknown> {
  if (store?.kind === 'image') {
    const { folder, path } = store;
    const subPath = path.replace(/^\/+|\/+$/g, '');
    return {
      name,
      mountPath: `${storeFolder(name)}/${folder}`,
      ...(subPath ? { subPath } : {}),
      readOnly: true,
    };
  }
  return { name, mountPath: storeFolder(name), ...(access === 'read' ? { readOnly: true } : {}) };
}

/**
 * A ReadWriteOnce volume is attached to one node at a time. A waiting server that was scheduled first, on
 * another node, would keep it from the download that it waits for. So all pods that mount it must share a
 * node; the first of them is free to choose, because a pod satisfies its own affinity when there is no other.
 */
function togetherOn(stores: readonly StoreVolume[]): Record<string, unknown> {
  return {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: storeLabels(stores) }, topologyKey: 'kubernetes.io/hostname' },
      ],
    },
  };
}
