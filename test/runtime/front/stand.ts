import { ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { freePort } from '../../doubles/free-port';

export const FRONT = path.join(__dirname, '../../../src/runtime/dllama_front.py');
const DOUBLE = path.join(__dirname, '../../doubles/dllama-api.py');
// Long enough for a slow machine: nothing waits this long when all is well.
const PATIENCE_MS = 30_000;

/** Waits until `check` gives something true, and gives it back. */
export async function until<T>(what: string, check: () => Promise<T> | T): Promise<NonNullable<T>> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(25);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A child process with its output, started by a test and ended with it. */
export class Program {
  public output = '';
  private readonly child: ChildProcess;

  constructor(command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own, so that what it started ends with it
    });
    const collect = (data: Buffer) => (this.output += data.toString());
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
  }

  public get pid(): number {
    return this.child.pid!;
  }

  public get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The exit code, or the signal's name, once it has ended. */
  public async ended(): Promise<number | string> {
    await until(`end of ${this.child.spawnargs.join(' ')}\n${this.output}`, () => !this.alive);
    return this.child.exitCode ?? this.child.signalCode!;
  }

  public async says(text: string | RegExp): Promise<RegExpMatchArray> {
    return until(`"${text}" in:\n${this.output}`, () => this.output.match(text));
  }

  public signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  public async kill(): Promise<void> {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // The whole group has ended already.
    }
    await this.ended();
  }
}

type Json = ReturnType<typeof JSON.parse>;

/** One answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly json: Json;
  /** The `data:` of each server-sent event. */
  readonly events: string[];
}

export function parseAnswer(raw: string): Answer {
  const at = raw.indexOf('\r\n\r\n');
  const [first, ...lines] = raw.slice(0, at).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  let body = raw.slice(at + 4);
  if (headers['transfer-encoding'] === 'chunked') body = unchunk(body);
  return {
    status: Number(first.split(' ')[1]),
    headers,
    body,
    json: headers['content-type']?.startsWith('application/json') && body ? JSON.parse(body) : undefined,
    events: [...body.matchAll(/^data: (.*)$/gm)].map((match) => match[1]),
  };
}

/** Strict: throws when the chunked body is not whole. Tests keep streamed text in ASCII, or encode it first. */
function unchunk(raw: string): string {
  let rest = Buffer.from(raw, 'utf8');
  const parts: Buffer[] = [];
  for (;;) {
    const at = rest.indexOf('\r\n');
    const size = parseInt(rest.subarray(0, at).toString(), 16);
    if (at < 0 || Number.isNaN(size)) throw new Error('the chunked answer was cut off');
    parts.push(rest.subarray(at + 2, at + 2 + size));
    rest = rest.subarray(at + 4 + size);
    if (size === 0) return Buffer.concat(parts).toString();
  }
}

/** A raw connection: what is sent and when is the test's own. */
export class Client {
  public received = '';
  public connected = false;
  public closed = false;
  private readonly socket: net.Socket;

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8');
    this.socket.on('connect', () => (this.connected = true));
    this.socket.on('data', (data) => (this.received += data.toString()));
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => (this.closed = true));
  }

  public send(data: string | Buffer): this {
    this.socket.write(data);
    return this;
  }

  /** Takes no more of the answer. */
  public pause(): void {
    this.socket.pause();
  }

  public close(): void {
    this.socket.destroy();
  }

  /** Closes with a reset instead of an orderly end. */
  public reset(): void {
    this.socket.resetAndDestroy();
  }

  public async sees(text: string): Promise<void> {
    await until(`"${text}" in ${JSON.stringify(this.received)}`, () => this.received.includes(text));
  }

  public async answer(): Promise<Answer> {
    await until(`the end of the answer, after ${JSON.stringify(this.received)}`, () => this.closed);
    return parseAnswer(this.received);
  }
}

export function post(body: unknown, head = ''): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const length = Buffer.byteLength(text);
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: chat\r\n${head}Content-Length: ${length}\r\n\r\n${text}`;
}

/** A chat whose only message tells the double what to do. */
export function order(words: string, more: Record<string, unknown> = {}): string {
  return post({ messages: [{ role: 'user', content: words }], ...more });
}

export interface StandOptions {
  readonly front?: string[];
  readonly double?: string[];
  /** Connections that the double holds to a worker, and that the front wants to see. */
  readonly workers?: number;
  /** Do not start the double, or do not wait for the front to see it serve. */
  readonly withoutRoot?: boolean;
  /** The script that runs the double, as in its container. */
  readonly underScript?: string;
}

/** A front before a double of dllama-api, in a folder of their own. */
export class Stand {
  public static async start(options: StandOptions = {}): Promise<Stand> {
    const stand = new Stand(options);
    if (options.workers) {
      stand.workerServer.listen(0, '127.0.0.1');
      await until('worker port', () => stand.workerServer.listening);
    }
    stand.rootPort = await freePort();
    if (!options.withoutRoot) stand.startRoot();
    await stand.startFront();
    if (!options.withoutRoot) await stand.serving();
    return stand;
  }

  public readonly stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'dllama-front-'));
  public readonly workerServer = net.createServer((socket) => {
    this.workerSockets.push(socket);
    socket.on('error', () => undefined);
  });
  public readonly workerSockets: net.Socket[] = [];
  public port = 0;
  public rootPort = 0;
  public front!: Program;
  public root!: Program;
  private readonly clients: Client[] = [];

  private constructor(private readonly options: StandOptions) {}

  public startRoot(): void {
    const workers = Array<string>(this.options.workers ?? 0).fill(`127.0.0.1:${this.workerPort}`);
    const args = ['--port', String(this.rootPort), '--log', this.rootLog, ...(this.options.double ?? [])];
    const double = ['python3', DOUBLE, ...args, ...(workers.length ? ['--workers', ...workers] : [])];
    const script = this.options.underScript;
    const [command, ...rest] = script ? ['sh', script, 'root', ...double] : double;
    const env = {
      STATE_DIR: this.stateDir,
      DLLAMA_ROOT_PORT: String(this.rootPort),
      DLLAMA_WORKER_PORT: String(this.workerPort),
      DLLAMA_LOOK_SECONDS: '0.2',
    };
    this.root = new Program(command, rest, env);
  }

  public async startFront(...more: string[]): Promise<void> {
    const values = {
      '--host': '127.0.0.1',
      '--port': '0',
      '--root-port': String(this.rootPort),
      '--workers': String(this.options.workers ?? 0),
      '--worker-port': String(this.workerPort),
      '--model-id': 'tiny',
      '--max-seq-len': '8192',
      '--state-dir': this.stateDir,
    };
    const args = [...Object.entries(values).flat(), ...(this.options.front ?? []), ...more];
    this.front = new Program('python3', [FRONT, ...args]);
    this.port = Number((await this.front.says(/listening on .*:(\d+)/))[1]);
  }

  /** Connects, and is closed with the stand. */
  public connect(data?: string | Buffer): Client {
    const client = new Client(this.port);
    this.clients.push(client);
    return data === undefined ? client : client.send(data);
  }

  public ask(request: string | Buffer): Promise<Answer> {
    return this.connect(request).answer();
  }

  public get(target: string): Promise<Answer> {
    return this.ask(`GET ${target} HTTP/1.1\r\nHost: chat\r\n\r\n`);
  }

  public async serving(): Promise<void> {
    await until('the root serves', async () => (await this.get('/health')).status === 200);
  }

  public async rootState(): Promise<string> {
    return (await this.get('/health')).json.root;
  }

  /** The samples of /metrics by name and labels. */
  public async metrics(): Promise<Record<string, number>> {
    const { body } = await this.get('/metrics');
    const samples = body.split('\n').filter((line) => line && !line.startsWith('#'));
    return Object.fromEntries(
      samples.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice('dllama_front_'.length, at), Number(line.slice(at))];
      }),
    );
  }

  public async queueLength(): Promise<number> {
    return (await this.metrics()).queue_length;
  }

  /** The chat bodies that the root was given, in order. */
  public get given(): Json[] {
    if (!fs.existsSync(this.rootLog)) return [];
    const lines = fs.readFileSync(this.rootLog, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  public get lastGiven(): Json {
    return this.given.at(-1);
  }

  /** The root lives, and still answers. */
  public async expectRootUnharmed(): Promise<void> {
    const answer = await this.ask(order('tokens=2'));
    expect({ status: answer.status, alive: this.root.alive, said: this.root.output }).toMatchObject({
      status: 200,
      alive: true,
    });
  }

  public async stop(): Promise<void> {
    this.clients.forEach((client) => client.close());
    this.workerSockets.forEach((socket) => socket.destroy());
    this.workerServer.close();
    await this.front?.kill();
    await this.root?.kill();
    fs.rmSync(this.stateDir, { recursive: true });
  }

  private get workerPort(): number {
    const address = this.workerServer.address();
    return address && typeof address === 'object' ? address.port : 9999;
  }

  private get rootLog(): string {
    return path.join(this.stateDir, 'given.jsonl');
  }
}
