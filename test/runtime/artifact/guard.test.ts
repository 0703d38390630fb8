import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  MIB,
  SOON,
  REPO,
  fetchArgs,
  large,
  markerOf,
  patched,
  run,
  sleep,
  small,
  start,
  temporaryFolder,
  hubForTests,
} from './program';
import type { Run } from './program';

const FILES = [large('model.safetensors', MIB + 7), small('config.json', '{}')];

const hub = hubForTests({ name: REPO, files: FILES });
async function artifact(): Promise<string> {
  const dir = temporaryFolder();
  expect((await run(fetchArgs(hub, ['--dir', dir]))).code).toBe(0);
  return dir;
}

/** What the program has logged once it logged anything. */
async function firstLine(waiting: Run): Promise<string> {
  return new Promise((done) => waiting.child.stdout?.once('data', (chunk: Buffer) => done(chunk.toString())));
}

async function endNow(waiting: Run): Promise<void> {
  waiting.child.kill('SIGTERM');
  expect((await waiting.ended).code).toBe(75);
}

describe('the guard', () => {
  const guard = (dir: string, ...more: string[]) => [
    'guard.py',
    '--key=k1',
    `--dir=${dir}`,
    '--every=1',
    ...more,
  ];

  test('lets a complete artifact pass at once', async () => {
    const outcome = await run(guard(await artifact(), '--resolve=localhost', '--resolve=127.0.0.1'));
    expect(outcome.code).toBe(0);
    expect(outcome.log).toMatch(/is complete, every host resolves/);
  });

  test('waits for the marker, says so at once, and goes on when it is there', async () => {
    const dir = path.join(temporaryFolder(), 'not-yet');
    const waiting = start(guard(dir));
    expect(await firstLine(waiting)).toMatch(/waiting for \.artifact\.json in .*: not there yet/);
    await sleep(1100);
    expect(waiting.child.exitCode).toBeNull();
    fs.renameSync(await artifact(), dir);
    const outcome = await waiting.ended;
    expect(outcome.code).toBe(0);
    expect(outcome.log.match(/waiting for/g)).toHaveLength(1); // then once a minute
  });

  test.each([
    [
      'another key',
      (dir: string) => rewriteMarker(dir, { key: 'k0' }),
      /the artifact with key k1 .* it holds k0/,
    ],
    [
      'a file that is short',
      (dir: string) => fs.truncateSync(path.join(dir, 'model.safetensors'), 5),
      /model\.safetensors .*: 5 of 1048583 bytes/,
    ],
    [
      'a file that is absent',
      (dir: string) => fs.rmSync(path.join(dir, 'config.json')),
      /config\.json .*: not there/,
    ],
    [
      'a marker that is cut',
      (dir: string) => fs.truncateSync(path.join(dir, '.artifact.json'), 20),
      /not there yet/,
    ],
  ])('waits on %s', async (_, damage, message) => {
    const dir = await artifact();
    damage(dir);
    const waiting = start(guard(dir));
    expect(await firstLine(waiting)).toMatch(message);
    await sleep(1100);
    await endNow(waiting);
  });

  test('waits for each of several artifacts, and then says that all are complete', async () => {
    const [model, adapter] = [await artifact(), path.join(temporaryFolder(), 'adapter')];
    const waiting = start([...guard(model), '--key=k1', `--dir=${adapter}`]);
    expect(await firstLine(waiting)).toContain(`waiting for .artifact.json in ${adapter}: not there yet`);
    fs.renameSync(await artifact(), adapter);
    const outcome = await waiting.ended;
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain(`${model} is complete, ${adapter} is complete`);
    expect(outcome.result).toMatchObject({ keys: ['k1', 'k1'] });
  });

  test('takes each key with its own folder', async () => {
    const [one, two] = [await artifact(), await artifact()];
    rewriteMarker(two, { key: 'k2' });
    const pairs = (first: string, second: string) => [
      `--key=${first}`,
      `--dir=${one}`,
      `--key=${second}`,
      `--dir=${two}`,
    ];
    expect((await run(['guard.py', ...pairs('k1', 'k2')])).code).toBe(0);
    const waiting = start(['guard.py', ...pairs('k2', 'k1')]);
    expect(await firstLine(waiting)).toMatch(/the artifact with key k2 .* it holds k1/);
    await endNow(waiting);
  });

  test('waits for a name that does not resolve', async () => {
    const waiting = start(
      guard(await artifact(), '--resolve=localhost', '--resolve=worker-0.nowhere.invalid'),
    );
    expect(await firstLine(waiting)).toMatch(/waiting for the name worker-0\.nowhere\.invalid: /);
    await endNow(waiting);
  });

  test('waits for names alone where the volume is whole or not there, as that of an image is', async () => {
    const outcome = await run(['guard.py', '--resolve=localhost']);
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('every host resolves');
  });

  test.each([
    [[]],
    [['--key=k1']],
    [['--key=k1', '--key=k2', '--dir=/models']],
    [['--dir=/models', '--resolve=localhost']],
  ])('refuses %j, by which it would wait for nothing or for half of it', async (args) => {
    const outcome = await run(['guard.py', ...args]);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toBe('give --key and --dir, or --resolve, or all of them');
  });

  test('is ended by SIGTERM within a second, even while DNS hangs', async () => {
    const hang = patched(
      'import socket, time; socket.getaddrinfo = lambda *a: time.sleep(100); print("started", flush=True)',
    );
    const waiting = start(guard(await artifact(), '--resolve=w'), hang);
    await firstLine(waiting);
    await sleep(700);
    const asked = Date.now();
    await endNow(waiting);
    expect(Date.now() - asked).toBeLessThan(SOON);
  });

  test('never opens a connection: a bare one ends a distributed-llama worker', async () => {
    // The hook sees every connect of the interpreter, and ends it.
    const options = patched('sys.addaudithook(lambda e, a: e == "socket.connect" and os._exit(99))');
    expect((await run(guard(await artifact(), '--resolve=localhost'), options)).code).toBe(0);
    expect((await run(fetchArgs(hub, ['--dir', temporaryFolder()]), options)).code).toBe(99);
  });
});

describe('verify', () => {
  const verify = (dir: string, ...more: string[]) => run(['verify.py', '--key=k1', `--dir=${dir}`, ...more]);

  test('finds a whole artifact whole', async () => {
    const dir = await artifact();
    const bytes = FILES[0].content.length + 2;
    expect((await verify(dir)).result).toMatchObject({ files: 2, bytes, key: 'k1', deep: false });
    const outcome = await verify(dir, '--deep');
    expect(outcome.code).toBe(0);
    expect(outcome.log).toContain('every sha256 is right');
  });

  test.each([
    [
      'no marker: 66',
      (dir: string) => fs.rmSync(path.join(dir, '.artifact.json')),
      66,
      /no complete artifact/,
    ],
    ['another key: 66', (dir: string) => rewriteMarker(dir, { key: 'k0' }), 66, /with key k0, not k1/],
    [
      'a missing file: 66',
      (dir: string) => fs.rmSync(path.join(dir, 'config.json')),
      66,
      /config\.json is missing/,
    ],
    [
      'a wrong size: 65',
      (dir: string) => fs.truncateSync(path.join(dir, 'config.json'), 1),
      65,
      /config\.json has 1 bytes instead of 2/,
    ],
  ])('%s', async (_, damage, code, message) => {
    const dir = await artifact();
    damage(dir);
    const outcome = await verify(dir);
    expect(outcome.code).toBe(code);
    expect(outcome.result.error).toMatch(message);
  });

  test('--deep finds a byte that changed without any other trace: 65', async () => {
    const dir = await artifact();
    const file = path.join(dir, 'model.safetensors');
    const { atime, mtime } = fs.statSync(file);
    const content = fs.readFileSync(file);
    content[1000] ^= 1;
    fs.writeFileSync(file, content);
    fs.utimesSync(file, atime, mtime);
    expect((await verify(dir)).code).toBe(0);
    const outcome = await verify(dir, '--deep');
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(/model\.safetensors has changed/);
  });
});

function rewriteMarker(dir: string, change: Record<string, unknown>): void {
  fs.writeFileSync(path.join(dir, '.artifact.json'), JSON.stringify({ ...markerOf(dir), ...change }));
}
