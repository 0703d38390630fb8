import { ChildProcess, spawn } from 'node:child_process';
import * as net from 'node:net';
import * as path from 'node:path';
import { freePort } from '../../doubles/free-port';
import { PYTHON } from '../artifact/program';

const PROGRAM = path.join(__dirname, '../../../src/runtime/group.py');

/** A server's process: says that it runs, and on SIGTERM that it drains, which takes a moment. */
const SERVER = [
  'import signal, sys, time',
  'def end(*_):',
  "    print('server draining', flush=True)",
  '    time.sleep(0.5)',
  "    print('server ended', flush=True)",
  '    sys.exit(0)',
  'signal.signal(signal.SIGTERM, end)',
  "print('server runs', flush=True)",
  'while True:',
  '    time.sleep(0.1)',
].join('\n');

/** What a pod of a group runs. */
class Pod {
  public log = '';
  public readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private readonly waiting: (() => void)[] = [];

  public constructor(args: string[]) {
    this.child = spawn(PYTHON, [PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that nothing of it outlives the test.
      detached: true,
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on('data', (data) => {
        this.log += String(data);
        this.waiting.forEach((check) => check());
      });
    }
    this.ended = new Promise((resolve) => this.child.on('exit', (code) => resolve(code)));
  }

  public signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Ends all that it started. */
  public async end(): Promise<void> {
    try {
      process.kill(-this.child.pid!, 'SIGKILL');
    } catch {
      // nothing is left of it
    }
    await this.ended;
  }

  /** Waits until a text was logged. */
  public said(text: string): Promise<void> {
    return new Promise((resolve) => {
      const check = () => this.log.includes(text) && resolve();
      this.waiting.push(check);
      check();
    });
  }
}

let port: number;
let pods: Pod[] = [];

function pod(...args: string[]): Pod {
  const started = new Pod(args);
  pods.push(started);
  return started;
}

const common = (id: string, silence = '60') => {
  return ['--port', String(port), '--id', id, '--beat', '0.2', '--silence', silence];
};

function leader({ size = 2, id = 'one', server = SERVER, silence = '60' } = {}): Pod {
  return pod('leader', ...common(id, silence), '--size', String(size), '--', PYTHON, '-c', server, '--serve');
}

function worker({ rank = 1, id = 'one', server = SERVER } = {}): Pod {
  const where = ['--leader', '127.0.0.1', '--rank', String(rank)];
  return pod('worker', ...common(id), ...where, '--', PYTHON, '-c', server, '--serve');
}

beforeEach(async () => {
  port = await freePort();
});

afterEach(async () => {
  const ended = pods;
  pods = [];
  await Promise.all(ended.map((each) => each.end()));
  for (const { log } of ended) expect(log).not.toMatch(/Traceback|Exception|Error/);
});

async function together(size = 2) {
  const first = leader({ size });
  const others = Array.from({ length: size - 1 }, (_, index) => worker({ rank: index + 1 }));
  await first.said(`: ${size} of ${size} nodes`);
  await Promise.all([first, ...others].map((each) => each.said('server runs')));
  return [first, ...others];
}

test('a worker runs its process when the leader has let it in, and not before', async () => {
  const other = worker();
  await other.said('waiting for the leader 127.0.0.1');
  expect(other.log).not.toContain('server runs');
  const first = leader();
  await Promise.all([other.said('server runs'), first.said('worker 1 has joined: 2 of 2 nodes')]);
});

test('when a worker is lost, all start anew', async () => {
  const [first, lost, other] = await together(3);
  lost.signal('SIGKILL');
  expect(await first.ended).toBe(75);
  expect(first.log).toContain('the group starts anew: worker');
  expect(first.log).toContain('server ended');
  expect(await other.ended).toBe(75);
});

test('when the leader is lost, all start anew', async () => {
  const [first, other] = await together();
  first.signal('SIGKILL');
  expect(await other.ended).toBe(75);
  expect(other.log).toContain('the group starts anew: the leader is gone');
  expect(other.log).toContain('server ended');
});

test('when a process ends by itself, its pod ends as it did, and the others start anew', async () => {
  const first = leader();
  const other = worker({ server: "import sys; print('server runs', flush=True); sys.exit(9)" });
  expect(await other.ended).toBe(9);
  expect(await first.ended).toBe(75);
});

test('a process that is killed tells by which signal', async () => {
  const first = leader({ server: 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)' });
  expect(await first.ended).toBe(137);
});

test('a leader that is told to end lets its requests end, and its workers stay until then', async () => {
  const [first, other] = await together();
  first.signal('SIGTERM');
  expect(await first.ended).toBe(0);
  expect(first.log).toContain('server ended');
  expect(await other.ended).toBe(75);
});

test('a worker that is told to end waits until the leader has no requests any more', async () => {
  const [first, other] = await together();
  other.signal('SIGTERM');
  await first.said('server draining');
  expect(other.log).not.toContain('server draining');
  expect(await first.ended).toBe(0);
  expect(first.log).toContain('worker 1 is to end');
  expect(await other.ended).toBe(75);
});

test('a worker that is told to end before there is a leader ends', async () => {
  const other = worker();
  await other.said('waiting for the leader');
  other.signal('SIGTERM');
  expect(await other.ended).toBe(0);
});

test('a worker of another version waits, and loses nobody', async () => {
  const [first] = await together();
  const stranger = worker({ id: 'two' });
  await stranger.said('it is of another version');
  await first.said('worker 1 of another version waits');
  expect(stranger.log).not.toContain('server runs');
  expect(first.log).not.toContain('starts anew');
});

test('a worker that comes twice was started anew: so are all', async () => {
  const [first] = await together();
  worker();
  expect(await first.ended).toBe(75);
  expect(first.log).toContain('worker 1 was started anew');
});

test('what else connects is let go, and loses nobody', async () => {
  const [first] = await together();
  for (const words of ['GET / HTTP/1.1\r\n\r\n', '\n', 'x'.repeat(100_000), 'join one 0\n', 'join one 7\n']) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    socket.end(words);
    await new Promise((resolve) => socket.on('close', resolve).resume());
  }
  expect(first.log).not.toContain('starts anew');
});

test('a worker that says nothing any more is lost', async () => {
  const first = leader({ silence: '2' });
  const other = worker();
  await other.said('server runs');
  other.signal('SIGSTOP');
  expect(await first.ended).toBe(75);
  expect(first.log).toContain('worker 1 has been silent for 2.0 s');
});

test('a command is needed', async () => {
  const none = pod('leader', ...common('one'), '--size', '2');
  expect(await none.ended).toBe(64);
  expect(none.log).toMatch(/^\S+ FAILED \(exit 64\): group\.py: .* put it behind --\n$/);
});

test.each([
  ['is not there', 'no-such-server', 'No such file or directory'],
  ['is no program', __filename, 'Permission denied'],
])('a command that %s is named, and nobody retries in vain', async (_, command, reason) => {
  const first = pod('leader', ...common('one'), '--size', '2', '--', command, 'serve');
  expect(await first.ended).toBe(64);
  expect(first.log).toContain(
    `FAILED (exit 64): cannot start '${command}' (${reason}): the image must have it`,
  );
  expect(first.log.trim().split('\n')).toHaveLength(1);
});

test('a worker without its command ends, and its leader starts anew', async () => {
  const first = leader();
  await first.said('server runs');
  const where = ['--leader', '127.0.0.1', '--rank', '1'];
  const other = pod('worker', ...common('one'), ...where, '--', 'no-such-server');
  expect(await other.ended).toBe(64);
  expect(await first.ended).toBe(75);
});
