import { addObject, Owner, selectorLabels } from './owner';

/** A peer of a NetworkPolicy, or nothing for everyone. */
export type Peer = Record<string, unknown>;

/** One opening: to or from the peers, on the TCP ports. */
export interface Opening {
  /** @default - everyone */
  readonly peers?: Peer[];
  /** TCP ports, by number or name; none stands for all. */
  readonly ports: (number | string)[];
}

/** Names are resolved by whatever DNS server the cluster has, wherever it runs. */
const DNS = {
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

/** What the pods of one component may be asked by, and ask. */
export interface NetworkSpec {
  readonly component: string;
  readonly ingress: Opening[];
  readonly egress: Opening[];
  /** Whether the pods look up names. */
  readonly dns: boolean;
}

/** Closes the pods of one component to all that is not named. */
export function addNetworkPolicy(owner: Owner, spec: NetworkSpec): void {
  addObject(owner, `NetworkPolicy-${spec.component}`, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    name: `${owner.name}-${spec.component}`,
    component: spec.component,
    body: {
      spec: {
        podSelector: { matchLabels: selectorLabels(owner, spec.component) },
        policyTypes: ['Ingress', 'Egress'],
        ingress: rules('from', spec.ingress),
        egress: [...(spec.dns ? [DNS] : []), ...rules('to', spec.egress)],
      },
    },
  });
}

/** The port of a web address. */
export function portOf(address: string): number {
  const url = new URL(address);
  return url.port ? Number(url.port) : url.protocol === 'http:' ? 80 : 443;
}

/** A rule for each opening. One to no peers is none: to Kubernetes, an empty list of peers is everyone. */
function rules(direction: 'from' | 'to', openings: Opening[]): Record<string, unknown>[] {
  return openings
    .filter(({ peers }) => peers?.length !== 0)
    .map(({ peers, ports }) => ({
      ...(peers ? { [direction]: peers } : {}),
      // The API server drops an empty list, and a diff with what is in Git would never end.
      ...(ports.length ? { ports: tcp(ports) } : {}),
    }));
}

function tcp(ports: (number | string)[]): Record<string, unknown>[] {
  return ports.map((port) => ({ protocol: 'TCP', port }));
}
