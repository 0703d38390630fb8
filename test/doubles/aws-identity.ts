import { randomBytes } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3Double } from './s3';

/**
 * AWS STS, and the agent that gives keys to a pod on EKS (Pod Identity) or ECS, on loopback. The keys that they give
 * open an `S3Double`, for as long as `seconds` says.
 */
export class AwsIdentityDouble {
  public static async start(s3: S3Double): Promise<AwsIdentityDouble> {
    const double = new AwsIdentityDouble(s3);
    await new Promise<void>((done) => double.server.listen(0, '127.0.0.1', done));
    return double;
  }

  public readonly role = 'arn:aws:iam::111122223333:role/reader';
  /** What the pod proves its identity by; must be what the token file holds. */
  public token = jwt('system:serviceaccount:llm:reader');
  /** How long keys last, as is told with them. */
  public seconds = 3600;
  /** How much longer they do last. */
  public grace = 0;
  /** How often keys were given. */
  public given = 0;
  /** Answered instead of keys, the first first. */
  public readonly refusals: { status: number; code: string; message: string }[] = [];

  private readonly server = http.createServer((request, response) => void this.serve(request, response));

  private constructor(private readonly s3: S3Double) {}

  public get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  public async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) {
      body += String(chunk);
    }
    const refusal = this.refusals.shift() ?? this.refuse(request, new URLSearchParams(body));
    if (request.method === 'POST') {
      this.answerSts(response, refusal);
    } else {
      this.answerAgent(response, refusal);
    }
  }

  private refuse(request: http.IncomingMessage, form: URLSearchParams) {
    if (request.method === 'GET') {
      return request.url === '/v1/credentials' && request.headers.authorization === this.token
        ? undefined
        : { status: 403, code: 'AccessDeniedException', message: 'Unauthorized Exception' };
    }
    const expected = {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: this.role,
      WebIdentityToken: this.token,
    };
    const wrong = Object.entries(expected).find(([name, value]) => form.get(name) !== value);
    if (wrong || !/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? '')) {
      return { status: 400, code: 'ValidationError', message: `wrong ${wrong?.[0] ?? 'RoleSessionName'}` };
    }
    return undefined;
  }

  /** New keys, which open the bucket until they expire. */
  private give() {
    this.given++;
    const [access, secretKey, sessionToken] = ['ASIA', 'secret/', 'session/+='].map(
      (kind) => kind + randomBytes(6).toString('hex'),
    );
    const expires = Date.now() + 1000 * this.seconds;
    this.s3.accounts.set(access, { secretKey, sessionToken, expires: expires + 1000 * this.grace });
    return { access, secretKey, sessionToken, expiration: new Date(expires).toISOString() };
  }

  private answerSts(
    response: http.ServerResponse,
    refusal?: { status: number; code: string; message: string },
  ) {
    const space = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
    if (refusal) {
      const { status, code, message } = refusal;
      const xml = `<ErrorResponse ${space}><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
      response.writeHead(status, { 'Content-Type': 'text/xml' }).end(xml);
      return;
    }
    const { access, secretKey, sessionToken, expiration } = this.give();
    response
      .writeHead(200, { 'Content-Type': 'text/xml' })
      .end(
        `<AssumeRoleWithWebIdentityResponse ${space}><AssumeRoleWithWebIdentityResult><Credentials>` +
          `<AccessKeyId>${access}</AccessKeyId><SecretAccessKey>${secretKey}</SecretAccessKey>` +
          `<SessionToken>${sessionToken}</SessionToken><Expiration>${expiration}</Expiration>` +
          '</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>',
      );
  }

  private answerAgent(
    response: http.ServerResponse,
    refusal?: { status: number; code: string; message: string },
  ) {
    if (refusal) {
      response.writeHead(refusal.status).end(`[${refusal.code}]: ${refusal.message}`);
      return;
    }
    const { access, secretKey, sessionToken, expiration } = this.give();
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(
      JSON.stringify({
        AccessKeyId: access,
        SecretAccessKey: secretKey,
        Token: sessionToken,
        AccountId: '111122223333',
        Expiration: expiration,
      }),
    );
  }
}

/** A token of a ServiceAccount, signed by nobody. */
function jwt(subject: string): string {
  const [header, payload] = [{ alg: 'none' }, { sub: subject }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return `${header}.${payload}.signature`;
}
