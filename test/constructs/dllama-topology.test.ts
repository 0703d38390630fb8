import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  DllamaChatTemplate,
  DllamaTopologyProps,
  DllamaWorkerSlot,
  FloatType,
  ModelCacheProps,
  ModelFacts,
  NetworkPeer,
  PublishedDllamaModel,
} from '../../src';
import {
  argument,
  container,
  flagValues,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  the,
  violationsOf,
} from '../support/objects';
import { conversion, downloaded, source, tinyFacts, topology, UNKNOWN } from '../support/models';

/** The objects of a topology in a plain chart, of a model that a cache of these props has downloaded. */
function made(props: Partial<DllamaTopologyProps> = {}, model: Partial<ModelCacheProps> = {}) {
  const chart = plainChart();
  const { weights = FloatType.Q40, ...others } = props;
  const converted = conversion(chart, { model: downloaded(chart, model), weights }).artifact;
  const serving = topology(chart, { model: converted, ...others });
  const objects = objectsOf(chart);
  const deployment = the(objects, 'Deployment');
  return {
    serving,
    converted,
    objects,
    deployment,
    root: container(deployment, 'root'),
    front: container(deployment, 'front'),
    workers: ofKind(objects, 'StatefulSet'),
  };
}

const unknown = { source: source(UNKNOWN) };
const byHand = { rootMemory: Size.gibibytes(4), workerMemory: Size.gibibytes(2) };
const mebibytes = (of: { resources: { limits: { memory: string } } }) => {
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(of.resources.limits.memory)!;
  return Number(amount) * (unit === 'Gi' ? 1024 : 1);
};

describe('the number of workers', () => {
  // Koldun's own formula, 2p - 1, gives 5 workers for p = 3: six nodes, which no model allows.
  test.each([
    [0, 0],
    [1, 1],
    [2, 3],
    [3, 7],
  ])('of replicaPower %d is %d: 2^p nodes, one of which is the root', (replicaPower, workers) => {
    const { serving, root, objects } = made({ replicaPower });
    expect(serving.workers).toBe(workers);
    expect(flagValues(root.args, '--workers')).toHaveLength(workers);
    const replicas = ofKind(objects, 'StatefulSet').map((set) => set.spec.replicas as number);
    expect(replicas).toEqual(workers ? [workers] : []);
    expect(violationsOf(objects)).toBe('');
  });

  test.each([0, 1, 3, 7])('can be given: %d', (workers) => {
    expect(made({ workers }).serving.workers).toBe(workers);
  });

  test.each<[Partial<DllamaTopologyProps>]>([
    [{ replicaPower: undefined }],
    [{ replicaPower: 2, workers: 3 }],
  ])('is given in one way: not by %j', (props) => {
    expect(() => made(props)).toThrow(
      /models\/chat: 'workers' is .*; allowed: either workers or replicaPower\. replicaPower p gives 2\^p nodes/,
    );
  });

  test.each<[Partial<DllamaTopologyProps>, string]>([
    [{ workers: -1 }, "'workers' is -1"],
    [{ workers: 1.5 }, "'workers' is 1.5"],
    [{ replicaPower: -1 }, "'replicaPower' is -1"],
    [{ replicaPower: 0.5 }, "'replicaPower' is 0.5"],
  ])('%j is none', (props, message) => expect(() => made(props)).toThrow(`models/chat: ${message}`));

  test.each<[Partial<DllamaTopologyProps>, string, Partial<ModelCacheProps>, string]>([
    [{ workers: 4 }, "'workers' is 4", {}, '1, 2, 4, 8 nodes (0, 1, 3, 7 workers)'],
    [{ replicaPower: 4 }, "'replicaPower' is 4", {}, '1, 2, 4, 8 nodes (0, 1, 3, 7 workers)'],
    [{ replicaPower: 3 }, "'replicaPower' is 3", { facts: tinyFacts() }, '1, 2, 4 nodes (0, 1, 3 workers)'],
    [
      { replicaPower: 3 },
      "'replicaPower' is 3",
      { source: source('Qwen/Qwen3-30B-A3B') },
      '1, 2, 4 nodes (0, 1, 3 workers)',
    ],
  ])('%j cannot share the model, and the error lists what can', (props, field, model, allowed) => {
    expect(() => made(props, model)).toThrow(
      `models/chat: ${field}; allowed: a number of nodes that can share`,
    );
    expect(() => made(props, model)).toThrow(`This model allows ${allowed}`);
  });

  test('may be no power of two where the dimensions of the model allow it', () => {
    const facts = tinyFacts({ heads: 6, kvHeads: 3, dim: 384, hiddenDim: 768, vocabSize: 1026, headDim: 64 });
    expect(made({ workers: 2 }, { facts }).serving.workers).toBe(2);
  });

  describe('without facts', () => {
    test.each([0, 1, 3, 7, 15])('can be %d', (workers) => {
      expect(made({ workers, ...byHand }, unknown).serving.workers).toBe(workers);
    });

    test.each([2, 4, 5, 6])('cannot be %d', (workers) => {
      expect(() => made({ workers, ...byHand }, unknown)).toThrow(
        "is no power of two; without the model's facts allowed are 1, 2, 4, 8, 16 ... nodes",
      );
    });
  });
});

describe('the context', () => {
  test('is always said, because the own one of a model takes many times its weights', () => {
    expect(flagValues(made().root.args, '--max-seq-len')).toEqual(['4096']);
    expect(flagValues(made(byHand, unknown).root.args, '--max-seq-len')).toEqual(['4096']);
  });

  test('is the one of the model where that is shorter', () => {
    expect(flagValues(made({}, { facts: tinyFacts() }).root.args, '--max-seq-len')).toEqual(['2048']);
  });

  test('is the one that the user wants, with the memory for it', () => {
    const [short, long] = [made({ maxSeqLen: 1024 }), made({ maxSeqLen: 32768 })];
    expect(flagValues(long.root.args, '--max-seq-len')).toEqual(['32768']);
    expect(mebibytes(long.root)).toBeGreaterThan(mebibytes(short.root));
  });

  test('cannot be longer than that of the model', () => {
    expect(() => made({ maxSeqLen: 40961 })).toThrow(
      "models/chat: 'maxSeqLen' is 40961; allowed: at most the model's own 40960",
    );
  });

  test('cannot be longer than the window that the model attends to', () => {
    const facts = ModelFacts.fromConfig({
      model_type: 'mistral',
      hidden_size: 256,
      intermediate_size: 512,
      num_hidden_layers: 2,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      vocab_size: 1024,
      max_position_embeddings: 32768,
      sliding_window: 4096,
      rms_norm_eps: 1e-5,
    });
    expect(() => made({ maxSeqLen: 8192 }, { facts })).toThrow("at most the model's own 4096");
    expect(flagValues(made({ maxSeqLen: 4096 }, { facts }).root.args, '--max-seq-len')).toEqual(['4096']);
  });

  test.each([0, -1, 1.5])('cannot be %d', (maxSeqLen) => {
    expect(() => made({ maxSeqLen })).toThrow(`'maxSeqLen' is ${maxSeqLen}`);
  });
});

describe('memory', () => {
  // GiB that the processes of Qwen3 1.7B log as required at 4096 tokens, root and last worker.
  test.each([
    [0, 2.99, undefined],
    [1, 2.08, 0.93],
    [2, 1.63, 0.47],
    [3, 1.41, 0.25],
  ])(
    'by formula: 2^%d nodes need %d GiB and %d GiB, and a little more for loading',
    (replicaPower, root, worker) => {
      const { root: container_, workers } = made({ replicaPower });
      const extra = (mib: number, gib: number) => mib / 1024 - gib;
      expect(extra(mebibytes(container_), root)).toBeGreaterThan(0.05);
      expect(extra(mebibytes(container_), root)).toBeLessThan(0.35);
      if (worker === undefined) return;
      const each = container(workers[0], 'worker');
      expect(extra(mebibytes(each), worker)).toBeGreaterThan(0.05);
      expect(extra(mebibytes(each), worker)).toBeLessThan(0.35);
    },
  );

  test('is asked for and limited to the same, so that it is not lent', () => {
    const { root, workers } = made();
    for (const { resources } of [root, container(workers[0], 'worker')]) {
      expect(resources.requests).toEqual(resources.limits);
    }
  });

  test('can be more than is needed', () => {
    const { root, workers } = made({ rootMemory: Size.gibibytes(8), workerMemory: Size.gibibytes(4) });
    expect(mebibytes(root)).toBe(8192);
    expect(mebibytes(container(workers[0], 'worker'))).toBe(4096);
  });

  test.each<[Partial<DllamaTopologyProps>, string, string]>([
    [{ rootMemory: Size.gibibytes(1) }, "'rootMemory' is '1Gi'", 'the root of 4 nodes with q40 weights'],
    [{ workerMemory: Size.mebibytes(256) }, "'workerMemory' is '256Mi'", 'the largest worker of 4 nodes'],
    [
      { workerSlots: [{ slot: 1, memory: Size.mebibytes(256) }] },
      "'workerSlots[0].memory' is '256Mi'",
      'the largest worker of 4 nodes',
    ],
  ])('that is too little is refused with the arithmetic: %j', (props, field, who) => {
    const attempt = () => made(props);
    expect(attempt).toThrow(`models/chat: ${field}`);
    expect(attempt).toThrow(who);
    expect(attempt).toThrow(
      /needs weights [\d.,]+ \+ .*KV cache [\d.,]+ .* = [\d.,]+ MiB; the limit given is/,
    );
    expect(attempt).toThrow(/give at least \d+Mi/);
  });

  test.each<[Partial<DllamaTopologyProps>, string]>([
    [{}, 'rootMemory'],
    [{ rootMemory: Size.gibibytes(4) }, 'workerMemory'],
  ])('has to be given where the facts are not known: %j', (props, field) => {
    expect(() => made(props, unknown)).toThrow(
      `models/chat: '${field}' is nothing; allowed: an amount, because the model's facts are not known`,
    );
    expect(() => made(props, unknown)).toThrow('ModelFacts.fromConfigFile');
  });

  test('of workers need not be given where there are none', () => {
    const { root } = made({ replicaPower: 0, rootMemory: Size.gibibytes(4) }, unknown);
    expect(mebibytes(root)).toBe(4096);
  });
});

describe('threads', () => {
  test.each([
    [undefined, '4'],
    [1, '1'],
    [16, '16'],
  ])('%p: as many whole CPUs, asked for and limited to, and as many threads', (threads, cpus) => {
    const { root, workers } = made({ threads });
    const worker = container(workers[0], 'worker');
    for (const { resources, args } of [root, worker]) {
      expect(flagValues(args, '--nthreads')).toEqual([cpus]);
      expect([resources.requests.cpu, resources.limits.cpu]).toEqual([cpus, cpus]);
    }
  });

  test.each([0, 1.5, -4])('cannot be %d', (threads) => {
    expect(() => made({ threads })).toThrow(`'threads' is ${threads}`);
  });
});

test('workers are drained one at a time, and one that is not ready at any time', () => {
  const { objects } = made({ replicaPower: 2 });
  expect(the(objects, 'PodDisruptionBudget').spec).toMatchObject({
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  });
});

test('workers have programs of their own, so that a change of the front leaves them running', () => {
  const { objects } = made({ replicaPower: 1 });
  const worker = the(objects, 'ConfigMap', /^models-chat-worker-/);
  expect(Object.keys(worker.data)).toEqual(['dllama.sh']);
  expect(the(objects, 'StatefulSet').spec.template.spec.volumes).toEqual([
    { name: 'programs', configMap: { name: worker.metadata.name } },
  ]);
});

describe('workers that are not like the others', () => {
  const slots = (...workerSlots: DllamaWorkerSlot[]) => made({ replicaPower: 2, workerSlots });
  const hosts = (root: { args: string[] }) =>
    flagValues(root.args, '--workers').map((worker) => worker.split('.')[0]);

  test('have a set each', () => {
    const { workers, objects } = slots({ slot: 1, placement: { nodeSelector: { zone: 'b' } } });
    expect(workers.map(({ metadata, spec }) => [metadata.name, spec.replicas])).toEqual([
      ['models-chat-worker', 2],
      ['models-chat-slot-1', 1],
    ]);
    expect(podSpec(workers[0]).nodeSelector).toBeUndefined();
    expect(podSpec(workers[1]).nodeSelector).toEqual({ zone: 'b' });
    expect(violationsOf(objects)).toBe('');
  });

  test('keep their place in the list of the root', () => {
    expect(hosts(slots({ slot: 0 }).root)).toEqual([
      'models-chat-slot-0-0',
      'models-chat-worker-0',
      'models-chat-worker-1',
    ]);
    expect(hosts(slots({ slot: 2 }).root)).toEqual([
      'models-chat-worker-0',
      'models-chat-worker-1',
      'models-chat-slot-2-0',
    ]);
    expect(hosts(slots({ slot: 2 }, { slot: 0 }).root)).toEqual([
      'models-chat-slot-0-0',
      'models-chat-worker-0',
      'models-chat-slot-2-0',
    ]);
  });

  test('may be all', () => {
    const { workers, root } = slots({ slot: 0 }, { slot: 1 }, { slot: 2 });
    expect(workers.map(({ spec }) => spec.replicas as number)).toEqual([1, 1, 1]);
    expect(new Set(hosts(root)).size).toBe(3);
  });

  test('select their own pods and no others', () => {
    const { workers } = slots({ slot: 1 });
    const selectors = workers.map(({ spec }) => JSON.stringify(spec.selector));
    expect(new Set(selectors).size).toBe(2);
    for (const { spec } of workers) {
      expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    }
  });

  test('share the headless Service, the NetworkPolicy and the disruption budget', () => {
    const { workers, objects } = slots({ slot: 1 });
    const service = the(objects, 'Service', 'models-chat-worker');
    const policy = the(objects, 'NetworkPolicy', 'models-chat-worker');
    const budget = the(objects, 'PodDisruptionBudget');
    for (const { spec } of workers) {
      const { labels } = spec.template.metadata;
      expect(spec.serviceName).toBe('models-chat-worker');
      expect(labels).toMatchObject(service.spec.selector);
      expect(labels).toMatchObject(policy.spec.podSelector.matchLabels);
      expect(labels).toMatchObject(budget.spec.selector.matchLabels);
    }
  });

  test('have threads, memory and tolerations of their own', () => {
    const tolerations = [{ key: 'arm', operator: 'Exists' }];
    const { workers } = slots({ slot: 1, threads: 2, memory: Size.gibibytes(1), placement: { tolerations } });
    const worker = container(workers[1], 'worker');
    expect(flagValues(worker.args, '--nthreads')).toEqual(['2']);
    expect(worker.resources.limits).toMatchObject({ cpu: '2', memory: '1Gi' });
    expect(podSpec(workers[1]).tolerations).toEqual(tolerations);
    expect(flagValues(container(workers[0], 'worker').args, '--nthreads')).toEqual(['4']);
  });

  test.each<[string, DllamaWorkerSlot[]]>([
    ['workerSlots[0].slot', [{ slot: 3 }]],
    ['workerSlots[0].slot', [{ slot: -1 }]],
    ['workerSlots[0].slot', [{ slot: 0.5 }]],
    ['workerSlots[1].slot', [{ slot: 1 }, { slot: 1 }]],
    ['workerSlots[0].threads', [{ slot: 1, threads: 0 }]],
  ])('are refused by %s: %j', (field, workerSlots) => {
    expect(() => slots(...workerSlots)).toThrow(`models/chat: '${field}' is`);
  });
});

describe('the command lines', () => {
  test('are the ones that distributed-llama reads', () => {
    const { root, workers, converted } = made({ replicaPower: 1 });
    expect(root.args).toEqual([
      'dllama-api',
      '--model',
      `/models/${converted.path}/dllama_model_qwen3-1.7b_q40.m`,
      '--tokenizer',
      `/models/${converted.path}/dllama_tokenizer_qwen3-1.7b.t`,
      '--buffer-float-type',
      'q80',
      '--max-seq-len',
      '4096',
      '--workers',
      'models-chat-worker-0.models-chat-worker.llm.svc:9999',
      '--nthreads',
      '4',
      '--host',
      '127.0.0.1',
      '--port',
      '9990',
    ]);
    expect(container(workers[0], 'worker').args).toEqual([
      'dllama',
      'worker',
      '--nthreads',
      '4',
      '--host',
      '0.0.0.0',
      '--port',
      '9999',
    ]);
  });

  test('have the buffers that go with f32 weights', () => {
    expect(flagValues(made({ weights: FloatType.F32 }).root.args, '--buffer-float-type')).toEqual(['f32']);
  });

  test('take programs from elsewhere in the image', () => {
    const { root, workers } = made({ dllamaCommand: '/opt/dllama', dllamaApiCommand: '/opt/dllama-api' });
    expect(root.args[0]).toBe('/opt/dllama-api');
    expect(container(workers[0], 'worker').args[0]).toBe('/opt/dllama');
  });

  test('take template, network and further arguments', () => {
    const { root, workers } = made({
      chatTemplate: DllamaChatTemplate.LLAMA3,
      netTurbo: false,
      rootArgs: ['--temperature', '0.5'],
    });
    expect(flagValues(root.args, '--chat-template')).toEqual(['llama3']);
    expect(flagValues(root.args, '--net-turbo')).toEqual(['0']);
    expect(flagValues(root.args, '--temperature')).toEqual(['0.5']);
    expect(flagValues(container(workers[0], 'worker').args, '--net-turbo')).toEqual(['0']);
  });

  test.each<[Partial<DllamaTopologyProps>, string]>([
    [{ rootArgs: ['--temperature=0.5'] }, "give name and value as two items: '--temperature', '0.5'"],
    [{ rootArgs: ['--temperature'] }, '--temperature with no value'],
    [{ rootArgs: ['--temperature', 'hot'] }, "--temperature with 'hot'"],
    [{ rootArgs: ['--temperatur', '1'] }, "'--temperatur', which distributed-llama does not know"],
    [{ rootArgs: ['--workers', 'a:1'] }, "--workers, which is set by 'workers'"],
    [{ rootArgs: ['--nthreads', '8'] }, '--nthreads, which is set by'],
    [{ rootArgs: ['--seed', '1', '--seed', '2'] }, '--seed twice'],
    [{ workerArgs: ['--temperature', '1'] }, '--temperature, which a worker does not read'],
  ])('refuse %j, which the program would refuse or misread', (props, message) => {
    expect(() => made(props)).toThrow(`models/chat: extraArgs has ${message.replace(/^give.*/, '')}`);
    expect(() => made(props)).toThrow(message);
  });
});

describe('the image', () => {
  test.each([
    'registry.example.com/dllama:v0.16.4',
    'r/dllama:0.17.0',
    'r/dllama:nightly-2026',
    'r/d:v1.0.0-cuda',
  ])('can be %s', (image) => {
    const { root, workers } = made({ image });
    expect(root.image).toBe(image);
    expect(container(workers[0], 'worker').image).toBe(image);
  });

  test.each(['r/dllama:v0.16.3', 'r/dllama:0.16.2', 'r/dllama:v0.9.9'])(
    'cannot be %s, which is too old',
    (image) => {
      expect(() => made({ image })).toThrow(`models/chat: 'image' is '${image}'; allowed: v0.16.4 or newer`);
    },
  );

  test.each(['r/dllama', 'r/dllama:latest', ''])('cannot be %j, which is not pinned', (image) => {
    expect(() => made({ image })).toThrow(`models/chat: 'image' is '${image}'`);
  });

  test('has to be given, because there is no official one', () => {
    expect(() => made({ image: undefined as never })).toThrow("models/chat: 'image' is nothing");
  });
});

describe('the front', () => {
  test('is told where the root is, and how long requests may be and wait', () => {
    expect(made({ replicaPower: 1 }).front.args).toEqual([
      '--port=8080',
      '--root-port=9990',
      '--workers=1',
      '--model-id=dllama_model_qwen3-1.7b_q40.m',
      '--queue=32',
      '--queue-seconds=600',
      '--max-body-mib=8',
      '--max-seq-len=4096',
      '--stall-seconds=300',
      '--drain-seconds=120',
      '--state-dir=/run/cdk8s-llm',
    ]);
  });

  test('takes all of it from the user', () => {
    const { front, root } = made({
      maxSeqLen: 1024,
      port: 80,
      drainTimeout: Duration.seconds(30),
      front: {
        queueLength: 4,
        queueTimeout: Duration.minutes(1),
        maxBody: Size.mebibytes(1),
        stallTimeout: Duration.minutes(20),
        image: 'registry.example.com/python:3.12',
      },
    });
    const value = (name: string) => argument(front, name)[0];
    // The port of the Service is not its own: the root has one too, and one under 1024 needs a privilege.
    expect(value('port')).toBe('8080');
    expect(value('drain-seconds')).toBe('30');
    expect(value('queue')).toBe('4');
    expect(value('queue-seconds')).toBe('60');
    expect(value('max-body-mib')).toBe('1');
    expect(value('stall-seconds')).toBe('1200');
    expect(value('max-seq-len')).toBe('1024');
    expect(flagValues(root.args, '--max-seq-len')).toEqual(['1024']);
    expect(front.image).toBe('registry.example.com/python:3.12');
  });

  test.each<[Partial<DllamaTopologyProps>, string]>([
    [{ front: { queueLength: 0 } }, "'front.queueLength' is 0"],
    [{ front: { maxBody: Size.kibibytes(1) } }, "'front.maxBody in MiB' is"],
    [{ front: { queueTimeout: Duration.millis(0) } }, "'front.queueTimeout in seconds' is 0"],
    [{ front: { image: 'python:latest' } }, "'front.image' is 'python:latest'"],
    [{ port: 0 }, "'port' is 0"],
    [{ port: 65536 }, "'port' is 65536"],
  ])('is refused with %j', (props, message) => expect(() => made(props)).toThrow(`models/chat: ${message}`));
});

describe('the endpoint', () => {
  test('is the Service, by name and port', () => {
    const { serving, objects } = made({ port: 9000 });
    expect(serving.serviceName).toBe('models-chat');
    expect(serving.endpoint).toBe('http://models-chat.llm.svc:9000/v1');
    expect(the(objects, 'Service', 'models-chat').spec).toEqual({
      selector: {
        'app.kubernetes.io/name': 'dllama',
        'app.kubernetes.io/instance': 'models-chat',
        'app.kubernetes.io/component': 'root',
      },
      ports: [{ name: 'http', port: 9000, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
    });
  });
});

test.each([80, 9990, 9999])(
  'a Service at %d leaves the front, the root and the workers where they are',
  (port) => {
    const { objects, front, root } = made({ replicaPower: 1, port });
    expect(front.ports).toEqual([{ name: 'http', containerPort: 8080, protocol: 'TCP' }]);
    expect(argument(front, 'port')).toEqual(['8080']);
    expect(flagValues(root.args, '--port')).toEqual(['9990']);
    expect(the(objects, 'NetworkPolicy', 'models-chat-root').spec.ingress[0].ports).toEqual([
      { protocol: 'TCP', port: 8080 },
    ]);
    expect(violationsOf(objects)).toBe('');
  },
);

test('private images are pulled by the Secrets that are named', () => {
  const chart = plainChart();
  const { objects } = made({
    replicaPower: 1,
    imagePullSecrets: [Secret.fromSecretName(chart, 'pull', 'registry')],
  });
  for (const kind of ['Deployment', 'StatefulSet']) {
    expect(the(objects, kind).spec.template.spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
  }
});

describe('who may send requests', () => {
  const from = (allowFrom?: NetworkPeer[]) =>
    the(made({ allowFrom }).objects, 'NetworkPolicy', 'models-chat-root').spec.ingress;

  test('by default the namespace, to the port of the front alone', () => {
    expect(from()).toEqual([{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 8080 }] }]);
  });

  test.each<[string, NetworkPeer, unknown]>([
    ['pods', NetworkPeer.pods({ app: 'chat' }), { podSelector: { matchLabels: { app: 'chat' } } }],
    [
      'a namespace',
      NetworkPeer.namespace('web'),
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'web' } } },
    ],
    [
      'pods of a namespace',
      NetworkPeer.podsOfNamespace('web', { app: 'gateway' }),
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'web' } },
        podSelector: { matchLabels: { app: 'gateway' } },
      },
    ],
    ['addresses', NetworkPeer.addresses('10.0.0.0/8'), { ipBlock: { cidr: '10.0.0.0/8' } }],
  ])('%s', (_, peer, expected) => expect(from([peer])[0].from).toEqual([expected]));

  test('nobody, and not everybody, when the list is empty', () => {
    expect(from([])).toEqual([]);
  });
});

describe('time', () => {
  const seconds = ({ periodSeconds, failureThreshold }: Record<string, number>) =>
    periodSeconds * failureThreshold;

  test('to start grows with the model', () => {
    const start = (repository: string) => {
      const { root, converted } = made({}, { source: source(repository) });
      return [seconds(root.startupProbe), 600 + (2 * converted.bytes!) / (50 * 2 ** 20)];
    };
    for (const repository of ['Qwen/Qwen3-0.6B', 'meta-llama/Llama-3.3-70B-Instruct']) {
      const [given, needed] = start(repository);
      expect(given).toBeGreaterThanOrEqual(needed);
      expect(given).toBeLessThan(needed + 10);
    }
  });

  test('to start can be given, and the deployment waits longer', () => {
    const { root, deployment } = made({ startupTimeout: Duration.hours(2) });
    expect(seconds(root.startupProbe)).toBe(7200);
    expect(deployment.spec.progressDeadlineSeconds).toBeGreaterThan(7200);
  });

  test.each(['drainTimeout', 'startupTimeout'])('is no text: %s', (field) => {
    expect(() => made({ [field]: '5m' })).toThrow(
      `models/chat: '${field}' is 'a string'; allowed: a Duration`,
    );
  });

  test('to stop is enough for the answer under way', () => {
    const { deployment, root } = made({ drainTimeout: Duration.seconds(300) });
    const [, preStop] = root.lifecycle.preStop.exec.command;
    expect(podSpec(deployment).terminationGracePeriodSeconds).toBeGreaterThan(Number(preStop) + 300);
    expect(root.env).toContainEqual({ name: 'DRAIN_SECONDS', value: '300' });
  });
});

describe('the model', () => {
  test('that is published for distributed-llama needs no conversion', () => {
    const chart = plainChart();
    const published = PublishedDllamaModel.QWEN3_14B_Q40;
    const model = downloaded(chart, { source: source(published.repository) });
    topology(chart, { model, replicaPower: 3 });
    const objects = objectsOf(chart);
    const root = container(the(objects, 'Deployment'), 'root');
    expect(flagValues(root.args, '--model')).toEqual([`/models/${model.path}/${published.modelFile}`]);
    expect(flagValues(root.args, '--tokenizer')).toEqual([
      `/models/${model.path}/${published.tokenizerFile}`,
    ]);
    expect(flagValues(root.args, '--buffer-float-type')).toEqual(['q80']);
    expect(violationsOf(objects)).toBe('');
  });

  test('of another repository that holds such files is named by them', () => {
    const chart = plainChart();
    const model = downloaded(chart, unknown);
    topology(chart, {
      ...byHand,
      model,
      modelFile: 'q40/m.m',
      tokenizerFile: 't.t',
      weights: FloatType.Q40,
    });
    const root = container(the(objectsOf(chart), 'Deployment'), 'root');
    expect(flagValues(root.args, '--model')).toEqual([`/models/${model.path}/q40/m.m`]);
  });

  test('as it is on Hugging Face is refused with what is missing', () => {
    const chart = plainChart();
    expect(() => topology(chart, { model: downloaded(chart) })).toThrow(
      "models/chat: 'model' is 'an artifact of format 'huggingface''; allowed: converted files. Convert it with " +
        'DllamaConversion and give its artifact; or, if the repository holds .m and .t files already, name them: ' +
        'modelFile, tokenizerFile, weights.',
    );
  });

  test.each(['../m.m', '/etc/passwd', 'a b.m', ''])('is not in the file %j', (modelFile) => {
    expect(() => made({ modelFile })).toThrow(`models/chat: 'modelFile' is '${modelFile}'`);
  });

  test('that distributed-llama cannot run is refused, though somebody converted it', () => {
    const chart = plainChart();
    const facts = ModelFacts.fromConfig({
      model_type: 'phi3',
      hidden_size: 256,
      intermediate_size: 512,
      num_hidden_layers: 2,
      num_attention_heads: 8,
      vocab_size: 1024,
      max_position_embeddings: 2048,
    });
    const model = downloaded(chart, { ...unknown, facts });
    expect(() =>
      topology(chart, { model, modelFile: 'm.m', tokenizerFile: 't.t', weights: FloatType.Q40 }),
    ).toThrow("models/chat: 'model' is 'acme/mystery'; allowed: a model that distributed-llama can run");
  });

  test('is named on all that serves it', () => {
    const { objects, converted } = made({}, { licence: 'apache-2.0' });
    for (const kind of ['Deployment', 'StatefulSet']) {
      expect(the(objects, kind).metadata.annotations).toMatchObject({
        'argocd.argoproj.io/sync-wave': '40',
        'cdk8s-llm/needs-artifact': converted.key,
        'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
        'cdk8s-llm/licence': 'apache-2.0',
      });
    }
  });
});

test('two topologies may serve one model', () => {
  const chart = plainChart();
  const model = conversion(chart).artifact;
  topology(chart, { model, replicaPower: 1 }, 'small');
  topology(chart, { model, replicaPower: 2 }, 'large');
  const objects = objectsOf(chart);
  expect(new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).size).toBe(objects.length);
  expect(violationsOf(objects)).toBe('');
});

describe('plain JavaScript', () => {
  test.each<[object, string]>([
    [{ rootMemory: 8 }, "'rootMemory' is 8; allowed: a size"],
    [{ workerSlots: 'x' }, "'workerSlots' is 'a string'; allowed: a list"],
    [{ workerSlots: [{ slots: 0 }] }, "'name in workerSlots[0]' is 'slots'; allowed: slot"],
    [{ workerSlots: [{ slot: 0, memory: 8 }] }, "'workerSlots[0].memory' is 8; allowed: a size"],
    [{ front: 'x' }, "'front' is 'a string'; allowed: an object of queueLength"],
    [{ front: { maxBody: 8 } }, "'front.maxBody' is 8; allowed: a size"],
    [{ rootArgs: '--seed' }, "'rootArgs' is 'a string'; allowed: a list"],
    [{ workerArgs: [5] }, "'workerArgs[0]' is 5; allowed: a text"],
  ])('%j is refused by its name', (props, message) => {
    expect(() => made(props)).toThrow(`models/chat: ${message}`);
  });
});
