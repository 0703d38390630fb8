import { Client, order, Stand, until } from './stand';

describe('the queue of the front', () => {
  let stand: Stand;
  afterEach(async () => {
    expect(stand.root.alive).toBe(true);
    await stand.stop();
  });

  const endless = order('tokens=100000 delay=0.05', { stream: true });
  /** A generation that holds the root until its client is closed. */
  const occupy = async () => {
    const client = stand.connect(endless);
    await client.sees('t1 ');
    return client;
  };
  /** Joins the queue, in this order. */
  const join = async (...requests: string[]) => {
    const clients: Client[] = [];
    for (const request of requests) {
      const before = await stand.queueLength();
      clients.push(stand.connect(request));
      await until('a place in the queue', async () => (await stand.queueLength()) === before + 1);
    }
    return clients;
  };

  it('gives one request at a time to the root, first come first served', async () => {
    stand = await Stand.start();
    const busy = await occupy();
    const orders = [1, 2, 3, 4, 5].map((n) => order(`tokens=${n}`, { stream: n % 2 === 0 }));
    const clients = await join(...orders);
    expect(stand.given).toHaveLength(1);
    busy.close();
    for (const client of clients) expect((await client.answer()).status).toBe(200);
    expect(stand.given.slice(1).map((body) => body.messages[0].content)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `tokens=${n}`),
    );
  });

  it('refuses past its limit with 429 and Retry-After, and takes again when a place is free', async () => {
    stand = await Stand.start({ front: ['--queue', '2'] });
    const busy = await occupy();
    const [first, second] = await join(order('tokens=1'), order('tokens=1'));
    const refused = await stand.ask(order('tokens=1'));
    expect(refused.status).toBe(429);
    expect(refused.json.error).toMatchObject({ type: 'rate_limit_error', code: 'queue_full' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    first.close(); // a departure frees its place at once
    await until('a free place', async () => (await stand.queueLength()) === 1);
    const [third] = await join(order('tokens=1'));
    busy.close();
    expect((await second.answer()).status).toBe(200);
    expect((await third.answer()).status).toBe(200);
    expect(stand.given).toHaveLength(3);
  });

  it('takes no one when its limit is 0 and the root is busy', async () => {
    stand = await Stand.start({ front: ['--queue', '0'] });
    const busy = await occupy();
    expect((await stand.ask(order('tokens=1'))).status).toBe(429);
    busy.close();
    await until('a free root', async () => (await stand.ask(order('tokens=1'))).status === 200);
  });

  it('never gives the request of a client that left to the root', async () => {
    stand = await Stand.start();
    const busy = await occupy();
    const clients = await join(...[1, 2, 3].map((n) => order(`tokens=1 left=${n}`)));
    clients[0].close();
    clients[1].reset();
    await until('two free places', async () => (await stand.queueLength()) === 1);
    busy.close();
    expect((await clients[2].answer()).status).toBe(200);
    expect(stand.given.map((body) => body.messages[0].content).slice(1)).toEqual(['tokens=1 left=3']);
  });

  it.each([true, false])('ends the generation of a client that leaves (stream: %s)', async (stream) => {
    stand = await Stand.start();
    const client = stand.connect(order('tokens=100000 delay=0.02', { stream }));
    await until('the root is busy', async () => (await stand.rootState()) === 'busy');
    await until('it was given the request', () => stand.given.length === 1);
    client.close();
    expect((await stand.ask(order('tokens=1'))).status).toBe(200);
    expect((await stand.metrics())['generations_total{outcome="abandoned"}']).toBe(1);
    expect(stand.root.output).toContain('Socket error');
  });

  it('ends the generation of a client that does not read its answer', async () => {
    stand = await Stand.start();
    const client = stand.connect(order('tokens=100000', { stream: true })); // 20 MB, more than the kernel buffers
    client.pause();
    expect((await stand.ask(order('tokens=1'))).status).toBe(200);
    expect((await stand.metrics())['generations_total{outcome="abandoned"}']).toBe(1);
  });

  it('lets nobody wait longer than --queue-seconds', async () => {
    stand = await Stand.start({ front: ['--queue-seconds', '1'] });
    await occupy();
    const { status, json, headers } = await stand.ask(order('tokens=1'));
    expect(status).toBe(503);
    expect(json.error.code).toBe('queue_timeout');
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(await stand.queueLength()).toBe(0);
  });

  it('answers /health, /livez, /metrics and /v1/models while the root generates, without touching it', async () => {
    stand = await Stand.start();
    await occupy();
    await join(order('tokens=1'));
    expect(await stand.get('/health')).toMatchObject({
      status: 200,
      json: { status: 'ok', root: 'busy', queue: 1 },
    });
    expect(await stand.get('/livez')).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect(await stand.get('/v1/models')).toMatchObject({ status: 200, json: { data: [{ id: 'tiny' }] } });
    expect(await stand.metrics()).toMatchObject({ queue_length: 1, 'root_state{state="busy"}': 1 });
    expect(stand.root.output.match(/GET|POST/g)).toEqual(['POST']);
  });

  it('serves many clients at once', async () => {
    stand = await Stand.start({ front: ['--queue', '100'] });
    const answers = await Promise.all(Array.from({ length: 100 }, () => stand.ask(order('tokens=2'))));
    expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(200));
  });

  it('counts what it did', async () => {
    stand = await Stand.start({ front: ['--queue', '0'] });
    await stand.ask(order('tokens=3'));
    await stand.ask(order('tokens=4', { stream: true }));
    await stand.ask(order('tokens=4', { n: 2 }));
    await stand.get('/nothing');
    const busy = await occupy();
    await stand.ask(order('tokens=1'));
    busy.close();
    await until(
      'the departure counts',
      async () => (await stand.metrics())['generations_total{outcome="abandoned"}'] === 1,
    );
    const metrics = await stand.metrics();
    expect(metrics).toMatchObject({
      queue_length: 0,
      queue_limit: 0,
      root_restarts_total: 0,
      generation_stalls_total: 0,
      'root_state{state="serving"}': 1,
      'root_state{state="busy"}': 0,
      'requests_total{path="/v1/chat/completions",code="200"}': 2,
      'requests_total{path="/v1/chat/completions",code="400"}': 1,
      'requests_total{path="/v1/chat/completions",code="429"}': 1,
      'requests_total{path="/v1/chat/completions",code="499"}': 1,
      'requests_total{path="other",code="404"}': 1,
      'generations_total{outcome="complete"}': 2,
      'generations_total{outcome="failed"}': 0,
      request_duration_seconds_count: 2,
      'request_duration_seconds_bucket{le="+Inf"}': 2,
      time_to_first_token_seconds_count: 3,
      queue_wait_seconds_count: 3,
    });
    expect(metrics.generated_tokens_total).toBeGreaterThanOrEqual(9);
    const { body } = await stand.get('/metrics');
    for (const line of body.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) dllama_front_\w+ .+|dllama_front_\w+({\w+="[^"]*"(,\w+="[^"]*")*})? [\d.]+)$/,
      );
    }
  });
});
