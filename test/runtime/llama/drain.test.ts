import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { freePort } from '../../doubles/free-port';
import { temporaryFolder } from '../artifact/program';

const PROGRAM = path.join(__dirname, '../../../src/runtime/llama_drain.sh');
const servers: http.Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

/** A server that has so many requests under way and waiting at each time that it is asked. */
async function busy(
  counts: [number, number][],
  key?: string,
): Promise<{ port: number; asked: () => number }> {
  let asked = 0;
  const server = http.createServer((request, response) => {
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`) {
      response.writeHead(401).end();
      return;
    }
    const [processing, deferred] = counts[Math.min(asked++, counts.length - 1)];
    response.end(
      `# TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing ${processing}\n` +
        `llamacpp:requests_deferred ${deferred}\n`,
    );
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { port: (server.address() as AddressInfo).port, asked: () => asked };
}

/** A folder of programs on whose clock nothing but `sleep` takes time, and what they have slept. */
function clock(programs: Record<string, string> = {}): {
  folder: string;
  sleeps: () => string[];
  now: () => number;
} {
  const folder = temporaryFolder();
  const [time, log] = [path.join(folder, 'time'), path.join(folder, 'log')];
  fs.writeFileSync(time, '1000');
  fs.writeFileSync(log, '');
  const pass = (seconds: string) => `echo $(($(cat '${time}') + ${seconds})) >'${time}'`;
  const all = {
    date: `cat '${time}'`,
    sleep: `echo "$1" >>'${log}'; ${pass('$1')}`,
    ...programs,
  };
  for (const [name, text] of Object.entries(all)) {
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text.replace('PASS 5', pass('5'))}\n`, {
      mode: 0o755,
    });
  }
  const read = (file: string) => fs.readFileSync(file, 'utf8').trim();
  return { folder, sleeps: () => read(log).split('\n'), now: () => Number(read(time)) - 1000 };
}

/** Runs the hook with a `sleep` that takes no time, and tells how often it slept. */
async function drained(...args: string[]): Promise<{ code: number | null; sleeps: string[] }> {
  const { folder, sleeps } = clock();
  const child = spawn('/bin/sh', [PROGRAM, ...args], { env: { PATH: `${folder}:${process.env.PATH}` } });
  const code = await new Promise<number | null>((done) => child.on('close', done));
  return { code, sleeps: sleeps() };
}

test('waits for requests that are under way and for those that wait', async () => {
  const { port, asked } = await busy([
    [2, 1],
    [0, 1],
    [1, 0],
    [0, 0],
  ]);
  const { code, sleeps } = await drained(String(port), '60');
  expect(code).toBe(0);
  expect(asked()).toBe(4);
  expect(sleeps).toEqual(['5', '1', '1', '1']);
});

test('waits no longer than it is told', async () => {
  const { port } = await busy([[1, 0]]);
  const { code, sleeps } = await drained(String(port), '7');
  expect(code).toBe(0);
  expect(sleeps).toHaveLength(8);
});

test('counts the time that a busy server takes to answer, and waits for no answer beyond its own', async () => {
  const asked = path.join(temporaryFolder(), 'asked');
  const { folder, now } = clock({ curl: `echo "$4" >>'${asked}'; PASS 5; exit 28` });
  const child = spawn('/bin/sh', [PROGRAM, '8080', '20'], { env: { PATH: `${folder}:${process.env.PATH}` } });
  expect(await new Promise((done) => child.on('close', done))).toBe(0);
  // Five seconds for endpoints, and four rounds of five seconds and one.
  expect(now()).toBe(5 + 4 * 6);
  expect(fs.readFileSync(asked, 'utf8').trim().split('\n')).toEqual(['5', '5', '5', '2']);
});

test('sends the first key of the file', async () => {
  const { port, asked } = await busy([[0, 0]], 'first-key');
  const file = path.join(temporaryFolder(), 'keys');
  for (const text of ['first-key\nsecond-key\n', 'first-key']) {
    fs.writeFileSync(file, text);
    expect((await drained(String(port), '60', file)).sleeps).toEqual(['5']);
  }
  expect(asked()).toBe(2);
});

test('takes its time where nobody answers', async () => {
  const { code, sleeps } = await drained(String(await freePort()), '3');
  expect(code).toBe(0);
  expect(sleeps).toEqual(['5', '1', '1', '1']);
});

test('takes its time without curl', async () => {
  const folder = temporaryFolder();
  const log = path.join(folder, 'log');
  fs.writeFileSync(path.join(folder, 'sleep'), `#!/bin/sh\necho "$1" >>'${log}'\n`, { mode: 0o755 });
  const child = spawn('/bin/sh', [PROGRAM, '8080', '60'], { env: { PATH: folder } });
  expect(await new Promise((done) => child.on('close', done))).toBe(0);
  expect(fs.readFileSync(log, 'utf8')).toBe('5\n60\n');
});
