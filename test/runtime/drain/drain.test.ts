import { spawn } from 'node:child_process';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { freePort } from '../../doubles/free-port';
import { PYTHON } from '../artifact/program';

const RUNTIME = path.join(__dirname, '../../../src/runtime');
const METRICS = ['vllm:num_requests_running', 'vllm:num_requests_waiting'];

const servers: http.Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

/** A server that answers one after the other, and the last one from then on; nothing is a failure. */
async function serverOf(...answers: (string | undefined)[]): Promise<number> {
  let asked = 0;
  const server = http.createServer((request, response) => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    response.writeHead(answer === undefined || request.url !== '/metrics' ? 500 : 200).end(answer);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

/** As vLLM writes them, with other metrics around. */
function counts(running: number, waiting: number, engine = 0): string {
  const labels = `{engine="${engine}",model_name="a b} {c"}`;
  return [
    '# HELP vllm:num_requests_running Number of requests in model execution batches.',
    '# TYPE vllm:num_requests_running gauge',
    `vllm:num_requests_running${labels} ${running}.0`,
    `vllm:num_requests_waiting${labels} ${waiting}.0`,
    `vllm:num_requests_waiting_by_reason${labels} 7.0`,
    'process_open_fds 12.0',
    '',
  ].join('\n');
}

/** Runs the program on a clock on which nothing but its pauses takes time, and tells these. */
function paused(port: number, seconds: number, env: Record<string, string> = {}): Promise<number[]> {
  const program = [
    'import json, sys, drain',
    'pauses = []',
    'drain.drain(int(sys.argv[1]), int(sys.argv[2]), frozenset(sys.argv[3:]), pauses.append, lambda: sum(pauses))',
    'print(json.dumps(pauses))',
  ].join('\n');
  const child = spawn(PYTHON, ['-c', program, String(port), String(seconds), ...METRICS], {
    env: { ...process.env, PYTHONPATH: RUNTIME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (data: Buffer) => (told += data.toString()));
  return new Promise((done) => child.on('close', () => done(JSON.parse(told || 'null') as number[])));
}

test('a server without requests is left as soon as nobody sends it any', async () => {
  expect(await paused(await serverOf(counts(0, 0)), 120)).toEqual([5]);
});

test('running and waiting requests are waited for, of all engines', async () => {
  const port = await serverOf(
    counts(2, 0),
    counts(0, 1),
    counts(0, 0) + counts(1, 0, 1),
    counts(0, 0) + counts(0, 0, 1),
  );
  expect(await paused(port, 120)).toEqual([5, 1, 1, 1]);
});

test('a server that does not tell may have requests', async () => {
  const port = await serverOf(undefined, 'vllm:num_requests_running_total 0\n', '', counts(0, 0));
  expect(await paused(port, 120)).toEqual([5, 1, 1, 1]);
});

test.each([
  ['requests that do not end', () => serverOf(counts(1, 0))],
  ['a server that has ended', freePort],
])('%s take all of the time', async (_, port) => {
  expect(await paused(await port(), 4)).toEqual([5, 1, 1, 1, 1]);
});

test('a proxy of the pod is not asked for it', async () => {
  const proxy = `http://127.0.0.1:${await freePort()}`;
  expect(await paused(await serverOf(counts(0, 0)), 9, { http_proxy: proxy, HTTP_PROXY: proxy })).toEqual([
    5,
  ]);
});
