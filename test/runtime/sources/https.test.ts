import * as fs from 'node:fs';
import * as path from 'node:path';
import { httpsFilesSource } from '../../../src/artifact/sources/https';
import { sha256 } from '../../doubles/hub';
import { WebDouble } from '../../doubles/web';
import type { ServedFile } from '../../doubles/web';
import type { LoopbackFault } from '../../doubles/loopback';
import {
  MIB,
  bytes,
  expectComplete,
  filesOf,
  large,
  markerOf,
  removeTemporaryFolders,
  run,
  temporaryFolder,
} from '../artifact/program';
import { argsOf, webArgs } from './web-stand';

const CONTENT = bytes(5 * MIB + 321);
const MODEL = { path: 'model.gguf', content: CONTENT };

const CREDENTIAL = { header: 'authorization', value: 'Bearer right' };
const FILES: { [path: string]: ServedFile } = {
  '/model.gguf': { content: CONTENT },
  '/elsewhere/model.gguf': { content: CONTENT, elsewhere: true },
  '/no-ranges/model.gguf': { content: CONTENT, ignoreRange: true },
  '/no-length/model.gguf': { content: CONTENT, withoutLength: true },
  '/empty/model.gguf': { content: Buffer.alloc(0) },
  '/private/model.gguf': { content: CONTENT, credential: CREDENTIAL },
  '/private/elsewhere.gguf': { content: CONTENT, credential: CREDENTIAL, elsewhere: true },
  '/own-header/model.gguf': { content: CONTENT, credential: { header: 'private-token', value: 'right' } },
  '/login/model.gguf': { content: CONTENT, credential: CREDENTIAL, refusal: 'login page' },
  '/gzip/model.gguf': { content: CONTENT, headers: { 'Content-Encoding': 'gzip' } },
  '/page.html': { content: Buffer.from('<!doctype html><p>a page') },
  '/tokenizer.json': { content: Buffer.from('{"a": 1}') },
};

describe('files of a web server', () => {
  let web: WebDouble;
  let dir: string;
  beforeAll(async () => {
    web = await WebDouble.start(FILES);
  });
  beforeEach(() => {
    web.forget();
    dir = temporaryFolder();
  });
  afterAll(async () => {
    await web.stop();
    removeTemporaryFolders();
  });

  const fetch = (file: string, ...more: string[]) =>
    webArgs('https', web.url(file), sha256(FILES[file]?.content ?? CONTENT), dir, ...more);

  test.each([
    ['in ranges, each byte once', '/model.gguf', true],
    ['from another server, to which the first leads', '/elsewhere/model.gguf', true],
    ['as one stream, where the server knows no ranges', '/no-ranges/model.gguf', false],
    ['read twice, where the server does not even tell the size', '/no-length/model.gguf', false],
    ['of no bytes', '/empty/model.gguf', true],
    ['that is a web page, where one was asked for', '/page.html', true],
  ])('a file %s', async (_, file, inRanges) => {
    const outcome = await run(fetch(file));
    expect(outcome.log).toContain('complete: 1 files');
    expect(outcome.code).toBe(0);
    expectComplete(dir, [{ path: path.basename(file), content: FILES[file].content }]);
    expect(markerOf(dir)).toMatchObject({
      licence: null,
      parents: [],
      source: {
        type: 'https',
        files: [{ url: web.url(file), sha256: sha256(FILES[file].content), path: path.basename(file) }],
      },
    });
    expect(outcome.result.fetched).toBe(FILES[file].content.length);
    if (inRanges) expect(web.sent).toBeLessThanOrEqual(FILES[file].content.length + 1024);

    web.forget();
    expect((await run(fetch(file))).log).toContain('is complete already');
    expect(web.requests).toHaveLength(0);
  });

  test('several files, under the paths that are asked for', async () => {
    const outcome = await run([
      ...fetch('/model.gguf', '--path=weights/model.gguf'),
      `--url=${web.url('/tokenizer.json')}`,
      `--sha256=${sha256(FILES['/tokenizer.json'].content)}`,
      '--path=tokenizer.json',
    ]);
    expect(outcome.code).toBe(0);
    expectComplete(dir, [
      { path: 'weights/model.gguf', content: CONTENT },
      { path: 'tokenizer.json', content: FILES['/tokenizer.json'].content },
    ]);
  });

  test('as the Job of a ModelCache asks for it', async () => {
    const files = ['/tokenizer.json', '/private/model.gguf'].map((file) => ({
      url: web.url(file),
      sha256: sha256(FILES[file].content),
    }));
    const spec = httpsFilesSource({ files, plainHttp: true });
    const outcome = await run(argsOf(spec, dir), { env: { SOURCE_TOKEN: 'right' } });
    expect(outcome.code).toBe(0);
    expectComplete(dir, [MODEL, { path: 'tokenizer.json', content: FILES['/tokenizer.json'].content }]);
  });

  test('a query is sent, and told to nobody', async () => {
    const outcome = await run(
      webArgs('https', `${web.url('/model.gguf')}?download=confidential`, sha256(CONTENT), dir),
    );
    expect(outcome.code).toBe(0);
    expect(web.requests[0].url).toBe('/model.gguf?download=confidential');
    expect(outcome.log + JSON.stringify(markerOf(dir))).not.toContain('confidential');
  });

  describe('a token', () => {
    const env = { SOURCE_TOKEN: 'right\n' };

    test('is sent to the server of the file', async () => {
      expect((await run(fetch('/private/model.gguf'), { env })).code).toBe(0);
      expectComplete(dir, [MODEL]);
    });

    test('in the header that the server wants', async () => {
      const outcome = await run(fetch('/own-header/model.gguf', '--token-header=PRIVATE-TOKEN'), { env });
      expect(outcome.code).toBe(0);
    });

    test('is never sent to another server', async () => {
      const outcome = await run(fetch('/private/elsewhere.gguf'), { env });
      expect(outcome.code).toBe(0);
      expectComplete(dir, [{ path: 'elsewhere.gguf', content: CONTENT }]);
      const there = web.requests.filter(({ at }) => at === 'elsewhere');
      expect(there.length).toBeGreaterThan(0);
      expect(there.filter(({ headers }) => JSON.stringify(headers).includes('right'))).toEqual([]);
      expect(outcome.log).not.toContain('right');
    });

    test('for files of several servers is refused: nobody could say whose it is', async () => {
      const other = `http://localhost:${web.port('elsewhere')}/x`;
      const outcome = await run([...fetch('/model.gguf'), `--url=${other}`, `--sha256=${'0'.repeat(64)}`], {
        env,
      });
      expect(outcome.code).toBe(64);
      expect(outcome.result.error).toContain('whose token is it?');
      expect(web.requests).toHaveLength(0);
    });

    test.each([
      ['missing', {}, 'no token was set (tokenSecret, SOURCE_TOKEN)'],
      ['wrong', { SOURCE_TOKEN: 'wrong' }, 'the token was refused'],
    ])('that is %s ends the program at once', async (_, given, told) => {
      const outcome = await run(fetch('/private/model.gguf'), { env: given });
      expect(outcome.code).toBe(77);
      expect(outcome.result.error).toContain(told);
      expect(web.requests).toHaveLength(1);
    });
  });

  describe('what a server or a network does wrong', () => {
    const cured: [string, string, LoopbackFault[], number][] = [
      ['cuts', '/model.gguf', [{ cutAfter: 300_000, covers: 2 * MIB, times: 5 }], 0],
      ['resets', '/model.gguf', [{ cutAfter: 300_000, reset: true, covers: 2 * MIB, times: 3 }], 900_000],
      ['a cut of the only stream', '/no-ranges/model.gguf', [{ cutAfter: 2 * MIB, times: 2 }], 5 * MIB],
      [
        '429 with Retry-After',
        '/model.gguf',
        [{ status: 429, headers: { 'Retry-After': '1' }, times: 2 }],
        0,
      ],
      ['503, 500', '/model.gguf', [{ status: 503, times: 2 }, { status: 500 }], 0],
      ['a stall', '/model.gguf', [{ stallAfter: 1000, covers: 3 * MIB }], 1000],
      ['a flipped byte', '/model.gguf', [{ flip: 3 * MIB, covers: 3 * MIB }], CONTENT.length],
      ['a flipped byte without a length', '/no-length/model.gguf', [{ flip: 3 * MIB }], 2 * CONTENT.length],
      ['refusals of a signed link', '/elsewhere/model.gguf', [{ at: 'elsewhere', status: 403, times: 3 }], 0],
    ];
    test.each(cured)('is cured: %s', async (_, file, faults, more) => {
      web.faults.push(...faults);
      const outcome = await run(fetch(file, '--stall-seconds=1'));
      expect(outcome.code).toBe(0);
      expectComplete(dir, [MODEL]);
      const once = file.includes('no-length') ? 2 : 1;
      expect(outcome.result.fetched).toBeLessThanOrEqual(once * CONTENT.length + more);
    });

    test('a signed link that expires after each use is asked for anew', async () => {
      web.links.uses = 1;
      expect((await run(fetch('/elsewhere/model.gguf'))).code).toBe(0);
      expectComplete(dir, [MODEL]);
    });

    const endless = Infinity;
    const ends: [string, string, LoopbackFault[], number, string][] = [
      [
        'a checksum that is wrong twice',
        '/model.gguf',
        [{ flip: 9, covers: 9, times: endless }],
        65,
        'wrong twice',
      ],
      [
        'the same without a length',
        '/no-length/model.gguf',
        [{ flip: 9, times: endless }],
        65,
        'wrong twice',
      ],
      ['no such file', '/none.gguf', [], 66, 'is the address right'],
      [
        'a file that is gone at the other server',
        '/elsewhere/model.gguf',
        [{ at: 'elsewhere', status: 404, times: endless }],
        66,
        'to which it leads',
      ],
      [
        'a login page in place of the file',
        '/login/model.gguf',
        [],
        77,
        "a web page ('Please log in') instead",
      ],
      ['an encoding that nobody asked for', '/gzip/model.gguf', [], 64, 'sends it as gzip'],
      ['a server that is down', '/model.gguf', [{ status: 503, times: endless }], 75, 'HTTP 503'],
      ['a method that is not allowed', '/model.gguf', [{ status: 405, times: endless }], 64, 'HTTP 405'],
      [
        'a wait of hours',
        '/model.gguf',
        [{ status: 429, headers: { 'Retry-After': '7200' } }],
        75,
        'asks to wait 7200 s',
      ],
    ];
    test.each(ends)('ends it: %s', async (_, file, faults, code, told) => {
      web.faults.push(...faults);
      const outcome = await run(fetch(file, '--attempts=2'));
      expect(outcome.code).toBe(code);
      expect(outcome.result.error).toContain(told);
      expect(markerOf(dir)).toBeUndefined();
    });

    test('a disk that is full ends it, and says so', async () => {
      const outcome = await run(fetch('/model.gguf'), { wrap: ['prlimit', `--fsize=${2 * MIB}`] });
      expect(outcome.code).toBe(73);
      expect(markerOf(dir)).toBeUndefined();
    });

    test.each([
      ['no sha256', (args: string[]) => args.filter((arg) => !arg.startsWith('--sha256'))],
      ['fewer paths than files', (args: string[]) => [...args, '--path=a', '--path=b']],
      ['a path out of the folder', (args: string[]) => [...args, '--path=../a']],
      ['the path of the marker', (args: string[]) => [...args, '--path=.artifact.json']],
      ['another protocol', (args: string[]) => [...args, '--url=ftp://127.0.0.1/a']],
      ['a user in the address', (args: string[]) => [...args, '--url=http://u:p@127.0.0.1/a']],
    ])('is refused: %s', async (_, change) => {
      const outcome = await run(change(fetch('/model.gguf')));
      expect(outcome.code).toBe(64);
      expect(filesOf(dir).filter((file) => !file.startsWith('.artifact.parts'))).toEqual([]);
    });
  });

  test('a run that was killed is gone on with, at the byte', async () => {
    web.faults.push({ status: 503, covers: 3 * MIB, times: 100 });
    expect((await run(fetch('/model.gguf', '--attempts=1', '--workers=1'))).code).toBe(75);
    web.forget();
    const outcome = await run(fetch('/model.gguf', '--workers=1'));
    expect(outcome.code).toBe(0);
    expect(outcome.result.fetched).toBe(CONTENT.length - 3 * MIB);
    expectComplete(
      dir,
      [large('model.gguf', CONTENT.length)].map((file) => ({ ...file, content: CONTENT })),
    );
    expect(fs.existsSync(path.join(dir, '.artifact.parts'))).toBe(false);
  });
});
