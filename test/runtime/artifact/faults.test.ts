import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Fault } from '../../doubles/hub';
import {
  MIB,
  REPO,
  expectComplete,
  fetchArgs,
  filesOf,
  large,
  markerOf,
  run,
  small,
  temporaryFolder,
  hubForTests,
} from './program';

const MODEL = large('model.safetensors', 6 * MIB + 4321);
const FILES = [MODEL, large('second.safetensors', 2 * MIB), small('config.json', '{"a": 1}'.repeat(500))];
const TOTAL = FILES.reduce((sum, file) => sum + file.content.length, 0);

describe('a hub or a network that fails', () => {
  const hub = hubForTests({ name: REPO, files: FILES });
  /** [what happens, how it is provoked, how many bytes more than the model's may be fetched] */
  const cured: [string, Fault[], number][] = [
    ['a connection that is cut in the middle of a range', [{ cutAfter: 700_001, times: 3 }], 0],
    // A reset may destroy what has arrived and was not read.
    [
      'a connection that is reset in the middle of a range',
      [{ cutAfter: 700_001, reset: true, times: 3 }],
      3 * 700_001,
    ],
    ['many cuts, each after some progress', [{ cutAfter: 200_000, times: 25 }], 0],
    [
      'a small file that is cut, by a server that ignores ranges',
      [
        { at: 'hub', match: /resolve-cache/, cutAfter: 100, ignoreRange: true },
        { at: 'hub', match: /resolve-cache/, ignoreRange: true },
      ],
      0,
    ],
    ['a small file that is cut', [{ at: 'hub', match: /resolve-cache/, cutAfter: 100 }], 0],
    ['429 with Retry-After from the CDN', [{ status: 429, headers: { 'Retry-After': '1' }, times: 2 }], 0],
    [
      '429 with Retry-After from the listing',
      [{ at: 'hub', match: /tree/, status: 429, headers: { 'Retry-After': '1' } }],
      0,
    ],
    [
      '429 with the limit that the Hub tells in its own header',
      [{ at: 'hub', match: /resolve/, status: 429, headers: { RateLimit: '"resolvers";r=0;t=1' } }],
      0,
    ],
    [
      '500 and 503 from the CDN',
      [
        { status: 500, times: 2 },
        { status: 503, times: 2 },
      ],
      0,
    ],
    [
      '500 and 503 from the listing',
      [
        { at: 'hub', match: /revision/, status: 500 },
        { at: 'hub', match: /tree/, status: 503 },
      ],
      0,
    ],
    ['a flipped byte', [{ flip: 4 * MIB + 5, covers: 4 * MIB + 5, match: /model/ }], MODEL.content.length],
    ['a flipped byte in a small file', [{ at: 'hub', match: /resolve-cache/, flip: 7 }], 5000],
    ['a wrong length, once', [{ longer: 10, times: 2 }], 0],
    ['a range that is ignored', [{ ignoreRange: true, match: /model/, times: 100 }], 0],
    [
      'a range that is ignored now and then',
      [{ ignoreRange: true, match: /model/, times: 2 }],
      MODEL.content.length,
    ],
    [
      'ranges that are ignored, and cuts',
      [
        { ignoreRange: true, cutAfter: 3 * MIB, match: /model/ },
        { ignoreRange: true, match: /model/, times: 100 },
      ],
      MODEL.content.length,
    ],
    ['a signed link that is forbidden', [{ status: 403, times: 2 }], 0],
  ];

  test.each(cured)('%s: complete and verified in one run', async (_, faults, extra) => {
    hub.faults.push(...faults.map((fault) => ({ ...fault })));
    const dir = temporaryFolder();
    const outcome = await run(fetchArgs(hub, ['--dir', dir], '--stall-seconds=5'));
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(outcome.result.fetched).toBeLessThanOrEqual(TOTAL + extra);
  });

  test('Retry-After is waited for', async () => {
    hub.faults.push({ at: 'hub', match: /tree/, status: 503, headers: { 'Retry-After': '3' } });
    const outcome = await run(fetchArgs(hub, ['--dir', temporaryFolder()]));
    expect(outcome.code).toBe(0);
    expect(outcome.milliseconds).toBeGreaterThan(3000);
    expect(outcome.log).toMatch(/HTTP 503 .*; again in 3\.\d s/);
  });

  test('Retry-After of hours ends this run', async () => {
    hub.faults.push({ at: 'hub', match: /tree/, status: 429, headers: { 'Retry-After': '7200' } });
    const outcome = await run(fetchArgs(hub, ['--dir', temporaryFolder()]));
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toContain('asks to wait 7200 s');
  });

  test('a link that expires after three ranges is asked for anew', async () => {
    hub.linkUses = 3;
    const dir = temporaryFolder();
    expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
    expectComplete(dir, FILES);
    expect(hub.count('hub', /resolve\/.*model/)).toBeGreaterThan(1);
  });

  test('a stall is given up, and the rest is asked for', async () => {
    hub.faults.push({ stallAfter: 300_000, times: 2 });
    const dir = temporaryFolder();
    const outcome = await run(fetchArgs(hub, ['--dir', dir], '--stall-seconds=1'));
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
  });

  test('a server that stalls for ever ends the run as transient', async () => {
    hub.faults.push({ stallAfter: 0, times: 1000 });
    const outcome = await run(
      fetchArgs(hub, ['--dir', temporaryFolder()], '--stall-seconds=1', '--attempts=2'),
    );
    expect(outcome.code).toBe(75);
    expect(outcome.result).toMatchObject({ code: 75, retryable: true });
    expect(outcome.result.error).toContain('no byte for 1 s');
  });

  test('a slow line is not a stall', async () => {
    // Both large files take several times --stall-seconds.
    hub.faults.push({ trickle: 90_000, times: 9 });
    const dir = temporaryFolder();
    const outcome = await run(fetchArgs(hub, ['--dir', dir], '--stall-seconds=1', '--progress-seconds=1'));
    expect(outcome.code).toBe(0);
    expect(outcome.log).toMatch(
      /\d\d\.\d%, \d\.\d MiB of 8\.0 MiB, \d+\.\d MiB\/s, 00h00m\d\ds left, 0 interruptions/,
    );
    expect(outcome.milliseconds).toBeGreaterThan(2000);
    expect(outcome.log).not.toContain('again in');
    expectComplete(dir, FILES);
  });

  test('errors without end are transient, and what came is kept', async () => {
    hub.faults.push({ status: 503, times: 1000, match: /second/ });
    const dir = temporaryFolder();
    const outcome = await run(fetchArgs(hub, ['--dir', dir], '--attempts=3', '--workers=1'));
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toMatch(/second\.safetensors: HTTP 503/);
    expect(markerOf(dir)).toBeUndefined();
    hub.forget();
    const again = await run(fetchArgs(hub, ['--dir', dir]));
    expect(again.code).toBe(0);
    expect(again.result.fetched).toBeLessThan(TOTAL - MODEL.content.length + 1);
    expectComplete(dir, FILES);
  });

  test.each([
    [
      'large',
      { flip: 4 * MIB + 5, covers: 4 * MIB + 5, match: /model/, times: 100 },
      /model\.safetensors: the checksum is wrong twice/,
    ],
    [
      'small',
      { at: 'hub', match: /resolve-cache/, flip: 7, times: 100 },
      /config\.json: the checksum is wrong twice/,
    ],
  ] as [string, Fault, RegExp][])(
    'a %s file that is wrong twice: 65, and never a marker',
    async (_, fault, message) => {
      hub.faults.push(fault);
      const dir = temporaryFolder();
      const outcome = await run(fetchArgs(hub, ['--dir', dir]));
      expect(outcome.code).toBe(65);
      expect(outcome.result.error).toMatch(message);
      expect(outcome.result.retryable).toBe(false);
      expect(filesOf(dir)).not.toContain('.artifact.json');
      expect(filesOf(dir)).not.toContain(fault.at ? 'config.json' : 'model.safetensors');
    },
  );

  test('a length that stays wrong: 65', async () => {
    hub.faults.push({ longer: 10, times: 100, match: /second/ });
    const outcome = await run(fetchArgs(hub, ['--dir', temporaryFolder()], '--attempts=2'));
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(/second\.safetensors: wrong Content-Range/);
  });

  test('a commit that changes under way: 65', async () => {
    hub.faults.push({ at: 'hub', match: /resolve\//, moved: true, times: 100 });
    const outcome = await run(fetchArgs(hub, ['--dir', temporaryFolder()]));
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(/asked for commit a{40}, the Hub serves b{40}/);
  });

  test('the end of a file that a crash spoilt is fetched again', async () => {
    const dir = temporaryFolder();
    hub.faults.push({ status: 503, times: 1000, covers: 5 * MIB });
    expect((await run(fetchArgs(hub, ['--dir', dir], '--attempts=1', '--include=model*'))).code).toBe(75);
    const [part] = filesOf(dir).filter((file) => file.endsWith('.part'));
    fs.appendFileSync(path.join(dir, part), Buffer.alloc(100_000, 'rubbish'));
    hub.forget();
    expect((await run(fetchArgs(hub, ['--dir', dir], '--include=model*'))).code).toBe(0);
    expectComplete(dir, [MODEL]);
  });

  test('joined parts: only the part that was wrong is fetched again', async () => {
    hub.faults.push({ flip: 1000, covers: 1000, match: /second/ });
    const dir = temporaryFolder();
    const outcome = await run(
      fetchArgs(hub, ['--dir', dir], '--join=all.bin=model.safetensors,second.safetensors,model.safetensors'),
    );
    expect(outcome.code).toBe(0);
    const joined = Buffer.concat([MODEL.content, FILES[1].content, MODEL.content]);
    expectComplete(dir, [{ path: 'all.bin', content: joined }, FILES[2]]);
    // The wrong part, and the ranges after it that four workers held.
    expect(outcome.result.fetched).toBeLessThan(joined.length + 5000 + FILES[1].content.length + 4 * MIB);
  });
});
