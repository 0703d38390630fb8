import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { VllmCheckoutOptions } from '../../src/checkout/checkout';
import { bytes, temporaryFolder } from '../runtime/artifact/program';
import { texts } from '../support/objects';
import { BINARY, checkout, cloneOf, git, Pod, upstreamForTests, write } from './stand';

const { repository: upstream, image } = upstreamForTests({ 'vllm/v1/worker.py': 'WORKER = 1\n' });

function changed(...files: [string, string | Buffer][]): string {
  const folder = cloneOf(upstream);
  for (const [file, content] of files) write(folder, file, content);
  return folder;
}

describe('the base', () => {
  test('is the merge base with upstream, and its image is that of the commit', () => {
    const folder = changed(['vllm/engine.py', 'ENGINE = "mine"\n']);
    const base = git(folder, 'rev-parse', 'HEAD');
    git(folder, 'commit', '-q', '-a', '-m', 'mine');
    const packed = checkout(folder);
    expect(packed.baseCommit).toBe(base);
    expect(packed.image).toBe(`public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo:${base}`);
    expect(packed.changedFiles).toEqual(['vllm/engine.py']);
    expect(packed.deletedFiles).toEqual([]);
  });

  test.each<[string, VllmCheckoutOptions, RegExp]>([
    [
      'a mirror',
      { imageRepository: 'registry.example.com:5000/vllm-ci' },
      /^registry.example.com:5000\/vllm-ci:[0-9a-f]{40}$/,
    ],
    ['a digest', { imageDigest: `sha256:${'a'.repeat(64)}` }, /-repo:[0-9a-f]{40}@sha256:a{64}$/],
    ['an image of its own', { image: 'registry.example.com/mine:v1' }, /^registry.example.com\/mine:v1$/],
  ])('has %s', (_, options, expected) => {
    expect(checkout(cloneOf(upstream), options).image).toMatch(expected);
  });

  test('can be named', () => {
    const folder = changed(['vllm/engine.py', 'ENGINE = "pushed"\n']);
    git(folder, 'commit', '-q', '-a', '-m', 'pushed');
    const baseCommit = git(folder, 'rev-parse', 'HEAD');
    expect(checkout(folder, { baseCommit }).changedFiles).toEqual([]);
    git(folder, 'branch', 'company');
    expect(checkout(folder, { upstream: 'company' }).baseCommit).toBe(baseCommit);
  });

  test("is that of vLLM's own repository, whatever the remote is called, and never that of a fork", () => {
    const folder = cloneOf(upstream);
    git(folder, 'remote', 'rename', 'upstream', 'origin');
    git(folder, 'remote', 'set-url', 'origin', 'git@github.com:somebody/vllm.git');
    expect(() => checkout(folder)).toThrow(
      /'upstream' is nothing; allowed: a branch of upstream.*git remote add upstream/,
    );
    for (const url of ['git@github.com:vllm-project/vllm.git', 'https://github.com/vllm-project/vllm']) {
      git(folder, 'remote', 'set-url', 'origin', url);
      expect(checkout(folder).baseCommit).toBe(git(folder, 'rev-parse', 'HEAD'));
    }
  });

  test('is not found in a clone that is too shallow, which is said', () => {
    const moved = cloneOf(upstream);
    write(moved, 'vllm/old.py', 'OLD = 2\n');
    git(moved, 'commit', '-q', '-a', '-m', 'newer');
    const folder = path.join(temporaryFolder(), 'vllm');
    git(path.dirname(folder), 'clone', '-q', '-o', 'upstream', '--depth=1', `file://${upstream}`, folder);
    git(folder, 'checkout', '-q', '--orphan', 'apart');
    git(folder, 'commit', '-q', '-m', 'apart');
    expect(() => checkout(folder)).toThrow(
      /a branch that HEAD has a commit in common with. Of a shallow clone/,
    );
  });

  test('is read from the repository of the folder, whatever git hook synthesizes', () => {
    const folder = changed(['vllm/engine.py', 'ENGINE = "mine"\n']);
    const other = cloneOf(upstream);
    const before = { ...process.env };
    Object.assign(process.env, {
      GIT_DIR: path.join(other, '.git'),
      GIT_INDEX_FILE: '/nonexistent',
      GIT_WORK_TREE: other,
    });
    try {
      expect(checkout(folder).changedFiles).toEqual(['vllm/engine.py']);
    } finally {
      process.env = before;
    }
  });

  test('is read without a change of the repository, and without a program of its configuration', () => {
    const folder = changed(['vllm/engine.py', 'ENGINE = "mine"\n']);
    const trap = path.join(temporaryFolder(), 'trap');
    write(path.dirname(trap), 'run', `#!/bin/sh\ntouch ${trap}\n`, 0o755);
    const program = path.join(path.dirname(trap), 'run');
    for (const name of ['core.fsmonitor', 'diff.external', 'core.pager'])
      git(folder, 'config', name, program);
    const index = fs.readFileSync(path.join(folder, '.git/index'));
    checkout(folder);
    expect(fs.existsSync(trap)).toBe(false);
    expect(fs.readFileSync(path.join(folder, '.git/index')).equals(index)).toBe(true);
  });
});

describe('what is packed', () => {
  test('is the same bytes for the same files, wherever, whenever and however they came to be', () => {
    const files: [string, string | Buffer][] = [
      ['vllm/engine.py', 'ENGINE = "mine"\n'],
      ['vllm/b.py', 'B = 1\n'],
      ['vllm/a.py', 'A = 1\n'],
      ['vllm/data.bin', BINARY],
    ];
    const one = changed(...files);
    const other = changed(...[...files].reverse());
    git(other, 'checkout', '-q', '-b', 'feature');
    git(other, 'add', 'vllm/a.py', 'vllm/engine.py');
    git(other, 'commit', '-q', '-m', 'committed');
    for (const file of ['vllm/a.py', 'vllm/data.bin']) fs.utimesSync(path.join(other, file), 1, 1);
    fs.chmodSync(path.join(other, 'vllm/b.py'), 0o664);
    expect(checkout(other).sha256).toBe(checkout(one).sha256);
    expect(new Pod(checkout(other), image).objects).toEqual(new Pod(checkout(one), image).objects);
    // In other words: not by what compresses it on this machine.
    expect(checkout(one).sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is divided so that kubectl apply takes each ConfigMap, and named after its content', () => {
    const folder = changed(['vllm/data.bin', bytes(700_000)]);
    const { objects } = new Pod(checkout(folder), image);
    expect(objects).toHaveLength(4);
    for (const object of objects) {
      expect(JSON.stringify(object).length).toBeLessThan(262_144);
      expect(object).toMatchObject({ kind: 'ConfigMap', immutable: true });
      expect(object.metadata.name).toMatch(/^models-checkout-[0-9a-f]{8}$/);
    }
    expect(new Set(objects.map(({ metadata }) => metadata.name)).size).toBe(4);
  });

  test('leaves out what is excluded, and what git ignores', () => {
    const folder = changed(
      ['vllm/engine.py', 'x'],
      ['notes/a.txt', 'a'],
      ['notes/b/c.txt', 'c'],
      ['.env.local', 'K=v'],
    );
    fs.rmSync(path.join(folder, 'vllm/old.py'));
    const packed = checkout(folder, { exclude: ['notes/', 'vllm/old.py'] });
    expect([packed.changedFiles, packed.deletedFiles]).toEqual([['vllm/engine.py'], []]);
  });

  test('does not know files as programs where the disk does not', () => {
    const folder = cloneOf(upstream);
    git(folder, 'config', 'core.fileMode', 'false');
    fs.chmodSync(path.join(folder, 'vllm/engine.py'), 0o755);
    fs.chmodSync(path.join(folder, 'tools/run.sh'), 0o644);
    expect(checkout(folder).changedFiles).toEqual([]);
  });

  test('leaves a sparse checkout whole', () => {
    const folder = cloneOf(upstream);
    git(folder, 'update-index', '-q', '--refresh');
    git(folder, 'sparse-checkout', 'set', '--no-cone', '/*', '!/tests/');
    expect(fs.existsSync(path.join(folder, 'tests'))).toBe(false);
    expect(checkout(folder).deletedFiles).toEqual([]);
    write(folder, 'tests/test_engine.py', 'changed\n');
    expect(checkout(folder).changedFiles).toEqual(['tests/test_engine.py']);
  });
});

describe('secrets', () => {
  const TOKEN = `hf_${'aB3'.repeat(12)}`;

  test.each<[string, string | Buffer]>([
    ['.env', 'HF_TOKEN=x'],
    ['deploy/.env.production', 'x'],
    ['.netrc', 'x'],
    ['id_ed25519', 'x'],
    ['certs/server.key', 'x'],
    ['kubeconfig', 'x'],
    ['secrets.yaml', 'x'],
    ['token', 'x'],
    ['.ssh/config', 'x'],
    ['vllm/engine.py', `TOKEN = "${TOKEN}"\n`],
    ['notes.txt', '-----BEGIN RSA PRIVATE KEY-----\n'],
    ['notes.txt', `ghp_${'a1'.repeat(18)}`],
    ['notes.txt', 'AKIAABCDEFGHIJKLMNOP'],
    ['notes.txt', 'https://user:hunter22@example.com/'],
    ['data.bin', Buffer.concat([BINARY, Buffer.from(TOKEN), BINARY])],
  ])('are not packed: %s', (file, content) => {
    const folder = changed([file, content]);
    let message = '';
    try {
      checkout(folder);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(`'files that look like secrets' is '${file} (`);
    expect(message).toMatch(/exclude: \[...\].*secretEnv.*include/);
    if (content.length > 1) expect(message).not.toContain(content.toString('latin1').trim());
    expect(checkout(folder, { exclude: [file] }).changedFiles).toEqual([]);
    expect(checkout(folder, { include: [file] }).changedFiles).toEqual([file]);
  });

  test('are told from examples and from code', () => {
    const files: [string, string][] = [
      ['.env.example', 'HF_TOKEN=<token>'],
      ['vllm/token.py', 'os.environ["HF_TOKEN"]'],
      ['vllm/secrets_of_speed.py', 'f"https://{user}:{password}@host/"'],
      ['docs/keys.md', 'hf_... and sk-...'],
    ];
    expect(checkout(changed(...files)).changedFiles).toHaveLength(4);
  });

  test('reach no YAML', () => {
    const folder = changed(['.env', `HF_TOKEN=${TOKEN}\n`], ['vllm/engine.py', 'x']);
    const { objects, checkout: packed } = new Pod(checkout(folder, { exclude: ['.env'] }), image);
    expect(packed.changedFiles).toEqual(['vllm/engine.py']);
    const unpacked = texts(objects).map((text) => Buffer.from(text, 'base64').toString('latin1'));
    expect([...texts(objects), ...unpacked].join()).not.toContain(TOKEN);
  });
});

describe('is refused:', () => {
  const nothing = (folder: string) => folder;

  test.each<[string, (folder: string) => string | void, VllmCheckoutOptions, RegExp]>([
    ['no folder', () => '/nonexistent', {}, /'path' is '\/nonexistent'; allowed: the folder of a checkout/],
    ['no repository', () => temporaryFolder(), {}, /a folder in the work tree of a Git repository/],
    [
      'another repository',
      () => {
        const folder = temporaryFolder();
        git(folder, 'init', '-q');
        write(folder, 'a', 'a');
        git(folder, 'add', 'a');
        git(folder, 'commit', '-q', '-m', 'a');
        return folder;
      },
      { upstream: 'HEAD' },
      /has no vllm\/__init__.py/,
    ],
    [
      'an unknown branch',
      nothing,
      { upstream: 'upstream/nowhere' },
      /'upstream' is 'upstream\/nowhere'.*git fetch upstream/,
    ],
    ['an option in its place', nothing, { upstream: '--all' }, /'upstream' is '--all'/],
    ['a short base', nothing, { baseCommit: 'abc123' }, /'baseCommit' is 'abc123'; allowed: the full id/],
    ['an unknown base', nothing, { baseCommit: 'a'.repeat(40) }, /'baseCommit' is 'a+'.*Fetch it first/],
    [
      'two bases',
      nothing,
      { baseCommit: 'a'.repeat(40), upstream: 'upstream/main' },
      /'upstream' is 'upstream\/main'; allowed: nothing, as baseCommit says/,
    ],
    [
      'two images',
      nothing,
      { image: 'a/b:c', imageRepository: 'd/e' },
      /'imageRepository' is 'd\/e'; allowed: nothing/,
    ],
    [
      'a digest that is none',
      nothing,
      { imageDigest: 'sha256:abc' },
      /'imageDigest' is 'sha256:abc'.*crane digest/,
    ],
    ['a tag as a repository', nothing, { imageRepository: 'a/b:c' }, /'imageRepository' is 'a\/b:c'/],
    [
      'a pattern',
      nothing,
      { exclude: ['*.env'] },
      /'exclude\[0\]' is '\*.env'; allowed: a path from the top/,
    ],
    ['null', nothing, { exclude: null as never }, /'exclude' is null/],
    ['text for a list', nothing, { include: '.env' as never }, /'include' is 'a string'; allowed: a list/],
    ['text for a switch', nothing, { allowUncompiled: 'yes' as never }, /'allowUncompiled' is 'yes'/],
    ['a number for a size', nothing, { maxSize: 4 as never }, /'maxSize' is 4/],
    ['a workspace that is no path', nothing, { workspace: 'vllm' }, /'workspace' is 'vllm'/],
    [
      'too much, by the names of the biggest',
      (folder) => {
        write(folder, 'vllm/big.bin', bytes(90_000, 1));
        write(folder, 'vllm/bigger.bin', bytes(100_000, 2));
      },
      { maxSize: Size.kibibytes(100) },
      /'changes' is '\d+ bytes compressed: the biggest are vllm\/bigger.bin \(100000 bytes\), vllm\/big.bin \(90000 bytes\)'; allowed: 102400 bytes/,
    ],
    [
      'a large new file',
      (folder) => write(folder, 'model.safetensors', Buffer.alloc(1024 * 1024 + 1)),
      {},
      /'large new files' is 'model.safetensors \(1048577 bytes\)'; allowed: new files of at most 1 MiB/,
    ],
    [
      'what is compiled',
      (folder) => {
        write(folder, 'csrc/cache.cu', 'faster kernel\n');
        write(folder, 'requirements/common.txt', 'torch\n');
        fs.rmSync(path.join(folder, 'setup.py'));
      },
      {},
      /'files that are compiled or installed' is 'csrc\/cache.cu, requirements\/common.txt, setup.py'.*allowUncompiled: true/,
    ],
    [
      'a link out of the checkout',
      (folder) => fs.symlinkSync('../../outside', path.join(folder, 'vllm/outside')),
      {},
      /'vllm\/outside' is 'a link to ..\/..\/outside'; allowed: a link to a place within/,
    ],
    [
      'a link to a place of this machine',
      (folder) => fs.symlinkSync('/etc/passwd', path.join(folder, 'passwd')),
      {},
      /'passwd' is 'a link to \/etc\/passwd'/,
    ],
    [
      'a repository within',
      (folder) => {
        fs.mkdirSync(path.join(folder, 'third'));
        git(path.join(folder, 'third'), 'init', '-q');
        write(folder, 'third/a', 'a');
        git(path.join(folder, 'third'), 'add', 'a');
        git(path.join(folder, 'third'), 'commit', '-q', '-m', 'a');
      },
      {},
      /'third\/' is 'a Git repository of its own'.*exclude: \['third\/'\]/,
    ],
    [
      'a new submodule',
      (folder) => {
        git(folder, 'submodule', '-q', 'add', upstream, 'third');
      },
      {},
      /'third' is 'a Git repository of its own'/,
    ],
    [
      'a conflict',
      (folder) => {
        git(folder, 'checkout', '-q', '-b', 'one');
        write(folder, 'vllm/old.py', 'OLD = "one"\n');
        git(folder, 'commit', '-q', '-a', '-m', 'one');
        git(folder, 'checkout', '-q', 'main');
        write(folder, 'vllm/old.py', 'OLD = "two"\n');
        git(folder, 'commit', '-q', '-a', '-m', 'two');
        expect(() => git(folder, 'merge', '-q', 'one')).toThrow();
      },
      {},
      /'vllm\/old.py' is 'in conflict'; allowed: a file whose conflict is resolved/,
    ],
    [
      'a name that YAML cannot hold',
      (folder) => {
        const name = Buffer.concat([
          Buffer.from(`${folder}/vllm/`),
          Buffer.from([0xff, 0xfe]),
          Buffer.from('.py'),
        ]);
        fs.writeFileSync(name, 'x');
      },
      {},
      /'path of a file' is '.*'; allowed: a path in UTF-8/,
    ],
  ])('%s', (_, change, options, message) => {
    const folder = cloneOf(upstream);
    const given = change(folder) ?? folder;
    expect(() => checkout(given, options)).toThrow(message);
  });

  test('compiled files are packed where the user says that they have no effect', () => {
    const folder = changed(['csrc/cache.cu', 'faster kernel\n']);
    expect(checkout(folder, { allowUncompiled: true }).changedFiles).toEqual(['csrc/cache.cu']);
  });

  test('a submodule at another commit', () => {
    const withSubmodule = cloneOf(upstream);
    git(withSubmodule, 'submodule', '-q', 'add', upstream, 'third');
    git(withSubmodule, 'commit', '-q', '-m', 'submodule');
    const folder = path.join(temporaryFolder(), 'vllm');
    git(path.dirname(folder), 'clone', '-q', '-o', 'upstream', '--recurse-submodules', withSubmodule, folder);
    expect(checkout(folder).changedFiles).toEqual([]);
    write(folder, 'third/vllm/old.py', 'OLD = 2\n');
    expect(() => checkout(folder)).toThrow(/'third' is 'a Git repository of its own'/);
    expect(checkout(folder, { exclude: ['third'] }).changedFiles).toEqual([]);
  });

  test('a machine without git', () => {
    const folder = cloneOf(upstream);
    const before = process.env.PATH;
    process.env.PATH = temporaryFolder();
    try {
      expect(() => checkout(folder)).toThrow(/the program git, in the PATH of what synthesizes. Install it/);
    } finally {
      process.env.PATH = before;
    }
  });
});

test('no shell sees what is in the options or in names', () => {
  const folder = changed(['vllm/$(touch pwned);`touch pwned`.py', 'x']);
  expect(checkout(folder).changedFiles).toHaveLength(1);
  expect(() => checkout(folder, { upstream: 'x; touch pwned' })).toThrow(/'upstream' is/);
  expect(execFileSync('find', [folder, '-name', 'pwned'], { encoding: 'utf8' })).toBe('');
});
