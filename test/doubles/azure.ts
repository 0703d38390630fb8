import { createHash, createHmac } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import * as tls from 'node:tls';
import { Loopback } from './loopback';
import type { LoopbackFault } from './loopback';
import { TEST_CERTIFICATE, TEST_KEY } from './tls';

/** The account and the key that every emulator of Azure's storage has; public, and good for nothing else. */
export const AZURE_ACCOUNT = 'devstoreaccount1';
export const AZURE_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** The headers that are part of what a shared key signs, in their order. */
const SIGNED_HEADERS = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
];

/**
 * Azure's blob service on loopback, as far as reading goes: in the path style of emulators, and behind a proxy under
 * the account's own name. It takes a shared key's signature or a shared access signature. Whatever it does not know
 * it refuses with 400 and lists in `strange`.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 * @see https://learn.microsoft.com/rest/api/storageservices/create-service-sas
 */
export class AzureDouble extends Loopback {
  public static async start(container: string): Promise<AzureDouble> {
    const double = new AzureDouble(container);
    await double.listen('blob', (request, response, fault) => double.serve(request, response, fault));
    await double.listenAsProxy();
    return double;
  }

  /** Where the service of the account is, and what the proxy leads to. */
  public static readonly HOST = `${AZURE_ACCOUNT}.blob.core.windows.net`;

  /** The blobs by their whole names. */
  public readonly blobs = new Map<string, Buffer>();
  /** Names of blobs of which no MD5 is told, as of those that were uploaded in blocks. */
  public readonly withoutMd5 = new Set<string>();
  /** Requests that no client should send. */
  public readonly strange: string[] = [];
  /** How many blobs a page of a listing holds. */
  public pageSize = 5000;

  private readonly proxy = http.createServer();
  private readonly proxied = new Set<Socket>();

  private constructor(private readonly container: string) {
    super();
  }

  public get proxyAddress(): string {
    return `http://127.0.0.1:${(this.proxy.address() as AddressInfo).port}`;
  }

  public override async stop(): Promise<void> {
    this.proxied.forEach((socket) => socket.destroy());
    await new Promise((done) => this.proxy.close(done));
    await super.stop();
  }

  /** A proxy behind which the service has its real name, with a certificate that nobody trusts. */
  private async listenAsProxy(): Promise<void> {
    const service = http.createServer((request, response) => {
      this.requests.push({
        at: 'proxied',
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
      });
      this.serve(request, response, {});
    });
    this.proxy.on('connect', (request: http.IncomingMessage, socket: Socket) => {
      this.proxied.add(socket);
      socket.on('error', () => socket.destroy());
      if (request.url !== `${AzureDouble.HOST}:443`) {
        this.strange.push(`CONNECT ${request.url}`);
        socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        return;
      }
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      const secure = new tls.TLSSocket(socket, { isServer: true, cert: TEST_CERTIFICATE, key: TEST_KEY });
      secure.on('error', () => secure.destroy());
      service.emit('connection', secure);
    });
    await new Promise<void>((done) => this.proxy.listen(0, '127.0.0.1', done));
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${this.port('blob')}/${AZURE_ACCOUNT}`;
  }

  /** A signature for reading and listing the container. */
  public sas(expiry = '2099-01-01T00:00:00Z'): string {
    const fields = {
      sp: 'rl',
      st: '2020-01-01T00:00:00Z',
      se: expiry,
      spr: 'https,http',
      sv: '2020-12-06',
      sr: 'c',
    };
    return new URLSearchParams({ ...fields, sig: this.sasSignature(fields) }).toString();
  }

  private serve(request: http.IncomingMessage, response: http.ServerResponse, fault: LoopbackFault): void {
    const url = new URL(request.url ?? '', 'http://blob');
    const named = request.headers.host === AzureDouble.HOST ? `/${AZURE_ACCOUNT}` : '';
    const [, account, container, ...rest] = `${named}${url.pathname}`.split('/').map(decodeURIComponent);
    const wrong = this.refusal(request, url);
    if (wrong) return refuse(response, 403, 'AuthenticationFailed', wrong);
    if (account !== AZURE_ACCOUNT || container === undefined) return this.refuseStrange(request, response);
    if (container !== this.container) {
      return refuse(response, 404, 'ContainerNotFound', 'The specified container does not exist.');
    }
    if (rest.length === 0) {
      const { method } = request;
      if (
        method !== 'GET' ||
        url.searchParams.get('restype') !== 'container' ||
        url.searchParams.get('comp') !== 'list'
      )
        return this.refuseStrange(request, response);
      return this.list(url, response);
    }
    const name = rest.join('/');
    const content = this.blobs.get(name);
    if (!content)
      return refuse(response, 404, 'BlobNotFound', 'The specified blob does not exist.', request.method);
    const headers: Record<string, string> = {
      'Last-Modified': 'Wed, 01 May 2024 00:00:00 GMT',
      ETag: '"0x8D1"',
      'x-ms-blob-type': 'BlockBlob',
      'x-ms-version': '2020-12-06',
      'Accept-Ranges': 'bytes',
      ...(this.withoutMd5.has(name)
        ? {}
        : { [request.headers['x-ms-range'] ? 'x-ms-blob-content-md5' : 'Content-MD5']: md5(content) }),
    };
    if (request.method === 'HEAD') {
      response
        .writeHead(200, {
          ...headers,
          'Content-Length': content.length,
          'Content-Type': 'application/octet-stream',
        })
        .end();
    } else if (request.method === 'GET') {
      request.headers.range =
        String(request.headers['x-ms-range'] ?? request.headers.range ?? '') || undefined;
      this.send(content, request, response, fault, { headers });
    } else {
      this.refuseStrange(request, response);
    }
  }

  private list(url: URL, response: http.ServerResponse): void {
    const prefix = url.searchParams.get('prefix') ?? '';
    const delimiter = url.searchParams.get('delimiter');
    const names = [...this.blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
    const first = Number(url.searchParams.get('marker') || 0);
    const page = names.slice(first, first + this.pageSize);
    const below = (name: string) => (delimiter ? name.slice(prefix.length).indexOf(delimiter) : -1);
    const blobs = page.filter((name) => below(name) < 0).map((name) => this.entry(name));
    const prefixes = [
      ...new Set(
        page.filter((name) => below(name) >= 0).map((name) => name.slice(0, prefix.length + below(name) + 1)),
      ),
    ];
    const body =
      `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="${this.endpoint}" ` +
      `ContainerName="${this.container}"><Prefix>${xml(prefix)}</Prefix><Blobs>${blobs.join('')}` +
      `${prefixes.map((name) => `<BlobPrefix><Name>${xml(name)}</Name></BlobPrefix>`).join('')}</Blobs>` +
      `<NextMarker>${first + this.pageSize < names.length ? first + this.pageSize : ''}</NextMarker></EnumerationResults>`;
    response
      .writeHead(200, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(body) })
      .end(body);
  }

  private entry(name: string): string {
    const content = this.blobs.get(name) as Buffer;
    const hash = this.withoutMd5.has(name) ? '' : `<Content-MD5>${md5(content)}</Content-MD5>`;
    return (
      `<Blob><Name>${xml(name)}</Name><Properties><Last-Modified>Wed, 01 May 2024 00:00:00 GMT</Last-Modified>` +
      `<Etag>0x8D1</Etag><Content-Length>${content.length}</Content-Length>` +
      `<Content-Type>application/octet-stream</Content-Type>${hash}<BlobType>BlockBlob</BlobType>` +
      `<AccessTier>Hot</AccessTier></Properties><Metadata /></Blob>`
    );
  }

  /** Why a request is not let in, or nothing. */
  private refusal(request: http.IncomingMessage, url: URL): string | undefined {
    if (url.searchParams.has('sig')) {
      const fields = Object.fromEntries(
        ['sp', 'st', 'se', 'spr', 'sv', 'sr'].map((f) => [f, url.searchParams.get(f) ?? '']),
      );
      if (url.searchParams.get('sig') !== this.sasSignature(fields)) return 'Signature did not match.';
      if (new Date(fields.se) < new Date()) return 'Signature not valid in the specified time frame';
      return undefined;
    }
    const [, account, signature] = /^SharedKey ([^:]+):(.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (account !== AZURE_ACCOUNT) return 'no account';
    return signature === hmac(this.stringToSign(request, url))
      ? undefined
      : 'The MAC signature is not the same.';
  }

  private stringToSign({ method, headers }: http.IncomingMessage, url: URL): string {
    const standard = SIGNED_HEADERS.map((name) => {
      const value = String(headers[name] ?? '');
      return name === 'content-length' && value === '0' ? '' : value;
    });
    const ours = Object.keys(headers)
      .filter((name) => name.startsWith('x-ms-'))
      .sort()
      .map((name) => `${name}:${String(headers[name]).trim()}\n`);
    const query = [...new Set([...url.searchParams.keys()].map((name) => name.toLowerCase()))]
      .sort()
      .map((name) => `\n${name}:${url.searchParams.getAll(name).sort().join(',')}`);
    return `${method}\n${standard.join('\n')}\n${ours.join('')}/${AZURE_ACCOUNT}${url.pathname}${query.join('')}`;
  }

  /** Of a signature for a container: version 2020-12-06 and after. */
  private sasSignature({ sp, st, se, spr, sv, sr }: Record<string, string>): string {
    const resource = `/blob/${AZURE_ACCOUNT}/${this.container}`;
    return hmac([sp, st, se, resource, '', '', spr, sv, sr, '', '', '', '', '', '', ''].join('\n'));
  }

  private refuseStrange(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.strange.push(`${request.method} ${request.url}`);
    refuse(response, 400, 'InvalidInput', 'not what this server knows', request.method);
  }
}

function hmac(text: string): string {
  return createHmac('sha256', Buffer.from(AZURE_KEY, 'base64')).update(text).digest('base64');
}

function md5(content: Buffer): string {
  return createHash('md5').update(content).digest('base64');
}

function xml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function refuse(
  response: http.ServerResponse,
  status: number,
  code: string,
  message: string,
  method = 'GET',
): void {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response
    .writeHead(status, {
      'Content-Type': 'application/xml',
      'Content-Length': Buffer.byteLength(body),
      'x-ms-error-code': code,
    })
    .end(method === 'HEAD' ? undefined : body);
}
