import * as fs from 'node:fs';
import * as path from 'node:path';
import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { Accelerator, ModelSource, NetworkPeer, NodeCache, Pipeline, VllmServer } from '../../src';
import { VllmCheckout } from '../../src/constructs/vllm-checkout';
import { VllmRun } from '../../src/constructs/vllm-run';
import type { VllmRunProps, VllmRunServerProps } from '../../src/constructs/vllm-run-props';
import { VllmRunServer } from '../../src/constructs/vllm-run-server';
import type { KubeObject } from '../../src/validation/kube-object';
import { addedBy, cloneOf, git, Image, imageOf, treeOf, upstreamRepository, write } from '../checkout/stand';
import { JobStand } from '../support/job-stand';
import { cache, COMMIT, sharedClaim, source } from '../support/models';
import { argument, container, ofKind, podSpec, texts, the, Untyped, violationsOf } from '../support/objects';
import { checkedObjects, pipelineFor, sharedModel } from '../support/servers';

const GPU = Accelerator.nvidia({ count: 1 });
const RUN = { command: ['python3', '-c', 'print(1)'], memory: Size.gibibytes(16) };
const SERVE = ['vllm', 'serve', '$(MODEL_DIR)', '--served-model-name=opt'];

let upstream: string;
let image: Image;
let folder: string;
beforeAll(() => {
  upstream = upstreamRepository();
  image = imageOf(upstream);
  folder = cloneOf(upstream);
  write(folder, 'vllm/engine.py', '# SPDX-License-Identifier: Apache-2.0\nENGINE = "mine"\n');
  write(folder, 'vllm/added/new.py', '# SPDX-License-Identifier: Apache-2.0\nNEW = "new"\n');
  fs.rmSync(path.join(folder, 'vllm/old.py'));
});

const checkoutOf = () => VllmCheckout.fromDirectory(folder, { workspace: image.workspace });

type Given<T> = Partial<T> | ((pipeline: Pipeline) => Partial<T>);

function ran(props: Given<VllmRunProps> = {}, kubernetesVersion?: string): KubeObject[] {
  const pipeline = pipelineFor(kubernetesVersion);
  const given = typeof props === 'function' ? props(pipeline) : props;
  new VllmRun(pipeline.serve, 'bench', { ...RUN, ...given });
  return checkedObjects(pipeline, kubernetesVersion);
}

function served(props: Given<VllmRunServerProps> = {}): KubeObject[] {
  const pipeline = pipelineFor();
  const given = typeof props === 'function' ? props(pipeline) : props;
  const model = sharedModel(pipeline);
  new VllmRunServer(pipeline.serve, 'mine', { command: SERVE, model, accelerator: GPU, ...given });
  return checkedObjects(pipeline);
}

const job = (objects: KubeObject[]) => the(objects, 'Job', /^qwen-bench-/);
const program = (objects: KubeObject[]) => container(job(objects), 'vllm');
const deployment = (objects: KubeObject[]) => the(objects, 'Deployment', 'qwen-mine');
const variables = (of: Untyped): Record<string, string> =>
  Object.fromEntries(of.env.map(({ name, value }: { name: string; value: string }) => [name, value]));

function nodeCache(pipeline: Pipeline): NodeCache {
  return new NodeCache(pipeline.serve, 'nodes', {
    placement: { nodeSelector: { pool: 'gpu' } },
    images: [{ name: 'vllm', image: 'registry.example.com/vllm:v0.26.0' }],
    repositories: [{ name: 'fork', url: 'https://github.com/somebody/vllm.git', commit: COMMIT }],
    models: [{ name: 'opt', source: ModelSource.huggingFace('facebook/opt-125m', { revision: COMMIT }) }],
    path: '/var/lib/models',
    size: Size.gibibytes(500),
  });
}

describe('a run', () => {
  test('is a Job of one pod that is not tried again, with the program in exec form', () => {
    const objects = ran({
      command: ['vllm', 'bench', 'latency', '--prompt', 'two words; $$(HOME) "quoted"'],
    });
    expect(job(objects).spec).toMatchObject({
      backoffLimit: 0,
      template: { spec: { restartPolicy: 'Never' } },
    });
    expect(program(objects)).toMatchObject({
      image: 'docker.io/vllm/vllm-openai-cpu:v0.26.0',
      command: ['vllm', 'bench', 'latency', '--prompt', 'two words; $$(HOME) "quoted"'],
    });
    expect(program(objects).args).toBeUndefined();
    expect(objects.map(({ kind }) => kind).sort()).toEqual(['Job', 'NetworkPolicy']);
  });

  test('has the labels by which all of it is found', () => {
    const pipeline = pipelineFor();
    const run = new VllmRun(pipeline.serve, 'bench', { ...RUN, checkout: checkoutOf() });
    const objects = checkedObjects(pipeline);
    expect(run.instance).toBe('qwen-bench');
    const labels = { 'app.kubernetes.io/name': 'vllm-run', 'app.kubernetes.io/instance': 'qwen-bench' };
    for (const { metadata } of objects) expect(metadata.labels).toMatchObject(labels);
    expect(job(objects).spec.template.metadata.labels).toMatchObject(labels);
  });

  test('ends when its time is over, and not only the wait for it', () => {
    expect(job(ran({ timeout: Duration.minutes(30) })).spec.activeDeadlineSeconds).toBe(1800);
    expect(job(ran()).spec.activeDeadlineSeconds).toBeUndefined();
  });

  test('has the devices that are named, near the node that is preferred, and no others', () => {
    const accelerator = Accelerator.dra({
      deviceClass: 'gpu.nvidia.com',
      ids: ['GPU-0a', 'GPU-0c'],
      preferNodes: ['worker-1'],
    });
    const objects = ran({ accelerator }, '1.34');
    const { requests } = the(objects, 'ResourceClaimTemplate').spec.spec.devices;
    expect(requests[0].exactly).toMatchObject({ allocationMode: 'ExactCount', count: 2 });
    expect(JSON.stringify(requests[0].exactly.selectors)).toMatch(/GPU-0a.*GPU-0c/);
    const pod = podSpec(job(objects));
    const [preferred] = pod.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    expect(preferred.preference.matchExpressions).toEqual([
      { key: 'kubernetes.io/hostname', operator: 'In', values: ['worker-1'] },
    ]);
    expect(program(objects).resources.claims).toEqual([{ name: 'devices' }]);
    expect(texts(pod).join()).not.toMatch(/NVIDIA_VISIBLE_DEVICES|"?all"?$/);
  });

  test('has a number of devices by the scheduler, which no two pods get', () => {
    const accelerator = Accelerator.nvidia({ count: 2, requireNodes: ['worker-1'] });
    const { resources } = program(ran({ accelerator, memory: undefined }));
    expect(resources.limits).toMatchObject({ 'nvidia.com/gpu': '2', cpu: '6', memory: '18Gi' });
    expect(resources.requests).toMatchObject({ 'nvidia.com/gpu': '2' });
  });

  test('has no privilege, no folder of the node and no other service to be there before', () => {
    const objects = ran({ checkout: checkoutOf(), accelerator: GPU });
    const pod = podSpec(job(objects));
    expect(texts(pod)).not.toContain('hostPath');
    for (const each of [...pod.initContainers, ...pod.containers]) {
      expect(each.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
      expect(each.securityContext.privileged).toBeUndefined();
    }
    expect(pod).toMatchObject({ automountServiceAccountToken: false });
    expect(the(objects, 'NetworkPolicy').spec).toMatchObject({ ingress: [], egress: [] });
  });

  test('lets the program alone have devices, of all containers of an image for GPUs', () => {
    const both = { checkout: checkoutOf(), accelerator: GPU };
    for (const workload of [
      job(ran((pipeline) => ({ ...both, model: sharedModel(pipeline) }))),
      deployment(served(both)),
    ]) {
      const vllm = container(workload, 'vllm');
      expect(variables(vllm)).not.toHaveProperty('NVIDIA_VISIBLE_DEVICES');
      const others = podSpec(workload).initContainers.filter(({ image }: Untyped) => image === vllm.image);
      expect(others.map(({ name }: Untyped) => name)).toContain('apply-checkout');
      for (const other of others) {
        expect(other.env).toEqual([{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' }]);
      }
    }
  });

  test('reads the model where it is, and asks no hub', () => {
    const objects = ran((pipeline) => ({
      model: sharedModel(pipeline),
      command: ['vllm', 'bench', 'latency', '--model=$(MODEL_DIR)'],
    }));
    const env = variables(program(objects));
    expect(env).toMatchObject({ HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', VLLM_NO_USAGE_STATS: '1' });
    expect(env.MODEL_DIR).toMatch(/^\/models\/qwen--qwen3-1.7b-/);
    expect(argument(container(job(objects), 'await-model'), 'dir')).toEqual([env.MODEL_DIR]);
    expect(program(objects).volumeMounts).toContainEqual({
      name: 'models',
      mountPath: '/models',
      readOnly: true,
    });
  });

  test('may be told to ask a hub, where it may reach one', () => {
    const objects = ran({ env: { HF_HUB_OFFLINE: '0' }, egressPorts: [443] });
    expect(variables(program(objects)).HF_HUB_OFFLINE).toBe('0');
    expect(the(objects, 'NetworkPolicy').spec.egress.at(-1)).toEqual({
      ports: [{ protocol: 'TCP', port: 443 }],
    });
  });

  test('measures a server of the same pipeline', () => {
    const pipeline = pipelineFor();
    const server = new VllmRunServer(pipeline.serve, 'mine', {
      command: SERVE,
      model: sharedModel(pipeline),
      accelerator: GPU,
    });
    new VllmRun(pipeline.verify, 'load', {
      ...RUN,
      command: ['vllm', 'bench', 'serve', `--base-url=${server.endpoint}`],
      reaches: [{ server }],
      attempt: 2,
    });
    const objects = checkedObjects(pipeline);
    expect(the(objects, 'Job', /^qwen-load-/).metadata.annotations).toMatchObject({
      'argocd.argoproj.io/sync-wave': '50',
      'cdk8s-llm/attempt': '2',
    });
    expect(the(objects, 'NetworkPolicy', 'qwen-load-run').spec.egress.at(-1).ports).toEqual([
      { protocol: 'TCP', port: 8000 },
    ]);
  });

  test('takes secrets by reference alone', () => {
    const objects = ran((pipeline) => ({
      secretEnv: {
        WANDB_API_KEY: { secret: Secret.fromSecretName(pipeline.serve, 's', 'wandb'), key: 'key' },
      },
    }));
    expect(program(objects).env.at(-1)).toEqual({
      name: 'WANDB_API_KEY',
      valueFrom: { secretKeyRef: { name: 'wandb', key: 'key' } },
    });
    expect(job(objects).metadata.annotations?.['cdk8s-llm/secrets']).toMatch(/^wandb\/key=/);
  });
});

describe('a run from a checkout', () => {
  const SHOW =
    'import json, os, vllm, vllm.added.new as new; ' +
    'print("SHOWN " + json.dumps([vllm.ENGINE, new.NEW, vllm.__file__, os.getcwd(), ' +
    'os.path.exists("vllm/old.py"), sorted(os.listdir())]))';

  test('runs what is in the checkout, in its folder, with what the image has compiled', async () => {
    const objects = ran({ checkout: checkoutOf(), command: ['python3', '-P', '-c', SHOW] });
    const outcomes = await new JobStand(objects).run({ PYTHONPATH: image.sitePackages });
    expect(Object.keys(outcomes)).toEqual(['apply-checkout', 'vllm']);
    expect(outcomes['apply-checkout']).toMatchObject({ code: 0, result: { files: 2, deleted: 1 } });
    expect(outcomes.vllm).toMatchObject({ code: 0 });
    const shown = JSON.parse(/SHOWN (.*)/.exec(outcomes.vllm.log)![1]) as unknown[];
    expect(shown.slice(0, 2)).toEqual(['mine', 'new']);
    expect(shown[2]).toBe(path.join(String(shown[3]), 'vllm/__init__.py'));
    expect(shown[4]).toBe(false);
    const tree = treeOf(String(shown[3]));
    expect(tree['vllm/_C.abi3.so']).toBe(addedBy(image)['vllm/_C.abi3.so']);
    expect(tree['vllm/engine.py']).toBe(treeOf(folder)['vllm/engine.py']);
  });

  test('does not run when the changes cannot be applied', async () => {
    const other = imageOf(upstream);
    write(other.sitePackages, 'vllm/engine.py', 'ENGINE = "of another commit"\n');
    const objects = ran({ checkout: checkoutOf(), command: ['python3', '-P', '-c', SHOW] });
    const outcomes = await new JobStand(objects).run({ PYTHONPATH: other.sitePackages });
    expect(Object.keys(outcomes)).toEqual(['apply-checkout']);
    expect(outcomes['apply-checkout']).toMatchObject({
      code: 65,
      result: { error: expect.stringContaining('other content at vllm/engine.py') },
    });
    expect(job(objects).spec.podFailurePolicy.rules[1].onExitCodes.values).toContain(65);
  });

  test('runs the image of the merge base, and tells what differs', () => {
    const objects = ran({ checkout: checkoutOf() });
    const base = git(folder, 'rev-parse', 'HEAD');
    const of = `public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo:${base}`;
    expect(podSpec(job(objects)).initContainers.map((each: Untyped) => each.image)).toEqual([of]);
    expect(program(objects)).toMatchObject({ image: of, workingDir: '/checkout/vllm' });
    expect(variables(program(objects))).toMatchObject({ PYTHONPATH: '/checkout/vllm' });
    expect(job(objects).metadata.annotations?.['cdk8s-llm/checkout']).toMatch(
      new RegExp(`^base ${base}, 2 files changed, 1 deleted, sha256 [0-9a-f]{64}$`),
    );
    const parts = ofKind(objects, 'ConfigMap').filter((each) => each.binaryData !== undefined);
    expect(parts.map(({ metadata }) => metadata.name)).toEqual([
      podSpec(job(objects)).volumes.find(({ name }: Untyped) => name === 'checkout-parts').projected
        .sources[0].configMap.name,
    ]);
  });

  test('is checked to have all parts of the changes, under the names of their content', () => {
    const objects = ran({ checkout: checkoutOf() });
    const [part] = ofKind(objects, 'ConfigMap').filter((each) => each.binaryData !== undefined);
    const others = objects.filter((each) => each !== part);
    expect(violationsOf(others)).toMatch(/content-exists/);
    const changed = { ...part, binaryData: { 'part-000': 'AAAA' } };
    expect(violationsOf([...others, changed])).toMatch(/content-name/);
  });

  test('is another Job when the checkout is another, and the same when it is the same', () => {
    const names = () => ran({ checkout: checkoutOf() }).map(({ metadata }) => metadata.name);
    const before = names();
    expect(names()).toEqual(before);
    const other = cloneOf(upstream);
    write(other, 'vllm/engine.py', 'ENGINE = "other"\n');
    const changed = ran({ checkout: VllmCheckout.fromDirectory(other, { workspace: image.workspace }) });
    expect(changed.map(({ metadata }) => metadata.name)).not.toEqual(before);
  });
});

describe('a run from a node cache', () => {
  test('runs the image, where it is', () => {
    const objects = ran((pipeline) => ({ cachedImage: nodeCache(pipeline).image('vllm') }));
    expect(program(objects).image).toBe('registry.example.com/vllm:v0.26.0');
    expect(podSpec(job(objects)).nodeSelector).toEqual({ pool: 'gpu' });
  });

  test('reads the model that is kept, on its nodes', () => {
    const objects = ran((pipeline) => ({ model: nodeCache(pipeline).artifact('opt') }));
    expect(variables(program(objects)).MODEL_DIR).toMatch(/^\/models\/facebook--opt-125m-/);
    expect(podSpec(job(objects)).nodeSelector).toEqual({ pool: 'gpu' });
    expect(container(job(objects), 'await-model')).toBeDefined();
  });

  test('runs the vLLM of the repository that is kept, with what the image has compiled', async () => {
    const objects = ran((pipeline) => ({
      repository: nodeCache(pipeline).repository('fork'),
      command: ['python3', '-c', 'import vllm; print("SHOWN", vllm.ENGINE, vllm.__file__)'],
    }));
    const init = container(job(objects), 'apply-checkout');
    const [repository] = argument(init, 'repository');
    expect(repository).toMatch(/^\/models\/git--somebody--vllm-[0-9a-f]+\/tree$/);
    expect(argument(init, 'commit')).toEqual([COMMIT]);
    expect(program(objects)).toMatchObject({ workingDir: '/checkout/vllm' });

    const stand = new JobStand(without('await-model', objects));
    const kept = path.join(stand.claim('/var/lib/models'), repository.slice('/models/'.length));
    const fork = cloneOf(upstream);
    write(fork, 'vllm/engine.py', 'ENGINE = "fork"\n');
    fs.rmSync(path.join(fork, '.git'), { recursive: true });
    fs.cpSync(fork, kept, { recursive: true, verbatimSymlinks: true });
    const outcomes = await stand.run({ PYTHONPATH: image.sitePackages });
    expect(outcomes['apply-checkout']).toMatchObject({ code: 0 });
    expect(outcomes['apply-checkout'].log).toContain(
      `the repository is at commit ${COMMIT}; what is compiled is of commit ${git(upstream, 'rev-parse', '--short=9', 'HEAD')}`,
    );
    expect(outcomes.vllm.log).toMatch(/SHOWN fork .*\/vllm\/__init__.py/);
  });

  test('a repository that is none of vLLM ends the pod', async () => {
    const objects = ran((pipeline) => ({ repository: nodeCache(pipeline).repository('fork') }));
    const stand = new JobStand(without('await-model', objects));
    const [repository] = argument(container(job(objects), 'apply-checkout'), 'repository');
    write(
      path.join(stand.claim('/var/lib/models'), repository.slice('/models/'.length)),
      'README.md',
      'other',
    );
    const outcomes = await stand.run({ PYTHONPATH: image.sitePackages });
    expect(outcomes['apply-checkout']).toMatchObject({
      code: 66,
      result: { error: expect.stringMatching(/is no repository of vLLM: it has no vllm\/__init__.py/) },
    });
  });

  /** What the guard waits for, the test has put there. */
  function without(name: string, objects: KubeObject[]): KubeObject[] {
    const pod = podSpec(job(objects));
    pod.initContainers = pod.initContainers.filter((each: Untyped) => each.name !== name);
    return objects;
  }
});

describe('a run that serves', () => {
  test('is a server as others are: Service, probes, policies', () => {
    const pipeline = pipelineFor();
    const server = new VllmRunServer(pipeline.serve, 'mine', {
      command: SERVE,
      model: sharedModel(pipeline),
      accelerator: GPU,
      allowFrom: [NetworkPeer.sameNamespace()],
    });
    expect([server.serviceName, server.endpoint]).toEqual(['qwen-mine', 'http://qwen-mine.llm.svc:8080/v1']);
    const objects = checkedObjects(pipeline);
    const vllm = container(deployment(objects), 'vllm');
    expect(vllm).toMatchObject({
      command: SERVE,
      ports: [{ name: 'http', containerPort: 8000 }],
      readinessProbe: { httpGet: { path: '/health', port: 'http' } },
      livenessProbe: { httpGet: { path: '/health', port: 'http' }, failureThreshold: 6 },
    });
    expect(vllm.startupProbe.failureThreshold).toBeGreaterThan(90);
    expect(variables(vllm)).toMatchObject({
      HF_HUB_OFFLINE: '1',
      MODEL_DIR: expect.stringMatching(/^\/models\//),
    });
    the(objects, 'Service', 'qwen-mine');
    expect(the(objects, 'NetworkPolicy', 'qwen-mine-server').spec.egress).toEqual([]);
  });

  test('runs from a repository that is kept, with a model and without', () => {
    const SERVE_ITSELF = { command: ['python3', 'serve.py'], model: undefined };
    for (const given of [{}, SERVE_ITSELF]) {
      const objects = served((pipeline) => ({
        repository: nodeCache(pipeline).repository('fork'),
        ...given,
      }));
      const [repository] = argument(container(deployment(objects), 'apply-checkout'), 'repository');
      expect(repository).toMatch(/\/git--somebody--vllm-[0-9a-f]+\/tree$/);
      const awaited = podSpec(deployment(objects)).initContainers.filter(({ name }: Untyped) =>
        /^await/.test(name),
      );
      expect(JSON.stringify(awaited)).toContain('git--somebody--vllm-');
    }
  });

  test('runs from a checkout', () => {
    const objects = served({ checkout: checkoutOf() });
    const vllm = container(deployment(objects), 'vllm');
    const init = container(deployment(objects), 'apply-checkout');
    expect(vllm).toMatchObject({ image: init.image, workingDir: '/checkout/vllm' });
    expect(variables(vllm)).toMatchObject({ PYTHONPATH: '/checkout/vllm' });
    expect(vllm.volumeMounts).toContainEqual({ name: 'checkout', mountPath: '/checkout', readOnly: true });
    expect(deployment(objects).metadata.annotations?.['cdk8s-llm/checkout']).toMatch(/^base /);
    const programs = the(objects, 'ConfigMap', /^qwen-mine-programs-/) as Untyped;
    expect(Object.keys(programs.data)).toEqual(
      expect.arrayContaining(['apply_checkout.py', 'guard.py', 'program.py']),
    );
    const init2 = podSpec(deployment(objects)).initContainers.map(({ name }: Untyped) => name);
    expect(init2).toEqual(['await-model', 'apply-checkout']);
  });

  test('runs from a repository and an image that a node cache keeps', () => {
    const objects = served((pipeline) => {
      const nodes = nodeCache(pipeline);
      return {
        model: nodes.artifact('opt'),
        repository: nodes.repository('fork'),
        cachedImage: nodes.image('vllm'),
      };
    });
    const init = container(deployment(objects), 'apply-checkout');
    expect(init.image).toBe('registry.example.com/vllm:v0.26.0');
    expect(argument(container(deployment(objects), 'await-model'), 'dir')).toHaveLength(2);
    expect(podSpec(deployment(objects)).nodeSelector).toMatchObject({ pool: 'gpu' });
  });

  test.each<[string, string[], number]>([
    ['--port=9000', [...SERVE, '--port=9000'], 9000],
    ['--port 9000', [...SERVE, '--port', '9000', '--host', '0.0.0.0'], 9000],
    ['nothing', SERVE, 8000],
  ])('listens where the command says: %s', (_, command, expected) => {
    const objects = served({ command });
    expect(container(deployment(objects), 'vllm').ports[0].containerPort).toBe(expected);
  });

  test('asks for a key that is nowhere in the YAML', () => {
    const objects = served((pipeline) => ({
      apiKey: { secret: Secret.fromSecretName(pipeline.serve, 's', 'api'), key: 'key' },
    }));
    const { env } = container(deployment(objects), 'vllm');
    const key = env.find(({ name }: Untyped) => name === 'VLLM_API_KEY');
    expect(key.valueFrom.secretKeyRef).toEqual({ name: 'api', key: 'key' });
    expect(deployment(objects).metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'api/key=the API key of qwen-mine',
    );
  });
});

describe('a VllmServer', () => {
  const server = (props: object) => {
    const pipeline = pipelineFor();
    new VllmServer(pipeline.serve, 'mine', { model: sharedModel(pipeline), accelerator: GPU, ...props });
    return checkedObjects(pipeline);
  };

  test('runs from a checkout too, with the flags of a version', () => {
    const objects = server({ checkout: checkoutOf(), version: '0.26.0', maxModelLen: 4096 });
    const vllm = container(deployment(objects), 'vllm');
    expect(vllm).toMatchObject({ workingDir: '/checkout/vllm', command: ['vllm', 'serve'] });
    expect(vllm.image).toBe(container(deployment(objects), 'apply-checkout').image);
    expect(variables(vllm).PYTHONPATH).toBe('/checkout/vllm');
    the(objects, 'ConfigMap', /^qwen-mine-checkout-/);
  });

  test.each<[string, object, RegExp]>([
    ['without a version', {}, /'version' is nothing; allowed: the version of vLLM in public.ecr.aws/],
    [
      'with another image',
      { image: 'a/vllm:v0.26.0' },
      /'image' is 'a\/vllm:v0.26.0'; allowed: nothing, as the checkout/,
    ],
    [
      'with another search path',
      { version: '0.26.0', env: { PYTHONPATH: '/x' } },
      /'name in env' is 'PYTHONPATH'/,
    ],
    ['that is a path', { checkout: '../vllm' }, /'checkout' is 'a string'; allowed: what VllmCheckout/],
  ])('does not run from a checkout %s', (_, props, message) => {
    expect(() => server({ checkout: checkoutOf(), ...props })).toThrow(message);
  });
});

describe('is refused:', () => {
  test.each<[string, Given<VllmRunProps>, RegExp]>([
    ['no command', { command: [] }, /'command' is \[\]; allowed: a list of one text or more/],
    ['a command line', { command: 'vllm serve' as never }, /'command' is 'vllm serve'; allowed: a list/],
    [
      'the name of the model, which the pod would look for at a hub',
      (pipeline) => ({ model: sharedModel(pipeline), command: ['vllm', 'serve', 'Qwen/Qwen3-1.7B'] }),
      /'command' is 'Qwen\/Qwen3-1.7B'; allowed: \$\(MODEL_DIR\)/,
    ],
    ['a variable that is not there', { command: ['echo', '$(MODEL_DIR)'] }, /'command' is '\$\(MODEL_DIR\)'/],
    [
      'two images',
      () => ({ checkout: checkoutOf(), image: 'a/b:c' }),
      /'image' is 'a\/b:c'; allowed: nothing, as the checkout/,
    ],
    ['an image that is not pinned', { image: 'vllm' }, /'image' is 'vllm'; allowed: an image pinned/],
    [
      'two trees',
      (pipeline) => ({ checkout: checkoutOf(), repository: nodeCache(pipeline).repository('fork') }),
      /'repository' is 'given'; allowed: nothing, as the run has a checkout/,
    ],
    [
      'a kept image that is not that of the checkout',
      (pipeline) => ({ checkout: checkoutOf(), cachedImage: nodeCache(pipeline).image('vllm') }),
      /'cachedImage' is 'registry.example.com\/vllm:v0.26.0'; allowed: the image that is run, public.ecr.aws/,
    ],
    [
      'a path for a checkout',
      { checkout: '../vllm' as never },
      /'checkout' is 'a string'; allowed: a VllmCheckout/,
    ],
    ['a name for a repository', { repository: 'fork' as never }, /'repository' is 'a string'/],
    ['a name for an image of a cache', { cachedImage: 'vllm' as never }, /'cachedImage' is 'a string'/],
    ['no memory on CPUs', { memory: undefined }, /'memory' is nothing; allowed: an amount, as on CPUs/],
    ['null', { timeout: null as never }, /'timeout' is null/],
    ['a number for a time', { timeout: 60 as never }, /'timeout' is/],
    ['a number for devices', { accelerator: 1 as never }, /'accelerator' is 1; allowed: an Accelerator/],
    ['a number for CPUs', { cpu: 8 as never }, /'cpu' is 8/],
    [
      'where Python looks, with a checkout',
      () => ({ checkout: checkoutOf(), env: { PYTHONPATH: '/x' } }),
      /'name in env' is 'PYTHONPATH'/,
    ],
  ])('%s', (_, props, message) => {
    expect(() => ran(props)).toThrow(message);
  });

  test('a run before its phase', () => {
    const pipeline = pipelineFor();
    expect(() => new VllmRun(pipeline.download, 'early', RUN)).toThrow(
      /'scope' is 'pipeline.download'; allowed: pipeline.serve, pipeline.verify/,
    );
  });

  test.each<[string, Given<VllmRunServerProps>, RegExp]>([
    [
      'a port that the command contradicts',
      { command: [...SERVE, '--port=9000'], containerPort: 8000 },
      /'containerPort' is 8000; allowed: 9000/,
    ],
    ['a port below 1024', { command: [...SERVE, '--port=80'] }, /'containerPort' is 80/],
    [
      'where Python looks, with a checkout',
      () => ({ checkout: checkoutOf(), env: { PYTHONPATH: '/x' } }),
      /'name in env' is 'PYTHONPATH'/,
    ],
  ])('of a server, %s', (_, props, message) => {
    expect(() => served(props)).toThrow(message);
  });
});

test('models of claims and caches are mounted alike', () => {
  const objects = ran((pipeline) => ({
    model: cache(pipeline.download, { source: source(), store: sharedClaim() }).artifact,
    artifacts: [{ name: 'draft', artifact: nodeCache(pipeline).artifact('opt') }],
  }));
  expect(Object.keys(variables(program(objects)))).toEqual(
    expect.arrayContaining(['MODEL_DIR', 'DRAFT_DIR']),
  );
});
