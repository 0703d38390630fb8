/** What several systems say alike, as expressions of a plan. */
import { quantity } from '../validation/quantity';
import { call, Expression, list, literal, member } from './plan';

const KIB = 1024;

/** `8Gi` as `Size.gibibytes(8)`: in the largest unit that it is whole in, of parts of a KiB the next whole one. @internal */
export function size(text: string): Expression {
  const kibibytes = Math.ceil(quantity(text) / KIB);
  if (kibibytes % KIB ** 2 === 0) return call('Size.gibibytes', literal(kibibytes / KIB ** 2));
  return kibibytes % KIB === 0
    ? call('Size.mebibytes', literal(kibibytes / KIB))
    : call('Size.kibibytes', literal(kibibytes));
}

/** `ReadWriteMany` as `PersistentVolumeAccessMode.READ_WRITE_MANY`. @internal */
export function accessModes(modes: readonly string[]): Expression {
  return list(
    modes.map((mode) =>
      member('PersistentVolumeAccessMode', mode.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()),
    ),
  );
}

/** Whether one node at a time can mount a claim: all its pods then have to be able to run where any other can. @internal */
export function isOneNode(modes: readonly string[]): boolean {
  return !modes.includes('ReadWriteMany');
}

/** @internal */
export function texts(values: readonly string[]): Expression {
  return list(values.map(literal));
}

/** Properties whose names and values are text. @internal */
export function textMap(values: Readonly<Record<string, string>>): Expression {
  return {
    kind: 'object',
    members: Object.entries(values).map(([name, value]) => ({ name, value: literal(value) })),
  };
}

/** @internal */
export function optional(value: string | number | boolean | undefined): Expression | undefined {
  return value === undefined ? undefined : literal(value);
}

/** Whether an image is one that is the same tomorrow, as far as a name tells: by digest, or a tag other than `latest`. @internal */
export function isPinned(image: string): boolean {
  return (
    /@sha256:[0-9a-f]{64}$/.test(image) || /:(?!latest$)[\w][\w.-]*$/.test(image.split('/').at(-1) ?? '')
  );
}

/** A full commit id. @internal */
export const COMMIT = /^[0-9a-fA-F]{40}$/;

/** A sha256 in hexadecimal digits. @internal */
export const SHA256 = /^[0-9a-fA-F]{64}$/;

/** The name of a Secret. @internal */
export const SECRET_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** A quantity of bytes. @internal */
export const QUANTITY = /^[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/;

/** The version of Python that an image of docker.io/library/python has by its tag, and whether it is glibc's; nothing for other images. @internal */
export function pythonOfImage(image: string): { readonly minor: number; readonly musl: boolean } | undefined {
  const found =
    /^(?:docker\.io\/)?(?:library\/)?python:3\.(\d+)(?:\.\d+)?((?:-[\w.]+)*)(?:@sha256:[0-9a-f]{64})?$/.exec(
      image,
    );
  return found ? { minor: Number(found[1]), musl: found[2].includes('alpine') } : undefined;
}
