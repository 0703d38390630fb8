import { checkFlag } from '../../pod/checks';
import { shortHash } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import { s3EndpointFlag, s3PlaceArgs, s3Ports, s3Secrets } from '../s3-access';
import { checkS3Connection, S3ConnectionProps, S3Prefix, S3ServerProps } from '../s3-connection';
import type { S3Connection } from '../s3-connection';
import { folderName } from './checks';
import { FolderContent, resolveContent } from './folder-content';
import { FolderPins, resolvePins, ResolvedPins } from './folder-pins';
import { byPath } from './named-files';
import { SourceProof, SourceSpec } from './source-spec';

/** The marker by which programs of ours say that an artifact is complete, and what it is made of. */
const MARKER = '.artifact.json';

/**
 * How to read a folder of an S3 bucket, besides where it is. Exactly one of the pins must be given: `manifest`,
 * `files`, `versions` or `unpinned`.
 */
export interface S3SourceOptions extends S3ServerProps, FolderPins, FolderContent {
  /**
   * Pins versions, in a bucket that keeps them: the files to take, by path below the prefix, and the version id of
   * each. The server vouches for the bytes; where it tells a checksum of them, they are checked against it.
   *
   * @default - not pinned by versions
   */
  readonly versions?: { [path: string]: string };

  /**
   * Whether the bucket is public, so that requests are not signed.
   *
   * @default false
   */
  readonly anonymous?: boolean;

  /**
   * Whether to pay for the requests and the traffic, as buckets with that setting demand.
   *
   * @default false
   */
  readonly requesterPays?: boolean;
}

/** A folder of an S3 bucket. */
export interface S3SourceProps extends S3ConnectionProps, S3SourceOptions {}

/**
 * @throws when the server, the bucket or the prefix cannot be ones, when not exactly one pin is given, when a
 * checksum, version or path is none
 * @internal
 */
export function s3Source(given: S3SourceProps): SourceSpec {
  const where = 'ModelSource.s3';
  const props = given ?? {};
  const connection = checkS3Connection(where, props, S3Prefix.ANY);
  for (const flag of ['unpinned', 'anonymous', 'requesterPays'] as const) checkFlag(where, flag, props[flag]);
  checkAnonymous(where, props);
  const pins = pinsOf(where, props, connection);
  const place = [connection.bucket, connection.prefix].filter((part) => part !== '').join('/');
  const isArtifact = props.manifest && (props.manifest.path ?? MARKER) === MARKER;
  return {
    kind: 's3',
    name: folderName(place, 's3'),
    identity: { type: 's3', ...pins.identity },
    address: `s3://${place}${isArtifact ? `@${pins.revision}` : ''}`,
    repository: place,
    revision: pins.revision,
    proof: pins.proof,
    ...resolveContent(where, props),
    fetch: {
      by: 'program',
      args: [
        ...s3PlaceArgs(props, '', 'source'),
        ...(props.anonymous ? ['--anonymous'] : []),
        ...(props.requesterPays ? ['--requester-pays'] : []),
        ...pins.args,
      ],
      endpoints: [{ flag: s3EndpointFlag('source'), url: connection.endpoint }],
      ports: props.anonymous ? [] : s3Ports(props),
      secrets: s3Secrets(props, 'source'),
      serviceAccountName: connection.serviceAccountName,
      needsFolder: false,
    },
  };
}

function pinsOf(where: string, props: S3SourceProps, connection: S3Connection): ResolvedPins {
  const { versions } = props;
  if (versions) return pinByVersions(where, props, versions, connection);
  const pins = resolvePins(where, props, { versions: undefined }, howToPin(connection));
  // Where nothing tells of the content, the place decides the bytes.
  return pins.proof === SourceProof.NONE
    ? { ...pins, identity: { ...pins.identity, ...whereabouts(connection) } }
    : pins;
}

function howToPin({ bucket, prefix, endpoint }: S3Connection): string {
  const folder = `s3://${[bucket, prefix].filter((part) => part !== '').join('/')}`;
  return (
    'For an artifact of ours, manifest is { sha256: ... } of what this prints: ' +
    `aws s3 cp ${folder}/${MARKER} - --endpoint-url ${endpoint} | sha256sum. ` +
    'In a bucket that keeps versions, give versions.'
  );
}

function pinByVersions(
  where: string,
  props: S3SourceProps,
  given: { [path: string]: string },
  connection: S3Connection,
): ResolvedPins {
  for (const field of ['manifest', 'files', 'unpinned', 'include', 'exclude'] as const) {
    const other = props[field];
    if (Array.isArray(other) ? other.length > 0 : other) {
      throw new InputError(where, field, other, {
        allowed: 'nothing beside versions, which says which files to take, and which state of them',
      });
    }
  }
  const advice = 'Pin more of them by a manifest in the bucket.';
  const versions = byPath(where, 'versions', given, advice).map(([path, version]) => {
    // `null` is what S3 calls the one state of an object that is overwritten in place.
    if (typeof version !== 'string' || !/^[^\s:]+$/.test(version) || version === 'null') {
      const key = connection.prefix ? `${connection.prefix}/${path}` : path;
      throw new InputError(where, `versions.${path}`, version, {
        allowed: 'the version id of an object in a bucket that keeps versions',
        advice: `List them with: aws s3api list-object-versions --bucket ${connection.bucket} --prefix '${key}'`,
      });
    }
    return [path, version] as const;
  });
  return {
    proof: SourceProof.VERSION,
    identity: { versions: Object.fromEntries(versions), ...whereabouts(connection) },
    revision: versions.length === 1 ? versions[0][1] : `versions:${shortHash(versions, 12)}`,
    args: versions.map(([path, version]) => `--version=${version}:${path}`),
  };
}

/** Buckets of one name are on many servers. */
function whereabouts({ endpoint, bucket, prefix }: S3Connection): Record<string, string> {
  return { endpoint, bucket, prefix };
}

function checkAnonymous(where: string, props: S3SourceProps): void {
  const credentials = (['credentialsSecret', 'serviceAccount'] as const).find((field) => props[field]);
  if (props.anonymous && (credentials || props.requesterPays)) {
    throw new InputError(where, 'anonymous', true, {
      allowed: `false beside ${credentials ?? 'requesterPays'}`,
      advice: credentials
        ? 'Unsigned requests use no credentials.'
        : 'Who pays must be known: the requests must be signed.',
    });
  }
}
