import * as fs from 'node:fs';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import * as tls from 'node:tls';
import { S3Double } from '../../doubles/s3';
import { TEST_CERTIFICATE, TEST_KEY } from '../../doubles/tls';
import { bucketArgs, expectObjects } from './bucket';
import { artifactFolder, large, MIB, removeTemporaryFolders, run, small, temporaryFolder } from './program';

const FILES = [large('weights.bin', 11 * MIB + 1), small('config.json', '{}')];

let s3: S3Double;
let server: tls.Server;
let endpoint: string;
beforeAll(async () => {
  s3 = await S3Double.start('models');
  server = tls.createServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (socket) => {
    const onward = net.connect(Number(new URL(s3.endpoint).port), '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((done) => server.close(done));
  await s3.stop();
  removeTemporaryFolders();
});

function put(to: string, prefix: string) {
  const certificate = path.join(temporaryFolder(), 'certificate.pem');
  fs.writeFileSync(certificate, TEST_CERTIFICATE);
  const args = bucketArgs({ endpoint: to, bucket: 'models', environment: {} }, prefix);
  const folder = artifactFolder(FILES);
  return run(['put.py', '--key=k1', `--dir=${folder}`, ...args, '--workers=2', '--chunk-mib=5'], {
    env: { ...s3.environment, SSL_CERT_FILE: certificate },
  });
}

test('over TLS, which protects them, large bodies are not hashed once more for the signature', async () => {
  s3.behindTls = true;
  const { code, log } = await put(endpoint, 'by-tls');
  s3.behindTls = false;
  expect([code, log]).toEqual([0, expect.stringContaining('verified')]);
  expectObjects(s3, 'by-tls', FILES);
  expect(s3.unsigned).toBe(3); // the parts; the small file and the marker are signed
});

test('without TLS every body is signed', async () => {
  s3.unsigned = 0;
  const { code } = await put(s3.endpoint, 'plain');
  expect(code).toBe(0);
  expectObjects(s3, 'plain', FILES);
  expect(s3.unsigned).toBe(0);
});
