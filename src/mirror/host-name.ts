import { isIP } from 'node:net';

/** `user@host:port`, of which the host is the second group and the port the third. */
const AUTHORITY = /^(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?/;

/**
 * The host of a web address, of a registry with or without a path, or of a Git address of the form
 * `user@host:path`; in lower case.
 *
 * @internal
 */
export function addressHost(address: string, { port = false } = {}): string {
  const [, host = '', number] = AUTHORITY.exec(address.replace(/^[a-z][a-z\d+.-]*:\/\//i, '')) ?? [];
  return host.toLowerCase() + (port && number ? `:${number}` : '');
}

/** With the scheme and the host in lower case and without the port that the scheme has anyway. @internal */
export function normalized(address: string): string {
  const found = /^([a-z][a-z\d+.-]*):\/\/([^/]*)(.*)$/is.exec(address);
  if (!found) return address;
  const scheme = found[1].toLowerCase();
  const usual = { https: ':443', http: ':80', ssh: ':22' }[scheme];
  const authority = found[2].toLowerCase();
  const server = usual && authority.endsWith(usual) ? authority.slice(0, -usual.length) : authority;
  return `${scheme}://${server}${found[3]}`;
}

/** Whether a host is the pod, its node, or a Service of the cluster: what no mirror stands for. @internal */
export function isInCluster(host: string): boolean {
  if (host === '[::1]' || host === '0.0.0.0' || host.startsWith('127.')) return true;
  // Where clouds tell a pod its identity.
  if (host.startsWith('169.254.') || host === 'metadata.google.internal') return true;
  // A bare name is a Service of the pod's own namespace.
  if (!host.includes('.') && !host.startsWith('[')) return true;
  // The name first: the first look at whether something is an address costs a start several milliseconds.
  return /\.(svc|cluster\.local|localhost)$/.test(host) && isIP(host) === 0;
}
