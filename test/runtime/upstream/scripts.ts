import { createHash } from 'node:crypto';
import * as http from 'node:http';
import { AddressInfo } from 'node:net';

/** The names under which distributed-llama's converter has them. */
export const MODEL_SCRIPT = 'convert-hf.py';
export const TOKENIZER_SCRIPT = 'convert-tokenizer-hf.py';

const OURS = `
import os, sys
sys.path.insert(0, os.environ['TEST_PROGRAMS'])
import dllama_convert
`;

/** Scripts with the command lines, outputs and imports of upstream's, but only what its formats must have. */
export const GOOD_SCRIPTS: Record<string, string> = {
  [MODEL_SCRIPT]: `${OURS}
import writer
source, weights, name = sys.argv[1:]
model = dllama_convert.read_model(source, weights)
with open('dllama_model_%s_%s.m' % (name, weights), 'wb') as f:
    writer.write(f, dllama_convert.model_header(model), dllama_convert.model_bytes(model))
print('✅ model created successfully')
`,
  'writer.py': `
def write(f, header, size):
    f.write(header)
    print('🔶 Writing tensor model.embed_tokens.weight...')
    f.write(bytes(size - len(header)))
`,
  [TOKENIZER_SCRIPT]: `${OURS}
writer = __import__('tokenizer-writer')
source, name = sys.argv[1:]
model = dllama_convert.read_model(source, 'f32')
writer.write('dllama_tokenizer_%s.t' % name, dllama_convert.tokenizer_bytes(source, model))
print('✅ Created tokenizer')
`,
  'tokenizer-writer.py': `
def write(path, content):
    with open(path, 'wb') as f:
        f.write(content)
`,
};

export function sumsOf(scripts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(scripts).map(([name, text]) => [name, createHash('sha256').update(text).digest('hex')]),
  );
}

/** Answers a request in a way of its own; `next` is what the server would have done. */
export type Handler = (
  request: http.IncomingMessage,
  response: http.ServerResponse,
  next: () => void,
) => void;

/** The repository's scripts on loopback, below `/<tag>/`. */
export class ScriptServer {
  public scripts = GOOD_SCRIPTS;
  public handler: Handler = (_request, _response, next) => next();
  /** The paths that were asked for. */
  public requests: string[] = [];
  private readonly server = http.createServer((request, response) => this.answer(request, response));

  public async start(): Promise<void> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
  }

  public async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** For `--scripts-url`. */
  public get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/{version}`;
  }

  public reset(): void {
    this.scripts = GOOD_SCRIPTS;
    this.handler = (_request, _response, next) => next();
    this.requests = [];
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url!;
    this.requests.push(url);
    this.handler(request, response, () => {
      const text = /^\/v0\.16\.2\//.test(url) ? this.scripts[url.split('/').pop()!] : undefined;
      if (text === undefined) response.writeHead(404).end('404: Not Found');
      else response.end(text);
    });
  }
}
