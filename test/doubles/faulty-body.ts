import type * as http from 'node:http';

/** What goes wrong with a body on its way. */
export interface BodyFault {
  /** Ends the connection after so many bytes: politely (FIN), or not (RST). */
  readonly cutAfter?: number;
  readonly reset?: boolean;
  /** Sends no more after so many bytes, and keeps the connection. */
  readonly stallAfter?: number;
  /** Changes the byte at this offset of the whole. */
  readonly flip?: number;
  /** Sends the whole whatever range was asked for. */
  readonly ignoreRange?: boolean;
  /** Sends so many bytes in each tenth of a second. */
  readonly trickle?: number;
}

/**
 * Sends a body, or the range of it that was asked for, as a server of files does.
 *
 * @returns how many bytes of it will leave
 */
export function sendBody(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  content: Buffer,
  headers: Record<string, string>,
  fault: BodyFault = {},
): number {
  const asked = fault.ignoreRange ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const first = asked ? Number(asked[1]) : 0;
  const end = asked?.[2] ? Math.min(Number(asked[2]) + 1, content.length) : content.length;
  if (asked && first >= content.length) {
    response.writeHead(416, { 'Content-Range': `bytes */${content.length}`, 'Content-Length': 0 }).end();
    return 0;
  }
  const body = flipped(content, fault.flip).subarray(first, end);
  response.writeHead(asked ? 206 : 200, {
    ...headers,
    ...(asked ? { 'Content-Range': `bytes ${first}-${end - 1}/${content.length}` } : {}),
    'Content-Length': body.length,
  });
  const limit = fault.cutAfter ?? fault.stallAfter ?? body.length;
  if (fault.trickle) {
    trickle(response, body, fault.trickle);
  } else if (fault.cutAfter !== undefined) {
    response.flushHeaders();
    response.write(body.subarray(0, limit), () => {
      // The bytes have to leave before the connection ends.
      setTimeout(() => (fault.reset ? response.socket?.resetAndDestroy() : response.socket?.destroy()), 20);
    });
  } else if (fault.stallAfter !== undefined) {
    response.flushHeaders();
    response.write(body.subarray(0, limit));
  } else {
    response.end(body);
  }
  return Math.min(limit, body.length);
}

function flipped(content: Buffer, offset: number | undefined): Buffer {
  if (offset === undefined) return content;
  const changed = Buffer.from(content);
  changed[offset] ^= 1;
  return changed;
}

function trickle(response: http.ServerResponse, body: Buffer, step: number): void {
  let at = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(at, (at += step)));
    if (at >= body.length || response.destroyed) {
      clearInterval(timer);
      response.end();
    }
  }, 100);
}
