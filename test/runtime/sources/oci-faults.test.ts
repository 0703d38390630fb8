import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { LoopbackFault } from '../../doubles/loopback';
import { RegistryDouble } from '../../doubles/registry';
import { findPeer } from '../../doubles/peers';
import {
  MIB,
  PYTHON,
  SOON,
  bytes,
  expectComplete,
  markerOf,
  patched,
  removeTemporaryFolders,
  run,
  sleep,
  start,
  temporaryFolder,
} from '../artifact/program';
import { tar } from './archives';
import { LAYER, file, kept, pushArtifact, pushImage } from './oci-images';
import { pullArgs } from './registry-stand';

const WEIGHTS = bytes(5 * MIB + 7, 3);

describe('an image under adverse conditions', () => {
  let registry: RegistryDouble;
  let dir: string;

  beforeEach(async () => {
    registry = await RegistryDouble.start();
    dir = temporaryFolder();
  });
  afterEach(() => registry.stop());
  afterAll(removeTemporaryFolders);

  const pull = (digest: string, ...more: string[]) =>
    pullArgs('oci', registry, { digest }, ['--dir', dir], ...more);

  describe('faults while layers are fetched', () => {
    const cases: [string, LoopbackFault[], number][] = [
      ['cuts', [{ at: 'cdn', cutAfter: MIB / 2, covers: 2 * MIB, times: 3 }], 0],
      ['resets', [{ at: 'cdn', cutAfter: 100, reset: true, times: 4 }], 0],
      ['503', [{ at: 'cdn', status: 503, times: 3 }], 0],
      ['a stall', [{ at: 'cdn', stallAfter: 1000, covers: 2 * MIB }], 0],
      ['a flipped byte', [{ at: 'cdn', flip: 3 * MIB, covers: 3 * MIB }], 0],
      ['a flipped byte, again and again', [{ at: 'cdn', flip: 3 * MIB, covers: 3 * MIB, times: 99 }], 65],
      ['503 without end', [{ at: 'cdn', status: 503, times: 99 }], 75],
      ['a blob that is not there', [{ at: 'registry', match: /blobs/, status: 404, times: 99 }], 66],
    ];
    test.each(cases)('%s', async (_, faults, code) => {
      const { digest } = pushImage(registry, [[file('m/a', WEIGHTS)], [file('m/b', '1')]], {
        compression: 'none',
      });
      registry.faults.push(...faults);
      const outcome = await run(pull(digest, '--path=/m', '--stall-seconds=2', '--attempts=4'));
      expect(`${outcome.code} ${outcome.log}`).toMatch(new RegExp(`^${code} `));
      if (code === 0) {
        expectComplete(dir, kept({ a: WEIGHTS, b: '1' }));
      } else {
        expect(markerOf(dir)).toBeUndefined();
      }
    });
  });

  test('killed at random, while it fetches and while it unpacks, it fetches nothing twice', async () => {
    const weights = bytes(24 * MIB + 1);
    const { digest } = pushImage(registry, [[file('m/a', weights)], [file('m/b', '1'), file('m/.wh.x', '')]]);
    const args = pull(digest, '--path=/m', '--workers=2');
    let killed = 0;
    for (; killed < 12; killed++) {
      registry.faults.splice(0, registry.faults.length, { at: 'cdn', trickle: 2 * MIB, times: Infinity });
      const { child, ended } = start(args);
      const before = registry.requests.length;
      while (registry.requests.length === before && child.exitCode === null) await sleep(10);
      await sleep(Math.random() * 900);
      child.kill('SIGKILL');
      if ((await ended).signal === null) break;
      expect(markerOf(dir)).toBeUndefined();
    }
    registry.faults.length = 0;
    expect((await run(args)).code).toBe(0);
    expectComplete(dir, kept({ a: weights, b: '1' }));
    // A kill loses what was in the buffers; the layer is a little longer than the weights, the rest is manifests.
    expect(registry.sent).toBeLessThanOrEqual(weights.length + MIB + killed * 2 * MIB);
  }, 60_000);

  test('two copies at once do no harm', async () => {
    const { digest } = pushImage(registry, [[file('m/a', WEIGHTS)], [file('m/b', '1')]]);
    const args = pull(digest, '--path=/m');
    const outcomes = await Promise.all([run(args), run(args)]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expectComplete(dir, kept({ a: WEIGHTS, b: '1' }));
    // One of them waited, or came when all was there.
    expect(registry.sent).toBeLessThan(WEIGHTS.length + MIB);
  });

  test('what is damaged is made anew, from layers that are fetched again', async () => {
    const { digest } = pushImage(registry, [[file('m/a', WEIGHTS)]]);
    const args = pull(digest, '--path=/m');
    expect((await run(args)).code).toBe(0);
    fs.truncateSync(`${dir}/a`, 5);
    const outcome = await run(args);
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('a has 5 bytes instead of');
    expectComplete(dir, kept({ a: WEIGHTS }));
  });

  test('SIGTERM while it fetches ends it soon, as transient', async () => {
    const { digest } = pushImage(registry, [[file('m/a', WEIGHTS)]], { compression: 'none' });
    registry.faults.push({ at: 'cdn', match: /./, trickle: 10_000, times: 100 });
    const { child, ended } = start(pull(digest));
    while (registry.count('cdn') < 3) await sleep(20);
    const asked = Date.now();
    child.kill('SIGTERM');
    expect((await ended).result).toMatchObject({ code: 75, retryable: true });
    expect(Date.now() - asked).toBeLessThan(SOON);
  });

  test.each([
    ['while it fetches', 'none', 'No space|File too large'],
    ['while it unpacks', 'gzip', 'is full \\(File too large\\) after .* were unpacked'],
  ] as const)('a full disk %s: 73', async (_, compression, message) => {
    const { digest } = pushImage(registry, [[file('m/a', Buffer.alloc(9 * MIB))]], { compression });
    const outcome = await run(pull(digest), { wrap: ['prlimit', `--fsize=${2 * MIB}`] });
    expect(outcome.code).toBe(73);
    expect(outcome.result.error).toMatch(new RegExp(message));
    expect(markerOf(dir)).toBeUndefined();
  });

  describe('memory', () => {
    // Runs the program as a child and prints the most memory it ever held.
    const measure = `
import resource, subprocess, sys
code = subprocess.call([sys.executable, '-u'] + sys.argv[1:])
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)`;

    test('is that of the buffers, whatever a layer holds and unpacks to', async () => {
      const plain = bytes(100 * MIB, 5);
      const packed = Buffer.alloc(200 * MIB);
      const { digest } = pushArtifact(registry, [
        ['application/vnd.cncf.model.weight.v1.tar', tar([file('plain', plain)])],
        [
          'application/vnd.cncf.model.weight.v1.tar+gzip',
          gzipSync(tar([file('packed', packed)]), { level: 1 }),
        ],
      ]);
      const outcome = await run(pull(digest, '--workers=2', '--chunk-mib=8'), {
        wrap: [PYTHON, '-c', measure],
        withoutPython: true,
      });
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(dir, kept({ plain, packed }));
      expect(Number(/peak (\d+)/.exec(outcome.log)?.[1]) / 1024).toBeLessThan(48);
    }, 60_000);
  });

  describe('layers that zstd has compressed', () => {
    const layer = `${LAYER}+zstd`;
    const push = (content: Buffer) =>
      registry.manifest('org/model', undefined, {
        config: registry.blob('org/model', 'application/vnd.oci.image.config.v1+json', '{}'),
        layers: [registry.blob('org/model', layer, content)],
      });

    const peer = findPeer('compression.zstd');
    (peer ? test : test.skip)('are unpacked by Python 3.14', async () => {
      const [python] = peer as string[];
      const source = tar([file('m/a', WEIGHTS)]);
      const script =
        'import sys; from compression import zstd; sys.stdout.buffer.write(zstd.compress(sys.stdin.buffer.read()))';
      const content = execFileSync(python, ['-c', script], { input: source, maxBuffer: 64 * MIB });
      const { digest } = push(content);
      const outcome = await run(pull(digest, '--path=/m'), { wrap: [python, '-u'], withoutPython: true });
      expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
      expectComplete(dir, kept({ a: WEIGHTS }));
    });

    test('are refused by a Python that cannot, before they are fetched', async () => {
      const { digest } = push(Buffer.from('any'));
      const outcome = await run(pull(digest), patched("sys.modules['compression'] = None"));
      expect(outcome.result).toMatchObject({
        code: 64,
        error: expect.stringContaining('tar.zst needs Python 3.14 or newer') as string,
      });
      expect(registry.count('registry', /blobs/)).toBe(1); // of the configuration
    });
  });
});
