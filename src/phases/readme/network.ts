import { selects, type Entry, type Pod } from '../../validation/object-set';
import type { LabelSelector, NetworkPolicySpec } from '../../validation/shapes';
import { code, list, table } from './markdown';
import { podText, type PipelineModel } from './pipeline-model';

interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { cidr: string; except?: string[] };
}

interface Port {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}

/** One direction of a policy. */
interface Direction {
  readonly type: 'Ingress' | 'Egress';
  readonly verb: string;
  readonly nobody: string;
  readonly everybody: string;
  readonly rules: { readonly peers?: Peer[]; readonly ports?: Port[] }[];
}

const DNS_PORT = 53;

const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** The table of what may reach what, in words, from the NetworkPolicies. @internal */
export function networkTable(pipeline: PipelineModel): string {
  const rows = [
    ...pipeline.set.ofKind('NetworkPolicy').flatMap((policy) => policyRows(pipeline, policy)),
    ...openRows(pipeline),
  ];
  return table(['pods of', '', 'whom', 'ports'], rows, 'None.');
}

function policyRows(pipeline: PipelineModel, policy: Entry): string[][] {
  const pods = pipeline.set.selected(policy);
  const spec = policy.spec as NetworkPolicySpec;
  const who = podNames(pods) || `${selectorText(spec.podSelector)} (policy ${code(policy.name)})`;
  return directions(spec).flatMap((direction) => {
    if (direction.rules.length === 0) return [[who, direction.verb, direction.nobody, '']];
    return direction.rules.map(({ peers, ports }) => [
      who,
      direction.verb,
      peers?.length ? peers.map((peer) => peerText(pipeline, policy, peer)).join('; ') : direction.everybody,
      portsText(ports, direction.type === 'Ingress' ? pods : []),
    ]);
  });
}

function directions(spec: NetworkPolicySpec): Direction[] {
  const types = spec.policyTypes ?? ['Ingress', ...(spec.egress ? ['Egress'] : [])];
  const both: Direction[] = [
    {
      type: 'Ingress',
      verb: 'reached by',
      nobody: 'nobody',
      everybody: '**anyone**',
      rules: (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })),
    },
    {
      type: 'Egress',
      verb: 'reach',
      nobody: 'nothing',
      everybody: 'every address',
      rules: (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports })),
    },
  ];
  return both.filter(({ type }) => types.includes(type));
}

/** Pods that no policy closes in a direction. */
function openRows(pipeline: PipelineModel): string[][] {
  return pipeline.set.pods.flatMap((pod) => {
    const closed = pipeline.set
      .selecting('NetworkPolicy', pod)
      .flatMap((policy) => directions(policy.spec as NetworkPolicySpec).map(({ type }) => type));
    return [
      ...(closed.includes('Ingress') ? [] : [[podText(pod), 'reached by', '**anyone**: no policy', 'any']]),
      ...(closed.includes('Egress') ? [] : [[podText(pod), 'reach', '**every address**: no policy', 'any']]),
    ];
  });
}

function peerText(pipeline: PipelineModel, policy: Entry, peer: Peer): string {
  if (peer.ipBlock) {
    const { cidr, except = [] } = peer.ipBlock;
    return code(cidr) + (except.length ? ` except ${except.map(code).join(', ')}` : '');
  }
  if (peer.namespaceSelector) {
    return `${selectorText(peer.podSelector)} of ${namespacesText(peer.namespaceSelector)}`;
  }
  const selector = peer.podSelector;
  const here = isEmpty(selector)
    ? []
    : pipeline.set.pods.filter(
        (pod) => pod.entry.namespace === policy.namespace && selects(selector, pod.labels),
      );
  return podNames(here) || `${selectorText(selector)} of namespace ${code(policy.namespace)}`;
}

function namespacesText(selector: LabelSelector): string {
  const { [NAMESPACE_NAME]: name, ...others } = selector.matchLabels ?? {};
  if (name !== undefined && isEmpty({ ...selector, matchLabels: others })) return `namespace ${code(name)}`;
  return isEmpty(selector) ? 'all namespaces' : `namespaces with ${labelsText(selector)}`;
}

function selectorText(selector: LabelSelector | undefined): string {
  return isEmpty(selector) ? 'all pods' : `pods with ${labelsText(selector)}`;
}

function labelsText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => code(`${key}=${value}`));
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values }) =>
    code(`${key} ${operator}${values ? ` (${values.join(', ')})` : ''}`),
  );
  return [...labels, ...expressions].join(' and ');
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  return !Object.keys(selector?.matchLabels ?? {}).length && !selector?.matchExpressions?.length;
}

/** Ports by number; those that a policy names are looked up in the pods that it selects. */
function portsText(ports: Port[] | undefined, pods: readonly Pod[]): string {
  if (!ports?.length) return 'any';
  const written = ports
    .map(({ protocol = 'TCP', port, endPort }) => {
      if (port === undefined) return `${protocol} any`;
      const number = typeof port === 'string' ? containerPort(pods, port) : port;
      return `${protocol} ${number}${endPort === undefined ? '' : `-${endPort}`}`;
    })
    .join(', ');
  return ports.every(({ port }) => port === DNS_PORT) ? `${written} (DNS)` : written;
}

function containerPort(pods: readonly Pod[], name: string): string {
  const ports = pods.flatMap((pod) => pod.containers.flatMap(({ container }) => container.ports ?? []));
  const found = ports.find((port) => port.name === name);
  return found ? `${found.containerPort} (${name})` : name;
}

function podNames(pods: readonly Pod[]): string {
  return list(pods.map((pod) => podText(pod)));
}
