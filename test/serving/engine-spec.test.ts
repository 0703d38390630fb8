import { Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { Pipeline } from '../../src';
import type { EngineSpec } from '../../src/serving/engine-spec';
import { mountArtifacts } from '../../src/serving/mounted-artifacts';
import { PodTemplateOverrides, serverPodTemplate } from '../../src/serving/server-pod';
import { Rollout, ServerProps } from '../../src/serving/server-props';
import { renderServer, renderServerAround } from '../../src/serving/server-render';
import { resolveServer, serverOwner, ServerSpec } from '../../src/serving/server-spec';
import type { KubeObject } from '../../src/validation/kube-object';
import { container, ofKind, podSpec, the, Untyped } from '../support/objects';
import { checkedObjects, pipelineFor, sharedModel } from '../support/servers';

/** What the construct of an engine can say and InferenceServer does not. */

const ASK = { action: { httpGet: { path: '/health', port: 'http' } } };

function specOf(pipeline: Pipeline, engine: Partial<EngineSpec>, props: ServerProps = {}): ServerSpec {
  const scope = new Construct(pipeline.serve, 'chat');
  const owner = serverOwner(scope, 'acme-server');
  return resolveServer(scope, props, {
    owner,
    engine: 'acme',
    image: 'registry.example.com/acme:v1.2.3',
    command: ['acme'],
    args: [],
    env: [],
    port: 8000,
    artifacts: mountArtifacts(owner, [{ role: 'model', artifact: sharedModel(pipeline) }]),
    probes: { startup: ASK, readiness: ASK, liveness: ASK },
    healthPath: '/health',
    writable: [],
    resources: { cpu: '2', memory: Size.gibibytes(4) },
    startupSeconds: 60,
    shutdownSeconds: 10,
    drains: false,
    modelNames: [],
    ...engine,
  });
}

function rendered(engine: Partial<EngineSpec>, props: ServerProps = {}): KubeObject[] {
  const pipeline = pipelineFor();
  renderServer(specOf(pipeline, engine, props));
  return checkedObjects(pipeline);
}

const deployment = (objects: KubeObject[]) => the(objects, 'Deployment', 'qwen-chat');
const acme = (objects: KubeObject[]) => container(deployment(objects), 'acme');

describe('memory', () => {
  const leastMemory = { size: Size.gibibytes(3), reason: 'The weights alone take 3 GiB.' };
  const resources = { cpu: '2', memory: Size.gibibytes(4), leastMemory };
  const sharedMemory = Size.gibibytes(1);

  test('is what the engine computes, with what is shared', () => {
    expect(acme(rendered({ resources })).resources.limits.memory).toBe('4Gi');
    expect(acme(rendered({ resources, sharedMemory })).resources.limits.memory).toBe('5Gi');
  });

  test('below the least that can work is refused, with the arithmetic', () => {
    const memory = Size.mebibytes(3500);
    expect(acme(rendered({ resources }, { memory })).resources.limits.memory).toBe('3500Mi');
    expect(() => rendered({ resources, sharedMemory }, { memory })).toThrow(
      /'memory' is '3500Mi'; allowed: 4Gi or more \(1Gi of them for \/dev\/shm\)\. The weights alone take 3 GiB\./,
    );
  });

  test('that nobody knows has to be given, and the engine says why', () => {
    expect(() => rendered({ resources: { cpu: '2', memoryAdvice: 'Say how large the model is.' } })).toThrow(
      /'memory' is nothing; .* Say how large the model is\./,
    );
  });
});

describe('volumes', () => {
  const cache = (shared: boolean, subPath?: string) => ({
    writable: [{ name: 'cache', path: '/cache', claim: { name: 'compiled', shared, subPath } }],
  });

  test('a cache can be on a claim, in a folder of its own', () => {
    const objects = rendered(cache(true, 'acme'), { replicas: 2 });
    expect(podSpec(deployment(objects)).volumes).toContainEqual({
      name: 'cache',
      persistentVolumeClaim: { claimName: 'compiled' },
    });
    expect(acme(objects).volumeMounts).toContainEqual({
      name: 'cache',
      mountPath: '/cache',
      subPath: 'acme',
    });
  });

  test('one pod writes to a claim that no second can mount', () => {
    expect(deployment(rendered(cache(false))).spec.strategy).toEqual({ type: 'Recreate' });
    expect(() => rendered(cache(false), { replicas: 2 })).toThrow(
      /'replicas' is 2; allowed: 1, as .* claim compiled/,
    );
    expect(() => rendered(cache(false), { rollout: Rollout.SURGE })).toThrow(
      /'rollout' is 'surge'; allowed: recreate or replace\. The new pod would wait for claim compiled/,
    );
  });

  test('files are of a Secret, which its group alone can read, or of a ConfigMap', () => {
    const items = [{ key: 'api-key', path: 'key' }];
    const objects = rendered({
      files: [
        { name: 'key', folder: '/etc/acme/key', secret: 'chat-key', items },
        { name: 'template', folder: '/etc/acme/template', configMap: 'templates', items },
      ],
      secretPurposes: ['chat-key/api-key=the key of the API'],
    });
    expect(podSpec(deployment(objects)).volumes).toEqual(
      expect.arrayContaining([
        { name: 'key', secret: { secretName: 'chat-key', items, defaultMode: 0o440 } },
        { name: 'template', configMap: { name: 'templates', items } },
      ]),
    );
    expect(acme(objects).volumeMounts).toContainEqual({
      name: 'key',
      mountPath: '/etc/acme/key',
      readOnly: true,
    });
    expect(deployment(objects).metadata.annotations!['cdk8s-llm/secrets']).toBe(
      'chat-key/api-key=the key of the API',
    );
  });

  const folder = (name: string, path: string) => ({ name, path, size: Size.mebibytes(1) });

  test.each<[string, Partial<EngineSpec>, RegExp]>([
    [
      'the name of a store',
      { writable: [folder('models-1', '/a')] },
      /'models-1'; allowed: a name that no other volume/,
    ],
    [
      'one name twice',
      { writable: [folder('a', '/a'), folder('a', '/b')] },
      /'a'; allowed: a name that no other/,
    ],
    [
      'one folder twice',
      { writable: [folder('a', '/a'), folder('b', '/a')] },
      /'\/a'; allowed: a folder that no other/,
    ],
    ['a name that is none', { writable: [folder('A', '/a')] }, /'A'; allowed: at most 63 lower-case/],
    [
      'a name that is too long for the hash behind it',
      { files: [{ name: 'chat-templates', folder: '/t', texts: { a: 'b' } }] },
      /'chat-templates'; allowed: a name of at most 13/,
    ],
  ])('refuses %s', (_, engine, message) => expect(() => rendered(engine)).toThrow(message));
});

describe('environment', () => {
  test('can have fields of the pod', () => {
    expect(acme(rendered({ env: [{ name: 'POD_IP', field: 'status.podIP' }] })).env).toContainEqual({
      name: 'POD_IP',
      valueFrom: { fieldRef: { fieldPath: 'status.podIP' } },
    });
  });

  test('names that the engine refuses are refused with its reason', () => {
    const refusedEnv = { ACME_PORT: 'The port is always 8000.' };
    expect(() => rendered({ refusedEnv }, { env: { ACME_PORT: '1' } })).toThrow(
      /'name in env' is 'ACME_PORT'; allowed: another name\. The port is always 8000\./,
    );
  });
});

describe('the end', () => {
  test('is waited for by a command of the engine, where it has one', () => {
    const preStop = (seconds: number) => ['acme', 'drain', String(seconds)];
    const objects = rendered({ preStop });
    expect(acme(objects).lifecycle.preStop).toEqual({ exec: { command: ['acme', 'drain', '120'] } });
    expect(podSpec(deployment(objects)).terminationGracePeriodSeconds).toBe(140);
  });
});

describe('network', () => {
  test('has what the engine needs besides', () => {
    const peers = [{ podSelector: { matchLabels: { app: 'others' } } }];
    const objects = rendered({
      network: { ingress: [{ peers, ports: [9000] }], egress: [{ peers, ports: [9000] }], dns: true },
    });
    const { ingress, egress } = the(objects, 'NetworkPolicy', 'qwen-chat-server').spec;
    expect(ingress.map((rule: Untyped) => rule.ports[0].port)).toEqual([8000, 9000]);
    expect(egress.map((rule: Untyped) => rule.ports[0].port)).toEqual([53, 9000]);
  });
});

describe('another workload', () => {
  function template(
    overrides: PodTemplateOverrides,
    engine: Partial<EngineSpec> = {},
    props: ServerProps = {},
  ) {
    return serverPodTemplate(specOf(pipelineFor(), engine, props), overrides) as Untyped;
  }

  test('has the same pods, but for what it says', () => {
    const { metadata, spec } = template(
      {
        component: 'worker',
        labels: { rank: '1' },
        annotations: { note: 'x' },
        command: ['follow'],
        args: ['--leader'],
        env: [{ name: 'RANK', value: '1' }],
        probes: 'none',
        awaitHosts: ['leader.llm.svc'],
        podMore: { subdomain: 'nodes' },
        spread: true,
      },
      { podMore: { hostname: 'node' } },
    );
    expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/component': 'worker', rank: '1' });
    expect(metadata.annotations).toMatchObject({ note: 'x', 'linkerd.io/inject': 'disabled' });
    expect(spec).toMatchObject({ hostname: 'node', subdomain: 'nodes' });
    expect(spec.topologySpreadConstraints[0].labelSelector.matchLabels).toMatchObject({
      'app.kubernetes.io/component': 'worker',
    });
    const [{ command, args, env, ports, readinessProbe }] = spec.containers;
    expect([command, args, ports, readinessProbe]).toEqual([['follow'], ['--leader'], undefined, undefined]);
    expect(env).toContainEqual({ name: 'RANK', value: '1' });
    expect(spec.initContainers[0].args).toContain('--resolve=leader.llm.svc');
  });

  test('is spread only where there are several copies, unless it says so', () => {
    expect(template({}).spec.topologySpreadConstraints).toBeUndefined();
    expect(template({}, {}, { replicas: 2 }).spec.topologySpreadConstraints).toHaveLength(1);
    expect(template({ spread: false }, {}, { replicas: 2 }).spec.topologySpreadConstraints).toBeUndefined();
  });

  test('has all other objects of a server, and the Service selects whom it says', () => {
    const pipeline = pipelineFor();
    const spec = specOf(pipeline, {}, { replicas: 2 });
    const serving = { 'app.kubernetes.io/instance': 'qwen-chat', 'apps.kubernetes.io/pod-index': '0' };
    const target = renderServerAround(spec, () => ({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'qwen-chat',
      revision: '0123abcd',
      serving,
    }));
    expect(target).toMatchObject({
      workload: { kind: 'StatefulSet', name: 'qwen-chat' },
      selector: serving,
      revision: '0123abcd',
    });
    const objects = pipeline.serve.toJson() as KubeObject[];
    expect(the(objects, 'Service').spec.selector).toEqual(serving);
    expect(the(objects, 'PodDisruptionBudget').spec.selector.matchLabels).toEqual(serving);
    expect(ofKind(objects, 'NetworkPolicy')).toHaveLength(1);
    expect(ofKind(objects, 'Deployment')).toEqual([]);
  });
});
