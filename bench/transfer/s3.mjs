// An S3 server that receives and throws away. It reads every byte, verifies the signature of each request and the
// strongest digest that came with a body (the signed sha256; else the crc32 of a trailer; else Content-MD5), the
// order, sizes and ETags of parts. Of what was stored it keeps the size and that digest of each part (a crc32 where
// there was none), by which the bench compares it with what was to be moved. What can be read from it is made up, as
// by the Hub.
// Run by servers.mjs in a process of its own.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { crc32 } from 'node:zlib';
import { drained } from './drained.mjs';
import { contentOf, MIB } from './files.mjs';

export const BUCKET = 'bench';
export const REGION = 'us-east-1';
export const ACCESS_KEY = 'bench-access';
export const SECRET_KEY = 'bench/secret+key';

const KEPT = 4 * MIB; // bodies of whole objects up to this size can be read again, such as a marker
const SMALLEST_PART = 5 * MIB;
const UNSIGNED = 'UNSIGNED-PAYLOAD';
const TRAILED = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

class Refusal extends Error {
  constructor(status, code, message = code) {
    super(message);
    Object.assign(this, { status, code });
  }
}

/**
 * @param sources - `{key: file}` that can be read; a file, or `{text}`
 * @param tls - `{key, cert}`, or nothing
 */
export async function startS3({ sources, tls }) {
  const objects = new Map(Object.entries(sources).map(([key, file]) => [key, sourceObject(file)]));
  const uploads = new Map();
  const seen = { requests: 0, received: 0, sent: 0 };
  const handler = (request, response) =>
    serve(request, response).catch((error) => {
      const status = error.status ?? 500;
      if (!error.status) console.error(error);
      const body = `<Error><Code>${error.code ?? 'InternalError'}</Code><Message>${error.message}</Message></Error>`;
      if (response.headersSent) response.destroy();
      else answer(request, response, status, {}, body);
    });
  const server = (tls ? secure(tls, handler) : plain(handler)).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));

  async function serve(request, response) {
    seen.requests++;
    const body = await receive(request);
    seen.received += body.size;
    verify(request, body);
    const url = new URL(request.url, 'http://s3');
    const [, bucket, ...names] = url.pathname.split('/').map(decodeURIComponent);
    if (bucket !== BUCKET) throw new Refusal(404, 'NoSuchBucket');
    const reply = (headers, text = '', status = 200) => answer(request, response, status, headers, text);
    const key = names.join('/');
    const { method } = request;
    const query = url.searchParams;
    if (!key) {
      const list = query.has('uploads') ? listUploads : listObjects;
      return reply({ 'Content-Type': 'application/xml' }, list(query));
    }
    if (query.has('uploads')) {
      const id = randomBytes(8).toString('hex');
      uploads.set(id, { key, metadata: metadataOf(request), parts: new Map() });
      const names = `<Bucket>${BUCKET}</Bucket><Key>${escaped(key)}</Key><UploadId>${id}</UploadId>`;
      return reply({}, `<InitiateMultipartUploadResult>${names}</InitiateMultipartUploadResult>`);
    }
    const id = query.get('uploadId');
    if (id !== null) {
      const upload = uploads.get(id);
      if (upload?.key !== key) throw new Refusal(404, 'NoSuchUpload');
      if (method === 'DELETE') {
        uploads.delete(id);
        return reply({}, '', 204);
      }
      if (method === 'PUT') {
        upload.parts.set(Number(query.get('partNumber')), body);
        return reply({ ETag: body.etag });
      }
      const parts = completed(upload, body.text());
      uploads.delete(id);
      const etag = `"${createHash('md5')
        .update(parts.map((part) => part.etag).join())
        .digest('hex')}-${parts.length}"`;
      objects.set(key, stored(parts, etag, upload.metadata));
      const names = `<Bucket>${BUCKET}</Bucket><Key>${escaped(key)}</Key><ETag>${etag}</ETag>`;
      return reply({}, `<CompleteMultipartUploadResult>${names}</CompleteMultipartUploadResult>`);
    }
    if (method === 'PUT') {
      objects.set(key, stored([body], body.etag, metadataOf(request)));
      return reply({ ETag: body.etag });
    }
    if (method === 'DELETE') {
      objects.delete(key);
      return reply({}, '', 204);
    }
    const object = objects.get(key);
    if (!object) throw new Refusal(404, 'NoSuchKey');
    return read(request, response, object);
  }

  async function read(request, response, object) {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]) + 1, object.size) : object.size;
    response.writeHead(range ? 206 : 200, {
      ...object.metadata,
      ...(range ? { 'Content-Range': `bytes ${start}-${end - 1}/${object.size}` } : {}),
      ...{ ETag: object.etag, 'Last-Modified': new Date(object.modified).toUTCString() },
      ...{ 'Accept-Ranges': 'bytes', 'Content-Length': end - start },
    });
    if (request.method !== 'HEAD') {
      seen.sent += end - start;
      for (const slice of object.content(start, end)) {
        if (response.destroyed) return;
        if (!response.write(slice)) await drained(response);
      }
    }
    response.end();
  }

  function listObjects(query) {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, 1000);
    const items = page.map((key) => {
      const { size, etag, modified } = objects.get(key);
      const when = new Date(modified).toISOString();
      return `<Contents><Key>${escaped(key)}</Key><LastModified>${when}</LastModified><ETag>${etag}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
    });
    const more = page.length < keys.length;
    const next = more ? `<NextContinuationToken>${escaped(page.at(-1))}</NextContinuationToken>` : '';
    return `<ListBucketResult><Name>${BUCKET}</Name><Prefix>${escaped(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListBucketResult>`;
  }

  function listUploads(query) {
    const items = [...uploads]
      .filter(([, { key }]) => key.startsWith(query.get('prefix') ?? ''))
      .map(([id, { key }]) => `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></Upload>`);
    return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${items.join('')}</ListMultipartUploadsResult>`;
  }

  return {
    endpoint: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`,
    seen,
    /** `{key: [{size, sum}]}` of what was stored below a prefix, and how many uploads were left open. */
    held(prefix) {
      const parts = [...objects].filter(([key, object]) => key.startsWith(prefix) && object.parts);
      return {
        objects: Object.fromEntries(parts.map(([key, object]) => [key, object.parts])),
        open: uploads.size,
      };
    },
    remove(prefix) {
      for (const key of objects.keys()) if (key.startsWith(prefix)) objects.delete(key);
      uploads.clear();
    },
    stop: () => (server.close(), server.closeAllConnections()),
  };
}

function sourceObject(file) {
  if (file.text !== undefined) {
    const body = Buffer.from(file.text);
    const content = (start, end) => [body.subarray(start, end)];
    return { size: body.length, etag: '"text"', metadata: {}, modified: Date.UTC(2026, 0, 1), content };
  }
  return {
    size: file.size,
    etag: `"${file.hash.slice(0, 32)}"`,
    metadata: file.lfs ? { 'x-amz-meta-sha256': file.hash } : {},
    modified: Date.UTC(2026, 0, 1),
    content: (start, end) => contentOf(file, start, end),
  };
}

function stored(bodies, etag, metadata) {
  return {
    size: bodies.reduce((sum, body) => sum + body.size, 0),
    parts: bodies.map(({ size, sum }) => ({ size, sum })),
    ...{ etag, metadata, modified: Date.now() },
    content(start, end) {
      if (bodies.length > 1 || !bodies[0].kept) throw new Refusal(501, 'NotImplemented', 'it was not kept');
      return [Buffer.concat(bodies[0].kept).subarray(start, end)];
    },
  };
}

function completed(upload, text) {
  const listed = [...text.matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)[1]),
    etag: /<ETag>([^<]+)</.exec(part)[1].replaceAll('&quot;', '"').replaceAll('"', ''),
  }));
  return listed.map(({ number, etag }, index) => {
    const part = upload.parts.get(number);
    if (part?.etag !== `"${etag}"`) throw new Refusal(400, 'InvalidPart');
    if (index > 0 && listed[index - 1].number >= number) throw new Refusal(400, 'InvalidPartOrder');
    if (index < listed.length - 1 && part.size < SMALLEST_PART) throw new Refusal(400, 'EntityTooSmall');
    return part;
  });
}

/** Reads the body of a request, hashing as it comes: `{size, sum, etag, digest, kept, text()}`. */
function receive(request) {
  const payload = request.headers['x-amz-content-sha256'] ?? '';
  const md5 = request.headers['content-md5'];
  const signed = /^[0-9a-f]{64}$/.test(payload);
  const hash = signed ? createHash('sha256') : md5 ? createHash('md5') : undefined;
  const frames = payload === TRAILED ? new Frames() : undefined;
  const body = { size: 0, crc: 0, kept: [], text: () => Buffer.concat(body.kept).toString() };
  const take = (data) => {
    body.size += data.length;
    if (hash) hash.update(data);
    else body.crc = crc32(data, body.crc);
    if (body.size <= KEPT) body.kept?.push(data);
    else body.kept = undefined;
  };
  return new Promise((done, failed) => {
    request.on('data', (received) => (frames ? frames.take(received).forEach(take) : take(received)));
    request.on('error', failed);
    request.on('end', () => {
      body.trailer = frames?.trailer;
      body.digest = hash?.digest('base64');
      body.sum = hash ? { [signed ? 'sha256' : 'md5']: body.digest } : { crc32: body.crc };
      // Not the MD5 that a real server gives: no client here compares it, and it would be slower than all else.
      body.etag = `"${createHash('md5')
        .update(`${body.size} ${JSON.stringify(body.sum)}`)
        .digest('hex')}"`;
      done(body);
    });
  });
}

/** The data of an `aws-chunked` body, out of its frames. */
class Frames {
  trailer = '';
  left = 0; // bytes of data still to come in this frame
  line = ''; // of a header or trailer, so far
  ended = false;

  take(received) {
    const data = [];
    for (let at = 0; at < received.length;) {
      if (this.left > 0) {
        const slice = received.subarray(at, at + this.left);
        data.push(slice);
        this.left -= slice.length;
        at += slice.length;
        continue;
      }
      const end = received.indexOf('\n', at);
      this.line += received.toString('latin1', at, end < 0 ? undefined : end + 1);
      at = end < 0 ? received.length : end + 1;
      if (end < 0) break;
      const line = this.line.trim();
      this.line = '';
      if (this.ended) this.trailer += `${line}\n`;
      else if (line) {
        this.left = parseInt(line, 16);
        this.ended = this.left === 0;
      }
    }
    return data;
  }
}

function verify(request, body) {
  const { headers } = request;
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  if (!parsed) throw new Refusal(403, 'AccessDenied', 'no signature');
  const [, access, day, region, names, signature] = parsed;
  if (access !== ACCESS_KEY) throw new Refusal(403, 'InvalidAccessKeyId');
  if (region !== REGION) throw new Refusal(400, 'AuthorizationHeaderMalformed');
  const [path, query = ''] = request.url.split('?');
  const parameters = query.split('&').filter(Boolean);
  const canonical = [
    request.method,
    path,
    parameters
      .map((one) => (one.includes('=') ? one : `${one}=`))
      .sort()
      .join('&'),
    ...names.split(';').map((name) => `${name}:${headers[name].trim()}`),
    '',
    names,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = [day, region, 's3', 'aws4_request'];
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce(hmac, `AWS4${SECRET_KEY}`);
  if (hmac(key, text).toString('hex') !== signature) throw new Refusal(403, 'SignatureDoesNotMatch');
  const payload = headers['x-amz-content-sha256'];
  if (payload === TRAILED) {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(body.crc);
    if (!body.trailer.includes(`x-amz-checksum-crc32:${sum.toString('base64')}`)) {
      throw new Refusal(400, 'BadDigest', `the trailer is ${body.trailer}`);
    }
  } else if (payload !== UNSIGNED && body.sum.sha256 !== Buffer.from(payload, 'hex').toString('base64')) {
    throw new Refusal(400, 'XAmzContentSHA256Mismatch');
  } else if (payload === UNSIGNED && headers['content-md5'] && body.digest !== headers['content-md5']) {
    throw new Refusal(400, 'BadDigest');
  }
}

function answer(request, response, status, headers, text) {
  const body = Buffer.from(text && `<?xml version="1.0" encoding="UTF-8"?>\n${text}`);
  response.writeHead(status, { 'Content-Length': body.length, ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function metadataOf(request) {
  return Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => name.startsWith('x-amz-meta-')),
  );
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const escaped = (text) => text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
