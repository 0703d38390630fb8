import { order, post, Stand, until } from './stand';

/** dllama-api cuts a prompt that does not fit its context, and answers nothing: 200, no text, `stop`. */
describe.each(['chatml', 'deepSeek3'])('prompts and the context, with the template %s', (template) => {
  let stand: Stand;
  const seqLen = 200; // words to the double, and at least as many bytes to the front
  beforeAll(async () => {
    stand = await Stand.start({
      double: ['--template', template, '--seq-len', String(seqLen)],
      front: ['--max-seq-len', String(seqLen)],
    });
  });
  afterAll(() => stand.stop());
  afterEach(() => expect(stand.root.alive).toBe(true));

  const exceeded = { type: 'invalid_request_error', code: 'context_length_exceeded' };
  const words = (count: number) => 'tokens=2 ' + 'a '.repeat(count - 1);

  it.each([false, true])('are refused with 400 when they did not fit (stream: %s)', async (stream) => {
    const answer = await stand.ask(order(words(seqLen + 1), { stream }));
    expect(answer).toMatchObject({ status: 400, json: { error: exceeded } });
    expect(answer.json.error.message).toContain('do not fit its context of 200 tokens');
    expect(answer.events).toEqual([]);
    await stand.expectRootUnharmed();
  });

  it.each([false, true])(
    'are answered when they fit, though bytes do not tell (stream: %s)',
    async (stream) => {
      const answer = await stand.ask(order(words(seqLen), { stream }));
      expect(answer.status).toBe(200);
      expect(answer.body).toContain('t0 ');
    },
  );

  it('are not suspected when they surely fit: a model may have nothing to say', async () => {
    const { status, json } = await stand.ask(order('tokens=0 ' + 'a'.repeat(seqLen - 32 - 9)));
    expect(status).toBe(200);
    expect(json.choices[0].finish_reason).toBe('stop');
  });

  it('are refused unread when no context of that length holds so many bytes', async () => {
    const before = stand.given.length;
    const fits = (bytes: number) => order('tokens=1 ' + 'a'.repeat(bytes - 32 - 9));
    expect((await stand.ask(fits(6 * seqLen))).status).toBe(200);
    expect(await stand.ask(fits(6 * seqLen + 1))).toMatchObject({ status: 400, json: { error: exceeded } });
    expect(stand.given).toHaveLength(before + 1);
  });

  it('do not begin an answer before the first token, so that it may still be refused', async () => {
    const before = stand.given.length;
    const client = stand.connect(order('tokens=1 think=1', { stream: true }));
    await until('the root was given it', () => stand.given.length > before);
    expect(client.received).toBe('');
    expect((await client.answer()).events.at(-1)).toBe('[DONE]');
  });
});

it('the front takes no prompt that keeps the tokenizer busy for minutes, however long the context', async () => {
  const stand = await Stand.start({ front: ['--max-seq-len', '1000000'] });
  try {
    const content = 'a'.repeat(64 * 1024);
    expect((await stand.ask(post({ messages: [{ role: 'user', content }] }))).status).toBe(400);
    expect(stand.given).toHaveLength(0);
  } finally {
    await stand.stop();
  }
});
