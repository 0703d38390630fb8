import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { ModelArchitecture, ModelFacts, ModelStore, NetworkPeer, Pipeline } from '../../src';
import type { InferenceServerProps } from '../../src/constructs/inference-server-props';
import { Accelerator } from '../../src/pod/accelerator/accelerator';
import { KUBERNETES_VERSIONS } from '../../src/pod/kubernetes-version';
import { addNetworkPolicy } from '../../src/pod/network';
import type { Monitoring } from '../../src/serving/monitoring';
import type { Route } from '../../src/serving/route';
import type { Scaling } from '../../src/serving/scaling';
import { serverOwner } from '../../src/serving/server-spec';
import { Rollout, ServerProps } from '../../src/serving/server-props';
import type { ServerTarget } from '../../src/serving/server-target';
import type { KubeObject } from '../../src/validation/kube-object';
import { cache, claim, s3, sharedClaim, source, UNKNOWN } from '../support/models';
import {
  container,
  containers,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  the,
  violationsOf,
} from '../support/objects';
import { inferenceServer, pipelineFor, served, sharedModel } from '../support/servers';

/** What all servers do with ServerProps, seen at the plainest of them. */

const deployment = (objects: KubeObject[]) => the(objects, 'Deployment', 'qwen-chat');
const engine = (objects: KubeObject[]) => container(deployment(objects), 'acme');
const policy = (objects: KubeObject[]) => the(objects, 'NetworkPolicy', 'qwen-chat-server');

/** What the server says when it is made with these. */
function refusal(
  props: Partial<InferenceServerProps> | ((pipeline: Pipeline) => Partial<InferenceServerProps>),
) {
  return () => served(props);
}

/** An autoscaler that keeps what it was told, and adds nothing. */
function recordingScaling(maxReplicas: number, peers: NetworkPeer[] = []) {
  const targets: ServerTarget[] = [];
  const scaling = {
    _peers: peers,
    _maxReplicas: maxReplicas,
    _entrance: () => undefined,
    _render: (target: ServerTarget) => targets.push(target),
  } as unknown as Scaling;
  return { scaling, targets };
}

function recordingRoute(peers: NetworkPeer[]) {
  const calls: [ServerTarget, number][] = [];
  const route = {
    _peers: peers,
    _render: (target: ServerTarget, index: number) => calls.push([target, index]),
  } as unknown as Route;
  return { route, calls };
}

function recordingMonitoring(peers: NetworkPeer[]) {
  const targets: ServerTarget[] = [];
  const monitoring = {
    _peers: peers,
    _render: (target: ServerTarget) => targets.push(target),
  } as unknown as Monitoring;
  return { monitoring, targets };
}

const GPU = Accelerator.nvidia({ count: 1 });

describe('for every version of Kubernetes', () => {
  test.each(KUBERNETES_VERSIONS)('%s', (version) => {
    const objects = served(
      (pipeline) => ({
        replicas: 2,
        accelerator: GPU,
        queueName: 'gpus',
        priorityClassName: 'serving',
        sharedMemory: Size.gibibytes(1),
        configFiles: { 'config.yaml': 'a: 1\n' },
        secretEnv: { TOKEN: { secret: Secret.fromSecretName(pipeline.serve, 's', 'tokens'), key: 'token' } },
      }),
      version,
    );
    const { preStop } = engine(objects).lifecycle;
    expect(preStop).toEqual(
      ['1.28', '1.29'].includes(version)
        ? { exec: { command: ['sleep', '125'] } }
        : { sleep: { seconds: 125 } },
    );
  });
});

describe('replicas', () => {
  test('one without a budget', () => {
    const objects = served();
    expect(deployment(objects).spec.replicas).toBe(1);
    expect(ofKind(objects, 'PodDisruptionBudget')).toEqual([]);
    expect(podSpec(deployment(objects)).topologySpreadConstraints).toBeUndefined();
  });

  test('several are spread, and go one by one', () => {
    const objects = served({ replicas: 3 });
    expect(deployment(objects).spec.replicas).toBe(3);
    const { matchLabels } = deployment(objects).spec.selector;
    expect(the(objects, 'PodDisruptionBudget').spec).toEqual({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels },
    });
    expect(podSpec(deployment(objects)).topologySpreadConstraints).toEqual([
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels },
      },
    ]);
  });

  test('are not spread where a claim of one node keeps them together', () => {
    const objects = served(({ download }) => ({
      model: cache(download, { store: claim() }).artifact,
      replicas: 3,
    }));
    const { affinity, topologySpreadConstraints } = podSpec(deployment(objects));
    expect(affinity.podAffinity).toBeDefined();
    expect(topologySpreadConstraints).toBeUndefined();
    expect(the(objects, 'PodDisruptionBudget')).toBeDefined();
  });

  test('are not written where an autoscaler decides, which is told of the server', () => {
    const { scaling, targets } = recordingScaling(4);
    const objects = served({ scaling });
    expect(deployment(objects).spec).not.toHaveProperty('replicas');
    expect(ofKind(objects, 'PodDisruptionBudget')).toHaveLength(1);
    expect(targets).toHaveLength(1);
    expect(targets[0]).toMatchObject({
      workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'qwen-chat' },
      service: { name: 'qwen-chat', port: 8080 },
      container: { name: 'acme', port: 8000 },
      replicas: undefined,
      component: 'server',
      healthPath: '/health',
      claims: ['qwen-weights'],
      drainSeconds: 120,
    });
  });

  test.each<[Partial<ServerProps>, RegExp]>([
    [{ replicas: 0 }, /'replicas' is 0; allowed: a whole number of at least 1/],
    [{ replicas: 1.5 }, /'replicas' is 1.5/],
    [{ replicas: 2, scaling: recordingScaling(2).scaling }, /'replicas' is 2; allowed: nothing, as scaling/],
    [{ scaling: {} as Scaling }, /'scaling' is 'an object of class Object'/],
  ])('refuses %j', (props, message) => expect(refusal(props)).toThrow(message));
});

describe('rollout', () => {
  const RECREATE = { type: 'Recreate' };
  const replace = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } };
  const surge = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  const onOneNode = (pipeline: Pipeline) => ({
    model: cache(pipeline.download, { store: claim() }).artifact,
  });
  const ofFolder = (pipeline: Pipeline) => ({
    model: cache(pipeline.download, {
      store: ModelStore.nodeFolder('/var/lib/models', { hostname: 'big-1' }),
    }).artifact,
  });

  test.each<[string, Parameters<typeof served>[0], object]>([
    ['one copy', {}, surge],
    ['several copies', { replicas: 2 }, surge],
    ['one copy with devices', { accelerator: GPU }, RECREATE],
    ['several copies with devices', { accelerator: GPU, replicas: 2 }, replace],
    [
      'as many as an autoscaler says, with devices',
      { accelerator: GPU, scaling: recordingScaling(2).scaling },
      replace,
    ],
    ['one copy on a claim of one node', onOneNode, RECREATE],
    ['several copies on a claim of one node', (p: Pipeline) => ({ ...onOneNode(p), replicas: 2 }), replace],
    ['one copy of what a node has in a folder', ofFolder, RECREATE],
    ['several copies of that', (p: Pipeline) => ({ ...ofFolder(p), replicas: 2 }), replace],
    [
      'one on that node, and it is said',
      (p: Pipeline) => ({ ...ofFolder(p), rollout: Rollout.SURGE }),
      surge,
    ],
    ['one copy with devices, and it is said', { accelerator: GPU, rollout: Rollout.SURGE }, surge],
    ['one copy, and it is said', { rollout: Rollout.REPLACE }, replace],
  ])('of %s', (_, props, strategy) => {
    expect(deployment(served(props)).spec.strategy).toEqual(strategy);
  });

  test('refuses what there is not', () => {
    expect(refusal({ rollout: 'blue-green' as Rollout })).toThrow(
      /'rollout' is 'blue-green'; allowed: recreate, replace, surge/,
    );
  });
});

describe('start', () => {
  const startup = (props: Parameters<typeof served>[0]) => {
    const objects = served(props);
    const { periodSeconds, failureThreshold } = engine(objects).startupProbe;
    return {
      seconds: periodSeconds * failureThreshold,
      deadline: deployment(objects).spec.progressDeadlineSeconds,
    };
  };

  test('takes the time of the engine, and twice that of reading the model', () => {
    // 4 063 515 640 bytes at 50 MiB/s are 78 s.
    expect(startup({})).toEqual({ seconds: 600 + 160, deadline: 755 + 145 + 3600 + 1 });
    expect(startup({ readRate: Size.mebibytes(500) }).seconds).toBe(620);
    expect(startup({ engineStartup: Duration.minutes(1), readRate: Size.gibibytes(50) }).seconds).toBe(70);
  });

  test('takes what the user says', () => {
    expect(startup({ startupTimeout: Duration.hours(1) }).seconds).toBe(3600);
  });

  test('has half an hour where the size is not known', () => {
    const unknown = (pipeline: Pipeline) => ({
      model: cache(pipeline.download, { source: source(UNKNOWN), store: sharedClaim() }).artifact,
    });
    expect(startup(unknown).seconds).toBe(600 + 1800);
    expect(refusal((p) => ({ ...unknown(p), readRate: Size.mebibytes(1) }))).toThrow(
      /'readRate' is '1Mi'; allowed: nothing, as the size of the model is not known/,
    );
  });

  test('takes that of reading what the facts of the model make likely', () => {
    // Facts without the size of the files: 141.1 GB in 16 bit by the formula, and a tenth, at 50 MiB/s.
    const facts = ModelFacts.of({
      architecture: ModelArchitecture.LLAMA,
      dim: 8192,
      hiddenDim: 28672,
      layers: 80,
      heads: 64,
      kvHeads: 8,
      vocabSize: 128256,
      maxSeqLen: 131072,
    });
    const known = (pipeline: Pipeline) => ({
      model: cache(pipeline.download, {
        source: source(UNKNOWN),
        facts,
        store: sharedClaim(),
      }).artifact,
    });
    const { seconds } = startup(known);
    expect(seconds).toBeGreaterThan(600 + (2 * 141.1e9) / (50 * 1024 ** 2));
    expect(seconds).toBeLessThan(600 + (2.3 * 141.2e9) / (50 * 1024 ** 2));
    expect(startup((p) => ({ ...known(p), readRate: Size.gibibytes(50) })).seconds).toBeLessThan(620);
  });

  test('has half an hour more where the size of another artifact is not known', () => {
    const withAdapter = (pipeline: Pipeline) => ({
      model: sharedModel(pipeline),
      artifacts: [
        {
          name: 'adapter-legal',
          artifact: cache(pipeline.download, { source: source(UNKNOWN), store: sharedClaim() }, 'legal')
            .artifact,
        },
      ],
    });
    expect(startup(withAdapter).seconds).toBe(600 + 160 + 1800);
    expect(startup((p) => ({ ...withAdapter(p), readRate: Size.mebibytes(500) })).seconds).toBe(2420);
  });

  test.each<[Partial<ServerProps>, RegExp]>([
    [{ readRate: Size.mebibytes(0) }, /'readRate'/],
    [{ readRate: 50 as unknown as Size }, /'readRate' is 50; allowed: a size/],
    [{ readRate: Size.mebibytes(1), startupTimeout: Duration.hours(1) }, /nothing, as startupTimeout says/],
    [{ startupTimeout: 60 as unknown as Duration }, /'startupTimeout' is 60; allowed: a Duration/],
    [{ startupTimeout: Duration.seconds(0) }, /'startupTimeout in seconds' is 0/],
  ])('refuses %j', (props, message) => expect(refusal(props)).toThrow(message));
});

describe('end', () => {
  const end = (props: Parameters<typeof served>[0]) => {
    const objects = served(props);
    const grace = podSpec(deployment(objects)).terminationGracePeriodSeconds;
    return [engine(objects).lifecycle.preStop.sleep.seconds, grace];
  };

  test('comes after the drain, by preStop where the engine does not wait itself', () => {
    expect(end({})).toEqual([125, 145]);
    expect(end({ drains: true })).toEqual([5, 145]);
    expect(end({ drainTimeout: Duration.seconds(10), shutdownTimeout: Duration.seconds(30) })).toEqual([
      15, 50,
    ]);
  });

  test.each<[Partial<ServerProps>, RegExp]>([
    [{ drainTimeout: '2m' as unknown as Duration }, /'drainTimeout' is 'a string'; allowed: a Duration/],
    [{ drainTimeout: Duration.seconds(0) }, /'drainTimeout in seconds' is 0/],
  ])('refuses %j', (props, message) => expect(refusal(props)).toThrow(message));
});

describe('resources', () => {
  test('are requested and limited alike', () => {
    const { resources } = engine(served({ cpu: '1.5', memory: Size.gibibytes(3) }));
    expect(resources.requests).toEqual({ cpu: '1.5', memory: '3Gi', 'ephemeral-storage': '2368Mi' });
    expect(resources.limits).toEqual(resources.requests);
  });

  test('with devices, of which requests are limits', () => {
    const { resources } = engine(served({ accelerator: Accelerator.nvidia({ count: 2 }) }));
    expect(resources.requests['nvidia.com/gpu']).toBe('2');
    expect(resources.limits['nvidia.com/gpu']).toBe('2');
  });

  test.each<[Partial<ServerProps>, RegExp]>([
    [{ cpu: 'many' }, /'cpu' is 'many'; allowed: an amount of CPUs/],
    [{ cpu: '0' }, /'cpu' is '0'/],
    [{ memory: Size.mebibytes(0) }, /'memory' is '0Ki'/],
    [{ memory: undefined }, /'memory' is nothing; allowed: an amount/],
    [
      { accelerator: 'nvidia' as unknown as Accelerator },
      /'accelerator' is 'a string'; allowed: an Accelerator/,
    ],
  ])('refuses %j', (props, message) => expect(refusal(props)).toThrow(message));
});

describe('placement', () => {
  test('unites what the user, the devices and the store say', () => {
    const objects = served((pipeline) => ({
      accelerator: GPU,
      placement: { nodeSelector: { zone: 'a' }, tolerations: [{ key: 'mine', operator: 'Exists' }] },
      model: cache(pipeline.download, {
        store: sharedClaim({ placement: { nodeSelector: { disk: 'ssd' } } }),
      }).artifact,
    }));
    const { nodeSelector, tolerations } = podSpec(deployment(objects));
    expect(nodeSelector).toMatchObject({ zone: 'a', disk: 'ssd' });
    expect(tolerations).toEqual(
      expect.arrayContaining([
        { key: 'mine', operator: 'Exists' },
        { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
      ]),
    );
  });

  test('draws pods to the node of their claim, besides the nodes that the devices are on', () => {
    const gpu = Accelerator.nvidia({ count: 1, preferNodes: ['gpu-7'] });
    const { nodeSelector, tolerations } = gpu._spec;
    const objects = served((pipeline) => ({
      accelerator: gpu,
      model: cache(pipeline.download, { store: claim({ placement: { nodeSelector, tolerations } }) })
        .artifact,
    }));
    const { affinity } = podSpec(deployment(objects));
    expect(affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution).toHaveLength(1);
    expect(JSON.stringify(affinity.nodeAffinity)).toContain('gpu-7');
    expect(deployment(objects).spec.template.metadata.labels['claim.cdk8s-llm/qwen-weights']).toBe('mounted');
  });

  test('that no node can have is refused', () => {
    expect(
      refusal((pipeline) => ({
        placement: { nodeSelector: { zone: 'a' } },
        model: cache(pipeline.download, {
          store: sharedClaim({ placement: { nodeSelector: { zone: 'b' } } }),
        }).artifact,
      })),
    ).toThrow(
      /'placement.nodeSelector.zone' is 'a'; allowed: 'b', as the placement of claim qwen-weights says/,
    );
  });
});

describe('names of others', () => {
  test('the queue is named by what runs the pods, the priority by the pods', () => {
    const object = deployment(served({ queueName: 'gpus', priorityClassName: 'serving' }));
    expect(object.metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'gpus' });
    expect(object.spec.template.metadata.labels).not.toHaveProperty('kueue.x-k8s.io/queue-name');
    expect(podSpec(object).priorityClassName).toBe('serving');
  });

  test('images are pulled by Secrets, the guard runs where it is told', () => {
    const objects = served((pipeline) => ({
      imagePullSecrets: [Secret.fromSecretName(pipeline.serve, 'pull', 'registry')],
      guardImage: 'registry.example.com/python:3.13.7',
    }));
    expect(podSpec(deployment(objects)).imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(container(deployment(objects), 'await-model').image).toBe('registry.example.com/python:3.13.7');
  });

  test.each<[Partial<ServerProps>, RegExp]>([
    [{ queueName: '' }, /'queueName' is ''/],
    [{ queueName: 'GPUs' }, /'queueName' is 'GPUs'/],
    [{ queueName: `q${'u'.repeat(64)}` }, /'queueName'/],
    [{ priorityClassName: 'Very High' }, /'priorityClassName' is 'Very High'/],
    [{ guardImage: 'python:latest' }, /'guardImage' is 'python:latest'/],
  ])('refuses %j', (props, message) => expect(refusal(props)).toThrow(message));
});

describe('network', () => {
  const gateway = NetworkPeer.podsOfNamespace('infra', { app: 'gateway' });
  const prometheus = NetworkPeer.namespace('monitoring');

  test('lets in the namespace, and lets nothing out', () => {
    expect(policy(served()).spec).toMatchObject({
      ingress: [{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 8000 }] }],
      egress: [],
    });
  });

  test('lets in gateways, what starts the server, and who watches, each once', () => {
    const { route, calls } = recordingRoute([gateway]);
    const { monitoring, targets } = recordingMonitoring([prometheus]);
    const objects = served({
      allowFrom: [NetworkPeer.pods({ app: 'web' })],
      routes: [route, route],
      scaling: recordingScaling(1, [NetworkPeer.namespace('keda')]).scaling,
      monitoring,
    });
    expect(policy(objects).spec.ingress).toEqual([
      {
        from: [
          { podSelector: { matchLabels: { app: 'web' } } },
          gateway._peer,
          NetworkPeer.namespace('keda')._peer,
        ],
        ports: [{ protocol: 'TCP', port: 8000 }],
      },
      { from: [prometheus._peer], ports: [{ protocol: 'TCP', port: 8000 }] },
    ]);
    expect(calls.map(([target, index]) => [target.owner.name, index])).toEqual([
      ['qwen-chat', 0],
      ['qwen-chat', 1],
    ]);
    expect(targets).toHaveLength(1);
  });

  test('all ports are told by none, as the API server keeps it', () => {
    const scope = plainChart();
    const owner = serverOwner(new Construct(scope, 'chat'), 'acme');
    addNetworkPolicy(owner, {
      component: 'server',
      ingress: [{ peers: [{ podSelector: {} }], ports: [] }],
      egress: [],
      dns: false,
    });
    expect(the(objectsOf(scope), 'NetworkPolicy').spec.ingress).toEqual([{ from: [{ podSelector: {} }] }]);
  });

  test('lets in nobody where nobody is named', () => {
    expect(policy(served({ allowFrom: [] })).spec.ingress).toEqual([]);
  });

  test('the Service has the port that is asked for', () => {
    expect(the(served({ port: 80 }), 'Service', 'qwen-chat').spec.ports).toEqual([
      { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
    ]);
  });

  test.each<[Partial<ServerProps>, RegExp]>([
    [{ port: 0 }, /'port' is 0; allowed: 1 to 65535/],
    [
      { allowFrom: ['everyone' as unknown as NetworkPeer] },
      /'allowFrom\[0\]' is 'a string'; allowed: a NetworkPeer/,
    ],
    [{ routes: [{} as Route] }, /'routes\[0\]' is 'an object of class Object'/],
    [{ monitoring: 'on' as unknown as Monitoring }, /'monitoring' is 'a string'/],
  ])('refuses %j', (props, message) => expect(refusal(props)).toThrow(message));
});

describe('plain JavaScript', () => {
  test.each([
    'apiKey',
    'allowFrom',
    'smokeTest',
    'placement',
    'port',
    'cpu',
    'readRate',
    'drainTimeout',
    'env',
    'secretEnv',
    'imagePullSecrets',
    'guardImage',
    'routes',
    'artifacts',
    'image',
    'modelMountPath',
    'liveness',
    'metrics',
  ])('null is no %s', (field) => {
    expect(refusal({ [field]: null })).toThrow(
      `qwen/serve/chat: '${field}' is null; allowed: a value. Leave it out to have the default.`,
    );
  });

  test('null is nothing within a property either', () => {
    expect(refusal({ env: { A: null as never } })).toThrow("'env.A' is null");
    expect(refusal({ placement: { nodeSelector: null as never } })).toThrow(
      "'placement.nodeSelector' is null",
    );
  });

  test.each<[object, string]>([
    [{ placement: 'gpu' }, "'placement' is 'a string'; allowed: an object of nodeSelector, tolerations"],
    [{ placement: { nodeselector: {} } }, "'name in placement' is 'nodeselector'; allowed: nodeSelector"],
    [{ placement: { tolerations: 'x' } }, "'placement.tolerations' is 'a string'; allowed: a list"],
    [{ placement: { tolerations: ['x'] } }, "'placement.tolerations[0]' is 'a string'"],
    [{ placement: { nodeSelector: 'x' } }, "'placement.nodeSelector' is 'a string'; allowed: an object"],
    [{ allowFrom: 'x' }, "'allowFrom' is 'a string'; allowed: a list"],
    [{ routes: 'x' }, "'routes' is 'a string'; allowed: a list"],
    [{ routes: [undefined] }, "'routes[0]' is nothing; allowed: what a factory"],
    [{ env: 'A=x' }, "'env' is 'a string'; allowed: an object: { name: value }"],
    [{ secretEnv: ['A'] }, "'secretEnv' is 'an object of class Array'"],
    [{ imagePullSecrets: 'registry' }, "'imagePullSecrets' is 'a string'; allowed: a list"],
    [{ guardImage: 5 }, "'guardImage' is 5; allowed: an image pinned"],
    [{ image: 5 }, "'image' is 5; allowed: an image pinned"],
    [{ smokeTest: true }, "'smokeTest' is true; allowed: an object of api, model, prompt"],
    [{ smokeTest: 'x' }, "'smokeTest' is 'a string'"],
    [{ smokeTest: { promt: 'x' } }, "'name in smokeTest' is 'promt'; allowed: api, model, prompt"],
    [{ drainTimeout: Duration.millis(1500) }, "'drainTimeout in seconds' is 1.5"],
    [{ startupTimeout: Duration.millis(1500) }, "'startupTimeout in seconds' is 1.5"],
  ])('%j is refused by its name', (props, message) => {
    expect(refusal(props as Partial<InferenceServerProps>)).toThrow(`qwen/serve/chat: ${message}`);
  });
});

describe('environment', () => {
  test('is that of the user besides that of the construct, with Secrets by reference', () => {
    const objects = served((pipeline) => ({
      env: { LOG_LEVEL: 'debug' },
      secretEnv: { TOKEN: { secret: Secret.fromSecretName(pipeline.serve, 's', 'tokens'), key: 'api' } },
    }));
    expect(engine(objects).env).toEqual(
      expect.arrayContaining([
        { name: 'LOG_LEVEL', value: 'debug' },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'tokens', key: 'api' } } },
      ]),
    );
    expect(deployment(objects).metadata.annotations!['cdk8s-llm/secrets']).toBe(
      'tokens/api=the environment variable TOKEN',
    );
  });

  const tokens = (pipeline: Pipeline) => Secret.fromSecretName(pipeline.serve, 's', 'tokens');

  test.each<[string, (pipeline: Pipeline) => Partial<ServerProps>, RegExp]>([
    [
      'a name that is none',
      () => ({ env: { 'LOG-LEVEL': 'x' } }),
      /'name in env' is 'LOG-LEVEL'; allowed: letters/,
    ],
    [
      'a name of ours',
      () => ({ env: { MODEL_DIR: '/x' } }),
      /'name in env' is 'MODEL_DIR'; allowed: a name that/,
    ],
    ['no text', () => ({ env: { A: 1 as unknown as string } }), /'env.A' is 1; allowed: a string/],
    [
      'a name of ours from a Secret',
      (p) => ({ secretEnv: { MODEL_DIR: { secret: tokens(p), key: 'k' } } }),
      /'name in secretEnv' is 'MODEL_DIR'/,
    ],
    [
      'a name in both',
      (p) => ({ env: { A: 'x' }, secretEnv: { A: { secret: tokens(p), key: 'k' } } }),
      /'name in secretEnv' is 'A'; allowed: a name that env has not/,
    ],
    [
      'a key that is none',
      (p) => ({ secretEnv: { A: { secret: tokens(p), key: 'a b' } } }),
      /'secretEnv.A.key' is 'a b'/,
    ],
    [
      'the name of a Secret',
      () => ({ secretEnv: { A: { secret: 'tokens', key: 'k' } as never } }),
      /'secretEnv.A.secret' is 'a string'; allowed: a Secret of cdk8s-plus/,
    ],
    [
      'the choice among its devices',
      () => ({ accelerator: GPU, env: { CUDA_VISIBLE_DEVICES: '0' } }),
      /'name in env' is 'CUDA_VISIBLE_DEVICES'; allowed: nothing that chooses devices/,
    ],
    [
      'the devices of others',
      () => ({ accelerator: GPU, env: { NVIDIA_VISIBLE_DEVICES: 'all' } }),
      /'name in env' is 'NVIDIA_VISIBLE_DEVICES'.*It would take those of other pods/,
    ],
    [
      'devices without an accelerator',
      () => ({ env: { NVIDIA_VISIBLE_DEVICES: 'all' } }),
      /'name in env' is 'NVIDIA_VISIBLE_DEVICES'/,
    ],
    [
      'devices that a Secret tells',
      (p) => ({ secretEnv: { NVIDIA_VISIBLE_DEVICES: { secret: tokens(p), key: 'k' } } }),
      /'name in secretEnv' is 'NVIDIA_VISIBLE_DEVICES'/,
    ],
  ])('refuses %s', (_, props, message) => expect(refusal(props)).toThrow(message));

  test('may keep devices away from a server without an accelerator', () => {
    const env = { NVIDIA_VISIBLE_DEVICES: 'void', CUDA_VISIBLE_DEVICES: '-1' };
    expect(engine(served({ env })).env).toContainEqual({ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' });
  });
});

describe('root file system', () => {
  const optOut = (objects: KubeObject[]) =>
    deployment(objects).metadata.annotations!['cdk8s-llm/pod-security-opt-out'];

  test('is read-only, and nothing is opted out of', () => {
    const objects = served();
    expect(containers(deployment(objects)).map((c) => c.securityContext.readOnlyRootFilesystem)).toEqual([
      true,
      true,
    ]);
    expect(optOut(objects)).toBeUndefined();
  });

  test('is writable where the user says so, for the engine alone, and it is said', () => {
    const objects = served({ writableRoot: true });
    expect(engine(objects).securityContext.readOnlyRootFilesystem).toBe(false);
    expect(container(deployment(objects), 'await-model').securityContext.readOnlyRootFilesystem).toBe(true);
    expect(optOut(objects)).toBe('readOnlyRootFilesystem: asked for by writableRoot');
  });

  test('is what the devices need, unless the user says otherwise', () => {
    const needs = GPU._spec.writesRoot;
    expect(engine(served({ accelerator: GPU })).securityContext.readOnlyRootFilesystem).toBe(!needs);
    const objects = served({ accelerator: GPU, writableRoot: false });
    expect(engine(objects).securityContext.readOnlyRootFilesystem).toBe(true);
    expect(optOut(objects)).toBeUndefined();
  });

  test('refuses what is no switch', () => {
    expect(refusal({ writableRoot: 'false' as unknown as boolean })).toThrow(/'writableRoot' is 'false'/);
  });
});

test('a server belongs to the serve phase', () => {
  const pipeline = pipelineFor();
  const model = sharedModel(pipeline);
  expect(() => inferenceServer(pipeline.convert, { model })).toThrow(/'scope' is 'pipeline.convert'/);
});

test('a server in a bucket reads through the volume of it', () => {
  const objects = served((pipeline) => ({
    model: cache(pipeline.download, { store: s3(pipeline) }).artifact,
  }));
  expect(podSpec(deployment(objects)).volumes[0]).toMatchObject({
    name: 'models',
    persistentVolumeClaim: {},
  });
});

test('a server in a plain chart has the same objects', () => {
  const chart = plainChart();
  inferenceServer(chart, { model: cache(chart, { store: sharedClaim() }).artifact });
  const objects = objectsOf(chart);
  expect(violationsOf(objects)).toBe('');
  expect(the(objects, 'Deployment').metadata.name).toBe('models-chat');
});

test('two servers of one model stand side by side', () => {
  const pipeline = pipelineFor();
  const model = sharedModel(pipeline);
  inferenceServer(pipeline.serve, { model }, 'one');
  inferenceServer(pipeline.serve, { model, replicas: 3 }, 'two');
  const objects = objectsOf(...pipeline._phases().map(({ chart }) => chart));
  expect(violationsOf(objects)).toBe('');
  expect(ofKind(objects, 'Deployment').map(({ metadata }) => metadata.name)).toEqual([
    'qwen-one',
    'qwen-two',
  ]);
});
