import { Size } from 'cdk8s';
import { DllamaTopologyProps, FloatType } from '../../src';
import { KUBERNETES_VERSION_CONTEXT } from '../../src/pod/kubernetes-version';
import {
  argument,
  container,
  containers,
  flagValues,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  texts,
  the,
  Untyped,
} from '../support/objects';
import {
  cache,
  claim,
  conversion,
  downloaded,
  source,
  tinyFacts,
  topology,
  UNKNOWN,
} from '../support/models';

/**
 * What a distributed-llama that is to live in a cluster demands of its manifests, one test for each demand. All of
 * them were learnt by running it: a process that is probed, proxied, scaled or stopped as other servers are dies, or
 * worse, hangs.
 */

function serve(props: Partial<DllamaTopologyProps> = {}, kubernetesVersion = '1.31') {
  const chart = plainChart();
  chart.node.setContext(KUBERNETES_VERSION_CONTEXT, kubernetesVersion);
  const { weights, ...others } = props;
  const { artifact } = conversion(chart, { model: downloaded(chart), weights });
  topology(chart, { model: artifact, ...others });
  const objects = objectsOf(chart);
  const deployment = the(objects, 'Deployment');
  const sets = ofKind(objects, 'StatefulSet');
  return {
    objects,
    artifact,
    deployment,
    root: container(deployment, 'root'),
    front: container(deployment, 'front'),
    sets,
    workers: sets.map((set) => container(set, 'worker')),
  };
}

const all = serve({ replicaPower: 2, workerSlots: [{ slot: 1, threads: 2 }] });
const { objects, deployment, root, front, sets, workers } = all;
const processes = [root, ...workers];

const probesOf = (each: Untyped): Untyped[] =>
  [each.startupProbe, each.readinessProbe, each.livenessProbe].filter((probe) => probe !== undefined);
const servicesOf = (component: string) =>
  ofKind(objects, 'Service').filter(({ spec }) => spec.selector['app.kubernetes.io/component'] === component);

describe('must', () => {
  test('1. refuse a number of nodes that exceeds the key-value heads', () => {
    expect(() => serve({ replicaPower: 4 })).toThrow('8 key-value heads');
  });

  test('1. refuse a number of nodes that a dimension is not divisible by', () => {
    expect(() => serve({ workers: 2 })).toThrow('key-value heads 8 not divisible by 3');
  });

  test('1. pair weights with the one type of buffers that runs them', () => {
    const pair = (weights: FloatType) => flagValues(serve({ weights }).root.args, '--buffer-float-type');
    expect(pair(FloatType.Q40)).toEqual(['q80']);
    expect(pair(FloatType.F32)).toEqual(['f32']);
    for (const weights of ['q80', 'f16']) {
      expect(() => serve({ weights: weights as FloatType })).toThrow('allowed: q40, f32');
    }
  });

  test('1. name one worker less than there are nodes', () => {
    for (const power of [0, 1, 2, 3]) {
      expect(flagValues(serve({ replicaPower: power }).root.args, '--workers')).toHaveLength(2 ** power - 1);
    }
  });

  test('1. say the length of the context', () => {
    expect(flagValues(root.args, '--max-seq-len')).toEqual(['4096']);
  });

  test('1. name each worker once, and as many as there are pods', () => {
    const named = flagValues(root.args, '--workers');
    const pods = sets.flatMap(({ metadata, spec }) =>
      Array.from({ length: spec.replicas as number }, (_, pod) => `${metadata.name}-${pod}`),
    );
    expect(named.map((worker) => worker.split('.')[0]).sort()).toEqual(pods.sort());
    expect(new Set(named).size).toBe(3);
  });

  test('1. have a CPU for each thread', () => {
    for (const { args, resources } of processes) {
      expect(flagValues(args, '--nthreads')).toEqual([resources.limits.cpu]);
    }
  });

  test('2. write every argument as an item of its own', () => {
    for (const { args } of processes) {
      for (const arg of args as string[]) {
        expect(arg).not.toMatch(/^--.*=/);
        expect(arg).not.toMatch(/[\s,]/);
      }
    }
  });

  test('2. follow the list of workers by another flag with its value', () => {
    const args = root.args as string[];
    const after = args.slice(args.indexOf('--workers') + 4);
    expect(after[0]).toMatch(/^--/);
    // Name, value, name, value: the program drops an odd last one without a word.
    expect(after.length % 2).toBe(0);
    expect(after.filter((_, index) => index % 2 === 0).every((arg) => arg.startsWith('--'))).toBe(true);
  });

  test('2. leave out the list of workers where there are none', () => {
    expect(serve({ replicaPower: 0 }).root.args).not.toContain('--workers');
  });

  test('3. run a version that heals a lost worker and can bind to one address', () => {
    expect(() => serve({ image: 'r/dllama:v0.16.2' })).toThrow('v0.16.4 or newer');
  });

  test('3. let the user choose nodes of the architecture that the image is for', () => {
    const nodeSelector = { 'kubernetes.io/arch': 'arm64' };
    const chart = plainChart();
    const { artifact } = cache(chart, { store: claim({ placement: { nodeSelector } }) });
    topology(chart, {
      model: conversion(chart, { model: artifact }).artifact,
      workerPlacement: { nodeSelector },
    });
    const made = objectsOf(chart);
    const servers = [the(made, 'Deployment'), ...ofKind(made, 'StatefulSet')];
    for (const each of servers) expect(podSpec(each).nodeSelector).toEqual(nodeSelector);
  });

  test('4. start workers together, with a name each that resolves before they are ready', () => {
    for (const { spec } of sets) {
      expect(spec.podManagementPolicy).toBe('Parallel');
      expect(spec.serviceName).toBe('models-chat-worker');
    }
    expect(servicesOf('worker').map(({ metadata }) => metadata.name)).toEqual(['models-chat-worker']);
    expect(servicesOf('worker')[0].spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
  });

  test('4. dial workers by the full name of a pod, which the other workers resolve too', () => {
    for (const worker of flagValues(root.args, '--workers')) {
      expect(worker).toMatch(/^models-chat-(worker|slot-\d)-\d\.models-chat-worker\.llm\.svc:9999$/);
    }
  });

  test('4. use IPv4', () => {
    for (const name of ['models-chat-worker', 'models-chat-root']) {
      expect(the(objects, 'Service', name).spec).toMatchObject({
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
      });
    }
  });

  test('4. give workers no model: it comes from the root', () => {
    for (const set of sets) {
      expect(podSpec(set).volumes.every((volume: Untyped) => !volume.persistentVolumeClaim)).toBe(true);
      expect(podSpec(set).initContainers).toBeUndefined();
    }
  });

  test('4. wait for workers by their names alone, and never by connecting', () => {
    const { args } = container(deployment, 'await-model');
    for (const worker of flagValues(root.args, '--workers')) {
      expect(args).toContain(`--resolve=${worker.replace(':9999', '')}`);
    }
    expect(texts(podSpec(deployment).initContainers).join(' ')).not.toMatch(/\bnc\b|curl|wget|telnet/);
  });

  test('5. start a worker again within its container, because to exit is normal for it', () => {
    for (const { command } of workers) expect(command).toEqual(['sh', '/opt/cdk8s-llm/dllama.sh', 'worker']);
    const script = the(objects, 'ConfigMap', /chat-programs/).data['dllama.sh'];
    expect(script).toMatch(/run_worker\(\) \{[\s\S]*trap [\s\S]*TERM[\s\S]*while :/);
  });

  test('5. stop a worker at once', () => {
    for (const set of sets) expect(podSpec(set).terminationGracePeriodSeconds).toBeLessThanOrEqual(5);
  });

  test('6. have one root, and never two', () => {
    expect(deployment.spec.replicas).toBe(1);
    expect(deployment.spec.strategy).toEqual({ type: 'Recreate' });
  });

  test('6. mount the model at the root alone, read-only', () => {
    const claims = ofKind(objects, 'Deployment').flatMap((each) =>
      podSpec(each).volumes.filter((volume: Untyped) => volume.persistentVolumeClaim),
    );
    expect(claims).toEqual([{ name: 'models', persistentVolumeClaim: { claimName: 'models-weights' } }]);
    const mounts = containers(deployment).flatMap(({ name, volumeMounts }) =>
      volumeMounts
        .filter((mount: Untyped) => mount.name === 'models')
        .map((mount: Untyped) => [name, mount.readOnly]),
    );
    expect(mounts).toEqual([
      ['await-model', true],
      ['root', true],
    ]);
  });

  test('6. prove that the model is whole before the root loads it', () => {
    const [first] = podSpec(deployment).initContainers;
    expect(first.name).toBe('await-model');
    expect(first.command.at(-1)).toBe('/opt/cdk8s-llm/guard.py');
    expect(first.args).toContain(`--key=${all.artifact.key}`);
  });

  test('7. ask the kernel, not the process, how a process is', () => {
    for (const each of processes) {
      const probes = probesOf(each);
      expect(probes).toHaveLength(3);
      for (const probe of probes) {
        expect(probe.exec.command.slice(0, 2)).toEqual(['sh', '/opt/cdk8s-llm/dllama.sh']);
      }
    }
    const script = the(objects, 'ConfigMap', /chat-programs/).data['dllama.sh'];
    expect(script).toContain('/proc/net/tcp');
  });

  test('7. ask the root for connections to all its workers', () => {
    expect(root.readinessProbe.exec.command.slice(2)).toEqual(['root-ready', '3']);
    expect(root.livenessProbe.exec.command.slice(2)).toEqual(['root-live', '3']);
    expect(root.livenessProbe.failureThreshold).toBeGreaterThanOrEqual(2);
    expect(root.readinessProbe.failureThreshold).toBeGreaterThanOrEqual(2);
  });

  test('7. give a root the time to read the model and to send it', () => {
    const { periodSeconds, failureThreshold, timeoutSeconds } = root.startupProbe;
    expect(periodSeconds * failureThreshold).toBeGreaterThan((2 * all.artifact.bytes!) / (50 * 2 ** 20));
    expect(timeoutSeconds).toBeGreaterThanOrEqual(5);
  });

  test('8. restart a worker that is held by a root whose node has vanished', () => {
    for (const worker of workers) {
      expect(worker.livenessProbe.exec.command.slice(2)).toEqual(['worker-live', 'models-chat-root.llm.svc']);
    }
    // The name of the root's pod, not of a Service with an address of its own.
    expect(the(objects, 'Service', 'models-chat-root').spec).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
    });
  });

  test('9. ask for the memory of each role, and be limited to it', () => {
    for (const { resources } of processes) expect(resources.limits).toEqual(resources.requests);
    const amount = (of: Untyped) => Number.parseInt(of.resources.limits.memory, 10);
    // The root alone holds the embedding: 4 bytes for each of 151936 x 2048.
    expect(amount(root) - amount(workers[0])).toBeGreaterThan((4 * 151936 * 2048) / 2 ** 20 - 64);
  });

  test('9. ask for whole CPUs, and be limited to them', () => {
    for (const { resources } of processes) {
      expect(resources.requests.cpu).toMatch(/^\d+$/);
      expect(resources.limits.cpu).toBe(resources.requests.cpu);
    }
  });

  test('10. run without any privilege', () => {
    for (const each of [deployment, ...sets]) {
      const spec = podSpec(each);
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const { securityContext } of containers(each)) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        });
      }
    }
  });

  test('10. have a terminal, without which the log stays in a buffer', () => {
    for (const { tty } of processes) expect(tty).toBe(true);
  });

  test('11. let nobody but the root and the other workers reach a worker', () => {
    const { spec } = the(objects, 'NetworkPolicy', 'models-chat-worker');
    const pods = (component: string) => ({
      podSelector: {
        matchLabels: {
          'app.kubernetes.io/name': 'dllama',
          'app.kubernetes.io/instance': 'models-chat',
          'app.kubernetes.io/component': component,
        },
      },
    });
    expect(spec.ingress).toEqual([
      { from: [pods('root'), pods('worker')], ports: [{ protocol: 'TCP', port: 9999 }] },
    ]);
    expect(spec.egress[1]).toEqual({ to: [pods('worker')], ports: [{ protocol: 'TCP', port: 9999 }] });
    expect(spec.egress).toHaveLength(2);
  });

  test('11. let nobody reach the root but through its front', () => {
    const { spec } = the(objects, 'NetworkPolicy', 'models-chat-root');
    expect(spec.ingress).toEqual([{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 8080 }] }]);
  });

  test('11. keep every mesh out of the pods', () => {
    for (const { spec } of [deployment, ...sets]) {
      expect(spec.template.metadata.labels).toMatchObject({
        'sidecar.istio.io/inject': 'false',
        'istio.io/dataplane-mode': 'none',
      });
      expect(spec.template.metadata.annotations).toMatchObject({ 'linkerd.io/inject': 'disabled' });
    }
  });

  test('12. bind the root to the pod itself, behind a front', () => {
    expect(flagValues(root.args, '--host')).toEqual(['127.0.0.1']);
    expect(root.ports).toBeUndefined();
    expect(front.args).toContain(`--root-port=${flagValues(root.args, '--port')[0]}`);
    expect(front.ports).toEqual([{ name: 'http', containerPort: 8080, protocol: 'TCP' }]);
    for (const service of servicesOf('root')) {
      expect(service.spec.ports.map((port: Untyped) => port.targetPort)).toEqual(['http']);
    }
  });

  test('12. have the front there before the root and after it', () => {
    expect(podSpec(deployment).initContainers.map((each: Untyped) => each.name)).toContain('front');
    expect(front.restartPolicy).toBe('Always');
  });

  test('12. where there are no native sidecars, have the front there as long as the root takes requests', () => {
    const old = serve({}, '1.28');
    const { containers: both, initContainers } = podSpec(old.deployment);
    expect(initContainers.map((each: Untyped) => each.name)).toEqual(['await-model']);
    expect(both.map((each: Untyped) => each.name)).toEqual(['root', 'front']);
    expect(old.front.lifecycle.preStop.exec.command.at(-1)).toBe('import time; time.sleep(5)');
    expect(old.root.lifecycle.preStop.exec.command).toEqual(['sleep', '5']);
    expect(argument(old.front, 'drain-seconds')).toEqual([
      old.root.env.find(({ name }: Untyped) => name === 'DRAIN_SECONDS').value,
    ]);
  });

  test('13. convert in an image with glibc, in which numpy and torch can be installed', () => {
    const convert = container(the(objects, 'Job', /-q40-/), 'convert');
    expect(convert.image).toMatch(/bookworm/);
    expect(convert.image).not.toMatch(/alpine/);
  });
});

describe('must not', () => {
  test('probe a process by connecting to it', () => {
    for (const each of processes) {
      for (const probe of probesOf(each)) {
        for (const way of ['tcpSocket', 'httpGet', 'grpc']) expect(probe).not.toHaveProperty(way);
      }
    }
  });

  test('be reached from outside by a load balancer that checks it by connecting', () => {
    for (const { spec } of ofKind(objects, 'Service')) expect(spec.type ?? 'ClusterIP').toBe('ClusterIP');
  });

  test('lead any Service but that of the names to a worker', () => {
    expect(servicesOf('worker').every(({ spec }) => spec.clusterIP === 'None')).toBe(true);
  });

  test('scale or replace the root while it runs', () => {
    expect(deployment.spec.strategy).not.toHaveProperty('rollingUpdate');
    expect(ofKind(objects, 'HorizontalPodAutoscaler')).toEqual([]);
  });

  test('run workers as a Deployment behind one name', () => {
    expect(ofKind(objects, 'Deployment')).toHaveLength(1);
    const names = flagValues(root.args, '--workers').map((worker) => worker.split(':')[0]);
    expect(names).not.toContain('models-chat-worker.llm.svc');
  });

  test('write the list of workers as one text', () => {
    for (const arg of root.args as string[]) expect(arg.match(/:9999/g)?.length ?? 0).toBeLessThanOrEqual(1);
  });

  test.each(['--buffer-float-type', '--max-seq-len', '--port', '--nthreads', '--host'])(
    'rely on the default of %s',
    (flag) => expect(flagValues(root.args, flag)).toHaveLength(1),
  );

  test.each(['--port', '--nthreads', '--host'])('rely on the default of %s of a worker', (flag) => {
    for (const { args } of workers) expect(flagValues(args, flag)).toHaveLength(1);
  });

  test('run a process as number 1, which ignores every signal', () => {
    for (const { command } of processes) expect(command[0]).toBe('sh');
  });

  test('have fewer CPUs than threads', () => {
    for (const { args, resources } of processes) {
      expect(Number(resources.limits.cpu)).toBeGreaterThanOrEqual(Number(flagValues(args, '--nthreads')[0]));
    }
  });

  test('take the full context of a model that nobody asked for', () => {
    const chart = plainChart();
    const model = downloaded(chart, { source: source(UNKNOWN) });
    topology(chart, {
      model,
      modelFile: 'm.m',
      tokenizerFile: 't.t',
      weights: FloatType.Q40,
      rootMemory: Size.gibibytes(4),
      workerMemory: Size.gibibytes(4),
    });
    const unknown = container(the(objectsOf(chart), 'Deployment'), 'root');
    expect(flagValues(unknown.args, '--max-seq-len')).toEqual(['4096']);
  });

  test('give a tiny model more context than it has', () => {
    const chart = plainChart();
    const { artifact } = conversion(chart, { model: downloaded(chart, { facts: tinyFacts() }) });
    topology(chart, { model: artifact });
    const tiny = container(the(objectsOf(chart), 'Deployment'), 'root');
    expect(flagValues(tiny.args, '--max-seq-len')).toEqual(['2048']);
  });
});
