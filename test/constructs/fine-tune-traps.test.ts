import { Secret } from 'cdk8s-plus-28';
import { Accelerator, FineTunePreset, FineTuneProps, FineTuneResult, ModelSource } from '../../src';
import { dataset, fineTune } from '../support/fine-tunes';
import { cache, COMMIT, sharedClaim } from '../support/models';
import {
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  texts,
  the,
  Untyped,
  violationsOf,
} from '../support/objects';

/**
 * What AI Operator's `Job` was meant to do and does not, one test each. Its own example: Qwen2.5-0.5B-Instruct, trained
 * by torchtune with the token of a Secret.
 */
const RECIPE = FineTunePreset.torchtune({
  recipe: 'full_finetune_single_device',
  config: 'qwen2_5/0.5B_full_single_device',
});

function example(props: Partial<FineTuneProps> = {}) {
  const chart = plainChart({ id: 'finetune' });
  const store = sharedClaim();
  const tokenSecret = Secret.fromSecretName(chart, 'token', 'hf-token');
  const source = ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: COMMIT, tokenSecret });
  const model = cache(chart, { source, store }).artifact;
  const accelerator = Accelerator.nvidia({ count: 1, runtimeClass: 'nvidia' });
  const train = dataset(chart, store);
  const tuned = fineTune(chart, { model, datasets: { train }, preset: RECIPE, accelerator, ...props });
  const objects = objectsOf(chart);
  return { objects, artifact: tuned.artifact, job: the(objects, 'Job', /-support-/) };
}

const claims = (objects: ReturnType<typeof objectsOf>) => ofKind(objects, 'PersistentVolumeClaim');

test('1: a Secret is named and read; none is made, and no token is anywhere', () => {
  const { objects } = example();
  expect(ofKind(objects, 'Secret')).toEqual([]);
  const download = container(the(objects, 'Job', /-weights-/), 'fetch');
  expect(download.env).toEqual([
    { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hf-token', key: 'token' } } },
  ]);
  expect(texts(container(the(objects, 'Job', /-support-/), 'train').env).join(' ')).not.toContain('hf-token');
  const token = 'hf_abcdefghijklmnopqrstuvwxyz' as unknown as FineTuneProps['hubTokenSecret'];
  const refused = () => example({ hubAccess: true, hubTokenSecret: token });
  expect(refused).toThrow("'hubTokenSecret' is 'a string'");
  expect(refused).not.toThrow('hf_abc');
});

test('2: GPUs are requested beside the runtime class, and nothing is rendered without a choice', () => {
  const { job } = example();
  expect(podSpec(job).runtimeClassName).toBe('nvidia');
  expect(container(job, 'train').resources).toMatchObject({
    requests: { 'nvidia.com/gpu': '1' },
    limits: { 'nvidia.com/gpu': '1' },
  });
  expect(() => example({ accelerator: undefined })).toThrow(
    'A runtime class alone gives a pod all GPUs of its node',
  );
});

test('3: whatever is changed in the training, the claim stays as it is, and no tool deletes it', () => {
  const before = claims(example().objects);
  for (const props of [
    { hyperparameters: { epochs: 3 } },
    { attempt: 2 },
    { image: 'registry.example.com/t:2' },
  ]) {
    expect(claims(example(props).objects)).toEqual(before);
  }
  expect(before[0].metadata.annotations).toMatchObject({
    'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
    'kustomize.toolkit.fluxcd.io/prune': 'disabled',
  });
});

test('4: the Job is there whether or not anything else changes, and is another one when its spec does', () => {
  expect(example().job).toEqual(example().job);
  expect(example({ hyperparameters: { epochs: 3 } }).job.metadata.name).not.toBe(example().job.metadata.name);
  expect(claims(example().objects)).toHaveLength(1);
});

test("5: retries are the Job's, and torchrun's arguments stand before the recipe", () => {
  const { job } = example({ backoffLimit: 3 });
  expect(job.spec).toMatchObject({
    backoffLimit: 3,
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
        { action: 'FailJob', onExitCodes: { values: [64, 65, 66, 73, 77] } },
      ],
    },
  });
  const distributed = FineTunePreset.torchtune({
    recipe: 'full_finetune_distributed',
    config: 'qwen2_5/0.5B_full',
  });
  const accelerator = Accelerator.nvidia({ count: 2 });
  const { args } = container(example({ preset: distributed, accelerator }).job, 'train') as {
    args: string[];
  };
  const recipe = args.indexOf('full_finetune_distributed');
  expect(args.findIndex((arg) => arg.startsWith('--nproc_per_node'))).toBeLessThan(recipe);
  expect(args.slice(recipe + 1).filter((arg) => /^-/.test(arg))).toEqual(['--config']);
  expect(() => example({ accelerator })).toThrow('a recipe for several devices');
});

test('6: image and dataset are named and pinned, and nothing is fetched while it trains', () => {
  expect(() => example({ image: 'silentehrec/torchtune:latest' })).toThrow(
    "'image' is 'silentehrec/torchtune:latest'",
  );
  expect(() => example({ datasets: {} })).toThrow("'datasets' is nothing");
  const { objects, job } = example();
  const { args, env } = container(job, 'train') as { args: string[]; env: Untyped[] };
  expect(args).toContain('dataset.source=$(DATASET_TRAIN_DIR)');
  expect(env).toContainEqual({ name: 'HF_DATASETS_OFFLINE', value: '1' });
  expect(the(objects, 'NetworkPolicy', /-train$/).spec.egress).toEqual([]);
});

test('7: the result is an artifact of its own, beside the model and not in /tmp', () => {
  const { artifact, job, objects } = example({ result: FineTuneResult.FULL_WEIGHTS });
  expect(artifact.path).toBe(`qwen3-1.7b-support-${artifact.key}`);
  const { args } = container(job, 'publish') as { args: string[] };
  expect(args).toContain(`--dir=/output/${artifact.path}`);
  const train = container(job, 'train') as { args: string[]; env: Untyped[]; volumeMounts: Untyped[] };
  expect(train.args).toContain('output_dir=$(OUTPUT_DIR)');
  expect(train.env[0]).toEqual({
    name: 'OUTPUT_DIR',
    value: `/output/${artifact.path}/.artifact.parts/work`,
  });
  expect(train.volumeMounts).toContainEqual({ name: 'scratch', mountPath: '/tmp' });
  expect(podSpec(job).volumes).toContainEqual({ name: 'scratch', emptyDir: { sizeLimit: '20Gi' } });
  expect(violationsOf(objects)).toBe('');
});
