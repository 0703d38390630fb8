import { ANNOTATION, LABEL, MANAGED_BY } from '../pod/metadata';
import { CheckedObject, KubeObject } from './kube-object';
import {
  Container,
  JobSpec,
  LabelSelector,
  LeaderWorkerSetSpec,
  NetworkPolicySpec,
  PodSpec,
  PodTemplate,
  ReplicatedSpec,
  ServiceSpec,
} from './shapes';

/** A container with its place. @internal */
export interface PodContainer {
  readonly container: Container;
  /** `spec.template.spec.containers[0]` */
  readonly field: string;
  /** Whether it runs before the others, beside them all the time (a native sidecar), or is one of them. */
  readonly role: 'init' | 'sidecar' | 'main';
}

/** The pods of an object. @internal */
export interface Pod {
  readonly entry: Entry;
  readonly template: PodTemplate;
  readonly spec: PodSpec;
  readonly labels: Record<string, string>;
  /** `spec.template` */
  readonly field: string;
  readonly containers: readonly PodContainer[];
  /** How many there are; undefined when an autoscaler decides. */
  readonly replicas: number | undefined;
}

const NONE: Record<string, string> = {};

/** Fields that lead to pod templates, by kind. */
const TEMPLATES: Record<string, readonly string[]> = {
  CronJob: ['spec.jobTemplate.spec.template'],
  DaemonSet: ['spec.template'],
  Deployment: ['spec.template'],
  Job: ['spec.template'],
  LeaderWorkerSet: ['spec.leaderWorkerTemplate.leaderTemplate', 'spec.leaderWorkerTemplate.workerTemplate'],
  Pod: [''],
  ReplicaSet: ['spec.template'],
  StatefulSet: ['spec.template'],
};

/** What keeps servers running. @internal */
export const SERVER_KINDS: ReadonlySet<string> = new Set(['Deployment', 'LeaderWorkerSet', 'StatefulSet']);

/** Labels that pods get in the cluster, by which the pods of one workload are told apart. */
const ADDED_LABELS: ReadonlySet<string> = new Set([
  'apps.kubernetes.io/pod-index',
  'statefulset.kubernetes.io/pod-name',
  'leaderworkerset.sigs.k8s.io/group-index',
  'leaderworkerset.sigs.k8s.io/worker-index',
]);

/** The API groups of Kubernetes' own kinds that rules look for. */
const GROUPS: Record<string, string> = {
  ConfigMap: '',
  CronJob: 'batch',
  DaemonSet: 'apps',
  Deployment: 'apps',
  HorizontalPodAutoscaler: 'autoscaling',
  Ingress: 'networking.k8s.io',
  Job: 'batch',
  Namespace: '',
  NetworkPolicy: 'networking.k8s.io',
  PersistentVolume: '',
  PersistentVolumeClaim: '',
  Pod: '',
  PodDisruptionBudget: 'policy',
  ReplicaSet: 'apps',
  ResourceClaim: 'resource.k8s.io',
  ResourceClaimTemplate: 'resource.k8s.io',
  Secret: '',
  Service: '',
  ServiceAccount: '',
  StatefulSet: 'apps',
};

/** The kind; with its group where it is a custom resource whose name is that of a kind of Kubernetes' own. */
function kindOf({ apiVersion, kind }: KubeObject): string {
  const [group] = apiVersion.split('/', 1);
  return group.includes('.') && Object.hasOwn(GROUPS, kind) && GROUPS[kind] !== group
    ? `${kind}.${group}`
    : kind;
}

/** An object of a set. @internal */
export class Entry {
  public readonly object: KubeObject;
  public readonly where: string;
  /** `Service`; `Service.serving.knative.dev` of what is called like a kind of Kubernetes, and is none. */
  public readonly kind: string;
  public readonly name: string;
  public readonly namespace: string;
  public readonly labels: Record<string, string>;
  public readonly annotations: Record<string, string>;
  /** Whether this library wrote it. */
  public readonly ours: boolean;

  constructor({ object, where }: CheckedObject) {
    this.object = object;
    this.where = where;
    this.kind = kindOf(object);
    this.name = object.metadata.name ?? '';
    this.namespace = object.metadata.namespace ?? '';
    this.labels = object.metadata.labels ?? NONE;
    this.annotations = object.metadata.annotations ?? NONE;
    this.ours = this.labels[LABEL.managedBy] === MANAGED_BY;
  }

  /** `Job llm/qwen3-weights-1a2b3c4d` */
  public toString(): string {
    return describeObject(this.object);
  }

  public get spec(): object {
    return (this.object.spec ?? {}) as object;
  }

  /** The sync wave; undefined when there is none, or none that is a number. */
  public get wave(): number | undefined {
    const text = this.annotations[ANNOTATION.syncWave];
    return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
  }
}

/** An object as a message names it: `Job llm/qwen3-weights-1a2b3c4d`. @internal */
export function describeObject(object: KubeObject): string {
  const { name, generateName, namespace } = object.metadata ?? {};
  const id = name ?? (generateName === undefined ? '(no name)' : `${String(generateName)}*`);
  return `${object.kind} ${namespace ? `${namespace}/` : ''}${id}`;
}

/** The objects that are checked together, found in the ways that rules look for them. @internal */
export class ObjectSet {
  public readonly pods: readonly Pod[];
  private readonly kinds = new Map<string, Entry[]>();
  private readonly names = new Map<string, Entry>();
  private readonly selections = new Map<string, Selection>();
  private readonly podsByEntry = new Map<Entry, Pod>();
  private claimUsers: Map<string, Pod[]> | undefined;

  /** @param minor the target version: 31 for Kubernetes 1.31 */
  constructor(
    public readonly entries: readonly Entry[],
    public readonly minor: number,
  ) {
    for (const entry of this.entries) {
      push(this.kinds, entry.kind, entry);
      this.names.set(key(entry.kind, entry.namespace, entry.name), entry);
    }
    this.pods = this.entries.flatMap(podsOf);
    for (const pod of this.pods) if (!this.podsByEntry.has(pod.entry)) this.podsByEntry.set(pod.entry, pod);
  }

  public ofKind(kind: string): readonly Entry[] {
    return this.kinds.get(kind) ?? [];
  }

  /** The object of that kind and name in a namespace. */
  public find(kind: string, namespace: string, name: string): Entry | undefined {
    return this.names.get(key(kind, namespace, name));
  }

  /** The pods that an object makes; of a LeaderWorkerSet the leaders. */
  public podOf(entry: Entry): Pod | undefined {
    return this.podsByEntry.get(entry);
  }

  /** The NetworkPolicies, PodDisruptionBudgets or Services that select a pod. */
  public selecting(kind: SelectingKind, pod: Pod): readonly Entry[] {
    return this.selection(kind).selectors.get(pod) ?? [];
  }

  /** The pods that a NetworkPolicy, PodDisruptionBudget or Service selects. */
  public selected(entry: Entry): readonly Pod[] {
    return this.selection(entry.kind as SelectingKind).pods.get(entry) ?? [];
  }

  /** The pods that mount a claim. */
  public usersOf(namespace: string, claim: string): readonly Pod[] {
    this.claimUsers ??= this.findClaimUsers();
    return this.claimUsers.get(`${namespace}/${claim}`) ?? [];
  }

  private findClaimUsers(): Map<string, Pod[]> {
    const users = new Map<string, Pod[]>();
    for (const pod of this.pods) {
      for (const claim of claimsOf(pod)) push(users, `${pod.entry.namespace}/${claim}`, pod);
    }
    return users;
  }

  private selection(kind: SelectingKind): Selection {
    let selection = this.selections.get(kind);
    if (!selection) {
      selection = select(this.ofKind(kind), this.pods);
      this.selections.set(kind, selection);
    }
    return selection;
  }
}

/** The names of the claims that a pod mounts. @internal */
export function claimsOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []);
}

/** The names of the ConfigMaps that a pod mounts, or has in its environment. @internal */
export function configMapsOf({ spec, containers }: Pod): string[] {
  const sources = [
    ...(spec.volumes ?? []).flatMap(({ configMap, projected }) => [
      configMap,
      ...(projected?.sources ?? []).map((source) => source.configMap),
    ]),
    ...containers.flatMap(({ container }) => [
      ...(container.envFrom ?? []).map(({ configMapRef }) => configMapRef),
      ...(container.env ?? []).map(({ valueFrom }) => valueFrom?.configMapKeyRef),
    ]),
  ];
  return sources.flatMap((source) => source?.name ?? []);
}

/**
 * Whether something asks the pods. Those of ours that declare no port are members of a group, whose leader answers
 * for them; what others wrote may listen at ports that it does not declare.
 *
 * @internal
 */
export function isAsked(pod: Pod): boolean {
  return !pod.entry.ours || pod.containers.some(({ container }) => container.ports?.length);
}

/** Kinds that select pods. */
type SelectingKind = 'NetworkPolicy' | 'PodDisruptionBudget' | 'Service';

/** Which objects of a kind select which pods. */
interface Selection {
  readonly pods: Map<Entry, Pod[]>;
  readonly selectors: Map<Pod, Entry[]>;
}

/**
 * Finds what selects what. A thousand pipelines may share a namespace, so selectors are not tried one by one:
 * each waits under one of its labels until a pod comes that has it.
 */
function select(entries: readonly Entry[], pods: readonly Pod[]): Selection {
  const selection: Selection = { pods: new Map(), selectors: new Map() };
  const waiting = new Map<string, { entry: Entry; selector: LabelSelector }[]>();
  for (const entry of entries) {
    const selector = selectorOf(entry);
    if (!selector) continue;
    const labels = selector.matchLabels ?? NONE;
    const label = LABEL.instance in labels ? LABEL.instance : Object.keys(labels)[0];
    const place = label === undefined ? '' : `${label}=${labels[label]}`;
    push(waiting, `${entry.namespace} ${place}`, { entry, selector });
  }
  for (const pod of pods) {
    const places = ['', ...Object.entries(pod.labels).map(([label, value]) => `${label}=${value}`)];
    for (const place of places) {
      for (const { entry, selector } of waiting.get(`${pod.entry.namespace} ${place}`) ?? []) {
        if (!selects(selector, pod.labels)) continue;
        push(selection.pods, entry, pod);
        push(selection.selectors, pod, entry);
      }
    }
  }
  return selection;
}

/**
 * The pod selector of a NetworkPolicy, PodDisruptionBudget or Service, as far as templates can match it; undefined
 * when it selects nothing.
 */
function selectorOf(entry: Entry): LabelSelector | undefined {
  const selector = writtenSelector(entry);
  const labels = Object.entries(selector?.matchLabels ?? {});
  if (!labels.some(([key]) => ADDED_LABELS.has(key))) return selector;
  return { ...selector, matchLabels: Object.fromEntries(labels.filter(([key]) => !ADDED_LABELS.has(key))) };
}

function writtenSelector(entry: Entry): LabelSelector | undefined {
  if (entry.kind === 'NetworkPolicy') return (entry.spec as NetworkPolicySpec).podSelector ?? {};
  if (entry.kind === 'PodDisruptionBudget') return (entry.spec as { selector?: LabelSelector }).selector;
  const { selector } = entry.spec as ServiceSpec;
  return selector && Object.keys(selector).length > 0 ? { matchLabels: selector } : undefined;
}

function push<K, V>(map: Map<K, V[]>, at: K, value: V): void {
  const values = map.get(at);
  if (values) values.push(value);
  else map.set(at, [value]);
}

function key(kind: string, namespace: string, name: string): string {
  return `${kind} ${namespace}/${name}`;
}

function podsOf(entry: Entry): Pod[] {
  return (TEMPLATES[entry.kind] ?? []).flatMap((field) => podAt(entry, field) ?? []);
}

function podAt(entry: Entry, field: string): Pod | undefined {
  const template = (field === '' ? entry.object : at(entry.object, field)) as PodTemplate | undefined;
  if (!template?.spec?.containers) return undefined;
  const prefix = field === '' ? 'spec' : `${field}.spec`;
  const containers: PodContainer[] = [];
  template.spec.initContainers?.forEach((container, index) => {
    const role = container.restartPolicy === 'Always' ? 'sidecar' : 'init';
    containers.push({ container, field: `${prefix}.initContainers[${index}]`, role });
  });
  template.spec.containers.forEach((container, index) => {
    containers.push({ container, field: `${prefix}.containers[${index}]`, role: 'main' });
  });
  return {
    entry,
    template,
    spec: template.spec,
    labels: template.metadata?.labels ?? NONE,
    field,
    containers,
    replicas: replicasOf(entry, field),
  };
}

function replicasOf(entry: Entry, field: string): number | undefined {
  if (entry.kind === 'LeaderWorkerSet') return membersOf(entry, field);
  if (entry.kind === 'Deployment' || entry.kind === 'StatefulSet' || entry.kind === 'ReplicaSet') {
    return (entry.spec as ReplicatedSpec).replicas;
  }
  return entry.kind === 'DaemonSet' ? undefined : 1;
}

/** The leaders of all groups, or the other members. */
function membersOf(entry: Entry, field: string): number | undefined {
  const { replicas, leaderWorkerTemplate } = entry.spec as LeaderWorkerSetSpec;
  if (replicas === undefined || field.endsWith('leaderTemplate')) return replicas;
  const { size = 1, leaderTemplate } = leaderWorkerTemplate;
  return replicas * (leaderTemplate ? size - 1 : size);
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

/** The field of a pod's spec, in its object: `spec.template.spec.volumes`. @internal */
export function podField(pod: Pod, field: string): string {
  return pod.field === '' ? `spec.${field}` : `${pod.field}.spec.${field}`;
}

/** @internal */
export function jobSpec(entry: Entry): JobSpec {
  return entry.spec as JobSpec;
}

/** Whether a label selector selects labels; an empty one selects all. @internal */
export function selects(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  if (selector?.matchLabels && !includesLabels(labels, selector.matchLabels)) return false;
  return (selector?.matchExpressions ?? []).every(({ key, operator, values }) => {
    const value = labels[key];
    switch (operator) {
      case 'In':
        return value !== undefined && (values ?? []).includes(value);
      case 'NotIn':
        return value === undefined || !(values ?? []).includes(value);
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

/** Whether labels hold all that are wanted. @internal */
export function includesLabels(labels: Record<string, string>, wanted: Record<string, string>): boolean {
  for (const key in wanted) if (labels[key] !== wanted[key]) return false;
  return true;
}
