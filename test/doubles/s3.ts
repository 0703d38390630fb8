import { createHash, randomBytes } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { refuseSignature, UNSIGNED } from './s3-signature';
import type { S3Account } from './s3-signature';

export interface S3Object {
  readonly body: Buffer;
  readonly metadata: Record<string, string>;
  readonly modified: Date;
  readonly etag: string;
  /** In a bucket that keeps versions. */
  readonly versionId?: string;
  /** More headers of the object, as a server keeps and tells them. */
  readonly headers?: Record<string, string>;
  /** Told to whoever asks by `x-amz-checksum-mode`. */
  readonly checksums?: Record<string, string>;
  /** The size of the parts it was uploaded in. @default - in one piece */
  readonly partSize?: number;
  /** In an archive, from which it must be brought back. */
  readonly archived?: boolean;
}

interface Upload {
  readonly key: string;
  readonly metadata: Record<string, string>;
  readonly parts: Map<number, { body: Buffer; etag: string; modified?: Date }>;
  readonly initiated?: Date;
}

export interface S3Fault {
  /** Matches `METHOD /bucket/key?query`. */
  readonly match: RegExp;
  /** @default 1 */
  times?: number;
  /** How many matching requests pass before. @default 0 */
  after?: number;
  readonly status?: number;
  readonly code?: string;
  readonly headers?: Record<string, string>;
  /** Answers before the body was read, and closes. */
  readonly early?: boolean;
  /** Closes the connection without an answer. */
  readonly reset?: boolean;
  /** Carries the request out, and loses the answer. */
  readonly loseAnswer?: boolean;
  /** Never answers. */
  readonly hang?: boolean;
  /** Reads the body at so many bytes per second. */
  readonly slow?: number;
  /** Sends so many bytes of the answer's body, and closes the connection; or resets it, or is silent. */
  readonly cutAfter?: number;
  readonly resetAfter?: number;
  readonly stallAfter?: number;
  /** Inverts one byte of the answer's body. */
  readonly flip?: number;
  /** What happens in the bucket before this request is answered. */
  readonly act?: () => void;
}

/** Whose keys open the bucket. */
export interface S3Owner {
  readonly accessKey: string;
  readonly secretKey: string;
}

const SMALLEST_PART = 5 * 1024 * 1024;

/**
 * A strict S3 on loopback: signatures, payload checksums, part sizes and part lists are verified. The bucket is
 * named in the path, or in the host of a request that comes through the double as through a proxy.
 */
export class S3Double {
  public static async start(bucket: string, owner?: Partial<S3Owner>): Promise<S3Double> {
    const double = new S3Double(bucket, { accessKey: 'test-access', secretKey: 'test/secret+key', ...owner });
    await new Promise<void>((done) => double.server.listen(0, '127.0.0.1', done));
    return double;
  }

  public readonly accessKey: string;
  public readonly secretKey: string;
  public readonly region = 'us-east-1';
  public readonly objects = new Map<string, S3Object>();
  public readonly uploads = new Map<string, Upload>();
  public readonly requests: string[] = [];
  public readonly faults: S3Fault[] = [];
  /** Entries of a page of a listing. */
  public pageSize = 1000;
  /** By access key: who may ask. */
  public readonly accounts = new Map<string, S3Account>();
  /** Anybody may read, without a signature. */
  public isPublic = false;
  /** Whoever asks must say that he pays. */
  public requesterPays = false;
  /** It is reached through TLS, so that bodies need no signature; so many came without one. */
  public behindTls = false;
  public unsigned = 0;
  /** Every state of an object is kept, by key and version id. */
  public keepsVersions = false;
  public readonly versions = new Map<string, S3Object>();

  private readonly sockets = new Set<Socket>();
  private readonly server = http.createServer((request, response) => void this.serve(request, response));

  private constructor(
    public readonly bucket: string,
    owner: S3Owner,
  ) {
    this.accessKey = owner.accessKey;
    this.secretKey = owner.secretKey;
    this.accounts.set(this.accessKey, { secretKey: this.secretKey });
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  public get environment(): Record<string, string> {
    return { AWS_ACCESS_KEY_ID: this.accessKey, AWS_SECRET_ACCESS_KEY: this.secretKey };
  }

  /** Stores an object, as someone else would. */
  public put(key: string, body: Buffer, more: Partial<S3Object> = {}): S3Object {
    const versionId = this.keepsVersions ? randomBytes(8).toString('base64url') : undefined;
    const object = { body, metadata: {}, etag: `"${md5(body)}"`, modified: new Date(), versionId, ...more };
    this.objects.set(key, object);
    if (versionId !== undefined) {
      this.versions.set(`${key}?${versionId}`, object);
    }
    return object;
  }

  public async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await new Promise((done) => this.server.close(done));
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    // Asked as a proxy is, the address is a whole one, whose host may begin with the bucket.
    const asked = new URL(request.url ?? '', this.endpoint);
    const target = (request.url ?? '').replace(/^http:\/\/[^/]+/, '');
    const inHost = request.headers.host?.startsWith(`${this.bucket}.`) ?? false;
    const path = inHost ? `/${this.bucket}${asked.pathname}` : asked.pathname;
    const line = `${request.method} ${path}${asked.search}`;
    this.requests.push(line);
    const fault = this.nextFault(line);
    if (fault?.early) {
      // What is left of the body is not read: the sender's pipe breaks.
      response
        .writeHead(fault.status ?? 500, { Connection: 'close' })
        .end(errorXml(fault.code ?? 'Error', 'fault'));
      setTimeout(() => request.socket.destroy(), 300);
      return;
    }
    const body = await readBody(request, fault?.slow).catch(() => undefined);
    if (!body || fault?.hang) {
      return;
    }
    if (fault?.reset) {
      request.socket.resetAndDestroy();
      return;
    }
    fault?.act?.();
    const answer =
      fault?.status !== undefined
        ? error(fault.status, fault.code ?? 'Error', 'fault', fault.headers)
        : (this.refusal(request, target, body) ?? this.answer(request, path, asked.searchParams, body));
    if (fault?.loseAnswer) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'Content-Length': answer.body.length, ...answer.headers });
    if (request.method === 'HEAD') {
      response.end();
    } else {
      send(response, answer.body, fault ?? {});
    }
  }

  private nextFault(line: string): S3Fault | undefined {
    for (const fault of this.faults) {
      if (fault.match.test(line) && (fault.times ?? 1) > 0) {
        if ((fault.after ?? 0) > 0) {
          fault.after = (fault.after ?? 0) - 1;
          continue;
        }
        fault.times = (fault.times ?? 1) - 1;
        return fault;
      }
    }
    return undefined;
  }

  private refusal(request: http.IncomingMessage, target: string, body: Buffer): Answer | undefined {
    if (this.isPublic && !request.headers.authorization && request.method !== 'PUT') {
      return undefined;
    }
    if (request.headers['x-amz-content-sha256'] === UNSIGNED) this.unsigned += 1;
    const refusal = refuseSignature(request, target, body, this.region, this.accounts, this.behindTls);
    if (refusal) {
      return error(refusal.status, refusal.code, refusal.message, {}, refusal.more);
    }
    if (this.requesterPays && request.headers['x-amz-request-payer'] !== 'requester') {
      return error(403, 'AccessDenied', 'Access Denied');
    }
    return undefined;
  }

  private answer(request: http.IncomingMessage, path: string, query: URLSearchParams, body: Buffer): Answer {
    const [, bucket, ...rest] = path.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    if (bucket !== this.bucket) {
      return error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    }
    if (!key) {
      return query.has('uploads') ? this.listUploads(query) : this.listObjects(query);
    }
    const uploadId = query.get('uploadId');
    if (request.method === 'POST' && query.has('uploads')) {
      const id = randomBytes(8).toString('hex');
      this.uploads.set(id, { key, metadata: metadataOf(request), parts: new Map(), initiated: new Date() });
      return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    if (uploadId !== null) {
      const upload = this.uploads.get(uploadId);
      if (upload?.key !== key) {
        return error(404, 'NoSuchUpload', 'The specified upload does not exist');
      }
      return this.answerUpload(request.method ?? '', uploadId, upload, query, body);
    }
    if (request.method === 'PUT') {
      return this.store(key, body, metadataOf(request), `"${md5(body)}"`);
    }
    if (request.method === 'DELETE') {
      this.objects.delete(key);
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
    }
    const version = query.get('versionId');
    if (version === null) {
      return this.read(request, query, this.objects.get(key));
    }
    const object = this.versions.get(`${key}?${version}`);
    return object
      ? this.read(request, query, object)
      : error(404, 'NoSuchVersion', 'The specified version does not exist.');
  }

  private answerUpload(
    method: string,
    id: string,
    upload: Upload,
    query: URLSearchParams,
    body: Buffer,
  ): Answer {
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
    }
    if (method === 'PUT') {
      const number = Number(query.get('partNumber'));
      if (!(number >= 1 && number <= 10000)) {
        return error(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000');
      }
      const etag = `"${md5(body)}"`;
      upload.parts.set(number, { body, etag, modified: new Date() });
      return { status: 200, headers: { ETag: etag }, body: Buffer.alloc(0) };
    }
    if (method === 'GET') {
      const parts = [...upload.parts].map(
        ([n, { etag, modified }]) =>
          `<Part><PartNumber>${n}</PartNumber><ETag>${etag}</ETag>${date('LastModified', modified)}</Part>`,
      );
      return xml(`<ListPartsResult>${parts.join('')}</ListPartsResult>`);
    }
    const listed = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag>/g)];
    const bodies: Buffer[] = [];
    for (const [index, [, number, etag]] of listed.entries()) {
      const part = upload.parts.get(Number(number));
      if (part?.etag !== etag) {
        return error(400, 'InvalidPart', `part ${number}`);
      }
      if (index > 0 && Number(number) <= Number(listed[index - 1][1])) {
        return error(400, 'InvalidPartOrder', `part ${number}`);
      }
      if (index < listed.length - 1 && part.body.length < SMALLEST_PART) {
        return error(400, 'EntityTooSmall', `part ${number}`);
      }
      bodies.push(part.body);
    }
    this.uploads.delete(id);
    return this.store(upload.key, Buffer.concat(bodies), upload.metadata, `"${md5(body)}-${listed.length}"`);
  }

  private store(key: string, body: Buffer, metadata: Record<string, string>, etag: string): Answer {
    this.put(key, body, { metadata, etag });
    return { ...xml(`<Result><ETag>${etag}</ETag></Result>`), headers: { ETag: etag } };
  }

  private read(request: http.IncomingMessage, query: URLSearchParams, object?: S3Object): Answer {
    if (!object) {
      return error(404, 'NoSuchKey', 'The specified key does not exist.');
    }
    if (object.archived && request.method !== 'HEAD') {
      return error(403, 'InvalidObjectState', "The operation is not valid for the object's storage class");
    }
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== object.etag) {
      return error(
        412,
        'PreconditionFailed',
        'At least one of the pre-conditions you specified did not hold',
      );
    }
    const metadata = Object.entries(object.metadata).map(([name, value]) => [
      // Servers written in Go give `X-Amz-Meta-Sha256`.
      `X-Amz-Meta-${name[0].toUpperCase()}${name.slice(1)}`,
      value,
    ]);
    const headers = {
      ETag: object.etag,
      'Last-Modified': object.modified.toUTCString(),
      ...(object.versionId ? { 'x-amz-version-id': object.versionId } : {}),
      ...(object.archived ? { 'x-amz-storage-class': 'GLACIER' } : {}),
      ...(request.headers['x-amz-checksum-mode'] === 'ENABLED' ? object.checksums : {}),
      ...object.headers,
      ...Object.fromEntries(metadata),
    };
    const { partSize } = object;
    if (query.has('partNumber') && partSize) {
      const count = Math.ceil(object.body.length / partSize);
      const body = object.body.subarray(0, partSize);
      return { status: 206, headers: { ...headers, 'x-amz-mp-parts-count': String(count) }, body };
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (!range) {
      return { status: 200, headers, body: object.body };
    }
    const [first, last] = [Number(range[1]), Math.min(Number(range[2]), object.body.length - 1)];
    if (first >= object.body.length) {
      return error(416, 'InvalidRange', 'The requested range is not satisfiable');
    }
    const told = { ...headers, 'Content-Range': `bytes ${first}-${last}/${object.body.length}` };
    return { status: 206, headers: told, body: object.body.subarray(first, last + 1) };
  }

  private listObjects(query: URLSearchParams): Answer {
    const after = Buffer.from(query.get('continuation-token') ?? '', 'base64url').toString();
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
      .sort();
    const page = keys.slice(0, this.pageSize);
    if (query.get('encoding-type') !== 'url') {
      return error(400, 'InvalidArgument', 'keys hold characters that XML cannot: ask for encoding-type=url');
    }
    const items = page.map((key) => {
      const object = this.objects.get(key) as S3Object;
      return `<Contents><Key>${encodeURIComponent(key).replaceAll('%20', '+')}</Key><Size>${object.body.length}</Size><ETag>${object.etag}</ETag><LastModified>${object.modified.toISOString()}</LastModified><StorageClass>${object.archived ? 'GLACIER' : 'STANDARD'}</StorageClass></Contents>`;
    });
    const more = page.length < keys.length;
    const token = Buffer.from(page.at(-1) ?? '').toString('base64url');
    const next = more ? `<NextContinuationToken>${token}</NextContinuationToken>` : '';
    return xml(
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListBucketResult>`,
    );
  }

  private listUploads(query: URLSearchParams): Answer {
    const marker = `${query.get('key-marker') ?? ''} ${query.get('upload-id-marker') ?? ''}`;
    const all = [...this.uploads]
      .filter(
        ([id, upload]) => upload.key.startsWith(query.get('prefix') ?? '') && `${upload.key} ${id}` > marker,
      )
      .sort(([a, x], [b, y]) => (`${x.key} ${a}` < `${y.key} ${b}` ? -1 : 1));
    const page = all.slice(0, this.pageSize);
    const [lastId, last] = page[page.length - 1] ?? [];
    const items = page.map(
      ([id, { key, initiated }]) =>
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId>${date('Initiated', initiated)}</Upload>`,
    );
    const marks = last
      ? `<NextKeyMarker>${last.key}</NextKeyMarker><NextUploadIdMarker>${lastId}</NextUploadIdMarker>`
      : '';
    return xml(
      `<ListMultipartUploadsResult><IsTruncated>${page.length < all.length}</IsTruncated>${marks}${items.join('')}</ListMultipartUploadsResult>`,
    );
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const md5 = (body: Buffer) => createHash('md5').update(body).digest('hex');
const errorXml = (code: string, message: string, more = '') =>
  `<Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;

function date(name: string, value?: Date): string {
  return value ? `<${name}>${value.toISOString()}</${name}>` : '';
}

function xml(text: string): Answer {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: Buffer.from(`<?xml version="1.0"?>\n${text}`),
  };
}

function error(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
  more?: string,
): Answer {
  return { status, headers, body: Buffer.from(errorXml(code, message, more)) };
}

/** Sends a body, as faults have it. */
function send(response: http.ServerResponse, body: Buffer, fault: Partial<S3Fault>): void {
  const { flip, cutAfter, resetAfter, stallAfter } = fault;
  const sent = Buffer.from(body);
  if (flip !== undefined && flip < sent.length) {
    sent[flip] ^= 0xff;
  }
  const end = cutAfter ?? resetAfter ?? stallAfter;
  if (end === undefined || end >= sent.length) {
    response.end(sent);
    return;
  }
  response.write(sent.subarray(0, end), () => {
    if (resetAfter !== undefined) {
      response.socket?.resetAndDestroy();
    } else if (cutAfter !== undefined) {
      response.socket?.destroySoon();
    }
  });
}

function metadataOf(request: http.IncomingMessage): Record<string, string> {
  const found = Object.entries(request.headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(found.map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)]));
}

function readBody(request: http.IncomingMessage, bytesPerSecond = Infinity): Promise<Buffer> {
  return new Promise((done, failed) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (bytesPerSecond < Infinity) {
        request.pause();
        setTimeout(() => request.resume(), (1000 * chunk.length) / bytesPerSecond);
      }
    });
    request.on('end', () => done(Buffer.concat(chunks)));
    request.on('error', failed);
    request.on('aborted', () => failed(new Error('aborted')));
  });
}
