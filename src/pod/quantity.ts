import { Size, SizeRoundingBehavior } from 'cdk8s';

const KIB = 1024;
const SUFFIXES = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi'];

/** A size as a Kubernetes quantity, in the largest unit that divides it: `20Gi`, `1536Mi`. */
export function bytesQuantity(size: Size): string {
  let amount = size.toKibibytes({ rounding: SizeRoundingBehavior.NONE });
  let suffix = 0;
  while (amount > 0 && amount % KIB === 0 && suffix < SUFFIXES.length - 1) {
    amount /= KIB;
    suffix += 1;
  }
  return `${Math.ceil(amount)}${SUFFIXES[suffix]}`;
}

/** A size in bytes. */
export function bytesOf(size: Size): number {
  return size.toKibibytes({ rounding: SizeRoundingBehavior.NONE }) * KIB;
}

/** Whole mebibytes that hold so many bytes. */
export function mebibytesFor(bytes: number): Size {
  return Size.mebibytes(Math.ceil(bytes / (KIB * KIB)));
}
