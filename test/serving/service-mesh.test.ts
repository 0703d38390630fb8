import { Size } from 'cdk8s';
import { Accelerator, NetworkPeer, ServiceMesh } from '../../src';
import { VllmServer } from '../../src/constructs/vllm-server';
import { NO_MESH } from '../../src/pod/mesh';
import type { KubeObject } from '../../src/validation/kube-object';
import { the } from '../support/objects';
import { pipelineFor, served, sharedModel } from '../support/servers';

const metadata = (objects: KubeObject[]) => the(objects, 'Deployment').spec.template.metadata;
const policy = (objects: KubeObject[]) => the(objects, 'NetworkPolicy', 'qwen-chat-server').spec;
const tcp = (...ports: number[]) => ports.map((port) => ({ protocol: 'TCP', port }));
const namespace = (name: string) => NetworkPeer.namespace(name)._peer;

const WEB = [NetworkPeer.namespace('web')];

describe('a server', () => {
  test('is in no mesh unless it says so, and then in that one alone', () => {
    expect(metadata(served())).toMatchObject(NO_MESH);
    const members = [
      [ServiceMesh.istioSidecar(), 'sidecar.istio.io/inject', 'true'],
      [ServiceMesh.istioAmbient(), 'istio.io/dataplane-mode', 'ambient'],
      [ServiceMesh.linkerd(), 'linkerd.io/inject', 'enabled'],
    ] as const;
    for (const [mesh, name, value] of members) {
      // The rules that `synth` runs are kept, too.
      const { labels, annotations } = metadata(served({ mesh }));
      expect({ ...labels, ...annotations }).toMatchObject({
        ...NO_MESH.labels,
        ...NO_MESH.annotations,
        [name]: value,
      });
    }
  });

  test('with the proxy of Istio lets answers end, and its proxy asks the control plane', () => {
    const objects = served({ mesh: ServiceMesh.istioSidecar({ namespace: 'mesh' }), allowFrom: WEB });
    expect(JSON.parse(metadata(objects).annotations['proxy.istio.io/config'] as string)).toEqual({
      proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' },
    });
    const { ingress, egress } = policy(objects);
    expect(ingress).toEqual([{ from: [namespace('web')], ports: tcp(8000, 15008) }]);
    expect(egress[0].ports).toContainEqual({ protocol: 'UDP', port: 53 });
    expect(egress[1]).toEqual({ to: [namespace('mesh')], ports: tcp(15012) });
  });

  test("in Istio's ambient mode is probed from an address of its own, and reaches others by the tunnel", () => {
    const objects = served({
      mesh: ServiceMesh.istioAmbient(),
      allowFrom: WEB,
      reaches: [{ peers: [NetworkPeer.namespace('other')], ports: [9000] }],
    });
    const { ingress, egress } = policy(objects);
    expect(ingress).toEqual([
      { from: [namespace('web')], ports: tcp(8000, 15008) },
      {
        from: [
          { ipBlock: { cidr: '169.254.7.127/32' } },
          { ipBlock: { cidr: 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128' } },
        ],
      },
    ]);
    expect(egress[1]).toEqual({ to: [namespace('other')], ports: tcp(9000, 15008) });
  });

  test('with the proxy of Linkerd has one that ends after it', () => {
    const objects = served({ mesh: ServiceMesh.linkerd(), allowFrom: WEB });
    expect(metadata(objects).annotations).toMatchObject({
      'config.beta.linkerd.io/proxy-enable-native-sidecar': 'true',
    });
    const { ingress, egress } = policy(objects);
    expect(ingress).toEqual([{ from: [namespace('web')], ports: tcp(8000, 4143) }]);
    expect(egress[1]).toEqual({ to: [namespace('linkerd')], ports: tcp(8080, 8086, 8090) });
  });

  test('lets in nobody more by the port of the mesh', () => {
    const { ingress } = policy(served({ mesh: ServiceMesh.linkerd(), allowFrom: [] }));
    expect(ingress).toEqual([]);
  });
});

describe('refused are', () => {
  test.each<[string, () => unknown, string]>([
    [
      'what is no mesh',
      () => served({ mesh: 'istio' as never }),
      "'mesh' is 'a string'; allowed: a ServiceMesh",
    ],
    ['no options', () => ServiceMesh.linkerd(null as never), "ServiceMesh.linkerd: 'props' is null"],
    [
      'a namespace that is none',
      () => ServiceMesh.istioSidecar({ namespace: 'Istio' }),
      "ServiceMesh.istioSidecar: 'namespace' is 'Istio'",
    ],
    [
      "the proxy's own user",
      () => served({ mesh: ServiceMesh.istioSidecar(), runAsUser: 1337 }),
      "'runAsUser' is 1337; allowed: another user",
    ],
    [
      'Linkerd on Kubernetes 1.28, which has no native sidecars',
      () => served({ mesh: ServiceMesh.linkerd() }, '1.28'),
      "'mesh' is 'Linkerd'; allowed: ServiceMesh.istioAmbient() or ServiceMesh.istioSidecar(): the version is Kubernetes 1.28",
    ],
  ])('%s', (_, make, message) => expect(make).toThrow(message));

  test('the pods of a copy on several nodes', () => {
    const pipeline = pipelineFor();
    expect(
      () =>
        new VllmServer(pipeline.serve, 'chat', {
          model: sharedModel(pipeline),
          nodes: 2,
          pipelineParallel: 2,
          accelerator: Accelerator.nvidia({ memory: Size.gibibytes(80) }),
          mesh: ServiceMesh.istioAmbient(),
        }),
    ).toThrow("'mesh' is 'given'; allowed: nothing for a server whose copies are several pods");
  });
});
