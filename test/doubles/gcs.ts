import { createHash, createVerify, generateKeyPairSync } from 'node:crypto';
import type * as http from 'node:http';
import { Loopback } from './loopback';
import type { LoopbackFault } from './loopback';

/** How a bucket lets one in. */
export type GcsAccess = 'public' | 'service account' | 'metadata server';

/** https://cloud.google.com/storage/docs/json_api/v1/status-codes */
const REASONS: Record<number, string> = { 401: 'authError', 403: 'forbidden', 404: 'notFound' };

const SCOPE = 'https://www.googleapis.com/auth/devstorage.';

/**
 * Google Cloud Storage's JSON API on loopback, as far as reading goes, with Google's token server and a node's
 * metadata server. Whatever it does not know it refuses with 400 and lists in `strange`.
 *
 * @see https://cloud.google.com/storage/docs/json_api/v1
 * @see https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
export class GcsDouble extends Loopback {
  public static async start(bucket: string, access: GcsAccess = 'public'): Promise<GcsDouble> {
    const double = new GcsDouble(bucket, access);
    await double.listen('storage', (request, response, fault) => double.storage(request, response, fault));
    await double.listen('token', (request, response) => double.token(request, response));
    await double.listen('metadata', (request, response) => double.metadata(request, response));
    return double;
  }

  /** The objects by their whole names. */
  public readonly objects = new Map<string, Buffer>();
  /** Names of objects of which no MD5 is told, as of composite ones. */
  public readonly composite = new Set<string>();
  /** Requests that no client should send. */
  public readonly strange: string[] = [];
  /** How many names a page of a listing holds. */
  public pageSize = 1000;

  private readonly keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  private readonly accessToken = 'ya29.only-for-tests';

  private constructor(
    private readonly bucket: string,
    private readonly access: GcsAccess,
  ) {
    super();
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${this.port('storage')}/storage/v1/`;
  }

  /** As the console gives it out. */
  public get serviceAccountKey(): string {
    return JSON.stringify({
      type: 'service_account',
      project_id: 'test',
      private_key_id: 'key-1',
      private_key: this.keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: 'reader@test.iam.gserviceaccount.com',
      client_id: '1',
      token_uri: `http://127.0.0.1:${this.port('token')}/token`,
    });
  }

  private storage(request: http.IncomingMessage, response: http.ServerResponse, fault: LoopbackFault): void {
    const url = new URL(request.url ?? '', 'http://storage');
    if (this.access !== 'public' && request.headers.authorization !== `Bearer ${this.accessToken}`) {
      return refuse(
        response,
        request.headers.authorization ? 401 : 403,
        'does not have storage.objects access',
      );
    }
    const listing = /^\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname);
    const object = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/.exec(url.pathname);
    const media = /^\/download\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/.exec(url.pathname);
    const [, bucket, name] = listing ?? object ?? media ?? [];
    if (request.method !== 'GET' || bucket === undefined) return this.refuseStrange(request, response);
    if (bucket !== this.bucket) return refuse(response, 404, 'The specified bucket does not exist.');
    if (listing) return this.list(url, response);
    const content = this.objects.get(decodeURIComponent(name));
    if (!content) return refuse(response, 404, `No such object: ${decodeURIComponent(name)}`);
    if (object) return json(response, this.resource(decodeURIComponent(name), content));
    if (
      url.searchParams.get('alt') !== 'media' ||
      url.searchParams.get('generation') !== '1700000000000001'
    ) {
      return this.refuseStrange(request, response);
    }
    this.send(content, request, response, fault);
  }

  private list(url: URL, response: http.ServerResponse): void {
    const prefix = url.searchParams.get('prefix') ?? '';
    const delimiter = url.searchParams.get('delimiter');
    const names = [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    const first = Number(url.searchParams.get('pageToken') ?? 0);
    const page = names.slice(first, first + this.pageSize);
    const below = (name: string) => (delimiter ? name.slice(prefix.length).indexOf(delimiter) : -1);
    json(response, {
      kind: 'storage#objects',
      items: page
        .filter((name) => below(name) < 0)
        .map((name) => this.resource(name, this.objects.get(name) as Buffer)),
      prefixes: [
        ...new Set(
          page
            .filter((name) => below(name) >= 0)
            .map((name) => name.slice(0, prefix.length + below(name) + 1)),
        ),
      ],
      ...(first + this.pageSize < names.length ? { nextPageToken: String(first + this.pageSize) } : {}),
    });
  }

  private resource(name: string, content: Buffer): object {
    const generation = '1700000000000001';
    const path = `/download/storage/v1/b/${this.bucket}/o/${encodeURIComponent(name)}`;
    return {
      kind: 'storage#object',
      name,
      bucket: this.bucket,
      generation,
      size: String(content.length),
      updated: '2024-05-01T00:00:00.000Z',
      timeCreated: '2024-05-01T00:00:00.000Z',
      contentType: 'application/octet-stream',
      ...(this.composite.has(name)
        ? { componentCount: 2 }
        : { md5Hash: createHash('md5').update(content).digest('base64') }),
      mediaLink: `http://127.0.0.1:${this.port('storage')}${path}?generation=${generation}&alt=media`,
    };
  }

  /** Gives a token to who shows an assertion that the service account's key has signed. */
  private token(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const wrong = this.wrongAssertion(form.get('assertion') ?? '');
      if (
        request.url !== '/token' ||
        form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer'
      ) {
        this.refuseStrange(request, response);
      } else if (wrong) {
        json(response, { error: 'invalid_grant', error_description: wrong }, 400);
      } else {
        json(response, { access_token: this.accessToken, token_type: 'Bearer', expires_in: 3600 });
      }
    });
  }

  private wrongAssertion(assertion: string): string | undefined {
    const [header, claims, signature] = assertion.split('.');
    if (!signature) return 'no assertion';
    const told = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    const how = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
    const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`);
    if (how.alg !== 'RS256' || !verify.verify(this.keys.publicKey, Buffer.from(signature, 'base64url'))) {
      return 'Invalid JWT Signature.';
    }
    if (told.iss !== 'reader@test.iam.gserviceaccount.com' || !String(told.scope).startsWith(SCOPE)) {
      return 'wrong issuer or scope';
    }
    if (told.aud !== `http://127.0.0.1:${this.port('token')}/token`) return 'wrong audience';
    if (Number(told.exp) < Date.now() / 1000 || Number(told.exp) > Date.now() / 1000 + 3700) return 'expired';
    return undefined;
  }

  /** https://cloud.google.com/compute/docs/metadata/querying-metadata */
  private metadata(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { pathname } = new URL(request.url ?? '', 'http://metadata');
    if (request.headers['metadata-flavor'] !== 'Google' && pathname !== '/') {
      return refuse(response, 403, 'Missing Metadata-Flavor:Google header.');
    }
    const account = '/computeMetadata/v1/instance/service-accounts/default';
    const answers: Record<string, string> = {
      '/': 'computeMetadata/',
      '/computeMetadata/v1/project/project-id': 'test',
      '/computeMetadata/v1/universe/universe-domain': 'googleapis.com',
      [`${account}/email`]: 'reader@test.iam.gserviceaccount.com',
      [`${account}/token`]: JSON.stringify({
        access_token: this.accessToken,
        token_type: 'Bearer',
        expires_in: 3600,
      }),
    };
    const answer = answers[pathname];
    if (answer === undefined) return refuse(response, 404, 'not there');
    response.writeHead(200, { 'Metadata-Flavor': 'Google', 'Content-Length': answer.length }).end(answer);
  }

  private refuseStrange(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.strange.push(`${request.method} ${request.url}`);
    refuse(response, 400, 'not what this server knows');
  }
}

function json(response: http.ServerResponse, value: object, status = 200): void {
  const text = JSON.stringify(value);
  response
    .writeHead(status, {
      'Content-Type': 'application/json; charset=UTF-8',
      'Content-Length': Buffer.byteLength(text),
    })
    .end(text);
}

function refuse(response: http.ServerResponse, code: number, message: string): void {
  json(
    response,
    { error: { code, message, errors: [{ message, domain: 'global', reason: REASONS[code] ?? 'invalid' }] } },
    code,
  );
}
