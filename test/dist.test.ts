import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { examples } from '../main';
import { Pipeline } from '../src';
import { KUBERNETES_VERSIONS } from '../src/pod/kubernetes-version';
import { deadLinks } from './support/documents';
import { differences, filesIn, REPOSITORY, temporaryFolder, tree } from './support/folders';
import { Untyped, violationsOf } from './support/objects';
import { parseYaml } from './phases/synth/parse-yaml';

const DIST = path.join(REPOSITORY, 'dist');
const committed = tree(DIST);
const pipelines = fs
  .readdirSync(DIST, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'gitops')
  .map((entry) => entry.name);

const parsed = new Map<string, Untyped[]>();

/** The objects of a file of dist, which is parsed once for all tests. */
function objectsIn(file: string): Untyped[] {
  const known = parsed.get(file) ?? parseYaml(committed[file]);
  parsed.set(file, known);
  return known;
}

/** The objects of a pipeline, read back from its files. */
function objectsOfPipeline(pipeline: string): Untyped[] {
  return filesIn(path.join(DIST, pipeline)).flatMap((file) => objectsIn(`${pipeline}/${file}`));
}

/** Runs a program of node_modules in this repository, so that it writes to a folder of the test. */
function run(bin: string, args: string[], env: NodeJS.ProcessEnv = {}): void {
  execFileSync(process.execPath, [path.join(REPOSITORY, 'node_modules/.bin', bin), ...args], {
    cwd: REPOSITORY,
    env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false', ...env },
    stdio: 'pipe',
  });
}

describe('dist/', () => {
  test('is what main.ts gives now; if not, run `npm run synth` and look at what has changed', () => {
    const folder = temporaryFolder();
    examples({ outdir: folder }).synth();
    expect(differences(committed, tree(folder))).toEqual([]);
  });

  test('has all examples and what points each tool at them', () => {
    expect(pipelines).toEqual(['qwen3-1.7b', 'qwen3-1.7b-s3', 'qwen3-8b', 'small-talk', 'support']);
    for (const tool of ['argocd', 'flux']) {
      for (const pipeline of pipelines) expect(committed).toHaveProperty([`gitops/${tool}/${pipeline}.yaml`]);
    }
    expect(committed).toHaveProperty(['gitops/kubectl/apply.sh*']);
    expect(committed).toHaveProperty(['README.md']);
  });

  test('has nothing but objects in the folders of pipelines', () => {
    for (const pipeline of pipelines) {
      const files = filesIn(path.join(DIST, pipeline));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        expect(file).toMatch(/^(10-download|20-tune|30-convert|40-serve|50-verify)\/[\w.-]+\.k8s\.yaml$/);
        for (const object of objectsIn(`${pipeline}/${file}`)) {
          expect(object).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String) });
        }
      }
    }
  });

  test.each(pipelines)('obeys every rule in %s, read back from its files', (pipeline) => {
    const objects = objectsOfPipeline(pipeline);
    expect(objects.length).toBeGreaterThan(10);
    expect(violationsOf(objects)).toBe('');
  });

  test('can be made for the oldest version of Kubernetes too', () => {
    examples({ outdir: temporaryFolder(), kubernetesVersion: KUBERNETES_VERSIONS[0] }).synth();
  });

  test('holds no path of the machine that made it, and no secret', () => {
    for (const text of Object.values(committed)) {
      expect(text).not.toContain(REPOSITORY);
      expect(text).not.toMatch(/kind: Secret\b/);
    }
  });
});

describe('the page about the examples', () => {
  const folder = path.join(REPOSITORY, 'examples');
  const text = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
  const rows = [...text.matchAll(/^\| \[([\w.-]+\.ts)\].*$/gm)].map(([row, file]) => {
    const cells = row.split('|').map((cell) => cell.trim());
    return { file, constructs: cells[3].match(/\w+/g) ?? [], objects: Number(cells.at(-2)) };
  });

  test('has a row for each file of a pipeline, and links to files that are there', () => {
    const files = filesIn(folder).filter((file) => /^\d.*\.ts$/.test(file));
    expect(rows.map(({ file }) => file)).toEqual(files);
    expect(deadLinks(text, folder)).toEqual([]);
  });

  test.each(rows)('names the constructs of $file', ({ file, constructs }) => {
    const program = fs.readFileSync(path.join(folder, file), 'utf8');
    const made = [...program.matchAll(/\bnew (\w+)\(/g)].map(([, construct]) => construct);
    expect(new Set(constructs)).toEqual(new Set(made));
  });

  test('counts their objects, of which each pipeline has more than the one before', () => {
    const written = examples({ outdir: temporaryFolder() })
      .node.findAll()
      .filter((each) => each instanceof Pipeline)
      .map(({ node }) => objectsOfPipeline(node.id).length);
    expect(rows.map(({ objects }) => objects)).toEqual(written);
    expect([...written].sort((one, other) => one - other)).toEqual(written);
  });
});

describe('the same bytes are written', () => {
  test('by the program itself, to the folder that CDK8S_OUTDIR names', () => {
    const folder = path.join(temporaryFolder(), 'out');
    run('tsx', ['main.ts'], { CDK8S_OUTDIR: folder });
    expect(differences(committed, tree(folder))).toEqual([]);
  }, 120_000);

  test('by `cdk8s synth --output`, through our own validation plugin', () => {
    const folder = path.join(temporaryFolder(), 'out');
    run('cdk8s', ['synth', '--check-upgrade=false', '--output', folder]);
    expect(differences(committed, tree(folder))).toEqual([]);
  }, 120_000);

  test('by `cdk8s synth`, to the folder that cdk8s.yaml names', () => {
    // In a copy, because this would empty the folder dist of the repository.
    const copy = temporaryFolder();
    const program = ['cdk8s.yaml', 'main.ts', 'examples', 'package.json', 'tsconfig.json'];
    for (const entry of [...program, 'src', 'imports', 'lib']) {
      fs.cpSync(path.join(REPOSITORY, entry), path.join(copy, entry), { recursive: true });
    }
    fs.symlinkSync(path.join(REPOSITORY, 'node_modules'), path.join(copy, 'node_modules'));
    execFileSync(process.execPath, ['node_modules/.bin/cdk8s', 'synth'], {
      cwd: copy,
      env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false' },
      stdio: 'pipe',
    });
    expect(differences(committed, tree(path.join(copy, 'dist')))).toEqual([]);
  }, 120_000);
});
