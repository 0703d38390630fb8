import type { Size } from 'cdk8s';
import type { IServiceAccount, ISecret } from 'cdk8s-plus-28';
import { checkAddress, checkFlag } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkSecret } from '../../pod/secret-env';
import { checkServiceAccount } from '../../pod/service-account';
import { checkPrefix, folderName } from './checks';
import { downloaderResources } from './custom';
import type { DownloaderFetch } from './downloader';
import { FolderContent, resolveContent } from './folder-content';
import { FolderPins, LIST_FILES, ResolvedPins, resolvePins } from './folder-pins';
import { Endpoint, SecretFile, SecretUse, SourceProof, SourceSpec } from './source-spec';

/** The tool that reads the buckets of Google and Azure. @see https://rclone.org */
const RCLONE_IMAGE =
  'docker.io/rclone/rclone:1.75.1@sha256:45401ad7410db1d67ffdb58e19059ad20b0d8e0285a60e38bbec55cc1019c7a5';

/** The key of a Secret with a service account's key, and the file's name. */
const GCS_KEY = 'key.json';

const GCS_KEY_FOLDER = '/etc/cdk8s-llm/gcs';

/** The key of a Secret with a storage account's key; the Azure CLI's variable of that name. */
const AZURE_KEY = 'AZURE_STORAGE_KEY';

/** The key of a Secret with a shared access signature; the Azure CLI's variable of that name. */
const AZURE_SAS = 'AZURE_STORAGE_SAS_TOKEN';

/** How a bucket of Google Cloud Storage or of Azure is copied. Exactly one of its pins must be given. */
export interface BucketCopyOptions extends FolderPins, FolderContent {
  /**
   * The ServiceAccount of the pod, for workload identity: one that is bound to an identity of the cloud. It gets no
   * token for the Kubernetes API.
   *
   * @default - the namespace's own ServiceAccount, `default`
   */
  readonly serviceAccount?: IServiceAccount;

  /**
   * Whether the bucket is public, so that no credentials are needed.
   *
   * @default false
   */
  readonly anonymous?: boolean;

  /**
   * How many files are copied at once; large ones in four streams each.
   *
   * @default 4
   */
  readonly transfers?: number;

  /**
   * Memory of the copying container, request and limit.
   *
   * @default 1 GiB
   */
  readonly memory?: Size;

  /**
   * The image with rclone, a shell, flock, mkfifo and grep, as in all that are built on Alpine.
   *
   * @default docker.io/rclone/rclone:1.75.1, by digest
   */
  readonly rcloneImage?: string;
}

/** How to read a folder of a bucket in Google Cloud Storage. */
export interface GcsSourceOptions extends BucketCopyOptions {
  /**
   * The Secret that holds the key of a service account under `key.json`. It needs `storage.objects.get` and `.list`.
   *
   * @default - workload identity: what the cluster gives to the pod's ServiceAccount
   */
  readonly credentialsSecret?: ISecret;

  /**
   * The JSON API.
   *
   * @default https://storage.googleapis.com/storage/v1/
   */
  readonly endpoint?: string;
}

/** A folder of a bucket in Google Cloud Storage. */
export interface GcsSourceProps extends GcsSourceOptions {
  /** The bucket. */
  readonly bucket: string;

  /**
   * The folder in the bucket.
   *
   * @default - the bucket's root
   */
  readonly prefix?: string;
}

/** How a storage account of Azure is opened. */
export interface AzureBlobAccess extends BucketCopyOptions {
  /**
   * The Secret that holds the account's key under `AZURE_STORAGE_KEY`.
   *
   * @default - workload identity: what the cluster gives to the pod's ServiceAccount
   */
  readonly keySecret?: ISecret;

  /**
   * The Secret that holds a shared access signature under `AZURE_STORAGE_SAS_TOKEN`, without a question mark. It
   * needs the permissions to read and to list.
   *
   * @default - none
   */
  readonly sasSecret?: ISecret;

  /**
   * The blob service of the account.
   *
   * @default https://<account>.blob.core.windows.net
   */
  readonly endpoint?: string;
}

/** How to read a folder of a container in Azure Blob Storage, besides where it is. */
export interface AzureBlobSourceOptions extends AzureBlobAccess {
  /**
   * The storage account.
   *
   * @default - the one in the address
   */
  readonly account?: string;
}

/** A folder of a container in Azure Blob Storage. */
export interface AzureBlobSourceProps extends AzureBlobAccess {
  /** The storage account. */
  readonly account: string;

  /** The blob container. */
  readonly container: string;

  /**
   * The folder in the container.
   *
   * @default - the container's root
   */
  readonly prefix?: string;
}

/** What rclone is told of a bucket's server. */
interface Remote {
  readonly where: string;
  readonly scheme: 'gs' | 'az';
  readonly bucket: string;
  readonly prefix: string;
  /** In which alone the bucket's name says anything. */
  readonly account?: string;
  /** Options of the remote: `RCLONE_CONFIG_SOURCE_<name>`. */
  readonly config: Record<string, string>;
  readonly endpoints: Endpoint[];
  readonly secrets: SecretUse[];
  readonly secretFiles: SecretFile[];
  readonly ports: number[];
  readonly podLabels?: Record<string, string>;
}

/**
 * @throws when the bucket or the prefix cannot be ones, when not exactly one pin or more than one kind of
 * credentials is given
 * @internal
 */
export function gcsSource(given: GcsSourceProps): SourceSpec {
  const where = 'ModelSource.gcs';
  const props = given ?? {};
  // https://cloud.google.com/storage/docs/buckets#naming
  if (typeof props.bucket !== 'string' || !/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(props.bucket)) {
    throw new InputError(where, 'bucket', props.bucket, {
      allowed: "a bucket's name: lower-case letters, digits, '-', '_' and '.'",
    });
  }
  const { credentialsSecret, anonymous } = props;
  checkOneWayIn(where, props, { credentialsSecret });
  const path = `${GCS_KEY_FOLDER}/${GCS_KEY}`;
  return bucketSource(props, {
    where,
    scheme: 'gs',
    bucket: props.bucket,
    prefix: checkPrefix(where, props.prefix),
    config: {
      TYPE: 'google cloud storage',
      ...(anonymous
        ? { ANONYMOUS: 'true' }
        : credentialsSecret
          ? { SERVICE_ACCOUNT_FILE: path }
          : { ENV_AUTH: 'true' }),
    },
    endpoints: [
      {
        flag: 'RCLONE_CONFIG_SOURCE_ENDPOINT',
        url: checkServer(where, props.endpoint ?? 'https://storage.googleapis.com/storage/v1/'),
      },
    ],
    secrets: [],
    secretFiles: credentialsSecret
      ? [
          {
            secret: credentialsSecret.name,
            key: GCS_KEY,
            path,
            purpose: `service account that reads bucket ${props.bucket}`,
          },
        ]
      : [],
    // The metadata server, by which a node of Google's gives a pod its identity.
    ports: anonymous || credentialsSecret ? [] : [80, 988],
  });
}

/**
 * @throws when the account, the container or the prefix cannot be ones, when not exactly one pin or more than one
 * kind of credentials is given
 * @internal
 */
export function azureBlobSource(given: AzureBlobSourceProps): SourceSpec {
  const where = 'ModelSource.azureBlob';
  const props = given ?? {};
  const { account, container, keySecret, sasSecret, anonymous } = props;
  if (typeof account !== 'string' || !/^[a-z0-9]{3,24}$/.test(account)) {
    throw new InputError(where, 'account', account, {
      allowed: 'a storage account: 3 to 24 lower-case letters and digits',
    });
  }
  // https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
  if (typeof container !== 'string' || !/^(\$root|[a-z0-9](-?[a-z0-9]){2,62})$/.test(container)) {
    throw new InputError(where, 'container', container, {
      allowed: "a container's name: 3 to 63 lower-case letters, digits and single '-'",
    });
  }
  checkOneWayIn(where, props, { keySecret, sasSecret });
  const url = checkServer(where, props.endpoint ?? `https://${account}.blob.core.windows.net`);
  const identity = !anonymous && !keySecret && !sasSecret;
  return bucketSource(props, {
    where,
    scheme: 'az',
    bucket: container,
    prefix: checkPrefix(where, props.prefix),
    account,
    config: {
      TYPE: 'azureblob',
      ...(sasSecret
        ? { SAS_URL: `$(AZURE_STORAGE_ENDPOINT)/${container}?$(${AZURE_SAS})` }
        : { ACCOUNT: account, ...(identity ? { ENV_AUTH: 'true' } : {}) }),
    },
    // The URL with the signature holds the server's name too.
    endpoints: [{ flag: sasSecret ? 'AZURE_STORAGE_ENDPOINT' : 'RCLONE_CONFIG_SOURCE_ENDPOINT', url }],
    secrets: [
      ...(keySecret ? [secretUse('RCLONE_CONFIG_SOURCE_KEY', keySecret, AZURE_KEY, account)] : []),
      ...(sasSecret ? [secretUse(AZURE_SAS, sasSecret, AZURE_SAS, `${account}/${container}`)] : []),
    ],
    secretFiles: [],
    ports: [],
    podLabels: identity ? { 'azure.workload.identity/use': 'true' } : undefined,
  });
}

function secretUse(env: string, { name }: ISecret, key: string, what: string): SecretUse {
  return { env, secret: name, key, purpose: `read Azure storage ${what}` };
}

function bucketSource(props: BucketCopyOptions, remote: Remote): SourceSpec {
  const { where, scheme, bucket, prefix, account } = remote;
  const pins = resolvePins(where, props, {}, HOW_TO_PIN);
  const place = placeOf(bucket, prefix);
  const address = addressOf(remote);
  const transfers = props.transfers ?? 4;
  if (!Number.isSafeInteger(transfers) || transfers < 1 || transfers > 64) {
    throw new InputError(where, 'transfers', transfers, { allowed: 'a whole number, 1 to 64' });
  }
  return {
    kind: scheme === 'gs' ? 'gcs' : 'azureblob',
    name: folderName(place, scheme),
    identity: {
      type: scheme,
      ...pins.identity,
      // The files that are pinned are the same wherever they lie.
      ...(pins.proof === SourceProof.CONTENT ? {} : { bucket, prefix, ...(account ? { account } : {}) }),
    },
    address: `${address}${pins.proof === SourceProof.CONTENT ? `@${pins.revision}` : ''}`,
    repository: place,
    revision: pins.revision,
    proof: pins.proof,
    ...resolveContent(where, props),
    fetch: rcloneFetch(props, remote, pins, transfers),
  };
}

const HOW_TO_PIN =
  'Neither generations nor blob versions can be asked for by the tool that copies. Put a list of the files beside ' +
  `them (${LIST_FILES}) and give its path and its own sha256 as manifest.`;

function rcloneFetch(
  props: BucketCopyOptions,
  remote: Remote,
  pins: ResolvedPins,
  transfers: number,
): DownloaderFetch {
  const { where, scheme, bucket, prefix, config } = remote;
  return {
    by: 'container',
    image: props.rcloneImage ?? RCLONE_IMAGE,
    command: ['rclone'],
    args: [
      // Not `copy`: what a former run has brought, and the source no longer has, is no part of the model.
      'sync',
      `source:${placeOf(bucket, prefix)}`,
      '$(MODEL_DIR)',
      ...filters(props),
      ...FLAGS,
      `--transfers=${transfers}`,
    ],
    env: Object.entries({
      ...Object.fromEntries(
        Object.entries(config).map(([name, value]) => [`RCLONE_CONFIG_SOURCE_${name}`, value]),
      ),
      // Its garbage collector knows no limit by itself.
      GOMEMLIMIT: `${Math.floor((downloaderResources(where, props).memory.toMebibytes() * 3) / 4)}MiB`,
      RCLONE_PARTIAL_SUFFIX: PARTIAL_SUFFIX,
      RCLONE_LOCAL_FATAL_IF_NO_SPACE: 'true',
    }).map(([name, value]) => ({ name, value })),
    secrets: remote.secrets,
    secretFiles: remote.secretFiles,
    endpoints: remote.endpoints,
    serviceAccountName: props.serviceAccount && checkServiceAccount(where, props.serviceAccount),
    resources: downloaderResources(where, props),
    adoptArgs: [
      ...pins.args,
      `--exclude=*${PARTIAL_SUFFIX}`,
      `--origin=type=${scheme === 'gs' ? 'gcs' : 'azureblob'}`,
      `--origin=address=${addressOf(remote)}`,
    ],
    shell: true,
    exitCodes: EXIT_CODES,
    denied: DENIED,
    ports: remote.ports,
    podLabels: remote.podLabels,
  };
}

function placeOf(bucket: string, prefix: string): string {
  return prefix === '' ? bucket : `${bucket}/${prefix}`;
}

/** By which people find the files again: containers of one name are in many accounts. */
function addressOf({ scheme, bucket, prefix, account }: Remote): string {
  return `${scheme}://${placeOf(account ? `${bucket}@${account}` : bucket, prefix)}`;
}

/** Of files on their way, which a killed run leaves. */
const PARTIAL_SUFFIX = '.rclone-part';

/** https://rclone.org/docs/#exit-code; fatal is only what RCLONE_LOCAL_FATAL_IF_NO_SPACE makes so: a full disk. */
const EXIT_CODES = '2=64,3=66,4=66,7=73';

/**
 * How rclone writes that a server lets it not in: it ends with 1 then, as after any other error. A 403 of Google that
 * tells of a rate limit is none of them.
 *
 * @see https://cloud.google.com/storage/docs/json_api/v1/status-codes
 * @see https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
 */
const DENIED = [
  'googleapi: Error 401: ',
  'googleapi: got HTTP response code 40[13] ',
  'googleapi: Error 403: .*, (forbidden|insufficientPermissions|accountDisabled)$',
  'oauth2: cannot fetch token: 40[013] ',
  'could not find default credentials',
  'error processing credentials',
  'private key should be a PEM',
  // Of Azure's two libraries: since rclone 1.61, and before.
  'RESPONSE 40[13]: ',
  'RESPONSE Status: 40[13] ',
].join('|');

/** https://rclone.org/docs and https://rclone.org/flags */
const FLAGS = [
  '--config=/dev/null',
  // By size and MD5: what a former run has left is compared with the source, and not by its time.
  '--checksum',
  '--retries=3',
  '--retries-sleep=2s',
  '--low-level-retries=10',
  '--contimeout=1m',
  '--timeout=2m',
  // What bounds its memory.
  '--buffer-size=8Mi',
  '--multi-thread-cutoff=256Mi',
  '--multi-thread-streams=4',
  '--stats=30s',
  '--stats-one-line',
  '--stats-log-level=NOTICE',
];

/** Our patterns, or the files that are pinned, as rules of which the first that matches decides. */
function filters({ files, include = [], exclude = [] }: FolderPins): string[] {
  const taken = files
    ? Object.keys(files)
        .sort()
        .map((path) => escapeText(path))
    : include.map(regularExpression);
  return [
    ...exclude.map((pattern) => `--filter=- /{{${regularExpression(pattern)}}}`),
    ...taken.map((pattern) => `--filter=+ /{{${pattern}}}`),
    ...(taken.length ? ['--filter=- *'] : []),
  ];
}

/** A pattern over the whole path, as Python's fnmatch understands it: `*` goes over slashes too. */
function regularExpression(pattern: string): string {
  const glob = pattern.endsWith('/') ? `${pattern}*` : pattern;
  // The first character of a set is one of its own even where it is a `]`.
  return glob.replace(/\[(!|(?!!))([^][^\]]*)\]|[^]/g, (text, not: string, set: string | undefined) => {
    if (set !== undefined) return `[${not ? '^' : ''}${escapeText(set, /[\\^[\]}]/g)}]`;
    return text === '*' ? '.*' : text === '?' ? '.' : escapeText(text);
  });
}

function escapeText(text: string, special = /[\\^$.*+?()[\]{}|]/g): string {
  // Two of `}` would end what rclone takes for a regular expression.
  return text.replace(special, (character) => (character === '}' ? '\\x7d' : `\\${character}`));
}

function checkServer(where: string, endpoint: string): string {
  return checkAddress(where, 'endpoint', endpoint, {
    path: true,
    advice: 'Keys and signatures are given by Secrets.',
  });
}

/** @throws when there is more than one kind of credentials */
function checkOneWayIn(
  where: string,
  props: BucketCopyOptions,
  secrets: Record<string, ISecret | undefined>,
): void {
  for (const [field, secret] of Object.entries(secrets)) {
    if (secret !== undefined) checkSecret(where, field, secret);
  }
  const { serviceAccount } = props;
  const anonymous = checkFlag(where, 'anonymous', props.anonymous);
  const ways = Object.entries({ ...secrets, anonymous: anonymous || undefined, serviceAccount })
    .filter(([, way]) => way !== undefined)
    .map(([field]) => field);
  if (ways.length > 1) {
    throw new InputError(where, ways[1], 'given', {
      allowed: `nothing beside ${ways[0]}`,
      advice: 'Choose one way to be let in.',
    });
  }
}
