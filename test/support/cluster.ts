import type { KubeObject } from '../../src/validation/kube-object';
import { argument, containers, podSpec, Untyped } from './objects';

/** A node, as far as pods choose by it. */
interface Node {
  readonly name: string;
  readonly zone: string;
  readonly labels: Record<string, string>;
  readonly taints: { key: string; value: string; effect: string }[];
}

function node(name: string, zone: string, more: Partial<Node> = {}): Node {
  const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone, ...more.labels };
  return { name, zone, labels, taints: more.taints ?? [] };
}

const GPU_TAINT = { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' };

/** Common ones in two zones, and one with a GPU, which only pods that tolerate its taint may use. */
const NODES = [
  node('node-a', 'a'),
  node('node-b', 'a'),
  node('node-c', 'b'),
  node('gpu-b', 'b', { labels: { gpu: 'a100' }, taints: [GPU_TAINT] }),
];

/** By which pods are let onto the node with the GPU, and brought there. */
export const ON_GPU_NODE = {
  nodeSelector: { gpu: 'a100' },
  tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
};

/** The container by which a pod waits for an artifact. */
export const GUARD = 'await-model';

/** A pod of a workload, as far as it is told from others by where it can run. */
interface Pod {
  readonly of: KubeObject;
  readonly name: string;
  readonly labels: Record<string, string>;
  node?: Node;
  state: 'pending' | 'mounting' | 'waiting' | 'running' | 'done';
}

/**
 * Where the volume of a claim of one node is: for ever on the node where its first pod was; in the zone of that
 * node, attached where its pods are now; or anywhere, attached where its pods are now.
 */
export type Disks = 'local' | 'zonal' | 'network';

/**
 * A cluster as small as it can be to show a deadlock: it schedules pods as Kubernetes does with regard to node
 * selectors, taints, required pod affinity and claims that one node alone can mount, and it runs Jobs and servers which
 * wait for the artifact that their guard names. What can happen next is chosen at random.
 */
export class Cluster {
  private readonly objects: KubeObject[] = [];
  private readonly pods: Pod[] = [];
  /** By claim: the node that its first pod was scheduled to. */
  private readonly volumes = new Map<string, Node>();
  private readonly artifacts = new Set<string>();

  /** @param random gives a number from 0 to 1 */
  constructor(
    private readonly disks: Disks,
    private readonly random: () => number,
  ) {}

  /** Applies objects in any order, while what is there already goes on, until nothing more can happen. */
  public applyInAnyOrder(objects: readonly KubeObject[]): void {
    const left = [...objects];
    for (;;) {
      const possible: (() => unknown)[] = [
        ...left.map((object, index) => () => this.apply(left.splice(index, 1)[0] ?? object)),
        ...this.pods.flatMap((pod) => this.nextOf(pod)),
      ];
      if (possible.length === 0) return;
      this.pick(possible)();
    }
  }

  /** Pods that are neither done nor serving, with what they lack. */
  public stuck(): string[] {
    return this.pods
      .filter(({ state }) => state !== 'done' && state !== 'running')
      .map(({ name, state, node }) => `${name} is ${state}${node ? ` on ${node.name}` : ''}`);
  }

  private apply(object: KubeObject): void {
    this.objects.push(object);
    const { kind, metadata, spec } = object;
    const replicas: number =
      kind === 'Job' ? 1 : kind === 'Deployment' || kind === 'StatefulSet' ? (spec.replicas as number) : 0;
    for (let index = 0; index < replicas; index += 1) {
      const { labels } = spec.template.metadata;
      this.pods.push({ of: object, name: `${metadata.name}-${index}`, labels, state: 'pending' });
    }
  }

  private nextOf(pod: Pod): (() => unknown)[] {
    if (pod.state === 'pending') {
      return this.nodesFor(pod).map((node) => () => this.schedule(pod, node));
    }
    if (pod.state === 'mounting' && this.canMount(pod)) return [() => (pod.state = 'waiting')];
    if (pod.state === 'waiting' && this.canGoOn(pod)) return [() => this.run(pod)];
    return [];
  }

  private schedule(pod: Pod, chosen: Node): void {
    pod.node = chosen;
    pod.state = 'mounting';
    for (const claim of singleNodeClaims(pod, this.objects)) {
      if (!this.volumes.has(claim)) this.volumes.set(claim, chosen);
    }
  }

  /** A disk of the network is attached to one node until the last pod there that mounts it has ended. */
  private canMount(pod: Pod): boolean {
    const claims = singleNodeClaims(pod, this.objects);
    return !this.pods.some(
      (other) =>
        (other.state === 'waiting' || other.state === 'running') &&
        other.node !== pod.node &&
        claimsOf(other).some((claim) => claims.includes(claim)),
    );
  }

  private nodesFor(pod: Pod): Node[] {
    if (!claimsOf(pod).every((claim) => this.has('PersistentVolumeClaim', claim))) return [];
    const bound = singleNodeClaims(pod, this.objects).flatMap((claim) => this.volumes.get(claim) ?? []);
    return this.nodesByAffinity(pod).filter(
      (each) => accepts(each, pod) && bound.every((first) => this.reaches(each, first)),
    );
  }

  /** Whether a disk that was made for a pod on the one node can be used on the other. */
  private reaches(other: Node, first: Node): boolean {
    if (this.disks === 'network') return true;
    return this.disks === 'zonal' ? other.zone === first.zone : other === first;
  }

  /** As the scheduler does: a pod counts if it matches all terms; where none does, a pod may be its own company. */
  private nodesByAffinity(pod: Pod): Node[] {
    const terms: Untyped[] =
      podSpec(pod.of).affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    if (terms.length === 0) return NODES;
    const matches = (other: Pod) =>
      terms.every((term) => selects(term.labelSelector.matchLabels as Record<string, string>, other.labels));
    const company = this.pods.filter((other) => other.node && other.state !== 'done' && matches(other));
    if (company.length > 0) return NODES.filter((each) => company.some((other) => other.node === each));
    return matches(pod) ? NODES : [];
  }

  /** Whether all that the pod mounts is there, and the artifact that it waits for is complete. */
  private canGoOn(pod: Pod): boolean {
    const volumes: Untyped[] = podSpec(pod.of).volumes;
    const programs = volumes.flatMap((volume) => volume.configMap?.name ?? []) as string[];
    const guards = containers(pod.of).filter(({ name }) => name === GUARD);
    return (
      programs.every((name) => this.has('ConfigMap', name)) &&
      guards.every((guard) => argument(guard, 'key').every((key) => this.artifacts.has(key)))
    );
  }

  private run(pod: Pod): void {
    pod.state = pod.of.kind === 'Job' ? 'done' : 'running';
    const made = pod.of.metadata.annotations?.['cdk8s-llm/artifact-key'];
    if (pod.of.kind === 'Job' && made) this.artifacts.add(made);
  }

  private has(kind: string, name: string): boolean {
    return this.objects.some((object) => object.kind === kind && object.metadata.name === name);
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)];
  }
}

function claimsOf(pod: Pod): string[] {
  const volumes: Untyped[] = podSpec(pod.of).volumes;
  return volumes.flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []);
}

/** Whether a node has the labels that a pod wants, and no taint that the pod does not tolerate. */
function accepts({ labels, taints }: Node, pod: Pod): boolean {
  const { nodeSelector = {}, tolerations = [] } = podSpec(pod.of) as {
    nodeSelector?: Record<string, string>;
    tolerations?: { key?: string; operator?: string; value?: string; effect?: string }[];
  };
  const tolerated = (taint: Node['taints'][number]) =>
    tolerations.some(
      ({ key, operator, value, effect }) =>
        (key === undefined || key === taint.key) &&
        (effect === undefined || effect === taint.effect) &&
        (operator === 'Exists' || value === taint.value),
    );
  return selects(nodeSelector, labels) && taints.every(tolerated);
}

function singleNodeClaims(pod: Pod, objects: readonly KubeObject[]): string[] {
  return claimsOf(pod).filter((name) => {
    const claim = objects.find((o) => o.kind === 'PersistentVolumeClaim' && o.metadata.name === name);
    const modes = (claim?.spec.accessModes ?? []) as string[];
    return !modes.includes('ReadWriteMany') && !modes.every((mode) => mode === 'ReadOnlyMany');
  });
}

function selects(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
