import { createHash } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { sendBody } from './faulty-body';
import type { BodyFault } from './faulty-body';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** How a manifest names a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Record<string, string>;
}

/** Who is let in. */
export interface RegistryAuth {
  readonly scheme: 'basic' | 'bearer';
  /** `user:password`; whoever has it may pull. */
  readonly credentials: string;
  /** Whether a token is given to whoever asks for one. @default false */
  readonly anonymous?: boolean;
  /** How often a token may be used before it has expired. @default any number of times */
  tokenUses?: number;
  /** What the registry says to a token that has expired; ECR Public says 400. @default 401 */
  readonly expired?: number;
  /** The field of the answer that holds the token. @default token */
  readonly field?: 'token' | 'access_token';
  /** Asks for this scope in place of that of the repository, as ECR Public does. */
  readonly scope?: string;
}

/** What goes wrong, once or more often, with requests that match. */
export interface RegistryFault extends BodyFault {
  /** Which server. @default cdn */
  readonly at?: 'registry' | 'cdn' | 'token';
  /** Which address. @default any */
  readonly match?: RegExp;
  /** How often. @default 1 */
  times?: number;
  /** Only requests for a range that covers this byte. @default any */
  readonly covers?: number;
  /** Answers with a status, headers and a body. */
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export interface RegistryRequest {
  readonly at: 'registry' | 'cdn' | 'token';
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

export const digestOf = (content: Buffer | string): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

interface Repository {
  readonly tags: Map<string, string>;
  readonly manifests: Map<string, { text: string; mediaType: string }>;
  readonly blobs: Map<string, Buffer>;
}

/**
 * An OCI registry on loopback that is as strict as any: blobs by redirect to signed links on another host, which
 * refuses the registry's credentials; manifests only for who accepts their type; tokens for one repository, from
 * a server of their own, that expire; no HEAD. Faults on demand.
 */
export class RegistryDouble {
  public static async start(): Promise<RegistryDouble> {
    const double = new RegistryDouble();
    await Promise.all([...double.servers.values()].map(listen));
    return double;
  }

  public readonly requests: RegistryRequest[] = [];
  public readonly faults: RegistryFault[] = [];
  public auth?: RegistryAuth;
  /** Sends blobs itself, as registries without a CDN do. */
  public direct = false;
  /** How often a signed link may be used before it expires. */
  public linkUses = Infinity;
  /** Where manifests are found by their digest; Ollama has them among the blobs, Hugging Face nowhere. */
  public byDigest: 'manifests' | 'blobs' | 'nowhere' = 'manifests';
  /** The type that manifests are sent with, whatever they are: Ollama says text/plain. */
  public contentType?: string;
  /** Bytes of blobs that were sent. */
  public sent = 0;

  private readonly servers = new Map(
    (['registry', 'cdn', 'token'] as const).map((at) => [
      at,
      http.createServer((request, response) => this.serve(at, request, response)),
    ]),
  );
  private readonly sockets = new Set<Socket>();
  private readonly repositories = new Map<string, Repository>();
  private readonly links = new Map<string, { content: Buffer; uses: number }>();
  private readonly tokens = new Map<string, { scope: string; uses: number }>();

  private constructor() {
    for (const server of this.servers.values()) {
      server.on('connection', (socket: Socket) => {
        this.sockets.add(socket);
        socket.on('close', () => this.sockets.delete(socket));
        socket.on('error', () => socket.destroy());
      });
    }
  }

  public get host(): string {
    return `127.0.0.1:${this.port('registry')}`;
  }

  public get endpoint(): string {
    return `http://${this.host}`;
  }

  public async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await Promise.all([...this.servers.values()].map((server) => new Promise((done) => server.close(done))));
  }

  /** Adds a blob, and describes it as a manifest does. */
  public blob(
    repo: string,
    mediaType: string,
    content: Buffer | string,
    annotations?: Record<string, string>,
  ): Descriptor {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    this.repository(repo).blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length, ...(annotations ? { annotations } : {}) };
  }

  /** Adds a manifest or an index, under a tag if there is one, and describes it as an index does. */
  public manifest(
    repo: string,
    tag: string | undefined,
    manifest: object,
    mediaType = OCI_MANIFEST,
  ): Descriptor {
    const text = JSON.stringify({ schemaVersion: 2, mediaType, ...manifest });
    const digest = digestOf(text);
    const { manifests, tags } = this.repository(repo);
    manifests.set(digest, { text, mediaType });
    if (tag) tags.set(tag, digest);
    return { mediaType, digest, size: Buffer.byteLength(text) };
  }

  public deleteManifest(repo: string, digest: string): void {
    this.repository(repo).manifests.delete(digest);
  }

  public count(at: 'registry' | 'cdn' | 'token', match = /./): number {
    return this.requests.filter((request) => request.at === at && match.test(request.url)).length;
  }

  public forget(): void {
    this.requests.length = 0;
    this.faults.length = 0;
    this.sent = 0;
    this.linkUses = Infinity;
  }

  private port(at: 'registry' | 'cdn' | 'token'): number {
    return (this.servers.get(at)?.address() as AddressInfo).port;
  }

  private repository(repo: string): Repository {
    const found = this.repositories.get(repo) ?? { tags: new Map(), manifests: new Map(), blobs: new Map() };
    this.repositories.set(repo, found);
    return found;
  }

  private serve(
    at: 'registry' | 'cdn' | 'token',
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): void {
    const url = request.url ?? '';
    this.requests.push({ at, method: request.method ?? '', url, headers: request.headers });
    const fault = this.nextFault(at, request);
    if (fault?.status) {
      const body = fault.body ?? 'fault';
      response.writeHead(fault.status, { 'Content-Length': body.length, ...fault.headers }).end(body);
    } else if (at === 'cdn') {
      this.serveLink(request, response, fault);
    } else if (at === 'token') {
      request.resume().on('end', () => this.serveToken(new URL(url, this.endpoint), request, response));
    } else {
      this.serveRegistry(decodeURIComponent(url), request, response, fault);
    }
  }

  private nextFault(at: string, request: http.IncomingMessage): RegistryFault | undefined {
    const asked = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const fault = this.faults.find(
      ({ at: where = 'cdn', match, times = 1, covers }) =>
        where === at &&
        times > 0 &&
        (match?.test(request.url ?? '') ?? true) &&
        (covers === undefined ||
          !asked ||
          (Number(asked[1]) <= covers && covers <= Number(asked[2] || Infinity))),
    );
    if (fault) fault.times = (fault.times ?? 1) - 1;
    return fault;
  }

  private serveRegistry(
    url: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault?: RegistryFault,
  ): void {
    const [, repo, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
    if (request.method !== 'GET' || !repo) {
      refuse(response, 401, 'UNAUTHORIZED', 'only pulls are served');
      return;
    }
    if (!this.letIn(repo, request, response)) return;
    const repository = this.repositories.get(repo);
    if (!repository) {
      refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
    } else if (kind === 'manifests') {
      this.serveManifest(repository, reference, request, response, fault);
    } else {
      const manifest = this.byDigest === 'blobs' ? repository.manifests.get(reference)?.text : undefined;
      const content = repository.blobs.get(reference) ?? (manifest && Buffer.from(manifest));
      if (!content) {
        refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
      } else if (this.direct) {
        this.sent += sendBody(request, response, content, {}, fault);
      } else {
        const link = createHash('sha1').update(`${reference}${this.links.size}`).digest('hex');
        this.links.set(link, { content, uses: this.linkUses });
        const location = `http://localhost:${this.port('cdn')}/${link}?digest=${reference}`;
        response.writeHead(307, { Location: location, 'Content-Length': 0 }).end();
      }
    }
  }

  private serveManifest(
    { tags, manifests }: Repository,
    reference: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault?: RegistryFault,
  ): void {
    const isDigest = reference.includes(':');
    const digest = isDigest ? reference : (tags.get(reference) ?? '');
    const found = isDigest && this.byDigest !== 'manifests' ? undefined : manifests.get(digest);
    if (!found && isDigest && this.byDigest === 'nowhere') {
      refuse(response, 400, undefined, 'The specified tag is not a valid quantization scheme.');
    } else if (!found || !String(request.headers.accept).includes(found.mediaType)) {
      refuse(
        response,
        404,
        'MANIFEST_UNKNOWN',
        found ? `OCI manifest found, but accept header` : 'manifest unknown',
      );
    } else {
      const headers = {
        'Content-Type': this.contentType ?? found.mediaType,
        'Docker-Content-Digest': digest,
      };
      sendBody(request, response, Buffer.from(found.text), headers, fault);
    }
  }

  private serveLink(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault?: RegistryFault,
  ): void {
    const link = this.links.get(/^\/([0-9a-f]+)\?/.exec(request.url ?? '')?.[1] ?? '');
    if (request.headers.authorization) {
      response.writeHead(400, { 'Content-Length': 0 }).end(); // as S3 does: two kinds of authorization
    } else if (!link || link.uses-- <= 0) {
      response.writeHead(403, { 'Content-Length': 0 }).end();
    } else {
      this.sent += sendBody(request, response, link.content, {}, fault);
    }
  }

  /** Whether the request may go on; it is answered if not. */
  private letIn(repo: string, request: http.IncomingMessage, response: http.ServerResponse): boolean {
    if (!this.auth) return true;
    const given = request.headers.authorization;
    const scope = this.auth.scope ?? `repository:${repo}:pull`;
    if (this.auth.scheme === 'basic') {
      if (given === basic(this.auth.credentials)) return true;
      response.setHeader('WWW-Authenticate', 'Basic realm="double"');
    } else {
      const token = this.tokens.get(given?.replace(/^Bearer /, '') ?? '');
      if (token?.scope === scope && token.uses-- > 0) return true;
      if (token && this.auth.expired) {
        refuse(response, this.auth.expired, 'DENIED', 'Your Authorization Token has expired.');
        return false;
      }
      const realm = `http://127.0.0.1:${this.port('token')}/token`;
      response.setHeader('WWW-Authenticate', `Bearer realm="${realm}",service="double",scope="${scope}"`);
    }
    refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
    return false;
  }

  private serveToken(url: URL, request: http.IncomingMessage, response: http.ServerResponse): void {
    const { credentials = '', anonymous, tokenUses = Infinity, field = 'token' } = this.auth ?? {};
    const given = request.headers.authorization;
    if (given ? given !== basic(credentials) : !anonymous) {
      refuse(response, given ? 401 : 403, 'DENIED', 'requested access to the resource is denied');
    } else if (url.searchParams.get('service') !== 'double') {
      refuse(response, 400, 'INVALID', 'no such service');
    } else {
      const token = `token-${this.tokens.size}`;
      this.tokens.set(token, { scope: url.searchParams.getAll('scope').join(' '), uses: tokenUses });
      response.end(JSON.stringify({ [field]: token, expires_in: 300 }));
    }
  }
}

const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`;

function refuse(
  response: http.ServerResponse,
  status: number,
  code: string | undefined,
  message: string,
): void {
  const body = JSON.stringify(code ? { errors: [{ code, message }] } : { error: message });
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body);
}

function listen(server: http.Server): Promise<void> {
  return new Promise((done) => server.listen(0, '127.0.0.1', done));
}
