import * as net from 'node:net';
import type { AddressInfo } from 'node:net';

/** A port of 127.0.0.1 on which nobody listens, for a program that has to be told one. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
