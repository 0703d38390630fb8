import { HubDouble } from '../../doubles/hub';
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
  removeTemporaryFolders,
  run,
  temporaryFolder,
} from './program';

// Runs the program as a child and prints the most memory it ever held.
const MEASURE = `
import resource, subprocess, sys
code = subprocess.call([sys.executable, '-u'] + sys.argv[1:])
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)`;

describe('memory', () => {
  let hub: HubDouble;
  const tiny = large('model.bin', 100);
  const huge = large('model.bin', 300 * MIB + 1);
  beforeAll(async () => {
    hub = await HubDouble.start({ name: REPO, files: [huge] }, { name: 'org/tiny', files: [tiny] });
  });
  afterAll(async () => {
    await hub.stop();
    removeTemporaryFolders();
  });

  async function peak(args: string[], env?: Record<string, string>): Promise<number> {
    const outcome = await run(args, { wrap: [PYTHON, '-c', MEASURE], withoutPython: true, env });
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.code).toBe(0);
    return Number(/peak (\d+)/.exec(outcome.log)?.[1]) / 1024;
  }

  test('is bounded by workers x chunk, whatever the size of the model', async () => {
    const dir = temporaryFolder();
    const floor = await peak(fetchArgs(hub, ['--dir', temporaryFolder()], '--repo=org/tiny'));
    const most = await peak(fetchArgs(hub, ['--dir', dir], '--workers=2', '--chunk-mib=8'));
    expectComplete(dir, [huge]);
    expect(most).toBeLessThan(floor + 2 * 8 + 6);
    expect(most).toBeLessThan(48);
    // The rerun that hashes what is there, without a marker, holds no file in memory either.
    expect(await peak(fetchArgs(hub, ['--dir', dir], '--workers=2', '--chunk-mib=8'))).toBeLessThan(
      floor + 6,
    );
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
