import * as fs from 'node:fs';
import * as path from 'node:path';
import { S3Double } from '../../doubles/s3';
import { bucketArgs } from './bucket';
import {
  MIB,
  PYTHON,
  REPO,
  artifactFolder,
  expectComplete,
  fetchArgs,
  large,
  run,
  temporaryFolder,
  hubForTests,
} from './program';

// Runs the program as a child and prints the most memory of its own (anonymous, unlike mapped files) that it was
// seen to hold, and the most of any kind that it ever held, in KiB.
const MEASURE = `
import re, resource, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-u'] + sys.argv[1:])
anonymous = 0
while child.poll() is None:
    try:
        with open('/proc/%d/status' % child.pid) as f:
            found = re.search(r'RssAnon:\\s*(\\d+)', f.read())
        anonymous = max(anonymous, int(found[1]) if found else 0)
    except OSError:
        pass
    time.sleep(0.005)
print('anonymous %d, peak %d' % (anonymous, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(child.returncode)`;

describe('memory', () => {
  const tiny = large('model.bin', 100);
  const middle = large('model.bin', 20 * MIB);
  const huge = large('model.bin', 300 * MIB + 1);
  const hub = hubForTests(
    { name: REPO, files: [huge] },
    { name: 'org/middle', files: [middle] },
    { name: 'org/tiny', files: [tiny] },
  );
  /** MiB of anonymous memory that were seen, and of all memory. */
  async function peaks(args: string[], env?: Record<string, string>): Promise<[number, number]> {
    const outcome = await run(args, { wrap: [PYTHON, '-c', MEASURE], withoutPython: true, env });
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.code).toBe(0);
    const [, anonymous, peak] = /anonymous (\d+), peak (\d+)/.exec(outcome.log)!;
    return [Number(anonymous) / 1024, Number(peak) / 1024];
  }

  const peak = async (args: string[], env?: Record<string, string>): Promise<number> =>
    (await peaks(args, env))[1];

  test('is bounded by workers x chunk, whatever the size of the model', async () => {
    const dir = temporaryFolder();
    const floor = await peak(fetchArgs(hub, ['--dir', temporaryFolder()], '--repo=org/tiny'));
    const most = await peak(fetchArgs(hub, ['--dir', dir], '--workers=2', '--chunk-mib=8'));
    expectComplete(dir, [huge]);
    expect(most).toBeLessThan(floor + 2 * 8 + 6);
    expect(most).toBeLessThan(48);
    // The rerun that hashes what is there, without a marker, holds no file in memory either.
    fs.rmSync(path.join(dir, '.artifact.json'));
    expect(await peak(fetchArgs(hub, ['--dir', dir], '--workers=2', '--chunk-mib=8'))).toBeLessThan(
      floor + 6,
    );
  });

  test.each<[string, (s3: S3Double) => string[]]>([
    ['a folder', () => ['--dir', temporaryFolder()]],
    ['a bucket', (s3) => bucketArgs(s3, 'm')],
  ])('is the same for a file that is 15 times as large, into %s', async (_, place) => {
    const s3 = await S3Double.start('models');
    const limits = ['--workers=2', '--chunk-mib=8'];
    const args = (repo: string) => fetchArgs(hub, place(s3), `--repo=${repo}`, ...limits);
    const [less] = await peaks(args('org/middle'), s3.environment);
    s3.objects.clear();
    const [more] = await peaks(args(REPO), s3.environment);
    await s3.stop();
    expect(less).toBeGreaterThan(2 * 8);
    expect(Math.abs(more - less)).toBeLessThan(4);
  });

  test('is bounded towards S3 too', async () => {
    const s3 = await S3Double.start('models');
    const most = await peak(
      fetchArgs(hub, bucketArgs(s3, 'm'), '--workers=2', '--chunk-mib=8'),
      s3.environment,
    );
    expect(s3.objects.get('m/model.bin')?.body.equals(huge.content)).toBe(true);
    await s3.stop();
    expect(most).toBeLessThan(48);
  });

  test('is bounded from a folder to S3, with the defaults and the memory that the upload of a conversion has', async () => {
    const s3 = await S3Double.start('models');
    const file = { path: 'model.m', content: Buffer.alloc(130 * MIB) };
    const most = await peak(
      ['put.py', '--key=k1', `--dir=${artifactFolder([file])}`, ...bucketArgs(s3, 'm')],
      s3.environment,
    );
    expect(s3.objects.get('m/model.m')?.body.equals(file.content)).toBe(true);
    await s3.stop();
    expect(most).toBeLessThan(128); // of 256
  });
});
