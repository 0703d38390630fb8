import { HubDouble } from '../../doubles/hub';
import {
  MIB,
  SOON,
  REPO,
  expectComplete,
  fetchArgs,
  large,
  run,
  sleep,
  start,
  temporaryFolder,
} from './program';

describe('a program that is stopped', () => {
  test('the point to resume at is the byte: nothing that is on the disk is fetched again', async () => {
    const file = large('model.safetensors', 8 * MIB + 5);
    const hub = await HubDouble.start({ name: REPO, files: [file] });
    const dir = temporaryFolder();
    const args = fetchArgs(hub, ['--dir', dir], '--attempts=1', '--workers=1');
    hub.faults.push({ status: 503, covers: 5 * MIB, times: 100 });
    expect((await run(args)).code).toBe(75);
    hub.forget();
    const outcome = await run(args);
    expect(outcome.code).toBe(0);
    expect(outcome.result.fetched).toBe(3 * MIB + 5);
    expect(hub.sent).toBe(3 * MIB + 5);
    expectComplete(dir, [file]);
    await hub.stop();
  });

  test.each([
    ['while bytes flow', { trickle: 10_000 }],
    ['while the server stalls', { stallAfter: 10 }],
  ])('SIGTERM %s ends it within a second, as transient', async (_, fault) => {
    const hub = await HubDouble.start({ name: REPO, files: [large('model.safetensors', 6 * MIB)] });
    hub.faults.push({ ...fault, times: 100 });
    const { child, ended } = start(fetchArgs(hub, ['--dir', temporaryFolder()]));
    while (hub.count('cdn') < 3) {
      await sleep(20);
    }
    const asked = Date.now();
    child.kill('SIGTERM');
    const outcome = await ended;
    expect(Date.now() - asked).toBeLessThan(SOON);
    expect(outcome.code).toBe(75);
    expect(outcome.result).toMatchObject({ code: 75, retryable: true });
    expect(outcome.result.error).toContain('stopped by SIGTERM');
    await hub.stop();
  });
});
