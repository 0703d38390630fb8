import * as fs from 'node:fs';
import * as path from 'node:path';
import { order, post, Stand, StandOptions, until } from './stand';

/** The root comes late, dies, falls silent, loses its workers: what the front says and does. */
describe('the front and the life of its root', () => {
  let stand: Stand;
  afterEach(() => stand.stop());
  const start = async (options: StandOptions) => (stand = await Stand.start(options));

  const restartFile = () => path.join(stand.stateDir, 'restart-root');
  const state = (wanted: string) =>
    until(`root state ${wanted}`, async () => (await stand.rootState()) === wanted);
  const dead = async () => expect(await stand.root.ended()).toBe('SIGABRT');

  it('says that the root is not up before it ever was, and lives', async () => {
    await start({ withoutRoot: true, front: ['--root-wait-seconds', '1'] });
    expect(await stand.get('/health')).toMatchObject({ status: 503, json: { root: 'starting' } });
    expect(await stand.get('/v1/models')).toMatchObject({
      status: 503,
      json: { error: { code: 'root_unavailable' } },
    });
    expect((await stand.get('/livez')).status).toBe(200);
    expect((await stand.metrics())['root_state{state="starting"}']).toBe(1);
    const answer = await stand.ask(order('tokens=1'));
    expect(answer).toMatchObject({
      status: 503,
      json: { error: { code: 'root_unavailable', type: 'server_error' } },
    });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  });

  it('keeps requests that come while the root loads, and never connects before it listens', async () => {
    await start({ withoutRoot: true, double: ['--load-seconds', '1'] });
    const client = stand.connect(order('tokens=2'));
    await until('a place in the queue', async () => (await stand.queueLength()) === 1);
    stand.startRoot();
    expect((await client.answer()).json.choices[0].message.content).toBe('t0 t1 ');
    expect(stand.root.output.match(/POST/g)).toHaveLength(1);
  });

  it('waits for a root that restarts, and serves the queue then', async () => {
    await start({});
    await stand.root.kill();
    await state('restarting');
    expect((await stand.get('/v1/models')).status).toBe(200);
    const client = stand.connect(order('tokens=2'));
    await until('a place in the queue', async () => (await stand.queueLength()) === 1);
    stand.startRoot();
    expect((await client.answer()).status).toBe(200);
    expect((await stand.metrics()).root_restarts_total).toBe(1);
    await stand.expectRootUnharmed();
  });

  it('sees a restart that is over between two looks, by the inode of the listening socket', async () => {
    const table = (inode: number) => `  sl  local_address rem_address   st\n${listening(inode)}`;
    await start({ withoutRoot: true });
    await stand.front.kill();
    const file = path.join(stand.stateDir, 'tcp');
    const listening = (inode: number) => {
      const port = stand.rootPort.toString(16).toUpperCase().padStart(4, '0');
      return `   0: 0100007F:${port} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 ${inode} 1 0 100 0 0 10 0\n`;
    };
    fs.writeFileSync(file, table(11));
    await stand.startFront('--proc-net-tcp', file);
    await state('serving');
    fs.writeFileSync(file + '.new', table(12));
    fs.renameSync(file + '.new', file);
    await until('a restart', async () => (await stand.metrics()).root_restarts_total === 1);
    expect(await stand.rootState()).toBe('serving');
  });

  it('answers 502 when the root dies in an answer, and keeps the queue for the next', async () => {
    await start({});
    const first = stand.connect(order('tokens=5 die=2 delay=0.2'));
    await until('the root was given it', () => stand.given.length === 1);
    const second = stand.connect(order('tokens=2'));
    expect(await first.answer()).toMatchObject({ status: 502, json: { error: { code: 'root_failed' } } });
    await dead();
    stand.startRoot();
    expect((await second.answer()).status).toBe(200);
    expect((await stand.metrics())['generations_total{outcome="failed"}']).toBe(1);
    expect(fs.existsSync(restartFile())).toBe(false);
  });

  it('says in a stream that the root died, and does not say [DONE]', async () => {
    await start({});
    const { status, events } = await stand.ask(order('tokens=5 die=2', { stream: true }));
    expect(status).toBe(200);
    expect(JSON.parse(events.at(-1)!).error).toMatchObject({ code: 'root_failed', type: 'server_error' });
    expect(events).not.toContain('[DONE]');
    await stand.front.says(/POST \/v1\/chat\/completions 502/);
    await dead();
  });

  it('goes on after the root lost a worker in an answer and came back by itself', async () => {
    await start({ workers: 2 });
    expect((await stand.ask(order('tokens=5 lose=2'))).status).toBe(502);
    expect((await stand.ask(order('tokens=2'))).status).toBe(200);
    expect(fs.existsSync(restartFile())).toBe(false);
    expect((await stand.metrics()).root_restarts_total).toBe(1);
    expect(stand.root.alive).toBe(true);
  });

  it('sends nothing to a root that lost a worker while idle', async () => {
    await start({ workers: 2, front: ['--root-wait-seconds', '1'] });
    stand.workerSockets[0].destroy();
    await state('degraded');
    expect((await stand.get('/health')).status).toBe(503);
    expect((await stand.ask(order('tokens=1'))).status).toBe(503);
    expect(stand.given).toHaveLength(0);
    expect(stand.root.alive).toBe(true);
  });

  it('asks for a restart of a root that falls silent in an answer, and waits for it', async () => {
    await start({ front: ['--stall-seconds', '1'] });
    const stalled = stand.connect(order('tokens=9 stall=3'));
    await until('the root was given it', () => stand.given.length === 1);
    const next = stand.connect(order('tokens=2'));
    expect(await stalled.answer()).toMatchObject({ status: 504, json: { error: { code: 'root_stalled' } } });
    expect(fs.readFileSync(restartFile(), 'utf8')).toMatch(/no byte for 1 s/);
    expect(await stand.get('/health')).toMatchObject({ status: 503, json: { root: 'restart-requested' } });
    expect(await stand.metrics()).toMatchObject({
      generation_stalls_total: 1,
      root_restart_requests_total: 1,
      'generations_total{outcome="stalled"}': 1,
    });
    expect(stand.root.alive).toBe(true);
    // What dllama.sh and the kubelet do.
    await stand.root.kill();
    fs.rmSync(restartFile());
    stand.startRoot();
    expect((await next.answer()).status).toBe(200);
  });

  it('notices a root that is stopped before it says anything', async () => {
    await start({ front: ['--stall-seconds', '1'] });
    stand.root.signal('SIGSTOP');
    expect((await stand.ask(order('tokens=1'))).status).toBe(504);
    expect(fs.existsSync(restartFile())).toBe(true);
    stand.root.signal('SIGCONT');
  });

  it('gives a long prompt longer before it calls the silence a stall', async () => {
    await start({ front: ['--stall-seconds', '0.5'] });
    const content = 'think=2 tokens=1 ' + 'x'.repeat(300); // 30 s more
    expect((await stand.ask(post({ messages: [{ role: 'user', content }] }))).status).toBe(200);
    expect(fs.existsSync(restartFile())).toBe(false);
  });

  it('asks for a restart of a root that goes on listening but ends every answer early', async () => {
    await start({});
    expect((await stand.ask(order('wedge=9'))).status).toBe(502);
    expect(fs.existsSync(restartFile())).toBe(false); // once may be chance
    expect((await stand.ask(order('tokens=1'))).status).toBe(502);
    await until('a request for a restart', () => fs.existsSync(restartFile()));
    expect(fs.readFileSync(restartFile(), 'utf8')).toMatch(/2 answers in a row/);
    expect(stand.root.alive).toBe(true);
  });

  it('forgives an early end when the next answer is whole', async () => {
    await start({});
    for (let i = 0; i < 2; i++) {
      expect((await stand.ask(order('wedge=1'))).status).toBe(502);
      expect((await stand.ask(order('tokens=1'))).status).toBe(200);
    }
    expect(fs.existsSync(restartFile())).toBe(false);
  });

  it('hands nothing over while dllama.sh drains the root, and keeps the queue for the next one', async () => {
    await start({});
    const draining = path.join(stand.stateDir, 'draining');
    const busy = stand.connect(order('tokens=30 delay=0.1', { stream: true }));
    await busy.sees('t1 ');
    const queued = stand.connect(order('tokens=1'));
    await until('a place in the queue', async () => (await stand.queueLength()) === 1);
    fs.writeFileSync(draining, '');
    await state('draining');
    const late = stand.connect(order('tokens=2'));
    expect((await busy.answer()).events.at(-1)).toBe('[DONE]');
    await until('both wait', async () => (await stand.queueLength()) === 2);
    expect((await stand.get('/health')).status).toBe(503);
    expect(stand.given).toHaveLength(1);
    // What dllama.sh and the kubelet do when the liveness probe had failed.
    await stand.root.kill();
    fs.rmSync(draining);
    stand.startRoot();
    for (const client of [queued, late]) expect((await client.answer()).status).toBe(200);
  });

  it('lets nobody wait longer than --root-wait-seconds for a root that drains', async () => {
    await start({ front: ['--root-wait-seconds', '1'] });
    fs.writeFileSync(path.join(stand.stateDir, 'draining'), '');
    const { status, json } = await stand.ask(order('tokens=1'));
    expect(status).toBe(503);
    expect(json.error).toMatchObject({
      code: 'root_unavailable',
      message: expect.stringContaining('draining'),
    });
  });
});
