import { isIP } from 'node:net';
import { IModelServer, targetOf } from '../serving/model-server';
import { InputError } from './input-error';
import { checkLabels } from './labels';

/** Who may reach a server, or whom it reaches, for its NetworkPolicy. */
export class NetworkPeer {
  /** All pods of the server's own namespace. */
  public static sameNamespace(): NetworkPeer {
    return new NetworkPeer({ podSelector: {} });
  }

  /**
   * The pods of the server's own namespace that have these labels.
   *
   * @throws when there are none, or when a key or value cannot be one
   */
  public static pods(labels: { [name: string]: string }): NetworkPeer {
    return new NetworkPeer({ podSelector: podSelector('NetworkPeer.pods', labels) });
  }

  /**
   * The pods of another server that take requests, whatever namespace it is in: a router lets in nobody else, say.
   *
   * @throws when it is no server of this library
   */
  public static server(server: IModelServer): NetworkPeer {
    const { owner, selector } = targetOf('NetworkPeer.server', 'server', server);
    return new NetworkPeer({
      namespaceSelector: namespaceSelector('NetworkPeer.server', owner.namespace),
      podSelector: { matchLabels: selector },
    });
  }

  /**
   * All pods of a namespace.
   *
   * @throws when the name cannot be one
   */
  public static namespace(name: string): NetworkPeer {
    return new NetworkPeer({ namespaceSelector: namespaceSelector('NetworkPeer.namespace', name) });
  }

  /**
   * The pods of a namespace that have these labels, for instance a gateway's.
   *
   * @throws when the name cannot be one, when there are no labels, or when a key or value cannot be one
   */
  public static podsOfNamespace(name: string, labels: { [name: string]: string }): NetworkPeer {
    const where = 'NetworkPeer.podsOfNamespace';
    return new NetworkPeer({
      namespaceSelector: namespaceSelector(where, name),
      podSelector: podSelector(where, labels),
    });
  }

  /**
   * A range of addresses outside the cluster, IPv4 or IPv6: `10.0.0.0/8`, `fd00::/8`.
   *
   * @throws when it is none
   */
  public static addresses(cidr: string): NetworkPeer {
    const [, address = '', bits = ''] = /^([^/%\s]+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? [];
    const version = isIP(address);
    if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) {
      throw new InputError('NetworkPeer.addresses', 'cidr', cidr, {
        allowed: "an IPv4 or IPv6 address, '/' and the number of its leading bits that count",
        advice: "A single address has all of them: '192.0.2.7/32'.",
      });
    }
    return new NetworkPeer({ ipBlock: { cidr } });
  }

  private constructor(
    /** @internal */
    public readonly _peer: Record<string, unknown>,
  ) {}
}

function podSelector(where: string, labels: { [name: string]: string }): Record<string, unknown> {
  // To Kubernetes, a selector of no labels selects every pod.
  if (typeof labels !== 'object' || labels === null || Object.keys(labels).length === 0) {
    throw new InputError(where, 'labels', labels, {
      allowed: 'one label or more',
      advice: 'All pods of a namespace are NetworkPeer.namespace(name) or NetworkPeer.sameNamespace().',
    });
  }
  return { matchLabels: checkLabels(where, 'labels', labels) };
}

function namespaceSelector(where: string, name: string): Record<string, unknown> {
  if (typeof name !== 'string' || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    throw new InputError(where, 'name', name, {
      allowed: "the name of a namespace: at most 63 lower-case letters, digits and '-'",
    });
  }
  return { matchLabels: { 'kubernetes.io/metadata.name': name } };
}
