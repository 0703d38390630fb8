import { Client, order, post, Stand, until } from './stand';

/** Every request that ends or blocks a bare dllama-api, and more of their kind. The root must never notice. */
describe('a front for dllama-api', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start();
  });
  afterAll(() => stand.stop());
  afterEach(() => stand.expectRootUnharmed());

  const chat = (fields: Record<string, unknown>) =>
    post({ messages: [{ role: 'user', content: 'tokens=1' }], ...fields });
  const messages = (...list: unknown[]) => post({ messages: list });
  const user = (content: unknown) => messages({ role: 'user', content });
  const deep = '['.repeat(20_000) + ']'.repeat(20_000);

  const notUtf8 = Buffer.from(user('a??b'));
  notUtf8.fill(0xff, notUtf8.indexOf('??'), notUtf8.indexOf('??') + 2);

  describe('never lets a connection without a request through', () => {
    it('survives connect and close', async () => {
      for (let i = 0; i < 20; i++) {
        const client = stand.connect();
        await until('connected or refused', () => client.closed || client.connected);
        client.close();
      }
    });
    it('survives connect and reset', async () => {
      const client = stand.connect('POST /v1/chat');
      await until('connected', () => client.connected);
      client.reset();
    });
    it('survives a connection that stays open in silence, and serves others', async () => {
      stand.connect();
      expect((await stand.ask(order('tokens=1'))).status).toBe(200);
    });
    it('survives a body that never comes to its end', async () => {
      const client = stand.connect(post('{"messages": []}').slice(0, -5));
      await until('connected', () => client.connected);
      client.close();
    });
  });

  describe('refuses what is not HTTP/1.1 with 400 and closes', () => {
    const tls = Buffer.from('1603010200010001fc0303', 'hex');
    it.each<[string, string | Buffer]>([
      ['a TLS hello', Buffer.concat([tls, Buffer.alloc(300, 7)])],
      ['an SSH banner', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
      ['bytes of zero', Buffer.alloc(64)],
      ['a line of words', 'hello there\r\n\r\n'],
      ['lower case', 'get / http/1.1\r\n\r\n'],
      ['an empty line first', '\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['bare line feeds', 'GET /health HTTP/1.1\nHost: a\n\n'],
      ['a header without a colon', 'GET /health HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n'],
      ['a folded header', 'GET /health HTTP/1.1\r\nHost: a\r\n more\r\n\r\n'],
      ['a space before the colon', 'GET /health HTTP/1.1\r\nHost : a\r\n\r\n'],
      ['a NUL in a header', 'GET /health HTTP/1.1\r\nHost: a\0b\r\n\r\n'],
      ['no Host', 'GET /health HTTP/1.1\r\n\r\n'],
      ['two Hosts', 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
      ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
      ['a list of lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na'],
      ['a negative length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
      [
        'a length and chunks',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
      ['an absolute target', 'GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n'],
    ])('%s', async (_name, bytes) => {
      expect((await stand.ask(bytes)).status).toBe(400);
    });
    it.each([
      ['an HTTP/2 preface', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['headers without end', 431, 'GET / HTTP/1.1\r\n' + 'a: b\r\n'.repeat(10_000)],
      ['too many headers', 431, `GET / HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(200)}\r\n`],
      ['another transfer coding', 501, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n'],
      ['a compressed body', 415, post('{}', 'Content-Encoding: gzip\r\n')],
      ['another expectation', 417, post('{}', 'Expect: the-worst\r\n')],
      [
        'a huge length',
        413,
        'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n',
      ],
    ])('%s', async (_name, status, bytes) => {
      const answer = await stand.ask(bytes);
      expect(answer.status).toBe(status);
      expect(answer.json.error.message).toMatch(/.{10}/);
    });
  });

  describe('refuses what dllama-api dies of', () => {
    it.each([
      ['no body', post('')],
      ['malformed JSON', post('{"messages": [')],
      ['words', post('hello')],
      ['a list', post('[]')],
      ['a number', post('1')],
      ['an empty object', post('{}')],
      ['JSON with a tail', post('{"messages":[{"role":"user","content":"a"}]} x')],
      ['a byte order mark', post('\ufeff{"messages":[{"role":"user","content":"a"}]}')],
      ['bytes that are not UTF-8', notUtf8],
      ['half a surrogate pair', post('{"messages":[{"role":"user","content":"\\ud800"}]}')],
      ['a NUL in the content', user('a\0b')],
      ['a NUL in stop', chat({ stop: 'a\0' })],
      ['NaN', post('{"messages":[{"role":"user","content":"a"}],"temperature":NaN}')],
      ['Infinity', post('{"messages":[{"role":"user","content":"a"}],"seed":-Infinity}')],
      ['a number past a double', post('{"messages":[{"role":"user","content":"a"}],"temperature":1e999}')],
      ['a number of 100,000 digits', post(`{"seed":${'9'.repeat(100_000)}}`)],
      ['a name twice', post('{"messages":[],"messages":[{"role":"user","content":"a"}]}')],
      ['deep nesting', post(`{"messages":${deep}}`)],
      [
        'deep nesting in a field nobody reads',
        post(`{"messages":[{"role":"user","content":"a"}],"x":${deep}}`),
      ],
      ['no messages', post({ model: 'tiny' })],
      ['empty messages', messages()],
      ['messages as text', post({ messages: 'hello' })],
      ['a message as text', messages('hello')],
      ['a message without a role', messages({ content: 'a' })],
      ['a message without content', messages({ role: 'user' })],
      ['an unknown role', messages({ role: 'root', content: 'a' })],
      ['a tool message', messages({ role: 'user', content: 'a' }, { role: 'tool', content: 'b' })],
      ['a role as a list', messages({ role: ['user'], content: 'a' })],
      ['a system message alone', messages({ role: 'system', content: 'a' })],
      [
        'an empty answer to continue',
        messages({ role: 'user', content: 'a' }, { role: 'assistant', content: '' }),
      ],
      ['content null', user(null)],
      ['content as a number', user(5)],
      ['content as an object', user({ type: 'text', text: 'a' })],
      ['an image part', user([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }])],
      ['a part without text', user([{ type: 'text' }])],
      ['a part as a string', user(['a'])],
      [
        'tool calls',
        messages({ role: 'assistant', content: 'x', tool_calls: [{}] }, { role: 'user', content: 'a' }),
      ],
      ['stream as text', chat({ stream: 'true' })],
      ['stop as a number', chat({ stop: 7 })],
      ['a stop that is not text', chat({ stop: ['a', null] })],
      ['an empty stop', chat({ stop: '' })],
      ['too many stops', chat({ stop: Array(100).fill('a') })],
      ['max_tokens as text', chat({ max_tokens: '5' })],
      ['max_tokens as a fraction', chat({ max_tokens: 1.5 })],
      ['max_tokens as true', chat({ max_tokens: true })],
      ['max_tokens of zero', chat({ max_tokens: 0 })],
      ['temperature as text', chat({ temperature: 'hot' })],
      ['temperature out of range', chat({ temperature: 1e300 })],
      ['top_p as a list', chat({ top_p: [1] })],
      ['seed as a fraction', chat({ seed: 0.5 })],
      ['seed as text', chat({ seed: 'x' })],
      ['several answers', chat({ n: 2 })],
      ['tools', chat({ tools: [{ type: 'function', function: { name: 'f' } }] })],
      ['a response format', chat({ response_format: { type: 'json_object' } })],
      ['logprobs', chat({ logprobs: true })],
      ['a prompt that takes minutes to tokenize', user('word '.repeat(20_000))],
      [
        'a broken chunk',
        post('').replace('Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n') + 'zz\r\n',
      ],
      [
        'a chunk longer than said',
        post('').replace('Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n') + '2\r\n{}}}0\r\n\r\n',
      ],
    ])('%s', async (_name, request) => {
      const before = stand.given.length;
      const answer = await stand.ask(request);
      expect(answer.status).toBe(400);
      expect(answer.json.error).toMatchObject({ type: 'invalid_request_error', message: expect.any(String) });
      expect(stand.given.length).toBe(before);
    });

    it('refuses a body past the limit before it is all there', async () => {
      const size = 9 * 1024 * 1024;
      const request = Buffer.concat([Buffer.from(post('')), Buffer.alloc(size, 32)]);
      const text = request.toString().replace('Content-Length: 0', `Content-Length: ${size}`);
      expect((await stand.ask(text)).status).toBe(413);
    });
    it('refuses chunks past the limit', async () => {
      const chunk = '100000\r\n' + ' '.repeat(0x100000) + '\r\n';
      const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      expect((await stand.ask(head + chunk.repeat(9) + '0\r\n\r\n')).status).toBe(413);
    });
    it('refuses JSON that would take twenty times its size in memory', async () => {
      expect((await stand.ask(post(`{"x":[${'[],'.repeat(2_000_000)}[]]}`))).status).toBe(413);
    });
  });

  describe('takes what dllama-api dies of and others send', () => {
    it('a chunked body, in pieces', async () => {
      const body = JSON.stringify({ messages: [{ role: 'user', content: 'tokens=2' }] });
      const client = stand.connect(
        'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      client.send(`5;ext=1\r\n${body.slice(0, 5)}\r\n`);
      client.send(`${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\nTrailer: x\r\n\r\n`);
      const answer = await client.answer();
      expect(answer.json.choices[0].message.content).toBe('t0 t1 ');
    });
    it('a lower-case content-length with the body in a second segment', async () => {
      const [head, body] = order('tokens=2').replace('Content-Length', 'content-length').split('\r\n\r\n');
      const client = stand.connect(head + '\r\n\r\n');
      await until('the head is there', () => client.connected);
      client.send(body);
      expect((await client.answer()).json.choices[0].message.content).toBe('t0 t1 ');
      expect(stand.lastGiven.messages).toHaveLength(1);
    });
    it('a request in single bytes', async () => {
      const client = stand.connect();
      for (const byte of order('tokens=2')) client.send(byte);
      expect((await client.answer()).status).toBe(200);
    });
    it('HTTP/1.0, answered without chunks', async () => {
      const request = order('tokens=2', { stream: true }).replace('HTTP/1.1\r\nHost: chat', 'HTTP/1.0');
      const answer = await stand.ask(request);
      expect(answer.headers['transfer-encoding']).toBeUndefined();
      expect(answer.events.at(-1)).toBe('[DONE]');
    });
    it('Expect: 100-continue', async () => {
      const [head, body] = order('tokens=1').split('\r\n\r\n');
      const client = stand.connect(`${head}\r\nExpect: 100-continue\r\n\r\n`);
      await client.sees('HTTP/1.1 100 Continue\r\n\r\n');
      client.received = '';
      client.send(body);
      expect((await client.answer()).status).toBe(200);
    });
    it('pipelined requests: answers the first and closes', async () => {
      const answer = await stand.ask(order('tokens=1') + order('tokens=9') + order('tokens=9'));
      expect(answer.json.choices[0].message.content).toBe('t0 ');
      expect(answer.headers.connection).toBe('close');
      expect(stand.lastGiven.messages[0].content).toBe('tokens=1');
    });
    it.each([
      ['a content array', { messages: [{ role: 'user', content: [{ type: 'text', text: 'tokens=1' }] }] }],
      ['stop as a string', { stop: 'x' }],
      ['stop null', { stop: null }],
      ['max_tokens null', { max_tokens: null }],
      ['temperature null', { temperature: null }],
      ['stream null', { stream: null }],
      ['seed null, 0, negative and huge', { seed: null }],
      ['seed 0', { seed: 0 }],
      ['a negative seed', { seed: -5 }],
      ['max_tokens past an int', { max_tokens: 2 ** 40 }],
      ['empty tools', { tools: [], tool_choice: 'none' }],
      ['fields nobody knows', { user: 'x', metadata: { a: [1] }, logit_bias: { 5: 1 }, store: false }],
    ])('%s', async (_name, fields) => {
      expect((await stand.ask(chat(fields))).status).toBe(200);
    });
  });

  it('answers other paths and methods itself, in the form of OpenAI errors', async () => {
    const target = async (line: string) => stand.ask(`${line} HTTP/1.1\r\nHost: a\r\n\r\n`);
    for (const path of ['/', '/v1', '/v1/completions', '/v1/chat/completions/', '/metrics/', '//health']) {
      expect((await target(`GET ${path}`)).json.error.type).toBe('invalid_request_error');
      expect((await target(`GET ${path}`)).status).toBe(404);
    }
    expect(await target('GET /v1/chat/completions')).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    });
    expect(await target('DELETE /v1/models')).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    expect(await target('BREW /health')).toMatchObject({ status: 405 });
    expect(await target('HEAD /health')).toMatchObject({ status: 200, body: '' });
    expect(await target('GET /health?deep=1')).toMatchObject({ status: 200 });
    expect(await target('OPTIONS /v1/chat/completions')).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': '*',
        'access-control-allow-headers': 'Content-Type, Authorization',
      },
    });
    expect(await target('OPTIONS *')).toMatchObject({ status: 204 });
  });

  it('survives fuzzed garbage and broken variants of a good request', async () => {
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const good = Buffer.from(order('tokens=1', { stop: ['a'], max_tokens: 3, temperature: 0.5 }));
    const clients: Client[] = [];
    for (let i = 0; i < 300; i++) {
      let bytes = Buffer.from(good);
      if (i % 3 === 0) {
        bytes = Buffer.from(Array.from({ length: random(400) }, () => random(256)));
      } else {
        for (let n = random(4) + 1; n > 0; n--) bytes[random(bytes.length)] = random(256);
        if (i % 3 === 1) bytes = bytes.subarray(0, random(bytes.length));
      }
      const client = stand.connect(bytes);
      clients.push(client);
      if (clients.length % 20 === 0) {
        await until('all were heard', () => clients.every((c) => c.connected));
        clients.splice(0).forEach((c, n) => (n % 2 ? c.close() : c.reset()));
      }
    }
    await until('the queue is empty', async () => (await stand.queueLength()) === 0);
    expect(stand.root.output).not.toContain('terminate');
  });
});
