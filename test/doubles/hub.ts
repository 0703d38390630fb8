import { createHash } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** A file of a repository. Large (LFS) files are served by the CDN, others by the Hub itself. */
export interface HubFile {
  readonly path: string;
  readonly content: Buffer;
  readonly lfs?: boolean;
}

export interface HubRepository {
  readonly name: string;
  readonly files: HubFile[];
  /** @default 40 times the letter a */
  readonly revision?: string;
  /** @default model */
  readonly kind?: 'model' | 'dataset';
  /** Only who sends this token may read it. @default public */
  readonly token?: string;
  /** Its terms were not accepted by anybody. @default false */
  readonly gated?: boolean;
  /** The model card's data. @default { license: 'apache-2.0' } */
  readonly card?: Record<string, unknown>;
}

/** What goes wrong, once or more often, with requests that match. */
export interface Fault {
  /** Which server. @default cdn */
  readonly at?: 'hub' | 'cdn';
  /** Which address. @default any */
  readonly match?: RegExp;
  /** How often. @default 1 */
  times?: number;
  /** Only requests for a range that covers this byte. @default any */
  readonly covers?: number;
  /** Answers with a status, and headers. */
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Ends the connection after so many bytes of the body: politely (FIN), or not (RST). */
  readonly cutAfter?: number;
  readonly reset?: boolean;
  /** Sends no more after so many bytes, and keeps the connection. */
  readonly stallAfter?: number;
  /** Changes the byte at this offset of the file. */
  readonly flip?: number;
  /** Says that the file is so much longer than it is. */
  readonly longer?: number;
  /** Sends the whole file whatever range was asked for. */
  readonly ignoreRange?: boolean;
  /** Sends so many bytes in each tenth of a second. */
  readonly trickle?: number;
  /** Serves the next commit in the meantime. */
  readonly moved?: boolean;
}

export interface HubRequest {
  readonly at: 'hub' | 'cdn';
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

export const COMMIT = 'a'.repeat(40);

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

const gitBlob = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

/**
 * A Hugging Face Hub on loopback, with a CDN under another host name: API listing (paged), resolve with
 * redirects to signed links, ranges, tokens, gated and missing repositories, and faults. The real
 * `huggingface_hub` client works with it (see peers.test.ts).
 */
export class HubDouble {
  public static async start(...repositories: HubRepository[]): Promise<HubDouble> {
    const double = new HubDouble(repositories);
    await double.listen();
    return double;
  }

  public readonly requests: HubRequest[] = [];
  public readonly faults: Fault[] = [];
  /** Entries of a page of the tree. */
  public pageSize = 1000;
  /** How often a signed link may be used before it expires. */
  public linkUses = Infinity;
  /** Bytes of file bodies that were sent. */
  public sent = 0;

  private readonly hub = http.createServer((request, response) => this.serve('hub', request, response));
  private readonly cdn = http.createServer((request, response) => this.serve('cdn', request, response));
  private readonly sockets = new Set<Socket>();
  private readonly links = new Map<string, { file: HubFile; uses: number }>();
  private readonly digests = new Map<HubFile, string>();

  /** Not listening yet. */
  constructor(private readonly repositories: HubRepository[]) {
    for (const server of [this.hub, this.cdn]) {
      server.on('connection', (socket: Socket) => {
        this.sockets.add(socket);
        socket.on('close', () => this.sockets.delete(socket));
        socket.on('error', () => socket.destroy());
      });
    }
  }

  public async listen(): Promise<void> {
    await listen(this.hub);
    await listen(this.cdn);
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`;
  }

  /** Another host name than the Hub's, as clients tell the two apart by it. */
  public get cdnEndpoint(): string {
    return `http://localhost:${(this.cdn.address() as AddressInfo).port}`;
  }

  public async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await Promise.all([this.hub, this.cdn].map((server) => new Promise((done) => server.close(done))));
  }

  /** The requests that a rate limit would count. */
  public count(at: 'hub' | 'cdn', match = /./): number {
    return this.requests.filter((request) => request.at === at && match.test(request.url)).length;
  }

  public forget(): void {
    this.requests.length = 0;
    this.faults.length = 0;
    this.sent = 0;
    this.linkUses = Infinity;
  }

  private serve(at: 'hub' | 'cdn', request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url ?? '';
    this.requests.push({ at, method: request.method ?? '', url, headers: request.headers });
    const fault = this.nextFault(at, request);
    if (fault?.status) {
      response.writeHead(fault.status, { 'Content-Length': 5, ...fault.headers }).end('fault');
    } else if (at === 'cdn') {
      this.serveLink(request, response, fault);
    } else {
      this.serveHub(request, response, fault);
    }
  }

  private nextFault(at: 'hub' | 'cdn', request: http.IncomingMessage): Fault | undefined {
    const asked = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const fault = this.faults.find((candidate) => {
      const covered =
        candidate.covers === undefined ||
        !asked ||
        (Number(asked[1]) <= candidate.covers && candidate.covers <= Number(asked[2] || Infinity));
      const matches = candidate.match?.test(request.url ?? '') ?? true;
      return (candidate.at ?? 'cdn') === at && matches && covered && (candidate.times ?? 1) > 0;
    });
    if (fault) {
      fault.times = (fault.times ?? 1) - 1;
    }
    return fault;
  }

  private serveHub(request: http.IncomingMessage, response: http.ServerResponse, fault?: Fault): void {
    const url = new URL(request.url ?? '', this.endpoint);
    const path = decodeURIComponent(url.pathname);
    const api = /^\/api\/(model|dataset)s\/(.+?)(?:\/(revision|tree)\/([^/]+))?\/?$/.exec(path);
    const resolve =
      /^\/(?:api\/resolve-cache\/)?(datasets\/)?(.+?)\/(?:resolve\/)?([0-9a-f]{40}|main)\/(.+)$/.exec(path);
    const kind = (api ? api[1] : resolve?.[1] ? 'dataset' : 'model') as 'model' | 'dataset';
    const repository = this.repositories.find(
      (candidate) => (candidate.kind ?? 'model') === kind && candidate.name === (api ?? resolve)?.[2],
    );
    const refusal = this.refusal(repository, request.headers.authorization);
    if (refusal || !repository) {
      refuse(response, ...(refusal ?? ([404, '', 'no such route'] as const)));
      return;
    }
    const commit = repository.revision ?? COMMIT;
    const revision = api ? (api[4] ?? 'main') : resolve?.[3];
    if (revision !== 'main' && revision !== commit) {
      refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    } else if (api?.[3] === 'tree') {
      this.serveTree(repository, url, response);
    } else if (api) {
      this.serveInfo(repository, commit, response);
    } else {
      const file = repository.files.find((candidate) => candidate.path === resolve?.[4]);
      if (!file) {
        refuse(response, 404, 'EntryNotFound', 'Entry not found');
        return;
      }
      const headers = {
        'X-Repo-Commit': fault?.moved ? 'b'.repeat(40) : commit,
        ETag: `"${this.digest(file)}"`,
      };
      if (file.lfs) {
        const link = `${createHash('sha1').update(`${file.path}${this.links.size}`).digest('hex')}`;
        this.links.set(link, { file, uses: this.linkUses });
        response
          .writeHead(302, {
            ...headers,
            'X-Linked-Size': file.content.length,
            'X-Linked-Etag': `"${this.digest(file)}"`,
            Location: `${this.cdnEndpoint}/blob/${link}?name=${file.path} signed&Signature=${link}`,
            'Content-Length': 0,
          })
          .end();
      } else if (!path.startsWith('/api/resolve-cache/')) {
        const location = `/api/resolve-cache/${kind === 'dataset' ? 'datasets/' : ''}${repository.name}/${commit}/${file.path}`;
        response.writeHead(307, { ...headers, Location: encodeURI(location), 'Content-Length': 0 }).end();
      } else {
        this.serveBody(file, request, response, headers, fault);
      }
    }
  }

  private refusal(
    repository: HubRepository | undefined,
    authorization?: string,
  ): [number, string, string] | undefined {
    if (authorization === 'Bearer wrong') {
      return [401, '', 'Invalid credentials in Authorization header'];
    }
    const allowed = !repository?.token || authorization === `Bearer ${repository.token}`;
    if (!repository || !allowed) {
      // Without a token the Hub does not say whether a repository exists.
      return authorization
        ? [404, 'RepoNotFound', 'Repository not found']
        : [401, 'RepoNotFound', 'Invalid username or password.'];
    }
    if (repository.gated) {
      return [authorization ? 403 : 401, 'GatedRepo', `Access to model ${repository.name} is restricted.`];
    }
    return undefined;
  }

  private serveInfo(repository: HubRepository, commit: string, response: http.ServerResponse): void {
    sendJson(response, {
      _id: '0123456789abcdef01234567',
      id: repository.name,
      modelId: repository.name,
      sha: commit,
      private: repository.token !== undefined,
      gated: repository.gated ?? false,
      disabled: false,
      tags: [],
      downloads: 0,
      likes: 0,
      cardData: repository.card ?? { license: 'apache-2.0' },
      siblings: repository.files.map((file) => ({ rfilename: file.path })),
    });
  }

  private serveTree(repository: HubRepository, url: URL, response: http.ServerResponse): void {
    const folders = new Set(
      repository.files.flatMap(({ path }) =>
        path
          .split('/')
          .slice(0, -1)
          .map((_, depth, names) => names.slice(0, depth + 1).join('/')),
      ),
    );
    const entries = [
      ...[...folders].map((path) => ({ type: 'directory', oid: 'd'.repeat(40), size: 0, path })),
      ...repository.files.map((file) => ({
        type: 'file',
        oid: file.lfs ? 'e'.repeat(40) : this.digest(file),
        size: file.content.length,
        path: file.path,
        ...(file.lfs ? { lfs: { oid: this.digest(file), size: file.content.length, pointerSize: 134 } } : {}),
      })),
    ];
    const first = Number(url.searchParams.get('cursor') ?? 0);
    const next = first + this.pageSize;
    if (next < entries.length) {
      url.searchParams.set('cursor', String(next));
      response.setHeader('Link', `<${url.href}>; rel="next"`);
    }
    sendJson(response, entries.slice(first, next));
  }

  private serveLink(request: http.IncomingMessage, response: http.ServerResponse, fault?: Fault): void {
    const link = this.links.get(/^\/blob\/([0-9a-f]+)\?/.exec(request.url ?? '')?.[1] ?? '');
    if (request.headers.authorization) {
      response.writeHead(400, { 'Content-Length': 0 }).end(); // as S3 does: two kinds of authorization
    } else if (!link || link.uses-- <= 0) {
      response.writeHead(403, { 'Content-Length': 0 }).end();
    } else {
      this.serveBody(link.file, request, response, { ETag: `"${this.digest(link.file)}"` }, fault);
    }
  }

  private serveBody(
    file: HubFile,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    headers: Record<string, string>,
    fault: Fault = {},
  ): void {
    const asked = fault.ignoreRange ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const size = file.content.length;
    const first = asked ? Number(asked[1]) : 0;
    const end = asked?.[2] ? Math.min(Number(asked[2]) + 1, size) : size;
    if (asked && first >= size) {
      response.writeHead(416, { 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }).end();
      return;
    }
    let body = file.content.subarray(first, end);
    if (fault.flip !== undefined && fault.flip >= first && fault.flip < end) {
      body = Buffer.from(body);
      body[fault.flip - first] ^= 1;
    }
    const longer = fault.longer ?? 0;
    const range = asked ? { 'Content-Range': `bytes ${first}-${end - 1}/${size + longer}` } : {};
    if (!asked && !file.lfs && /gzip/.test(String(request.headers['accept-encoding'])) && size > 0) {
      // The Hub compresses small files on the fly, so that it cannot tell their length.
      response.writeHead(200, { ...headers, 'Content-Encoding': 'gzip' });
      response.end(request.method === 'HEAD' ? undefined : gzipSync(body));
      return;
    }
    response.writeHead(asked ? 206 : 200, {
      ...headers,
      ...range,
      'Accept-Ranges': 'bytes',
      'Content-Length': body.length + longer,
    });
    if (request.method === 'HEAD') {
      response.end();
    } else {
      this.send(response, body, fault);
    }
  }

  private send(response: http.ServerResponse, body: Buffer, fault: Fault): void {
    const limit = fault.cutAfter ?? fault.stallAfter ?? body.length;
    this.sent += Math.min(limit, body.length);
    if (fault.trickle) {
      const step = fault.trickle;
      let at = 0;
      const timer = setInterval(() => {
        response.write(body.subarray(at, (at += step)));
        if (at >= body.length || response.destroyed) {
          clearInterval(timer);
          response.end();
        }
      }, 100);
    } else if (fault.cutAfter !== undefined) {
      response.write(body.subarray(0, limit), () => {
        // The bytes have to leave before the connection ends.
        setTimeout(() => (fault.reset ? response.socket?.resetAndDestroy() : response.socket?.destroy()), 20);
      });
      response.flushHeaders();
    } else if (fault.stallAfter !== undefined) {
      response.flushHeaders();
      response.write(body.subarray(0, limit));
    } else {
      response.end(body);
    }
  }

  private digest(file: HubFile): string {
    const known = this.digests.get(file) ?? (file.lfs ? sha256(file.content) : gitBlob(file.content));
    this.digests.set(file, known);
    return known;
  }
}

function refuse(response: http.ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, {
      ...(code ? { 'X-Error-Code': code } : {}),
      'X-Error-Message': message,
      'Content-Length': 0,
    })
    .end();
}

function sendJson(response: http.ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response
    .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body);
}

function listen(server: http.Server): Promise<void> {
  return new Promise((done) => server.listen(0, '127.0.0.1', done));
}
