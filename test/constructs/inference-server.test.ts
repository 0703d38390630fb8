import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ModelSource, ModelStore, NetworkPeer, PhasedApp, Pipeline } from '../../src';
import { InferenceServer } from '../../src/constructs/inference-server';
import type { InferenceServerProps } from '../../src/constructs/inference-server-props';
import { Accelerator } from '../../src/pod/accelerator/accelerator';
import { Scaling } from '../../src/serving/scaling';
import { ServerProbe } from '../../src/serving/server-probe';
import type { KubeObject } from '../../src/validation/kube-object';
import { cache, claim, sharedClaim, source, UNKNOWN } from '../support/models';
import { argument, container, ofKind, podSpec, the, Untyped } from '../support/objects';
import {
  checkedObjects,
  ENGINE,
  inferenceServer,
  pipelineFor,
  served,
  sharedModel,
} from '../support/servers';

const deployment = (objects: KubeObject[]) => the(objects, 'Deployment', 'qwen-chat');
const engine = (objects: KubeObject[]) => container(deployment(objects), 'acme');
const guard = (objects: KubeObject[]) => container(deployment(objects), 'await-model');

type Props = Partial<InferenceServerProps> | ((pipeline: Pipeline) => Partial<InferenceServerProps>);

/** Refusals: what is given, and what is said of it. */
function refuses(cases: [string, Props, RegExp][]): void {
  test.each(cases)('refuses %s', (_, props, message) => {
    expect(() => served(props)).toThrow(message);
  });
}

/** A variable of the engine. */
function variable(objects: KubeObject[], name: string): Untyped {
  return engine(objects).env.find((each: { name: string }) => each.name === name);
}

describe('what it is', () => {
  test('a Service with the name and the address that the construct tells', () => {
    const pipeline = pipelineFor();
    const server = inferenceServer(pipeline.serve, { model: sharedModel(pipeline), port: 9000 });
    expect([server.serviceName, server.endpoint]).toEqual(['qwen-chat', 'http://qwen-chat.llm.svc:9000']);
    the(checkedObjects(pipeline), 'Service', server.serviceName);
  });

  test('the program of the image in exec form', () => {
    const objects = served({ args: ['--a', 'b c'] });
    expect(engine(objects)).toMatchObject({
      image: 'registry.example.com/acme:v1.2.3',
      command: ['acme', 'serve'],
      args: ['--a', 'b c'],
    });
  });

  refuses([
    [
      'no name of an engine',
      { engine: 'SGLang' },
      /'engine' is 'SGLang'; allowed: what a container can be called/,
    ],
    ['the name of the guard', { engine: 'await-model' }, /'engine' is 'await-model'/],
    ['an image without a version', { image: 'acme' }, /'image' is 'acme'; allowed: an image pinned/],
    ['no command', { command: [] }, /'command' is \[\]; allowed: a list of one text or more/],
    ['a command line', { command: 'acme serve' as unknown as string[] }, /'command' is 'acme serve'/],
    ['arguments that are no texts', { args: [1] as unknown as string[] }, /'args' is \[1\]/],
    ['a construct in place of its artifact', (p) => ({ model: cache(p.download) as never }), /'model' is/],
  ]);
});

describe('artifacts', () => {
  const KEY = /^[0-9a-f]+$/;

  test('the folder of the model is in a variable, and arguments can name it', () => {
    const objects = served({
      args: ['--model=$(MODEL_DIR)', '$$(MODEL_DIR)', '--home=$(HOME)', '--x=$(X)'],
      env: { X: '1' },
    });
    expect(variable(objects, 'MODEL_DIR').value).toMatch(/^\/models\/qwen--qwen3-1.7b-[0-9a-f]+$/);
    expect(argument(guard(objects), 'dir')).toEqual([variable(objects, 'MODEL_DIR').value]);
    expect(deployment(objects).metadata.annotations).toMatchObject({
      'cdk8s-llm/needs-artifact': expect.stringMatching(KEY),
      'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
    });
  });

  test('several of one store are in one volume, with one guard for all', () => {
    const objects = served((pipeline) => {
      const store = sharedClaim();
      const draft = cache(pipeline.download, { source: source('Qwen/Qwen3-0.6B'), store }, 'draft').artifact;
      return {
        model: cache(pipeline.download, { store }).artifact,
        artifacts: [{ name: 'draft', artifact: draft }],
      };
    });
    const { volumes } = podSpec(deployment(objects));
    expect(volumes.filter((v: Untyped) => v.persistentVolumeClaim)).toHaveLength(1);
    expect(argument(guard(objects), 'key')).toHaveLength(2);
    expect(argument(guard(objects), 'dir')).toEqual([
      variable(objects, 'MODEL_DIR').value,
      variable(objects, 'DRAFT_DIR').value,
    ]);
    const { annotations = {} } = deployment(objects).metadata;
    expect(annotations['cdk8s-llm/needs-artifact'].split(' ')).toEqual(argument(guard(objects), 'key'));
    expect(annotations['cdk8s-llm/also-serves']).toMatch(
      /^draft: hf:\/\/Qwen\/Qwen3-0.6B@[0-9a-f]{40}, key [0-9a-f]+$/,
    );
  });

  test('of several stores each has its own volume', () => {
    const objects = served((pipeline) => ({
      artifacts: [
        {
          name: 'adapter-legal',
          artifact: cache(pipeline.download, { source: source(UNKNOWN), store: sharedClaim() }, 'legal')
            .artifact,
        },
      ],
    }));
    const { volumes } = podSpec(deployment(objects));
    const claims = volumes.filter((v: Untyped) => v.persistentVolumeClaim).map((v: Untyped) => v.name);
    expect(claims).toEqual(['models', 'models-1']);
    expect(variable(objects, 'ADAPTER_LEGAL_DIR').value).toMatch(/^\/models-1\//);
    for (const each of [engine(objects), guard(objects)]) {
      expect(each.volumeMounts).toEqual(
        expect.arrayContaining([
          { name: 'models', mountPath: '/models', readOnly: true },
          { name: 'models-1', mountPath: '/models-1', readOnly: true },
        ]),
      );
    }
  });

  test('one can be mounted where the image looks for it', () => {
    const objects = served({ modelMountPath: '/opt/ml/model' });
    const folder = argument(guard(objects), 'dir')[0].replace('/models/', '');
    expect(variable(objects, 'MODEL_DIR').value).toBe('/opt/ml/model');
    expect(engine(objects).volumeMounts).toEqual(
      expect.arrayContaining([
        { name: 'models', mountPath: '/opt/ml/model', subPath: folder, readOnly: true },
      ]),
    );
    expect(engine(objects).volumeMounts.map((m: Untyped) => m.mountPath)).not.toContain('/models');
  });

  test('in images are mounted by the kubelet, and nobody waits for them', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const image = (name: string) => ModelSource.oci(`registry.example.com/${name}@${digest}`);
    const objects = served((pipeline) => {
      const store = ModelStore.imageVolume();
      const cached = (name: string) =>
        cache(pipeline.download, { source: image(name), store }, name).artifact;
      return {
        model: cached('main'),
        artifacts: [
          { name: 'draft', artifact: cached('draft') },
          { name: 'vision', artifact: cached('vision'), mountPath: '/vision' },
        ],
      };
    }, '1.35');
    const spec = podSpec(deployment(objects));
    expect(spec.initContainers).toBeUndefined();
    expect(ofKind(objects, 'ConfigMap')).toEqual([]);
    expect(spec.volumes.filter((v: Untyped) => v.image).map((v: Untyped) => v.name)).toEqual([
      'models',
      'models-1',
      'models-2',
    ]);
    expect(variable(objects, 'DRAFT_DIR').value).toMatch(/^\/models-1\//);
    expect(variable(objects, 'VISION_DIR').value).toBe('/vision');
    const mounts = engine(objects).volumeMounts.map((m: Untyped) => m.mountPath);
    expect(mounts).toEqual(expect.arrayContaining([variable(objects, 'MODEL_DIR').value, '/vision']));
  });

  test('in two claims of one node each are refused, as the pods might never start', () => {
    expect(() =>
      served((pipeline) => ({
        model: cache(pipeline.download, { store: claim() }).artifact,
        artifacts: [
          {
            name: 'draft',
            artifact: cache(pipeline.download, { source: source(UNKNOWN), store: claim() }, 'draft').artifact,
          },
        ],
      })),
    ).toThrow(/'store' is 'claim qwen-draft, which one node at a time can mount'/);
  });

  const second = (name: string, mountPath?: string) => (pipeline: Pipeline) => {
    const model = sharedModel(pipeline);
    return { model, artifacts: [{ name, artifact: model, mountPath }] };
  };

  refuses([
    [
      'a variable that there is not',
      { args: ['$(MODEL)'] },
      /'args' is '\$\(MODEL\)'; allowed: \$\(MODEL_DIR\), .*\$\$\(MODEL\)/,
    ],
    ['one in the command', { command: ['acme', '--key=$(KEY)'] }, /'command' is '\$\(KEY\)'/],
    ['an artifact named model', second('model'), /'artifacts\[0\].name' is 'model'/],
    ['an artifact that cannot be a variable', second('Draft 1'), /'artifacts\[0\].name' is 'Draft 1'/],
    [
      'a folder that is none',
      second('draft', 'models/draft'),
      /'artifacts\[0\].mountPath' is 'models\/draft'/,
    ],
    [
      'a folder within that of a store',
      second('draft', '/models/draft'),
      /allowed: a folder of its own, outside/,
    ],
    [
      'a folder twice',
      (p) => ({ ...second('draft', '/m')(p), modelMountPath: '/m' }),
      /'artifacts\[0\].mountPath' is '\/m'/,
    ],
    ['a folder above', { modelMountPath: '/a/../b' }, /'modelMountPath' is '\/a\/..\/b'/],
  ]);
});

describe('ports', () => {
  const ports = [
    { name: 'grpc', containerPort: 8001, servicePort: 8001, appProtocol: 'grpc' },
    { name: 'metrics', containerPort: 8002 },
  ];

  test('those with a port of the Service are open to clients, and metrics to who watches', () => {
    const objects = served({ ports, metrics: { port: 'metrics', waiting: 'acme:waiting' } });
    expect(the(objects, 'Service', 'qwen-chat').spec.ports).toEqual([
      { name: 'http', port: 8080, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
      { name: 'grpc', port: 8001, targetPort: 'grpc', protocol: 'TCP', appProtocol: 'grpc' },
    ]);
    expect(engine(objects).ports.map((p: Untyped) => [p.name, p.containerPort])).toEqual([
      ['http', 8000],
      ['grpc', 8001],
      ['metrics', 8002],
    ]);
    const { ingress } = the(objects, 'NetworkPolicy', 'qwen-chat-server').spec;
    expect(ingress).toHaveLength(1);
    expect(ingress[0].ports.map((p: Untyped) => p.port)).toEqual([8000, 8001]);
  });

  test('the metrics are told to what is attached, with their path and port', () => {
    const pipeline = pipelineFor();
    const { _target } = inferenceServer(pipeline.serve, {
      model: sharedModel(pipeline),
      ports,
      metrics: { port: 'metrics', waiting: 'acme:waiting', modelLabel: 'model' },
      modelNames: ['qwen3'],
    });
    expect(_target).toMatchObject({
      engine: 'acme',
      metrics: { path: '/metrics', port: 'metrics', waiting: 'acme:waiting', modelLabel: 'model' },
      modelNames: ['qwen3'],
    });
  });

  refuses([
    ['one below 1024', { containerPort: 80 }, /'containerPort' is 80; allowed: 1024 to 65535/],
    [
      'another below 1024',
      { ports: [{ name: 'grpc', containerPort: 1 }] },
      /'ports\[0\].containerPort' is 1/,
    ],
    ['a second http', { ports: [{ name: 'http', containerPort: 8001 }] }, /'ports\[0\].name' is 'http'/],
    ['a long name', { ports: [{ name: 'a-much-too-long-name', containerPort: 8001 }] }, /at most 15/],
    [
      'a number twice',
      { ports: [{ name: 'grpc', containerPort: 8000 }] },
      /'ports\[0\].containerPort' is 8000; allowed: a port of its own/,
    ],
    [
      'the port of the Service twice',
      { ports: [{ name: 'grpc', containerPort: 8001, servicePort: 8080 }] },
      /'ports\[0\].servicePort' is 8080/,
    ],
    [
      'a protocol of no Service',
      { ports: [{ name: 'grpc', containerPort: 8001, appProtocol: 'grpc' }] },
      /'ports\[0\].appProtocol' is 'grpc'; allowed: nothing/,
    ],
    ['metrics at no port', { metrics: { port: 'metrics' } }, /'metrics.port' is 'metrics'; allowed: http/],
    ['metrics at no path', { metrics: { path: 'metrics' } }, /'metrics.path' is 'metrics'/],
    ['a metric that is none', { metrics: { running: 'sum(x)' } }, /'metrics.running' is 'sum\(x\)'/],
  ]);
});

describe('probes', () => {
  const probes = (props: Props) => {
    const { startupProbe, readinessProbe, livenessProbe } = engine(served(props));
    return { startupProbe, readinessProbe, livenessProbe };
  };

  test('all ask as readiness does, and liveness is patient', () => {
    const httpGet = { path: '/health', port: 'http' };
    expect(probes({})).toEqual({
      startupProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 76 },
      readinessProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
      livenessProbe: { httpGet, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 12 },
    });
  });

  test('each in its own way', () => {
    const seconds = (amount: number) => Duration.seconds(amount);
    const ports = [{ name: 'grpc', containerPort: 8001 }];
    expect(
      probes({
        ports,
        readiness: ServerProbe.grpc('', {
          port: 'grpc',
          period: seconds(3),
          timeout: seconds(2),
          failures: 5,
        }),
        liveness: ServerProbe.exec(['acme', 'ping'], { failures: 4 }),
        startup: ServerProbe.tcp({ period: seconds(5) }),
      }),
    ).toEqual({
      readinessProbe: { grpc: { port: 8001 }, periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 5 },
      livenessProbe: {
        exec: { command: ['acme', 'ping'] },
        periodSeconds: 10,
        timeoutSeconds: 5,
        failureThreshold: 4,
      },
      startupProbe: {
        tcpSocket: { port: 'http' },
        periodSeconds: 5,
        timeoutSeconds: 5,
        failureThreshold: 152,
      },
    });
    expect(
      probes({ ports, readiness: ServerProbe.grpc('acme.v1', { port: 'grpc' }) }).readinessProbe.grpc,
    ).toEqual({
      port: 8001,
      service: 'acme.v1',
    });
  });

  test.each<[Props, string]>([
    [{}, '/health'],
    [{ healthPath: '/ready' }, '/ready'],
    [{ readiness: ServerProbe.tcp() }, '/'],
  ])('of %j the health path is %s', (props, path) => {
    const pipeline = pipelineFor();
    const server = inferenceServer(pipeline.serve, { model: sharedModel(pipeline), ...props });
    expect(server._target.healthPath).toBe(path);
  });

  refuses([
    ['none', { readiness: undefined }, /'readiness' is nothing; allowed: a ServerProbe/],
    ['a path in its place', { readiness: '/health' as never }, /'readiness' is 'a string'/],
    [
      'a port that there is not',
      { readiness: ServerProbe.http('/x', { port: 'grpc' }) },
      /'readiness.port' is 'grpc'; allowed: http/,
    ],
    [
      'liveness that fails at once',
      { liveness: ServerProbe.tcp({ failures: 1 }) },
      /'liveness.failures' is 1; allowed: 2 or more/,
    ],
    [
      'failures of the start',
      { startup: ServerProbe.tcp({ failures: 9 }) },
      /'startup.failures' is 9; allowed: nothing/,
    ],
    ['a health path that is none', { healthPath: 'health' }, /'healthPath' is 'health'/],
  ]);

  test.each<[() => ServerProbe, RegExp]>([
    [() => ServerProbe.http('health'), /ServerProbe.http: 'path' is 'health'/],
    [() => ServerProbe.exec([]), /ServerProbe.exec: 'command' is \[\]/],
    [() => ServerProbe.exec(['a'], { port: 'http' }), /'port' is 'http'; allowed: nothing/],
    [() => ServerProbe.tcp({ failures: 0 }), /ServerProbe.tcp: 'failures' is 0/],
    [() => ServerProbe.grpc('', { period: Duration.millis(1500) }), /'period in seconds' is 1.5/],
    [() => ServerProbe.tcp({ timeout: 3 as unknown as Duration }), /'timeout' is 3; allowed: a Duration/],
  ])('refuses %p', (make, message) => expect(make).toThrow(message));
});

describe('what it writes', () => {
  const mounts = (objects: KubeObject[]) =>
    engine(objects)
      .volumeMounts.filter((m: Untyped) => m.name.startsWith('writable'))
      .map((m: Untyped) => m.mountPath);

  test('is in /tmp and HOME, which its variables name', () => {
    const objects = served();
    expect(mounts(objects)).toEqual(['/tmp', '/home/server']);
    expect(variable(objects, 'HOME').value).toBe('/home/server');
    expect(variable(objects, 'HF_HUB_OFFLINE').value).toBe('1');
  });

  test('is where the user says, and counts as ephemeral storage', () => {
    const objects = served({
      writableFolders: { '/tmp': Size.gibibytes(2), '/data': Size.gibibytes(4) },
      env: { HOME: '/data/home' },
      ephemeralStorage: Size.gibibytes(1),
    });
    expect(mounts(objects)).toEqual(['/tmp', '/data']);
    expect(engine(objects).resources.limits['ephemeral-storage']).toBe('7Gi');
    expect(variable(objects, 'HOME').value).toBe('/data/home');
  });

  test('the user decides HOME and whether hubs are asked', () => {
    const objects = served({ env: { HOME: '/home/acme', HF_HUB_OFFLINE: '0' } });
    expect(mounts(objects)).toEqual(['/tmp', '/home/acme']);
    expect(engine(objects).env.filter((e: Untyped) => e.name === 'HF_HUB_OFFLINE')).toEqual([
      { name: 'HF_HUB_OFFLINE', value: '0' },
    ]);
  });

  test('in shared memory counts in its memory', () => {
    const objects = served({ sharedMemory: Size.gibibytes(2) });
    const volume = podSpec(deployment(objects)).volumes.find((v: Untyped) => v.name === 'shm');
    expect(volume.emptyDir).toEqual({ medium: 'Memory', sizeLimit: '2Gi' });
    expect(engine(objects).volumeMounts).toContainEqual({ name: 'shm', mountPath: '/dev/shm' });
    expect(engine(objects).resources.limits.memory).toBe('8Gi');
  });

  test('may have the model in a folder that it writes', () => {
    const objects = served({ modelMountPath: '/tmp/model' });
    expect(mounts(objects)).toContain('/tmp');
    expect(engine(objects).volumeMounts.map((m: Untyped) => m.mountPath)).toContain('/tmp/model');
  });

  const other = (pipeline: Pipeline) =>
    cache(pipeline.download, { source: source(UNKNOWN), store: sharedClaim({ name: 'others' }) }, 'other')
      .artifact;

  refuses([
    [
      'a folder that is none',
      { writableFolders: { data: Size.gibibytes(1) } },
      /'writableFolders' is 'data'; allowed: an absolute path/,
    ],
    [
      'a folder of nothing',
      { writableFolders: { '/data': Size.gibibytes(0) } },
      /'writableFolders.\/data' is '0Ki'/,
    ],
    [
      '/dev/shm by another name',
      { writableFolders: { '/dev/shm': Size.gibibytes(1) } },
      /'writableFolders' is '\/dev\/shm'; allowed: a folder that no other volume/,
    ],
    [
      'a folder in that of the models',
      { writableFolders: { '/models/cache': Size.gibibytes(1) } },
      /'writableFolders' is '\/models\/cache'; allowed: a folder that is not in \/models, which is mounted to be read/,
    ],
    [
      'the folder of the models',
      { writableFolders: { '/models': Size.gibibytes(1) } },
      /'writableFolders' is '\/models'; allowed: a folder that no other volume/,
    ],
    [
      'a path that is not plain',
      { writableFolders: { '/models/./cache': Size.gibibytes(1) } },
      /'writableFolders' is '\/models\/.\/cache'; allowed: an absolute path/,
    ],
    [
      'a folder in that of the model alone',
      { modelMountPath: '/opt/model', writableFolders: { '/opt/model/cache': Size.gibibytes(1) } },
      /'writableFolders' is '\/opt\/model\/cache'; allowed: a folder that is not in \/opt\/model/,
    ],
    [
      'a folder in that of the config files',
      { configFiles: { a: 'b' }, writableFolders: { '/etc/cdk8s-llm/config/b': Size.gibibytes(1) } },
      /'writableFolders' is '\/etc\/cdk8s-llm\/config\/b'; allowed: a folder that is not in/,
    ],
    [
      'a model where it writes',
      { modelMountPath: '/tmp' },
      /'modelMountPath' is '\/tmp'; allowed: a folder that no/,
    ],
    [
      'a HOME in the model',
      { modelMountPath: '/opt/model', env: { HOME: '/opt/model/home' } },
      /'env.HOME' is '\/opt\/model\/home'; allowed: a folder that is not in \/opt\/model/,
    ],
    [
      'a model around what it writes',
      { modelMountPath: '/home' },
      /'modelMountPath' is '\/home'; allowed: a folder that \/home\/server is not in/,
    ],
    [
      'an artifact in another',
      (pipeline) => ({
        model: sharedModel(pipeline),
        modelMountPath: '/opt/model',
        artifacts: [{ name: 'draft', artifact: other(pipeline), mountPath: '/opt/model/draft' }],
      }),
      /'mountPath of draft' is '\/opt\/model\/draft'; allowed: a folder that is not in \/opt\/model/,
    ],
    [
      'no room for its log',
      { ephemeralStorage: Size.mebibytes(1) },
      /'ephemeralStorage' is '1Mi'; allowed: 50Mi or more/,
    ],
    ['shared memory of nothing', { sharedMemory: Size.gibibytes(0) }, /'sharedMemory' is '0Ki'/],
    [
      'all memory shared',
      { sharedMemory: Size.gibibytes(8) },
      /'memory' is '8Gi'; allowed: more than the 8Gi of \/dev\/shm/,
    ],
    ['storage of nothing', { ephemeralStorage: Size.gibibytes(0) }, /'ephemeralStorage' is '0Ki'/],
  ]);
});

describe('what it is given besides', () => {
  test('text files, by a name that follows from them', () => {
    const name = (text: string) =>
      the(served({ configFiles: { 'a.yaml': text } }), 'ConfigMap', /config/).metadata.name;
    expect(name('a: 1')).toMatch(/^qwen-chat-config-[0-9a-f]{8}$/);
    expect(name('a: 1')).not.toBe(name('a: 2'));
    const objects = served({ configFiles: { 'a.yaml': 'a: 1' }, args: ['$(CONFIG_DIR)/a.yaml'] });
    expect(variable(objects, 'CONFIG_DIR').value).toBe('/etc/cdk8s-llm/config');
    expect(engine(objects).volumeMounts).toContainEqual({
      name: 'config',
      mountPath: '/etc/cdk8s-llm/config',
      readOnly: true,
    });
  });

  test('the API key, by reference', () => {
    const pipeline = pipelineFor();
    const server = inferenceServer(pipeline.serve, {
      model: sharedModel(pipeline),
      apiKey: { secret: Secret.fromSecretName(pipeline.serve, 's', 'chat-key'), key: 'key' },
      args: ['--api-key=$(API_KEY)'],
    });
    expect(server._target.apiKey).toEqual({ secret: 'chat-key', key: 'key' });
    const objects = checkedObjects(pipeline);
    expect(variable(objects, 'API_KEY').valueFrom).toEqual({
      secretKeyRef: { name: 'chat-key', key: 'key' },
    });
    expect(deployment(objects).metadata.annotations!['cdk8s-llm/secrets']).toBe(
      'chat-key/key=the API key of qwen-chat',
    );
  });

  test('other ids, with the group that reads the stores', () => {
    const { securityContext } = podSpec(deployment(served({ runAsUser: 1000, runAsGroup: 0 })));
    expect(securityContext).toMatchObject({
      runAsUser: 1000,
      runAsGroup: 0,
      fsGroup: 65532,
      runAsNonRoot: true,
    });
    const group = podSpec(deployment(served({ runAsGroup: 1000 }))).securityContext;
    expect([group.runAsUser, group.runAsGroup]).toEqual([65532, 1000]);
  });

  test('a way to others', () => {
    const objects = served({ reaches: [{ peers: [NetworkPeer.pods({ app: 'decode' })], ports: [8998] }] });
    const { egress } = the(objects, 'NetworkPolicy', 'qwen-chat-server').spec;
    expect(egress).toContainEqual({
      to: [{ podSelector: { matchLabels: { app: 'decode' } } }],
      ports: [{ protocol: 'TCP', port: 8998 }],
    });
    expect(egress.some((rule: Untyped) => rule.ports.some((p: Untyped) => p.port === 53))).toBe(true);
  });

  refuses([
    ['root', { runAsUser: 0 }, /'runAsUser' is 0; allowed: any but root/],
    ['half a user', { runAsUser: 1.5 }, /'runAsUser' is 1.5/],
    ['a group below none', { runAsGroup: -1 }, /'runAsGroup' is -1/],
    ['a file in a folder', { configFiles: { 'a/b': '' } }, /'name in configFiles' is 'a\/b'/],
    ['a file that is no text', { configFiles: { a: {} as string } }, /'configFiles.a' is 'object'/],
    [
      'files that no ConfigMap can hold',
      { configFiles: { a: 'x'.repeat(1024 * 1024 + 1) } },
      /'config' is '1048577 bytes'/,
    ],
    ['a way to nobody', { reaches: [{ peers: [], ports: [80] }] }, /'reaches\[0\].peers' is \[\]/],
    [
      'a way to no port',
      { reaches: [{ peers: [NetworkPeer.sameNamespace()], ports: [] }] },
      /'reaches\[0\].ports' is \[\]/,
    ],
    [
      'the key alone',
      { apiKey: 'abc' as never },
      /'apiKey' is 'a string'; allowed: a Secret and the key in it/,
    ],
    ['no switch', { drains: 'no' as never }, /'drains' is 'no'/],
    ['no time to start', { engineStartup: 5 as never }, /'engineStartup' is 5; allowed: a Duration/],
  ]);
});

describe('the engines of the documentation', () => {
  test('SGLang', () => {
    const objects = served({
      engine: 'sglang',
      image: 'docker.io/lmsysorg/sglang:v0.5.3-cu129',
      command: ['python3', '-m', 'sglang.launch_server'],
      args: [
        '--model-path=$(MODEL_DIR)',
        '--served-model-name=qwen3',
        '--host=0.0.0.0',
        '--port=30000',
        '--enable-metrics',
      ],
      containerPort: 30000,
      readiness: ServerProbe.http('/health', { timeout: Duration.seconds(20) }),
      drains: true,
      modelNames: ['qwen3'],
      metrics: { running: 'sglang:num_running_reqs', waiting: 'sglang:num_queue_reqs' },
      accelerator: Accelerator.nvidia({ count: 1 }),
      sharedMemory: Size.gibibytes(2),
      memory: Size.gibibytes(32),
    });
    expect(container(deployment(objects), 'sglang').resources.limits['nvidia.com/gpu']).toBe('1');
  });

  test('Triton', () => {
    const objects = served({
      engine: 'triton',
      image: 'nvcr.io/nvidia/tritonserver:25.03-py3',
      command: ['tritonserver'],
      args: ['--model-repository=$(MODEL_DIR)', '--exit-timeout-secs=120'],
      containerPort: 8000,
      ports: [
        { name: 'grpc', containerPort: 8001, servicePort: 8001, appProtocol: 'grpc' },
        { name: 'metrics', containerPort: 8002 },
      ],
      readiness: ServerProbe.http('/v2/health/ready'),
      liveness: ServerProbe.http('/v2/health/live'),
      drains: true,
      metrics: { port: 'metrics', waiting: 'nv_inference_pending_request_count' },
      memory: Size.gibibytes(16),
    });
    expect(container(deployment(objects), 'triton').livenessProbe.httpGet.path).toBe('/v2/health/live');
  });
});

test('nothing that it is told is left out: each property changes the objects', () => {
  const seen = new Set([JSON.stringify(served())]);
  const probe = ServerProbe.http('/other');
  const props: Props[] = [
    { engine: 'other' },
    { image: 'registry.example.com/acme:v2' },
    { command: ['other'] },
    { args: ['--x'] },
    { containerPort: 8001 },
    { readiness: probe },
    { liveness: probe },
    { startup: probe },
    { modelMountPath: '/m' },
    { writableFolders: { '/w': Size.gibibytes(1) } },
    { configFiles: { a: 'b' } },
    { sharedMemory: Size.gibibytes(1) },
    { ephemeralStorage: Size.gibibytes(1) },
    { runAsUser: 7 },
    { runAsGroup: 7 },
    { engineStartup: Duration.hours(1) },
    { drains: true },
    { shutdownTimeout: Duration.hours(1) },
    { cpu: '1' },
    { memory: Size.gibibytes(9) },
    { placement: { nodeSelector: { a: 'b' } } },
    { priorityClassName: 'high' },
    { queueName: 'q' },
    { allowFrom: [] },
    { port: 81 },
    { readRate: Size.mebibytes(1) },
    { startupTimeout: Duration.hours(2) },
    { drainTimeout: Duration.hours(2) },
    { writableRoot: true },
    { env: { A: 'b' } },
    { guardImage: 'registry.example.com/python:3.12' },
    { replicas: 2 },
    { accelerator: Accelerator.nvidia({ count: 1 }) },
  ];
  for (const each of props) {
    const text = JSON.stringify(served(each));
    expect([Object.keys(each), seen.has(text)]).toEqual([Object.keys(each), false]);
    seen.add(text);
  }
});

describe('without a model', () => {
  const withoutModel = (props: Partial<InferenceServerProps> = {}) => {
    const pipeline = pipelineFor();
    new InferenceServer(pipeline.serve, 'chat', {
      ...ENGINE,
      readiness: ServerProbe.http('/health'),
      ...props,
    });
    return checkedObjects(pipeline);
  };

  test('a router waits for nothing and mounts nothing of it', () => {
    const objects = withoutModel({ args: ['--port=8000'] });
    const { initContainers, volumes } = podSpec(deployment(objects));
    expect(initContainers).toBeUndefined();
    expect(volumes.map(({ name }: { name: string }) => name)).toEqual(['writable-0', 'writable-1']);
    expect(ofKind(objects, 'ConfigMap')).toEqual([]);
    expect(variable(objects, 'MODEL_DIR')).toBeUndefined();
    expect(Object.keys(deployment(objects).metadata.annotations ?? {})).not.toContain(
      'cdk8s-llm/needs-artifact',
    );
    const { periodSeconds, failureThreshold } = engine(objects).startupProbe;
    expect(periodSeconds * failureThreshold).toBe(600);
  });

  test('the README tells of it', () => {
    const app = new PhasedApp({ outdir: fs.mkdtempSync(path.join(os.tmpdir(), 'router-')) });
    try {
      const { serve } = app.pipeline('front', { namespace: 'llm' });
      new InferenceServer(serve, 'router', { ...ENGINE, readiness: ServerProbe.http('/health') });
      app.synth();
      expect(fs.readFileSync(path.join(app.outdir, 'README.md'), 'utf8')).toContain('front-router');
    } finally {
      fs.rmSync(app.outdir, { recursive: true });
    }
  });

  test.each<[string, Partial<InferenceServerProps>, string]>([
    [
      'where its files are',
      { modelMountPath: '/m' },
      "'modelMountPath' is 'given'; allowed: nothing without",
    ],
    ['other artifacts', { artifacts: [] }, "'artifacts' is 'given'; allowed: nothing without a model"],
    ['how fast it is read', { readRate: Size.gibibytes(1) }, "'readRate' is 'given'; allowed: nothing"],
    ['its folder', { args: ['$(MODEL_DIR)'] }, "'args' is '$(MODEL_DIR)'; allowed: $(HOME)"],
  ])('refuses %s', (_, props, message) => expect(() => withoutModel(props)).toThrow(message));
});

describe('other servers', () => {
  const SELECTOR = { 'app.kubernetes.io/instance': 'qwen-prefill', 'app.kubernetes.io/component': 'server' };

  test('are reached at their pods and ports, and let in those that ask them', () => {
    const pipeline = pipelineFor();
    const model = sharedModel(pipeline);
    const prefill = inferenceServer(pipeline.serve, { model, port: 80, containerPort: 9000 }, 'prefill');
    inferenceServer(pipeline.serve, { model, reaches: [{ server: prefill }] });
    const [dns, egress] = the(checkedObjects(pipeline), 'NetworkPolicy', 'qwen-chat-server').spec.egress;
    expect(dns.ports[0].port).toBe(53);
    expect(egress).toEqual({
      to: [NetworkPeer.server(prefill)._peer],
      ports: [{ protocol: 'TCP', port: 9000 }],
    });
    expect(egress.to[0]).toMatchObject({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'llm' } },
      podSelector: { matchLabels: SELECTOR },
    });
  });

  test('that run when they are asked are reached by what starts them too', () => {
    const pipeline = pipelineFor();
    const model = sharedModel(pipeline);
    const scaling = Scaling.kedaHttp({ max: 2, concurrency: 8 });
    const asleep = inferenceServer(pipeline.serve, { model, scaling }, 'asleep');
    inferenceServer(pipeline.serve, { model, reaches: [{ server: asleep }] });
    const [, ...egress] = the(checkedObjects(pipeline), 'NetworkPolicy', 'qwen-chat-server').spec.egress;
    const { port, namespace } = asleep._target.entrance!;
    expect(egress[1]).toEqual({
      to: [NetworkPeer.namespace(namespace)._peer],
      ports: [{ protocol: 'TCP', port }],
    });
  });

  refuses([
    ['the name of one', { reaches: [{ server: 'prefill' as never }] }, /'reaches\[0\].server' is 'a string'/],
    [
      'a port beside it',
      (p) => {
        const model = sharedModel(p);
        return { model, reaches: [{ server: inferenceServer(p.serve, { model }, 'other'), ports: [1] }] };
      },
      /'reaches\[0\].ports' is 'given'; allowed: nothing, as the server is known/,
    ],
    ['nobody', { reaches: [{}] }, /'reaches\[0\].peers' is nothing; allowed: one or more/],
  ]);
});

describe('plain JavaScript', () => {
  refuses(
    (
      [
        ['ports', 'x', "'ports' is 'a string'; allowed: a list"],
        ['ports', ['x'], "'ports\\[0\\]' is 'a string'; allowed: an object of name"],
        [
          'ports',
          [{ name: 'grpc', port: 9000 }],
          "'name in ports\\[0\\]' is 'port'; allowed: name, containerPort",
        ],
        ['artifacts', 'x', "'artifacts' is 'a string'; allowed: a list"],
        ['ports', [{}], "'ports\\[0\\].name' is nothing; allowed: a name of its own"],
        ['ports', [{ name: true }], "'ports\\[0\\].name' is true; allowed: a name of its own"],
        ['artifacts', [{ name: true }], "'artifacts\\[0\\].name' is true; allowed: a name of its own"],
        ['monitoring', '', "'monitoring' is 'a string'; allowed: what a factory"],
        ['scaling', '', "'scaling' is 'a string'; allowed: what a factory"],
        ['artifacts', [1], "'artifacts\\[0\\]' is 1; allowed: an object"],
        ['modelMountPath', 5, "'modelMountPath' is 5; allowed: an absolute path"],
        ['writableFolders', 'x', "'writableFolders' is 'a string'; allowed: an object"],
        ['writableFolders', { '/x': 5 }, "'writableFolders./x' is 5; allowed: a size"],
        ['configFiles', 'x', "'configFiles' is 'a string'; allowed: an object"],
        ['metrics', 'x', "'metrics' is 'a string'; allowed: an object of path"],
        ['metrics', { queue: 'x' }, "'name in metrics' is 'queue'; allowed: path"],
        ['metrics', { path: 5 }, "'metrics.path' is 5; allowed: a path"],
        ['metrics', { running: 5 }, "'metrics.running' is 5; allowed: the name"],
        ['reaches', 'x', "'reaches' is 'a string'; allowed: a list"],
        ['reaches', [{ peers: 'x', ports: [1] }], "'reaches\\[0\\].peers' is 'a string'; allowed: a list"],
        [
          'reaches',
          [{ peers: ['x'], ports: [1] }],
          "'reaches\\[0\\].peers\\[0\\]' is 'a string'; allowed: a Net",
        ],
        ['readiness', undefined, "'readiness' is nothing; allowed: a ServerProbe"],
        ['readiness', '/health', "'readiness' is 'a string'; allowed: a ServerProbe"],
        ['startup', '/health', "'startup' is 'a string'; allowed: a ServerProbe"],
        ['healthPath', 5, "'healthPath' is 5; allowed: a path"],
        ['env', 'x', "'env' is 'a string'; allowed: an object"],
        ['env', { HOME: 5 }, "'env.HOME' is 5; allowed: a string"],
        ['secretEnv', { A: 'x' }, "'secretEnv.A' is 'a string'; allowed: a Secret"],
        ['apiKey', 'sk-geheim', "'apiKey' is 'a string'; allowed: a Secret"],
        ['apiKey', '', "'apiKey' is 'a string'; allowed: a Secret"],
        ['apiKey', null, "'apiKey' is null; allowed: a value"],
        ['modelNames', 'x', "'modelNames' is 'x'; allowed: a list of texts"],
        ['sharedMemory', 0, "'sharedMemory' is 0; allowed: a size"],
        ['ephemeralStorage', 0, "'ephemeralStorage' is 0; allowed: a size"],
        ['drains', 'no', "'drains' is 'no'; allowed: true or false"],
        ['engineStartup', Duration.millis(1), "'engineStartup in seconds' is 0.001"],
      ] as [string, unknown, string][]
    ).map(([field, value, message]) => [
      `${field}: ${JSON.stringify(value)}`,
      { [field]: value },
      new RegExp(`^qwen/serve/chat: ${message}`),
    ]),
  );
});

test.each<[string, (options: never) => ServerProbe]>([
  ['http', (options) => ServerProbe.http('/health', options)],
  ['tcp', (options) => ServerProbe.tcp(options)],
  ['grpc', (options) => ServerProbe.grpc('', options)],
  ['exec', (options) => ServerProbe.exec(['true'], options)],
])('a probe by %s has no null among its options, and is none', (by, make) => {
  expect(() => make(null as never)).toThrow(`ServerProbe.${by}: 'props' is null; allowed: an object`);
  expect(() => make({ period: null } as never)).toThrow(`ServerProbe.${by}: 'period' is null`);
});

test('a NetworkPeer of a server is that of a server of ours', () => {
  expect(() => NetworkPeer.server('prefill' as never)).toThrow(
    "NetworkPeer.server: 'server' is 'a string'; allowed: a server of this library. Give the construct itself",
  );
});
