import { createHash } from 'node:crypto';
import type * as http from 'node:http';
import { Loopback, SignedLinks } from './loopback';
import type { LoopbackFault } from './loopback';

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
  /** What may be given in place of the credentials, by OAuth2. */
  readonly refreshToken?: string;
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

export const digestOf = (content: Buffer | string): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** What a manifest says of a blob, or an index of a manifest. */
export function describeBlob(
  mediaType: string,
  content: Buffer | string,
  annotations?: Record<string, string>,
): Descriptor {
  const size = Buffer.byteLength(content);
  return { mediaType, digest: digestOf(content), size, ...(annotations ? { annotations } : {}) };
}

export const manifestText = (manifest: object, mediaType: string): string =>
  JSON.stringify({ schemaVersion: 2, mediaType, ...manifest });

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
export class RegistryDouble extends Loopback {
  public static async start(): Promise<RegistryDouble> {
    const double = new RegistryDouble();
    await double.listen('registry', (request, response, fault) => {
      double.serve(decodeURIComponent(request.url ?? ''), request, response, fault);
    });
    await double.listen('cdn', (request, response, fault) => double.serveLink(request, response, fault));
    await double.listen('token', (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += String(chunk)));
      request.on('end', () => double.serveToken(request, new URLSearchParams(body), response));
    });
    return double;
  }

  public auth?: RegistryAuth;
  /** Sends blobs itself, as registries without a CDN do. */
  public direct = false;
  /** The signed links that blobs are redirected to. */
  public readonly links = new SignedLinks();
  /** Where manifests are found by their digest; Ollama has them among the blobs, Hugging Face nowhere. */
  public byDigest: 'manifests' | 'blobs' | 'nowhere' = 'manifests';
  /** The type that manifests are sent with, whatever they are: Ollama says text/plain. */
  public contentType?: string;

  private readonly repositories = new Map<string, Repository>();
  private readonly tokens = new Map<string, { scope: string; uses: number }>();

  public get host(): string {
    return `127.0.0.1:${this.port('registry')}`;
  }

  public get endpoint(): string {
    return `http://${this.host}`;
  }

  /** Adds a blob, and describes it as a manifest does. */
  public blob(
    repo: string,
    mediaType: string,
    content: Buffer | string,
    annotations?: Record<string, string>,
  ): Descriptor {
    const described = describeBlob(mediaType, content, annotations);
    this.repository(repo).blobs.set(described.digest, Buffer.from(content));
    return described;
  }

  /** Adds a manifest or an index, under a tag if there is one, and describes it as an index does. */
  public manifest(
    repo: string,
    tag: string | undefined,
    manifest: object,
    mediaType = OCI_MANIFEST,
  ): Descriptor {
    const text = manifestText(manifest, mediaType);
    const described = describeBlob(mediaType, text);
    const { manifests, tags } = this.repository(repo);
    manifests.set(described.digest, { text, mediaType });
    if (tag) tags.set(tag, described.digest);
    return described;
  }

  public deleteManifest(repo: string, digest: string): void {
    this.repository(repo).manifests.delete(digest);
  }

  private repository(repo: string): Repository {
    const found = this.repositories.get(repo) ?? { tags: new Map(), manifests: new Map(), blobs: new Map() };
    this.repositories.set(repo, found);
    return found;
  }

  private serve(
    url: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
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
        this.send(content, request, response, fault);
      } else {
        const link = this.links.make(reference, content);
        response
          .writeHead(307, { Location: `http://localhost:${this.port('cdn')}${link}`, 'Content-Length': 0 })
          .end();
      }
    }
  }

  private serveManifest(
    { tags, manifests }: Repository,
    reference: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
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
      this.send(Buffer.from(found.text), request, response, fault, { headers });
    }
  }

  private serveLink(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
  ): void {
    const content = this.links.open(request, response);
    if (content) this.send(content, request, response, fault);
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

  private serveToken(
    request: http.IncomingMessage,
    form: URLSearchParams,
    response: http.ServerResponse,
  ): void {
    const {
      credentials = '',
      refreshToken,
      anonymous,
      tokenUses = Infinity,
      field = 'token',
    } = this.auth ?? {};
    const asked = request.method === 'POST' ? form : new URL(request.url ?? '', this.endpoint).searchParams;
    const given = request.headers.authorization ?? form.get('refresh_token');
    const known = request.method === 'POST' ? refreshToken : basic(credentials);
    if (given ? given !== known : !anonymous) {
      refuse(response, given ? 401 : 403, 'DENIED', 'requested access to the resource is denied');
    } else if (asked.get('service') !== 'double') {
      refuse(response, 400, 'INVALID', 'no such service');
    } else {
      const token = `token-${this.tokens.size}`;
      this.tokens.set(token, { scope: asked.getAll('scope').join(' '), uses: tokenUses });
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
