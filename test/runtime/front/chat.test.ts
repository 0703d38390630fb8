import { order, post, Stand, until } from './stand';

describe('chat through the front', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start();
  });
  afterAll(() => stand.stop());
  afterEach(() => stand.expectRootUnharmed());

  const text = (events: string[]) =>
    events
      .slice(0, -1)
      .map((event) => JSON.parse(event).choices[0]?.delta.content ?? '')
      .join('');

  describe('what the root is given', () => {
    const given = async (request: string) => {
      expect((await stand.ask(request)).status).toBe(200);
      return stand.lastGiven;
    };
    const chat = (fields: Record<string, unknown>) =>
      post({ messages: [{ role: 'user', content: 'tokens=1' }], ...fields });

    it('is always a stream, whatever the client wants', async () => {
      expect((await given(chat({}))).stream).toBe(true);
      expect((await given(chat({ stream: false }))).stream).toBe(true);
    });
    it('holds only what dllama-api understands', async () => {
      const all = {
        model: 'gpt',
        user: 'u',
        tools: [],
        n: 1,
        frequency_penalty: 1,
        logit_bias: {},
        stream_options: {},
      };
      expect(Object.keys(await given(chat(all))).sort()).toEqual(['messages', 'seed', 'stream']);
    });
    it('has content arrays flattened, names dropped, developer as system', async () => {
      const parts = [
        { type: 'text', text: 'tokens=1' },
        { type: 'text', text: 'two' },
      ];
      const messages = [
        { role: 'developer', content: 'be brief' },
        { role: 'user', content: 'a', name: 'ann' },
        { role: 'assistant', content: 'b', refusal: null },
        { role: 'user', content: parts },
      ];
      expect((await given(post({ messages }))).messages).toEqual([
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'user', content: 'tokens=1\ntwo' },
      ]);
    });
    it('has stop as a list', async () => {
      expect((await given(chat({ stop: 'x' }))).stop).toEqual(['x']);
      expect((await given(chat({ stop: ['x', 'y'] }))).stop).toEqual(['x', 'y']);
      expect(await given(chat({ stop: null }))).not.toHaveProperty('stop');
      expect(await given(chat({ stop: [] }))).not.toHaveProperty('stop');
    });
    it('has max_tokens under its old name, as an int', async () => {
      expect((await given(chat({ max_completion_tokens: 7 }))).max_tokens).toBe(7);
      expect((await given(chat({ max_completion_tokens: 7, max_tokens: 9 }))).max_tokens).toBe(7);
      expect((await given(chat({ max_tokens: 2 ** 40 }))).max_tokens).toBe(2 ** 30);
      expect(await given(chat({ max_tokens: null }))).not.toHaveProperty('max_tokens');
    });
    it('has temperature and top_p as they are', async () => {
      expect(await given(chat({ temperature: 0, top_p: 0.25 }))).toMatchObject({
        temperature: 0,
        top_p: 0.25,
      });
    });
    it('always has a seed that is not 0, for the root keeps it for all later requests', async () => {
      expect((await given(chat({ seed: 7 }))).seed).toBe(7);
      expect((await given(chat({ seed: 0 }))).seed).toBe(1);
      expect((await given(chat({ seed: -1 }))).seed).toBeGreaterThan(0);
      const [a, b] = [(await given(chat({}))).seed, (await given(chat({ seed: null }))).seed];
      expect(a).toBeGreaterThan(0);
      expect(b).not.toBe(a);
    });
    it('has any unicode as it was, in ASCII', async () => {
      const content = 'tokens=1 žluťoučký 漢字 🦙🏽 "\\" \u2028 \u0001 \u007f \ufeff \uffff عربى';
      expect((await given(post({ messages: [{ role: 'user', content }] }))).messages[0].content).toBe(
        content,
      );
      const escaped = JSON.stringify({ messages: [{ role: 'user', content }] }).replace(/[^ -~]/g, (unit) => {
        return '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0');
      });
      expect((await given(post(escaped))).messages[0].content).toBe(content);
    });
    it('is whole when it is larger than a segment', async () => {
      const content = 'tokens=1 ' + '漢'.repeat(10_000);
      expect((await given(post({ messages: [{ role: 'user', content }] }))).messages[0].content).toBe(
        content,
      );
    });
  });

  it('answers whole, with a right index, finish_reason and usage', async () => {
    const { status, headers, json } = await stand.ask(order('tokens=4'));
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8', connection: 'close' });
    expect(json).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'tiny',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 't0 t1 t2 t3 ' } }],
      usage: { prompt_tokens: 0, completion_tokens: 4, total_tokens: 4 },
    });
  });

  it('answers in a stream that OpenAI clients can read', async () => {
    const { status, headers, events } = await stand.ask(order('tokens=2', { stream: true }));
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(chunks.map((chunk) => chunk.object)).toEqual(Array(4).fill('chat.completion.chunk'));
    expect(chunks.map((chunk) => chunk.choices)).toEqual([
      [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
      [{ index: 0, delta: { content: 't0 ' }, finish_reason: null }],
      [{ index: 0, delta: { content: 't1 ' }, finish_reason: null }],
      [{ index: 0, delta: {}, finish_reason: 'stop' }],
    ]);
  });

  it('tells the usage at the end of a stream when asked', async () => {
    const request = order('tokens=2', { stream: true, stream_options: { include_usage: true } });
    const { events } = await stand.ask(request);
    expect(JSON.parse(events.at(-2)!)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
  });

  it('passes tokens on as they come', async () => {
    const client = stand.connect(order('tokens=1000 delay=0.05', { stream: true }));
    await client.sees('t1 ');
    expect(client.closed).toBe(false);
    client.close();
  });

  it('says finish_reason length when max_tokens cut the answer', async () => {
    expect((await stand.ask(order('tokens=9', { max_tokens: 2 }))).json).toMatchObject({
      choices: [{ finish_reason: 'length', message: { content: 't0 t1 ' } }],
      usage: { completion_tokens: 2 },
    });
    const { events } = await stand.ask(order('tokens=9', { max_tokens: 2, stream: true }));
    expect(JSON.parse(events.at(-2)!).choices[0].finish_reason).toBe('length');
  });

  describe('stop strings, which dllama-api reads and ignores', () => {
    it.each([
      ['in one piece', 'one|two|three', 'two', 'one'],
      ['across pieces', 'on|et|wo|three', 'two', 'one'],
      ['the first of several', 'a-b-c-d', ['d', 'b'], 'a-'],
      ['a beginning that comes to nothing', 'ab|abx|aby', 'abcd', 'ababxaby'],
      ['a beginning at the very end', 'one|tw', 'two', 'onetw'],
    ])('%s', async (_name, said, stop, shown) => {
      const whole = await stand.ask(order(`text=${said}`, { stop }));
      expect(whole.json.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: shown } });
      const { events } = await stand.ask(order(`text=${said}`, { stop, stream: true }));
      expect(text(events)).toBe(shown);
    });
    it('end the generation at the root too', async () => {
      const answer = await stand.ask(order('tokens=100000 delay=0.02', { stop: 't3' }));
      expect(answer.json.choices[0].message.content).toBe('t0 t1 t2 ');
      await stand.expectRootUnharmed(); // it would wait half an hour behind the rest of that answer
    });
  });

  it('gives an answer without a token as an empty one', async () => {
    expect((await stand.ask(order('tokens=0'))).json.choices[0].message.content).toBe('');
    expect((await stand.ask(order('tokens=0', { stream: true }))).events.at(-1)).toBe('[DONE]');
  });

  it('logs a line per request, without its content or Authorization', async () => {
    await stand.ask(order('tokens=3 secret-prompt').replace('Host:', 'Authorization: Bearer sk-42\r\nHost:'));
    await stand.front.says(/POST \/v1\/chat\/completions 200 queue=\d+ms ttft=\d+ms tokens=3 \d+\.\d\ds/);
    await stand.get('/nothing?key=sk-43');
    await stand.front.says(/GET \/nothing 404/);
    expect(stand.front.output).not.toMatch(/secret-prompt|sk-4/);
  });
});

describe('chat through the front with the DeepSeek template', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start({ double: ['--template', 'deepSeek3'] });
  });
  afterAll(() => stand.stop());

  it('does not count what the template says first', async () => {
    expect((await stand.ask(order('tokens=2', { max_tokens: 3 }))).json).toMatchObject({
      choices: [{ finish_reason: 'stop', message: { content: '<think>\nt0 t1 ' } }],
      usage: { completion_tokens: 2 },
    });
  });

  it('says nothing of an answer that the template alone began', async () => {
    const { json } = await stand.ask(order('tokens=0'));
    expect(json.choices[0].message.content).toBe('<think>\n');
  });

  it('lets the root evaluate the prompt of a client that left, for it would remember it as evaluated', async () => {
    const first = { role: 'user', content: 'think=0.5 tokens=50 delay=0.05' };
    const client = stand.connect(post({ messages: [first], stream: true }));
    await until('the template has said its piece', () => stand.given.length === 2);
    client.close();
    const messages = [first, { role: 'assistant', content: 'x' }, { role: 'user', content: 'tokens=1' }];
    const { json } = await stand.ask(post({ messages }));
    expect(json.choices[0].message.content).toBe('<think>\nt0 ');
  });
});
