/** The keys and indices that lead to a text in an object. @internal */
export type Path = readonly (string | number)[];

const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];

/**
 * Whether a text names a server of the user's own, of which there are no copies, so that the mirror leaves it as it
 * is: a proxy, the bucket that artifacts are written to, what a CSI driver is told, what KEDA asks, what a smoke test
 * asks.
 *
 * @internal
 */
export function isOwnPlace(object: object, path: Path, text: string): boolean {
  if (memberOf(object, ['kind']) === 'PersistentVolume') return true;
  if (path.at(-1) === 'serverAddress') return true;
  if (path.at(-3) === 'env') {
    return PROXIES.includes(String(memberOf(object, [...path.slice(0, -1), 'name'])).toUpperCase());
  }
  if (path.at(-2) !== 'args') return false;
  if (text.startsWith('--s3-endpoint=')) return true;
  return text.startsWith('--endpoint=') && memberOf(object, [...path.slice(0, -2), 'name']) === 'smoke-test';
}

function memberOf(object: object, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown>)?.[key], object);
}
