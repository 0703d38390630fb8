import * as fs from 'node:fs';
import * as path from 'node:path';
import { HubDouble, sha256 } from '../../doubles/hub';
import type { HubFile } from '../../doubles/hub';
import {
  MIB,
  SOON,
  REPO,
  expectComplete,
  fetchArgs,
  large,
  markerOf,
  removeTemporaryFolders,
  run,
  sleep,
  small,
  start,
  temporaryFolder,
} from './program';

const WORKERS = 2;

describe('a program that is killed', () => {
  afterAll(removeTemporaryFolders);

  const layouts: [string, HubFile[], number][] = [
    ['one large file', [large('model.safetensors', 64 * MIB + 99), small('config.json', '{}')], 13],
    [
      'files of every size',
      [
        ...[1, 5, 9, 13].map((size) => large(`shard-${size}.safetensors`, size * MIB + size)),
        ...Array.from({ length: 60 }, (_, index) => small(`small/${index}.json`, `{"n": ${index}}`)),
        large('empty.bin', 0),
      ],
      12,
    ],
  ];

  test.each(layouts)(
    '%s: SIGKILL at random instants, then a rerun that continues',
    async (_, files, kills) => {
      const hub = await HubDouble.start({ name: REPO, files });
      const dir = temporaryFolder();
      const args = fetchArgs(hub, ['--dir', dir], `--workers=${WORKERS}`);
      const total = files.reduce((sum, file) => sum + file.content.length, 0);
      let killed = 0;
      for (; killed < kills; killed++) {
        // A line so slow that the kills are spread over the whole download.
        hub.faults.splice(
          0,
          hub.faults.length,
          { trickle: MIB, times: Infinity },
          { at: 'hub', match: /resolve-cache/, trickle: 100, times: Infinity },
        );
        const { child, ended } = start(args);
        const before = hub.requests.length;
        while (hub.requests.length === before && child.exitCode === null) {
          await sleep(10); // the interpreter begins, and what is there is hashed
        }
        await sleep(Math.random() * 500);
        child.kill('SIGKILL');
        if ((await ended).signal === null) {
          break; // it was complete before
        }
        expect(markerOf(dir)).toBeUndefined();
        for (const file of files) {
          const final = path.join(dir, file.path);
          if (fs.existsSync(final)) {
            expect(sha256(fs.readFileSync(final))).toBe(sha256(file.content));
          }
        }
      }
      hub.faults.length = 0;
      const outcome = await run(args);
      expect(outcome.code).toBe(0);
      expectComplete(dir, files);
      expect(killed).toBeGreaterThan(kills / 2);
      // A kill loses what was in the buffers, and nothing else.
      expect(hub.sent).toBeLessThanOrEqual(total + killed * WORKERS * MIB);
      expect(outcome.result.fetched).toBeLessThan(total);
      await hub.stop();
    },
    60_000,
  );

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
