import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import * as yaml from 'yaml';
import {
  Accelerator,
  ArgoCdMode,
  FineTuneProps,
  FluxSourceRef,
  GitOps,
  PhasedApp,
  PhasedAppProps,
  VllmRun,
  VllmServer,
} from '../../src';
import { fineTune } from '../support/fine-tunes';
import { temporaryFolder } from '../support/folders';
import { cache, downloaded, sharedClaim } from '../support/models';
import { objectsOf, plainChart, podSpec, the, violationsOf } from '../support/objects';

const QUEUE = 'kueue.x-k8s.io/queue-name';
const GPU = Accelerator.nvidia({ count: 1 });
const REPOSITORY = 'https://git.example.com/models.git';
const ARGO_CD = GitOps.argoCd({ repoUrl: REPOSITORY, argoNamespace: 'gitops' });
const FLUX = GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('models') });

/** The Job of a fine-tuning, by itself. */
function tuned(props: Partial<FineTuneProps> = {}) {
  const chart = plainChart();
  const model = downloaded(chart, { store: sharedClaim() });
  fineTune(chart, { model, ...props });
  const objects = objectsOf(chart);
  return { objects, job: the(objects, 'Job', /-support-/) };
}

test('a FineTune is queued as one Job, all of its nodes at once', () => {
  const { objects, job } = tuned({ queueName: 'gpus', nodes: 4 });
  expect(violationsOf(objects)).toBe('');
  expect(job.metadata.labels).toMatchObject({ [QUEUE]: 'gpus' });
  expect(job.spec.template.metadata.labels).not.toHaveProperty([QUEUE]);
  expect(job.spec).toMatchObject({ parallelism: 4, completions: 4 });
  // Kueue sets it, and takes it back.
  expect(job.spec).not.toHaveProperty('suspend');
  expect(objects.filter(({ metadata }) => metadata.labels?.[QUEUE] !== undefined)).toEqual([job]);
});

test('another queue is another Job, as Kueue lets nobody change that of a Job that it has admitted', () => {
  const names = [undefined, 'gpus', 'others'].map((queueName) => tuned({ queueName }).job.metadata.name);
  expect(new Set(names).size).toBe(3);
  const { job } = tuned({ queueName: 'gpus' });
  job.metadata.labels![QUEUE] = 'others';
  expect(violationsOf([job])).toContain('[job-name-hash] metadata.name is ');
});

test('two that share one Job agree on its queue', () => {
  const chart = plainChart();
  const model = downloaded(chart, { store: sharedClaim() });
  fineTune(chart, { model, name: 'same', queueName: 'gpus' }, 'one');
  expect(() => fineTune(chart, { model, name: 'same' }, 'two')).toThrow('the same queueName as there');
});

test('a VllmRun is queued, and its class of priority is that of its pods', () => {
  const chart = plainChart();
  new VllmRun(chart, 'bench', {
    command: ['vllm', 'bench'],
    memory: Size.gibibytes(16),
    queueName: 'gpus',
    priorityClassName: 'low',
  });
  const objects = objectsOf(chart);
  expect(violationsOf(objects)).toBe('');
  const job = the(objects, 'Job');
  expect(job.metadata.labels).toMatchObject({ [QUEUE]: 'gpus' });
  expect(podSpec(job).priorityClassName).toBe('low');
});

test.each(['', 'GPUs', 'a/b', 'a'.repeat(64), 7])('no queue is called %j', (queueName) => {
  expect(() => tuned({ queueName: queueName as string })).toThrow("'queueName' is ");
});

/** An app with a fine-tuned model and its server, where the training waits in a queue. */
function app(props: PhasedAppProps, { queueName }: { queueName?: string } = { queueName: 'gpus' }) {
  const outdir = temporaryFolder();
  const made = new PhasedApp({ outdir, ...props });
  const pipeline = made.pipeline('support', { namespace: 'llm' });
  const model = cache(pipeline.download, { store: sharedClaim() }).artifact;
  const { artifact } = fineTune(pipeline.tune, { model, queueName });
  new VllmServer(pipeline.serve, 'chat', { model: artifact, accelerator: GPU });
  return { made, pipeline, read: (file: string) => fs.readFileSync(path.join(outdir, file), 'utf8'), outdir };
}

describe('what applies a queued FineTune', () => {
  test('Argo CD is told what the health of a Job is, beside its Applications', () => {
    const { made, read } = app({ gitOps: [ARGO_CD] });
    made.synth();
    const text = read('gitops/argocd/job-health.patch');
    expect(text).toContain('kubectl patch configmap argocd-cm -n gitops --type merge');
    const { data } = yaml.parse(text) as { data: Record<string, string> };
    expect(Object.keys(data)).toEqual(['resource.customizations.health.batch_Job']);
    const { spec } = yaml.parse(read('gitops/argocd/support.yaml'));
    expect(spec.ignoreDifferences).toEqual([
      { group: 'batch', kind: 'Job', jsonPointers: ['/spec/suspend', '/spec/template/spec/tolerations'] },
    ]);
    expect(spec.syncPolicy.syncOptions).toEqual(['CreateNamespace=true', 'RespectIgnoreDifferences=true']);
    expect(read('README.md')).toMatch(/what `gitops\/argocd\/job-health\.patch` says at its head/);
    expect(read('README.md')).toContain('Kueue, and its LocalQueue `gpus` in `llm`');
    expect(read('README.md')).toMatch(/`queued-job` \| kubectl's script waits for its end/);
  });

  test('an ApplicationSet is like its Applications', () => {
    const mode = ArgoCdMode.applicationSet('models');
    const { made, read } = app({ gitOps: [GitOps.argoCd({ repoUrl: REPOSITORY, mode })] });
    made.synth();
    const set = yaml.parse(read('gitops/argocd/applicationset.yaml'));
    expect(violationsOf([set])).toBe('');
    expect(set.spec.template.spec.ignoreDifferences).toHaveLength(1);
    expect(read('gitops/argocd/job-health.patch')).toContain('-n argocd --type merge');
  });

  test('Argo CD is told nothing where no Job is queued', () => {
    const { made, outdir, read } = app({ gitOps: [ARGO_CD] }, {});
    made.synth();
    expect(fs.readdirSync(path.join(outdir, 'gitops/argocd'))).toEqual(['support.yaml']);
    expect(read('README.md')).not.toContain('job-health');
  });

  test('kubectl waits for its end, whatever it is until then', () => {
    const { made, read } = app({ gitOps: [GitOps.kubectl()] });
    made.synth();
    expect(read('gitops/kubectl/steps.txt')).toMatch(/llm\/support-support-[0-9a-f]{8}/);
    expect(read('README.md')).not.toContain('administers Argo CD');
  });

  test('Flux would take it for complete while it is suspended, and is refused', () => {
    const { made, outdir } = app({ gitOps: [ARGO_CD, FLUX] });
    expect(() => made.synth()).toThrow(
      /^GitOps\.flux: 'queueName' is 'gpus of Job support-support-[0-9a-f]{8}'; allowed: no queue for a Job that a later phase of support waits for\. .*GitOps\.argoCd or GitOps\.kubectl\.$/,
    );
    expect(fs.readdirSync(outdir)).toEqual([]);
  });

  test('Flux applies what no later phase waits for', () => {
    const { made, pipeline, read } = app({ gitOps: [FLUX] }, {});
    new VllmRun(pipeline.serve, 'bench', {
      command: ['vllm', 'bench'],
      memory: Size.gibibytes(16),
      queueName: 'gpus',
    });
    made.synth();
    expect(read('gitops/flux/support.yaml')).toContain('support-40-serve');
  });
});
