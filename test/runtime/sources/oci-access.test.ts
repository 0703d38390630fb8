import type { LoopbackFault } from '../../doubles/loopback';
import { RegistryDouble } from '../../doubles/registry';
import type { RegistryAuth } from '../../doubles/registry';
import {
  MIB,
  PYTHON,
  bytes,
  expectComplete,
  removeTemporaryFolders,
  run,
  temporaryFolder,
} from '../artifact/program';
import type { RunOptions } from '../artifact/program';
import { pushArtifact } from './oci-images';
import { CREDENTIALS, dockerConfig, pullArgs } from './registry-stand';

const FILES = [
  { path: 'model.gguf', content: bytes(5 * MIB + 7) },
  { path: 'mmproj.gguf', content: bytes(3 * MIB + 1, 2) },
];

/** Runs a script that sees the modules, in place of the program that is named. */
function inPython(script: string): RunOptions {
  const modules = 'import os, sys\nsys.path.insert(0, os.path.dirname(sys.argv[1]))\n';
  return { wrap: [PYTHON, '-c', modules + script], withoutPython: true };
}

describe('who may pull', () => {
  let registry: RegistryDouble;
  let dir: string;
  let digest: string;

  beforeEach(async () => {
    registry = await RegistryDouble.start();
    dir = temporaryFolder();
    const kinds = ['application/vnd.docker.ai.gguf.v3', 'application/vnd.docker.ai.mmproj'];
    digest = pushArtifact(
      registry,
      FILES.map(({ content }, index) => [kinds[index], content]),
    ).digest;
  });
  afterEach(() => registry.stop());
  afterAll(removeTemporaryFolders);

  const pull = (config?: string, ...more: string[]) =>
    run(pullArgs('oci', registry, { digest }, ['--dir', dir], '--attempts=3', ...more), {
      env: config === undefined ? {} : { DOCKER_CONFIG_JSON: config },
    });

  const bearer: RegistryAuth = { scheme: 'bearer', credentials: CREDENTIALS };
  const anonymous: RegistryAuth = { ...bearer, anonymous: true };

  test.each<[string, RegistryAuth, boolean, number]>([
    ['by password', { ...bearer, scheme: 'basic' }, true, 0],
    ['by token', bearer, true, 1],
    ['by token, without credentials', anonymous, false, 1],
    ['by token, with credentials where none are needed', anonymous, true, 1],
    ['by a token that is called access_token', { ...bearer, field: 'access_token' }, true, 1],
    ['by a token of a scope that the registry names', { ...anonymous, scope: 'aws' }, false, 1],
  ])('%s', async (_, auth, credentials, tokens) => {
    registry.auth = auth;
    registry.direct = true;
    const outcome = await pull(credentials ? dockerConfig(registry.host) : undefined);
    expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
    expectComplete(dir, FILES);
    expect(registry.count('token')).toBe(tokens);
    expect(outcome.log).not.toContain('s3cret');
    // Asked for before anything was sent: one refusal, not one for each request.
    const refused = registry.requests.filter(
      ({ at, headers }) => at === 'registry' && !headers.authorization,
    );
    expect(refused).toHaveLength(1);
  });

  test('credentials go to the token server and to no other; tokens to the registry and to no other', async () => {
    registry.auth = bearer;
    expect((await pull(dockerConfig(registry.host))).code).toBe(0);
    const sent = (at: string) =>
      new Set(
        registry.requests.filter((r) => r.at === at).map((r) => r.headers.authorization?.split(' ')[0]),
      );
    expect(sent('token')).toEqual(new Set(['Basic']));
    expect(sent('registry')).toEqual(new Set([undefined, 'Bearer']));
    expect(sent('cdn')).toEqual(new Set([undefined]));
  });

  test.each([
    ['401 and a challenge', undefined],
    ['400, as ECR Public says', 400],
    ['403', 403],
  ])('a token that expires in the middle is replaced by a new one (%s)', async (_, expired) => {
    registry.auth = { ...bearer, tokenUses: 6, expired };
    registry.direct = true;
    const outcome = await pull(dockerConfig(registry.host));
    expect(`${outcome.code} ${outcome.log}`).toMatch(/^0 /);
    expectComplete(dir, FILES);
    expect(registry.count('token')).toBeGreaterThan(1);
    expect(outcome.result.fetched).toBe(8 * MIB + 8);
  });

  test('a token that expires while links are asked for', async () => {
    registry.auth = { ...anonymous, tokenUses: 4 };
    registry.links.uses = 2;
    expect((await pull()).code).toBe(0);
    expectComplete(dir, FILES);
  });

  test('a token server that is overloaded is asked again', async () => {
    registry.auth = anonymous;
    registry.faults.push({ at: 'token', status: 503, times: 2 });
    expect((await pull()).code).toBe(0);
  });

  test.each<
    [string, RegistryAuth | undefined, string | undefined, LoopbackFault | undefined, number, RegExp]
  >([
    [
      'no credentials',
      bearer,
      undefined,
      undefined,
      77,
      /^the token server 127\.0\.0\.1 gives no token for \S+\/org\/model: HTTP 403 Forbidden \(DENIED requested access to the resource is denied\)\. The repository does not exist, or is not public; no credentials are set \(pullSecret\)$/,
    ],
    [
      'no credentials for a password',
      { ...bearer, scheme: 'basic' },
      undefined,
      undefined,
      77,
      /no credentials are set \(pullSecret\)$/,
    ],
    [
      'a wrong password',
      bearer,
      dockerConfig('127.0.0.1:PORT', 'jane:wrong'),
      undefined,
      77,
      /the credentials of the pull Secret for \S+ were used$/,
    ],
    [
      'a wrong password, in a world without tokens',
      { ...bearer, scheme: 'basic' },
      dockerConfig('127.0.0.1:PORT', 'jane:wrong'),
      undefined,
      77,
      /not found or no access, HTTP 401 Unauthorized \(UNAUTHORIZED authentication required\); the credentials of the pull Secret/,
    ],
    [
      'credentials for another registry',
      bearer,
      dockerConfig('ghcr.io'),
      undefined,
      77,
      /the pull Secret has no entry for \S+\/org\/model, but for: ghcr\.io$/,
    ],
    [
      'a token that the registry does not take',
      { ...anonymous, scope: 'other' },
      undefined,
      { at: 'token', status: 200 },
      64,
      /sends no token/,
    ],
    [
      'a token server without end of trouble',
      anonymous,
      undefined,
      { at: 'token', status: 503 },
      75,
      /HTTP 503/,
    ],
    [
      'a limit that is reached',
      undefined,
      undefined,
      { at: 'registry', status: 429 },
      75,
      /HTTP 429 Too Many Requests \(fault\); no credentials are set \(pullSecret\) \(tried 3 times\)$/,
    ],
    [
      'a pull Secret that is none',
      bearer,
      'jane:s3cret',
      undefined,
      64,
      /the pull Secret is not of the form .* create secret docker-registry$/,
    ],
    [
      'a pull Secret of another kind',
      bearer,
      '{"ghcr.io": {}}',
      undefined,
      64,
      /the pull Secret is not of the form/,
    ],
    [
      'a pull Secret whose entry is spoilt',
      bearer,
      JSON.stringify({ auths: { '127.0.0.1:PORT': { auth: '%s3cret' } } }),
      undefined,
      64,
      /the pull Secret: "auth" of 127\.0\.0\.1:\d+ is not base64 of user:password$/,
    ],
  ])('refused: %s', async (_, auth, config, fault, code, message) => {
    registry.auth = auth;
    if (fault) registry.faults.push({ ...fault, times: 99 });
    const outcome = await pull(config?.replace('127.0.0.1:PORT', registry.host));
    expect(outcome.code).toBe(code);
    expect(outcome.result.error).toMatch(message);
    expect(outcome.log).not.toContain('s3cret');
  });

  test('a registry that sends us elsewhere for a token, over a line that anybody hears', async () => {
    // As if the registry were reached by https.
    const script = [
      'import registry, program',
      'access = registry.Access("https", "ghcr.io", "org/model")',
      'try:',
      '    access.ask(None, {"realm": "http://169.254.169.254/token"})',
      'except program.Failure as failure:',
      '    print(failure.code, failure)',
    ].join('\n');
    const { code, log } = await run(['fetch.py'], inPython(script));
    expect(`${code} ${log}`).toBe(
      "0 64 ghcr.io sends us for a token to 'http://169.254.169.254/token', which is no address by https\n",
    );
  });

  test('which entries of a pull Secret are for a repository', async () => {
    const entries: [string, string, boolean][] = [
      ['ghcr.io', 'ghcr.io', true],
      ['ghcr.io/org', 'ghcr.io', true],
      ['ghcr.io/org2', 'ghcr.io', false],
      ['ghcr.io/or', 'ghcr.io', false],
      ['https://ghcr.io', 'ghcr.io', true],
      ['*.ecr.example.com', 'eu.ecr.example.com', true],
      ['*.example.com', 'eu.ecr.example.com', false],
      ['ghcr.io:5000', 'ghcr.io', false],
      ['https://index.docker.io/v1/', 'registry-1.docker.io', true],
      ['docker.io', 'registry-1.docker.io', true],
      ['hf.co', 'huggingface.co', true],
      ['ghcr.io', 'ghcr.io.evil.example', false],
    ];
    const pairs = JSON.stringify(entries.map(([key, host]) => [key, host]));
    const script = `import json, registry\nfor key, host in json.loads(${JSON.stringify(pairs)}): print(registry.fits(key, host, "org/model"))`;
    const { log } = await run(['fetch.py'], inPython(script));
    expect(log.trim().split('\n')).toEqual(entries.map(([, , fits]) => (fits ? 'True' : 'False')));
  });

  test('of several entries that fit the longest is used', async () => {
    registry.auth = bearer;
    const both = {
      auths: {
        [registry.host]: { username: 'jane', password: 'wrong' },
        [`${registry.host}/org`]: { username: 'jane', password: 's3cret' },
      },
    };
    expect((await pull(JSON.stringify(both))).code).toBe(0);
  });

  test('a refresh token in place of a password', async () => {
    registry.auth = { ...bearer, refreshToken: 'refresh-me' };
    const config = { auths: { [registry.host]: { identitytoken: 'refresh-me' } } };
    expect((await pull(JSON.stringify(config))).code).toBe(0);
    expect(registry.requests.filter(({ at }) => at === 'token').map(({ method }) => method)).toEqual([
      'POST',
    ]);
  });
});
