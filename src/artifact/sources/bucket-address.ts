import { InputError } from '../../pod/input-error';
import type { FolderManifestPin } from './folder-pins';

/** An address of a folder in a bucket, taken apart. @internal */
export interface BucketAddress {
  readonly bucket: string;
  readonly prefix?: string;
  readonly manifest?: FolderManifestPin;
  /** Of Azure's. */
  readonly account?: string;
}

/** `s3://bucket[/prefix][@sha256:<of its .artifact.json>]`; nothing where it is none. @internal */
export function parseS3Address(address: string): BucketAddress | undefined {
  return parse('s3', address, 'bucket');
}

/** `gs://bucket[/prefix][@sha256:...]`; nothing where it is none. @internal */
export function parseGcsAddress(address: string): BucketAddress | undefined {
  return parse('gs', address, 'bucket');
}

/** `az://container[@account][/prefix][@sha256:...]`; nothing where it is none. @internal */
export function parseAzureBlobAddress(address: string): BucketAddress | undefined {
  const container = 'container[@account]';
  const [, account] = /^az:\/\/[^/@:]+@([a-z0-9]{3,24})(?=\/|@|$)/.exec(address) ?? [];
  if (account === undefined) return parse('az', address, container);
  const found = parse('az', address.replace(`@${account}`, ''), container);
  return found && { ...found, account };
}

/** @throws when it holds credentials, a query or a generation (`#`), which would end up in logs or be lost */
function parse(scheme: 's3' | 'gs' | 'az', address: string, form: string): BucketAddress | undefined {
  if (!address.startsWith(`${scheme}://`)) return undefined;
  const rest = address.slice(scheme.length + '://'.length);
  const [, place, sha256] = /^(.*?)(?:@sha256:([0-9A-Fa-f]{64}))?$/s.exec(rest) as RegExpExecArray;
  const [bucket, ...folders] = place.split('/');
  // Names of S3's objects may have a '#', and mean nothing by it.
  if (/[@:]/.test(bucket) || place.includes('?') || (scheme !== 's3' && place.includes('#'))) {
    throw new InputError('ModelSource.parse', 'address', address, {
      allowed: `'${scheme}://${form}/prefix[@sha256:<sha256 of its .artifact.json>]'`,
      advice: 'Keys, signatures, versions and the server are given as options.',
    });
  }
  const prefix = folders.join('/').replace(/\/$/, '');
  return { bucket, ...(prefix ? { prefix } : {}), ...(sha256 ? { manifest: { sha256 } } : {}) };
}
