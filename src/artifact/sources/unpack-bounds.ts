import type { Size } from 'cdk8s';
import { checkSize } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { bytesOf } from '../../pod/quantity';

/** What unpacking may come to, as the programs take it. @throws when a bound is none. @internal */
export function unpackBounds(
  where: string,
  { maxUnpackedSize: size, maxUnpackedFiles: files }: { maxUnpackedSize?: Size; maxUnpackedFiles?: number },
): string[] {
  if (size !== undefined) checkSize(where, 'maxUnpackedSize', size);
  if (files !== undefined && !(Number.isSafeInteger(files) && files > 0)) {
    throw new InputError(where, 'maxUnpackedFiles', files, { allowed: 'a whole number of at least 1' });
  }
  return [
    ...(size ? [`--max-unpacked-bytes=${bytesOf(size)}`] : []),
    ...(files ? [`--max-unpacked-files=${files}`] : []),
  ];
}
