import * as path from 'node:path';
import { Chart, Duration, Size, Yaml } from 'cdk8s';
import { ConfigMap, Secret } from 'cdk8s-plus-28';
import {
  Accelerator,
  DllamaConversion,
  FluxSourceRef,
  GitOps,
  ModelStore,
  NetworkPeer,
  PhasedApp,
} from '../../src';
import { SmokeTest } from '../../src/constructs/smoke-test';
import { VllmServer } from '../../src/constructs/vllm-server';
import type { VllmServerProps } from '../../src/constructs/vllm-server-props';
import { MultiNode } from '../../src/serving/group';
import { KedaTrigger } from '../../src/serving/scalers/keda-trigger';
import { Scaling } from '../../src/serving/scaling';
import { Rollout } from '../../src/serving/server-props';
import { SmokeTestApi } from '../../src/serving/smoke-test-options';
import type { KubeObject } from '../../src/validation/kube-object';
import { OpenAiDouble } from '../doubles/openai';
import { temporaryFolder } from '../support/folders';
import { JobStand } from '../support/job-stand';
import { cache, conversion, downloaded, topology } from '../support/models';
import {
  argument,
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  the,
  violationsOf,
} from '../support/objects';
import { checkedObjects, inferenceServer, pipelineFor, served, sharedModel } from '../support/servers';

const OF_TEST = /smoke-test/;

function jobOf(objects: KubeObject[]): KubeObject {
  return the(objects, 'Job', OF_TEST);
}

function endpointOf(objects: KubeObject[]): string {
  return argument(container(jobOf(objects), 'smoke-test'), 'endpoint')[0];
}

type Labels = Record<string, string>;

/** The labels of all pods of servers. */
function templatesOf(objects: KubeObject[]): Labels[] {
  return objects
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'LeaderWorkerSet'].includes(kind))
    .flatMap(({ spec: { template, leaderWorkerTemplate: group } }) =>
      group ? [group.leaderTemplate, group.workerTemplate] : [template],
    )
    .map(({ metadata }) => metadata.labels as Labels);
}

function includes(labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

function argumentsOf(objects: KubeObject[]): string[] {
  return container(jobOf(objects), 'smoke-test').args as string[];
}

describe('a smoke test of a server', () => {
  const objects = served({ smokeTest: { expect: 'Paris' }, modelNames: ['qwen3'] });

  test('is a Job of the verify phase', () => {
    const job = jobOf(objects);
    expect(job.metadata.name).toMatch(/^qwen-chat-smoke-test-[0-9a-f]{8}$/);
    expect(job.metadata.annotations).toMatchObject({
      'argocd.argoproj.io/sync-wave': '50',
      'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
    });
    expect(job.metadata.annotations).not.toHaveProperty('cdk8s-llm/artifact-key');
    expect(podSpec(job).volumes).toHaveLength(1);
  });

  test('asks for the model by its name, and waits as long as a start may take, and longer', () => {
    const [startup] = ofKind(objects, 'Deployment').map(
      (each) => container(each, 'acme').startupProbe as { periodSeconds: number; failureThreshold: number },
    );
    const wait = Number(argument(container(jobOf(objects), 'smoke-test'), 'wait-seconds')[0]);
    expect(wait).toBeGreaterThan(startup.periodSeconds * startup.failureThreshold + 500);
    const anyNumber = (text: string) => text.replace(/=[0-9a-f]+$/, '=').replace(/-[0-9a-f]{8}\./g, '-*.');
    expect(argumentsOf(objects).map(anyNumber)).toEqual([
      '--endpoint=http://qwen-chat-smoke-test-*.llm.svc:8000/v1',
      '--pods=qwen-chat-smoke-test-*.llm.svc',
      '--ready-seconds=',
      '--api=chat',
      '--model=qwen3',
      '--expect=Paris',
      '--wait-seconds=',
      '--route-seconds=',
      '--answer-seconds=',
      '--revision=',
    ]);
  });

  test('waits for a pod as long as Jobs may make its model, and with all retries longer than each wait', () => {
    const seconds = (found: KubeObject[]) => {
      const [ready, wait, answer] = ['ready', 'wait', 'answer'].map((name) =>
        Number(argument(container(jobOf(found), 'smoke-test'), `${name}-seconds`)[0]),
      );
      return {
        ready,
        tries: 3 * (wait + answer),
        deadline: jobOf(found).spec.activeDeadlineSeconds as number,
      };
    };
    const { ready, tries, deadline } = seconds(objects);
    expect(ready).toBe(86400);
    expect(deadline).toBeGreaterThan(ready + tries);
    const shorter = served({ smokeTest: { readyTimeout: Duration.minutes(20) } });
    expect(seconds(shorter)).toMatchObject({ ready: 1200, deadline: deadline - ready + 1200 });
  });

  test('reaches the pods of the server alone, which let it in whomever else they let in', () => {
    const narrow = served({ smokeTest: {}, allowFrom: [NetworkPeer.namespace('gateway')] });
    const server = the(narrow, 'Deployment').spec.selector.matchLabels as Record<string, string>;
    const tested = the(narrow, 'Service', OF_TEST).spec.selector as Record<string, string>;
    const test = podSpecLabels(jobOf(narrow));
    const { egress, ingress } = the(narrow, 'NetworkPolicy', 'qwen-chat-smoke-test-verify').spec;
    expect(ingress).toEqual([]);
    expect(egress).toEqual([
      { ports: [expect.objectContaining({ port: 53 }), expect.objectContaining({ port: 53 })] },
      { to: [{ podSelector: { matchLabels: tested } }], ports: [{ protocol: 'TCP', port: 8000 }] },
    ]);
    const admit = the(narrow, 'NetworkPolicy', 'qwen-chat-smoke-test-admit').spec;
    expect(admit).toEqual({
      podSelector: { matchLabels: server },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: expect.any(Object) as object } }],
          ports: [{ protocol: 'TCP', port: 8000 }],
        },
      ],
    });
    expect(test).toMatchObject(admit.ingress[0].from[0].podSelector.matchLabels as object);
  });

  test('is another Job when the pods of the server are others, and the same when only their number is', () => {
    const name = (props: Parameters<typeof served>[0]) => jobOf(served(props)).metadata.name;
    const before = name({ smokeTest: {}, replicas: 2 });
    expect(name({ smokeTest: {}, replicas: 2 })).toBe(before);
    expect(name({ smokeTest: {}, replicas: 3 })).toBe(before);
    expect(name({ smokeTest: {}, replicas: 2, image: 'registry.example.com/acme:v1.2.4' })).not.toBe(before);
    expect(name({ smokeTest: {}, replicas: 2, env: { LOG_LEVEL: 'debug' } })).not.toBe(before);
    expect(name({ smokeTest: { attempt: 2 }, replicas: 2 })).not.toBe(before);
  });

  test('shows the API key from a Secret, and nothing else has it', () => {
    const withKey = served((pipeline) => ({
      smokeTest: { apiKey: { secret: Secret.fromSecretName(pipeline, 'keys', 'chat-keys'), key: 'test' } },
    }));
    expect(container(jobOf(withKey), 'smoke-test').env).toEqual([
      { name: 'SMOKE_TEST_API_KEY', valueFrom: { secretKeyRef: { name: 'chat-keys', key: 'test' } } },
    ]);
    expect(jobOf(withKey).metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'chat-keys/test=the API key of qwen-chat',
    );
    expect(container(jobOf(objects), 'smoke-test')).not.toHaveProperty('env');
  });

  test('asks what starts a server that does not run', () => {
    const asleep = served({ smokeTest: {}, scaling: Scaling.kedaHttp({ max: 1, concurrency: 4 }) });
    expect(argumentsOf(asleep)).toEqual(
      expect.arrayContaining([
        '--endpoint=http://keda-add-ons-http-interceptor-proxy.keda.svc:8080/v1',
        '--host=qwen-chat.llm',
        `--pods=${the(asleep, 'Service', OF_TEST).metadata.name}.llm.svc`,
        '--route-seconds=120',
      ]),
    );
    const { egress } = the(asleep, 'NetworkPolicy', 'qwen-chat-smoke-test-verify').spec;
    expect(egress[1].to).toEqual([
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'keda' } } },
    ]);
    // A policy sees the port of the interceptor's pods, which need not be that of its Service.
    expect(egress[1]).not.toHaveProperty('ports');
    expect(ofKind(asleep, 'NetworkPolicy').map(({ metadata }) => metadata.name)).not.toContain(
      'qwen-chat-smoke-test-admit',
    );
  });

  test('is refused for a server that asking does not start', () => {
    const keda = (min: number) => () =>
      served({
        smokeTest: {},
        metrics: { running: 'acme_running' },
        scaling: Scaling.keda({
          min,
          max: 2,
          prometheus: {
            serverAddress: 'http://prometheus.monitoring.svc:9090',
            from: [NetworkPeer.namespace('monitoring')],
          },
          triggers: [
            KedaTrigger.requestsRunning(4),
            KedaTrigger.cron({
              timezone: 'Europe/Berlin',
              start: '0 8 * * 1-5',
              end: '0 18 * * 1-5',
              replicas: 1,
            }),
          ],
        }),
      });
    expect(keda(0)).toThrow("'smokeTest' is 'given'; allowed: nothing for a server of which no copy may run");
    expect(keda(1)).not.toThrow();
  });

  test('stands beside the server in a chart that knows nothing of phases', () => {
    const chart = plainChart();
    inferenceServer(chart, { model: downloaded(chart), smokeTest: {} });
    const plain = objectsOf(chart);
    expect(jobOf(plain).metadata.name).toMatch(/^models-chat-smoke-test-/);
    expect(jobOf(plain).metadata.annotations?.['argocd.argoproj.io/sync-wave']).toBe('50');
    expect(violationsOf(plain)).toBe('');
  });

  test.each(['1.28', '1.31', '1.34'])('keeps all rules in Kubernetes %s', (version) => {
    expect(() =>
      served({ smokeTest: { api: SmokeTestApi.EMBEDDING, timeout: Duration.hours(1) } }, version),
    ).not.toThrow();
  });
});

function podSpecLabels(job: KubeObject): Record<string, string> {
  return job.spec.template.metadata.labels as Record<string, string>;
}

test('a topology of distributed-llama is tested at its front', () => {
  const pipeline = pipelineFor();
  const weights = cache(pipeline.download);
  const { artifact } = new DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
  topology(pipeline.serve, {
    model: artifact,
    smokeTest: {},
    allowFrom: [NetworkPeer.namespace('web')],
  });
  const objects = checkedObjects(pipeline);
  expect(endpointOf(objects)).toMatch(/^http:\/\/qwen-chat-smoke-test-[0-9a-f]{8}\.llm\.svc:8080\/v1$/);
  expect(argumentsOf(objects)).toContain(`--model=${artifact.modelFile}`);
  const { podSelector } = the(objects, 'NetworkPolicy', /admit$/).spec;
  expect(podSelector.matchLabels).toEqual(the(objects, 'Deployment').spec.selector.matchLabels);
});

describe('while a new version is rolled out', () => {
  const vllm = (image: string, more: Partial<VllmServerProps>) => {
    const pipeline = pipelineFor();
    new VllmServer(pipeline.serve, 'chat', {
      model: sharedModel(pipeline),
      accelerator: Accelerator.nvidia({ memory: Size.gibibytes(80) }),
      smokeTest: {},
      image,
      ...more,
    });
    return checkedObjects(pipeline);
  };
  const groups = (multiNode: MultiNode, rollout: Rollout) => (image: string, replicas: number) =>
    vllm(`docker.io/vllm/vllm-openai:${image}`, {
      replicas,
      multiNode,
      rollout,
      nodes: 2,
      pipelineParallel: 2,
    });
  const kinds: [string, (image: string, replicas: number) => KubeObject[]][] = [
    [
      'Deployment',
      (tag, replicas) => served({ image: `registry.example.com/acme:${tag}`, replicas, smokeTest: {} }),
    ],
    ['StatefulSets of groups', groups(MultiNode.statefulSets(), Rollout.RECREATE)],
    ['LeaderWorkerSet', groups(MultiNode.leaderWorkerSet(), Rollout.REPLACE)],
    [
      'topology of distributed-llama',
      (tag, workers) => {
        const pipeline = pipelineFor();
        const { artifact } = conversion(pipeline.convert, { model: cache(pipeline.download).artifact });
        topology(pipeline.serve, {
          model: artifact,
          smokeTest: {},
          replicaPower: workers,
          image: `registry.example.com/dllama:${tag}`,
        });
        return checkedObjects(pipeline);
      },
    ],
  ];

  test.each(kinds)('of a %s, its old pods cannot answer for it', (_kind, objectsFor) => {
    const [before, after] = [objectsFor('v0.16.4', 1), objectsFor('v0.16.5', 1)];
    const asked = new URL(endpointOf(after));
    const service = the(after, 'Service', asked.hostname.split('.')[0]).spec;
    expect(service.ports).toEqual([
      expect.objectContaining({ port: Number(asked.port), targetPort: 'http' }),
    ]);
    const answering = (objects: KubeObject[]) =>
      templatesOf(objects).filter((labels) => includes(labels, service.selector as Labels));
    expect(answering(after)).toHaveLength(1);
    expect(answering(before)).toEqual([]);
    // Clients are answered by both.
    const clients = the(after, 'Service', 'qwen-chat').spec.selector as Labels;
    expect(templatesOf(before).filter((labels) => includes(labels, clients))).toHaveLength(1);
    // What selects pods for as long as a workload is there knows nothing of versions.
    for (const object of after.filter(({ spec: { selector } = {} }) => selector?.matchLabels !== undefined)) {
      expect(object.spec.selector.matchLabels).not.toHaveProperty('cdk8s-llm/pod-revision');
    }
  });

  test.each(kinds.slice(0, 3))(
    'the pods of a %s stay when only their number changes',
    (_kind, objectsFor) => {
      const revisions = (replicas: number) => [
        ...new Set(
          templatesOf(objectsFor('v0.16.4', replicas)).map((labels) => labels['cdk8s-llm/pod-revision']),
        ),
      ];
      expect(revisions(3)).toEqual(revisions(2));
      expect(revisions(3)).toHaveLength(1);
    },
  );
});

describe('a SmokeTest', () => {
  test('of a server is one of several, with names of their own', () => {
    const pipeline = pipelineFor();
    const chat = inferenceServer(pipeline.serve, { model: sharedModel(pipeline), smokeTest: {} });
    new SmokeTest(pipeline.verify, 'german', {
      server: chat,
      prompt: 'Wie heißt die Hauptstadt Frankreichs?',
      expect: 'Paris',
      maxTokens: 20,
      maxTimeToFirstToken: Duration.millis(1500),
      placement: { nodeSelector: { zone: 'a' } },
    });
    const objects = checkedObjects(pipeline);
    const job = the(objects, 'Job', /german/);
    expect(container(job, 'smoke-test').args).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^--endpoint=http:\/\/qwen-german-[0-9a-f]{8}\.llm\.svc:8000\/v1$/),
        '--prompt=Wie heißt die Hauptstadt Frankreichs?',
        '--max-tokens=20',
        '--max-first-token-ms=1500',
      ]),
    );
    expect(podSpec(job).nodeSelector).toEqual({ zone: 'a' });
    expect(
      ofKind(objects, 'Job').filter(
        ({ metadata }) => metadata.annotations?.['argocd.argoproj.io/sync-wave'] === '50',
      ),
    ).toHaveLength(2);
  });

  test('of an address goes all the way', () => {
    const pipeline = pipelineFor();
    const authorities = ConfigMap.fromConfigMapName(pipeline, 'authorities', 'private-ca');
    new SmokeTest(pipeline.verify, 'route', {
      endpoint: 'https://llm.example.com/qwen/v1/',
      model: 'qwen3',
      to: [NetworkPeer.addresses('192.0.2.0/24')],
      caConfigMap: authorities,
      httpsProxy: 'http://proxy.example.com:3128',
      apiKey: { secret: Secret.fromSecretName(pipeline, 'key', 'route-key'), key: 'key' },
    });
    const objects = checkedObjects(pipeline);
    const job = the(objects, 'Job');
    expect(job.spec.backoffLimit).toBe(2);
    expect(job.spec).not.toHaveProperty('activeDeadlineSeconds');
    expect(job.metadata.annotations?.['cdk8s-llm/secrets']).toBe('route-key/key=ask the server (API key)');
    const tester = container(job, 'smoke-test');
    expect(tester.args).toContain('--endpoint=https://llm.example.com/qwen/v1');
    expect(tester.env).toEqual(
      expect.arrayContaining([
        { name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' },
        { name: 'SSL_CERT_FILE', value: '/etc/cdk8s-llm/ca/ca.crt' },
      ]),
    );
    expect(the(objects, 'NetworkPolicy').spec.egress[1]).toEqual({
      to: [{ ipBlock: { cidr: '192.0.2.0/24' } }],
      ports: [
        { protocol: 'TCP', port: 443 },
        { protocol: 'TCP', port: 3128 },
      ],
    });
  });

  const endpoint = 'http://llm.example.com/v1';
  test.each([
    ['neither server nor endpoint', {}, "'server' is nothing; allowed: either server or endpoint"],
    ['an address with credentials', { endpoint: 'http://a:b@c/v1' }, "'endpoint' is 'http://***@c/v1'"],
    [
      'an API that there is not',
      { endpoint, api: 'vision' as SmokeTestApi },
      'chat, completion, embedding, rerank',
    ],
    ['an empty question', { endpoint, prompt: ' ' }, "'prompt' is ' '; allowed: a text that is not empty"],
    [
      'what a vector cannot contain',
      { endpoint, api: SmokeTestApi.EMBEDDING, expect: 'Paris' },
      "'expect' is 'given'; allowed: nothing: the server is asked for embedding",
    ],
    ['no tokens', { endpoint, maxTokens: 0 }, "'maxTokens' is 0"],
    ['no time', { endpoint, timeout: Duration.seconds(0) }, "'timeout in seconds' is 0"],
    [
      'a time for pods that nobody knows',
      { endpoint, readyTimeout: Duration.hours(1) },
      "'readyTimeout' is 'given'; allowed: nothing: of an address no pods are known",
    ],
    ['a number for a time', { endpoint, maxTimeToFirstToken: 5 as never }, 'a Duration'],
    ['an image without a tag', { endpoint, image: 'python' }, "'image' is 'python'"],
    ['a name for a Secret', { endpoint, apiKey: 'key' as never }, "'apiKey' is 'a string'"],
    ['what is no server', { server: { serviceName: 'a', endpoint } }, 'a server of this library'],
    ['nobody to ask', { endpoint, to: [] }, "'to' is 'an empty list'; allowed: one NetworkPeer or more"],
    ['one peer for a list', { endpoint, to: 'gateway' as never }, "'to' is 'a string'; allowed: a list"],
    [
      'what is no peer',
      { endpoint, to: ['gateway' as never] },
      "'to[0]' is 'a string'; allowed: a NetworkPeer",
    ],
  ])('refuses %s', (_, props, error) => {
    const { verify } = pipelineFor();
    expect(() => new SmokeTest(verify, 'test', props)).toThrow(error);
  });

  test('refuses what would have no effect on a server', () => {
    const pipeline = pipelineFor();
    const chat = inferenceServer(pipeline.serve, { model: sharedModel(pipeline) });
    const add = (id: string, props: object) => () =>
      new SmokeTest(pipeline.verify, id, { server: chat, ...props });
    expect(add('a', { to: [NetworkPeer.sameNamespace()] })).toThrow("'to' is 'given'");
    expect(add('b', { httpsProxy: 'http://proxy:3128' })).toThrow(
      "'httpsProxy' is 'given'; allowed: nothing",
    );
    expect(add('c', { endpoint: 'http://a/v1' })).toThrow("'server' is 'given together with endpoint'");
  });

  test('refuses a server of another namespace, and another phase', () => {
    const pipeline = pipelineFor();
    const chat = inferenceServer(pipeline.serve, { model: sharedModel(pipeline) });
    const other = new Chart(pipeline.node.root, 'other', { namespace: 'tests' });
    expect(() => new SmokeTest(other, 'test', { server: chat })).toThrow(
      "'server' is 'a server in namespace llm'; allowed: one in namespace tests",
    );
    expect(() => new SmokeTest(pipeline.serve, 'test', { server: chat })).toThrow(/pipeline\.verify/);
  });
});

test('Flux opens the verify phase when the server is ready, and waits for the test', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({
    outdir,
    gitOps: [GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('models') })],
  });
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  inferenceServer(pipeline.serve, { model: cache(pipeline.download).artifact, smokeTest: {} });
  app.synth();
  const objects = Yaml.load(path.join(outdir, 'gitops/flux/qwen.yaml')) as KubeObject[];
  expect(the(objects, 'Kustomization', 'qwen-50-verify').spec).toMatchObject({
    wait: true,
    dependsOn: [{ name: 'qwen-40-serve' }],
    path: './dist/qwen/50-verify',
  });
  const verify = Yaml.load(path.join(outdir, 'qwen/50-verify/verify.k8s.yaml')) as KubeObject[];
  expect(jobOf(verify).metadata.name).toMatch(/^qwen-chat-smoke-test-/);
});

describe('the Job, as its YAML says,', () => {
  const server = new OpenAiDouble();
  beforeAll(() => server.listen());
  afterAll(() => server.stop());

  /** The Job with the loopback address in place of the cluster's. */
  function aimed(objects: KubeObject[]): KubeObject[] {
    const tester = container(jobOf(objects), 'smoke-test');
    tester.args = (tester.args as string[]).map((each) =>
      each.replace(/^--endpoint=.*/, `--endpoint=${server.endpoint}`),
    );
    return objects;
  }

  test('asks a server and leaves how fast it answered', async () => {
    server.key = 'sk-secret';
    const objects = served((pipeline) => ({
      model: cache(pipeline.download, { store: ModelStore.existingClaim('models') }).artifact,
      modelNames: ['qwen3'],
      smokeTest: {
        expect: 'paris',
        apiKey: { secret: Secret.fromSecretName(pipeline, 'keys', 'chat-keys'), key: 'test' },
      },
    }));
    const only = objects.filter(({ kind }) => kind !== 'Job').concat(jobOf(aimed(objects)));
    const outcomes = await new JobStand(only, { 'chat-keys/test': 'sk-secret\n' }).run();
    expect(outcomes['smoke-test']).toMatchObject({
      code: 0,
      result: { model: 'qwen3', answer: 'Paris.', timeToFirstToken: expect.any(Number) as number },
    });
    expect(outcomes['smoke-test'].log).not.toContain('sk-secret');
  });
});
