import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { freePort } from './free-port';
import { findPeer } from './peers';

/** moto's S3 server, as a second opinion on the double of ours. It checks no signatures. */
export class MotoServer {
  /** Undefined, after a warning, when moto is not to be had. */
  public static async start(bucket: string): Promise<MotoServer | undefined> {
    const python = findPeer('moto.server');
    if (!python) {
      return undefined;
    }
    const port = await freePort();
    const child = spawn(python[0], ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    });
    const moto = new MotoServer(child, `http://127.0.0.1:${port}`, bucket);
    for (;;) {
      if (child.exitCode !== null) {
        throw new Error(`moto ended with ${child.exitCode}`);
      }
      const made = await fetch(`${moto.endpoint}/${bucket}`, { method: 'PUT' }).catch(() => undefined);
      if (made?.ok) {
        return moto;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  public readonly environment = { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' };

  private constructor(
    private readonly child: ChildProcess,
    public readonly endpoint: string,
    public readonly bucket: string,
  ) {}

  /** From here on every state of an object is kept. */
  public async keepVersions(): Promise<void> {
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await this.send('?versioning', Buffer.from(body));
  }

  /** Stores an object, as someone else would; its version id where versions are kept. */
  public async put(key: string, body: Buffer): Promise<string> {
    const answer = await this.send(`/${key.split('/').map(encodeURIComponent).join('/')}`, body);
    return answer.headers.get('x-amz-version-id') ?? '';
  }

  private async send(path: string, body: Buffer): Promise<Response> {
    // moto checks no signature, but wants one where something is changed.
    const authorization =
      'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
    const url = `${this.endpoint}/${this.bucket}${path}`;
    const answer = await fetch(url, {
      method: 'PUT',
      body: new Uint8Array(body),
      headers: { authorization },
    });
    if (!answer.ok) {
      throw new Error(`moto answers ${answer.status} to PUT ${path}: ${await answer.text()}`);
    }
    return answer;
  }

  public async stop(): Promise<void> {
    const ended = new Promise((done) => this.child.once('close', done));
    this.child.kill('SIGKILL');
    await ended;
  }
}
