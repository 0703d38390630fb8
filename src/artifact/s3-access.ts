import { secretEnv } from '../pod/secret-env';
import { portOf } from '../pod/network';
import { s3Connection } from './s3-connection';
import type { S3ConnectionProps } from './s3-connection';
import type { SecretUse } from './sources/source-spec';

/**
 * What a bucket is to a pod that may use two of them, each with its own credentials: the one it reads from, or
 * the one it writes to. The programs are told of the store by `--bucket`, `--s3-...` and `AWS_...`, and of the
 * source by `--source-...` and `SOURCE_AWS_...`. Keys of one are never used for the other; where there are none,
 * the identity of the pod is.
 */
export type S3Role = 'store' | 'source';

const FLAGS = {
  store: { endpoint: 's3-endpoint', region: 's3-region', addressing: 's3-addressing', of: '' },
  source: {
    endpoint: 'source-endpoint',
    region: 'source-region',
    addressing: 'source-addressing',
    of: 'source-',
  },
};

const ENV_PREFIX = { store: '', source: 'SOURCE_' };

const USE = { store: 'write to', source: 'read from' };

const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/** Of temporary keys; the pod starts without it. */
const OPTIONAL_KEY = 'AWS_SESSION_TOKEN';

/** The flag that names a server, for whoever rewrites addresses. */
export function s3EndpointFlag(role: S3Role): string {
  return `--${FLAGS[role].endpoint}`;
}

/** The arguments by which a program finds a folder of the bucket, below its prefix. */
export function s3Args(props: S3ConnectionProps, path: string, role: S3Role = 'store'): string[] {
  return [`${s3EndpointFlag(role)}=${s3Connection(props).endpoint}`, ...s3PlaceArgs(props, path, role)];
}

/** The same without the server. */
export function s3PlaceArgs(props: S3ConnectionProps, path: string, role: S3Role): string[] {
  const { region, bucket, prefix, pathStyle } = s3Connection(props);
  const flags = FLAGS[role];
  return [
    `--${flags.region}=${region}`,
    `--${flags.of}bucket=${bucket}`,
    `--${flags.of}prefix=${[prefix, path].filter((folder) => folder !== '').join('/')}`,
    ...(pathStyle ? [] : [`--${flags.addressing}=host`]),
  ];
}

/** The keys of the Secret with the credentials; none where the pod's identity opens the bucket. */
export function s3Secrets(props: S3ConnectionProps, role: S3Role): SecretUse[] {
  const { credentialsSecret: secret, bucket } = s3Connection(props);
  if (secret === undefined) return [];
  return [...KEYS, OPTIONAL_KEY].map((key) => ({
    env: ENV_PREFIX[role] + key,
    secret,
    key,
    purpose: `${USE[role]} bucket ${bucket}`,
    ...(key === OPTIONAL_KEY ? { optional: true } : {}),
  }));
}

/** The same as a container's environment. */
export function s3Env(props: S3ConnectionProps, role: S3Role = 'store'): Record<string, unknown>[] {
  return s3Secrets(props, role).map(secretEnv);
}

/** What the Secret is for, as in the annotation that lists Secrets and the keys they must hold. */
export function s3SecretPurpose(props: S3ConnectionProps, role: S3Role = 'store'): string | undefined {
  if (props.credentialsSecret === undefined) return undefined;
  return `${props.credentialsSecret.name}/${KEYS.join(',')}=${USE[role]} bucket ${props.bucket}`;
}

/**
 * The TCP ports that a pod must reach to use the bucket. An identity is proved to AWS STS (443) or to the agent
 * of EKS Pod Identity, which listens on the node at 169.254.170.23:80.
 */
export function s3Ports(props: S3ConnectionProps): number[] {
  const { endpoint, credentialsSecret } = s3Connection(props);
  return [...new Set([portOf(endpoint), ...(credentialsSecret === undefined ? [443, 80] : [])])];
}
