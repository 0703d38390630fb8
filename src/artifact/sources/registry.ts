import type { ISecret } from 'cdk8s-plus-28';
import { checkAddress, checkFlag } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkSecret } from '../../pod/secret-env';
import { SecretUse, SourceProof } from './source-spec';

/** How to reach an OCI registry, and how sure to be of what it gives. */
export interface RegistrySourceOptions {
  /**
   * The digest of the manifest, `sha256:` and 64 hexadecimal digits, where the name itself holds none. A tag
   * moves, so that a name with neither is refused; the error shows the command that tells the digest.
   *
   * @default - the one in the name
   */
  readonly digest?: string;

  /**
   * Take whatever the tag names when the Job runs. Each blob is still checked against the manifest, but another
   * run may find another manifest, and nobody notices.
   *
   * @default false - a digest is needed
   */
  readonly unpinned?: boolean;

  /**
   * The server to ask in place of the one in the name: a mirror, or a registry without TLS by an `http://`
   * address. A path in it comes before the repository, as in a pull-through cache that keeps each upstream
   * registry below a project: `https://harbor.example.com/ghcr-cache`.
   *
   * @default - the registry in the name, by https
   */
  readonly endpoint?: string;

  /**
   * A Secret of type `kubernetes.io/dockerconfigjson`, as `kubectl create secret docker-registry` makes it, for
   * a repository that is not public. It may hold several registries: the entry that fits the name best is
   * used, as the kubelet does for images.
   *
   * @default - no credentials
   */
  readonly pullSecret?: ISecret;
}

/** The key that Kubernetes prescribes for such a Secret. @internal */
export const DOCKER_CONFIG_KEY = '.dockerconfigjson';

/** What the program reads the content of the pull Secret from. @internal */
export const DOCKER_CONFIG_ENV = 'DOCKER_CONFIG_JSON';

/** A name in a registry, taken apart. @internal */
export interface RegistryName {
  /** Of the server, where the name has one: `ghcr.io`, `localhost:5000`. */
  readonly host?: string;
  /** `org/name` */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

/**
 * `[host/]path[:tag][@digest]`; nothing where it is not of that form. The first part is a host when it could be
 * nothing else: with a dot, a port, or `localhost`.
 *
 * @internal
 */
export function splitRegistryName(text: string): RegistryName | undefined {
  const found = /^([^@\s]+?)(?::([A-Za-z0-9_][\w.-]{0,127}))?(?:@([^@\s]+))?$/.exec(text);
  if (!found) return undefined;
  const parts = found[1].split('/');
  const host = parts.length > 1 && /^localhost$|[.:]/.test(parts[0]) ? parts.shift() : undefined;
  const path = parts.join('/');
  if (host !== undefined && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/.test(host))
    return undefined;
  if (!/^[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*(\/[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*)*$/.test(path))
    return undefined;
  return { host, path, tag: found[2], digest: found[3] };
}

/** What pins a source in a registry. @internal */
export interface RegistryPin {
  readonly digest?: string;
  readonly proof: SourceProof;
}

/**
 * @param howToResolve what to do to learn the digest
 * @throws when it is pinned by neither a digest nor `unpinned: true`, or by two that differ
 * @internal
 */
export function registryPin(
  where: string,
  name: RegistryName,
  options: RegistrySourceOptions,
  howToResolve: string,
): RegistryPin {
  const unpinned = checkFlag(where, 'unpinned', options.unpinned);
  const given = [name.digest, options.digest].filter((digest) => digest !== undefined);
  for (const digest of given) {
    if (!/^sha256:[0-9a-f]{64}$/i.test(String(digest))) {
      throw new InputError(where, 'digest', digest, {
        allowed: "'sha256:' and 64 hexadecimal digits",
        advice: howToResolve,
      });
    }
  }
  const [digest, other] = given.map((one) => one.toLowerCase());
  if (other !== undefined && other !== digest) {
    throw new InputError(where, 'digest', other, {
      allowed: `the '${digest}' that is in the name`,
      advice: 'Give the digest in one place.',
    });
  }
  if (digest !== undefined && unpinned) {
    throw new InputError(where, 'unpinned', true, {
      allowed: 'nothing beside a digest, which pins the source',
      advice: 'Leave out one of the two.',
    });
  }
  if (digest === undefined && !unpinned) {
    throw new InputError(where, 'digest', undefined, {
      allowed: "the manifest's digest, because a tag can move under a running model",
      advice: `${howToResolve} Or ask for what the tag names when the Job runs, by unpinned: true.`,
    });
  }
  return { digest, proof: digest === undefined ? SourceProof.NONE : SourceProof.CONTENT };
}

/** @throws when it is no web address, or holds credentials. @internal */
export function registryEndpoint(where: string, given: string | undefined, usual: string): string {
  const advice = 'Credentials are given by pullSecret.';
  return checkAddress(where, 'endpoint', given ?? usual, { path: true, advice }).replace(/\/+$/, '');
}

/** The Secret that lets the program in, if there is one. @internal */
export function pullSecretUse(where: string, secret: ISecret | undefined, what: string): SecretUse[] {
  if (secret === undefined) return [];
  const { name } = checkSecret(where, 'pullSecret', secret);
  return [
    { env: DOCKER_CONFIG_ENV, secret: name, key: DOCKER_CONFIG_KEY, purpose: `credentials to pull ${what}` },
  ];
}
