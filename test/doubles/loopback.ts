import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { sendBody } from './faulty-body';
import type { BodyFault } from './faulty-body';

/** What goes wrong, once or more often, with requests that match. */
export interface LoopbackFault extends BodyFault {
  /** Which server. @default any */
  readonly at?: string;
  /** Which address. @default any */
  readonly match?: RegExp;
  /** How often. @default 1 */
  times?: number;
  /** Only requests for a range that covers this byte. @default any */
  readonly covers?: number;
  /** Answers with a status, and headers. */
  readonly status?: number;
  readonly headers?: Record<string, string>;
}

export interface LoopbackRequest {
  readonly at: string;
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** How a body is sent, besides what goes wrong with it. */
export interface BodyOptions {
  readonly headers?: Record<string, string>;
  /** Sends the whole file whatever range was asked for. @default false */
  readonly ignoreRange?: boolean;
  /** Does not tell how long the file is, knows no ranges, and sends it chunked. @default false */
  readonly withoutLength?: boolean;
}

type Handler = (request: http.IncomingMessage, response: http.ServerResponse, fault: LoopbackFault) => void;

/** Servers on loopback with requests that can be counted, and faults. */
export class Loopback {
  public readonly requests: LoopbackRequest[] = [];
  public readonly faults: LoopbackFault[] = [];
  /** Bytes of bodies that were sent. */
  public sent = 0;

  private readonly servers = new Map<string, http.Server>();
  private readonly sockets = new Set<Socket>();

  /** Starts a server under a name. */
  public async listen(at: string, handle: Handler): Promise<void> {
    const server = http.createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      this.requests.push({ at, method, url, headers });
      const fault = this.nextFault(at, request) ?? {};
      if (fault.status) {
        response.writeHead(fault.status, { 'Content-Length': 5, ...fault.headers }).end('fault');
      } else {
        handle(request, response, fault);
      }
    });
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    this.servers.set(at, server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  }

  public port(at: string): number {
    return (this.servers.get(at)?.address() as AddressInfo).port;
  }

  public async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await Promise.all([...this.servers.values()].map((server) => new Promise((done) => server.close(done))));
  }

  public count(at: string, match = /./): number {
    return this.requests.filter((request) => request.at === at && match.test(request.url)).length;
  }

  public forget(): void {
    this.requests.length = 0;
    this.faults.length = 0;
    this.sent = 0;
  }

  /** Sends a body, or the range of it that was asked for. */
  public send(
    content: Buffer,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
    options: BodyOptions = {},
  ): void {
    const headers = { 'Content-Type': 'application/octet-stream', ...options.headers };
    if (options.withoutLength) {
      const body = Buffer.from(content);
      if (fault.flip !== undefined) body[fault.flip] ^= 1;
      response.writeHead(200, headers).end(body);
      this.sent += body.length;
      return;
    }
    const ignoreRange = options.ignoreRange ?? fault.ignoreRange;
    this.sent += sendBody(request, response, content, headers, { ...fault, ignoreRange });
  }

  private nextFault(at: string, request: http.IncomingMessage): LoopbackFault | undefined {
    const asked = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const fault = this.faults.find((candidate) => {
      const covered =
        candidate.covers === undefined ||
        !asked ||
        (Number(asked[1]) <= candidate.covers && candidate.covers <= Number(asked[2] || Infinity));
      const matches = candidate.match?.test(request.url ?? '') ?? true;
      return (candidate.at ?? at) === at && matches && covered && (candidate.times ?? 1) > 0;
    });
    if (fault) fault.times = (fault.times ?? 1) - 1;
    return fault;
  }
}

/** Signed links to files: each may be used so often, and by nobody who sends credentials of another kind. */
export class SignedLinks {
  /** How often a link may be used before it expires. */
  public uses = Infinity;

  private readonly links = new Map<string, { content: Buffer; uses: number }>();

  /** The path and query of a new link. The query holds what must be quoted, as those of real servers do. */
  public make(name: string, content: Buffer): string {
    const id = `link${this.links.size}`;
    this.links.set(id, { content, uses: this.uses });
    return `/signed/${id}?name=${name} of ours&Signature=${id}`;
  }

  /** The content behind a link; otherwise the refusal is sent. */
  public open(request: http.IncomingMessage, response: http.ServerResponse): Buffer | undefined {
    const link = this.links.get(/^\/signed\/(\w+)\?/.exec(request.url ?? '')?.[1] ?? '');
    if (request.headers.authorization) {
      response.writeHead(400, { 'Content-Length': 0 }).end(); // as S3 does: two kinds of authorization
    } else if (!link || link.uses-- <= 0) {
      response.writeHead(403, { 'Content-Length': 0 }).end();
    } else {
      return link.content;
    }
    return undefined;
  }
}
