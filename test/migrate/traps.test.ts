/**
 * What the five systems document and do not do, as their own examples are migrated. docs/coverage.md has the list of all
 * traps; most are shown by the tests of the constructs.
 */
import type { KubeObject } from '../../src/validation/kube-object';
import { answered, asFile, documents, fixture, merged, objectsOfPlan } from '../support/migrations';
import { containers, ofKind, podSpec, Untyped } from '../support/objects';

const SEEDS = ['koldun', 'ai-operator', 'dynamo', 'dynamo-existing', 'model-serve', 'k8shazgpu'];

const made = Object.fromEntries(
  SEEDS.map((name) => [name, objectsOfPlan(answered([fixture(`seeds/${name}.yaml`)]).plan)]),
);

const WORKLOADS = ['Job', 'Deployment', 'StatefulSet', 'DaemonSet'];
const workloads = (objects: KubeObject[]) => WORKLOADS.flatMap((kind) => ofKind(objects, kind));

const [MODEL_SERVE] = documents('seeds/model-serve.yaml');
const served = (spec: object) => objectsOfPlan(answered([asFile(merged(MODEL_SERVE, { spec }))]).plan);

describe('Koldun', () => {
  const { koldun } = made;

  test('runs dllama itself, by the command line that it has', () => {
    const root = JSON.stringify(ofKind(koldun, 'Deployment'));
    expect(root).toContain('"dllama-api","--model"');
    expect(JSON.stringify(koldun)).not.toMatch(/"--(role|slot|root)"|ghcr\.io\/gorizond\/koldun/);
  });

  test('needs no Bash: programs are started without a shell, and the only script is POSIX', () => {
    const commands = workloads(koldun)
      .flatMap(containers)
      .map(({ command, args = [] }: Untyped) => [...command, ...args]);
    expect(commands.length).toBeGreaterThan(6);
    expect(commands.filter((words: string[]) => words.includes('-c'))).toEqual([]);
    expect(JSON.stringify(koldun)).not.toContain('pipefail');
  });

  test('says in one warning that q80 weights do not run, and makes q40', () => {
    const { plan } = answered([fixture('seeds/koldun.yaml')]);
    const fields = plan.warnings.map(({ field }) => field);
    expect(fields.filter((field) => field === 'spec.conversion.weightsFloatType')).toHaveLength(1);
    expect(JSON.stringify(koldun)).toContain('"--weights=q40"');
    expect(JSON.stringify(koldun)).toContain('dllama_model_hf-convert-script_q40.m');
  });
});

test('DynamoModel: a claim stays, whatever goes', () => {
  const claims = ofKind(made.dynamo, 'PersistentVolumeClaim');
  expect(claims).toHaveLength(1);
  expect(claims[0].metadata.annotations).toMatchObject({
    'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
    'kustomize.toolkit.fluxcd.io/prune': 'disabled',
  });
  expect(claims[0].metadata).not.toHaveProperty('ownerReferences');
});

describe('ModelServe', () => {
  test('several copies read one claim, and no folder of a node', () => {
    const objects = served({ replicas: 3 });
    const [claim] = ofKind(objects, 'PersistentVolumeClaim') as Untyped[];
    expect(claim.spec.accessModes).toEqual(['ReadWriteMany']);
    const [server] = ofKind(objects, 'Deployment') as Untyped[];
    expect([server.spec.replicas, podSpec(server).volumes[0].persistentVolumeClaim.claimName]).toEqual([
      3,
      claim.metadata.name,
    ]);
    expect(JSON.stringify(objects)).not.toContain('hostPath');
  });

  test('a GPU is asked for as a resource, by the image that there is, and by no label', () => {
    const objects = served({ image: 'ghcr.io/ggerganov/llama.cpp:server-gpu' });
    const [server] = ofKind(objects, 'Deployment');
    expect(JSON.stringify(server)).toMatch(/"image":"ghcr\.io\/ggml-org\/llama\.cpp:server-cuda/);
    expect(JSON.stringify(server)).toContain('"nvidia.com/gpu":"1"');
    expect(Object.keys(podSpec(server).nodeSelector ?? {})).not.toContain('nvidia.com/gpu');
  });
});

test.each(SEEDS)('%s: nothing that is made has rights in the cluster, or privileges', (name) => {
  const objects = made[name];
  expect(objects.filter(({ kind }) => /Role|ServiceAccount|CustomResource/.test(kind))).toEqual([]);
  const pods = workloads(objects).map(podSpec);
  expect(pods.length).toBeGreaterThan(0);
  for (const pod of pods) expect(pod).toMatchObject({ automountServiceAccountToken: false });
  expect(JSON.stringify(objects)).not.toMatch(/"privileged":true|"hostNetwork":true|\.sock"/);
});
