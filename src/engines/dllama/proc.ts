/**
 * What /proc/net/tcp tells of a distributed-llama process. A probe that opened a connection would end an idle
 * process, so its state is read from the kernel's table instead: a line is `sl local remote state ...`, with
 * addresses and ports in hexadecimal, state 0A for listening and 01 for established.
 */

/** A port as /proc/net/tcp writes it: 9999 is 270F. @internal */
export function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

const ANY_ADDRESS = '[0-9A-F]{8}';
const ANY_PORT = '[0-9A-F]{4}';

/** Matches (grep -E) when a process listens on the port, or serves a connection made to it. @internal */
export function listeningOrServing(port: number): string {
  return ` ${ANY_ADDRESS}:${hexPort(port)} ${ANY_ADDRESS}:${ANY_PORT} (0A|01) `;
}

/** Matches (grep -E) when a process listens on the port. @internal */
export function listening(port: number): string {
  return ` ${ANY_ADDRESS}:${hexPort(port)} ${ANY_ADDRESS}:0000 0A `;
}

/** Matches (grep -E) each established connection to a port elsewhere: the root's to its workers. @internal */
export function connectedTo(port: number): string {
  return ` ${ANY_ADDRESS}:${ANY_PORT} ${ANY_ADDRESS}:${hexPort(port)} 01 `;
}
