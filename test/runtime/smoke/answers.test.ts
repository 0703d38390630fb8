import { beginStream, event, sendJson } from '../../doubles/openai';
import { ask, doubleForTests } from './smoke';

const CHAT = '/v1/chat/completions';

describe('smoke_test.py asks', () => {
  const held = doubleForTests();

  test('for the models, for a whole answer and for a stream, and leaves what it measured', async () => {
    const { server } = held;
    server.models = ['other', 'qwen3'];
    const { code, result, log } = await ask(server, [
      '--model=qwen3',
      '--expect=paris',
      '--prompt=Capital of France?',
      '--max-tokens=20',
      '--revision=0123abcd',
    ]);
    expect(log).toMatch(/streamed 40 tokens/);
    expect(code).toBe(0);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/models',
      `POST ${CHAT}`,
      `POST ${CHAT}`,
    ]);
    const question = {
      model: 'qwen3',
      messages: [{ role: 'user', content: 'Capital of France?' }],
      max_tokens: 20,
      temperature: 0,
    };
    expect(server.asked(CHAT).map(({ body }) => body as unknown)).toEqual([
      question,
      { ...question, stream: true, stream_options: { include_usage: true } },
    ]);
    expect(result).toMatchObject({
      model: 'qwen3',
      endpoint: server.endpoint,
      answer: 'Paris.',
      tokens: 40,
      revision: '0123abcd',
    });
    expect(result.timeToFirstToken).toBeGreaterThan(0);
    expect(result.tokensPerSecond).toBeGreaterThan(0);
    expect(log.trim().split('\n')).toHaveLength(3);
  });

  test('for the first model that the server lists, where none is named', async () => {
    held.server.models = ['a', 'b'];
    const { code, result } = await ask(held.server);
    expect([code, result.model]).toEqual([0, 'a']);
  });

  test('without a name where the server lists no models', async () => {
    const { server } = held;
    server.fail('/v1/models', (response) => sendJson(response, {}, 404), 9);
    const { code, result } = await ask(server, ['--route-seconds=1']);
    expect([code, result.model]).toEqual([0, undefined]);
    expect(server.asked(CHAT)[0].body).not.toHaveProperty('model');
  });

  test('by the name that a proxy before the server knows it by', async () => {
    const { server } = held;
    expect((await ask(server, ['--host=chat.llm'])).code).toBe(0);
    expect(server.requests.map(({ headers }) => headers.host)).toEqual(['chat.llm', 'chat.llm', 'chat.llm']);
  });

  test('models that continue texts', async () => {
    const { server } = held;
    const { code, result } = await ask(server, ['--api=completion', '--prompt=Paris is', '--expect=paris']);
    expect([code, result.answer]).toEqual([0, 'Paris.']);
    expect(server.asked('/v1/completions')[1].body).toMatchObject({ prompt: 'Paris is', stream: true });
  });

  test('for a vector', async () => {
    const { code, result } = await ask(held.server, ['--api=embedding']);
    expect([code, result.dimensions]).toEqual([0, 3]);
    expect(result).not.toHaveProperty('timeToFirstToken');
  });

  test('for the order of documents', async () => {
    const { code, result } = await ask(held.server, ['--api=rerank']);
    expect([code, result.best]).toEqual([0, 0]);
  });

  test.each([
    ['embedding', { data: [{ embedding: [] }] }],
    ['embedding', { data: [{ embedding: [0, 0, 0] }] }],
    ['embedding', { data: [{ embedding: 'AAAA' }] }],
    ['rerank', { results: [{ index: 0, relevance_score: 1 }] }],
    ['rerank', { results: 'none' }],
    ['rerank', []],
  ])('and takes no other answer for that of %s: %j', async (api, answer) => {
    const { server } = held;
    server.fail(api === 'rerank' ? '/v1/rerank' : '/v1/embeddings', (response) => sendJson(response, answer));
    const { code, result } = await ask(server, [`--api=${api}`]);
    expect([code, result.error]).toEqual([65, expect.stringMatching(/an answer without a (vector|score)/)]);
  });
});

describe('smoke_test.py takes', () => {
  const held = doubleForTests();

  test('what a model thinks for an answer', async () => {
    const { server } = held;
    const thought = { reasoning_content: 'The user asks for Paris', content: null };
    server.fail(CHAT, (response) => sendJson(response, { choices: [{ message: thought }] }));
    server.fail('stream', (response) => {
      beginStream(response);
      response.end(event({ choices: [{ delta: { reasoning: 'Paris?' } }] }) + event('[DONE]'));
    });
    expect(await ask(server, ['--expect=Paris'])).toMatchObject({ code: 0 });
  });

  test('the pieces of a stream for tokens where the server does not count, and tells no rate of one', async () => {
    const { server } = held;
    server.counts = false;
    expect((await ask(server)).result.tokens).toBe(3);
    server.pieces = ['Paris'];
    const { result } = await ask(server);
    expect(result.tokens).toBe(1);
    expect(result).not.toHaveProperty('tokensPerSecond');
  });

  test('streams in whatever parts they arrive, with comments, fields and lines of both kinds', async () => {
    const { server } = held;
    const text = Buffer.from(
      ': hello\n\nevent: message\r\nid: 1\r\nretry: 10\r\n' +
        'data: {"choices":\r\ndata: [{"delta": {"content": "Straße"}}]}\r\n\r\n' +
        'data:{"choices": [{"delta": {"role": "assistant"}}]}\n\ndata: [DONE]\n\n',
    );
    server.fail('stream', (response) => {
      beginStream(response);
      for (const byte of text) response.write(Buffer.of(byte));
      response.end();
    });
    server.pieces = ['Straße'];
    expect(await ask(server, ['--expect=STRASSE'])).toMatchObject({ code: 0, result: { tokens: 1 } });
  });

  test('a question again that a server was too busy for, or that broke off', async () => {
    const { server } = held;
    server.fail(CHAT, (response) => sendJson(response, {}, 503));
    server.fail('stream', (response) => {
      beginStream(response);
      response.write(event({ choices: [{ delta: { content: 'Pa' } }] }), () => response.destroy());
    });
    const { code, result } = await ask(server);
    expect([code, result.answer, server.asked(CHAT).length]).toEqual([0, 'Paris.', 4]);
  });
});

describe('smoke_test.py refuses', () => {
  const held = doubleForTests();

  test('a server without the model, and says which it has', async () => {
    const { code, result } = await ask(held.server, ['--model=llama']);
    expect([code, result.error]).toEqual([66, 'the server has no model llama; it has: qwen3']);
    expect(held.server.asked(CHAT)).toEqual([]);
  });

  test.each([
    ['an empty answer', [' ', '\n'], [], 'the answer is empty'],
    [
      'another answer than the expected one',
      ['London'],
      ['--expect=Paris'],
      "have the expected 'Paris' in it: London",
    ],
  ])('%s', async (_, pieces, args, error) => {
    held.server.pieces = pieces;
    const { code, result } = await ask(held.server, args);
    expect([code, result.error, result.retryable]).toEqual([65, expect.stringContaining(error), false]);
  });

  test.each([
    ['no choices', { choices: [] }, 'an answer without choices'],
    ['no message', { choices: [{}] }, 'an answer without a message'],
    ['no object', 'Paris', 'an answer without choices'],
  ])('an answer with %s', async (_, answer, error) => {
    held.server.fail(CHAT, (response) => sendJson(response, answer));
    expect(await ask(held.server)).toMatchObject({
      code: 65,
      result: { error: expect.stringContaining(error) as string },
    });
  });

  test('an answer that is not JSON', async () => {
    held.server.fail(CHAT, (response) => response.end('<html>Paris</html>'));
    expect(await ask(held.server)).toMatchObject({
      code: 65,
      result: { error: 'an answer that is not JSON: <html>Paris</html>' },
    });
  });

  const PIECE = event({ choices: [{ delta: { content: 'Paris' } }] });
  test.each([
    ['an event that is not JSON', 65, PIECE + event('{"choices'), 'an event of the stream is not JSON'],
    ['an event that is no object', 65, event('[1]'), 'an event of the stream is no object'],
    [
      'lines that are no events',
      65,
      '{"choices": []}\n\n',
      'a line of the stream is none of server-sent events',
    ],
    ['no piece of text', 65, event('[DONE]'), 'the stream ended without a single piece of text'],
    [
      'only empty pieces',
      65,
      event({ choices: [{ delta: {} }] }) + event('[DONE]'),
      'without a single piece of text',
    ],
    ['no end', 75, PIECE, 'the stream was cut after 1 pieces: it has no end ([DONE]) (tried 2 times)'],
    ['an error in its midst', 75, PIECE + event({ error: { message: 'out of memory' } }), 'out of memory'],
  ])('a stream with %s', async (_, code, stream, error) => {
    held.server.fail(
      'stream',
      (response) => {
        beginStream(response);
        response.end(stream);
      },
      2,
    );
    const { code: given, result } = await ask(held.server);
    expect([given, result.error]).toEqual([code, expect.stringContaining(error)]);
  });

  test('a stream that is cut each time', async () => {
    held.server.fail(
      'stream',
      (response) => {
        beginStream(response);
        response.write(PIECE, () => response.destroy());
      },
      2,
    );
    expect(await ask(held.server)).toMatchObject({ code: 75, result: { retryable: true } });
  });

  test('a whole answer in place of a stream', async () => {
    held.server.fail('stream', (response) =>
      sendJson(response, { choices: [{ message: { content: 'Paris' } }] }),
    );
    const { code, result } = await ask(held.server);
    expect([code, result.error]).toEqual([
      65,
      expect.stringContaining('application/json and not text/event-stream'),
    ]);
  });

  test('a first token that comes too late', async () => {
    held.server.delayMs = 300;
    const { code, result } = await ask(held.server, ['--max-first-token-ms=100']);
    expect([code, result.error]).toEqual([
      75,
      expect.stringMatching(/^the first token came after 0\.\d+ s; .* within 0\.10 s$/),
    ]);
  });

  test.each([
    [400, 64, 'The server refuses the question'],
    [404, 66, 'The server does not have the model'],
    [500, 75, 'HTTP 500'],
  ])('what is answered with %d', async (status, code, error) => {
    held.server.fail(CHAT, (response) => sendJson(response, { error: 'because' }, status), 2);
    const { code: given, result } = await ask(held.server);
    expect([given, result.error]).toEqual([code, expect.stringContaining(error)]);
  });
});
