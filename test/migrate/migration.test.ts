import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  DllamaConversion,
  DllamaTopology,
  Migration,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
} from '../../src';
import { makePlan } from '../../src/migrate/make';
import { planOf } from '../../src/migrate/read-plan';
import { printCode } from '../../src/migrate/print-code';
import { MigrationError } from '../../src/migrate/translation';
import { temporaryFolder, tree } from '../support/folders';
import {
  answered,
  asFile,
  COMMIT,
  Document,
  documents,
  fixture,
  merged,
  objectsOfPlan,
  problemsOf,
} from '../support/migrations';
import { Untyped } from '../support/objects';
import { SAMPLES } from './samples';

const KOLDUN = documents('seeds/koldun.yaml');
const [MODEL, DLLAMA] = KOLDUN;
const [, JOB] = documents('seeds/ai-operator.yaml');
const [DYNAMO_MODEL, GRAPH] = documents('seeds/dynamo.yaml');
const [MODEL_SERVE] = documents('seeds/model-serve.yaml');

const warningsOf = (...given: unknown[]) => answered([asFile(...given)]).plan.warnings;
const objectsOf = (...given: unknown[]) => objectsOfPlan(answered([asFile(...given)]).plan);
const ofKind = (kind: string, ...given: unknown[]) =>
  objectsOf(...given).filter((object) => object.kind === kind);

describe('what it makes', () => {
  test('is what code makes, byte for byte', () => {
    const outdir = temporaryFolder();
    const app = new PhasedApp({ outdir });
    const pipeline = app.pipeline('hf-convert-script', { namespace: 'default' });
    const credentialsSecret = Secret.fromSecretName(pipeline, 'minio-creds', 'minio-creds');
    const endpoint = 'http://192.168.205.2:32090';
    const weights = new ModelCache(pipeline.download, 'weights', {
      source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
        revision: COMMIT,
        tokenSecret: Secret.fromSecretName(pipeline, 'my-hf', 'my-hf'),
      }),
      store: ModelStore.s3({
        endpoint,
        bucket: 'my-bucket-model',
        prefix: 'Qwen/Qwen3-1.7B',
        credentialsSecret,
      }),
      memory: Size.gibibytes(2),
      chunkMax: Size.mebibytes(256),
      concurrency: 6,
      image: 'python:3.11',
    });
    const converted = new DllamaConversion(pipeline.convert, 'q40', {
      model: weights.artifact,
      store: ModelStore.s3({ endpoint, bucket: 'my-bucket-convert', credentialsSecret }),
      name: 'hf-convert-script',
      memory: Size.gibibytes(8),
      image: 'python:3.11',
      pipProxy: 'http://192.168.205.2:4001',
    });
    new DllamaTopology(pipeline.serve, 'topology', {
      model: converted.artifact,
      image: 'registry.example.com/engine:v0.16.4',
      replicaPower: 2,
    });
    app.synth();

    const migrated = temporaryFolder();
    const other = new PhasedApp({ outdir: migrated });
    makePlan(other, answered([fixture('seeds/koldun.yaml')]).plan);
    other.synth();
    expect(tree(migrated)).toEqual(tree(outdir));
  });

  test('is of all files together, and of what kubectl prints of several', () => {
    const together = answered([asFile(...KOLDUN)]).plan;
    const apart = answered([
      { ...asFile(DLLAMA), name: 'dllama.yaml' },
      { ...asFile({ apiVersion: 'v1', kind: 'List', items: [MODEL] }), name: 'list.yaml' },
    ]).plan;
    expect(apart.pipelines[0].statements).toEqual(together.pipelines[0].statements);
  });

  test('has names that differ where resources of one name meet', () => {
    const elsewhere = merged(MODEL, { metadata: { namespace: 'other' } });
    const { pipelines } = answered([asFile(MODEL, elsewhere)]).plan;
    expect(pipelines.map(({ name }) => name)).toEqual(['hf-convert-script', 'hf-convert-script-other']);
    expect(new Set(pipelines.map(({ variable }) => variable)).size).toBe(2);
  });
});

describe('Koldun', () => {
  test.each([
    [1, 1],
    [2, 3],
    [3, 7],
  ])('power %d is %d workers', (replicaPower, workers) => {
    const dllama = merged(DLLAMA, { spec: { replicaPower } });
    const sets = ofKind('StatefulSet', MODEL, dllama).filter(({ metadata }) =>
      metadata.name?.endsWith('-worker'),
    );
    expect(sets.map(({ spec }) => (spec as { replicas: number }).replicas)).toEqual([workers]);
    const warned = warningsOf(MODEL, dllama).filter(({ field }) => field === 'spec.replicaPower');
    expect(warned).toHaveLength(replicaPower < 3 ? 0 : 1);
  });

  test('a topology in another namespace than its bucket has a volume there', () => {
    const dllama = merged(DLLAMA, {
      metadata: { namespace: 'chat' },
      spec: { modelRef: { namespace: 'default' } },
    });
    const claims = ofKind('PersistentVolumeClaim', MODEL, dllama);
    expect(claims.map(({ metadata }) => metadata.namespace)).toContain('chat');
  });

  test('a Model without conversion gets one, where a Dllama needs it', () => {
    const model = { ...MODEL, spec: { ...(MODEL.spec as Document), conversion: undefined } };
    const { plan } = answered([asFile(model, DLLAMA)]);
    expect(
      plan.pipelines[0].statements.flatMap((each) => (each.kind === 'construct' ? [each.class] : [])),
    ).toEqual(['ModelCache', 'DllamaConversion', 'DllamaTopology']);
    expect(plan.warnings.map(({ field }) => field)).toContain('spec.conversion');
  });

  test('a Root and its Workers are a topology, where their number can be one', () => {
    const [{ documents: given }] = SAMPLES['koldun-worker.json'];
    const [model, root, , worker] = given;
    const workers = [0, 1, 2].map((slot) =>
      merged(worker, { metadata: { name: `chat-${slot}` }, spec: { slot } }),
    );
    const sets = ofKind('StatefulSet', model, root, ...workers);
    expect(sets.map(({ spec }) => (spec as { replicas: number }).replicas)).toContain(3);
    expect(problemsOf(model, root, ...workers.slice(0, 2)).map(({ message }) => message)).toEqual([
      expect.stringContaining("'workers' is 2; allowed: 0, 1, 3, 7 or 15 Workers"),
    ]);
    expect(problemsOf(model, worker).map(({ message }) => message)).toEqual([
      expect.stringContaining('kubectl get roots.koldun.gorizond.io chat -n llm -o yaml'),
    ]);
  });

  test('Workers have threads of their own, and are alike otherwise', () => {
    const [{ documents: given }] = SAMPLES['koldun-worker.json'];
    const [model, root, , worker] = given;
    const workers = (...args: string[][]) =>
      args.map((each, slot) =>
        merged(worker, { metadata: { name: `chat-${slot}` }, spec: { slot, args: each } }),
      );
    const threads = ['2', '8', '8'].map((count) => ['--nthreads', count]);
    const { plan } = answered([
      asFile(model, merged(root, { spec: { args: threads[1] } }), ...workers(...threads)),
    ]);
    expect(printCode(plan)).toContain('threads: 8,\n  workerSlots: [{ slot: 0, threads: 2 }],\n');
    expect(plan.warnings.filter(({ field }) => field === 'spec.args')).toEqual([]);
    const sets = objectsOfPlan(plan).filter(({ kind }) => kind === 'StatefulSet') as Untyped[];
    expect(sets.map(({ spec }) => spec.replicas).sort()).toEqual([1, 2]);
    const others = workers(threads[0], threads[1], ['--net-turbo', '0']);
    expect(problemsOf(model, root, ...others).map(({ message }) => message)).toEqual([
      expect.stringContaining('allowed: those of the first Worker, chat-0, and other --nthreads.'),
    ]);
  });

  test('a Root and Workers on GPUs get one each, of the vendor that is named', () => {
    const [{ documents: given }] = SAMPLES['koldun-worker.json'];
    const [model, root, , worker] = given;
    const args = ['--nthreads', '1', '--gpu-index', '0'];
    const onGpu = merged(root, { spec: { args } });
    const { plan, questions } = answered([asFile(model, onGpu, merged(worker, { spec: { args } }))]);
    expect(questions.at(-1)).toBe('Root/llm/chat/accelerator');
    expect(printCode(plan)).toContain('accelerator: Accelerator.nvidia(),');
    const pods = objectsOfPlan(plan).filter(({ kind }) => /Deployment|StatefulSet/.test(kind));
    expect(pods.map((object) => JSON.stringify(object).includes('"nvidia.com/gpu":"1"'))).toEqual([
      true,
      true,
    ]);
    expect(problemsOf(model, onGpu, worker).map(({ message }) => message)).toEqual([
      expect.stringContaining('allowed: --gpu-index of the Root and of all its Workers, or of none.'),
    ]);
  });

  test('what a Dllama has made is left to it', () => {
    const [{ documents: given, index }] = SAMPLES['koldun-root.json'];
    const made = merged(given[index], {
      metadata: {
        namespace: 'default',
        labels: { 'koldun.gorizond.io/dllama': 'hf-convert-script-topology' },
      },
    });
    const { plan } = answered([asFile(MODEL, DLLAMA, made)]);
    expect(plan.pipelines[0].statements.filter((each) => each.kind === 'construct')).toHaveLength(3);
    expect(problemsOf(MODEL, made).map(({ message }) => message)).toEqual([
      expect.stringContaining(
        'kubectl get dllamas.koldun.gorizond.io hf-convert-script-topology -n default -o yaml',
      ),
    ]);
  });

  test('a Dllama whose Model is not there says how to add it', () => {
    expect(problemsOf(DLLAMA).map(({ message }) => message)).toEqual([
      "models.yaml, document 1: Dllama default/hf-convert-script-topology: 'spec.modelRef.name' is 'hf-convert-script'; " +
        'allowed: a Model of namespace default in the files, itself without errors. Add it: ' +
        'kubectl get models.koldun.gorizond.io hf-convert-script -n default -o yaml',
    ]);
  });
});

describe('AI Operator', () => {
  const TOKEN = 'hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345';

  test('a token in place of a name is never shown, and a name is asked for', () => {
    const job = merged(JOB, { spec: { huggingFaceSecret: TOKEN } });
    const file = asFile(job);
    expect(() => planOf([file])).toThrow(/'spec.huggingFaceSecret' is '\*\*\*'.*revoke it/);
    expect(() => planOf([file])).not.toThrow(TOKEN);
    const { plan } = answered([file]);
    expect(JSON.stringify([plan, objectsOfPlan(plan)])).not.toContain(TOKEN);
    expect(JSON.stringify(plan)).toContain('"hf-token"');
  });

  test('a GPU is asked for, with the runtime class', () => {
    const [tune] = ofKind('Job', JOB).filter(({ metadata }) => metadata.name?.includes('tuned'));
    const text = JSON.stringify(tune);
    expect(text).toContain('"nvidia.com/gpu":"1"');
    expect(text).toContain('"runtimeClassName":"nvidia"');
    expect(text).toContain('"backoffLimit":3');
    expect(text).not.toContain('-r=3');
  });

  test('what torchtune is told goes where the preset has it', () => {
    const command = [
      'tune',
      'run',
      '--nproc_per_node',
      '2',
      'lora_finetune_distributed',
      '--config',
      'llama3_2/1B_lora',
    ];
    const job = merged(JOB, {
      spec: { command: [...command, 'seed=7', 'model.lora_rank=16', 'output_dir=/tmp/x'] },
    });
    const { plan } = answered([asFile(job)]);
    const tuned = JSON.stringify(plan.pipelines[0].statements.at(-1));
    expect(tuned).toContain('{"name":"model.lora_rank","value":{"kind":"literal","value":16}}');
    expect(tuned).toContain('{"name":"seed","value":{"kind":"literal","value":7}}');
    expect(tuned).toContain('LORA_ADAPTER');
    expect(plan.warnings.map(({ message }) => message).join()).toContain('output_dir are left out');
  });

  test('any other command is run as it stands', () => {
    const { plan } = answered([asFile(merged(JOB, { spec: { command: ['python', 'train.py'] } }))]);
    expect(JSON.stringify(objectsOfPlan(plan))).toContain('train.py');
    expect(plan.warnings.map(({ message }) => message).join()).toContain('$(OUTPUT_DIR)');
  });
});

describe('DynamoModel', () => {
  test('a version that is a commit is what is fetched', () => {
    const model = merged(DYNAMO_MODEL, { spec: { version: COMMIT } });
    const { plan, questions } = answered([asFile(model)]);
    expect(questions).toEqual([]);
    expect(JSON.stringify(objectsOfPlan(plan))).toContain(`--revision=${COMMIT}`);
    expect(plan.warnings.filter(({ field }) => field === 'spec.version')).toHaveLength(1);
  });

  test('the Secret is read by the key that the library of the hub reads', () => {
    const job = JSON.stringify(ofKind('Job', DYNAMO_MODEL));
    expect(job).toContain('"secretKeyRef":{"key":"HF_TOKEN","name":"llama-hf-secret"}');
    expect(warningsOf(DYNAMO_MODEL).map(({ field }) => field)).not.toContain('spec.secretRef');
  });

  test('a scheme that is unknown is refused with those that are known', () => {
    const spec = {
      ...(DYNAMO_MODEL.spec as Document),
      sourceURL: 'ftp://user:pass@host/x',
      secretRef: undefined,
    };
    const [{ message }] = problemsOf({ ...DYNAMO_MODEL, spec });
    expect(message).toContain("allowed: 'hf://org/name', 's3://bucket/prefix'");
    expect(message).not.toContain('pass@');
  });

  test('a server of a claim of one node is where that claim can be', () => {
    const model = merged(DYNAMO_MODEL, { spec: { pvc: { volumeAccessMode: 'ReadWriteOnce' } } });
    expect(ofKind('PersistentVolumeClaim', model, GRAPH)).toHaveLength(1);
  });

  describe('several that name one claim', () => {
    const [name, namespace] = ['models', 'your-namespace'];
    const named = (pvc: Document, other = 'llama') =>
      merged(DYNAMO_MODEL, { metadata: { name: other }, spec: { pvc: { name, ...pvc } } });
    const other = (pvc: Document) => {
      const model = named(pvc, 'qwen') as { spec: Document };
      return merged(model, { spec: { name: 'Qwen/Qwen3-1.7B', sourceURL: 'hf://Qwen/Qwen3-1.7B' } });
    };

    test('share it, at the largest size that is asked for', () => {
      const given = [named({}), other({ size: '250Gi' })];
      const claims = ofKind('PersistentVolumeClaim', ...given);
      expect(claims.map(({ metadata, spec }) => [metadata.name, metadata.namespace, spec])).toEqual([
        [
          name,
          namespace,
          expect.objectContaining({
            resources: { requests: { storage: '250Gi' } },
            accessModes: ['ReadWriteMany'],
          }),
        ],
      ]);
      const mounted = ofKind('Job', ...given).map((job) =>
        JSON.stringify(job).includes(`"claimName":"${name}"`),
      );
      expect(mounted).toEqual([true, true]);
      const sizes = warningsOf(...given).filter(({ field }) => field === 'spec.pvc.size');
      expect(sizes.map((warning) => warning.name)).toEqual(['llama']);
    });

    test('share that of the one that makes it, whichever comes first', () => {
      for (const given of [
        [named({}), other({ create: false })],
        [other({ create: false }), named({})],
      ]) {
        expect(ofKind('PersistentVolumeClaim', ...given)).toHaveLength(1);
        expect(ofKind('Job', ...given)).toHaveLength(2);
      }
    });

    test('share one that is there', () => {
      const given = [named({ create: false }), other({ create: false })];
      expect(ofKind('PersistentVolumeClaim', ...given)).toEqual([]);
      expect(answered([asFile(...given)]).plan.pipelines[1].statements).toHaveLength(2);
    });

    test('cannot say different things of it', () => {
      const different = { storageClass: 'fast', volumeAccessMode: 'ReadWriteOnce' };
      const messages = problemsOf(named({}), other(different)).map(({ message }) => message);
      expect(messages).toEqual([
        "models.yaml, document 2: DynamoModel your-namespace/qwen: 'spec.pvc.volumeAccessMode' is 'ReadWriteOnce'; allowed: " +
          "'ReadWriteMany', as of the same claim models with DynamoModel llama. One claim has one. This tells which: " +
          "kubectl get pvc models -n your-namespace -o jsonpath='{.spec.accessModes[0]}'",
        expect.stringContaining(
          "'spec.pvc.storageClass' is 'fast'; allowed: 'your-storage-class', as of the same claim",
        ),
      ]);
    });

    test('have one each in namespaces of their own', () => {
      const elsewhere = merged(other({}), { metadata: { namespace: 'elsewhere' } });
      const claims = ofKind('PersistentVolumeClaim', named({}), elsewhere);
      expect(claims.map(({ metadata }) => metadata.namespace)).toEqual([namespace, 'elsewhere']);
    });
  });

  test('services without a model go on with Dynamo', () => {
    const graph = merged(GRAPH, { spec: { services: { Frontend: { componentType: 'frontend' } } } });
    const warnings = warningsOf(DYNAMO_MODEL, graph);
    expect(warnings.map(({ field }) => field)).toContain('spec.services.Frontend');
    expect(problemsOf(GRAPH).map(({ message }) => message)).toEqual([
      expect.stringContaining(
        'kubectl get dynamomodels.nvidia.com llama-3-70b-instruct-v1 -n your-namespace -o yaml',
      ),
    ]);
  });
});

describe('k8shazgpu', () => {
  const [{ documents: given }] = SAMPLES['vllm-claim.json'];
  const [cachePlan, claim] = given;
  const [cacheItem] = (cachePlan.spec as { items: { gitRepo: Document }[] }).items;
  const annotated = (annotations: Document) =>
    merged(claim, {
      metadata: {
        annotations: Object.fromEntries(
          Object.entries(annotations).map(([name, value]) => [`canhazgpu.dev/${name}`, value]),
        ),
      },
    });
  const runIn = (...documents: unknown[]) => {
    const { plan, questions } = answered([asFile(...documents)]);
    return { plan, questions, text: JSON.stringify(ofKind('Deployment', ...documents)) };
  };

  test('a run has the repository that the CachePlan keeps on its nodes', () => {
    const { plan, questions, text } = runIn(cachePlan, claim);
    expect(questions).not.toContain('ResourceClaim/llm/run/repository');
    expect(printCode(plan)).toMatch(/repository: \w+\.repository\('vllm'\)/);
    expect(text).toContain('"path":"/var/lib/canhazgpu-cache"');
    expect(text).toContain('"nodeSelector":{"gpu":"true"');
  });

  test('of a repository that no CachePlan keeps it is asked which vLLM is meant', () => {
    const run = annotated({ 'repo-name': 'dougbtv-vllm' });
    const question = (...documents: unknown[]) => {
      const { asked } = answered([asFile(...documents)]);
      return asked.filter((text) => text.includes('repo-name'));
    };
    expect(question(cachePlan, run)).toEqual([
      expect.stringMatching(
        /'image', for the vLLM of the image, or a repository .*: vllm\..*writes this name.*get cacheplans/,
      ),
    ]);
    expect(question(claim)).toEqual([
      expect.stringMatching(/allowed: 'image', for the vLLM of the image\. /),
    ]);
    expect(printCode(runIn(cachePlan, run).plan)).not.toContain('repository:');
  });

  test('a model that the CachePlan keeps is read from the node', () => {
    const run = annotated({ cmd: 'vllm serve facebook/opt-125m' });
    const { questions, text } = runIn(cachePlan, run);
    expect(questions).toEqual([
      'CachePlan/canhazgpu-system/default/tokenSecret',
      'CachePlan/canhazgpu-system/default/size',
    ]);
    expect(text).toContain('"vllm","serve","$(MODEL_DIR)","--served-model-name=facebook/opt-125m"');
    expect(ofKind('Job', cachePlan, run)).toEqual([]);
  });

  test('changes are packed from the checkout, and not read from the ConfigMap that lacks some', () => {
    const run = annotated({ 'diff-configmap': 'run-vllm-diffs' });
    const { plan, questions, text } = runIn(run);
    expect(questions).toEqual(['ResourceClaim/llm/run/checkout']);
    expect(printCode(plan)).toContain('checkout: VllmCheckout.fromDirectory(');
    expect(text).toContain('public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo:');
    expect(text).not.toContain('run-vllm-diffs');
  });

  test('what an ssh key opened is read by the token that is named', () => {
    const plan = merged(cachePlan, {
      spec: {
        items: [
          { ...cacheItem, gitRepo: { ...cacheItem.gitRepo, url: 'git@github.com:user/private-vllm.git' } },
        ],
      },
    });
    const [daemons] = ofKind('DaemonSet', plan);
    expect(JSON.stringify(daemons)).toContain('"secretKeyRef":{"key":"token","name":"hf-token"}');
    expect(JSON.stringify(daemons)).toContain('https://github.com/user/private-vllm.git');
  });
});

describe('ModelServe', () => {
  test('names of Services have no dots', () => {
    const services = ofKind('Service', MODEL_SERVE);
    expect(services.length).toBeGreaterThan(0);
    for (const { metadata } of services) expect(metadata.name).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/);
  });

  test('a key among the parameters is refused, and not shown', () => {
    const serve = {
      ...MODEL_SERVE,
      spec: { modelName: 'a.gguf', minioPath: 'x/a.gguf', runtimeParams: '--api-key s3cr3t' },
    };
    const [{ message }] = problemsOf(serve);
    expect(message).toContain('apiKey from a Secret');
    expect(message).not.toContain('s3cr3t');
  });

  test.each([
    ['ghcr.io/ggml-org/llama.cpp:server-b6500', 'ghcr.io/ggml-org/llama.cpp:server-b6500'],
    ['ghcr.io/ggerganov/llama.cpp:server-cuda-b6500', 'ghcr.io/ggml-org/llama.cpp:server-cuda-b6500'],
  ])('%s is run as %s', (image, expected) => {
    const objects = objectsOf(merged(MODEL_SERVE, { spec: { image } }));
    expect(JSON.stringify(objects)).toContain(`"image":"${expected}"`);
  });
});

describe('what it says of what is wrong', () => {
  test('is all that is, each with its place, and what is known', () => {
    const model = merged(MODEL, {
      spec: { localPth: 's3://x', download: { memory: 'lots' }, conversion: { weightsFloatType: 'q4' } },
    });
    expect(problemsOf(model).map(({ message }) => message)).toEqual([
      "models.yaml, document 1: Model default/hf-convert-script: 'spec.localPth' is 's3://x'; allowed: no such field; known " +
        'are conversion, download, launchOptions, localPath, objectStorage, pipProxy, pv, sourceUrl. Did you mean localPath?',
      "models.yaml, document 1: Model default/hf-convert-script: 'spec.download.memory' is 'lots'; allowed: a quantity of " +
        "bytes, in quotes: '10Gi', '512Mi'.",
      "models.yaml, document 1: Model default/hf-convert-script: 'spec.conversion.weightsFloatType' is 'q4'; allowed: " +
        '"q40", "q80", "f16", "f32". Did you mean q40?',
    ]);
  });

  test('is of YAML, of versions, of doubles and of nothing, too', () => {
    const message = (text: string) => {
      try {
        planOf([{ name: 'a.yaml', text }]);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(message('a: [')).toMatch(/^a\.yaml, line 1: 'document' is 'no YAML'/);
    expect(message('- 1')).toContain("'document' is 'a list'");
    expect(message('')).toContain("a.yaml: 'resources' is nothing; allowed: koldun.gorizond.io/v1 Model");
    expect(message('apiVersion: koldun.gorizond.io/v2\nkind: Model')).toContain(
      'Did you mean koldun.gorizond.io/v1 Model?',
    );
    expect(problemsOf(MODEL, MODEL)[0].message).toContain('There is one already: models.yaml, document 1.');
  });

  test('tells of what is none of the five systems that it is left as it is', () => {
    const [warning] = warningsOf({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }, MODEL);
    expect(warning).toMatchObject({ kind: 'Namespace', field: 'kind' });
  });
});

describe('Migration', () => {
  const revision = { 'Model/default/hf-convert-script/revision': COMMIT };
  const image = { 'Dllama/default/hf-convert-script-topology/image': 'registry.example.com/dllama:v0.16.4' };

  function files(): { models: string; answers: string } {
    const folder = temporaryFolder();
    const [models, answers] = ['models.yaml', 'answers.yaml'].map((name) => path.join(folder, name));
    fs.writeFileSync(models, fixture('seeds/koldun.yaml').text);
    fs.writeFileSync(answers, asFile(revision).text);
    return { models, answers };
  }

  test('takes answers from a file and from code', () => {
    const { models, answers } = files();
    const migration = Migration.load(new PhasedApp(), models, { answersFile: answers, answers: image });
    expect(migration.pipelines.map(({ name }) => name)).toEqual(['hf-convert-script']);
    expect(migration.warnings).toContainEqual(
      `${models}, document 1: Model default/hf-convert-script, spec.conversion.weightsFloatType: distributed-llama cannot ` +
        'run q80 weights: it takes q40, whose buffers are q80, or f32. q40 is taken.',
    );
  });

  test('finds out that an answer was for another model', () => {
    const { models } = files();
    const answers = (repo: string) => ({ 'Model/default/hf-convert-script/revision': `${repo}@${COMMIT}` });
    const load = (repo: string) =>
      Migration.load(new PhasedApp(), models, { answers: { ...answers(repo), ...image } });
    expect(load('Qwen/Qwen3-1.7B').pipelines).toHaveLength(1);
    expect(() => load('Qwen/Qwen3-4B')).toThrow(
      /revision' is 'Qwen\/Qwen3-4B@\w+'; allowed: .*'Qwen\/Qwen3-1.7B@...'. This tells it: echo Qwen\/Qwen3-1.7B@\$\(curl /,
    );
  });

  test('asks all at once, and shows what to write into the file', () => {
    const { models } = files();
    const load = () => Migration.load(new PhasedApp(), models);
    expect(load).toThrow(MigrationError);
    expect(load).toThrow(
      /\n {2}Model\/default\/hf-convert-script\/revision: '' {2}# echo Qwen\/Qwen3-1\.7B@\$\(curl .*\)\n {2}Dllama\//,
    );
  });

  test('refuses answers to what is not asked, and those that are none', () => {
    const { models } = files();
    const load = (answers: { [question: string]: string }) => () =>
      Migration.load(new PhasedApp(), models, { answers });
    expect(load({ ...revision, ...image, 'Model/default/hf-convert-script/revison': COMMIT })).toThrow(
      'Did you mean Model/default/hf-convert-script/revision?',
    );
    expect(load({ 'Model/default/hf-convert-script/revision': 'main', ...image })).toThrow(
      "'Model/default/hf-convert-script/revision' is 'main'; allowed: a full commit id",
    );
    expect(load({ 'Model/default/hf-convert-script/revision': 7 as never, ...image })).toThrow(
      "'Model/default/hf-convert-script/revision' is 7; allowed: a full commit id",
    );
  });

  test('tells what is no file, no app, no answers', () => {
    const { models, answers } = files();
    expect(() => Migration.load(new PhasedApp(), 'nowhere.yaml')).toThrow(/'file' is 'nowhere.yaml'.*ENOENT/);
    expect(() => Migration.load(null as never, models)).toThrow("'app' is null; allowed: a PhasedApp");
    expect(() => Migration.loadAll(new PhasedApp(), 'x' as never)).toThrow(
      'allowed: a list of paths of files',
    );
    fs.writeFileSync(answers, 'a: 1');
    expect(() => Migration.load(new PhasedApp(), models, { answersFile: answers })).toThrow(
      'Write the answer in quotes.',
    );
  });
});
