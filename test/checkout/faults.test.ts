import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Size } from 'cdk8s';
import {
  BINARY,
  checkout,
  cloneOf,
  git,
  Image,
  imageOf,
  Pod,
  treeOf,
  upstreamForTests,
  write,
} from './stand';
import { bytes, patched, run } from '../runtime/artifact/program';

const { repository: upstream, image } = upstreamForTests();
const folder = cloneOf(upstream);
write(folder, 'vllm/engine.py', 'ENGINE = "changed"\n');
write(folder, 'vllm/new.bin', BINARY);
fs.rmSync(path.join(folder, 'vllm/old.py'));

/** A copy of the image in which something is different. */
function other(change: (image: Image) => void): Image {
  const copy = imageOf(upstream);
  change(copy);
  return copy;
}

const part = (pod: Pod) => path.join(pod.parts, 'part-000');

/** Nothing is where the checkout would be, not even a part of it. */
async function expectFailure(pod: Pod, code: number, message: RegExp, options = {}): Promise<void> {
  const outcome = await pod.apply(options);
  expect(outcome).toMatchObject({ code, result: { code, error: expect.stringMatching(message) } });
  expect(fs.existsSync(pod.tree)).toBe(false);
}

describe('a patch that did not arrive whole', () => {
  test.each<[string, (pod: Pod) => void]>([
    ['a part that is cut', (pod) => fs.truncateSync(part(pod), fs.statSync(part(pod)).size - 1)],
    ['a part that is not there', (pod) => fs.rmSync(part(pod))],
    ['a part that is changed', (pod) => fs.writeFileSync(part(pod), Buffer.from([1]), { flag: 'r+' })],
    ['a part too many', (pod) => fs.copyFileSync(part(pod), path.join(pod.parts, 'part-001'))],
  ])('is refused: %s', async (_, spoil) => {
    const pod = new Pod(checkout(folder), image);
    spoil(pod);
    await expectFailure(pod, 65, /one of its ConfigMaps is missing or was changed/);
  });

  test('one of several parts', async () => {
    const large = cloneOf(upstream);
    write(large, 'vllm/new.bin', bytes(500_000));
    const pod = new Pod(checkout(large), image);
    expect(fs.readdirSync(pod.parts).length).toBeGreaterThan(1);
    expect(await pod.apply()).toMatchObject({ code: 0 });
    fs.rmSync(pod.tree, { recursive: true });
    fs.truncateSync(path.join(pod.parts, 'part-001'), 1000);
    await expectFailure(pod, 65, /one of its ConfigMaps is missing or was changed/);
  });
});

describe('an image that is not of the merge base', () => {
  test.each<[string, (image: Image) => void, RegExp]>([
    [
      'by the commit that it tells',
      ({ sitePackages }) => write(sitePackages, 'vllm/_version.py', "commit_id = 'gabcdef123'\n"),
      /the image has vLLM of commit abcdef123, and the checkout goes off from [0-9a-f]{40}/,
    ],
    [
      'by the version that it tells',
      ({ sitePackages }) => write(sitePackages, 'vllm/_version.py', "version = '0.29.1.dev3+gabcdef123'\n"),
      /the image has vLLM of commit abcdef123/,
    ],
    [
      'by a modified file of the package',
      ({ sitePackages }) => write(sitePackages, 'vllm/engine.py', 'ENGINE = "older"\n'),
      /is not of the merge base [0-9a-f]{40}: it has other content at vllm\/engine.py/,
    ],
    [
      'by a modified file of the repository',
      ({ workspace }) => write(workspace, 'src/vllm/engine.py', 'ENGINE = "older"\n'),
      /other content at vllm\/engine.py/,
    ],
    [
      'by a deleted file',
      ({ workspace }) => write(workspace, 'src/vllm/old.py', 'OLD = 0\n'),
      /other content at vllm\/old.py/,
    ],
    [
      'by a file that is a link there',
      ({ sitePackages }) => {
        fs.rmSync(path.join(sitePackages, 'vllm/engine.py'));
        fs.symlinkSync('old.py', path.join(sitePackages, 'vllm/engine.py'));
      },
      /other content at vllm\/engine.py/,
    ],
    [
      'by a file that is there already',
      ({ sitePackages }) => write(sitePackages, 'vllm/new.bin', 'newer'),
      /other content at .*vllm\/new.bin, which is new in the checkout/,
    ],
    [
      'by a file of the package that is missing',
      ({ sitePackages, workspace }) => {
        fs.rmSync(path.join(sitePackages, 'vllm/engine.py'));
        fs.rmSync(path.join(workspace, 'src/vllm/engine.py'));
      },
      /it does not have vllm\/engine.py. Nothing is applied/,
    ],
  ])('is refused %s', async (_, change, message) => {
    await expectFailure(new Pod(checkout(folder), other(change)), 65, message);
  });

  test('is refused when it has no vLLM', async () => {
    const pod = new Pod(checkout(folder), { ...image, sitePackages: '/nonexistent' });
    await expectFailure(pod, 66, /the Python of this image has no package vllm/);
  });
});

describe('a disk', () => {
  test('that is full is told from other faults', async () => {
    const full =
      'import errno, shutil\ndef copyfile(*a): raise OSError(errno.ENOSPC, "No space left on device")';
    const pod = new Pod(checkout(folder), image);
    await expectFailure(pod, 73, /No space left on device/, patched(`${full}\nshutil.copyfile = copyfile`));
    expect(await pod.apply()).toMatchObject({ code: 0 });
  });

  test('takes no more than it may: the kubelet would evict the pod without a word', async () => {
    const large = other(({ workspace }) =>
      write(workspace, 'left/behind.bin', Buffer.alloc(20 * 1024 * 1024)),
    );
    const pod = new Pod(checkout(folder, { treeSize: Size.mebibytes(10) }), large);
    await expectFailure(pod, 73, /has more than 10.0 MiB: raise the size of the tree \(treeSize/);
  });

  test('that gives back something else than was written is noticed', async () => {
    const damage =
      'import builtins\nreal = builtins.open\ndef damaged(path, mode="r", *a, **k):\n' +
      '  f = real(path, mode, *a, **k)\n' +
      '  if mode == "xb" and str(path).endswith("engine.py"): f.write(b"#")\n' +
      '  return f\nbuiltins.open = damaged';
    const pod = new Pod(checkout(folder), image);
    await expectFailure(pod, 65, /vllm\/engine.py is not as it was written/, patched(damage));
  });
});

test('files that the user of the pod may not read are named', async () => {
  const closed = other(({ workspace }) => fs.chmodSync(path.join(workspace, 'setup.py'), 0));
  const pod = new Pod(checkout(folder), closed);
  const readable = [closed.workspace, closed.sitePackages, pod.parts, path.dirname(pod.tree)];
  for (const place of [...readable, ...readable.map((each) => path.dirname(each))]) {
    if (place.includes('artifact-test-')) fs.chmodSync(place, 0o777);
  }
  // Root, who may read all, runs it as somebody else.
  const uid = process.getuid?.() === 0 ? 65532 : undefined;
  await expectFailure(pod, 77, /user \d+ cannot read .*setup.py/, { uid });
});

describe('killed at any instant', () => {
  /** Ends the process at its AT-th change of the disk. */
  const killAt = (at: number) =>
    patched(
      [
        'import os, shutil, signal',
        'steps = 0',
        'def watch(owner, name):',
        '  real = getattr(owner, name)',
        '  def watched(*arguments, **more):',
        '    global steps',
        '    steps += 1',
        `    if steps == ${at}: os.kill(os.getpid(), signal.SIGKILL)`,
        '    return real(*arguments, **more)',
        '  setattr(owner, name, watched)',
        'for name in ("rename", "symlink", "unlink", "makedirs", "chmod", "rmdir"): watch(os, name)',
        'watch(shutil, "copyfile")',
        'watch(shutil, "rmtree")',
        'leave = os._exit',
        'def end(code): print("steps: %d" % steps, flush=True); leave(code)',
        'os._exit = end',
      ].join('\n'),
    );

  test('it leaves no folder that is not whole, and the next run makes it', async () => {
    const pod = new Pod(checkout(folder), image);
    const whole = await pod.apply(killAt(0));
    const expected = treeOf(pod.tree);
    const steps = Number(/steps: (\d+)/.exec(whole.log)?.[1]);
    expect(steps).toBeGreaterThan(30);
    fs.rmSync(pod.tree, { recursive: true });
    for (let at = 1; at <= steps; at += 6) {
      expect((await pod.apply(killAt(at))).signal).toBe('SIGKILL');
      if (fs.existsSync(pod.tree)) expect(treeOf(pod.tree)).toEqual(expected);
    }
    expect(await pod.apply()).toMatchObject({ code: 0 });
    expect(treeOf(pod.tree)).toEqual(expected);
    expect(fs.existsSync(`${pod.tree}.partial`)).toBe(false);
  });

  test('a folder of an earlier checkout does not stay', async () => {
    const pod = new Pod(checkout(folder), image);
    write(pod.tree, 'vllm/engine.py', 'ENGINE = "earlier"\n');
    write(pod.tree, 'vllm/left.py', '');
    expect(await pod.apply()).toMatchObject({ code: 0, result: { files: 2, deleted: 1 } });
    expect(fs.existsSync(path.join(pod.tree, 'vllm/left.py'))).toBe(false);
  });
});

describe('a patch that leads out of the folder', () => {
  const evil = async (file: object, content = '') => {
    const hash = (of: string | Buffer) => createHash('sha256').update(of).digest('hex');
    const described = { mode: '100644', size: content.length, sha256: hash(content), ...file };
    const base = git(upstream, 'rev-parse', 'HEAD');
    const line = JSON.stringify({ format: 1, base, package: 'vllm', files: [described], deleted: [] });
    const packed = gzipSync(`${line}\n${content}`);
    const pod = new Pod(checkout(folder), image);
    fs.writeFileSync(part(pod), packed);
    const outcome = await run(
      [
        'apply_checkout.py',
        `--parts=${pod.parts}`,
        `--sha256=${hash(packed)}`,
        '--unpacked-bytes=10000',
        `--tree=${pod.tree}`,
        '--tree-bytes=100000000',
        `--workspace=${image.workspace}`,
      ],
      { env: { PYTHONPATH: image.sitePackages } },
    );
    expect(fs.existsSync(pod.tree)).toBe(false);
    return outcome;
  };

  test.each(['/etc/passwd', '../out', 'a/../../out', './a', 'a//b', '.git/config', 'a/.git/hooks/x'])(
    '%s',
    async (bad) => {
      expect(await evil({ path: bad })).toMatchObject({
        code: 65,
        log: expect.stringContaining('leads out of'),
      });
    },
  );

  test('through a link of the image', async () => {
    expect(await evil({ path: 'vllm/alias.py/x' })).toMatchObject({ code: 65 });
  });

  test('with a content that is not what is named', async () => {
    expect(await evil({ path: 'x', sha256: '0'.repeat(64) })).toMatchObject({ code: 65 });
    expect(await evil({ path: 'x', size: 5 })).toMatchObject({ code: 65 });
    expect(await evil({ path: 'x' }, 'y'.repeat(20000))).toMatchObject({ code: 65 });
  });
});
