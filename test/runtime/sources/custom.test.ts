import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { customSource } from '../../../src/artifact/sources/custom';
import type { CustomSourceProps } from '../../../src/artifact/sources/custom';
import type { DownloaderFetch } from '../../../src/artifact/sources/downloader';
import { sha256 } from '../../doubles/hub';
import { findBusybox } from '../../doubles/rclone';
import {
  expectComplete,
  filesOf,
  markerOf,
  PYTHON,
  removeTemporaryFolders,
  small,
  temporaryFolder,
} from '../artifact/program';
import { KEY, PodStand } from './pod-stand';
import type { PodOptions } from './pod-stand';

const FILES = [small('config.json', '{"a": 1}'), small('weights/model.bin', 'bytes of a model')];
const PINS = Object.fromEntries(FILES.map(({ path: name, content }) => [name, sha256(content)]));

/** Writes FILES as any tool would: one after the other, in its folder. */
const WRITE =
  'mkdir -p "$MODEL_DIR/weights"; printf %s \'{"a": 1}\' >"$MODEL_DIR/config.json"; ' +
  'printf %s \'bytes of a model\' >"$MODEL_DIR/weights/model.bin"';

/** Scripts of the tests' own stand for programs of an image. */
function source(script: string, more: Partial<CustomSourceProps> = { unpinned: true }) {
  return customSource({ image: 'tool:1', command: ['sh', '-c', script], ...more });
}

function pod(script: string, more?: Partial<CustomSourceProps>, options?: PodOptions): PodStand {
  return new PodStand(source(script, more), options);
}

afterAll(removeTemporaryFolders);

describe("a downloader of one's own", () => {
  test.each([
    ['by its files', { files: PINS }],
    ['by a version', { version: '7' }],
    ['by nothing', { unpinned: true }],
  ])('fills its folder; proven %s, the files are the artifact', async (_, pins) => {
    const stand = pod(WRITE, pins);
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, FILES, KEY);
  });

  test('proven by a manifest, which is one of the files', async () => {
    const list = FILES.map(({ path: name, content }) => `${sha256(content)}  ./${name}\n`).join('');
    const manifest = { path: 'SHA256SUMS', sha256: sha256(Buffer.from(list)) };
    const write = `${WRITE}; printf '${list.replaceAll('\n', '\\n')}' >"$MODEL_DIR/SHA256SUMS"`;
    const stand = pod(write, { manifest });
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, [...FILES, small('SHA256SUMS', list)], KEY);
    expect(markerOf(stand.dir)).toMatchObject({
      source: {
        type: 'custom',
        image: 'tool:1',
        manifest: 'SHA256SUMS',
        manifestSha256: manifest.sha256,
        pinned: true,
      },
    });

    const other = pod(write.replace('{"a": 1}', '{"a": 2}'), { manifest });
    const outcome = await other.outcome();
    expect(outcome.result).toMatchObject({
      code: 75,
      error: expect.stringContaining('config.json') as string,
    });
    expect(markerOf(other.dir)).toBeUndefined();
  });

  test('finds what the contract says in its environment, and nothing of ours in its folder', async () => {
    const stand = pod(
      'ls -A "$MODEL_DIR" | wc -l; env; touch "$MODEL_DIR/file"; touch "$HOME/a" "$TMPDIR/b"',
      {
        unpinned: true,
        env: { WHERE: '$(MODEL_DIR)/x' },
      },
    );
    const { log } = await stand.start('download').ended;
    expect(log).toMatch(/^0$/m);
    expect(log).toContain(`MODEL_KEY=${KEY}`);
    const folder = /^MODEL_DIR=(.*)$/m.exec(log)?.[1] ?? '';
    expect(folder.startsWith(stand.dir)).toBe(true);
    expect(log).toContain(`WHERE=${folder}/x`);
    expect(filesOf(stand.folder('own')).sort()).toEqual(['a', 'b']);
  });

  test('its arguments are passed as they stand, with no shell between', async () => {
    const odd = ['a b', '$HOME', '`id`', '"\'', '*', '; exit 3', '\n', ''];
    const stand = new PodStand(
      customSource({
        image: 'tool:1',
        command: [
          PYTHON,
          '-c',
          'import sys,os; open(os.environ["MODEL_DIR"]+"/args","w").write(repr(sys.argv[1:]))',
        ],
        args: odd,
        unpinned: true,
      }),
    );
    expect((await stand.outcome()).code).toBe(0);
    const seen = fs.readFileSync(path.join(stand.dir, 'args'), 'utf8');
    expect(JSON.parse((await python(`import json;print(json.dumps(${seen}))`)).trim())).toEqual(odd);
  });

  test('is not run again when the artifact is complete', async () => {
    const models = temporaryFolder();
    const first = pod(WRITE, { version: '1' }, { models });
    expect((await first.outcome()).code).toBe(0);
    const again = pod('touch "$HOME/ran"; exit 1', { version: '1', name: 'tool' }, { models });
    const outcomes = await again.run();
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expect(outcomes[0].log).toContain('is complete already; the downloader is not needed');
    expect(outcomes[1].log).toContain('is complete already: 2 files');
    expect(filesOf(again.folder('own'))).toEqual([]);
  });

  test('is run again when the artifact was damaged: the next run of the Job makes it whole', async () => {
    const stand = pod(WRITE, { version: '1' });
    await stand.run();
    fs.writeFileSync(path.join(stand.dir, 'config.json'), 'something else');
    const [skipped, damaged] = await stand.run();
    expect(skipped.log).toContain('not needed');
    expect(damaged.result).toMatchObject({
      code: 75,
      error: expect.stringContaining('was damaged') as string,
    });
    expect(markerOf(stand.dir)).toBeUndefined();
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, FILES, KEY);
  });

  test('a folder with another artifact is refused before anything is downloaded', async () => {
    const stand = pod(`${WRITE}; touch "$HOME/ran"`, { version: '1' });
    fs.mkdirSync(stand.dir);
    fs.writeFileSync(
      path.join(stand.dir, '.artifact.json'),
      '{\n "files": [],\n "key": "other",\n "source": {\n  "key": "' + KEY + '"\n }\n}\n',
    );
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(64);
    expect(outcome.log).toContain('holds another artifact than the one with key');
    expect(filesOf(stand.folder('own'))).toEqual([]);
  });
});

describe('a downloader that fails', () => {
  test.each([
    [1, {}, 1, 'ended with 1'],
    [64, {}, 64, 'ended with 64'],
    [65, {}, 65, 'ended with 65'],
    [66, {}, 66, 'ended with 66'],
    [73, {}, 73, 'ended with 73'],
    [75, {}, 75, 'ended with 75'],
    [77, {}, 77, 'ended with 77'],
    [3, { 3: 66, 13: 77 }, 66, 'ended with 3'],
    [13, { 3: 66, 13: 77 }, 77, 'ended with 13'],
    [33, { 3: 66, 13: 77 }, 33, 'ended with 33'],
    [64, { 64: 75 }, 75, 'ended with 64'],
    [126, {}, 64, 'is not in the image, or cannot be run'],
    [127, { 127: 75 }, 64, 'is not in the image, or cannot be run'],
  ])('exit code %i with %j becomes %i', async (code, exitCodes, expected, message) => {
    const stand = pod(`exit ${code}`, { unpinned: true, exitCodes });
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(expected);
    expect(outcome.log).toContain(message);
    expect(markerOf(stand.dir)).toBeUndefined();
  });

  test('a program that is not in the image: 64, and no retry', async () => {
    const stand = new PodStand(customSource({ image: 'tool:1', command: ['no-such-tool'], unpinned: true }));
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(64);
    expect(outcome.log).toContain('the command no-such-tool is not in the image');
  });

  test('killed -9, as by the kernel for want of memory: what it left is found by the next run', async () => {
    const stand = pod(
      'cat "$MODEL_DIR/config.json" 2>/dev/null; ' +
        `[ -e "$MODEL_DIR/config.json" ] && { ${WRITE}; exit 0; }; printf half >"$MODEL_DIR/config.json"; kill -9 $$$$`,
      { files: PINS },
    );
    const killed = await stand.outcome();
    expect(killed.code).toBe(137);
    expect(killed.log).toContain('was killed; does it need more memory?');
    expect(filesOf(stand.dir)).toEqual(['.artifact.parts/files/config.json', '.artifact.parts/lock']);
    const outcomes = await stand.run();
    expect(outcomes[0].log).toContain('half');
    expect(outcomes.at(-1)?.code).toBe(0);
    expectComplete(stand.dir, FILES, KEY);
  });

  test('stopped by SIGTERM: the downloader is told, what it left is kept, and the code says: again', async () => {
    const stand = pod(
      'trap "echo heard; exit 0" TERM; printf half >"$MODEL_DIR/config.json"; echo begun; while :; do sleep 0.1; done',
      { files: PINS },
    );
    const { child, ended } = stand.start('download');
    await new Promise<void>((done) =>
      child.stdout?.on('data', (text: Buffer) => text.includes('begun') && done()),
    );
    child.kill('SIGTERM');
    const outcome = await ended;
    expect(outcome.log).toContain('heard');
    // It ended well: whether it is whole is for the next container to say.
    expect(outcome.code).toBe(0);

    const deaf = pod('printf half >"$MODEL_DIR/config.json"; echo begun; exec sleep 60', { files: PINS });
    const second = deaf.start('download');
    await new Promise<void>((done) =>
      second.child.stdout?.on('data', (text: Buffer) => text.includes('begun') && done()),
    );
    second.child.kill('SIGTERM');
    const told = await second.ended;
    expect(told.code).toBe(75);
    expect(told.log).toContain('stopped by SIGTERM');
    expect(fs.existsSync(path.join(deaf.dir, '.artifact.parts/files/config.json'))).toBe(true);
  });

  test('half a file, though it ended well: dropped, and fetched anew once', async () => {
    const stand = pod(
      `${WRITE}; [ -e "$HOME/once" ] || { printf half >"$MODEL_DIR/config.json"; touch "$HOME/once"; }`,
      {
        files: PINS,
      },
    );
    const first = await stand.outcome();
    expect(first.result).toMatchObject({ code: 75, retryable: true });
    expect(first.result.error).toContain('with another sha256 than they must have: config.json');
    expect(filesOf(stand.dir)).not.toContain('.artifact.parts/files/config.json');
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, FILES, KEY);
  });

  test.each([
    ['wrong', `${WRITE}; printf wrong >"$MODEL_DIR/config.json"`, 65, 'with another sha256'],
    ['missing', `${WRITE}; rm "$MODEL_DIR/config.json"`, 66, 'missing: config.json'],
  ])('a file that is %s twice is final, until a person looks into it', async (_, script, code, message) => {
    const stand = pod(script, { files: PINS });
    expect((await stand.outcome()).code).toBe(75);
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(code);
    expect(outcome.result.error).toContain(message);
    expect(outcome.result.error).toContain('the downloader ended well twice');
    expect((await stand.outcome()).code).toBe(75);
    expect(markerOf(stand.dir)).toBeUndefined();
  });

  test.each([
    ['a link out', 'ln -s /etc/passwd "$MODEL_DIR/passwd"', 'passwd is a symbolic link'],
    ['a link within', 'ln -s config.json "$MODEL_DIR/other.json"', 'other.json is a symbolic link'],
    ['a folder that is a link', 'ln -s weights "$MODEL_DIR/other"', 'other is a symbolic link'],
    [
      'a hard link out',
      'touch "$HOME/own"; ln "$HOME/own" "$MODEL_DIR/own"',
      'own is a hard link to a file outside',
    ],
    ['a pipe', 'mkfifo "$MODEL_DIR/pipe"', 'pipe is no file but a device, pipe or socket'],
    ['a name that is not UTF-8', 'touch "$MODEL_DIR/$(printf \'a\\377\')"', 'is not UTF-8'],
    ['a backslash in a name', 'touch "$MODEL_DIR/a\\\\b"', 'unsafe path'],
  ])('%s is refused', async (_, script, message) => {
    const stand = pod(`${WRITE}; ${script}`);
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toContain(message);
    expect(markerOf(stand.dir)).toBeUndefined();
  });

  test('a marker of its own is none: it is left out', async () => {
    const stand = pod(`${WRITE}; echo '{"key": "${KEY}", "files": []}' >"$MODEL_DIR/.artifact.json"`);
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, FILES, KEY);
  });

  test('what is not pinned is left out and removed: logs, caches, links', async () => {
    const stand = pod(
      `${WRITE}; mkdir "$MODEL_DIR/.cache"; touch "$MODEL_DIR/.cache/log"; ln -s / "$MODEL_DIR/root"`,
      {
        files: PINS,
      },
    );
    expect((await stand.outcome()).code).toBe(0);
    expectComplete(stand.dir, FILES, KEY);
  });

  test.each([
    ['unpinned', { unpinned: true }, {}],
    ['pinned', { files: PINS }, {}],
    ['pinned by a list', { manifest: { path: 'SHA256SUMS', sha256: '0'.repeat(64) } }, {}],
    ['by way of a disk', { files: PINS }, { scratch: Size.gibibytes(1) }],
  ])('no file at all, %s: 66 at once, and the likeliest reason', async (_, pins, options) => {
    const outcome = await pod('true', pins, options).outcome();
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toMatch(
      /^MODEL_DIR \(.*\) is empty: .* wrote no file there; is it told to write to \$\(MODEL_DIR\)\?$/,
    );
  });

  test('files that only their owner may read are readable by all in the end, with the time of now', async () => {
    const stand = pod(`umask 077; ${WRITE}; touch -d 2099-01-01 "$MODEL_DIR/config.json"`);
    expect((await stand.outcome()).code).toBe(0);
    const status = fs.statSync(path.join(stand.dir, 'config.json'));
    expect(status.mode & 0o777).toBe(0o644);
    expect(status.mtimeMs).toBeLessThanOrEqual(fs.statSync(path.join(stand.dir, '.artifact.json')).mtimeMs);
  });

  test('more than a file may hold: the code that says full, or one that is tried again', async () => {
    const stand = pod('ulimit -f 1; head -c 4096 /dev/zero >"$MODEL_DIR/model.bin" || exit 73');
    expect((await stand.outcome()).code).toBe(73);
  });

  test('a disk that is full: 73, whatever code the tool has for it', async () => {
    // `df` is all that custom.sh knows of the disk.
    const tools = temporaryFolder();
    fs.writeFileSync(
      path.join(tools, 'df'),
      '#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted\necho /dev/x 100 100 0 100% /models\n',
      { mode: 0o755 },
    );
    const stand = pod('exit 1', undefined, { imageEnv: { PATH: `${tools}:${process.env.PATH}` } });
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(73);
    expect(outcome.log).toMatch(/the disk of .* is full: enlarge it/);
  });

  test('a store that is read-only or not ours: 77', async () => {
    const tools = temporaryFolder();
    fs.writeFileSync(
      path.join(tools, 'mkdir'),
      '#!/bin/sh\necho "mkdir: cannot create directory: Permission denied" >&2; exit 1\n',
      { mode: 0o755 },
    );
    const stand = pod(WRITE, undefined, { imageEnv: { PATH: `${tools}:${process.env.PATH}` } });
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(77);
    expect(outcome.log).toContain('is the volume read-only, or fsGroup not set?');
  });

  test('an image without flock is refused with what to do', async () => {
    const tools = temporaryFolder();
    for (const tool of ['sh', 'mkdir', 'sleep', 'date']) {
      fs.symlinkSync(await which(tool), path.join(tools, tool));
    }
    const outcome = await pod(WRITE, undefined, { imageEnv: { PATH: tools } }).outcome();
    expect(outcome.code).toBe(64);
    expect(outcome.log).toContain('the image has no flock');
  });
});

describe('a downloader whose log is read', () => {
  const busybox = findBusybox();
  const shells: [string, PodOptions][] = [
    ['the shell of this machine', {}],
    ...(busybox ? [['busybox', { shell: [busybox, 'sh'] }] as [string, PodOptions]] : []),
  ];

  function read(script: string, options: PodOptions, codes?: Partial<CustomSourceProps>): PodStand {
    const spec = source(script, { unpinned: true, ...codes });
    const fetch: DownloaderFetch = { ...(spec.fetch as DownloaderFetch), denied: 'HTTP 40[13]' };
    return new PodStand({ ...spec, fetch }, options);
  }

  test.each(shells)('keeps its exit code, in %s', async (_, options) => {
    for (const [script, code] of [
      [WRITE, 0],
      ['echo HTTP 500; exit 5', 5],
      ['echo HTTP 403 >&2; exit 1', 77],
      ['echo HTTP 403; exit 3', 66],
      [`echo HTTP 403; ${WRITE}`, 0],
      ['exit 126', 64],
      ['kill -9 $$$$', 137],
    ] as const) {
      const outcome = await read(script, options, { exitCodes: { 3: 66 } }).outcome();
      expect([script, outcome.code]).toEqual([script, code]);
    }
  });

  test.each(shells)('loses the queries of addresses, and nothing else, in %s', async (_, options) => {
    const secret = 'sv=1&sig=TOP%2BSECRET';
    const lines = [
      `Get "https://h/c?${secret}": refused`,
      `tab\thttps://h/c?${secret} and https://i/d?x=${secret}`,
      'why? "odd\\ words"  *',
      '',
      `at last https://h?${secret}`,
    ];
    const stand = read(`printf '%s' "$LINES_OF_LOG"; echo HTTP 401 '?sig=x' >&2; exit 1`, {
      ...options,
      imageEnv: { LINES_OF_LOG: `${lines.join('\n')}\n` },
    });
    const { log, result, code } = await stand.start('download').ended;
    expect(log.split('\n').slice(0, 6)).toEqual([
      'Get "https://h/c?***": refused',
      'tab\thttps://h/c?*** and https://i/d?***',
      'why? "odd\\ words"  *',
      '',
      'at last https://h?***',
      'HTTP 401 ?***',
    ]);
    expect(code).toBe(77);
    expect(result.error).toBe('the downloader sh is not let in: HTTP 401 ?***');
  });

  test.each(shells)('writes its lines at once, and is told of SIGTERM, in %s', async (_, options) => {
    const stand = read('trap "echo heard; exit 3" TERM; echo begun; while :; do sleep 0.1; done', options);
    const { child, ended } = stand.start('download');
    await new Promise<void>((done) =>
      child.stdout?.on('data', (text: Buffer) => text.includes('begun') && done()),
    );
    child.kill('SIGTERM');
    const outcome = await ended;
    expect(outcome.log).toContain('heard');
    expect(outcome.code).toBe(75);
  });

  test('what it writes is in no termination message, whatever it is', async () => {
    const stand = pod('echo "$TOKEN"; exit 1', { unpinned: true }, { imageEnv: { TOKEN: 'hf_secret' } });
    for (const { more } of stand.containers)
      expect(more ?? {}).not.toHaveProperty('terminationMessagePolicy');
    const { result } = await stand.outcome();
    expect(result.error).toBe('the downloader sh ended with 1; its own lines in the log say why');
  });
});

describe('two copies of one downloader', () => {
  test('one downloads while the others wait: never two at once', async () => {
    const models = temporaryFolder();
    const runs = temporaryFolder();
    const script = `echo begin >>'${runs}/runs'; ${WRITE}; sleep 1; echo end >>'${runs}/runs'`;
    const stands = [1, 2, 3].map(() => pod(script, { files: PINS }, { models }));
    const outcomes = await Promise.all(stands.map((stand) => stand.run()));
    expect(outcomes.map((all) => all.at(-1)?.code)).toEqual([0, 0, 0]);
    expectComplete(stands[0].dir, FILES, KEY);
    expect(outcomes.map((all) => all[0].log).join('')).toContain('another copy is at work');
    expect(fs.readFileSync(`${runs}/runs`, 'utf8')).toMatch(/^(begin\nend\n)+$/);
  });

  test('one that is stopped while it waits ends as one that may be run again', async () => {
    const models = temporaryFolder();
    const first = pod('echo begun; exec sleep 60', undefined, { models });
    const running = first.start('download');
    await new Promise<void>((done) => running.child.stdout?.once('data', () => done()));
    const second = pod(WRITE, undefined, { models }).start('download');
    await new Promise<void>((done) =>
      second.child.stdout?.on('data', (text: Buffer) => text.includes('another copy') && done()),
    );
    second.child.kill('SIGTERM');
    expect((await second.ended).code).toBe(75);
    running.child.kill('SIGTERM');
    await running.ended;
  });

  test('the files are verified by nobody while a downloader is at work on them', async () => {
    const models = temporaryFolder();
    const first = pod(WRITE, { unpinned: true }, { models });
    expect((await first.start('download').ended).code).toBe(0);
    // Another pod takes the lock before the first one verifies, and begins to change the files.
    const second = pod(
      'printf half >"$MODEL_DIR/config.json"; echo begun; sleep 2; printf %s \'{"a": 1}\' >"$MODEL_DIR/config.json"',
      { unpinned: true },
      { models },
    ).start('download');
    await new Promise<void>((done) => second.child.stdout?.once('data', () => done()));
    const adopted = await first.start('adopt').ended;
    expect(adopted.log).toContain('another copy is at work');
    expect(adopted.code).toBe(0);
    expectComplete(first.dir, FILES, KEY);
    await second.ended;
  });
});

describe('the shell and the tools of Alpine, as in the image of rclone', () => {
  const busybox = findBusybox();
  if (!busybox) {
    test('busybox is not here', () => undefined);
    return;
  }
  const tools = temporaryFolder();
  const options = (models = temporaryFolder()): PodOptions => ({
    models,
    shell: [busybox, 'sh'],
    imageEnv: { PATH: tools },
  });
  beforeAll(async () => {
    const names = 'sh mkdir sleep df date printf touch kill rm echo'.split(' ');
    for (const name of names) fs.symlinkSync(busybox, path.join(tools, name));
    // Debian builds its busybox without flock, which Alpine's has: with the same words, and silent when it waits.
    fs.symlinkSync(await which('flock'), path.join(tools, 'flock'));
  });

  test('three copies: never two at once', async () => {
    const { models } = options();
    const runs = temporaryFolder();
    const script = `echo begin >>'${runs}/runs'; ${WRITE}; sleep 1; echo end >>'${runs}/runs'`;
    const stands = [1, 2, 3].map(() => pod(script, { files: PINS }, options(models)));
    const outcomes = await Promise.all(stands.map((stand) => stand.run()));
    expect(outcomes.map((all) => all.at(-1)?.code)).toEqual([0, 0, 0]);
    expectComplete(stands[0].dir, FILES, KEY);
    expect(outcomes.map((all) => all[0].log).join('')).toContain('another copy is at work');
    expect(fs.readFileSync(`${runs}/runs`, 'utf8')).toMatch(/^(begin\nend\n)+$/);
  });

  test.each([
    ['exit 3', 66, 'ended with 3'],
    ['kill -9 $$$$', 137, 'was killed'],
    ['exit 1', 1, 'ended with 1'],
  ])('%s becomes %i', async (script, code, message) => {
    const outcome = await pod(script, { unpinned: true, exitCodes: { 3: 66 } }, options()).outcome();
    expect(outcome.code).toBe(code);
    expect(outcome.log).toContain(message);
  });

  test('SIGTERM is handed on', async () => {
    const stand = pod('echo begun; exec sleep 60', { unpinned: true }, options());
    const { child, ended } = stand.start('download');
    await new Promise<void>((done) => child.stdout?.once('data', () => done()));
    child.kill('SIGTERM');
    const outcome = await ended;
    expect(outcome.code).toBe(75);
    expect(outcome.log).toContain('stopped by SIGTERM');
  });
});

describe('files that pass through a disk of the pod', () => {
  const scratch = Size.gibibytes(1);

  test.each([
    ['with a shell', true],
    ['without one', false],
  ])('%s: they are copied into the store, verified', async (_, shell) => {
    const stand = pod(WRITE, { files: PINS, shell }, { scratch });
    expect(stand.containers.map(({ name }) => name)).toEqual(['look', 'download', 'fetch']);
    expect(stand.containers[1].command[0]).toBe(shell ? '/bin/sh' : 'sh');
    const outcomes = await stand.run();
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    expectComplete(stand.dir, FILES, KEY);

    const again = pod('touch "$HOME/ran"', { files: PINS, shell }, { scratch, models: stand.models });
    const later = await again.run();
    expect(later.map(({ code }) => code)).toEqual([0, 0, 0]);
    // Without a shell there is nothing that could keep it from running.
    expect(filesOf(again.folder('own'))).toEqual(shell ? [] : ['ran']);
    expectComplete(stand.dir, FILES, KEY);
  });

  test('what is wrong is no artifact', async () => {
    const stand = pod(`${WRITE}; printf wrong >"$MODEL_DIR/config.json"`, { files: PINS }, { scratch });
    const outcome = await stand.outcome();
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain('config.json: the checksum is wrong');
    expect(markerOf(stand.dir)).toBeUndefined();
  });
});

async function python(code: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  return new Promise((done, failed) =>
    execFile(PYTHON, ['-c', code], (error, stdout) =>
      error ? failed(new Error(error.message)) : done(stdout),
    ),
  );
}

async function which(tool: string): Promise<string> {
  return (await python(`import shutil; print(shutil.which(${JSON.stringify(tool)}))`)).trim();
}
