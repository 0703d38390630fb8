import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Who may ask. */
export interface S3Account {
  readonly secretKey: string;
  /** Of temporary keys: sent with each request. */
  readonly sessionToken?: string;
  /** When temporary keys end, in milliseconds since the epoch. */
  readonly expires?: number;
}

/** Why a request is refused. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** More elements of the answer. */
  readonly more?: string;
}

const hash = (body: Buffer | string) => createHash('sha256').update(body).digest('hex');
const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** In place of the hash of a body. */
export const UNSIGNED = 'UNSIGNED-PAYLOAD';

/** Why the signature of a request (AWS Signature Version 4, in the headers) is not taken; nothing if it is. */
export function refuseSignature(
  request: IncomingMessage,
  target: string,
  body: Buffer,
  region: string,
  accounts: Map<string, S3Account>,
  behindTls = false,
): Refusal | undefined {
  const payload = String(request.headers['x-amz-content-sha256']);
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (!parsed) {
    return { status: 403, code: 'AccessDenied', message: 'no signature' };
  }
  const [, access, day, signedRegion, names, signature] = parsed;
  const account = accounts.get(access);
  if (!account) {
    return { status: 403, code: 'InvalidAccessKeyId', message: 'no such key' };
  }
  if (signedRegion !== region) {
    return {
      status: 400,
      code: 'AuthorizationHeaderMalformed',
      message: `the region '${signedRegion}' is wrong; expecting '${region}'`,
      more: `<Region>${region}</Region>`,
    };
  }
  const signed = names.split(';');
  if (
    !signed.includes('host') ||
    Object.keys(request.headers).some((n) => n.startsWith('x-amz-') && !signed.includes(n))
  ) {
    return { status: 403, code: 'AccessDenied', message: 'host and every x-amz header must be signed' };
  }
  const [path, query = ''] = target.split('?');
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
    Buffer.from(`AWS4${account.secretKey}`),
  );
  if (hmac(key, text).toString('hex') !== signature) {
    return { status: 403, code: 'SignatureDoesNotMatch', message: 'the signature does not match' };
  }
  const session = request.headers['x-amz-security-token'];
  if (account.sessionToken !== undefined && session !== account.sessionToken) {
    return { status: 400, code: 'InvalidToken', message: 'the security token is none of these keys' };
  }
  if (account.expires !== undefined && Date.now() >= account.expires) {
    return { status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' };
  }
  // Without TLS, nothing else protects the bytes on their way.
  if (hash(body) !== payload && !(behindTls && payload === UNSIGNED)) {
    return { status: 400, code: 'XAmzContentSHA256Mismatch', message: 'the body is not what was signed' };
  }
  return undefined;
}
