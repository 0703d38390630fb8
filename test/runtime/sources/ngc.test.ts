import * as fs from 'node:fs';
import * as path from 'node:path';
import { ngcSource } from '../../../src/artifact/sources/ngc';
import { sha256 } from '../../doubles/hub';
import type { LoopbackFault } from '../../doubles/loopback';
import { LEGACY_KEY, NgcDouble, PERSONAL_KEY } from '../../doubles/ngc';
import {
  MIB,
  bytes,
  expectComplete,
  filesOf,
  markerOf,
  removeTemporaryFolders,
  run,
  sleep,
  start,
  temporaryFolder,
} from '../artifact/program';
import { argsOf } from './web-stand';

const FILES = [
  { path: 'weights/model one.safetensors', content: bytes(4 * MIB + 55) },
  { path: 'config.json', content: Buffer.from('{"a": 1}') },
  { path: 'empty', content: Buffer.alloc(0) },
];
const [WEIGHTS] = FILES;
const TOTAL = FILES.reduce((sum, { content }) => sum + content.length, 0);
const env = { NGC_API_KEY: `${PERSONAL_KEY}\n` };

describe('a model in NGC', () => {
  let ngc: NgcDouble;
  let dir: string;
  beforeAll(async () => {
    ngc = await NgcDouble.start(
      { model: 'org/team/model', version: '1.0', files: FILES },
      { model: 'org/model', version: '1.0', files: FILES },
      { model: 'org/team/public', version: '1.0', files: FILES, guarded: false },
      { model: 'org/team/old', version: '1.0', files: FILES, hashed: false },
      { model: 'nim/team/model', version: 'hf-8c22764', files: FILES, listed: false },
      { model: 'org/team/model', version: '2.0', files: FILES, status: 'UPLOAD_PENDING' },
      { model: 'org/team/model', version: '3.0', files: [] },
      { model: 'org/team/evil', version: '1.0', files: [{ path: '../evil', content: bytes(9) }] },
    );
  });
  beforeEach(() => {
    ngc.forget();
    dir = temporaryFolder();
  });
  afterAll(async () => {
    await ngc.stop();
    removeTemporaryFolders();
  });

  const fetch = (model = 'org/team/model', version = '1.0', ...more: string[]): string[] => [
    'fetch.py',
    'ngc',
    `--endpoint=${ngc.endpoint}`,
    `--token-endpoint=${ngc.tokenEndpoint}`,
    `--model=${model}`,
    `--version=${version}`,
    '--key=k1',
    `--dir=${dir}`,
    '--workers=4',
    '--chunk-mib=1',
    ...more,
  ];

  test.each([
    ['of a team, by a personal key', 'org/team/model', env],
    ['of an organization', 'org/model', env],
    ['by a key of the older kind', 'org/team/model', { NGC_API_KEY: LEGACY_KEY }],
    ['that is public, without a key', 'org/team/public', {}],
    ['of which no checksum is told', 'org/team/old', env],
  ])('%s', async (_, model, given) => {
    const outcome = await run(fetch(model), { env: given });
    expect(outcome.log).toContain('complete: 3 files');
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(markerOf(dir)).toMatchObject({
      licence: 'nvidia-open-model',
      source: { type: 'ngc', model, version: '1.0' },
    });
    expect(outcome.result.fetched).toBe(TOTAL);
    expect(outcome.log.includes('sizes alone are checked')).toBe(model === 'org/team/old');
    // The key and its token stay with NGC, and out of the log.
    const elsewhere = ngc.requests.filter(({ at }) => at === 'storage');
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(elsewhere.filter(({ headers }) => headers.authorization)).toEqual([]);
    expect(outcome.log).not.toMatch(new RegExp(`${PERSONAL_KEY}|${LEGACY_KEY}|token0`));

    ngc.forget();
    expect((await run(fetch(model), { env: given })).log).toContain('is complete already');
    expect(ngc.requests).toHaveLength(0);
  });

  test('that cannot be listed: the files that its list of checksums names', async () => {
    const outcome = await run(fetch('nim/team/model', 'hf-8c22764', '--exclude=*.blake3'), { env });
    expect(outcome.log).toContain('Org context missing');
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
  });

  test.each([0, 1])('in pages, of which the first is number %d', async (firstPage) => {
    Object.assign(ngc, { pageSize: 1, firstPage });
    expect((await run(fetch(), { env })).code).toBe(0);
    expectComplete(dir, FILES);
  });

  test('pinned by checksums: these files alone', async () => {
    const pin = `--file=${sha256(WEIGHTS.content)}:${WEIGHTS.path}`;
    expect((await run(fetch('org/team/old', '1.0', pin), { env })).code).toBe(0);
    expectComplete(dir, [WEIGHTS]);
  });

  test('as the Job of a ModelCache asks for it', async () => {
    const spec = ngcSource('org/team/old', {
      version: '1.0',
      files: { 'config.json': sha256(FILES[1].content) },
      endpoint: ngc.endpoint,
      tokenEndpoint: ngc.tokenEndpoint,
    });
    expect((await run(argsOf(spec, dir), { env: { NGC_API_KEY: LEGACY_KEY } })).code).toBe(0);
    expectComplete(dir, [FILES[1]]);
  });

  test('the files that patterns take', async () => {
    expect((await run(fetch('org/team/model', '1.0', '--include=*.json'), { env })).code).toBe(0);
    expectComplete(dir, [FILES[1]]);
  });

  test('a token that expires is asked for anew', async () => {
    ngc.tokenUses = 4;
    ngc.links.uses = 1;
    const outcome = await run(fetch(), { env: { NGC_API_KEY: LEGACY_KEY } });
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(ngc.count('authn')).toBeGreaterThan(1);
  });

  const endless = Infinity;
  const cured: [string, LoopbackFault[], number][] = [
    ['cuts', [{ at: 'storage', cutAfter: 300_000, covers: 2 * MIB, times: 4 }], 0],
    ['a reset', [{ at: 'storage', cutAfter: 300_000, reset: true, covers: 2 * MIB }], 300_000],
    ['a flipped byte', [{ at: 'storage', flip: 2 * MIB, covers: 2 * MIB, match: /model/ }], TOTAL],
    [
      '503 and 429 of the listing',
      [
        { at: 'api', status: 503 },
        { at: 'api', status: 429, headers: { 'Retry-After': '1' } },
      ],
      0,
    ],
    ['503 of the token service', [{ at: 'authn', status: 503 }], 0],
    ['a signed link that is refused', [{ at: 'storage', status: 403, times: 2 }], 0],
    ['a stall', [{ at: 'storage', stallAfter: 1000, covers: 2 * MIB, match: /model/ }], 1000],
  ];
  test.each(cured)('%s: cured', async (_, faults, more) => {
    ngc.faults.push(...faults);
    const outcome = await run(fetch(undefined, undefined, '--stall-seconds=1'), {
      env: { NGC_API_KEY: LEGACY_KEY },
    });
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(outcome.result.fetched).toBeLessThanOrEqual(TOTAL + more);
  });

  const zeros = '0'.repeat(64);
  const ends: [string, string[], Record<string, string>, LoopbackFault[], number, string][] = [
    ['a wrong key', [], { NGC_API_KEY: 'nvapi-wrong' }, [], 77, 'the key was sent'],
    ['a wrong key of the older kind', [], { NGC_API_KEY: 'wrong' }, [], 77, 'was refused by'],
    ['no key', [], {}, [], 77, 'no key was set'],
    ['no such model', ['org/team/none'], env, [], 66, 'no such model or version'],
    ['no such version', ['org/team/model', '9.9'], env, [], 66, 'no such model or version'],
    ['a version whose upload is not complete', ['org/team/model', '2.0'], env, [], 66, 'UPLOAD_PENDING'],
    ['a version without files', ['org/team/model', '3.0'], env, [], 66, 'has no files'],
    [
      'a file that is pinned and not there',
      ['org/team/model', '1.0', `--file=${zeros}:none`],
      env,
      [],
      66,
      'has no none; it has: config.json',
    ],
    [
      'a pattern that nothing matches',
      ['org/team/model', '1.0', '--include=*.gguf'],
      env,
      [],
      66,
      'no file matches',
    ],
    [
      'a checksum that is not that of NGC',
      ['org/team/model', '1.0', `--file=${zeros}:config.json`],
      env,
      [],
      65,
      'removed and made anew',
    ],
    [
      'a checksum that is not that of the bytes',
      ['org/team/old', '1.0', `--file=${zeros}:config.json`],
      env,
      [],
      65,
      'wrong twice',
    ],
    ['a path out of the folder', ['org/team/evil'], env, [], 64, "unsafe path: '../evil'"],
    ['NGC that is down', [], env, [{ at: 'api', status: 503, times: endless }], 75, 'HTTP 503'],
    ['storage that is down', [], env, [{ at: 'storage', status: 500, times: endless }], 75, 'HTTP 500'],
  ];
  test.each(ends)('%s: ends the program', async (_, args, given, faults, code, told) => {
    ngc.faults.push(...faults);
    const [model, version, ...more] = args;
    const outcome = await run(fetch(model, version, '--attempts=2', ...more), { env: given });
    expect(outcome.result.error).toContain(told);
    expect(outcome.code).toBe(code);
    expect(markerOf(dir)).toBeUndefined();
  });

  test('a disk that is full ends the program', async () => {
    const outcome = await run(fetch(), { env, wrap: ['prlimit', `--fsize=${2 * MIB}`] });
    expect(outcome.code).toBe(73);
    expect(markerOf(dir)).toBeUndefined();
  });

  test('killed at random instants, it never leaves a marker over a half, and fetches little again', async () => {
    let killed = 0;
    for (; killed < 8; killed++) {
      ngc.faults.splice(0, ngc.faults.length, { at: 'storage', trickle: MIB / 4, times: endless });
      const { child, ended } = start(fetch(), { env });
      const before = ngc.requests.length;
      while (ngc.requests.length === before && child.exitCode === null) await sleep(10);
      await sleep(Math.random() * 500);
      child.kill('SIGKILL');
      if ((await ended).signal === null) break;
      expect(markerOf(dir)).toBeUndefined();
      for (const { path: name, content } of FILES) {
        const final = path.join(dir, name);
        if (fs.existsSync(final)) expect(sha256(fs.readFileSync(final))).toBe(sha256(content));
      }
    }
    ngc.faults.length = 0;
    expect((await run(fetch(), { env })).code).toBe(0);
    expectComplete(dir, FILES);
    expect(ngc.sent).toBeLessThanOrEqual(TOTAL + killed * 4 * MIB);
    expect(filesOf(dir)).toHaveLength(FILES.length + 1);
  }, 60_000);
});
