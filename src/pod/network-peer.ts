/** Who may reach a server, for its NetworkPolicy. */
export class NetworkPeer {
  /** All pods of the server's own namespace. */
  public static sameNamespace(): NetworkPeer {
    return new NetworkPeer({ podSelector: {} });
  }

  /** The pods of the server's own namespace that have these labels. */
  public static pods(labels: { [name: string]: string }): NetworkPeer {
    return new NetworkPeer({ podSelector: { matchLabels: labels } });
  }

  /** All pods of a namespace. */
  public static namespace(name: string): NetworkPeer {
    return new NetworkPeer({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } });
  }

  /** The pods of a namespace that have these labels, for instance a gateway's. */
  public static podsOfNamespace(name: string, labels: { [name: string]: string }): NetworkPeer {
    return new NetworkPeer({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
      podSelector: { matchLabels: labels },
    });
  }

  /** A range of addresses outside the cluster: `10.0.0.0/8`. */
  public static addresses(cidr: string): NetworkPeer {
    return new NetworkPeer({ ipBlock: { cidr } });
  }

  private constructor(
    /** @internal */
    public readonly _peer: Record<string, unknown>,
  ) {}
}
