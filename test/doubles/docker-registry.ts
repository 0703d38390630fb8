import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { sign } from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { freePort } from './free-port';
import { describeBlob, manifestText, OCI_MANIFEST } from './registry';
import type { Descriptor } from './registry';
import { TEST_CERTIFICATE, TEST_KEY } from './tls';

/** The password of CREDENTIALS as htpasswd keeps it: bcrypt, the only kind that the registry takes. */
const HTPASSWD = 'jane:$2b$05$eh2oIi.aPRQm2DHyiqhQI.5wRrxN1TLs.ZrR9TBz.FCYopkMrv1Wq\n';
const CREDENTIALS = 'jane:pw';

export type DockerRegistryAuth = 'none' | 'htpasswd' | 'token';

/**
 * The registry that most others are made of (https://distribution.github.io/distribution/), as Debian packages it,
 * on loopback: a second opinion on the double of ours. For `token` with a token server of ours, whose tokens it
 * checks.
 */
export class DockerRegistry {
  /** Undefined, after a warning, when it is not to be had; with CDK8S_LLM_REQUIRE_PEERS=1 that is an error. */
  public static async start(folder: string, auth: DockerRegistryAuth): Promise<DockerRegistry | undefined> {
    const program = findProgram();
    if (!program) return undefined;
    const tokens = auth === 'token' ? await TokenServer.start() : undefined;
    const port = await freePort();
    const config = path.join(folder, 'config.json'); // JSON is YAML
    fs.writeFileSync(path.join(folder, 'htpasswd'), HTPASSWD);
    fs.writeFileSync(path.join(folder, 'roots.pem'), TEST_CERTIFICATE);
    fs.writeFileSync(
      config,
      JSON.stringify({
        version: 0.1,
        log: { level: 'error', accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: path.join(folder, 'data') } },
        http: { addr: `127.0.0.1:${port}`, secret: 'for uploads' },
        auth: {
          none: undefined,
          htpasswd: { htpasswd: { realm: 'test', path: path.join(folder, 'htpasswd') } },
          token: {
            token: {
              realm: tokens?.realm,
              service: SERVICE,
              issuer: ISSUER,
              rootcertbundle: path.join(folder, 'roots.pem'),
            },
          },
        }[auth],
      }),
    );
    const child = spawn(program, ['serve', config], { stdio: 'ignore' });
    const registry = new DockerRegistry(child, port, auth, tokens);
    for (;;) {
      if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
      if (await fetch(`${registry.endpoint}/v2/`).catch(() => undefined)) return registry;
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Whoever has them may pull. */
  public readonly credentials = CREDENTIALS;

  private pushes: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly child: ChildProcess,
    private readonly port: number,
    private readonly auth: DockerRegistryAuth,
    public readonly tokens: TokenServer | undefined,
  ) {}

  public get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  public get endpoint(): string {
    return `http://${this.host}`;
  }

  public async stop(): Promise<void> {
    const ended = new Promise((done) => this.child.once('close', done));
    this.child.kill('SIGKILL');
    await ended;
    await this.tokens?.stop();
  }

  /** Pushes a blob, and describes it as a manifest does. Done once `pushed` is. */
  public blob(
    repo: string,
    mediaType: string,
    content: Buffer | string,
    annotations?: Record<string, string>,
  ): Descriptor {
    const described = describeBlob(mediaType, content, annotations);
    this.queue(async () => {
      const begun = await this.call(repo, 'POST', `/v2/${repo}/blobs/uploads/`, 202);
      const location = new URL(begun.headers.get('location') ?? '', this.endpoint);
      location.searchParams.set('digest', described.digest);
      await this.call(
        repo,
        'PUT',
        location.pathname + location.search,
        201,
        Buffer.from(content),
        'application/octet-stream',
      );
    });
    return described;
  }

  /** Pushes a manifest or an index, under a tag if there is one. Done once `pushed` is. */
  public manifest(
    repo: string,
    tag: string | undefined,
    manifest: object,
    mediaType = OCI_MANIFEST,
  ): Descriptor {
    const text = manifestText(manifest, mediaType);
    const described = describeBlob(mediaType, text);
    this.queue(() =>
      this.call(
        repo,
        'PUT',
        `/v2/${repo}/manifests/${tag ?? described.digest}`,
        201,
        Buffer.from(text),
        mediaType,
      ),
    );
    return described;
  }

  /** Returns when all is pushed. */
  public async pushed(): Promise<void> {
    await this.pushes;
  }

  private queue(push: () => Promise<unknown>): void {
    this.pushes = this.pushes.then(push);
  }

  private async call(
    repo: string,
    method: string,
    target: string,
    expected: number,
    body?: Buffer,
    type?: string,
  ): Promise<Response> {
    const authorization = {
      none: undefined,
      htpasswd: `Basic ${Buffer.from(CREDENTIALS).toString('base64')}`,
      token: `Bearer ${token(`repository:${repo}:pull,push`)}`,
    }[this.auth];
    const answer = await fetch(this.endpoint + target, {
      method,
      body: body && new Uint8Array(body),
      headers: { ...(authorization ? { authorization } : {}), ...(type ? { 'content-type': type } : {}) },
    });
    if (answer.status !== expected) {
      throw new Error(`${method} ${target}: ${answer.status} ${await answer.text()}`);
    }
    return answer;
  }
}

const SERVICE = 'registry of the tests';
const ISSUER = 'token server of the tests';
/** For which a token is good. */
const SECONDS = 300;

/** Gives tokens to whoever has the credentials, in the form that the registry checks. */
export class TokenServer {
  public static async start(): Promise<TokenServer> {
    const server = new TokenServer();
    await new Promise<void>((done) => server.server.listen(0, '127.0.0.1', done));
    return server;
  }

  /** How many were given. */
  public given = 0;

  private readonly server = http.createServer((request, response) => {
    const expected = `Basic ${Buffer.from(CREDENTIALS).toString('base64')}`;
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { 'Content-Length': 0 }).end();
      return;
    }
    this.given++;
    const scope = new URL(request.url ?? '', this.realm).searchParams.get('scope') ?? '';
    response.end(JSON.stringify({ token: token(scope), expires_in: SECONDS }));
  });

  public get realm(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/token`;
  }

  public async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

/** A token as https://distribution.github.io/distribution/spec/auth/jwt/ has it. */
function token(scope: string): string {
  const [type, name, actions] = scope.split(':');
  const now = Math.floor(Date.now() / 1000);
  const certificate = TEST_CERTIFICATE.replace(/-----[A-Z ]+-----|\n/g, '');
  const parts = [
    { typ: 'JWT', alg: 'ES256', x5c: [certificate] },
    {
      iss: ISSUER,
      sub: 'jane',
      aud: SERVICE,
      nbf: now - 10,
      iat: now,
      exp: now + SECONDS,
      jti: String(Math.random()),
      access: [{ type, name, actions: actions.split(',') }],
    },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const signature = sign('sha256', Buffer.from(parts.join('.')), {
    key: TEST_KEY,
    dsaEncoding: 'ieee-p1363',
  });
  return [...parts, signature.toString('base64url')].join('.');
}

function findProgram(): string | undefined {
  for (const program of [
    process.env.CDK8S_LLM_PEER_REGISTRY,
    'docker-registry',
    '/usr/bin/docker-registry',
  ]) {
    if (!program) continue;
    try {
      execFileSync(program, ['--version'], { stdio: 'ignore' });
      return program;
    } catch {
      // Not this one.
    }
  }
  const message =
    'there is no docker-registry here, so nothing was tested against a real registry; install the Debian package ' +
    'docker-registry, or set CDK8S_LLM_PEER_REGISTRY to the program';
  if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') throw new Error(message);
  console.warn(message);
  return undefined;
}
