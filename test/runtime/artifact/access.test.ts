import * as fs from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import * as tls from 'node:tls';
import { COMMIT } from '../../doubles/hub';
import { TEST_CERTIFICATE, TEST_KEY } from '../../doubles/tls';
import {
  MIB,
  REPO,
  expectComplete,
  fetchArgs,
  large,
  run,
  small,
  temporaryFolder,
  hubForTests,
} from './program';

const FILES = [large('model.safetensors', 2 * MIB + 7), small('config.json', '{}')];

describe('who may fetch what, and through what', () => {
  const hub = hubForTests(
    { name: REPO, files: FILES },
    { name: 'org/private', files: FILES, token: 'hf_secret' },
    { name: 'org/gated', files: FILES, gated: true },
    { name: 'org/up', files: [small('../evil', 'x')] },
    { name: 'org/absolute', files: [small('/etc/evil', 'x')] },
    { name: 'org/marker', files: [small('.artifact.json', '{}')] },
    { name: 'org/both', files: [small('a', 'x'), small('a/b', 'x')] },
  );
  const from = (repo: string, dir: string, ...more: string[]) =>
    fetchArgs(hub, ['--dir', dir], `--repo=${repo}`, ...more);

  test('a private repository opens to its token, which no other host ever sees', async () => {
    const dir = temporaryFolder();
    const outcome = await run(from('org/private', dir), { env: { HF_TOKEN: 'hf_secret' } });
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    const hubRequests = hub.requests.filter((request) => request.at === 'hub');
    expect(hubRequests.every((request) => request.headers.authorization === 'Bearer hf_secret')).toBe(true);
    const cdnRequests = hub.requests.filter((request) => request.at === 'cdn');
    expect(cdnRequests.length).toBeGreaterThan(0);
    expect(cdnRequests.some((request) => request.headers.authorization !== undefined)).toBe(false);
    expect(outcome.log).not.toContain('hf_secret');
  });

  test.each([
    [
      'a private repository without a token',
      'org/private',
      undefined,
      77,
      /no access, HTTP 401; no token was set \(HF_TOKEN\)/,
    ],
    ['a wrong token', 'org/private', 'wrong', 77, /HTTP 401; a token was sent \(Invalid credentials/],
    [
      'a gated repository without a token',
      'org/gated',
      undefined,
      77,
      /is gated: accept its terms at .*no token was set/,
    ],
    [
      'a gated repository with a token',
      'org/gated',
      'hf_any',
      77,
      /is gated: accept its terms at .*a token was sent/,
    ],
    [
      'a missing repository, with a token',
      'org/absent',
      'hf_any',
      66,
      /no such model repository, or no access; a token was sent/,
    ],
    ['a missing repository, without', 'org/absent', undefined, 77, /not found or no access/],
  ] as [string, string, string | undefined, number, RegExp][])(
    '%s',
    async (_, repo, token, code, message) => {
      const outcome = await run(from(repo, temporaryFolder()), {
        env: token ? { HF_TOKEN: `${token}\n` } : {},
      });
      expect(outcome.code).toBe(code);
      expect(outcome.result).toMatchObject({ code, retryable: false });
      expect(outcome.result.error).toMatch(message);
      expect(outcome.log).toContain(`FAILED (exit ${code})`);
    },
  );

  test('a missing commit: 66', async () => {
    const outcome = await run(from(REPO, temporaryFolder(), `--revision=${'c'.repeat(40)}`));
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toMatch(/no such commit/);
  });

  test('a file that is gone though it was listed: 66', async () => {
    hub.faults.push({
      at: 'hub',
      match: /resolve/,
      status: 404,
      headers: { 'X-Error-Code': 'EntryNotFound' },
      times: 100,
    });
    const outcome = await run(from(REPO, temporaryFolder()));
    expect(outcome.code).toBe(66);
  });

  test.each(['org/up', 'org/absolute', 'org/marker', 'org/both'])(
    'unsafe paths, as in %s: 64',
    async (repo) => {
      const outcome = await run(from(repo, temporaryFolder()));
      expect(outcome.code).toBe(64);
      expect(outcome.result.error).toMatch(/unsafe path|is reserved|both a file and a folder/);
    },
  );

  test.each([
    [['--revision=main'], /'main' is not a full commit id/],
    [['--repo=a/b/c'], /'a\/b\/c' is not ORG\/NAME/],
    [['--workers=0'], /not a whole number above 0/],
    [['--join=x'], /not TARGET=PART1,PART2/],
    [['--bucket=b'], /either --dir or --bucket/],
    [['--unknown'], /unrecognized arguments/],
    [['--join=../up=config.json'], /unsafe path/],
    [['--join=config.json=model.safetensors'], /is itself in the repository/],
  ])('usage %j: 64', async (more, message) => {
    const outcome = await run(from(REPO, temporaryFolder(), ...more));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(message);
  });

  test('a hub that is not there: 75', async () => {
    const free = net.createServer().listen(0, '127.0.0.1');
    await new Promise((done) => free.once('listening', done));
    const { port } = free.address() as AddressInfo;
    await new Promise((done) => free.close(done));
    const outcome = await run(
      from(REPO, temporaryFolder(), `--endpoint=http://127.0.0.1:${port}`, '--attempts=2'),
    );
    expect(outcome.code).toBe(75);
    expect(outcome.result.error).toMatch(/the Hub: .*Connection refused/);
  });

  test('HTTP goes through the proxy of the environment, except to whom NO_PROXY names', async () => {
    const proxied: string[] = [];
    const proxy = http.createServer((request, response) => {
      proxied.push(request.url ?? '');
      const onward = http.request(request.url ?? '', { headers: request.headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const dir = temporaryFolder();
    const port = (proxy.address() as AddressInfo).port;
    const outcome = await run(from(REPO, dir), {
      env: { http_proxy: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' },
    });
    proxy.closeAllConnections();
    await new Promise((done) => proxy.close(done));
    expect(outcome.code).toBe(0);
    expectComplete(dir, FILES);
    expect(proxied.length).toBe(hub.count('cdn'));
    expect(proxied.every((url) => url.startsWith('http://localhost:'))).toBe(true);
  });

  describe('over TLS', () => {
    let tlsHub: tls.Server;
    let endpoint: string;
    const certificate = path.join(temporaryFolder(), 'certificate.pem');
    beforeAll(async () => {
      fs.writeFileSync(certificate, TEST_CERTIFICATE);
      tlsHub = tls.createServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (socket) => {
        const onward = net.connect(Number(new URL(hub.endpoint).port), '127.0.0.1');
        socket.pipe(onward).pipe(socket);
        socket.on('error', () => onward.destroy());
        onward.on('error', () => socket.destroy());
      });
      await new Promise<void>((done) => tlsHub.listen(0, '127.0.0.1', done));
      endpoint = `https://hub.test:${(tlsHub.address() as AddressInfo).port}`;
    });
    afterAll(() => new Promise((done) => tlsHub.close(done)));

    /** A proxy that connects hub.test, a name that no DNS knows, to this machine. */
    async function through(
      proxyUser: string | undefined,
      task: (proxy: string, asked: string[]) => Promise<void>,
    ) {
      const asked: string[] = [];
      const sockets: net.Socket[] = [];
      const proxy = http.createServer();
      proxy.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
        asked.push(request.url ?? '');
        const expected = proxyUser && `Basic ${Buffer.from(proxyUser).toString('base64')}`;
        if (request.headers['proxy-authorization'] !== expected) {
          socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
          return;
        }
        const onward = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1');
        sockets.push(socket, onward);
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(onward).pipe(socket);
        [socket, onward].forEach((end) => end.on('error', () => sockets.forEach((each) => each.destroy())));
      });
      await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
      await task(`127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked);
      sockets.forEach((socket) => socket.destroy());
      await new Promise((done) => proxy.close(done));
    }

    test('HTTPS goes through CONNECT, with the user and password of the proxy', () =>
      through('me:pa ss', async (proxy, asked) => {
        const dir = temporaryFolder();
        const outcome = await run(from(REPO, dir, `--endpoint=${endpoint}`), {
          env: { HTTPS_PROXY: `http://me:pa%20ss@${proxy}`, SSL_CERT_FILE: certificate },
        });
        expect(outcome.log).not.toContain('FAILED');
        expect(outcome.code).toBe(0);
        expectComplete(dir, FILES);
        expect(asked.length).toBeGreaterThan(0);
        expect(asked.every((url) => url === endpoint.slice('https://'.length))).toBe(true);
      }));

    test('a proxy that wants another user: 77', () =>
      through('me:pa ss', async (proxy) => {
        const outcome = await run(from(REPO, temporaryFolder(), `--endpoint=${endpoint}`), {
          env: { HTTPS_PROXY: `http://${proxy}`, SSL_CERT_FILE: certificate },
        });
        expect(outcome.code).toBe(77);
        expect(outcome.result.error).toMatch(/the proxy wants a user and password/);
      }));

    test('a certificate that is not trusted: 77, and what to set', async () => {
      const outcome = await run(
        from(REPO, temporaryFolder(), `--endpoint=${endpoint.replace('hub.test', 'localhost')}`),
      );
      expect(outcome.code).toBe(77);
      expect(outcome.result.error).toMatch(/the certificate is not trusted .* set SSL_CERT_FILE/);
    });
  });

  test('revisions are asked for by commit alone', async () => {
    await run(from(REPO, temporaryFolder()));
    const hubRequests = hub.requests.filter((request) => request.at === 'hub');
    expect(hubRequests.every((request) => request.url.includes(COMMIT))).toBe(true);
  });
});
