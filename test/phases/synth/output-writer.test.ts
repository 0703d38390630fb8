import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { OutputWriter } from '../../../src/phases/synth/output-writer';

const OURS = 'app.kubernetes.io/managed-by: cdk8s-llm\n';

let outdir: string;

beforeEach(() => {
  outdir = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'output-writer-')), 'dist');
});

afterEach(() => {
  fs.rmSync(path.dirname(outdir), { recursive: true });
});

/** One synthesis that writes these files. */
function run(...files: string[]): void {
  const writer = new OutputWriter(outdir);
  for (const file of files) writer.write(file, OURS);
  writer.finish();
}

/** What a person puts there. */
function put(file: string, content = OURS): void {
  fs.mkdirSync(path.dirname(path.join(outdir, file)), { recursive: true });
  fs.writeFileSync(path.join(outdir, file), content);
}

/** All files, and all folders without any. */
function listing(): string[] {
  return fs
    .readdirSync(outdir, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => !entry.isDirectory() || fs.readdirSync(path.join(entry.parentPath, entry.name)).length === 0,
    )
    .map((entry) => path.relative(outdir, path.join(entry.parentPath, entry.name)))
    .sort();
}

describe('write', () => {
  test('makes the folders and writes UTF-8', () => {
    const writer = new OutputWriter(outdir);
    writer.write('a/10-download/download.k8s.yaml', 'x: é🙂\n');
    writer.write('README.md', '# read\n');
    expect(fs.readFileSync(path.join(outdir, 'a/10-download/download.k8s.yaml'))).toEqual(
      Buffer.from('x: é🙂\n'),
    );
    expect(listing()).toEqual(['README.md', 'a/10-download/download.k8s.yaml']);
  });

  test('gives the mode to a new file and to an old one', () => {
    const file = path.join(outdir, 'gitops/kubectl/apply.sh');
    for (const existing of [false, true]) {
      if (existing) fs.chmodSync(file, 0o600);
      new OutputWriter(outdir).write('gitops/kubectl/apply.sh', '#!/bin/sh\n', 0o755);
      expect(fs.statSync(file).mode & 0o777).toBe(0o755);
    }
  });

  test('replaces a longer file as a whole', () => {
    put('README.md', 'a long text of before\n');
    run('README.md');
    expect(fs.readFileSync(path.join(outdir, 'README.md'), 'utf8')).toBe(OURS);
  });

  test('refuses one path twice', () => {
    const writer = new OutputWriter(outdir);
    writer.write('a.k8s.yaml', '');
    expect(() => writer.write('a.k8s.yaml', '')).toThrow('a.k8s.yaml: is written twice');
    expect(() => writer.write('./a.k8s.yaml', '')).toThrow('is written twice');
  });

  test.each(['../a.yaml', 'a/../../b.yaml', '/tmp/a.yaml'])('refuses %s', (file) => {
    expect(() => new OutputWriter(outdir).write(file, '')).toThrow(`${file}: leads out of the output folder`);
  });
});

describe('finish', () => {
  const PIPELINE = ['a/10-download/download.k8s.yaml', 'a/40-serve/serve.k8s.yaml'];

  test('removes phases, pipelines and tools that are no longer made, and their folders', () => {
    run(
      ...PIPELINE,
      'b/40-serve/serve.k8s.yaml',
      'gitops/argocd/a.yaml',
      'gitops/argocd/b.yaml',
      'gitops/flux/a.yaml',
    );
    run(PIPELINE[1], 'gitops/argocd/a.yaml');
    expect(listing()).toEqual([PIPELINE[1], 'gitops/argocd/a.yaml']);
    run('README.md');
    expect(listing()).toEqual(['README.md']);
  });

  test('leaves the same files as a run into an empty folder', () => {
    run(...PIPELINE, 'b/40-serve/serve.k8s.yaml');
    run(...PIPELINE, 'c/40-serve/serve.k8s.yaml');
    const afterTwo = listing();
    fs.rmSync(outdir, { recursive: true });
    run(...PIPELINE, 'c/40-serve/serve.k8s.yaml');
    expect(listing()).toEqual(afterTwo);
  });

  test.each([
    ['a file beside the pipelines', 'notes.md', OURS],
    ['a chart beside the pipelines', 'mine.k8s.yaml', OURS],
    ['a file in a folder that is no pipeline', 'docs/serve.k8s.yaml', OURS],
    ['a file in a pipeline', 'a/serve.k8s.yaml', OURS],
    ['a file in a folder that is no phase', 'a/60-more/serve.k8s.yaml', OURS],
    ['a file in a phase with a name that is not ours', 'a/40-serve/secret.yaml', OURS],
    ['a file in a phase that does not say our name', 'a/40-serve/secret.k8s.yaml', 'kind: Secret\n'],
    ['a file in a folder of a phase', 'a/40-serve/more/serve.k8s.yaml', OURS],
    ['a file in gitops', 'gitops/notes.md', OURS],
    ['a file of a tool that is not ours', 'gitops/fleet/a.yaml', OURS],
    ['a file of a tool that does not say our name', 'gitops/argocd/project.yaml', 'kind: AppProject\n'],
  ])('keeps %s', (_name, file, content) => {
    run(...PIPELINE, 'gitops/argocd/a.yaml');
    put(file, content);
    run('README.md');
    expect(listing()).toEqual(['README.md', file].sort());
  });

  test('keeps folders that were empty before, and links', () => {
    fs.mkdirSync(path.join(outdir, 'empty'), { recursive: true });
    put('elsewhere/40-serve/target.txt');
    fs.mkdirSync(path.join(outdir, 'a/40-serve'), { recursive: true });
    fs.symlinkSync('../../elsewhere/40-serve/target.txt', path.join(outdir, 'a/40-serve/link.k8s.yaml'));
    fs.symlinkSync('../elsewhere/40-serve', path.join(outdir, 'a/30-convert'));
    run('README.md');
    expect(listing()).toEqual([
      'README.md',
      'a/30-convert',
      'a/40-serve/link.k8s.yaml',
      'elsewhere/40-serve/target.txt',
      'empty',
    ]);
  });

  test('does nothing where nothing was written', () => {
    run();
    expect(fs.existsSync(outdir)).toBe(false);
  });
});
