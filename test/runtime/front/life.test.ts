import * as fs from 'node:fs';
import * as net from 'node:net';
import { FRONT, order, post, Program, sleep, Stand, StandOptions, until } from './stand';

describe('the life of the front', () => {
  let stand: Stand;
  afterEach(async () => {
    expect(stand.root.alive).toBe(true);
    await stand.stop();
  });
  const start = async (options: StandOptions = {}) => (stand = await Stand.start(options));

  describe('slow clients', () => {
    it('ends a request line that takes longer than --header-seconds with 408', async () => {
      await start({ front: ['--header-seconds', '1'] });
      const client = stand.connect('GET /health HTTP/1.1\r\nHost: a\r\n');
      const drip = setInterval(() => !client.closed && client.send('X: y\r\n'), 100);
      expect((await client.answer()).status).toBe(408);
      clearInterval(drip);
      await stand.expectRootUnharmed();
    });
    it('ends a silent connection without a word', async () => {
      await start({ front: ['--header-seconds', '1'] });
      const client = stand.connect();
      await until('closed', () => client.closed);
      expect(client.received).toBe('');
    });
    it('ends a body that takes longer than --body-seconds with 408', async () => {
      await start({ front: ['--body-seconds', '1'] });
      const client = stand.connect(order('tokens=1').slice(0, -20));
      const drip = setInterval(() => !client.closed && client.send(' '), 400);
      expect((await client.answer()).status).toBe(408);
      clearInterval(drip);
      expect(stand.given).toHaveLength(0);
      await stand.expectRootUnharmed();
    });
    it('serves others while hundreds of slow ones are connected', async () => {
      await start({ front: ['--max-connections', '50'] });
      for (let i = 0; i < 300; i++) {
        const client = stand.connect(i % 2 ? 'GET /hea' : order('tokens=1').slice(0, -5));
        if (i % 50 === 49) await until('connected', () => client.connected);
      }
      expect((await stand.get('/livez')).status).toBe(200);
      expect((await stand.ask(order('tokens=1'))).status).toBe(200);
      expect((await stand.metrics()).connections).toBeLessThanOrEqual(50);
      expect(stand.given).toHaveLength(1);
    });
    it('refuses a connection with 503 when all are queued', async () => {
      await start({ front: ['--max-connections', '3'] });
      const busy = stand.connect(order('tokens=10000 delay=0.05', { stream: true }));
      await busy.sees('t1 ');
      const first = stand.connect(order('tokens=1'));
      await until('a place in the queue', async () => (await stand.queueLength()) === 1);
      const second = stand.connect(order('tokens=1'));
      await until('connected', () => second.connected);
      await sleep(200); // for it to be read: until then it is the one that makes room
      const refused = await until('a refusal', async () => {
        const answer = await stand.get('/livez');
        return answer.status === 503 ? answer : undefined;
      });
      expect(refused.json.error.code).toBe('too_many_connections');
      busy.close();
      for (const client of [first, second]) expect((await client.answer()).status).toBe(200);
    });
  });

  describe('a client that is refused while it still sends', () => {
    let client: net.Socket;
    afterEach(() => client.destroy());
    /** One that goes on sending after the front has ended its side, as most clients do until they look. */
    const refused = async () => {
      await start({ front: ['--queue', '0', '--max-body-mib', '1'] });
      const busy = stand.connect(order('tokens=10000 delay=0.05', { stream: true }));
      await busy.sees('t1 ');
      client = net.connect({ port: stand.port, host: '127.0.0.1', allowHalfOpen: true });
      const seen = { answer: '', reset: false };
      client.on('data', (data) => (seen.answer += data.toString()));
      client.on('error', () => (seen.reset = true));
      client.write('POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n');
      await until('the refusal', () => seen.answer.includes('queue_full'));
      return seen;
    };

    it('is not reset, however long it takes to see the answer', async () => {
      const seen = await refused();
      for (let i = 0; i < 30; i++) {
        await sleep(100); // 3 s in all
        client.write('x');
      }
      client.end();
      await until('closed', () => client.closed);
      expect(seen.reset).toBe(false);
    });
    it('is let go when it goes silent', async () => {
      await refused();
      await until('let go', async () => (await stand.metrics()).connections === 2); // the busy one, and this look
    });
    it('is let go when it sends more than a body may have', async () => {
      const seen = await refused();
      const sending = setInterval(() => client.write(Buffer.alloc(512 * 1024)), 50);
      await until('a reset', () => seen.reset);
      clearInterval(sending);
    });
  });

  it('stays small whatever it is sent', async () => {
    await start();
    const body = 'x'.repeat(8 * 1024 * 1024 - 100);
    const lists = post(`{"x":[${'[],'.repeat(2_500_000)}[]]}`);
    const large = Array.from({ length: 12 }, (_, i) => stand.ask(i % 2 ? lists : post(body)));
    const statuses = (await Promise.all(large)).map((answer) => answer.status);
    expect(statuses.every((status) => [400, 413, 503].includes(status))).toBe(true);
    await stand.expectRootUnharmed();
    const [, peak] = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${stand.front.pid}/status`, 'utf8'))!;
    expect(Number(peak) / 1024).toBeLessThan(160); // MiB
  });

  describe('SIGTERM', () => {
    it('ends an idle front at once with 0', async () => {
      await start();
      stand.front.signal('SIGTERM');
      expect(await stand.front.ended()).toBe(0);
    });
    it('finishes the answer in flight, refuses the queue, accepts no more, and exits 0', async () => {
      await start();
      const busy = stand.connect(order('tokens=20 delay=0.1', { stream: true }));
      await busy.sees('t1 ');
      const queued = stand.connect(order('tokens=1'));
      await until('a place in the queue', async () => (await stand.queueLength()) === 1);
      const silent = stand.connect();
      await until('connected', () => silent.connected);
      stand.front.signal('SIGTERM');
      expect(await queued.answer()).toMatchObject({ status: 503, json: { error: { code: 'draining' } } });
      const late = stand.connect(order('tokens=1'));
      await until('refused', () => late.closed);
      expect(late.received).toBe('');
      const { events } = await busy.answer();
      expect(events.at(-1)).toBe('[DONE]');
      expect(events).toHaveLength(23);
      expect(await stand.front.ended()).toBe(0);
      expect(stand.given).toHaveLength(1);
    });
    it('cuts an answer that takes longer than --drain-seconds, and exits 0', async () => {
      await start({ front: ['--drain-seconds', '1'] });
      const busy = stand.connect(order('tokens=100000 delay=0.05', { stream: true }));
      await busy.sees('t1 ');
      stand.front.signal('SIGTERM');
      expect(await stand.front.ended()).toBe(0);
      await until('closed', () => busy.closed);
    });
  });

  it('leaves the root alive when it is killed in the middle of an answer, and serves when it is back', async () => {
    await start();
    const busy = stand.connect(order('tokens=100000 delay=0.05', { stream: true }));
    await busy.sees('t1 ');
    await stand.front.kill();
    await stand.startFront();
    await stand.serving();
    await stand.expectRootUnharmed();
  });
});

describe('the command line of the front', () => {
  it.each([
    ['a missing option', ['--port', '8080']],
    [
      'an unknown option',
      ['--root-port', '1', '--workers', '0', '--model-id', 'x', '--port', '0', '--colour', 'red'],
    ],
    ['a port that is no number', ['--port', 'http', '--root-port', '1', '--workers', '0', '--model-id', 'x']],
    [
      'no connections',
      ['--port', '0', '--root-port', '1', '--workers', '0', '--model-id', 'x', '--max-connections', '0'],
    ],
  ])('exits 64 for %s', async (_name, args) => {
    const front = new Program('python3', [FRONT, ...args]);
    expect(await front.ended()).toBe(64);
    expect(front.output).toContain('FAILED (exit 64): ');
  });
});
