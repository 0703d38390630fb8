import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { freePort } from '../../doubles/free-port';
import { order, Program, sleep, Stand, until } from '../front/stand';

const SCRIPT = path.join(__dirname, '../../../src/runtime/dllama.sh');

/** What images have as /bin/sh, as far as this machine has it; its own otherwise. */
const KNOWN = [['dash'], ['busybox', 'ash']];
const FOUND = KNOWN.filter(([name, ...args]) => spawnSync(name, [...args, '-c', 'true']).status === 0);
const SHELLS = FOUND.length ? FOUND : [['sh']];

/** A pod's sockets: real ones, on free ports. */
class Sockets {
  private readonly servers: net.Server[] = [];
  private readonly sockets: net.Socket[] = [];
  public accepted = 0;

  /** A server on 127.0.0.1; its port. */
  public async listen(port = 0): Promise<number> {
    const server = net.createServer((socket) => {
      this.accepted++;
      this.keep(socket);
    });
    this.servers.push(server);
    server.listen(port, '127.0.0.1');
    await until('listening', () => server.listening);
    return (server.address() as net.AddressInfo).port;
  }

  /** A connection that stays, from an address of its own. */
  public async connect(port: number, from = '127.0.0.1'): Promise<net.Socket> {
    const before = this.accepted;
    const socket = this.keep(net.connect({ port, host: '127.0.0.1', localAddress: from }));
    await until('accepted', () => this.accepted > before);
    return socket;
  }

  public async stopListening(): Promise<void> {
    for (const server of this.servers.splice(0)) server.close();
    await Promise.resolve();
  }

  public close(): void {
    this.sockets.forEach((socket) => socket.destroy());
    this.servers.forEach((server) => server.close());
  }

  private keep(socket: net.Socket): net.Socket {
    socket.on('error', () => undefined);
    this.sockets.push(socket);
    return socket;
  }
}

describe.each(SHELLS.map((shell) => [shell.join(' '), shell]))('dllama.sh in %s', (_name, shell) => {
  let sockets: Sockets;
  let stateDir: string;
  const programs: Program[] = [];
  beforeEach(() => {
    sockets = new Sockets();
    stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'dllama-sh-'));
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.kill();
    sockets.close();
    fs.rmSync(stateDir, { recursive: true });
  });

  const [command, ...first] = shell as [string, ...string[]];
  const run = (args: string[], env: NodeJS.ProcessEnv = {}) => {
    const program = new Program(command, [...first, SCRIPT, ...args], {
      STATE_DIR: stateDir,
      DLLAMA_LOOK_SECONDS: '0.2',
      ...env,
    });
    programs.push(program);
    return program;
  };
  const probe = (args: string[], env: NodeJS.ProcessEnv = {}) => {
    const result = spawnSync(command, [...first, SCRIPT, ...args], {
      env: { ...process.env, STATE_DIR: stateDir, ...env },
    });
    return { status: result.status, says: result.stderr.toString() };
  };
  const marked = (name: string) => path.join(stateDir, name);

  describe('worker', () => {
    const count = () =>
      fs.existsSync(marked('starts')) ? fs.readFileSync(marked('starts'), 'utf8').length : 0;
    const counting = (then: string) => ['worker', 'sh', '-c', `printf x >>"$0"; ${then}`, marked('starts')];

    it('starts a worker again that exited, as workers do when a root goes, and logs the code', async () => {
      const worker = run(counting('exit 3'));
      await until('three starts', () => count() >= 3);
      expect(worker.output).toContain('the worker exited with code 3, starting it again');
      expect(worker.alive).toBe(true);
    });
    it.each(['SIGTERM', 'SIGINT'] as const)(
      'exits 0 at once on %s and takes the worker with it',
      async (name) => {
        const worker = run(counting('echo $$ >"$0.pid"; exec sleep 1000'));
        const pid = Number(
          await until('a pid', () => fs.existsSync(marked('starts.pid')) && read('starts.pid')),
        );
        worker.signal(name);
        expect(await worker.ended()).toBe(0);
        await until('the worker ends', () => !isAlive(pid));
        expect(count()).toBe(1);
      },
    );
    it('exits 0 at once on SIGTERM between two starts', async () => {
      const worker = run(counting('exit 1'));
      await worker.says('starting it again');
      worker.signal('SIGTERM');
      expect(await worker.ended()).toBe(0);
    });
    it('exits when the program is not there, which no restart cures', async () => {
      expect(await run(['worker', marked('nothing')]).ended()).toBe(127);
      fs.writeFileSync(marked('text'), 'x', { mode: 0o644 });
      expect(await run(['worker', marked('text')]).ended()).toBe(126);
    });
    it('kills a worker that goes on without a port and without a root, and starts it again', async () => {
      const env = { DLLAMA_WORKER_PORT: String(await freePort()) };
      const worker = run(counting('exec sleep 1000'), env);
      await worker.says('of no use any more, killed: dllama.sh: the worker has neither a port nor a root');
      await worker.says('the worker exited with code 137, starting it again');
      await until('a second start', () => count() === 2);
    });
    it('passes arguments as they are', async () => {
      const odd = ['a b', '$HOME', '*', '"', "'", '`id`', '', '--port', '9999'];
      run([
        'worker',
        'sh',
        '-c',
        'out=$1; shift; for a; do printf "%s\\n" "$a"; done >"$out"; exec sleep 1000',
        'x',
        marked('args'),
        ...odd,
      ]);
      await until(
        'all arguments',
        () => fs.existsSync(marked('args')) && read('args') === odd.join('\n') + '\n',
      );
    });
  });

  const read = (name: string) => fs.readFileSync(marked(name), 'utf8');
  const isAlive = (pid: number) => {
    try {
      return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };

  describe('root', () => {
    it("exits with the root's code", async () => {
      expect(await run(['root', 'sh', '-c', 'exit 7']).ended()).toBe(7);
      expect(await run(['root', 'sh', '-c', 'kill -ABRT $$']).ended()).toBe(134);
      expect(await run(['root', marked('nothing')]).ended()).toBe(127);
    });
    it('is not the root itself, which as PID 1 would not hear SIGTERM', async () => {
      const root = run(['root', 'sh', '-c', 'echo child $$; exec sleep 1000']);
      const [, pid] = await root.says(/child (\d+)/);
      expect(Number(pid)).not.toBe(root.pid);
      root.signal('SIGTERM');
      expect(await root.ended()).toBe(0);
      await until('the root ends', () => !isAlive(Number(pid)));
    });
    it('begins without the marks of its former life', async () => {
      fs.writeFileSync(marked('restart-root'), 'stalled\n');
      fs.writeFileSync(marked('draining'), '');
      run(['root', 'sleep', '1000']);
      await until('no marks', () => fs.readdirSync(stateDir).length === 0);
    });
    describe('that served', () => {
      const starts = () => (fs.existsSync(marked('starts')) ? read('starts').length : 0);
      /** A root that counts its starts; the test listens on its port, and holds its connections, in its stead. */
      const serve = async (then: string, ...more: string[]) => {
        const env = {
          DLLAMA_ROOT_PORT: String(await sockets.listen()),
          DLLAMA_WORKER_PORT: String(await sockets.listen()),
        };
        return {
          env,
          root: run(['root', 'sh', '-c', `printf x >>"$0"; ${then}`, marked('starts'), ...more], env),
        };
      };
      const wait = 'exec sleep 1000';

      it('is started again in place, later and later', async () => {
        const { root } = await serve('sleep 1; exit 5');
        await root.says('the root exited with code 5, starting it again in 1 s');
        await root.says('starting it again in 3 s');
        await until('a third start', () => starts() === 3);
        expect(root.alive).toBe(true);
      });
      it('is killed and started again when the front asks for it', async () => {
        const { root } = await serve(wait);
        await until('a start', () => starts() === 1);
        fs.writeFileSync(marked('restart-root'), 'no byte for 300 s\n');
        await root.says(
          'of no use any more, killed: dllama.sh: the front asks for a restart: no byte for 300 s',
        );
        await until('a second start', () => starts() === 2);
        expect(root.output).toContain('the root exited with code 137, starting it again in 0 s');
        expect(fs.existsSync(marked('restart-root'))).toBe(false);
      });
      it('is killed and started again when it has less workers than --workers names', async () => {
        const args = ['--model', 'm', '--workers', 'a:1', 'b:2', '--port', '1'];
        const { root, env } = await serve(wait, ...args);
        const links = [1, 2].map(() => sockets.connect(Number(env.DLLAMA_WORKER_PORT)));
        const [first] = await Promise.all(links);
        await sleep(1000); // many looks
        expect(starts()).toBe(1);
        first.destroy();
        await root.says('of no use any more, killed: dllama.sh: connected to 1 workers of 2');
        await until('a second start', () => starts() === 2);
      });
      it.each(['SIGTERM', 'SIGINT'] as const)('is not started again after %s', async (name) => {
        const { root } = await serve('sleep 1; exit 5');
        await root.says('starting it again in 3 s'); // in that pause
        root.signal(name);
        expect(await root.ended()).toBe(0);
        expect(starts()).toBe(2);
        expect(fs.existsSync(marked('draining'))).toBe(true);
      });
      it('is stopped by SIGTERM in its second life too', async () => {
        const { root } = await serve(wait);
        await until('a start', () => starts() === 1);
        fs.writeFileSync(marked('restart-root'), 'x\n');
        await until('a second start', () => starts() === 2);
        root.signal('SIGTERM');
        expect(await root.ended()).toBe(0);
      });
      it('is not killed while it is drained, useless or not', async () => {
        const { root, env } = await serve(wait);
        await until('a start', () => starts() === 1);
        const answer = await sockets.connect(Number(env.DLLAMA_ROOT_PORT));
        root.signal('SIGTERM');
        await until('draining', () => fs.existsSync(marked('draining')));
        fs.writeFileSync(marked('restart-root'), 'x\n');
        await sleep(1000); // many looks
        expect(root.alive).toBe(true);
        answer.destroy();
        expect(await root.ended()).toBe(0);
        expect(root.output).not.toContain('of no use');
      });
    });
    it('is killed before it ever served when the front asks for it, and left to the kubelet', async () => {
      const env = { DLLAMA_ROOT_PORT: String(await freePort()) };
      const root = run(['root', 'sh', '-c', 'echo up; exec sleep 1000'], env);
      await root.says('up');
      fs.writeFileSync(marked('restart-root'), 'x\n');
      expect(await root.ended()).toBe(137);
    });
    it('waits at SIGTERM until the answer in flight is over', async () => {
      const port = await sockets.listen();
      const answer = await sockets.connect(port);
      const root = run(['root', 'sh', '-c', 'echo up; exec sleep 1000'], { DLLAMA_ROOT_PORT: String(port) });
      await root.says('up');
      root.signal('SIGTERM');
      await until('it says so to the front', () => fs.existsSync(marked('draining')));
      expect(root.alive).toBe(true);
      answer.destroy();
      expect(await root.ended()).toBe(0);
    });
    it('waits no longer than DRAIN_SECONDS', async () => {
      const port = await sockets.listen();
      await sockets.connect(port);
      const env = { DLLAMA_ROOT_PORT: String(port), DRAIN_SECONDS: '1' };
      const root = run(['root', 'sh', '-c', 'echo up; exec sleep 1000'], env);
      await root.says('up');
      root.signal('SIGTERM');
      expect(await root.ended()).toBe(0);
    });
  });

  describe('probes', () => {
    it('never open a connection (MUST NOT: tcpSocket, httpGet, nc)', async () => {
      const port = await sockets.listen();
      const env = { DLLAMA_ROOT_PORT: String(port), DLLAMA_WORKER_PORT: String(port) };
      for (const args of [
        ['worker-ready'],
        ['worker-live', 'localhost'],
        ['root-started'],
        ['root-ready', '0'],
        ['root-live', '0'],
      ])
        expect(probe(args, env)).toEqual({ status: 0, says: '' });
      expect(sockets.accepted).toBe(0);
      expect(fs.readFileSync(SCRIPT, 'utf8')).not.toMatch(/\b(nc|ncat|curl|wget|telnet|tcp\/)\b/);
    });

    it('worker-ready: passes while it listens or is connected, fails otherwise', async () => {
      const port = await sockets.listen();
      const env = { DLLAMA_WORKER_PORT: String(port) };
      expect(probe(['worker-ready'], env).status).toBe(0);
      const root = await sockets.connect(port);
      await sockets.stopListening();
      expect(probe(['worker-ready'], env).status).toBe(0);
      root.destroy();
      await until('failure', () => probe(['worker-ready'], env).status === 1);
      expect(probe(['worker-ready'], env).says).toContain('neither a port nor a root');
    });

    it('worker-live: passes while it waits, and while its root is who it should be', async () => {
      const port = await sockets.listen();
      const env = { DLLAMA_WORKER_PORT: String(port) };
      expect(probe(['worker-live', 'localhost'], env).status).toBe(0);
      await sockets.connect(port, '127.0.0.1');
      expect(probe(['worker-live', 'localhost'], env).status).toBe(0);
    });
    it('worker-live: fails when it is held by a root that is no more', async () => {
      const port = await sockets.listen();
      const env = { DLLAMA_WORKER_PORT: String(port) };
      await sockets.connect(port, '127.0.0.77');
      expect(probe(['worker-live', 'localhost'], env).status).toBe(1);
      expect(probe(['worker-live', 'localhost'], env).says).toContain('not to localhost');
      expect(probe(['worker-live', '127.0.0.77'], env).status).toBe(0);
    });
    it('worker-live: does not take another worker for the root', async () => {
      const port = await sockets.listen();
      const env = { DLLAMA_WORKER_PORT: String(port) };
      await sockets.connect(port, '127.0.0.21');
      await sockets.connect(port, '127.0.0.22');
      expect(probe(['worker-live', '127.0.0.10'], env).status).toBe(1);
      await sockets.connect(port, '127.0.0.10');
      expect(probe(['worker-live', '127.0.0.10'], env).status).toBe(0);
    });
    it('worker-live: fails without a port and without a root', async () => {
      const env = { DLLAMA_WORKER_PORT: String(await freePort()) };
      expect(probe(['worker-live', 'localhost'], env)).toMatchObject({
        status: 1,
        says: expect.stringContaining('neither a port nor a root'),
      });
    });
    describe('with the table of', () => {
      /** Rows as the kernel writes them: local and remote address, state, retransmits. */
      const table = (...rows: [string, string, string, number?][]) => {
        const lines = rows.map(([local, remote, state, retransmits = 0], i) => {
          const count = retransmits.toString(16).toUpperCase().padStart(8, '0');
          const timer = retransmits ? '01:00000A3C' : '00:00000000';
          return `${String(i).padStart(4)}: ${local} ${remote} ${state} 00000040:00000000 ${timer} ${count}     0        0 123 2 00000000ea23f82f 20 4 30 10 -1`;
        });
        const file = marked('tcp');
        const head =
          '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
        fs.writeFileSync(file, [head, ...lines, ''].join('\n'));
        return { DLLAMA_PROC_NET_TCP: file };
      };
      const [root, worker, other] = ['0A00000A:9C40', '0B00000A:270F', '0C00000A:270F'];
      const listens: [string, string, string] = ['0100007F:2706', '00000000:0000', '0A'];

      it('a root: fails when a worker has acknowledged nothing for 7 retransmits', () => {
        const look = (retransmits: number, name: string) =>
          probe([name, '2'], table(listens, [root, worker, '01'], [root, other, '01', retransmits]));
        for (const name of ['root-live', 'root-ready']) {
          for (const few of [0, 1, 6]) expect(look(few, name)).toEqual({ status: 0, says: '' });
          for (const many of [7, 10, 15]) {
            const says = expect.stringContaining('does not answer any more');
            expect(look(many, name)).toMatchObject({ status: 1, says });
          }
        }
      });
      it('a root that loads: fails likewise', () => {
        expect(probe(['root-live', '2'], table([root, worker, '01', 6])).status).toBe(0);
        expect(probe(['root-live', '2'], table([root, worker, '01', 7])).status).toBe(1);
      });
      it('a root: does not mind a slow client, or a worker that is still being dialled', () => {
        const client: [string, string, string, number] = ['0A00000A:1F90', '6300000A:C350', '01', 9];
        const env = table(
          listens,
          client,
          [root, worker, '02', 9],
          [root, worker, '01'],
          [root, other, '01'],
        );
        expect(probe(['root-live', '2'], env)).toEqual({ status: 0, says: '' });
      });
      it('a worker: fails when the root or another worker is lost, whoever had called', () => {
        const waits: [string, string, string] = [worker, root, '01'];
        const host = ['worker-live', '10.0.0.10'];
        const link = (retransmits: number) => table(waits, ['0B00000A:9C41', other, '01', retransmits]);
        expect(probe(host, link(6))).toEqual({ status: 0, says: '' });
        expect(probe(host, link(7)).says).toContain('does not answer any more');
        expect(probe(host, table([worker, root, '01', 7])).status).toBe(1);
      });
      it('a worker: fails when it hangs on another one, and so does not see that its root has left it', () => {
        const hangs = table([worker, root, '08'], ['0B00000A:9C41', other, '01']);
        expect(probe(['worker-live', '10.0.0.10'], hangs).status).toBe(1);
        const both = table([worker, root, '08'], [worker, '0C00000A:9C42', '01']);
        expect(probe(['worker-live', '10.0.0.10'], both).says).toContain('the root has left');
      });
    });
    it('worker-live: passes when the name does not resolve', async () => {
      const port = await sockets.listen();
      await sockets.connect(port);
      expect(probe(['worker-live', 'nobody.invalid'], { DLLAMA_WORKER_PORT: String(port) }).status).toBe(0);
    });

    it('root-started: passes once the root listens on 127.0.0.1', async () => {
      const port = await freePort();
      const env = { DLLAMA_ROOT_PORT: String(port) };
      expect(probe(['root-started'], env).status).toBe(1);
      await sockets.listen(port);
      expect(probe(['root-started'], env).status).toBe(0);
    });

    /** A root that listens and is connected to two workers. */
    const rootWithTwoWorkers = async () => {
      const rootPort = await sockets.listen();
      const workerPort = await sockets.listen();
      const links = [await sockets.connect(workerPort), await sockets.connect(workerPort)];
      return { links, env: { DLLAMA_ROOT_PORT: String(rootPort), DLLAMA_WORKER_PORT: String(workerPort) } };
    };
    it.each(['root-ready', 'root-live'])(
      '%s: passes with all workers and fails when one is lost',
      async (name) => {
        const { links, env } = await rootWithTwoWorkers();
        expect(probe([name, '2'], env)).toEqual({ status: 0, says: '' });
        links[0].destroy();
        await until('failure', () => probe([name, '2'], env).status === 1);
        expect(probe([name, '2'], env).says).toContain('connected to 1 workers of 2');
      },
    );
    it('root-live: passes while the root generates and others wait', async () => {
      const { env } = await rootWithTwoWorkers();
      for (let i = 0; i < 3; i++) await sockets.connect(Number(env.DLLAMA_ROOT_PORT));
      expect(probe(['root-live', '2'], env).status).toBe(0);
      expect(probe(['root-ready', '2'], env).status).toBe(0);
    });
    it('root-live: passes while the root loads or connects again; root-ready does not', async () => {
      const env = { DLLAMA_ROOT_PORT: String(await freePort()), DLLAMA_WORKER_PORT: '1' };
      expect(probe(['root-live', '2'], env).status).toBe(0);
      expect(probe(['root-ready', '2'], env).status).toBe(1);
    });
    it('root-live and root-ready: fail when the front asks for a restart, and say why', async () => {
      const { env } = await rootWithTwoWorkers();
      fs.writeFileSync(marked('restart-root'), 'no byte for 300 s\n');
      for (const name of ['root-live', 'root-ready']) {
        expect(probe([name, '2'], env)).toMatchObject({
          status: 1,
          says: expect.stringContaining('no byte for 300 s'),
        });
      }
    });
  });

  it.each([
    [[]],
    [['walk']],
    [['worker']],
    [['root']],
    [['root-live']],
    [['worker-live']],
    [['root-ready', '1', '2']],
  ])('exits 64 and shows its usage for %j', (args) => {
    const { status, says } = probe(args);
    expect(status).toBe(64);
    expect(says).toContain('dllama.sh worker COMMAND...');
  });
});

describe('dllama.sh as PID 1', () => {
  // Needs the right to make a PID namespace: as root, or through a user namespace.
  const ways = [['-pf'], ['-rpf']].filter((flags) => spawnSync('unshare', [...flags, 'true']).status === 0);
  const flags = ways[0] ?? [];
  const wrap = flags.length ? ['unshare', ...flags, '--kill-child'] : [];

  it.each(['worker', 'root'])(
    'ends a %s on SIGTERM, which the kernel does not deliver to a bare PID 1',
    async (role) => {
      const stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'dllama-sh-'));
      const [command, ...args] = [...wrap, 'sh', SCRIPT, role, 'sh', '-c', 'echo up; exec sleep 1000'];
      const program = new Program(command, args, { STATE_DIR: stateDir });
      try {
        await program.says('up');
        const children = fs.readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim();
        process.kill(wrap.length ? Number(children) : program.pid, 'SIGTERM');
        expect(await program.ended()).toBe(0);
      } finally {
        await program.kill();
      }
      fs.rmSync(stateDir, { recursive: true });
    },
  );
});

describe('dllama.sh, the front and dllama-api in one pod', () => {
  let stand: Stand;
  afterEach(() => stand.stop());

  const live = () => {
    const env = { ...process.env, STATE_DIR: stand.stateDir, DLLAMA_ROOT_PORT: String(stand.rootPort) };
    return spawnSync('sh', [SCRIPT, 'root-live', '0'], { env }).status;
  };

  it('heal a root that fell silent, without the kubelet', async () => {
    stand = await Stand.start({ front: ['--stall-seconds', '1'], underScript: SCRIPT });
    const stalled = stand.connect(order('tokens=9 stall=3'));
    await until('the root was given it', () => stand.given.length === 1);
    expect(live()).toBe(0); // busy is not dead
    const next = stand.connect(order('tokens=2'));
    expect((await stalled.answer()).status).toBe(504);
    expect(live()).toBe(1);
    expect((await next.answer()).status).toBe(200);
    expect(live()).toBe(0);
    expect(stand.root.output).toContain('of no use any more, killed');
    expect((await stand.metrics()).root_restarts_total).toBe(1);
  });

  it('heal a root that lost a worker while idle, without a request that fails', async () => {
    stand = await Stand.start({ workers: 2, underScript: SCRIPT });
    stand.workerSockets[0].destroy();
    await until('degraded', async () => (await stand.rootState()) === 'degraded');
    expect((await stand.ask(order('tokens=2'))).status).toBe(200);
    expect(stand.root.output).toContain('connected to 1 workers of 2');
    expect(stand.root.alive).toBe(true);
  });

  it('heal a root that died in an answer', async () => {
    stand = await Stand.start({ underScript: SCRIPT });
    await stand.root.says('Listening');
    await sleep(1000); // for dllama.sh to have seen it listen
    expect((await stand.ask(order('tokens=5 die=2'))).status).toBe(502);
    expect((await stand.ask(order('tokens=2'))).status).toBe(200);
    expect(stand.root.output).toContain('the root exited with code 134, starting it again in 1 s');
  });

  it('let an answer end before the root is stopped, and take nothing new', async () => {
    stand = await Stand.start({ underScript: SCRIPT });
    const busy = stand.connect(order('tokens=20 delay=0.1', { stream: true }));
    await busy.sees('t1 ');
    stand.root.signal('SIGTERM');
    await until('draining', async () => (await stand.rootState()) === 'draining');
    const late = stand.connect(order('tokens=1'));
    await until('it waits', async () => (await stand.queueLength()) === 1);
    expect((await busy.answer()).events.at(-1)).toBe('[DONE]');
    expect(await stand.root.ended()).toBe(0);
    expect(stand.given).toHaveLength(1);
    stand.startRoot(); // only its container was restarted
    expect((await late.answer()).status).toBe(200);
  });

  // As containers of one pod are, where neither is a native sidecar.
  it.each([
    ['root', 'front'],
    ['front', 'root'],
  ] as const)('let an answer end when both are stopped, the %s before the %s', async (...both) => {
    stand = await Stand.start({ underScript: SCRIPT });
    const busy = stand.connect(order('tokens=20 delay=0.1', { stream: true }));
    await busy.sees('t1 ');
    const queued = stand.connect(order('tokens=1'));
    await until('it waits', async () => (await stand.queueLength()) === 1);
    for (const each of both) stand[each].signal('SIGTERM');
    expect(await queued.answer()).toMatchObject({ status: 503, json: { error: { code: 'draining' } } });
    expect((await busy.answer()).events.at(-1)).toBe('[DONE]');
    expect([await stand.front.ended(), await stand.root.ended()]).toEqual([0, 0]);
    expect(stand.given).toHaveLength(1);
  });
});

it('dllama.sh is plain POSIX to its reader', () => {
  execFileSync('sh', ['-n', SCRIPT]);
  const code = fs.readFileSync(SCRIPT, 'utf8').replace(/^ *#.*$/gm, '');
  expect(code).not.toMatch(/\beval\b|\[\[|\bfunction\b|\blocal\b|<</);
});
