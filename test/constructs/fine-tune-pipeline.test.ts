import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  Accelerator,
  DllamaConversion,
  FineTune,
  FineTunePreset,
  FineTuneProps,
  FineTuneResult,
  FluxSourceRef,
  GgufConversion,
  GitOps,
  PhasedApp,
  TrlMethod,
  VllmServer,
} from '../../src';
import { TRAINER_IMAGE, dataset } from '../support/fine-tunes';
import { filesIn, temporaryFolder } from '../support/folders';
import { cache, sharedClaim, topology } from '../support/models';
import { argument, container, containers, objectsOf, ofKind, the, violationsOf } from '../support/objects';
import type { KubeObject } from '../../src/validation/kube-object';

/** Source, fine-tune, convert, serve: by distributed-llama, by vLLM, and as an adapter. */
function pipelineWith(props: Partial<FineTuneProps> = {}, outdir = temporaryFolder()) {
  const gitOps = [GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('models') })];
  const app = new PhasedApp({ outdir, gitOps });
  const pipeline = app.pipeline('support', { namespace: 'llm' });
  const store = sharedClaim();
  const accelerator = Accelerator.nvidia({ product: 'NVIDIA-L4' });
  const weights = cache(pipeline.download, { store }).artifact;
  const train = dataset(pipeline.download, store);
  const common = {
    model: weights,
    datasets: { train },
    image: TRAINER_IMAGE,
    preset: FineTunePreset.trl({ method: TrlMethod.SFT }),
    accelerator,
    ...props,
  };
  const tuned = new FineTune(pipeline.tune, 'full', { ...common, result: FineTuneResult.FULL_WEIGHTS })
    .artifact;
  const lora = new FineTune(pipeline.tune, 'lora', { ...common, result: FineTuneResult.LORA_ADAPTER })
    .artifact;
  const converted = new DllamaConversion(pipeline.convert, 'q40', { model: tuned }).artifact;
  const gguf = new GgufConversion(pipeline.convert, 'gguf', { model: tuned }).artifact;
  topology(pipeline.serve, { model: converted }, 'cpu');
  new VllmServer(pipeline.serve, 'gpu', {
    model: tuned,
    adapters: [{ name: 'lora', adapter: lora }],
    accelerator,
  });
  const objects = objectsOf(...pipeline._phases().map(({ chart }) => chart));
  return { app, outdir, objects, weights, train, tuned, lora, converted, gguf };
}

const waveOf = ({ metadata }: KubeObject) => Number(metadata.annotations?.['argocd.argoproj.io/sync-wave']);
const keyMadeBy = ({ metadata }: KubeObject) => metadata.annotations?.['cdk8s-llm/artifact-key'];
const awaitedBy = (object: KubeObject) => argument(container(object, 'await-model'), 'key');
const jobOf = (objects: KubeObject[], construct: string) =>
  the(objects, 'Job', new RegExp(`^support-${construct}-[0-9a-f]{8}$`));

test('the key of each phase is what the next one waits for, through all four', () => {
  const { objects, weights, train, tuned, lora, converted, gguf } = pipelineWith();
  expect(violationsOf(objects)).toBe('');
  const makers = {
    weights: [weights, 10],
    tickets: [train, 10],
    full: [tuned, 20],
    lora: [lora, 20],
    q40: [converted, 30],
    gguf: [gguf, 30],
  } as const;
  for (const [construct, [artifact, wave]] of Object.entries(makers)) {
    const job = jobOf(objects, construct);
    expect([construct, keyMadeBy(job), waveOf(job)]).toEqual([construct, artifact.key, wave]);
  }
  for (const construct of ['full', 'lora']) {
    expect(awaitedBy(jobOf(objects, construct))).toEqual([weights.key, train.key]);
    expect(argument(container(jobOf(objects, construct), 'publish'), 'key')).toEqual([
      keyMadeBy(jobOf(objects, construct)),
    ]);
  }
  for (const construct of ['q40', 'gguf']) {
    expect(argument(container(jobOf(objects, construct), 'convert'), 'input-key')).toEqual([tuned.key]);
  }
  const root = ofKind(objects, 'Deployment')
    .concat(ofKind(objects, 'StatefulSet'))
    .find((server) =>
      containers(server).some(({ args = [] }) => (args as string[]).includes(`--key=${converted.key}`)),
    )!;
  expect(waveOf(root)).toBe(40);
  const vllm = the(objects, 'Deployment', 'support-gpu');
  expect([awaitedBy(vllm), waveOf(vllm)]).toEqual([[tuned.key, lora.key], 40]);
  expect(new Set([weights.key, train.key, tuned.key, lora.key, converted.key, gguf.key]).size).toBe(6);
});

test('what is served says what it was made from, back to the sources', () => {
  const { objects, weights, train, tuned } = pipelineWith();
  const { annotations = {} } = jobOf(objects, 'q40').metadata;
  expect(annotations['cdk8s-llm/parents'].split(' ')).toEqual([tuned.path, weights.path, train.path]);
  expect(annotations['cdk8s-llm/source']).toContain('hf://datasets/acme/tickets@');
});

test('another hyperparameter makes all behind it anew, and leaves what is before it', () => {
  const before = pipelineWith();
  const after = pipelineWith({ hyperparameters: { learning_rate: 1e-5 } });
  const names = ({ objects }: typeof before, wave: number) =>
    ofKind(objects, 'Job')
      .filter((job) => waveOf(job) === wave)
      .map(({ metadata }) => metadata.name!);
  expect(names(after, 10)).toEqual(names(before, 10));
  for (const wave of [20, 30]) {
    expect(names(after, wave).filter((name) => names(before, wave).includes(name))).toEqual([]);
  }
  expect(ofKind(after.objects, 'PersistentVolumeClaim')).toEqual(
    ofKind(before.objects, 'PersistentVolumeClaim'),
  );
  expect([after.converted.key, after.gguf.key]).not.toContain(before.converted.key);
});

test('each phase is a folder, which the tools apply one after the other', () => {
  const { app, outdir } = pipelineWith();
  app.synth();
  const files = filesIn(outdir);
  for (const phase of ['10-download', '20-tune', '30-convert', '40-serve']) {
    expect(files.some((file) => file.startsWith(`support/${phase}/`))).toBe(true);
  }
  const flux = files
    .filter((file) => file.startsWith('gitops/flux/'))
    .map((file) => fs.readFileSync(path.join(outdir, file), 'utf8'))
    .join('\n');
  expect(flux).toMatch(/dependsOn:\s+- name: support-10-download\s/);
  expect(flux).toMatch(/dependsOn:\s+- name: support-20-tune\s/);
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  expect(readme).toContain('fine-tune of hf://Qwen/Qwen3-1.7B@');
});

test('a second synth gives the same bytes', () => {
  const texts = [pipelineWith(), pipelineWith()].map(({ app, outdir }) => {
    app.synth();
    return filesIn(outdir).map((file) => [file, fs.readFileSync(path.join(outdir, file), 'utf8')]);
  });
  expect(texts[1]).toEqual(texts[0]);
});
