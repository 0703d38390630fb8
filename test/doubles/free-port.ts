import { randomInt } from 'node:crypto';
import * as net from 'node:net';

/**
 * Below the ports that systems give to who names none: nobody else gets the port of a test that begins to listen on it
 * later, or never does.
 */
const FIRST = 10_240;
const LAST = 32_767;

/** A port of 127.0.0.1 on which nobody listens, for a program that has to be told one. */
export async function freePort(): Promise<number> {
  const port = randomInt(FIRST, LAST + 1);
  return (await isFree(port)) ? port : freePort();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = net.createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
