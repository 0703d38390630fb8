import { Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { Pipeline } from '../phases/pipeline';
import { python } from '../pod/guard';
import { addJob } from '../pod/job';
import { ANNOTATION } from '../pod/metadata';
import { phaseChartOf } from '../pod/names';
import { addNetworkPolicy } from '../pod/network';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import { addObject, selectorLabels } from '../pod/owner';
import { ContainerSpec, renderPod } from '../pod/pod-spec';
import { Programs } from '../pod/programs';
import { secretEnv } from '../pod/secret-env';
import type { ServerTarget } from './server-target';
import type { SmokeTestOptions } from './smoke-test-options';
import { resolveSmokeTest, SmokeTestSpec } from './smoke-test-spec';

const PROGRAM = 'smoke_test.py';

/** Where the program looks for the API key. */
const API_KEY = 'SMOKE_TEST_API_KEY';

const COMPONENT = 'verify';

const LOGS = Size.mebibytes(64);

/**
 * Adds a Job that asks a server a question: in the verify phase of the server's pipeline, or in a plain chart beside the
 * server.
 *
 * @param scope the server
 * @internal
 */
export function addSmokeTest(scope: Construct, target: ServerTarget, options: SmokeTestOptions): void {
  renderSmokeTest(resolveSmokeTest(testScope(scope), options, { server: target }));
}

/** The test's own scope: its objects are named after the server. */
function testScope(server: Construct): Construct {
  const chart = phaseChartOf(server);
  if (!chart) return new Construct(server, 'smoke-test');
  const scopes = server.node.scopes;
  const names = scopes.slice(scopes.indexOf(chart) + 1).map(({ node }) => node.id);
  return new Construct((chart.node.scope as Pipeline).verify, [...names, 'smoke-test'].join('-'));
}

/** @internal */
export function renderSmokeTest(spec: SmokeTestSpec): void {
  const { owner, options } = spec;
  const programs = new Programs(owner, [PROGRAM]);
  addJob(owner, {
    component: COMPONENT,
    options,
    annotations: {
      ...spec.provenance,
      [ANNOTATION.secrets]: spec.apiKeyPurpose,
    },
    podLabels: {},
    more: spec.deadlineSeconds === undefined ? undefined : { activeDeadlineSeconds: spec.deadlineSeconds },
    pod: renderPod({
      placement: options.placement,
      imagePullSecrets: options.imagePullSecrets,
      stores: [],
      containers: [testContainer(spec)],
      volumes: [...outsideVolumes(options), programs.volume()],
    }),
  });
  addNetworkPolicy(owner, { component: COMPONENT, ingress: [], egress: spec.egress, dns: true });
  if (spec.admittedBy) admit(spec, spec.admittedBy);
  if (spec.tested) addTested(spec, spec.tested);
  programs.add();
}

function testContainer(spec: SmokeTestSpec): ContainerSpec {
  const { apiKey, options } = spec;
  const given = {
    endpoint: spec.endpoint,
    host: spec.host,
    pods: spec.tested?.host,
    'ready-seconds': spec.readySeconds,
    api: spec.api,
    model: spec.model,
    prompt: spec.prompt,
    expect: spec.expect,
    'max-tokens': spec.maxTokens,
    'max-first-token-ms': spec.maxFirstTokenMs,
    'wait-seconds': spec.waitSeconds,
    'route-seconds': spec.routeSeconds,
    'answer-seconds': spec.answerSeconds,
    revision: spec.revision,
  };
  return {
    name: 'smoke-test',
    image: spec.image,
    command: python(PROGRAM),
    args: Object.entries(given).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag}=${value}`],
    ),
    env: [...(apiKey ? [secretEnv({ env: API_KEY, ...apiKey })] : []), ...outsideEnv(options)],
    mounts: outsideMounts(options),
    resources: { cpu: '100m', cpuLimit: '1', memory: Size.mebibytes(128), storage: LOGS },
  };
}

/** Policies add up: this one lets the test in, whomever else the server's own lets in. */
function admit({ owner }: SmokeTestSpec, { selector, port }: NonNullable<SmokeTestSpec['admittedBy']>): void {
  addObject(owner, 'NetworkPolicy-admit', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    name: `${owner.name}-admit`,
    component: COMPONENT,
    body: {
      spec: {
        podSelector: { matchLabels: selector },
        policyTypes: ['Ingress'],
        ingress: [
          {
            from: [{ podSelector: { matchLabels: selectorLabels(owner, COMPONENT) } }],
            ports: [{ protocol: 'TCP', port }],
          },
        ],
      },
    },
  });
}

/** Names those of the pods that are ready, and so tells whether there are any. */
function addTested(
  { owner, provenance }: SmokeTestSpec,
  { name, selector, port }: NonNullable<SmokeTestSpec['tested']>,
): void {
  addObject(owner, 'Service', {
    apiVersion: 'v1',
    kind: 'Service',
    name,
    component: COMPONENT,
    annotations: provenance,
    body: {
      spec: {
        clusterIP: 'None',
        selector,
        ports: [{ name: 'http', port, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
      },
    },
  });
}
