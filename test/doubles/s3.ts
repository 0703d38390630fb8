import { createHash, createHmac, randomBytes } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface S3Object {
  readonly body: Buffer;
  readonly metadata: Record<string, string>;
  readonly modified: Date;
  readonly etag: string;
}

interface Upload {
  readonly key: string;
  readonly metadata: Record<string, string>;
  readonly parts: Map<number, { body: Buffer; etag: string }>;
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
}

const SMALLEST_PART = 5 * 1024 * 1024;

/** A strict S3 on loopback, path style: signatures, payload checksums, part sizes and part lists are verified. */
export class S3Double {
  public static async start(bucket: string): Promise<S3Double> {
    const double = new S3Double(bucket);
    await new Promise<void>((done) => double.server.listen(0, '127.0.0.1', done));
    return double;
  }

  public readonly accessKey = 'test-access';
  public readonly secretKey = 'test/secret+key';
  public readonly region = 'us-east-1';
  public readonly objects = new Map<string, S3Object>();
  public readonly uploads = new Map<string, Upload>();
  public readonly requests: string[] = [];
  public readonly faults: S3Fault[] = [];
  /** Entries of a page of a listing. */
  public pageSize = 1000;

  private readonly sockets = new Set<Socket>();
  private readonly server = http.createServer((request, response) => void this.serve(request, response));

  private constructor(public readonly bucket: string) {
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

  public async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await new Promise((done) => this.server.close(done));
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const line = `${request.method} ${request.url}`;
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
    const answer =
      fault?.status !== undefined
        ? error(fault.status, fault.code ?? 'Error', 'fault', fault.headers)
        : (this.refusal(request, body) ?? this.answer(request, body));
    if (fault?.loseAnswer) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'Content-Length': answer.body.length, ...answer.headers });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
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

  private refusal(request: http.IncomingMessage, body: Buffer): Answer | undefined {
    const payload = String(request.headers['x-amz-content-sha256']);
    const parsed =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        request.headers.authorization ?? '',
      );
    if (!parsed) {
      return error(403, 'AccessDenied', 'no signature');
    }
    const [, access, day, region, names, signature] = parsed;
    if (access !== this.accessKey) {
      return error(403, 'InvalidAccessKeyId', 'no such key');
    }
    if (region !== this.region) {
      return error(
        400,
        'AuthorizationHeaderMalformed',
        `the region '${region}' is wrong; expecting '${this.region}'`,
      );
    }
    const signed = names.split(';');
    if (
      !signed.includes('host') ||
      Object.keys(request.headers).some((n) => n.startsWith('x-amz-') && !signed.includes(n))
    ) {
      return error(403, 'AccessDenied', 'host and every x-amz header must be signed');
    }
    const [path, query = ''] = (request.url ?? '').split('?');
    const date = String(request.headers['x-amz-date']);
    const canonical = [
      request.method,
      path,
      query.split('&').sort().join('&'),
      ...signed.map((name) => `${name}:${String(request.headers[name]).trim()}`),
      '',
      names,
      payload,
    ].join('\n');
    const text = ['AWS4-HMAC-SHA256', date, `${day}/${region}/s3/aws4_request`, hash(canonical)].join('\n');
    const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(
      hmac,
      Buffer.from(`AWS4${this.secretKey}`),
    );
    if (hmac(key, text).toString('hex') !== signature) {
      return error(403, 'SignatureDoesNotMatch', 'the signature does not match');
    }
    if (hash(body) !== payload) {
      return error(400, 'XAmzContentSHA256Mismatch', 'the body is not what was signed');
    }
    return undefined;
  }

  private answer(request: http.IncomingMessage, body: Buffer): Answer {
    const url = new URL(request.url ?? '', this.endpoint);
    const [, bucket, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const query = url.searchParams;
    if (bucket !== this.bucket) {
      return error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    }
    if (!key) {
      return query.has('uploads') ? this.listUploads(query) : this.listObjects(query);
    }
    const uploadId = query.get('uploadId');
    if (request.method === 'POST' && query.has('uploads')) {
      const id = randomBytes(8).toString('hex');
      this.uploads.set(id, { key, metadata: metadataOf(request), parts: new Map() });
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
    return this.read(request, this.objects.get(key));
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
      upload.parts.set(number, { body, etag });
      return { status: 200, headers: { ETag: etag }, body: Buffer.alloc(0) };
    }
    if (method === 'GET') {
      const parts = [...upload.parts].map(
        ([n, part]) => `<Part><PartNumber>${n}</PartNumber><ETag>${part.etag}</ETag></Part>`,
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
    this.objects.set(key, { body, metadata, etag, modified: new Date() });
    return { ...xml(`<Result><ETag>${etag}</ETag></Result>`), headers: { ETag: etag } };
  }

  private read(request: http.IncomingMessage, object?: S3Object): Answer {
    if (!object) {
      return error(404, 'NoSuchKey', 'The specified key does not exist.');
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const body = range ? object.body.subarray(Number(range[1]), Number(range[2]) + 1) : object.body;
    const metadata = Object.entries(object.metadata).map(([name, value]) => [
      // Servers written in Go give `X-Amz-Meta-Sha256`.
      `X-Amz-Meta-${name[0].toUpperCase()}${name.slice(1)}`,
      value,
    ]);
    return {
      status: range ? 206 : 200,
      headers: { ETag: object.etag, ...Object.fromEntries(metadata) },
      body,
    };
  }

  private listObjects(query: URLSearchParams): Answer {
    const after = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
      .sort();
    const page = keys.slice(0, this.pageSize);
    const items = page.map((key) => {
      const object = this.objects.get(key) as S3Object;
      return `<Contents><Key>${key}</Key><Size>${object.body.length}</Size><ETag>${object.etag}</ETag><LastModified>${object.modified.toISOString()}</LastModified></Contents>`;
    });
    const more = page.length < keys.length;
    const next = more ? `<NextContinuationToken>${page[page.length - 1]}</NextContinuationToken>` : '';
    return xml(
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListBucketResult>`,
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
      ([id, upload]) => `<Upload><Key>${upload.key}</Key><UploadId>${id}</UploadId></Upload>`,
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
const hash = (body: Buffer | string) => createHash('sha256').update(body).digest('hex');
const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const errorXml = (code: string, message: string) =>
  `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;

function xml(text: string): Answer {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: Buffer.from(`<?xml version="1.0"?>\n${text}`),
  };
}

function error(status: number, code: string, message: string, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: Buffer.from(errorXml(code, message)) };
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
