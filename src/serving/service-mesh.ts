import type { Construct } from 'constructs';
import { checkKind, checkObjectName, checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { hasNativeSidecars, kubernetesVersionOf } from '../pod/kubernetes-version';
import { NO_MESH } from '../pod/mesh';
import type { Opening } from '../pod/network';
import { NetworkPeer } from '../pod/network-peer';
import type { EngineSpec } from './engine-spec';

/** Where the control plane of a mesh is. */
export interface ServiceMeshOptions {
  /**
   * Its namespace, which the proxies of the pods ask.
   *
   * @default 'istio-system', or 'linkerd'
   */
  readonly namespace?: string;
}

/** A mesh, as plain data. @internal */
export interface MeshSpec {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  /** Where the proxy of a pod is asked by those of other pods, whichever port they mean. */
  readonly tunnelPort: number;
  /** Whom the proxy of a pod asks. */
  readonly controlPlane?: { readonly namespace: string; readonly ports: number[] };
  /** Addresses from which the kubelet's probes seem to come. */
  readonly probesFrom?: string[];
  /** The user of the proxy, whose connections it does not take for those of the pod. */
  readonly proxyUser?: number;
  /** Whether the proxy is a native sidecar wherever it is told to be, even where Kubernetes has none. */
  readonly nativeSidecar?: boolean;
}

/**
 * The service mesh that the pods of a server are part of. Its proxies tell who a client is and encrypt what is sent.
 *
 * Who is in no mesh can still ask only where the mesh lets such clients in (Istio's PeerAuthentication `PERMISSIVE`,
 * Linkerd's `all-unauthenticated`): Prometheus, perhaps, and the Job of a smoke test always. And as all that comes from a
 * mesh comes in at one port, a NetworkPolicy no longer tells the ports of a server apart: use the mesh's own policies.
 */
export class ServiceMesh {
  /**
   * Istio with a proxy in each pod. Without Istio's CNI plugin such pods do not pass Pod Security `restricted`. They end
   * when no connection is open any more, or at the end of the grace period. Istio 1.12 or newer. Where the proxy is no
   * native sidecar, as it is not by default before Istio 1.27 and never on Kubernetes 1.28, init containers that need the
   * network fail: the proxy that their connections are led to starts after them.
   *
   * @throws when the namespace cannot be one
   */
  public static istioSidecar(options: ServiceMeshOptions = {}): ServiceMesh {
    const namespace = namespaceOf('ServiceMesh.istioSidecar', options, 'istio-system');
    return new ServiceMesh({
      labels: { ...NO_MESH.labels, 'sidecar.istio.io/inject': 'true' },
      annotations: {
        ...NO_MESH.annotations,
        // Otherwise the proxy ends after 5 seconds, and with it all answers that are being written.
        'proxy.istio.io/config': '{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}',
      },
      // https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
      tunnelPort: 15008,
      controlPlane: { namespace, ports: [15012] },
      proxyUser: 1337,
    });
  }

  /** Istio's ambient mode, whose proxies are on the nodes. */
  public static istioAmbient(): ServiceMesh {
    return new ServiceMesh({
      labels: { ...NO_MESH.labels, 'istio.io/dataplane-mode': 'ambient' },
      annotations: { ...NO_MESH.annotations },
      // https://istio.io/latest/docs/ambient/usage/networkpolicy/
      tunnelPort: 15008,
      probesFrom: ['169.254.7.127/32', 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128'],
    });
  }

  /**
   * Linkerd. Its proxy is a native sidecar, which ends after the server and needs Kubernetes 1.29. Linkerd 2.15 or
   * newer; without its CNI plugin such pods do not pass Pod Security `restricted`.
   *
   * @throws when the namespace cannot be one
   */
  public static linkerd(options: ServiceMeshOptions = {}): ServiceMesh {
    const namespace = namespaceOf('ServiceMesh.linkerd', options, 'linkerd');
    return new ServiceMesh({
      labels: { ...NO_MESH.labels },
      annotations: {
        'linkerd.io/inject': 'enabled',
        // By its name before Linkerd 2.19, and by that of 2.19; newer ones do it anyway.
        'config.alpha.linkerd.io/proxy-enable-native-sidecar': 'true',
        'config.beta.linkerd.io/proxy-enable-native-sidecar': 'true',
      },
      // https://linkerd.io/2/common-errors/network-policy/
      tunnelPort: 4143,
      // Identities, destinations and policies.
      controlPlane: { namespace, ports: [8080, 8086, 8090] },
      proxyUser: 2102,
      nativeSidecar: true,
    });
  }

  private constructor(
    /** @internal */
    public readonly _spec: MeshSpec,
  ) {}
}

function namespaceOf(where: string, options: ServiceMeshOptions, usual: string): string {
  checkProps(where, options);
  return checkObjectName(where, 'namespace', options.namespace ?? usual);
}

/** @throws when it is no mesh, or what a server of several nodes cannot be part of. @internal */
export function resolveMesh(
  scope: Construct,
  mesh: ServiceMesh | undefined,
  { groupedBy, user }: EngineSpec,
): MeshSpec | undefined {
  if (mesh === undefined) return undefined;
  const { _spec: spec } = checkKind(
    scope,
    'mesh',
    mesh,
    ({ _spec }) => typeof _spec?.tunnelPort === 'number',
    {
      allowed: 'a ServiceMesh',
      advice: 'Make one: ServiceMesh.istioAmbient().',
    },
  );
  if (groupedBy !== undefined) {
    throw new InputError(scope, 'mesh', 'given', {
      allowed: 'nothing for a server whose copies are several pods',
      advice: 'The libraries by which they compute together choose ports and protocols that no proxy knows.',
    });
  }
  if (spec.proxyUser !== undefined && user?.user === spec.proxyUser) {
    throw new InputError(scope, 'runAsUser', spec.proxyUser, {
      allowed: 'another user: that is the one of the proxy of the mesh, which lets its connections pass',
    });
  }
  const version = kubernetesVersionOf(scope);
  if (spec.nativeSidecar && !hasNativeSidecars(version)) {
    throw new InputError(scope, 'mesh', 'Linkerd', {
      allowed: `ServiceMesh.istioAmbient() or ServiceMesh.istioSidecar(): the version is Kubernetes ${version}`,
      advice:
        'The proxy of Linkerd would end before the answers that go through it: only a native sidecar does not, which ' +
        'needs Kubernetes 1.29. Or raise kubernetesVersion.',
    });
  }
  return spec;
}

/** What keeps the pods of a server out of all meshes, or has one take them in. @internal */
export function meshMetadata(mesh: MeshSpec | undefined): Pick<MeshSpec, 'labels' | 'annotations'> {
  const { labels, annotations } = mesh ?? NO_MESH;
  return { labels, annotations };
}

/** What the NetworkPolicy of the pods opens for the mesh itself. @internal */
export function openedForMesh(mesh: MeshSpec | undefined): { ingress: Opening[]; egress: Opening[] } {
  const { controlPlane, probesFrom } = mesh ?? {};
  return {
    ingress: probesFrom
      ? [{ peers: probesFrom.map((cidr) => NetworkPeer.addresses(cidr)._peer), ports: [] }]
      : [],
    egress: controlPlane
      ? [{ peers: [NetworkPeer.namespace(controlPlane.namespace)._peer], ports: controlPlane.ports }]
      : [],
  };
}

/**
 * The openings of a NetworkPolicy as the mesh needs them: what is sent between pods of a mesh comes in at the port of
 * its proxy, and the policy sees that port alone.
 *
 * @internal
 */
export function throughMesh(mesh: MeshSpec | undefined, openings: Opening[]): Opening[] {
  if (!mesh) return openings;
  return openings.map(({ peers, ports }) => ({
    peers,
    ports: ports.length ? [...ports, mesh.tunnelPort] : ports,
  }));
}
