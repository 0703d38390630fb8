import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parsed JSON
type Json = any;

export interface OpenAiRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Json;
}

type Answer = (response: http.ServerResponse, body: Json) => void;

/** A server that speaks the OpenAI API on loopback: its answers, and what goes wrong with them. */
export class OpenAiDouble {
  public readonly requests: OpenAiRequest[] = [];
  public models = ['qwen3'];
  public key?: string;
  /** The pieces of text of each answer. */
  public pieces = ['Pa', 'ris', '.'];
  /** Whether a stream ends with a count of its tokens. */
  public counts = true;
  /** Before the first piece of a stream. */
  public delayMs = 0;
  /** Statuses that requests get before any is answered, in order. */
  public readonly refusals: number[] = [];
  /** What is done in place of an answer, by the path or 'stream', as often as there are functions. */
  public readonly faults: Record<string, Answer[]> = {};

  private server?: http.Server;
  private readonly sockets = new Set<Socket>();

  public async listen(port = 0): Promise<void> {
    const server = http.createServer((request, response) => void this.handle(request, response));
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    this.server = server;
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}/v1`;
  }

  public async stop(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    await new Promise((done) => (this.server ? this.server.close(done) : done(undefined)));
  }

  public asked(url: string): OpenAiRequest[] {
    return this.requests.filter((request) => request.url === url);
  }

  /** Lets an answer go wrong: the next one, or the next so many. */
  public fail(at: string, fault: Answer, times = 1): void {
    this.faults[at] = [...(this.faults[at] ?? []), ...Array.from({ length: times }, () => fault)];
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body: Json = text ? JSON.parse(text) : undefined;
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, url, headers, body });
    const refusal = this.refusals.shift();
    if (refusal) return refuse(response, refusal);
    if (this.key && headers.authorization !== `Bearer ${this.key}`)
      return refuse(response, 401, headers.authorization);
    const fault = this.faults[body?.stream ? 'stream' : url]?.shift();
    if (fault) return fault(response, body);
    const answer = this.answers[url];
    if (!answer) return refuse(response, 404);
    answer(response, body);
  }

  private readonly answers: Record<string, Answer> = {
    '/v1/models': (response) =>
      sendJson(response, { object: 'list', data: this.models.map((id) => ({ id })) }),
    '/v1/chat/completions': (response, body) => {
      if (body.stream) void this.stream(response, (content) => ({ delta: { content } }));
      else
        sendJson(response, { choices: [{ message: { role: 'assistant', content: this.pieces.join('') } }] });
    },
    '/v1/completions': (response, body) => {
      if (body.stream) void this.stream(response, (text) => ({ text }));
      else sendJson(response, { choices: [{ text: this.pieces.join('') }] });
    },
    '/v1/embeddings': (response) => sendJson(response, { data: [{ embedding: [0.5, -0.25, 0] }] }),
    '/v1/rerank': (response) =>
      sendJson(response, {
        results: [
          { index: 1, relevance_score: 0.1 },
          { index: 0, relevance_score: 0.9 },
        ],
      }),
  };

  private async stream(response: http.ServerResponse, choice: (text: string) => object): Promise<void> {
    beginStream(response);
    response.write(': the first comment\r\n\r\n');
    if (this.delayMs) await new Promise((done) => setTimeout(done, this.delayMs));
    for (const piece of this.pieces) response.write(event({ choices: [choice(piece)] }));
    if (this.counts) response.write(event({ choices: [], usage: { completion_tokens: 40 } }));
    response.end('data: [DONE]\n\n');
  }
}

export function sendJson(response: http.ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

export function beginStream(response: http.ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
}

/** A server-sent event. */
export function event(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** As real servers do, it repeats what it was shown. */
function refuse(response: http.ServerResponse, status: number, shown = ''): void {
  const location = status >= 300 && status < 400 ? { Location: 'https://elsewhere.test/v1/models' } : {};
  response.writeHead(status, { 'Content-Type': 'application/json', ...location });
  response.end(JSON.stringify({ error: { message: `refused with ${status} ${shown}` } }));
}
