import { InputError } from '../../pod/input-error';

/**
 * How a CSI driver is told which bucket to mount, and which folder of it. A driver that is not told the store's
 * place would read another one, and what waits there would wait for ever.
 */

/** What a driver is told. @internal */
export interface CsiWords {
  readonly driver: string;
  readonly options?: string;
  readonly volumeAttributes?: { [name: string]: string };
  readonly mountOptions?: string[];
  readonly volumeHandle?: string;
}

/** The place that the store's Jobs write to. @internal */
export interface BucketPlace {
  readonly bucket: string;
  /** Empty for the bucket's root. */
  readonly prefix: string;
}

/** https://github.com/awslabs/mountpoint-s3-csi-driver, docs/CONFIGURATION.md and pkg/mountpoint/args.go */
const AWS = 's3.csi.aws.com';

/**
 * @param where names the factory
 * @throws when a driver that is not csi-s3 is not told the bucket and the prefix
 * @internal
 */
export function checkTold(where: string, csi: CsiWords, place: BucketPlace): void {
  if (csi.driver === AWS) checkMountpoint(where, csi, place);
  else checkNamed(where, csi, place);
}

/** It takes the bucket from an attribute and the folder from an option, whose value Mountpoint wants to end in '/'. */
function checkMountpoint(
  where: string,
  { volumeAttributes, mountOptions = [] }: CsiWords,
  place: BucketPlace,
) {
  const bucketName = volumeAttributes?.bucketName;
  if (bucketName !== place.bucket) {
    throw new InputError(where, 'csi.volumeAttributes.bucketName', bucketName, {
      allowed: `${place.bucket}, the bucket of the store`,
      advice: `It is how ${AWS} is told the bucket.`,
    });
  }
  const prefixes = mountOptions.filter((option) => /^(--)?prefix[= ]/.test(option.trim()));
  const values = prefixes.map((option) => option.trim().replace(/^(--)?prefix[= ]\s*/, ''));
  const wanted = place.prefix ? [`${place.prefix}/`] : [];
  if (values.join('\n') !== wanted.join('\n')) {
    throw new InputError(where, 'csi.mountOptions', prefixes.join(', ') || 'no prefix', {
      allowed: place.prefix ? `'prefix ${place.prefix}/', once` : 'no prefix, as the store has none',
      advice: `It is how ${AWS} is told the prefix of the store, which ends in '/' there.`,
    });
  }
}

/** Of other drivers the words are not known: somewhere the place has to be among them. */
function checkNamed(where: string, csi: CsiWords, { bucket, prefix }: BucketPlace): void {
  const { driver, volumeHandle = '', options = '', mountOptions = [], volumeAttributes = {} } = csi;
  const told = [volumeHandle, options, ...mountOptions, ...Object.values(volumeAttributes)];
  const times = (name: string) => told.reduce((sum, text) => sum + wholeNames(text, name), 0);
  for (const [field, place, least] of [
    ['bucket', bucket, 1],
    ['prefix', prefix, prefix === bucket ? 2 : 1],
  ] as const) {
    if (place === '' || times(place) >= least) continue;
    throw new InputError(where, 'csi', `driver ${driver} that is not told the ${field}`, {
      allowed: `the ${field} ${place} in volumeAttributes, mountOptions, options or volumeHandle`,
      advice: "Each driver has its own name for it: see the driver's documents.",
    });
  }
}

/** How often a text has a name that is not a part of a longer one. */
function wholeNames(text: string, name: string): number {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return [...text.matchAll(new RegExp(`(?<![\\w.@+-])${literal}(?![\\w.@+-])`, 'g'))].length;
}
