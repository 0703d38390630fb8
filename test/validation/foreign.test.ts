import { ApiObject } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import { PhasedApp, Pipeline } from '../../src';
import { checkObjects, ForeignRules, KubeObject, Violation } from '../../src/validation/check';
import { RULES } from '../../src/validation/rules';
import { filesIn, temporaryFolder } from '../support/folders';
import { checked, Good, goodObjects } from './good-objects';

/** Objects that a user wrote: which rules hold for them, and how they are excused from one. */

const SKIP = 'cdk8s-llm/skip-checks';

function check(good: Good, foreignRules?: ForeignRules): Violation[] {
  return checkObjects(checked(good), { kubernetesVersion: '1.31', foreignRules });
}

function rulesBroken(good: Good, foreignRules?: ForeignRules): string[] {
  return [...new Set(check(good, foreignRules).map(({ rule }) => rule))];
}

function pod(object: KubeObject) {
  return object.spec.template.spec;
}

/** What Kubernetes and Pod Security take, and we do not do. */
function withoutStyle(object: KubeObject): void {
  const spec = pod(object);
  for (const field of ['automountServiceAccountToken', 'enableServiceLinks']) delete spec[field];
  for (const field of ['runAsUser', 'runAsGroup', 'fsGroup']) delete spec.securityContext[field];
  const [container] = spec.containers;
  container.securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
  };
  for (const probe of ['startupProbe', 'readinessProbe']) delete container[probe];
  container.livenessProbe = { tcpSocket: { port: 8081 }, failureThreshold: 1 };
  container.lifecycle = { preStop: { exec: { command: ['sleep', '40'] } } };
  delete container.resources;
  container.ports = [{ containerPort: 8080 }, { containerPort: 8081 }];
  spec.volumes = [{ name: 'unused', emptyDir: {} }];
  object.spec.replicas = 2;
}

/** Whatever the house style asks of anyone. */
const STYLE_OF_SERVERS = [
  'closed-pods',
  'declared-ports',
  'disruption-budget',
  'graceful-shutdown',
  'patient-liveness',
  'pod-hardening',
  'resources',
  'server-probes',
  'spread',
  'volumes-used',
];

test('the house style is asked of foreign objects only where all rules are', () => {
  const good = goodObjects();
  withoutStyle(good.foreign);
  good.foreignPolicy.spec.podSelector = { matchLabels: { app: 'other' } };
  expect(rulesBroken(good, 'essential')).toEqual([]);
  expect(rulesBroken(good, 'all').sort()).toEqual(STYLE_OF_SERVERS);
  expect(check(good)).toEqual(check(good, 'all'));
  // Nothing above is asked for by a rule that is not marked as style.
  const marked = RULES.filter(({ style }) => style).map(({ id }) => id);
  expect(marked).toEqual(expect.arrayContaining(STYLE_OF_SERVERS));
});

test('the house style is asked of our own objects always', () => {
  const good = goodObjects();
  delete pod(good.workers).enableServiceLinks;
  delete pod(good.workers).containers[0].resources.limits['ephemeral-storage'];
  expect(rulesBroken(good, 'essential').sort()).toEqual(['pod-hardening', 'resources']);
});

test("a foreign Job's retries are its own matter, not its end", () => {
  const good = goodObjects();
  const job: KubeObject = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'seed', namespace: 'web' },
    spec: { template: structuredClone(good.foreign.spec.template) },
  };
  const [container] = job.spec.template.spec.containers;
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) delete container[probe];
  job.spec.template.spec.restartPolicy = 'OnFailure';
  Object.assign(good, { job });
  expect(rulesBroken(good, 'essential')).toEqual([]);
  job.spec.ttlSecondsAfterFinished = 60;
  job.metadata.annotations = { 'argocd.argoproj.io/hook': 'PreSync' };
  expect(rulesBroken(good, 'essential')).toEqual(['job-stays', 'no-hooks']);
});

test.each<[string, (good: Good) => void]>([
  ['pinned-image', ({ foreign }) => (pod(foreign).containers[0].image = 'proxy:latest')],
  ['pod-security', ({ foreign }) => (pod(foreign).hostNetwork = true)],
  ['pod-security', ({ foreign }) => delete pod(foreign).containers[0].securityContext.capabilities],
  ['no-secret-data', ({ secret }) => (secret.stringData = { token: 'x' })],
  ['no-secret-text', ({ foreign }) => (pod(foreign).containers[0].env = [{ name: 'API_KEY', value: 'x' }])],
  ['selector-matches', ({ foreign }) => (foreign.spec.selector.matchLabels = { app: 'x' })],
  ['requests-within-limits', ({ foreign }) => (pod(foreign).containers[0].resources.requests.cpu = '9')],
  ['reference-names', ({ foreign }) => (pod(foreign).containers[0].envFrom = [{ secretRef: {} }])],
  ['schema', ({ foreign }) => (foreign.spec.replica = 1)],
  ['valid-name', ({ foreign }) => (foreign.metadata.name = 'Proxy')],
  [
    'dllama-probes',
    ({ workers }) => {
      workers.metadata.labels = {};
      pod(workers).containers[0].livenessProbe = { tcpSocket: { port: 9999 } };
    },
  ],
])('%s is essential: it holds for whatever is applied', (rule, edit) => {
  const good = goodObjects();
  edit(good);
  expect(rulesBroken(good, 'essential')).toEqual([rule]);
});

describe('a waiver', () => {
  test('excuses the object that has it from the rules that it names, and no other', () => {
    const good = goodObjects();
    for (const object of [good.foreign, good.workers]) {
      delete pod(object).containers[0].startupProbe;
      delete pod(object).enableServiceLinks;
    }
    good.foreign.metadata.annotations = {
      [SKIP]: 'server-probes: it answers at once\npod-hardening: reads the variables',
    };
    const broken = () => check(good).map(({ rule, where }) => `${where} ${rule}`);
    expect(broken().sort()).toEqual(['workers pod-hardening', 'workers server-probes']);
    good.workers.metadata.annotations![SKIP] = 'server-probes: a test';
    expect(broken()).toEqual(['workers pod-hardening']);
  });

  test('holds for rules about several objects', () => {
    const good = goodObjects();
    good.foreignPolicy.spec.podSelector = { matchLabels: { app: 'other' } };
    expect(rulesBroken(good)).toEqual(['closed-pods']);
    good.foreign.metadata.annotations = { [SKIP]: 'closed-pods: a policy of the cluster covers it' };
    expect(check(good)).toEqual([]);
  });

  test('of the schema is for fields that it does not know, not for what cannot be read', () => {
    const good = goodObjects();
    good.foreign.metadata.annotations = { [SKIP]: 'schema: a field of Kubernetes 1.40' };
    good.foreign.spec.newField = true;
    expect(check(good)).toEqual([]);
    delete pod(good.foreign).enableServiceLinks;
    expect(rulesBroken(good)).toEqual(['pod-hardening']);
    pod(good.foreign).containers = 'none';
    expect(rulesBroken(good)).toEqual(['schema']);
  });

  test('that is no text is a broken schema', () => {
    const good = goodObjects();
    good.foreign.metadata.annotations = { [SKIP]: ['schema'] } as unknown as Record<string, string>;
    expect(rulesBroken(good)).toEqual(['schema']);
  });
});

describe('in a pipeline of a PhasedApp', () => {
  const synth = (add: (pipeline: Pipeline) => void): string[] => {
    const outdir = temporaryFolder();
    const app = new PhasedApp({ outdir });
    add(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
    return filesIn(outdir);
  };

  /** As hardened as Pod Security `restricted` asks, and no more. */
  const deployment = (pipeline: Pipeline) =>
    new kplus.Deployment(pipeline.serve, 'proxy', {
      containers: [
        {
          image: 'registry.example/proxy:v1.2.3',
          portNumber: 8080,
          securityContext: {
            capabilities: { drop: [kplus.Capability.ALL] },
            seccompProfile: { type: kplus.SeccompProfileType.RUNTIME_DEFAULT },
          },
        },
      ],
    });

  test('a Service with one port without a name is taken', () => {
    const files = synth(({ serve }) => {
      new kplus.Service(serve, 'entry', {
        selector: kplus.Pods.select(serve, 'all', { labels: { app: 'proxy' } }),
        ports: [{ port: 80 }],
      });
    });
    expect(files).toContain('qwen/40-serve/serve.k8s.yaml');
  });

  test('a hardened Deployment of cdk8s-plus with its Service is taken', () => {
    expect(synth((pipeline) => void deployment(pipeline).exposeViaService())).toContain(
      'qwen/40-serve/serve.k8s.yaml',
    );
  });

  test('a waiver on one object lets that object through', () => {
    const add = (waiver?: string) => (pipeline: Pipeline) => {
      const object = ApiObject.of(deployment(pipeline));
      object.metadata.addAnnotation('argocd.argoproj.io/hook', 'PostSync');
      if (waiver !== undefined) object.metadata.addAnnotation(SKIP, waiver);
    };
    expect(() => synth(add())).toThrow(/\[no-hooks\].*\n.*cdk8s-llm\/skip-checks: "<rule>: <reason>"/);
    expect(() => synth(add('no-hook: a'))).toThrow('did you mean no-hooks?');
    expect(synth(add('no-hooks: it migrates a database after each sync'))).toContain(
      'qwen/40-serve/serve.k8s.yaml',
    );
  });
});
