import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Chart } from 'cdk8s';
import { VllmCheckout } from '../../src/constructs/vllm-checkout';
import type { VllmCheckoutOptions } from '../../src/checkout/checkout';
import { checkoutOnPod } from '../../src/checkout/on-pod';
import { Phase } from '../../src';
import { ownerOf } from '../../src/pod/owner';
import type { KubeObject } from '../../src/validation/kube-object';
import { Outcome, run, RunOptions, temporaryFolder } from '../runtime/artifact/program';
import { objectsOf, ofKind, plainChart, Untyped } from '../support/objects';

/** What a file is: its mode, and its text or the target of the link. */
export type Tree = Record<string, string>;

/** Files and links below a folder, each with its mode and content, without what Git keeps there itself. */
export function treeOf(folder: string): Tree {
  const found: Tree = {};
  const walk = (below: string) => {
    for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const file = path.posix.join(below, entry.name);
      const at = path.join(folder, file);
      if (entry.isDirectory()) {
        if (entry.name !== '.git') walk(file);
      } else if (entry.isSymbolicLink()) {
        found[file] = `link ${fs.readlinkSync(at)}`;
      } else {
        const mode = (fs.statSync(at).mode & 0o777).toString(8);
        found[file] = `${mode} ${fs.readFileSync(at).toString('base64')}`;
      }
    }
  };
  walk('');
  return found;
}

/** Where a test keeps its repositories: git must not find one of ours above, nor the configuration of a person. */
const GIT_ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

export function git(folder: string, ...args: string[]): string {
  const quiet = ['-c', 'protocol.file.allow=always', '-c', 'advice.detachedHead=false'];
  return execFileSync('git', [...quiet, ...args], {
    cwd: folder,
    env: GIT_ENVIRONMENT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

/** Writes a file with all folders above it. */
export function write(folder: string, file: string, content: string | Buffer, mode = 0o644): void {
  const at = path.join(folder, file);
  fs.mkdirSync(path.dirname(at), { recursive: true });
  fs.rmSync(at, { force: true });
  fs.writeFileSync(at, content);
  fs.chmodSync(at, mode);
}

/** Bytes that are no text. */
export const BINARY = Buffer.from(Array.from({ length: 2000 }, (_, index) => (index * 31) % 256));

/** A repository like that of vLLM, with a commit on its branch main. */
export function upstreamRepository(files: Record<string, string | Buffer> = {}): string {
  const folder = temporaryFolder();
  git(folder, 'init', '-q', '--template=', '-b', 'main');
  write(folder, '.gitignore', '*.so\n__pycache__/\nvllm/_version.py\nbuild/\n.env.local\n');
  write(folder, '.dockerignore', 'docs/\n');
  write(folder, 'setup.py', 'compile()\n');
  write(folder, 'csrc/cache.cu', 'kernel\n');
  write(folder, 'docs/guide.md', '# Guide\n');
  write(folder, 'tests/test_engine.py', 'def test(): pass\n');
  write(folder, 'tests/data/image.png', BINARY);
  write(folder, 'tools/run.sh', '#!/bin/sh\n', 0o755);
  write(folder, 'vllm/__init__.py', 'from .engine import ENGINE\n');
  write(folder, 'vllm/engine.py', '# SPDX-License-Identifier: Apache-2.0\nENGINE = "base"\n');
  write(folder, 'vllm/old.py', 'OLD = 1\n');
  write(folder, 'vllm/gone/away.py', 'AWAY = 1\n');
  write(folder, 'vllm/table.bin', BINARY);
  fs.symlinkSync('engine.py', path.join(folder, 'vllm/alias.py'));
  for (const [file, content] of Object.entries(files)) write(folder, file, content);
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', 'base');
  return folder;
}

/** A clone of each repository, which is copied: that is quicker, and all that git knows of its files is out of date. */
const clones = new Map<string, string>();

/** A clone of a repository as it was at first, as people have one: its remote is called `upstream`. */
export function cloneOf(upstream: string): string {
  let clone = clones.get(upstream);
  if (clone === undefined) {
    clone = path.join(temporaryFolder(), 'clone');
    git(path.dirname(clone), 'clone', '-q', '--template=', '-o', 'upstream', upstream, clone);
    clones.set(upstream, clone);
  }
  const folder = path.join(temporaryFolder(), 'vllm');
  fs.cpSync(clone, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** What an image of vLLM's CI has of a commit. */
export interface Image {
  readonly workspace: string;
  /** Where Python finds the installed package. */
  readonly sitePackages: string;
}

/** Builds an image of a commit as docker/Dockerfile does, stage test, and setup.py for the package. */
export function imageOf(repository: string, commit = 'HEAD'): Image {
  const workspace = path.join(temporaryFolder(), 'vllm-workspace');
  const sitePackages = path.join(temporaryFolder(), 'dist-packages');
  fs.mkdirSync(workspace);
  fs.mkdirSync(sitePackages);
  const archive = path.join(temporaryFolder(), 'archive.tar');
  git(repository, 'archive', '--format=tar', `--output=${archive}`, commit);
  execFileSync('tar', ['-xf', archive, '-C', workspace]);
  fs.rmSync(path.join(workspace, 'docs'), { recursive: true, force: true });
  const root = fs.existsSync(path.join(workspace, 'vllm')) ? '' : 'src';
  const installed = path.join(sitePackages, 'vllm');
  fs.cpSync(path.join(workspace, root, 'vllm'), installed, { recursive: true, verbatimSymlinks: true });
  if (root === '') {
    fs.mkdirSync(path.join(workspace, 'src'));
    fs.renameSync(path.join(workspace, 'vllm'), path.join(workspace, 'src/vllm'));
  }
  const id = git(repository, 'rev-parse', '--short=9', commit);
  write(
    installed,
    '_version.py',
    `__version__ = '0.29.1.dev9+g${id}'\n__commit_id__ = commit_id = 'g${id}'\n`,
  );
  write(installed, '_C.abi3.so', Buffer.alloc(2 * 1024 * 1024, 7), 0o755);
  write(installed, 'flash_attn/interface.py', 'GENERATED = True\n');
  write(installed, '__pycache__/engine.pyc', 'compiled');
  write(workspace, 'torch_versions.txt', 'torch=2.9\n');
  return { workspace, sitePackages };
}

/** A repository like that of vLLM, and the image of its commit. */
export interface Upstream {
  readonly repository: string;
  readonly image: Image;
}

/** For all tests of a file, as nothing changes them: most of the time goes into starting git. */
export function upstreamForTests(files: Record<string, string | Buffer> = {}): Upstream {
  const repository = upstreamRepository(files);
  return { repository, image: imageOf(repository) };
}

/** What the image adds to a checkout; the large file as a link to where it is. */
export function addedBy(image: Image, root = ''): Tree {
  const added: Tree = {
    [path.posix.join(root, 'vllm/_C.abi3.so')]: `link ${path.join(image.sitePackages, 'vllm/_C.abi3.so')}`,
    'torch_versions.txt': treeOf(image.workspace)['torch_versions.txt'],
  };
  for (const file of ['vllm/_version.py', 'vllm/flash_attn/interface.py']) {
    added[path.posix.join(root, file)] = treeOf(image.sitePackages)[file];
  }
  return added;
}

/** A checkout as a pod gets it: the init container's command, run on this machine with the files of its volumes. */
export class Pod {
  public readonly objects: KubeObject[];
  public readonly tree: string;
  public readonly parts = temporaryFolder();
  private readonly args: string[];

  constructor(
    public readonly checkout: VllmCheckout,
    private readonly image: Image,
  ) {
    const chart: Chart = plainChart();
    const owner = ownerOf(chart, 'vllm-run', Phase.SERVE, [Phase.SERVE]);
    const onPod = checkoutOnPod(owner, checkout._spec, checkout.image);
    onPod.add('run');
    this.objects = objectsOf(chart);
    const [init] = onPod.initContainers;
    this.tree = path.join(temporaryFolder(), 'vllm');
    const places = [
      ['--parts=/etc/cdk8s-llm/checkout', `--parts=${this.parts}`],
      ['--tree=/checkout/vllm', `--tree=${this.tree}`],
      ['--workspace=/vllm-workspace', `--workspace=${image.workspace}`],
    ];
    this.args = ['apply_checkout.py', ...init.args!.map((arg) => placed(places, arg))];
    for (const { binaryData } of ofKind(this.objects, 'ConfigMap') as Untyped[]) {
      for (const [name, content] of Object.entries(binaryData as Record<string, string>)) {
        fs.writeFileSync(path.join(this.parts, name), Buffer.from(content, 'base64'));
      }
    }
  }

  public apply(options: RunOptions = {}): Promise<Outcome> {
    const env = { PYTHONPATH: this.image.sitePackages, ...options.env };
    return run(this.args, { ...options, env });
  }
}

function placed(places: string[][], arg: string): string {
  return places.find(([there]) => there === arg)?.[1] ?? arg;
}

export function checkout(folder: string, options: VllmCheckoutOptions = {}): VllmCheckout {
  return VllmCheckout.fromDirectory(folder, options);
}

/** A checkout with a change, as the pages of the documents have one beside them. */
export function changedCheckout(): string {
  const folder = cloneOf(upstreamRepository());
  write(folder, 'vllm/engine.py', '# SPDX-License-Identifier: Apache-2.0\nENGINE = "mine"\n');
  return folder;
}
