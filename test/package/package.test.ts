import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { differences, filesIn, REPOSITORY, tree } from '../support/folders';
import { Untyped } from '../support/objects';
import { parseYaml } from '../phases/synth/parse-yaml';

/**
 * The library as its users have it: packed, installed into an empty project beside its peers alone, and imported from
 * there. Everything is packed from what is installed here, so that no registry is asked.
 */

const PEERS = ['cdk8s', 'cdk8s-plus-28', 'constructs'];

interface Packed {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly files: readonly { path: string }[];
}

let workspace: string;
let project: string;
let packed: readonly Packed[];

beforeAll(() => {
  if (!fs.existsSync(path.join(REPOSITORY, 'lib/src/index.js'))) {
    throw new Error('lib/ is missing; run `npm run build` first, as `npm test` does by itself.');
  }
  workspace = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-package-'));
  project = path.join(workspace, 'project');
  const tarballs = path.join(workspace, 'tarballs');
  [project, tarballs].forEach((folder) => fs.mkdirSync(folder));

  const packages = [
    '.',
    ...PEERS.map((peer) => fs.realpathSync(path.join(REPOSITORY, 'node_modules', peer))),
  ];
  const json = npm(
    REPOSITORY,
    'pack',
    '--ignore-scripts',
    '--json',
    '--pack-destination',
    tarballs,
    ...packages,
  );
  packed = JSON.parse(json) as Packed[];
  write('package.json', JSON.stringify({ name: 'project', private: true }));
  npm(
    project,
    ...['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'],
    ...packed.map(({ filename }) => path.join(tarballs, filename)),
  );
}, 300_000);

afterAll(() => fs.rmSync(workspace, { recursive: true, force: true }));

function npm(cwd: string, ...args: string[]): string {
  // Not as the script of the npm that runs the tests.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  return execFileSync('npm', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function write(file: string, text: string): void {
  fs.writeFileSync(path.join(project, file), text);
}

/** Runs a program of the project, and gives what it wrote. */
function synthesize(program: string): Record<string, string> {
  const outdir = path.join(workspace, `out-${path.basename(program)}`);
  execFileSync(process.execPath, [program], {
    cwd: project,
    env: { ...process.env, CDK8S_OUTDIR: outdir },
    stdio: 'pipe',
  });
  return tree(outdir);
}

/** The example of the README, with everything by which a user meets the library. */
const PROGRAM = `
const app = new PhasedApp({ gitOps: [GitOps.kubectl()] });
const qwen = app.pipeline('qwen', { namespace: 'llm' });
const weights = new ModelCache(qwen.download, 'weights', {
  source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e' }),
  store: ModelStore.claim({ size: Size.gibibytes(20) }),
});
const converted = new DllamaConversion(qwen.convert, 'q40', { model: weights.artifact, weights: FloatType.Q40 });
new DllamaTopology(qwen.serve, 'chat', {
  model: converted.artifact,
  image: 'registry.example.com/dllama:v0.16.4',
  replicaPower: 2,
});
app.synth();
`;
const NAMES =
  'DllamaConversion, DllamaTopology, FloatType, GitOps, ModelCache, ModelSource, ModelStore, PhasedApp';
const IMPORTS = `import { Size } from 'cdk8s';\nimport { ${NAMES} } from 'cdk8s-llm';\n`;

test('its peers are all that it needs beside it', () => {
  expect(fs.readdirSync(path.join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    'cdk8s',
    'cdk8s-llm',
    'cdk8s-plus-28',
    'constructs',
  ]);
});

test('it holds the compiled library, its documents and the recipe of the image, and nothing else', () => {
  const { files } = packed.find(({ name }) => name === 'cdk8s-llm')!;
  const paths = files.map((file) => file.path);
  const expected =
    /^(\.jsii|API\.md|LICENSE|NOTICE|README\.md|package\.json|images\/[^.][\w./-]*|(lib\/(src|imports|modules)|node_modules\/fflate)\/[\w./-]+)$/;
  expect(paths.filter((file) => !expected.test(file))).toEqual([]);
  expect(
    paths.filter((file) => /\.tsbuildinfo$|__pycache__|\.test\.|(?<!\.d)\.ts$|\.tgz$/.test(file)),
  ).toEqual([]);
  expect(paths).toEqual(expect.arrayContaining(['.jsii', 'API.md', 'README.md', 'images/dllama/Dockerfile']));
});

test('each of its modules is there once: beside the entries, only bundles have code of it', () => {
  const { files } = packed.find(({ name }) => name === 'cdk8s-llm')!;
  const code = files.map((file) => file.path).filter((file) => /^lib\/(?!modules\/).*\.js$/.test(file));
  expect(code.filter((file) => !file.startsWith('lib/src/validation/generated/'))).toEqual([
    'lib/src/cli/main.js',
    'lib/src/index.js',
  ]);
});

test('it holds everything that the source reads at run time', () => {
  const source = filesIn(path.join(REPOSITORY, 'src'));
  const readAtRunTime = source.filter((file) => !/\.ts$|__pycache__|\.schema\.json$/.test(file));
  expect(readAtRunTime).toContain('runtime/fetch.py');
  const installed = path.join(project, 'node_modules/cdk8s-llm/lib/src');
  const isSame = (file: string) => {
    const copy = path.join(installed, file);
    return (
      fs.existsSync(copy) && fs.readFileSync(path.join(REPOSITORY, 'src', file)).equals(fs.readFileSync(copy))
    );
  };
  // A file that differs is one that has changed since `npm run build`.
  expect(readAtRunTime.filter((file) => !isSame(file))).toEqual([]);
});

describe('a pipeline is synthesized', () => {
  test('from CommonJS', () => {
    write(
      'commonjs.js',
      `const { Size } = require('cdk8s');\nconst { ${NAMES} } = require('cdk8s-llm');\n${PROGRAM}`,
    );
    const files = synthesize('commonjs.js');
    expect(Object.keys(files)).toEqual([
      'README.md',
      'gitops/kubectl/apply.sh*',
      'gitops/kubectl/steps.txt',
      'qwen/10-download/download.k8s.yaml',
      'qwen/30-convert/convert.k8s.yaml',
      'qwen/40-serve/serve.k8s.yaml',
    ]);
    const kinds = (file: string) => parseYaml(files[file]).map((object: Untyped) => object.kind);
    expect(kinds('qwen/10-download/download.k8s.yaml')).toContain('Job');
    expect(kinds('qwen/40-serve/serve.k8s.yaml')).toEqual(
      expect.arrayContaining(['Deployment', 'StatefulSet']),
    );
  });

  test('from an ECMAScript module, by the names that it imports, to the same bytes', () => {
    write('module.mjs', IMPORTS + PROGRAM);
    expect(differences(synthesize('module.mjs'), synthesize('commonjs.js'))).toEqual([]);
  });

  test('in a plain chart of a plain app', () => {
    write(
      'plain.js',
      `const { App, Chart, Size } = require('cdk8s');
       const { ModelCache, ModelSource, ModelStore } = require('cdk8s-llm');
       const app = new App();
       new ModelCache(new Chart(app, 'models', { namespace: 'llm' }), 'weights', {
         source: ModelSource.parse('hf://Qwen/Qwen3-1.7B@70d244cc86ccca08cf5af4e1e306ecf908b1ad5e'),
         store: ModelStore.existingClaim('models'),
       });
       app.synth();`,
    );
    expect(Object.keys(synthesize('plain.js'))).toEqual(['models.k8s.yaml']);
  });
});

test('the trace of an error leads to the code of the library, by the names of its classes', () => {
  write(
    'wrong.js',
    `const { App, Chart } = require('cdk8s');
     const { ModelCache } = require('cdk8s-llm');
     new ModelCache(new Chart(new App(), 'models'), 'weights', { source: 1 });`,
  );
  const { stderr } = spawnSync(process.execPath, ['wrong.js'], { cwd: project, encoding: 'utf8' });
  const [, file, line] = /at new ModelCache \((\/.*):(\d+):\d+\)/.exec(stderr)!;
  expect(fs.readFileSync(file, 'utf8').split('\n')[Number(line) - 1]).toContain('resolveModelCache');
});

describe('its program', () => {
  const cli = (...args: string[]) => npm(project, 'exec', '--offline', '--', 'cdk8s-llm', ...args);

  test('runs by its name', () => {
    const { version } = packed.find(({ name }) => name === 'cdk8s-llm')!;
    expect(cli('--version')).toBe(`${version}\n`);
  });

  test('checks and draws what was synthesized', () => {
    write(
      'cli.js',
      `const { Size } = require('cdk8s');\nconst { ${NAMES} } = require('cdk8s-llm');\n${PROGRAM}`,
    );
    const readme = synthesize('cli.js')['README.md'];
    const outdir = path.join(workspace, 'out-cli.js');
    expect(cli('check', outdir)).toBe('');
    expect(cli('plan', outdir)).toBe(readme);
  });
});

test('a change of a resource of Koldun changes only what follows from it', () => {
  const model = (memory: string) => `apiVersion: koldun.gorizond.io/v1
kind: Model
metadata: { name: hf-convert-script, namespace: default }
spec:
  sourceUrl: https://huggingface.co/Qwen/Qwen3-1.7B
  localPath: s3://my-bucket-model/Qwen/Qwen3-1.7B
  objectStorage:
    endpoint: http://192.168.205.2:32090
    secretRef: { name: minio-creds }
    bucketForSource: my-bucket-model
    bucketForConvert: my-bucket-convert
  conversion: { weightsFloatType: q80, memory: ${memory} }
`;
  const render = (...more: string[]) => {
    const revision = 'Model/default/hf-convert-script/revision=70d244cc86ccca08cf5af4e1e306ecf908b1ad5e';
    const args = ['render', '-f', 'models.yaml', '-o', 'koldun', '--answer', revision, ...more];
    const program = path.join(project, 'node_modules/.bin/cdk8s-llm');
    return spawnSync(program, args, { cwd: project, encoding: 'utf8' });
  };
  write('models.yaml', model('8Gi'));
  expect(render()).toMatchObject({ status: 0, stdout: '' });
  const before = tree(path.join(project, 'koldun'));
  expect(Object.keys(before)).toEqual([
    'README.md',
    'hf-convert-script/10-download/download.k8s.yaml',
    'hf-convert-script/30-convert/convert.k8s.yaml',
  ]);

  write('models.yaml', model('16Gi'));
  const { status, stdout } = render('--diff');
  expect(status).toBe(4);
  expect(tree(path.join(project, 'koldun'))).toEqual(before);
  const changed = stdout.split('\n').filter((line) => /^[-+]/.test(line));
  expect(changed.filter((line) => /^(---|\+\+\+)/.test(line)).map((line) => line.slice(4))).toEqual([
    'a/koldun/README.md',
    'b/koldun/README.md',
    'a/koldun/hf-convert-script/30-convert/convert.k8s.yaml',
    'b/koldun/hf-convert-script/30-convert/convert.k8s.yaml',
  ]);
  // The Job's name, which follows from what it is, and its memory.
  const inYaml = changed.slice(
    changed.findIndex((line) => line.startsWith('+++') && line.endsWith('.yaml')) + 1,
  );
  expect(inYaml.map((line) => line.replace(/-[0-9a-f]{8}$/, '-<hash>').replace(/\s+/g, ' '))).toEqual([
    '- name: hf-convert-script-q40-<hash>',
    '+ name: hf-convert-script-q40-<hash>',
    '- memory: 8Gi',
    '+ memory: 16Gi',
    '- memory: 8Gi',
    '+ memory: 16Gi',
  ]);
});

describe('its types', () => {
  function typeCheck(programs: Record<string, string>): string {
    for (const [file, text] of Object.entries(programs)) write(file, text);
    const compilerOptions = {
      ...{ module: 'node16', moduleResolution: 'node16', target: 'es2022', lib: ['es2022'] },
      ...{ strict: true, noEmit: true, skipLibCheck: false, types: [] },
    };
    write('tsconfig.json', JSON.stringify({ compilerOptions, files: Object.keys(programs) }));
    try {
      const tsc = path.join(REPOSITORY, 'node_modules/typescript/bin/tsc');
      execFileSync(process.execPath, [tsc], { cwd: project, stdio: 'pipe', encoding: 'utf8' });
      return '';
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  }

  test('resolve in TypeScript that becomes CommonJS, and in TypeScript that becomes a module', () => {
    expect(typeCheck({ 'consumer.cts': IMPORTS + PROGRAM, 'consumer.mts': IMPORTS + PROGRAM })).toBe('');
  }, 120_000);

  test('refuse a property that there is not', () => {
    const wrong = (IMPORTS + PROGRAM).replace('replicaPower', 'replicaPowr');
    expect(typeCheck({ 'wrong.mts': wrong })).toMatch(/'replicaPowr' does not exist.*'replicaPower'/s);
  }, 120_000);
});

test('its validation plugin is where the documents say', () => {
  const page = fs.readFileSync(path.join(REPOSITORY, 'docs/without-gitops.md'), 'utf8');
  const [, block] = /^```yaml\n(# cdk8s\.yaml\n.*?)^```/ms.exec(page)!;
  const [{ validations }] = parseYaml(block) as Untyped[];
  const [plugin] = validations;
  expect(plugin.version).toBe(packed.find(({ name }) => name === 'cdk8s-llm')!.version);
  const load = `const { ${plugin.class} } = require('${plugin.package}'); new ${plugin.class}(${JSON.stringify(plugin.properties)});`;
  execFileSync(process.execPath, ['-e', load], { cwd: project, stdio: 'pipe' });
});
