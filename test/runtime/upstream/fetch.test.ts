import { GOOD_SCRIPTS, MODEL_SCRIPT } from './scripts';
import { expectComplete, expectNothing, Stand } from './stand';

const stand = new Stand();
let input: string;

beforeAll(async () => {
  await stand.start('qwen3');
  input = stand.input();
});
afterEach(() => stand.server.reset());
afterAll(() => stand.stop());

const fresh = (): string => stand.workplace.freshPath();

/** What the server does with requests for one of the scripts; the others are answered as ever. */
function forWriter(answer: typeof stand.server.handler): void {
  stand.server.handler = (request, response, next) =>
    request.url!.endsWith('/writer.py') ? answer(request, response, next) : next();
}

async function expectFailure(code: number, says: RegExp): Promise<void> {
  const output = fresh();
  const outcome = await stand.run(input, output);
  expect(outcome.result.error).toMatch(says);
  expect(outcome.code).toBe(code);
  expect(outcome.stdout).not.toContain('Writing tensor');
  expectNothing(output);
}

it('runs no script but those whose checksums are in the program', async () => {
  const output = fresh();
  // Nothing but the packages is patched: these are the checksums of production.
  const { code, result } = await stand.run(input, output, {
    patches: { 'dllama_upstream.SCRIPTS': undefined },
  });
  expect(code).toBe(65);
  expect(result).toMatchObject({ retryable: false });
  expect(result.error).toMatch(
    /convert-hf\.py has the sha256 [0-9a-f]{64}, that of distributed-llama v0\.16\.2 is c767cb7f\w+: not run/,
  );
  expectNothing(output);
});

it('runs none of the scripts when one has another checksum', async () => {
  forWriter((_request, response) => response.end('print("other")'));
  await expectFailure(65, /writer\.py has the sha256/);
});

it('says that a script is not there', async () => {
  forWriter((_request, response) => response.writeHead(404).end());
  await expectFailure(66, /v0\.16\.2\/writer\.py: HTTP 404 .*check --scripts-url/);
});

it('says that there is no access', async () => {
  forWriter((_request, response) => response.writeHead(403).end());
  await expectFailure(77, /writer\.py: HTTP 403/);
});

it('refuses an answer without end', async () => {
  forWriter((_request, response) => response.end('#'.repeat(2 << 20)));
  await expectFailure(65, /longer than any script/);
});

it('gives up for now on a server that fails, and on none at all', async () => {
  forWriter((_request, response) => response.writeHead(503).end());
  await expectFailure(75, /HTTP 503 .*tried 2 times/);
  const output = fresh();
  const outcome = await stand.run(input, output, {
    args: { 'scripts-url': 'http://127.0.0.1:1/{version}' },
  });
  expect(outcome.code).toBe(75);
  expect(outcome.result).toMatchObject({ retryable: true });
  expectNothing(output);
});

it('gives up for now on a server that says nothing', async () => {
  forWriter(() => undefined);
  const output = fresh();
  const outcome = await stand.run(input, output, { patches: { 'web.Http.stall': 0.5 } });
  expect(outcome.code).toBe(75);
  expect(outcome.result.error).toMatch(/no byte for/);
  expectNothing(output);
});

it.each<[string, typeof stand.server.handler]>([
  ['a failure', (_request, response) => response.writeHead(500).end()],
  [
    'a cut answer of known length',
    (_request, response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('def write(f', () => response.destroy());
    },
  ],
  [
    'a cut answer in chunks',
    (_request, response) => {
      response.write('def write(f', () => response.destroy());
    },
  ],
  ['a closed connection', (request) => request.socket.destroy()],
])('tries again after %s', async (_what, fault) => {
  let faults = 0;
  forWriter((request, response, next) => (faults++ ? next() : fault(request, response, next)));
  const output = fresh();
  expect((await stand.run(input, output)).code).toBe(0);
  expect(faults).toBeGreaterThan(1);
  expectComplete(output);
});

it('follows redirects of a mirror, but not for ever', async () => {
  forWriter((_request, response) =>
    response.writeHead(302, { Location: '../v0.16.2/' + MODEL_SCRIPT }).end(),
  );
  // It is led to another script, so it did follow.
  await expectFailure(65, /writer\.py has the sha256/);
  forWriter((_request, response) => response.writeHead(302, { Location: 'writer.py' }).end());
  await expectFailure(66, /HTTP 302/);
});

it('takes the scripts from a mirror without the tag in its address', async () => {
  stand.server.handler = (request, response) =>
    response.end(GOOD_SCRIPTS[request.url!.slice('/own/'.length)]);
  const output = fresh();
  const url = stand.server.url.replace('{version}', 'own/');
  expect((await stand.run(input, output, { args: { 'scripts-url': url } })).code).toBe(0);
  expectComplete(output);
});
