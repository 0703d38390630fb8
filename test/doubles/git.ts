import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import type * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { Loopback } from './loopback';
import type { LoopbackFault } from './loopback';

/** A file of a commit: its text, or what a link leads to. */
export interface GitFile {
  readonly path: string;
  readonly text?: string | Buffer;
  readonly link?: string;
  readonly executable?: boolean;
}

/** How a repository is served. */
export interface GitService {
  /** Only who sends this as the password may read it. @default public */
  readonly token?: string;
  /** Git's first protocol, by which a server gives no commit by its id. @default false */
  readonly old?: boolean;
  /** Ids of 64 digits, for a repository that is made with it. @default false */
  readonly sha256?: boolean;
  /** Where it leads instead. */
  readonly movedTo?: string;
}

/** A server of Git on loopback, by smart HTTP: git's own `http-backend` on real repositories, with faults. */
export class GitDouble extends Loopback {
  public static async start(): Promise<GitDouble> {
    const double = new GitDouble();
    await double.listen('git', (request, response, fault) => double.serve(request, response, fault));
    return double;
  }

  /** The user and password of each request that had any. */
  public readonly credentials: string[] = [];

  private readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'git-double-'));
  private readonly services = new Map<string, GitService>();

  public url(name: string): string {
    return `http://127.0.0.1:${this.port('git')}/${name}.git`;
  }

  public override async stop(): Promise<void> {
    await super.stop();
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  /** Adds a commit to a repository, which is made with the first; returns the commit's id. */
  public commit(name: string, files: readonly GitFile[], service: GitService = {}): string {
    const work = path.join(this.root, name);
    this.services.set(name, service);
    const format = `--object-format=${service.sha256 ? 'sha256' : 'sha1'}`;
    if (!fs.existsSync(work)) this.git(this.root, 'init', '--quiet', '--initial-branch=main', format, name);
    for (const file of files) {
      const at = path.join(work, file.path);
      fs.mkdirSync(path.dirname(at), { recursive: true });
      fs.rmSync(at, { force: true });
      if (file.link === undefined)
        fs.writeFileSync(at, file.text ?? '', { mode: file.executable ? 0o755 : 0o644 });
      else fs.symlinkSync(file.link, at);
    }
    this.git(work, 'add', '--all');
    this.git(work, 'commit', '--quiet', '--message=one more');
    return this.id(name, 'HEAD');
  }

  /** Adds a commit that has a commit of another repository at a path; returns its id. */
  public submodule(name: string, at: string, commit: string): string {
    this.commit(name, [{ path: 'README.md', text: name }]);
    const work = path.join(this.root, name);
    this.git(work, 'update-index', '--add', '--cacheinfo', `160000,${commit},${at}`);
    this.git(work, 'commit', '--quiet', '--message=another repository');
    return this.id(name, 'HEAD');
  }

  /** The id of what a name means: `HEAD`, `HEAD:file`. */
  public id(name: string, what: string): string {
    return this.git(path.join(this.root, name), 'rev-parse', what).trim();
  }

  public override forget(): void {
    super.forget();
    this.credentials.length = 0;
  }

  private git(folder: string, ...words: string[]): string {
    const name = [
      '-c',
      'user.name=nobody',
      '-c',
      'user.email=nobody@example.com',
      '-c',
      'core.autocrlf=false',
    ];
    const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: os.devNull };
    return execFileSync('git', [...name, ...words], { cwd: folder, env, encoding: 'utf8' });
  }

  private serve(request: http.IncomingMessage, response: http.ServerResponse, fault: LoopbackFault): void {
    const [, name, rest] = /^\/([\w.-]+)\.git(\/.*)$/.exec(request.url ?? '') ?? [];
    const service = this.services.get(name);
    const authorization = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    const credential = authorization && Buffer.from(authorization, 'base64').toString();
    if (credential) this.credentials.push(credential);
    if (!service) {
      response.writeHead(404).end('no such repository');
    } else if (service.movedTo !== undefined) {
      response.writeHead(301, { Location: `${service.movedTo}${rest}` }).end();
    } else if (service.token !== undefined && credential?.split(':')[1] !== service.token) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
    } else {
      this.runBackend(name, rest, service, request, response, fault);
    }
  }

  private runBackend(
    name: string,
    rest: string,
    { old }: GitService,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
  ): void {
    const [pathInfo, query = ''] = rest.split('?');
    const protocol = request.headers['git-protocol'];
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: os.devNull,
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: `/${name}/.git${pathInfo}`,
        QUERY_STRING: query,
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        ...(request.headers['content-encoding']
          ? { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }
          : {}),
        ...(protocol && !old ? { GIT_PROTOCOL: String(protocol) } : {}),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(backend.stdin);
    backend.stdin.on('error', () => undefined); // who asked has gone
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.on('close', () => this.answer(Buffer.concat(chunks), response, fault));
  }

  /** Sends what a CGI program says: headers, an empty line, the body. */
  private answer(said: Buffer, response: http.ServerResponse, fault: LoopbackFault): void {
    const end = said.indexOf('\r\n\r\n');
    const headers: Record<string, string> = {};
    let status = 200;
    for (const line of said.subarray(0, end).toString().split('\r\n')) {
      const [name, value] = line.split(': ');
      if (name === 'Status') status = Number(value.slice(0, 3));
      else headers[name] = value;
    }
    let body = said.subarray(end + 4);
    if (fault.flip !== undefined) {
      body = Buffer.from(body);
      body[fault.flip] ^= 1;
    }
    response.writeHead(status, headers);
    const limit = fault.cutAfter ?? fault.stallAfter;
    if (limit === undefined || limit >= body.length) {
      response.end(body);
    } else {
      response.write(body.subarray(0, limit), () => {
        if (fault.cutAfter !== undefined) response.socket?.resetAndDestroy();
      });
    }
  }
}

/** A server for the tests of a file, or of a block. */
export function gitForTests(): { current: GitDouble } {
  const holder = {} as { current: GitDouble };
  beforeAll(async () => {
    holder.current = await GitDouble.start();
  });
  beforeEach(() => holder.current.forget());
  afterAll(() => holder.current.stop());
  return holder;
}
