import type * as http from 'node:http';
import { Loopback, SignedLinks } from './loopback';
import type { BodyOptions, LoopbackFault } from './loopback';

/** A file of the server. */
export interface ServedFile extends BodyOptions {
  readonly content: Buffer;
  /** Only who sends this header with this value may have it. @default public */
  readonly credential?: { readonly header: string; readonly value: string };
  /** What who may not have it gets. @default 401 */
  readonly refusal?: 'status' | 'login page';
  /** The server leads to a signed link at another one. @default false */
  readonly elsewhere?: boolean;
}

export const LOGIN_PAGE =
  '<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body></body></html>';

/** A web server on loopback, and another one, under another name, to which it may lead. */
export class WebDouble extends Loopback {
  public static async start(files: { [path: string]: ServedFile }): Promise<WebDouble> {
    const double = new WebDouble(files);
    await double.listen('web', (request, response, fault) => double.serve(request, response, fault));
    await double.listen('elsewhere', (request, response, fault) =>
      double.serveLink(request, response, fault),
    );
    return double;
  }

  public readonly links = new SignedLinks();

  private constructor(public readonly files: { [path: string]: ServedFile }) {
    super();
  }

  public get endpoint(): string {
    return `http://127.0.0.1:${this.port('web')}`;
  }

  public url(path: string): string {
    return this.endpoint + path;
  }

  public override forget(): void {
    super.forget();
    this.links.uses = Infinity;
  }

  private serve(request: http.IncomingMessage, response: http.ServerResponse, fault: LoopbackFault): void {
    const path = (request.url ?? '').split('?')[0];
    const file = this.files[path];
    if (!file) {
      response.writeHead(404, { 'Content-Length': 0 }).end();
    } else if (file.credential && request.headers[file.credential.header] !== file.credential.value) {
      if (file.refusal === 'login page') {
        response.writeHead(200, { 'Content-Type': 'text/html' }).end(LOGIN_PAGE);
      } else {
        response
          .writeHead(request.headers[file.credential.header] ? 403 : 401, { 'Content-Length': 0 })
          .end();
      }
    } else if (file.elsewhere) {
      const link = this.links.make(path, file.content);
      const location = `http://localhost:${this.port('elsewhere')}${link}`;
      response.writeHead(302, { Location: location, 'Content-Length': 0 }).end();
    } else {
      this.send(file.content, request, response, fault, file);
    }
  }

  private serveLink(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fault: LoopbackFault,
  ): void {
    const content = this.links.open(request, response);
    if (content) this.send(content, request, response, fault);
  }
}
