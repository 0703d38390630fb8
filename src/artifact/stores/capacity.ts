import { Size } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { InputError } from '../../pod/input-error';
import { bytesOf, bytesQuantity } from '../../pod/quantity';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** What a file system keeps for itself, and small files beside the weights take, for each byte of weights. */
const MARGIN = 0.05;

/**
 * Whether a claim can hold what is put into it. Artifacts of unknown size count as nothing: what is refused
 * can never fit.
 *
 * @param contents sizes in bytes by the artifacts' paths
 * @param passing the most that is there besides while one of them is made, in bytes: an archive, a file
 * that is quantized
 * @throws when it cannot, with the arithmetic and the size that would do
 * @internal
 */
export function checkCapacity(
  scope: IConstruct,
  size: Size,
  contents: ReadonlyMap<string, number | undefined>,
  passing: number,
): void {
  let sum = passing;
  for (const bytes of contents.values()) sum += bytes ?? 0;
  const needed = sum * (1 + MARGIN);
  if (needed <= bytesOf(size)) return;

  const enough = Math.ceil(needed / GIB);
  const known = [...contents].filter((entry): entry is [string, number] => entry[1] !== undefined);
  const parts = [
    ...known.map(([path, bytes]) => `${amount(bytes)} (${path})`),
    ...(passing ? [`${amount(passing)} (what is there besides, while it is made)`] : []),
  ];
  const unknown = contents.size - known.length;
  throw new InputError(scope, 'store', `a new claim of ${bytesQuantity(size)}`, {
    allowed:
      `${enough}Gi or more: ${parts.join(' + ')}` +
      `${parts.length > 1 ? ` = ${amount(sum)}` : ''}, with ${MARGIN * 100} % for the file system and small ` +
      `files ${amount(needed)}${unknown ? `, and ${unknown} more of unknown size` : ''}`,
    advice: `Make the store with ModelStore.claim({ size: Size.gibibytes(${enough}) }).`,
  });
}

function amount(bytes: number): string {
  return bytes < GIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / GIB).toFixed(2)} GiB`;
}
