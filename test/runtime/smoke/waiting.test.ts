import { freePort } from '../../doubles/free-port';
import { OpenAiDouble, beginStream } from '../../doubles/openai';
import { start } from '../artifact/program';
import { ask, begin, doubleForTests, outcome, says } from './smoke';

const KEY = 'sk-very-secret';

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
    const { code, result } = await ask(held.server, ['--wait-seconds=1', '--answer-seconds=2']);
    clearInterval(more);
    expect([code, result.error]).toEqual([75, 'not done after 3 s: the server answers, but too slowly']);
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
