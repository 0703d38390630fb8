/** Every YAML example of the five systems' documents becomes pipelines that keep to all rules, or asks what it has to. */
import { PhasedApp } from '../../src';
import { makePlan } from '../../src/migrate/make';
import { answered, asFile, documents, fixture, merged, problemsOf } from '../support/migrations';
import type { InputText } from '../../src/migrate/read-resources';
import { filesIn, temporaryFolder } from '../support/folders';

/** Through all schemas and rules. */
function migrate(files: InputText[]) {
  const { plan, questions } = answered(files);
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  makePlan(app, plan);
  app.synth();
  return { questions, files: filesIn(outdir), fields: plan.warnings.map(({ field }) => field) };
}

const completed = (file: string, fragments: string) => {
  const [first, ...others] = documents(`seeds/${file}`);
  return documents(`seeds/${fragments}`).map((fragment): [string, InputText] => [
    JSON.stringify(fragment.spec).slice(0, 60),
    asFile(merged(first, fragment), ...others),
  ]);
};

test('Koldun: a Model, its Dllama and the Secret', () => {
  const { questions, files, fields } = migrate([fixture('seeds/koldun.yaml')]);
  expect(questions).toEqual([
    'Model/default/hf-convert-script/revision',
    'Dllama/default/hf-convert-script-topology/image',
  ]);
  expect(files).toEqual([
    'README.md',
    'hf-convert-script/10-download/download.k8s.yaml',
    'hf-convert-script/30-convert/convert.k8s.yaml',
    'hf-convert-script/40-serve/serve.k8s.yaml',
  ]);
  expect(fields).toEqual(['spec.conversion.weightsFloatType', 'spec.conversion.toolsImage', 'kind']);
});

test.each(completed('koldun.yaml', 'koldun-pv.fragment.yaml'))('Koldun: %s', (_name, file) => {
  const { files, fields } = migrate([file]);
  expect(files).toContain('hf-convert-script/40-serve/serve.k8s.yaml');
  expect(fields).toEqual(expect.arrayContaining(['spec.localPath', 'spec.pv.pvcStorageClassName']));
});

test('AI Operator: a Job and its Secret', () => {
  const { questions, files } = migrate([fixture('seeds/ai-operator.yaml')]);
  expect(questions.map((id) => id.replace('Job/default/finetune-job/', ''))).toEqual([
    'revision',
    'image',
    'dataset',
  ]);
  expect(files).toContain('finetune-job/20-tune/tune.k8s.yaml');
});

test('DynamoModel: a model, and a service that names it', () => {
  const { questions, files } = migrate([fixture('seeds/dynamo.yaml')]);
  expect(questions).toEqual([
    'DynamoModel/your-namespace/llama-3-70b-instruct-v1/revision',
    'DynamoGraphDeployment/your-namespace/vllm-disagg/VllmDecodeWorker/gpus',
  ]);
  expect(files).toContain('llama-3-70b-instruct-v1/40-serve/serve.k8s.yaml');
});

test('DynamoModel: a claim that is there, and a downloader', () => {
  const { questions, files } = migrate([fixture('seeds/dynamo-existing.yaml')]);
  expect(questions.map((id) => id.replace(/^.*default\//, ''))).toEqual([
    'existing-model/revision',
    'existing-model/config',
    'custom-model/image',
    'custom-model/command',
    'custom-model/version',
  ]);
  expect(files).toContain('custom-model/10-download/download.k8s.yaml');
});

test.each(completed('dynamo.yaml', 'dynamo.fragments.yaml'))('DynamoModel: %s', (_name, file) => {
  expect(migrate([file]).files).toContain('llama-3-70b-instruct-v1/10-download/download.k8s.yaml');
});

test('ModelServe: the two models of the document', () => {
  const { questions, files } = migrate([fixture('seeds/model-serve.yaml')]);
  expect(questions.map((id) => id.replace('ModelServe/default/', ''))).toEqual([
    'model-qwen.gguf/size',
    'model-qwen.gguf/sha256',
    'model-qwen.gguf/memory',
    'model-smollm2.gguf/size',
    'model-smollm2.gguf/revision',
    'model-smollm2.gguf/memory',
  ]);
  expect(files).toContain('model-smollm2.gguf/40-serve/serve.k8s.yaml');
});

test.each(completed('model-serve.yaml', 'model-serve.fragments.yaml'))('ModelServe: %s', (_name, file) => {
  expect(migrate([file]).files).toContain('model-qwen.gguf/40-serve/serve.k8s.yaml');
});

test('ModelServe: the Deployment that it makes is sent back for its resource', () => {
  expect(problemsOf(...documents('seeds/model-serve.deployment.yaml'))).toEqual([
    {
      field: 'kind',
      message:
        "models.yaml, document 1: Deployment default/model-<model-name>: 'kind' is 'Deployment'; allowed: the ModelServe " +
        'that it was made of. Print it: kubectl get modelserves.model.example.com -n default -o yaml',
    },
  ]);
});

test('k8shazgpu: a CachePlan, a server and a run', () => {
  const { questions, files, fields } = migrate([fixture('seeds/k8shazgpu.yaml')]);
  expect(
    questions.map((id) => id.replace(/^(CachePlan\/canhazgpu-system|ResourceClaim\/default)\//, '')),
  ).toEqual([
    'default/tokenSecret',
    'default/vllm-pinned/image',
    'default/vllm-main/commit',
    'default/vllm-private/commit',
    'default/vllm-private/tokenSecret',
    'default/facebook/opt-125m/revision',
    'default/codeberta/revision',
    'default/microsoft/DialoGPT-medium/revision',
    'default/size',
    'api-server/repository',
  ]);
  expect(files).toEqual(
    expect.arrayContaining([
      'api-server/40-serve/serve.k8s.yaml',
      'default/40-serve/serve.k8s.yaml',
      'node-specific/40-serve/serve.k8s.yaml',
    ]),
  );
  expect(fields).toContain('metadata.annotations["canhazgpu.dev/prefer-node"]');
});
