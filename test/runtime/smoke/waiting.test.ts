import * as fs from 'node:fs';
import * as path from 'node:path';
import { freePort } from '../../doubles/free-port';
import { OpenAiDouble, beginStream } from '../../doubles/openai';
import { patched, start, temporaryFolder } from '../artifact/program';
import { ask, begin, doubleForTests, outcome, says } from './smoke';

const KEY = 'sk-very-secret';

/** The name of the pods, which no DNS of a test knows. */
const POD = 'chat-smoke-test-1a2b3c4d.llm.svc';

/** A DNS that knows the name when the file is there. */
function knownWhen(file: string): string {
  return `
import os.path, socket
def look_up(name, *rest, real=socket.getaddrinfo, **more):
    if name == ${JSON.stringify(POD)}:
        print('looked up', flush=True)
        if not os.path.exists(${JSON.stringify(file)}):
            raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')
        name = '127.0.0.1'
    return real(name, *rest, **more)
socket.getaddrinfo = look_up`;
}

describe('smoke_test.py waits', () => {
  const held = doubleForTests();

  test('while nobody listens', async () => {
    const port = await freePort();
    const test = begin(`http://127.0.0.1:${port}/v1`);
    await says(test, /waiting for http:.*refused/i);
    const late = new OpenAiDouble();
    await late.listen(port);
    expect(outcome(await test.ended)).toMatchObject({ code: 0, result: { answer: 'Paris.' } });
    await late.stop();
  });

  test('while the name of its pods is not known, as none is ready', async () => {
    const test = begin('http://nowhere.invalid:8000/v1');
    await says(test, /waiting for http:.*the name is known while a pod behind it is ready/);
    test.child.kill('SIGTERM');
    expect(outcome(await test.ended)).toMatchObject({ code: 75 });
  });

  test('as long as the model is downloaded, as its time begins when a pod is ready', async () => {
    const ready = path.join(temporaryFolder(), 'ready');
    const test = begin(
      held.server.endpoint.replace('127.0.0.1', POD),
      [`--pods=${POD}`, '--wait-seconds=1'],
      {},
      patched(knownWhen(ready)),
    );
    // Twice a second at most: by then its time would be over.
    await says(test, /(looked up[^]*){6}/);
    expect(held.server.requests).toEqual([]);
    fs.writeFileSync(ready, '');
    expect(outcome(await test.ended)).toMatchObject({ code: 0, result: { answer: 'Paris.' } });
  });

  test('for the endpoint no longer than it is told to when a pod was ready', async () => {
    const port = await freePort();
    const { code, result } = outcome(
      await begin(`http://127.0.0.1:${port}/v1`, ['--pods=localhost', '--wait-seconds=1']).ended,
    );
    expect([code, result.error]).toEqual([75, expect.stringContaining('does not answer after 1 s')]);
  });

  test('for a pod no longer than it is told to, which no retry cures', async () => {
    const test = begin(
      `http://${POD}:8000/v1`,
      [`--pods=${POD}`, '--ready-seconds=1'],
      {},
      patched(knownWhen('/none')),
    );
    const { code, result } = outcome(await test.ended);
    expect([code, result.retryable]).toEqual([66, false]);
    expect(result.error).toMatch(/no pod .* was ready within 1 s .*Look at its pods.*raise the attempt/);
  });

  test('while what stands before the server starts it, as it does when it is asked', async () => {
    held.server.refusals.push(502, 503, 502);
    const args = [`--pods=${POD}`, '--wait-seconds=1'];
    const test = begin(held.server.endpoint, args, {}, patched(knownWhen('/none')));
    expect(outcome(await test.ended)).toMatchObject({ code: 0, result: { answer: 'Paris.' } });
    expect(held.server.asked('/v1/models')).toHaveLength(4);
  });

  test('while the model is loaded, and while a gateway does not know its route', async () => {
    held.server.refusals.push(503, 404, 502);
    const { code, log } = await ask(held.server, ['--model=qwen3']);
    expect(code).toBe(0);
    expect(log).toMatch(/waiting for .*HTTP 503/);
    expect(held.server.asked('/v1/models')).toHaveLength(4);
  });

  test('no longer than it is told to', async () => {
    const port = await freePort();
    const { code, result } = outcome(await begin(`http://127.0.0.1:${port}/v1`, ['--wait-seconds=1']).ended);
    expect([code, result.retryable]).toEqual([75, true]);
    expect(result.error).toMatch(/does not answer after 1 s: .*refused.* Look at the pods of the server/i);
  });

  test('not for an address that is not that of an API', async () => {
    held.server.refusals.push(...Array.from({ length: 100 }, () => 404));
    const { code, result } = await ask(held.server, ['--model=qwen3', '--route-seconds=1']);
    expect([code, result.error]).toEqual([66, expect.stringContaining('not that of an OpenAI API')]);
  });

  test('not where another address is told', async () => {
    held.server.refusals.push(301);
    const { code, result } = await ask(held.server);
    expect([code, result.error]).toEqual([
      64,
      expect.stringContaining('it leads to https://elsewhere.test/v1/models'),
    ]);
  });

  test('until it is stopped', async () => {
    held.server.refusals.push(...Array.from({ length: 100 }, () => 503));
    const test = begin(held.server.endpoint);
    await says(test, /waiting for/);
    test.child.kill('SIGTERM');
    expect(outcome(await test.ended)).toMatchObject({ code: 75, result: { retryable: true } });
  });

  test('for an answer no longer than a silence may be', async () => {
    held.server.fail('/v1/chat/completions', () => undefined, 2);
    const { code, result } = await ask(held.server, ['--stall-seconds=1']);
    expect([code, result.error]).toEqual([75, 'the answer: no byte for 1 s (tried 2 times)']);
  });

  test('for all answers no longer than they may take, though something comes all the time', async () => {
    let more: NodeJS.Timeout | undefined;
    held.server.fail('stream', (response) => {
      beginStream(response);
      more = setInterval(() => response.write(': not yet\n\n'), 50);
    });
    const { code, result } = await ask(held.server, ['--answer-seconds=2']);
    clearInterval(more);
    expect([code, result.error]).toEqual([75, 'not done after 2 s: the server answers, but too slowly']);
  });
});

describe('smoke_test.py shows the API key', () => {
  const held = doubleForTests();
  beforeEach(() => (held.server.key = KEY));

  test.each([
    ['as it is', KEY],
    ['without the line feed of a Secret that was made by hand', `${KEY}\n`],
    ['that is the first of a file of keys', `${KEY}\nsk-another\n`],
  ])('%s', async (_, value) => {
    const { code, log } = await ask(held.server, [], { SMOKE_TEST_API_KEY: value });
    expect(code).toBe(0);
    expect(log).not.toContain('sk-');
  });

  test('and says that there is none', async () => {
    const { code, result } = await ask(held.server);
    expect([code, result.error]).toEqual([77, expect.stringContaining('The server wants an API key')]);
  });

  test('and says that it is the wrong one, which it does not repeat', async () => {
    const { code, result, log } = await ask(held.server, [], { SMOKE_TEST_API_KEY: 'sk-wrong' });
    expect([code, result.error]).toEqual([77, expect.stringContaining('compare the Secrets')]);
    expect(result.error).toContain('refused with 401 Bearer ***');
    expect(log + JSON.stringify(result)).not.toContain('sk-wrong');
  });

  test('with the question, too', async () => {
    held.server.fail('/v1/models', (response) => {
      held.server.key = 'sk-changed';
      response.end(JSON.stringify({ data: [{ id: 'qwen3' }] }));
    });
    const { code, result } = await ask(held.server, [], { SMOKE_TEST_API_KEY: KEY });
    expect([code, result.error]).toEqual([77, expect.stringContaining('POST ')]);
  });
});

test.each([
  [[], 'required: --endpoint'],
  [['--endpoint=ftp://a/v1'], 'is not an http(s) address'],
  [['--endpoint=http://a/v1', '--api=vision'], 'invalid choice'],
])('smoke_test.py with the arguments %j is used wrongly', async (args, error) => {
  const { code, result } = await start(['smoke_test.py', ...args]).ended;
  expect([code, result.error]).toEqual([64, expect.stringContaining(error)]);
});
