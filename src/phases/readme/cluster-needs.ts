import { LABEL } from '../../pod/metadata';
import type { Entry, Pod } from '../../validation/object-set';
import { amountCells } from './compute';
import { code, list, table } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';
import { podCount, shareOneNode } from './pod-count';

/** What brings the kinds of an API group into a cluster, with the oldest version that takes what is written. */
const BROUGHT_BY: Record<string, string> = {
  'gateway.networking.k8s.io': 'Gateway API 1.2 or newer, and a controller of its Gateways',
  'inference.networking.k8s.io': 'Gateway API Inference Extension 1.0 or newer, and a gateway that knows it',
  'inference.networking.x-k8s.io': 'Gateway API Inference Extension, and a gateway that knows it',
  'keda.sh': 'KEDA 2.15 or newer',
  'http.keda.sh': "KEDA's HTTP add-on 0.11 or newer",
  // The first that tells each pod its LWS_WORKER_INDEX (kubernetes-sigs/lws#416).
  'leaderworkerset.x-k8s.io': 'LeaderWorkerSet 0.6 or newer',
  'monitoring.coreos.com':
    'the Prometheus operator; for alerts and dashboards kube-state-metrics, the metrics of the kubelets and, for ' +
    'GPUs, the DCGM exporter',
  'traefik.io': 'Traefik 2.10 or newer',
};

/** The meshes, by the label or annotation with which a pod asks to be taken in. */
const MESHES: readonly [name: string, value: string, mesh: string][] = [
  ['sidecar.istio.io/inject', 'true', 'Istio 1.12 or newer, with proxies in pods'],
  ['istio.io/dataplane-mode', 'ambient', 'Istio in ambient mode'],
  ['linkerd.io/inject', 'enabled', 'Linkerd 2.15 or newer'],
];

interface Need {
  /** Markdown. */
  readonly what: string;
  readonly users: Set<string>;
}

/**
 * What no pipeline brings along and no Secret is: controllers with their kinds, classes, queues, device plugins and
 * drivers. Without one the objects are refused, or stay without effect.
 *
 * @internal
 */
export class ClusterNeeds {
  private readonly needs = new Map<string, Need>();

  public add(pipeline: PipelineModel): void {
    for (const entry of pipeline.set.entries) this.addObject(pipeline, entry);
    for (const pod of pipeline.set.pods) {
      this.addPod(pod);
      this.addRoom(pipeline, pod);
    }
  }

  public get size(): number {
    return this.needs.size;
  }

  public table(): string {
    const rows = [...this.needs.values()]
      .sort((a, b) => (a.what < b.what ? -1 : 1))
      .map(({ what, users }) => [what, list([...users])]);
    return table(['what', 'for'], rows, 'None.');
  }

  private addObject(pipeline: PipelineModel, entry: Entry): void {
    const group = entry.object.apiVersion.split('/')[0];
    if (BROUGHT_BY[group]) this.need(BROUGHT_BY[group], entry);
    const queue = entry.labels[LABEL.queue];
    if (queue !== undefined)
      this.need(`Kueue, and its LocalQueue ${code(queue)} in ${code(entry.namespace)}`, entry);
    switch (entry.kind) {
      case 'HTTPRoute':
        return this.addRoute(pipeline, entry);
      case 'InferencePool': {
        const { endpointPickerRef, extensionRef } = entry.spec as PoolSpec;
        const { name } = endpointPickerRef ?? extensionRef ?? {};
        if (name) this.need(`the endpoint picker, Service ${code(name)} in ${code(entry.namespace)}`, entry);
        return;
      }
      case 'Ingress': {
        const { ingressClassName: name } = entry.spec as { ingressClassName?: string };
        const issuer = entry.annotations['cert-manager.io/cluster-issuer'];
        if (issuer) this.need(`cert-manager, and its ClusterIssuer ${code(issuer)}`, entry);
        return this.need(name ? `IngressClass ${code(name)}` : 'a default IngressClass', entry);
      }
      case 'HorizontalPodAutoscaler':
        return this.need(
          'the metrics API that it reads: metrics-server, or an adapter for other metrics',
          entry,
        );
      case 'PersistentVolume': {
        const { csi } = entry.spec as { csi?: { driver: string } };
        if (csi) this.need(`CSI driver ${code(csi.driver)}`, entry);
        return;
      }
      case 'PersistentVolumeClaim':
        return this.addClaim(entry.spec, entry);
      case 'ResourceClaim':
      case 'ResourceClaimTemplate':
        for (const name of deviceClasses(entry))
          this.need(`a DRA driver with DeviceClass ${code(name)}`, entry);
    }
  }

  private addClaim({ storageClassName: name, volumeName, accessModes = [] }: ClaimSpec, user: Entry): void {
    // The empty name is no class: the claim takes a volume that is there.
    if (volumeName !== undefined || name === '') return;
    const shared = accessModes.includes('ReadWriteMany') ? ', whose volumes are ReadWriteMany' : '';
    this.need(`${name ? `StorageClass ${code(name)}` : 'a default StorageClass'}${shared}`, user);
  }

  /** A route leads to a Service of another namespace only where that namespace says so. */
  private addRoute(pipeline: PipelineModel, entry: Entry): void {
    const { parentRefs = [], rules = [] } = entry.spec as RouteSpec;
    const home = entry.namespace || pipeline.namespace;
    for (const { name, namespace = home } of parentRefs) {
      this.need(
        `Gateway ${code(`${namespace}/${name}`)}, which takes routes of namespace ${code(home)}`,
        entry,
      );
    }
    for (const { extensionRef } of rules.flatMap(({ filters = [] }) => filters)) {
      if (!extensionRef || pipeline.set.find(extensionRef.kind, home, extensionRef.name)) continue;
      this.need(`${extensionRef.kind} ${code(`${home}/${extensionRef.name}`)}`, entry);
    }
    for (const { namespace, name } of rules.flatMap(({ backendRefs = [] }) => backendRefs)) {
      if (namespace === undefined || namespace === home) continue;
      this.need(
        `a ReferenceGrant in namespace ${code(namespace)} from HTTPRoutes of ${code(home)} to Service ${code(name)}`,
        entry,
      );
    }
  }

  private addPod({ entry, spec, labels, template }: Pod): void {
    const metadata = { ...labels, ...template.metadata?.annotations };
    for (const [name, value, mesh] of MESHES) if (metadata[name] === value) this.need(mesh, entry);
    const { runtimeClassName, priorityClassName, schedulerName, volumes = [] } = spec as PodNeeds;
    const { initContainers = [], containers = [] } = spec as PodNeeds;
    if (runtimeClassName) this.need(`RuntimeClass ${code(runtimeClassName)}`, entry);
    if (priorityClassName) this.need(`PriorityClass ${code(priorityClassName)}`, entry);
    if (schedulerName) this.need(`scheduler ${code(schedulerName)}`, entry);
    for (const { hostPath, ephemeral } of volumes) {
      if (ephemeral) this.addClaim(ephemeral.volumeClaimTemplate.spec, entry);
      if (!hostPath) continue;
      this.need(
        `namespace ${code(entry.namespace)} of the level \`privileged\` of Pod Security, and folder ` +
          `${code(hostPath.path)} of user and group 65532 on the nodes`,
        entry,
      );
    }
    // What trains is an init container, before the one that publishes the result.
    const all = [...initContainers, ...containers];
    const resources = new Set(all.flatMap(({ resources }) => Object.keys(resources?.limits ?? {})));
    for (const name of resources) {
      // Extended resources alone have a domain.
      if (!name.includes('/')) continue;
      // NCCL and NIXL end without it, and pods have no field for it.
      const locked = name.startsWith('rdma/')
        ? ', whose container runtime is started with `LimitMEMLOCK=infinity`'
        : '';
      this.need(`nodes with ${code(name)}, by the device plugin of their vendor${locked}`, entry);
    }
  }

  /** Nobody but the scheduler knows what is free, and a pod that finds no room waits without an error. */
  private addRoom(pipeline: PipelineModel, pod: Pod): void {
    if (!shareOneNode(pipeline.set, pod)) return;
    const [cpu, memory, devices] = amountCells(pipeline.requests(pod));
    const each = [`${cpu} CPUs`, `${memory} of memory`, ...(devices === '0' ? [] : [devices])].join(', ');
    const { most } = podCount(pipeline.set, pod);
    this.need(
      `one node with room for all pods: ${most ?? 'as many as are started'}, each ${each}`,
      pod.entry,
    );
  }

  private need(what: string, user: Entry): void {
    const need = this.needs.get(what) ?? { what, users: new Set() };
    this.needs.set(what, need);
    need.users.add(entryText(user));
  }
}

interface ClaimSpec {
  readonly storageClassName?: string;
  readonly volumeName?: string;
  readonly accessModes?: string[];
}

interface RouteSpec {
  readonly parentRefs?: { readonly name: string; readonly namespace?: string }[];
  readonly rules?: {
    readonly backendRefs?: { readonly name: string; readonly namespace?: string }[];
    readonly filters?: { readonly extensionRef?: { readonly kind: string; readonly name: string } }[];
  }[];
}

interface PoolSpec {
  readonly endpointPickerRef?: { readonly name?: string };
  readonly extensionRef?: { readonly name?: string };
}

interface PodNeeds {
  readonly runtimeClassName?: string;
  readonly priorityClassName?: string;
  readonly schedulerName?: string;
  readonly volumes?: {
    readonly hostPath?: { readonly path: string };
    readonly ephemeral?: { readonly volumeClaimTemplate: { readonly spec: ClaimSpec } };
  }[];
  readonly initContainers?: ContainerNeeds[];
  readonly containers?: ContainerNeeds[];
}

interface ContainerNeeds {
  readonly resources?: { readonly limits?: Record<string, unknown> };
}

/** The classes that a claim, or a template of claims, asks for; of alternatives all, as each may be chosen. */
function deviceClasses({ kind, spec }: Entry): string[] {
  const { devices } = (kind === 'ResourceClaim' ? spec : (spec as { spec?: unknown }).spec) as {
    devices?: { requests?: DeviceRequest[] };
  };
  const requests = (devices?.requests ?? []).flatMap((request) => [
    request,
    ...(request.exactly ? [request.exactly] : []),
    ...(request.firstAvailable ?? []),
  ]);
  return [...new Set(requests.flatMap(({ deviceClassName }) => deviceClassName ?? []))];
}

interface DeviceRequest {
  readonly deviceClassName?: string;
  readonly exactly?: { readonly deviceClassName?: string };
  readonly firstAvailable?: { readonly deviceClassName?: string }[];
}
