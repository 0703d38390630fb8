import { createHash } from 'node:crypto';
import type * as http from 'node:http';
import { Loopback, SignedLinks } from './loopback';
import type { LoopbackFault } from './loopback';

/** A file of a version. */
export interface NgcFile {
  readonly path: string;
  readonly content: Buffer;
}

/** A version of a model, in the state in which NGC has it. */
export interface NgcVersion {
  /** `org/model` or `org/team/model` */
  readonly model: string;
  readonly version: string;
  files: NgcFile[];
  /** Whether nobody but who has the key may read it. @default true */
  readonly guarded?: boolean;
  /** @default UPLOAD_COMPLETE */
  readonly status?: string;
  /** Whether the sha256 of the files is told: since storage version V2. @default true */
  readonly hashed?: boolean;
  /** Whether the files can be listed; where they cannot, checksums.blake3 names them. @default true */
  readonly listed?: boolean;
}

export const PERSONAL_KEY = 'nvapi-right';
export const LEGACY_KEY = 'bGVnYWN5LXJpZ2h0';

/**
 * NVIDIA's NGC on loopback, as far as it is known from the programs that read it (see src/runtime/ngc.py): the API,
 * the service that gives tokens, and the storage with signed links under another host name.
 */
export class NgcDouble extends Loopback {
  public static async start(...versions: NgcVersion[]): Promise<NgcDouble> {
    const double = new NgcDouble(versions);
    await double.listen('api', (request, response, fault) => double.serveApi(request, response, fault));
    await double.listen('authn', (request, response) => double.serveToken(request, response));
    await double.listen('storage', (request, response, fault) => {
      const content = double.links.open(request, response);
      if (content) double.send(content, request, response, fault);
    });
    return double;
  }

  public readonly links = new SignedLinks();
  /** Entries of a page, whatever size is asked for. */
  public pageSize = 1000;
  /** The number of the first page: NVIDIA's own program and modelexpress do not agree. */
  public firstPage = 0;
  /** How often a token may be used before it has expired. */
  public tokenUses = Infinity;

  private readonly tokens = new Map<string, number>();

  private constructor(public readonly versions: NgcVersion[]) {
    super();
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${this.port('api')}`;
  }

  public get tokenEndpoint(): string {
    return `http://127.0.0.1:${this.port('authn')}`;
  }

  public override forget(): void {
    super.forget();
    Object.assign(this, { pageSize: 1000, firstPage: 0, tokenUses: Infinity });
    this.links.uses = Infinity;
  }

  private serveToken(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url ?? '', this.tokenEndpoint);
    const basic = `Basic ${Buffer.from(`$oauthtoken:${LEGACY_KEY}`).toString('base64')}`;
    const scope = url.searchParams.get('scope') ?? '';
    if (
      url.pathname !== '/token' ||
      url.searchParams.get('service') !== 'ngc' ||
      !/^group\/ngc:\w/.test(scope)
    ) {
      refuse(response, 400, 'Bad request');
    } else if (request.headers.authorization !== basic) {
      refuse(response, 401, 'Invalid credentials');
    } else {
      const token = `token${this.tokens.size}`;
      this.tokens.set(token, this.tokenUses);
      sendJson(response, { token, expires_in: 900 });
    }
  }

  private serveApi(request: http.IncomingMessage, response: http.ServerResponse, fault: LoopbackFault): void {
    const url = new URL(request.url ?? '', this.endpoint);
    const asked = address(decodeURIComponent(url.pathname));
    const found = this.versions.find(
      (candidate) => candidate.model === asked?.model && candidate.version === asked.version,
    );
    const guest = asked?.guest ?? false;
    if (!guest && !this.isKnown(request.headers.authorization)) {
      refuse(response, 401, 'Missing or invalid token');
    } else if (!found || !asked) {
      refuse(response, 404, 'Version not found');
    } else if (guest && (found.guarded ?? true)) {
      refuse(response, 403, 'Access denied for a guest');
    } else if (asked.file !== undefined) {
      this.serveFile(found, asked.file, request, response, fault);
    } else if (!(found.listed ?? true)) {
      refuse(response, 400, 'Org context missing');
    } else {
      this.serveList(found, asked.download, url, response);
    }
  }

  private isKnown(authorization = ''): boolean {
    const token = authorization.replace(/^Bearer /, '');
    const uses = this.tokens.get(token) ?? 0;
    this.tokens.set(token, uses - 1);
    return token === PERSONAL_KEY || uses > 0;
  }

  private serveList(found: NgcVersion, download: boolean, url: URL, response: http.ServerResponse): void {
    const size = Math.min(this.pageSize, Number(url.searchParams.get('page-size') ?? 100));
    const page = Math.max(0, Number(url.searchParams.get('page-number') ?? this.firstPage) - this.firstPage);
    const files = found.files.slice(page * size, (page + 1) * size);
    const common = {
      requestStatus: { statusCode: 'SUCCESS', requestId: 'x' },
      paginationInfo: {
        totalPages: Math.ceil(found.files.length / size),
        totalResults: found.files.length,
        size,
      },
    };
    if (download) {
      sendJson(response, {
        ...common,
        urls: files.map(({ path, content }) => this.storageEndpoint + this.links.make(path, content)),
        filepath: files.map(({ path }) => path),
        sha256_base64: (found.hashed ?? true) ? files.map(({ content }) => base64Hash(content)) : null,
      });
    } else {
      sendJson(response, {
        ...common,
        model: {
          name: found.model,
          licenseTerms: [{ licenseId: 'nvidia-open-model', needsAcceptance: false }],
        },
        modelVersion: {
          versionId: found.version,
          status: found.status ?? 'UPLOAD_COMPLETE',
          storageVersion: (found.hashed ?? true) ? 'V2' : 'V1',
          totalFileCount: found.files.length,
        },
        modelFiles: files.map(({ path, content }) => ({ path, sizeInBytes: content.length })),
      });
    }
  }

  private serveFile(
    found: NgcVersion,
    name: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
  ): void {
    const file = found.files.find(({ path }) => path === name);
    if (file) {
      const location = this.storageEndpoint + this.links.make(name, file.content);
      response.writeHead(302, { Location: location, 'Content-Length': 0 }).end();
    } else if (name === 'checksums.blake3' && !(found.listed ?? true)) {
      const lines = found.files.map(({ path }) => `${'0'.repeat(64)}  ${path}\n`);
      this.send(Buffer.from(lines.join('')), request, response, fault);
    } else {
      refuse(response, 404, 'File not found');
    }
  }

  private get storageEndpoint(): string {
    return `http://localhost:${this.port('storage')}`;
  }
}

/** What an address of the API asks for. */
function address(path: string) {
  const parts =
    /^\/v2\/(?:org\/([^/]+)(?:\/team\/([^/]+))?\/models|models\/([^/]+)(?:\/([^/]+))?)\/([^/]+)\/(versions\/)?([^/]+)\/files(?:\/(.+))?$/.exec(
      path,
    );
  if (!parts) return undefined;
  const [, org, team, guestOrg, guestTeam, name, versions, version, file] = parts;
  const names = org ? [org, team, name] : [guestOrg, guestTeam, name];
  return {
    guest: org === undefined,
    model: names.filter((part) => part !== undefined).join('/'),
    version,
    file,
    download: versions === undefined,
  };
}

function base64Hash(content: Buffer): string {
  return createHash('sha256').update(content).digest('base64');
}

function refuse(response: http.ServerResponse, status: number, statusDescription: string): void {
  sendJson(response, { requestStatus: { statusCode: 'REFUSED', statusDescription } }, status);
}

function sendJson(response: http.ServerResponse, value: unknown, status = 200): void {
  const body = JSON.stringify(value);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, headers).end(body);
}
