import type { IServiceAccount, ISecret } from 'cdk8s-plus-28';
import { checkAddress, checkFlag } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { checkSecret } from '../pod/secret-env';
import { checkServiceAccount } from '../pod/service-account';

/** The region that S3 servers take when they know none. */
const DEFAULT_REGION = 'us-east-1';

/** An S3 server, on AWS or any compatible one, and how it is opened. */
export interface S3ServerProps {
  /**
   * The region, which requests are signed for.
   *
   * @default - that of an AWS endpoint, else us-east-1
   */
  readonly region?: string;

  /**
   * The server, without the bucket: `http://minio.minio.svc:9000`.
   *
   * @default - AWS: https://s3.<region>.amazonaws.com
   */
  readonly endpoint?: string;

  /**
   * Whether the bucket is named in the path (`https://server/bucket/key`), which every server understands, or
   * in the host (`https://bucket.server/key`), which a few servers ask for.
   *
   * @default true
   */
  readonly pathStyle?: boolean;

  /**
   * The Secret that holds `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` where the
   * keys are temporary.
   *
   * @default - workload identity: the credentials that the cluster gives to the pod's ServiceAccount
   */
  readonly credentialsSecret?: ISecret;

  /**
   * The ServiceAccount of the pod, for workload identity: one that is bound to a role by IAM roles for service
   * accounts (IRSA) or EKS Pod Identity. It gets no token for the Kubernetes API.
   *
   * @default - the namespace's own ServiceAccount, `default`
   */
  readonly serviceAccount?: IServiceAccount;
}

/** A bucket, or a folder in it. */
export interface S3ConnectionProps extends S3ServerProps {
  /** The bucket. It must exist. */
  readonly bucket: string;

  /**
   * The folder in the bucket.
   *
   * @default - the bucket's root
   */
  readonly prefix?: string;
}

/** A connection as plain data, every default applied. @internal */
export interface S3Connection {
  /** In the one spelling that servers are compared by. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Without a slash at its ends; empty for the bucket's root. */
  readonly prefix: string;
  readonly pathStyle: boolean;
  /** The Secret's name; without one, the pod's identity opens the bucket. */
  readonly credentialsSecret?: string;
  readonly serviceAccountName?: string;
}

/**
 * What a prefix may be: where we name the objects, folder names that are safe in a path, a mount option and a
 * volume handle; where they exist already, whatever S3 takes, except for what no folder of a volume can hold.
 *
 * @internal
 */
export enum S3Prefix {
  OURS,
  ANY,
}

/**
 * @param where names the factory in errors, such as `ModelStore.s3`
 * @throws when the endpoint is no web address, when bucket, prefix or region cannot be ones, when the region is
 * another than the endpoint's, when the bucket cannot be in the host's name, when there are both a Secret and a
 * ServiceAccount
 * @internal
 */
export function checkS3Connection(where: string, props: S3ConnectionProps, prefixes: S3Prefix): S3Connection {
  checkEndpoint(where, props.endpoint);
  checkBucket(where, props.bucket);
  checkPrefix(where, props.prefix ?? '', prefixes);
  checkRegion(where, props);
  checkFlag(where, 'pathStyle', props.pathStyle);
  checkCredentials(where, props);
  const connection = s3Connection(props);
  if (!connection.pathStyle) checkHostStyle(where, connection);
  return connection;
}

/** Props that were checked, with every default applied. @internal */
export function s3Connection(props: S3ConnectionProps): S3Connection {
  const region = props.region ?? awsRegion(props.endpoint) ?? DEFAULT_REGION;
  return {
    endpoint: oneSpelling(props.endpoint ?? awsEndpoint(region)),
    region,
    bucket: props.bucket,
    prefix: props.prefix ?? '',
    pathStyle: props.pathStyle ?? true,
    credentialsSecret: props.credentialsSecret?.name,
    serviceAccountName: props.serviceAccount?.name,
  };
}

/** What a Job is told of a bucket besides its place, by the names of a store's properties. @internal */
export function s3MakerOptions(props: S3ConnectionProps): Record<string, unknown> {
  const { region, pathStyle, credentialsSecret, serviceAccountName } = s3Connection(props);
  return {
    'store.region': region,
    'store.pathStyle': pathStyle,
    'store.credentialsSecret': credentialsSecret,
    'store.serviceAccount': serviceAccountName,
  };
}

/** Two spellings of one server are one place: a host in lower case, no default port, no slash at the end. */
function oneSpelling(endpoint: string): string {
  return new URL(endpoint).href.replace(/\/$/, '');
}

function checkEndpoint(where: string, endpoint: string | undefined): void {
  if (endpoint === undefined) return;
  checkAddress(where, 'endpoint', endpoint, {
    advice: 'The bucket and the credentials are fields of their own.',
  });
}

/** The rules of S3's own user guide (bucketnamingrules), which every server keeps to. */
function checkBucket(where: string, bucket: string): void {
  if (typeof bucket !== 'string' || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new InputError(where, 'bucket', bucket, {
      allowed: 'a bucket name (3 to 63 lower-case characters)',
    });
  }
}

function checkPrefix(where: string, prefix: unknown, prefixes: S3Prefix): void {
  if (prefix === '') return;
  const names = typeof prefix === 'string' ? prefix.split('/') : ['/'];
  // Argument lists, YAML and logs hold no control characters; folders hold no backslash, so that `a\b` is one name.
  const name = prefixes === S3Prefix.OURS ? /^[\w.=@+-]+$/ : /^[^\p{Cc}\\/]+$/u;
  if (!names.every((part) => name.test(part) && part !== '.' && part !== '..')) {
    throw new InputError(where, 'prefix', prefix, {
      allowed: "folder names joined by '/', none at the ends",
    });
  }
}

function checkRegion(where: string, { region, endpoint }: S3ConnectionProps): void {
  if (region === undefined) return;
  if (!/^[A-Za-z0-9][\w-]*$/.test(region)) {
    throw new InputError(where, 'region', region, { allowed: "a region's name, such as eu-west-1" });
  }
  const ofEndpoint = awsRegion(endpoint);
  if (ofEndpoint !== undefined && region !== ofEndpoint) {
    throw new InputError(where, 'region', region, {
      allowed: `${ofEndpoint}, the region of ${endpoint}`,
      advice: 'Leave out one of the two.',
    });
  }
}

/** The region in the host of an AWS endpoint, of any of the forms that AWS lists; undefined for other servers. */
function awsRegion(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined;
  const { hostname } = new URL(endpoint);
  if (hostname === 's3.amazonaws.com') return DEFAULT_REGION;
  return /^s3(?:-fips)?[.-](?:dualstack\.)?([a-z]{2,}-[a-z0-9-]+-\d+)\.amazonaws\.com(?:\.cn)?$/.exec(
    hostname,
  )?.[1];
}

function awsEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function checkCredentials(where: string, props: S3ConnectionProps): void {
  if (props.credentialsSecret !== undefined) checkSecret(where, 'credentialsSecret', props.credentialsSecret);
  if (props.serviceAccount === undefined) return;
  checkServiceAccount(where, props.serviceAccount);
  if (props.credentialsSecret !== undefined) {
    throw new InputError(where, 'serviceAccount', props.serviceAccount.name, {
      allowed: 'nothing beside credentialsSecret',
      advice: 'Keys from the Secret win over the identity of the pod: choose one of the two.',
    });
  }
}

/** `https://bucket.server`: the name must be one of DNS, and under the certificate `*.server`. */
function checkHostStyle(where: string, { endpoint, bucket }: S3Connection): void {
  const { hostname, protocol } = new URL(endpoint);
  const isAddress = /^[\d.]+$/.test(hostname) || hostname.startsWith('[');
  if (isAddress || (protocol === 'https:' && bucket.includes('.'))) {
    throw new InputError(where, 'pathStyle', false, {
      allowed: `true for ${isAddress ? `the server ${hostname}` : `a bucket named ${bucket}`}`,
      advice: isAddress
        ? 'An IP address has no names below it.'
        : 'Certificates cover one name before the server, and this bucket has a dot in it.',
    });
  }
}
