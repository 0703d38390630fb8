import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ApiObject, App, Chart, Include, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import {
  DllamaConversion,
  DllamaTopology,
  FluxSourceRef,
  GitOps,
  ModelCache,
  ModelStore,
  PhasedApp,
  PhasedAppProps,
  Pipeline,
} from '../../src';
import { KUBERNETES_VERSIONS } from '../../src/pod/kubernetes-version';
import { differences, filesIn, REPOSITORY, temporaryFolder, tree } from '../support/folders';
import { objectsOf, ofKind, plainChart, Untyped, violationsOf } from '../support/objects';
import { cache, claim, conversion, DLLAMA_IMAGE, source, topology } from '../support/models';
import { parseYaml } from './synth/parse-yaml';

const TOOLS = () => [
  GitOps.argoCd({ repoUrl: 'https://git.example.com/models.git', path: 'dist' }),
  GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('models'), path: 'dist' }),
  GitOps.kubectl(),
];
const WAVE = 'argocd.argoproj.io/sync-wave';

/** The three constructs, each in its phase. */
function fill(pipeline: Pipeline): Pipeline {
  const weights = new ModelCache(pipeline.download, 'weights', {
    source: source(),
    store: ModelStore.claim({ size: Size.gibibytes(20) }),
  });
  const converted = new DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
  new DllamaTopology(pipeline.serve, 'chat', {
    model: converted.artifact,
    image: DLLAMA_IMAGE,
    replicaPower: 2,
  });
  return pipeline;
}

/** An app in a folder of its own. */
function appIn(outdir: string, props: PhasedAppProps = {}): PhasedApp {
  return new PhasedApp({ outdir, ...props });
}

const configMap = (chart: Chart, id: string, metadata = {}) =>
  new ApiObject(chart, id, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { of: id } });

const read = (folder: string, file: string): Untyped[] =>
  parseYaml(fs.readFileSync(path.join(folder, file), 'utf8'));

describe('the files', () => {
  test('lie in a numbered folder for each phase, and beside them what the tools and the reviewer read', () => {
    const folder = temporaryFolder();
    const app = appIn(folder, { gitOps: TOOLS() });
    fill(app.pipeline('qwen3-1.7b', { namespace: 'llm' }));
    app.synth();
    expect(Object.keys(tree(folder))).toEqual([
      'README.md',
      'gitops/argocd/qwen3-1.7b.yaml',
      'gitops/flux/namespaces.yaml',
      'gitops/flux/qwen3-1.7b.yaml',
      'gitops/kubectl/apply.sh*',
      'gitops/kubectl/steps.txt',
      'qwen3-1.7b/10-download/download.k8s.yaml',
      'qwen3-1.7b/30-convert/convert.k8s.yaml',
      'qwen3-1.7b/40-serve/serve.k8s.yaml',
    ]);
  });

  test('are all of the pipelines and the README where no tool is named', () => {
    const folder = temporaryFolder();
    const app = appIn(folder);
    fill(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
    expect(filesIn(folder).filter((file) => !file.startsWith('qwen/'))).toEqual(['README.md']);
  });

  test('of a pipeline are YAML and nothing else: a tool takes every file for objects', () => {
    const folder = temporaryFolder();
    const app = appIn(folder, { gitOps: TOOLS() });
    fill(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
    const files = filesIn(path.join(folder, 'qwen'));
    expect(files.filter((file) => !file.endsWith('.k8s.yaml'))).toEqual([]);
    for (const file of files) {
      for (const object of read(path.join(folder, 'qwen'), file)) {
        expect(object).toMatchObject({ metadata: { name: expect.any(String) } });
      }
    }
  });

  test('hold, phase by phase, objects of its wave alone', () => {
    const folder = temporaryFolder();
    const app = appIn(folder);
    fill(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
    for (const file of filesIn(path.join(folder, 'qwen'))) {
      for (const { metadata } of read(folder, `qwen/${file}`)) {
        expect(metadata.annotations[WAVE]).toBe(file.slice(0, 2));
        expect(metadata.namespace).toBe('llm');
      }
    }
  });

  test('of all five phases have the order of the phases as their names', () => {
    const folder = temporaryFolder();
    const app = appIn(folder);
    const pipeline = app.pipeline('all', { namespace: 'llm' });
    // In another order than that in which they are applied.
    for (const phase of ['verify', 'download', 'serve', 'tune', 'convert'] as const) {
      configMap(pipeline[phase], phase);
    }
    app.synth();
    expect(filesIn(folder)).toEqual([
      'README.md',
      'all/10-download/download.k8s.yaml',
      'all/20-tune/tune.k8s.yaml',
      'all/30-convert/convert.k8s.yaml',
      'all/40-serve/serve.k8s.yaml',
      'all/50-verify/verify.k8s.yaml',
    ]);
  });

  test('carry the labels of the pipeline', () => {
    const app = new PhasedApp();
    const pipeline = app.pipeline('qwen', { namespace: 'llm', labels: { team: 'search' } });
    fill(pipeline);
    for (const { metadata } of objectsOf(pipeline.download, pipeline.serve)) {
      expect(metadata.labels).toMatchObject({ team: 'search', 'app.kubernetes.io/part-of': 'qwen' });
    }
  });
});

describe('the folder', () => {
  const before = process.env.CDK8S_OUTDIR;
  afterEach(() => {
    if (before === undefined) delete process.env.CDK8S_OUTDIR;
    else process.env.CDK8S_OUTDIR = before;
  });

  test('is dist unless something else is said', () => {
    delete process.env.CDK8S_OUTDIR;
    expect(new PhasedApp().outdir).toBe('dist');
    expect(new PhasedApp({ outdir: 'elsewhere' }).outdir).toBe('elsewhere');
  });

  test('is that of the cdk8s command line, whatever the program says', () => {
    const folder = temporaryFolder();
    process.env.CDK8S_OUTDIR = path.join(folder, 'given');
    const app = new PhasedApp({ outdir: path.join(folder, 'own') });
    configMap(app.pipeline('p', { namespace: 'llm' }).download, 'one');
    app.synth();
    expect(filesIn(folder)).toEqual(['given/README.md', 'given/p/10-download/download.k8s.yaml']);
  });
});

describe('a second synth', () => {
  const build = (folder: string) => {
    const app = appIn(folder, { gitOps: TOOLS() });
    for (const name of ['qwen', 'llama']) fill(app.pipeline(name, { namespace: 'llm' }));
    return app;
  };

  test('of the same program gives the same bytes, in the same folder and in another', () => {
    const [first, second] = [temporaryFolder(), temporaryFolder()];
    build(first).synth();
    const bytes = tree(first);
    build(first).synth();
    build(second).synth();
    expect(differences(tree(first), bytes)).toEqual([]);
    expect(differences(tree(second), bytes)).toEqual([]);
  });

  test('of the same app gives the same bytes', () => {
    const folder = temporaryFolder();
    const app = build(folder);
    app.synth();
    const bytes = tree(folder);
    app.synth();
    expect(differences(tree(folder), bytes)).toEqual([]);
  });

  test('in another process, time zone and locale gives the same bytes', () => {
    const [here, there] = [temporaryFolder(), temporaryFolder()];
    const program = `
      const { PhasedApp, ModelCache, ModelSource, ModelStore } = require('${REPOSITORY}/src');
      const { Size } = require('cdk8s');
      const app = new PhasedApp();
      new ModelCache(app.pipeline('qwen', { namespace: 'llm' }).download, 'weights', {
        source: ModelSource.parse('hf://Qwen/Qwen3-1.7B@70d244cc86ccca08cf5af4e1e306ecf908b1ad5e'),
        store: ModelStore.claim({ size: Size.gibibytes(20) }),
      });
      app.synth();`;
    for (const [folder, zone] of [
      [here, { TZ: 'UTC', LANG: 'C' }],
      [there, { TZ: 'Pacific/Auckland', LANG: 'tr_TR.UTF-8' }],
    ] as const) {
      const run = spawnSync(process.execPath, ['--import', 'tsx', '-e', program], {
        cwd: REPOSITORY,
        env: { ...process.env, ...zone, CDK8S_OUTDIR: folder },
        encoding: 'utf8',
      });
      expect(run.stderr).toBe('');
    }
    expect(Object.keys(tree(here))).toContain('qwen/10-download/download.k8s.yaml');
    expect(differences(tree(there), tree(here))).toEqual([]);
  });

  test('removes the phases and pipelines that are gone, and leaves what is not ours', () => {
    const folder = temporaryFolder();
    build(folder).synth();
    fs.writeFileSync(path.join(folder, 'qwen/10-download/by-hand.yaml'), 'apiVersion: v1\nkind: ConfigMap\n');
    const app = appIn(folder, { gitOps: [GitOps.kubectl()] });
    cache(app.pipeline('llama', { namespace: 'llm' }).download);
    app.synth();
    expect(filesIn(folder)).toEqual([
      'README.md',
      'gitops/kubectl/apply.sh',
      'gitops/kubectl/steps.txt',
      'llama/10-download/download.k8s.yaml',
      'qwen/10-download/by-hand.yaml',
    ]);
  });
});

describe('what is empty', () => {
  test('is not written: neither a phase nor a pipeline', () => {
    const folder = temporaryFolder();
    const app = appIn(folder, { gitOps: TOOLS() });
    const pipeline = app.pipeline('qwen', { namespace: 'llm' });
    configMap(pipeline.download, 'one');
    configMap(pipeline.serve, 'two');
    expect(pipeline.convert.node.children).toEqual([]);
    app.pipeline('nothing', { namespace: 'llm' });
    app.synth();
    expect(filesIn(path.join(folder, 'qwen'))).toEqual([
      '10-download/download.k8s.yaml',
      '40-serve/serve.k8s.yaml',
    ]);
    expect(filesIn(folder).join()).not.toContain('nothing');
  });

  test('is left out of the chain of the tools, which closes over it', () => {
    const folder = temporaryFolder();
    const app = appIn(folder, { gitOps: TOOLS() });
    const pipeline = app.pipeline('qwen', { namespace: 'llm' });
    configMap(pipeline.download, 'one');
    configMap(pipeline.serve, 'two');
    app.pipeline('nothing', { namespace: 'other' });
    app.synth();
    const kustomizations = read(folder, 'gitops/flux/qwen.yaml');
    expect(kustomizations.map(({ metadata, spec }) => [metadata.name, spec.dependsOn])).toEqual([
      ['qwen-10-download', undefined],
      ['qwen-40-serve', [{ name: 'qwen-10-download' }]],
    ]);
    const steps = fs.readFileSync(path.join(folder, 'gitops/kubectl/steps.txt'), 'utf8');
    expect(steps.split('\n').filter((line) => /^\w/.test(line))).toEqual([
      'qwen llm 10-download',
      'qwen llm 40-serve',
    ]);
  });

  test('may be the whole app', () => {
    const folder = temporaryFolder();
    appIn(folder).synth();
    expect(filesIn(folder)).toEqual(['README.md']);
  });
});

describe('two objects of one identity', () => {
  test('are an error that names the paths of both', () => {
    const folder = temporaryFolder();
    const app = appIn(folder);
    configMap(app.pipeline('a', { namespace: 'llm' }).download, 'one', { name: 'same' });
    configMap(app.pipeline('b', { namespace: 'llm' }).serve, 'two', { name: 'same' });
    expect(() => app.synth()).toThrow(
      "b/serve/two: ConfigMap 'same' of namespace 'llm' is also made by a/download/one; rename one of the two " +
        'constructs, or give one of the objects another name.',
    );
    expect(filesIn(folder)).toEqual([]);
  });

  test('are told across namespaces where a kind belongs to none', () => {
    const app = appIn(temporaryFolder());
    for (const name of ['a', 'b']) {
      new ApiObject(app.pipeline(name, { namespace: `llm-${name}` }).download, 'role', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'reader' },
      });
    }
    expect(() => app.synth()).toThrow(
      "b/download/role: ClusterRole 'reader' is also made by a/download/role",
    );
  });

  test('are told in another API version too', () => {
    const app = appIn(temporaryFolder());
    const { download } = app.pipeline('a', { namespace: 'llm' });
    for (const version of ['v1', 'v1beta1']) {
      new ApiObject(download, version, {
        apiVersion: `example.com/${version}`,
        kind: 'Thing',
        metadata: { name: 'x' },
      });
    }
    expect(() => app.synth()).toThrow("Thing 'x'");
  });

  test('are not those of other namespaces, kinds and groups', () => {
    const app = appIn(temporaryFolder());
    for (const namespace of ['one', 'two']) {
      configMap(app.pipeline(namespace, { namespace }).download, 'same', { name: 'same' });
    }
    const { download } = app.pipeline('third', { namespace: 'one' });
    for (const apiVersion of ['example.com/v1', 'example.org/v1']) {
      new ApiObject(download, apiVersion.replace('/', '-'), {
        apiVersion,
        kind: 'ConfigMap',
        metadata: { name: 'same' },
      });
    }
    app.synth();
  });

  test('are found among the constructs of this library', () => {
    const app = appIn(temporaryFolder());
    cache(app.pipeline('a', { namespace: 'llm' }).download, { store: claim({ name: 'one' }) }, 'b-c');
    cache(app.pipeline('a-b', { namespace: 'llm' }).download, { store: claim({ name: 'two' }) }, 'c');
    expect(() => app.synth()).toThrow("a-b/download/c/Programs: ConfigMap 'a-b-c-programs-");
  });
});

describe("a user's own", () => {
  const synthesized = (add: (pipeline: Pipeline) => void) => {
    const folder = temporaryFolder();
    const app = appIn(folder);
    add(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
    return folder;
  };

  test('objects are applied with their phase', () => {
    const folder = synthesized(({ serve }) => configMap(serve, 'mine', { annotations: { team: 'search' } }));
    const [object] = read(folder, 'qwen/40-serve/serve.k8s.yaml');
    expect(object.metadata.annotations).toEqual({ [WAVE]: '40', team: 'search' });
    expect(object.metadata.namespace).toBe('llm');
  });

  test('waves within a phase are left as they are', () => {
    const folder = synthesized(({ serve }) => configMap(serve, 'mine', { annotations: { [WAVE]: '41' } }));
    expect(read(folder, 'qwen/40-serve/serve.k8s.yaml')[0].metadata.annotations[WAVE]).toBe('41');
  });

  test('constructs of cdk8s-plus are applied with their phase', () => {
    const folder = synthesized(({ download }) => {
      new kplus.ConfigMap(download, 'settings', { data: { a: 'b' } });
      new kplus.ServiceAccount(download, 'account');
    });
    const objects = read(folder, 'qwen/10-download/download.k8s.yaml');
    expect(objects.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'ServiceAccount']);
    for (const { metadata } of objects) expect(metadata.annotations[WAVE]).toBe('10');
  });

  test('charts within a phase are written to its folder', () => {
    const folder = synthesized(({ download }) => {
      configMap(download, 'outer');
      const chart = new Chart(download, 'extra', { namespace: 'llm' });
      configMap(chart, 'inner');
    });
    const files = filesIn(path.join(folder, 'qwen'));
    expect(files).toHaveLength(2);
    expect(files.every((file) => file.startsWith('10-download/') && file.endsWith('.k8s.yaml'))).toBe(true);
    for (const file of files) {
      expect(read(folder, `qwen/${file}`)[0].metadata.annotations[WAVE]).toBe('10');
    }
  });

  test('YAML is applied with its phase', () => {
    const manifest = path.join(temporaryFolder(), 'own.yaml');
    fs.writeFileSync(manifest, 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own\n  namespace: llm\n');
    const folder = synthesized(({ verify }) => new Include(verify, 'own', { url: manifest }));
    expect(read(folder, 'qwen/50-verify/verify.k8s.yaml')).toEqual([
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'own', namespace: 'llm', annotations: { [WAVE]: '50' } },
      },
    ]);
  });

  test('charts beside the pipelines are written as cdk8s writes them, without waves', () => {
    const write = (app: App) => {
      configMap(new Chart(app, 'base', { namespace: 'base' }), 'shared', { name: 'shared' });
      app.synth();
    };
    const [ours, stock] = [temporaryFolder(), temporaryFolder()];
    const app = appIn(ours);
    fill(app.pipeline('qwen', { namespace: 'llm' }));
    write(app);
    write(new App({ outdir: stock }));
    expect(tree(ours)['base.k8s.yaml']).toBe(tree(stock)['base.k8s.yaml']);
  });
});

describe('in a plain chart of a plain app', () => {
  test('the constructs make the objects that they make in phases, and they pass all checks', () => {
    const chart = plainChart({ id: 'qwen' });
    const model = conversion(chart).artifact;
    topology(chart, { model });
    const plain = objectsOf(chart);

    const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
    const phased = conversion(pipeline.convert, { model: cache(pipeline.download).artifact }).artifact;
    topology(pipeline.serve, { model: phased });

    expect(plain).toEqual(objectsOf(pipeline.download, pipeline.convert, pipeline.serve));
    expect(new Set(plain.map(({ metadata }) => metadata.annotations?.[WAVE]))).toEqual(
      new Set(['10', '30', '40']),
    );
    expect(violationsOf(plain)).toBe('');
  });

  test('they are written by cdk8s itself', () => {
    const folder = temporaryFolder();
    const app = new App({ outdir: folder });
    cache(new Chart(app, 'models', { namespace: 'llm' }));
    app.synth();
    expect(ofKind(read(folder, 'models.k8s.yaml'), 'Job')).toHaveLength(1);
  });

  test('that has no namespace they are refused', () => {
    expect(() => cache(plainChart({ namespace: undefined }))).toThrow(
      "models/weights: 'namespace' is nothing; allowed: a chart with a namespace. Give the Chart one",
    );
  });

  test('they take the version of Kubernetes from the context', () => {
    const app = new App();
    app.node.setContext('cdk8s-llm/kubernetesVersion', '2.0');
    const chart = new Chart(app, 'models', { namespace: 'llm' });
    expect(() => cache(chart)).toThrow(
      "models/weights: 'kubernetesVersion' is '2.0'; allowed: '1.28' to '1.36'",
    );
  });
});

describe('a construct in the phase of another', () => {
  const pipeline = () => new PhasedApp().pipeline('qwen', { namespace: 'llm' });

  test.each<[string, (p: Pipeline) => unknown, string]>([
    ['download', (p) => cache(p.serve), 'pipeline.download, pipeline.tune, pipeline.convert'],
    [
      'conversion',
      (p) => conversion(p.serve, { model: cache(p.download).artifact }),
      'pipeline.convert, pipeline.tune',
    ],
    [
      'topology',
      (p) =>
        topology(p.convert, { model: conversion(p.convert, { model: cache(p.download).artifact }).artifact }),
      'pipeline.serve',
    ],
  ])('is refused: a %s', (_, make, allowed) => {
    expect(() => make(pipeline())).toThrow(
      new RegExp(
        `^qwen/\\w+/\\w+: 'scope' is 'pipeline\\.\\w+'; allowed: ${allowed.replaceAll('.', '\\.')}\\. A phase opens`,
      ),
    );
  });

  test('is found in a chart within the phase too', () => {
    expect(() => cache(new Chart(pipeline().serve, 'inner', { namespace: 'llm' }))).toThrow(
      "'scope' is 'pipeline.serve'",
    );
  });
});

describe('a pipeline', () => {
  const make = (name: string, namespace = 'llm') => new PhasedApp().pipeline(name, { namespace });

  test.each(['qwen3-1.7b', 'a', '7b', 'a'.repeat(40)])('can be named %s', (name) => {
    expect(make(name).name).toBe(name);
  });

  test.each(['Qwen3', 'qwen_3', '-qwen', 'qwen-', '.qwen', 'qw/en', 'a b', 'a'.repeat(41)])(
    'cannot be named %j',
    (name) => expect(() => make(name)).toThrow(/'name' is/),
  );

  test.each(['gitops'])('cannot be named %j, which is the folder of something else', (name) => {
    expect(() => make(name)).toThrow(/'name' is/);
  });

  test.each(['LLM', 'a.b', '', '-a', 'a'.repeat(64)])('cannot be in the namespace %j', (namespace) => {
    expect(() => make('qwen', namespace)).toThrow(`qwen: 'namespace' is '${namespace}'`);
  });

  test('must be in a namespace', () => {
    expect(() => new PhasedApp().pipeline('qwen', {} as never)).toThrow("qwen: 'namespace' is nothing");
  });

  test('must have a name of its own', () => {
    const app = new PhasedApp();
    app.pipeline('qwen', { namespace: 'llm' });
    expect(() => app.pipeline('qwen', { namespace: 'llm' })).toThrow("already a Construct with name 'qwen'");
  });

  test('gives the same chart for a phase each time', () => {
    const pipeline = make('qwen');
    expect(pipeline.download).toBe(pipeline.download);
    expect(pipeline.download).not.toBe(pipeline.serve);
  });
});

describe('the version of Kubernetes', () => {
  test('is 1.31 unless something else is said', () => {
    expect(new PhasedApp().kubernetesVersion).toBe('1.31');
    expect(new PhasedApp({ kubernetesVersion: '1.34' }).kubernetesVersion).toBe('1.34');
  });

  test.each(KUBERNETES_VERSIONS)('can be %s, and all objects are of it', (kubernetesVersion) => {
    const app = appIn(temporaryFolder(), { kubernetesVersion });
    fill(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
  });

  test.each(['1.27', '1.37', '1.31.2', 'v1.31', '2.0', ''])('cannot be %j', (kubernetesVersion) => {
    expect(() => new PhasedApp({ kubernetesVersion })).toThrow(
      `PhasedApp: 'kubernetesVersion' is '${kubernetesVersion}'; allowed: '1.28' to '1.36'`,
    );
  });
});

describe('an object that breaks a rule', () => {
  const deployment = (image: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
    },
  });

  test('ends the synth, and nothing is written or removed', () => {
    const folder = temporaryFolder();
    const app = appIn(folder);
    fill(app.pipeline('qwen', { namespace: 'llm' }));
    app.synth();
    const before = tree(folder);

    const other = appIn(folder);
    const { serve } = other.pipeline('other', { namespace: 'llm' });
    new ApiObject(serve, 'web', deployment('web:latest'));
    expect(() => other.synth()).toThrow('other/serve/web: Deployment llm/web');
    expect(differences(tree(folder), before)).toEqual([]);
  });

  test('that has a misspelt field is told the right one', () => {
    const app = appIn(temporaryFolder());
    const { serve } = app.pipeline('other', { namespace: 'llm' });
    new ApiObject(serve, 'web', { apiVersion: 'v1', kind: 'Service', spec: { prots: [] } });
    expect(() => app.synth()).toThrow(/spec\.prots .*ports/);
  });

  test('is found in a chart beside the pipelines', () => {
    const app = appIn(temporaryFolder());
    new ApiObject(new Chart(app, 'base', { namespace: 'base' }), 'web', deployment('web:latest'));
    expect(() => app.synth()).toThrow('base/web: Deployment base/web');
  });
});
