import { Duration, Size } from 'cdk8s';
import { PersistentVolumeClaim } from 'cdk8s-plus-28';
import { Accelerator, ModelStore, NetworkPeer, NodeCache, Pipeline } from '../../src';
import { VllmServer } from '../../src/constructs/vllm-server';
import type { VllmServerProps } from '../../src/constructs/vllm-server-props';
import { MultiNode } from '../../src/serving/group';
import { KedaTrigger } from '../../src/serving/scalers/keda-trigger';
import { Scaling } from '../../src/serving/scaling';
import { Rollout } from '../../src/serving/server-props';
import type { KubeObject } from '../../src/validation/kube-object';
import { cache, claim, source } from '../support/models';
import { container, flagValues, ofKind, podSpec, the, Untyped } from '../support/objects';
import { checkedObjects, pipelineFor, sharedModel } from '../support/servers';

type Given = Partial<VllmServerProps>;

const EIGHT = Accelerator.nvidia({
  count: 8,
  memory: Size.gibibytes(80),
  rdma: { resource: 'rdma/ib', count: 8 },
});
const LWS = MultiNode.leaderWorkerSet();

function add(pipeline: Pipeline, props: Given): VllmServer {
  const model = props.model ?? sharedModel(pipeline);
  return new VllmServer(pipeline.serve, 'chat', { nodes: 2, accelerator: EIGHT, ...props, model });
}

function objects(props: Given = {}, version = '1.31'): KubeObject[] {
  const pipeline = pipelineFor(version);
  add(pipeline, props);
  return checkedObjects(pipeline, version);
}

function refusal(props: Given | ((pipeline: Pipeline) => Given)): string {
  const pipeline = pipelineFor();
  try {
    add(pipeline, typeof props === 'function' ? props(pipeline) : props);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

const engineOf = (object: KubeObject): Untyped => container(object, 'vllm');
const spec = (object: KubeObject): Untyped => object.spec;

const scaled = () =>
  Scaling.keda({
    max: 4,
    prometheus: {
      serverAddress: 'http://prometheus.monitoring.svc:9090',
      from: [NetworkPeer.namespace('monitoring')],
    },
    triggers: [KedaTrigger.requestsWaiting(10)],
  });

/** What is divided between nodes. The heads of the test's model do not divide by 16. */
const DIVIDED = { tensorParallel: 8, pipelineParallel: 2 };

/** All of which start anew with a new version. */
const TWO_COPIES = { replicas: 2, rollout: Rollout.RECREATE };

describe('StatefulSets', () => {
  test('tensors are divided within nodes, layers between them', () => {
    const { args } = engineOf(the(objects(), 'StatefulSet', 'qwen-chat-0'));
    expect(flagValues(args, '--tensor-parallel-size')).toEqual(['8']);
    expect(flagValues(args, '--pipeline-parallel-size')).toEqual(['2']);
  });

  test('the first node has the API and listens at its own address', () => {
    const leader = the(objects(DIVIDED), 'StatefulSet', 'qwen-chat-0');
    const of = engineOf(leader);
    expect(flagValues(of.args, '--nnodes')).toEqual(['2']);
    expect(flagValues(of.args, '--node-rank')).toEqual(['0']);
    expect(flagValues(of.args, '--master-addr')).toEqual(['$(VLLM_HOST_IP)']);
    expect(flagValues(of.args, '--distributed-executor-backend')).toEqual(['mp']);
    expect(of.args).not.toContain('--headless');
    expect(of.env).toContainEqual({
      name: 'VLLM_HOST_IP',
      valueFrom: { fieldRef: { fieldPath: 'status.podIP' } },
    });
    expect(of.readinessProbe.httpGet.path).toBe('/health');
  });

  test('the others know their rank by the number of the pod, and the first by its name', () => {
    const workers = the(
      objects({ ...DIVIDED, nodes: 4, pipelineParallel: 4 }),
      'StatefulSet',
      'qwen-chat-0-worker',
    );
    expect(spec(workers)).toMatchObject({
      replicas: 3,
      ordinals: { start: 1 },
      podManagementPolicy: 'Parallel',
      serviceName: 'qwen-chat-nodes',
    });
    const of = engineOf(workers);
    expect(flagValues(of.args, '--node-rank')).toEqual(['$(NODE_RANK)']);
    expect(flagValues(of.args, '--master-addr')).toEqual(['qwen-chat-0-0.qwen-chat-nodes.llm.svc']);
    expect(of.args).toContain('--headless');
    expect(of.env).toContainEqual({
      name: 'NODE_RANK',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } },
    });
    expect(of.livenessProbe).toBeUndefined();
  });

  test('a program holds them together, and tells versions apart', () => {
    const commands = (props: Given) => {
      const found = objects({ ...DIVIDED, ...props });
      const [leader, worker] = ['qwen-chat-0', 'qwen-chat-0-worker'].map(
        (name) => engineOf(the(found, 'StatefulSet', name)).command as string[],
      );
      return { leader, worker, id: flagValues(leader, '--id')[0] };
    };
    const { leader, worker, id } = commands({});
    expect(leader.slice(0, 3)).toEqual(['python3', '/opt/cdk8s-llm/group.py', 'leader']);
    expect(leader.slice(-3)).toEqual(['--', 'vllm', 'serve']);
    expect(flagValues(leader, '--size')).toEqual(['2']);
    expect(worker.slice(0, 3)).toEqual(['python3', '/opt/cdk8s-llm/group.py', 'worker']);
    expect(flagValues(worker, '--leader')).toEqual(['qwen-chat-0-0.qwen-chat-nodes.llm.svc']);
    expect(flagValues(worker, '--id')).toEqual([id]);
    expect(flagValues(worker, '--port')).toEqual(flagValues(leader, '--port'));
    expect(commands({ maxModelLen: 1024 }).id).not.toBe(id);
    const program = the(objects(DIVIDED), 'ConfigMap', /^qwen-chat-group-/) as Untyped;
    expect(Object.keys(program.data).sort()).toEqual(['group.py', 'program.py', 'wrapper.py']);
  });

  test('their pods have names before they are ready', () => {
    expect(spec(the(objects(DIVIDED), 'Service', 'qwen-chat-nodes'))).toEqual({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { 'app.kubernetes.io/name': 'vllm', 'app.kubernetes.io/instance': 'qwen-chat' },
    });
  });

  test('requests go to the first nodes alone', () => {
    const found = objects({ ...DIVIDED, ...TWO_COPIES });
    const { selector } = spec(the(found, 'Service', 'qwen-chat'));
    expect(selector['app.kubernetes.io/component']).toBe('server');
    const selected = ofKind(found, 'StatefulSet').filter((set) => {
      const { labels } = spec(set).template.metadata;
      return Object.entries(selector).every(([name, value]) => labels[name] === value);
    });
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(['qwen-chat-0', 'qwen-chat-1']);
  });

  test('one pod of all copies is taken away at a time: a copy ends with any of its pods', () => {
    for (const multiNode of [undefined, LWS]) {
      const found = objects({ ...DIVIDED, ...(multiNode ? { replicas: 2, multiNode } : TWO_COPIES) });
      expect(spec(the(found, 'PodDisruptionBudget'))).toMatchObject({
        maxUnavailable: 1,
        selector: {
          matchLabels: { 'app.kubernetes.io/name': 'vllm', 'app.kubernetes.io/instance': 'qwen-chat' },
          matchExpressions: [
            { key: 'app.kubernetes.io/component', operator: 'In', values: ['server', 'worker'] },
          ],
        },
      });
    }
  });

  test('each copy is a group of its own, and none selects the pods of another', () => {
    const sets = ofKind(objects({ ...DIVIDED, ...TWO_COPIES }), 'StatefulSet');
    expect(sets).toHaveLength(4);
    const selectors = sets.map((set) => JSON.stringify(spec(set).selector.matchLabels));
    expect(new Set(selectors).size).toBe(4);
    for (const set of sets)
      expect(spec(set).template.metadata.labels).toMatchObject(spec(set).selector.matchLabels);
    const second = engineOf(sets.find(({ metadata }) => metadata.name === 'qwen-chat-1-worker')!);
    expect(flagValues(second.args, '--master-addr')).toEqual(['qwen-chat-1-0.qwen-chat-nodes.llm.svc']);
  });

  test.each(['server', 'worker'])(
    'the nodes reach each other on all ports, and nobody else a %s',
    (component) => {
      const { ingress, egress } = spec(the(objects(DIVIDED), 'NetworkPolicy', `qwen-chat-${component}`));
      const opening = (rules: Untyped[], side: string) =>
        rules
          .filter((rule) => rule.ports === undefined)
          .map((rule) => rule[side].map((peer: Untyped) => peer.podSelector));
      const both = ['server', 'worker'].map((name) => ({
        matchLabels: {
          'app.kubernetes.io/name': 'vllm',
          'app.kubernetes.io/instance': 'qwen-chat',
          'app.kubernetes.io/component': name,
        },
      }));
      expect(opening(ingress, 'from')).toEqual([both]);
      expect(opening(egress, 'to')).toEqual([both]);
      if (component === 'worker') expect(ingress).toHaveLength(1);
    },
  );

  test('both have the devices, the models, the memory that they share and the network', () => {
    const found = objects({ ...DIVIDED, networkInterface: 'net1' });
    for (const name of ['qwen-chat-0', 'qwen-chat-0-worker']) {
      const set = the(found, 'StatefulSet', name);
      const of = engineOf(set);
      expect(of.resources.limits).toMatchObject({ 'nvidia.com/gpu': '8', 'rdma/ib': '8' });
      expect(of.env).toContainEqual({ name: 'NCCL_SOCKET_IFNAME', value: 'net1' });
      expect(of.env).toContainEqual({ name: 'GLOO_SOCKET_IFNAME', value: 'net1' });
      expect(podSpec(set).volumes).toContainEqual({
        name: 'shm',
        emptyDir: { medium: 'Memory', sizeLimit: '2Gi' },
      });
      expect(podSpec(set).initContainers[0].name).toBe('await-model');
    }
  });

  test('models that fit a node each are spread over the nodes', () => {
    const { args } = engineOf(the(objects({ dataParallel: 2 }), 'StatefulSet', 'qwen-chat-0'));
    expect(flagValues(args, '--tensor-parallel-size')).toEqual(['8']);
    expect(flagValues(args, '--data-parallel-size')).toEqual(['2']);
    expect(args).not.toContain('--pipeline-parallel-size');
  });

  test.each(['1.28', '1.31', '1.36'])('all of it passes the checks for Kubernetes %s', (version) => {
    expect(ofKind(objects(DIVIDED, version), 'StatefulSet')).toHaveLength(2);
  });
});

describe('a LeaderWorkerSet', () => {
  const set = (props: Given = {}) =>
    the(objects({ ...DIVIDED, multiNode: LWS, ...props }), 'LeaderWorkerSet');

  test('has a group for each copy, which starts anew as a whole', () => {
    expect(set({ replicas: 3 }).metadata.name).toBe('qwen-chat-group');
    expect(spec(set({ replicas: 3 }))).toMatchObject({
      replicas: 3,
      leaderWorkerTemplate: { size: 2, restartPolicy: 'RecreateGroupOnPodRestart' },
      rolloutStrategy: {
        type: 'RollingUpdate',
        rollingUpdateConfiguration: { maxSurge: 0, maxUnavailable: 1 },
      },
    });
  });

  test('tells the nodes who they are', () => {
    const { leaderTemplate, workerTemplate } = spec(set()).leaderWorkerTemplate;
    const [leader] = leaderTemplate.spec.containers;
    const [worker] = workerTemplate.spec.containers;
    expect(leader.command).toEqual(['vllm', 'serve']);
    expect(flagValues(leader.args, '--master-addr')).toEqual(['$(VLLM_HOST_IP)']);
    expect(worker.command).toEqual(['vllm', 'serve']);
    expect(flagValues(worker.args, '--master-addr')).toEqual(['$(LWS_LEADER_ADDRESS)']);
    expect(flagValues(worker.args, '--node-rank')).toEqual(['$(LWS_WORKER_INDEX)']);
    expect(worker.args).toContain('--headless');
    expect(leaderTemplate.metadata.labels['app.kubernetes.io/component']).toBe('server');
    expect(workerTemplate.metadata.labels['app.kubernetes.io/component']).toBe('worker');
  });

  test('keeps its workers while the first node answers what it was asked', () => {
    const pauses = (image: string) => {
      const { leaderTemplate, workerTemplate } = spec(
        set({ image, drainTimeout: Duration.seconds(300) }),
      ).leaderWorkerTemplate;
      return [leaderTemplate, workerTemplate].map(
        (template) => template.spec.containers[0].lifecycle.preStop as object,
      );
    };
    const pause = (seconds: number) => ({ sleep: { seconds } });
    expect(pauses('docker.io/vllm/vllm-openai:v0.26.0')).toEqual([pause(5), pause(305)]);
    // The older ones do not wait themselves: a program does.
    expect(pauses('docker.io/vllm/vllm-openai:v0.17.0')).toEqual([
      { exec: { command: expect.arrayContaining(['/opt/drain/drain.py', '300']) as string[] } },
      pause(305),
    ]);
    const { workerTemplate } = spec(set({ drainTimeout: Duration.seconds(300) })).leaderWorkerTemplate;
    expect(workerTemplate.spec.terminationGracePeriodSeconds).toBeGreaterThan(305);
  });

  test('needs none of our programs beside, and no Service of ours for names', () => {
    const found = objects({ ...DIVIDED, multiNode: LWS });
    expect(ofKind(found, 'ConfigMap').filter(({ metadata }) => metadata.name!.includes('-group-'))).toEqual(
      [],
    );
    expect(ofKind(found, 'Service').map(({ metadata }) => metadata.name)).toEqual(['qwen-chat']);
    expect(ofKind(found, 'StatefulSet')).toEqual([]);
  });

  test('can be scaled', () => {
    const scaling = scaled();
    const found = objects({ ...DIVIDED, multiNode: LWS, scaling });
    expect(spec(the(found, 'LeaderWorkerSet')).replicas).toBeUndefined();
    expect(spec(the(found, 'ScaledObject')).scaleTargetRef).toMatchObject({
      apiVersion: 'leaderworkerset.x-k8s.io/v1',
      kind: 'LeaderWorkerSet',
      name: 'qwen-chat-group',
    });
  });

  test('can have a rack for each copy', () => {
    const multiNode = MultiNode.leaderWorkerSet({ exclusiveTopology: 'cloud.google.com/gke-nodepool' });
    expect(set({ multiNode }).metadata.annotations).toMatchObject({
      'leaderworkerset.sigs.k8s.io/exclusive-topology': 'cloud.google.com/gke-nodepool',
    });
    expect(() => MultiNode.leaderWorkerSet({ exclusiveTopology: 'a b' })).toThrow('exclusiveTopology');
  });
});

test('each pod reads what a node cache keeps on its own node', () => {
  const pipeline = pipelineFor();
  const nodes = new NodeCache(pipeline.serve, 'nodes', {
    placement: { nodeSelector: { pool: 'h100' } },
    models: [{ name: 'large', source: source() }],
    path: '/var/lib/models',
    size: Size.tebibytes(1),
  });
  add(pipeline, { ...DIVIDED, model: nodes.artifact('large') });
  const found = checkedObjects(pipeline);
  for (const pods of ofKind(found, 'StatefulSet')) {
    expect(podSpec(pods).nodeSelector).toMatchObject({ pool: 'h100' });
    const [volume] = podSpec(pods).volumes.filter((each: object) => 'hostPath' in each);
    expect(volume.hostPath.path).toBe('/var/lib/models');
    expect(container(pods, 'await-model').volumeMounts).toContainEqual(
      expect.objectContaining({ name: volume.name, readOnly: true }),
    );
  }
});

describe('what cannot be', () => {
  test('a claim that one node alone can mount', () => {
    const message = refusal((pipeline) => ({
      ...DIVIDED,
      model: cache(pipeline.download, { store: claim() }, 'single').artifact,
    }));
    expect(message).toContain('ReadWriteMany');
  });

  test('a folder of one node', () => {
    const store = ModelStore.nodeFolder('/var/lib/models', { hostname: 'gpu-1' });
    const message = refusal((pipeline) => ({
      ...DIVIDED,
      model: cache(pipeline.download, { store }, 'single').artifact,
    }));
    expect(message).toContain(
      "'nodes' is 2; allowed: 1 with folder /var/lib/models of a node, which one node at a time can mount",
    );
  });

  test('a cache of what is compiled that one node alone can mount', () => {
    const own = (shared?: boolean) => (pipeline: Pipeline) => ({
      ...DIVIDED,
      compileCache: {
        claim: PersistentVolumeClaim.fromClaimName(pipeline.serve, 'compiled', 'compiled'),
        shared,
      },
    });
    expect(refusal(own())).toContain("'nodes' is 2; allowed: 1 with claim compiled as the compileCache");
    expect(refusal(own(false))).toContain('ReadWriteMany');
    const pipeline = pipelineFor();
    expect(() => add(pipeline, own(true)(pipeline))).not.toThrow();
  });

  test('several StatefulSets of which one after the other changes', () => {
    for (const rollout of [Rollout.SURGE, Rollout.REPLACE]) {
      const message = refusal({ ...DIVIDED, rollout });
      expect(message).toContain(
        `'rollout' is '${rollout}'; allowed: recreate. A new version starts the pods of all`,
      );
      expect(message).toContain('Use MultiNode.leaderWorkerSet()');
    }
    const copies = refusal({ ...DIVIDED, replicas: 2 });
    expect(copies).toContain("'replicas' is 2; allowed: 1 with StatefulSets");
    expect(copies).toContain('rollout: Rollout.RECREATE');
    const pipeline = pipelineFor();
    expect(() => add(pipeline, { ...DIVIDED, ...TWO_COPIES })).not.toThrow();
  });

  test('a LeaderWorkerSet of which all copies end before a new one starts', () => {
    const recreated = { ...DIVIDED, multiNode: LWS, rollout: Rollout.RECREATE };
    expect(refusal({ ...recreated, replicas: 2 })).toContain(
      "'rollout' is 'recreate'; allowed: replace or surge",
    );
    expect(refusal({ ...recreated, scaling: scaled() })).toContain("'rollout' is 'recreate'");
    const { rolloutStrategy } = spec(the(objects(recreated), 'LeaderWorkerSet'));
    expect(rolloutStrategy.rollingUpdateConfiguration).toEqual({ maxSurge: 0, maxUnavailable: 1 });
  });

  test('a queue of Kueue that admits half a copy', () => {
    expect(refusal({ ...DIVIDED, queueName: 'gpus' })).toContain(
      "'queueName' is 'gpus'; allowed: nothing with StatefulSets",
    );
    const admitted = the(objects({ ...DIVIDED, queueName: 'gpus', multiNode: LWS }), 'LeaderWorkerSet');
    expect(admitted.metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'gpus' });
  });

  test('versions that need Ray', () => {
    const message = refusal({ ...DIVIDED, image: 'docker.io/vllm/vllm-openai:v0.11.2' });
    expect(message).toContain("'nodes' is 2");
    expect(message).toContain('0.12.0');
  });

  test('models that are on several nodes each, in one copy', () => {
    expect(refusal({ nodes: 4, dataParallel: 2, tensorParallel: 8, pipelineParallel: 2 })).toContain(
      'replicas',
    );
  });

  test('scaling of StatefulSets', () => {
    const scaling = scaled();
    expect(refusal({ ...DIVIDED, scaling })).toContain('MultiNode.leaderWorkerSet()');
  });

  test('nodes of a TPU slice', () => {
    const slice = Accelerator.tpu({ type: 'tpu-v6e-slice', topology: '4x4' } as never);
    expect(refusal({ nodes: 1, accelerator: slice })).toContain('Ray cluster');
    const one = Accelerator.tpu({ type: 'tpu-v6e-slice', topology: '2x2' } as never);
    expect(refusal({ nodes: 2, accelerator: one })).toContain('Ray cluster');
  });

  test('what runs several nodes, of one', () => {
    expect(refusal({ nodes: 1, multiNode: LWS })).toContain("'multiNode'");
  });

  test('what the construct says of nodes, by arguments', () => {
    expect(refusal({ ...DIVIDED, extraArgs: ['--nnodes', '3'] })).toContain("'nodes'");
    expect(refusal({ ...DIVIDED, extraArgs: ['--headless'] })).toContain("'nodes'");
  });
});
