import type { Duration } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { NetworkPeer } from '../pod/network-peer';

/** Checks of what servers, and what is attached to them, are told. The latter know no construct when they are made. */

const LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const HOST = new RegExp(`^(\\*\\.)?${LABEL}(\\.${LABEL})*$`);

/** Letters that mean themselves in a path, and in the regular expression that an Ingress makes of it. */
const PATH = /^(\/[\w.~-]+)+$/;

/** An HTTPRoute takes 1024, of two such paths. */
const LONGEST_PATH = 512;

/** @throws when it is no name of a host @internal */
export function checkHost(where: string, field: string, host: string): string {
  if (typeof host === 'string' && host.length <= 253 && HOST.test(host)) return host;
  throw new InputError(where, field, host, {
    allowed: "the name of a host in lower case, without a port: 'llm.example.com', '*.example.com'",
  });
}

/** @returns the path without a slash at its end; '' for the root @throws when it is no path @internal */
export function checkPath(where: string, path: string | undefined, field = 'path'): string {
  if (path === undefined || path === '/') return '';
  const trimmed = typeof path === 'string' ? path.replace(/\/$/, '') : path;
  if (
    typeof trimmed === 'string' &&
    trimmed.length <= LONGEST_PATH &&
    PATH.test(trimmed) &&
    !/\/\.\.?(\/|$)/.test(trimmed)
  )
    return trimmed;
  throw new InputError(where, field, path, {
    allowed: "'/', or a path of at most 512 letters, digits, '_', '.', '~', '-' and '/': '/qwen'",
  });
}

/**
 * A way that the server's NetworkPolicy closes leads nowhere, and says so only by a timeout.
 *
 * @throws when there is none, or when one is no peer
 * @internal
 */
export function checkFrom(where: string, from: NetworkPeer[], field = 'from'): NetworkPeer[] {
  const details = {
    allowed: 'who sends the requests: one NetworkPeer or more',
    advice:
      "The pods of the gateway, which need not be where the Gateway is: NetworkPeer.namespace('envoy-gateway-system'), " +
      "NetworkPeer.podsOfNamespace('ingress-nginx', { ... }), or NetworkPeer.addresses(...) for one outside the cluster.",
  };
  checkKind(where, field, from, (given) => Array.isArray(given) && given.length > 0, details);
  from.forEach((peer, index) =>
    checkKind(where, `${field}[${index}]`, peer, ({ _peer }) => typeof _peer === 'object', details),
  );
  return from;
}

/** @returns seconds @throws when it is no time, or none at all @internal */
export function checkSeconds(where: IConstruct | string, field: string, duration: Duration): number {
  checkKind(where, field, duration, (given) => typeof given.toSeconds === 'function', {
    allowed: 'a Duration',
    advice: "A Duration is made by cdk8s: import { Duration } from 'cdk8s'.",
  });
  const seconds = duration.toSeconds({ integral: false });
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new InputError(where, `${field} in seconds`, seconds, { allowed: 'a whole number of at least 1' });
  }
  return seconds;
}

/** The keys of an object of strings. @throws when a value is no string @internal */
export function checkStrings(
  where: string,
  field: string,
  values: { [key: string]: string } | undefined,
): Record<string, string> {
  for (const [key, value] of Object.entries(values ?? {})) {
    if (typeof value !== 'string')
      throw new InputError(where, `${field}["${key}"]`, value, { allowed: 'a string' });
  }
  return values ?? {};
}
