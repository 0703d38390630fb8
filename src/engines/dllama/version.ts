/**
 * Versions of distributed-llama, as image tags tell them. There is no official image, so a tag is what the
 * user chose; one that reads as a version is taken for distributed-llama's.
 */

/** A release: major, minor, patch. @internal */
export type DllamaVersion = readonly [number, number, number];

/** The oldest release that is served: it heals a lost worker by itself and binds to an address. */
const OLDEST_VERSION: DllamaVersion = [0, 16, 4];

/** Written as a tag: v0.16.4. @internal */
export function versionName(version: DllamaVersion): string {
  return `v${version.join('.')}`;
}

/** The version that an image's tag names; undefined when it reads as none. @internal */
export function versionOfImage(image: string): DllamaVersion | undefined {
  const name = image.split('@')[0].split('/').at(-1) ?? '';
  const tag = /:(?:[a-z-]*-)?v?(\d+)\.(\d+)\.(\d+)(?:[-+._].*)?$/.exec(name);
  return tag ? [Number(tag[1]), Number(tag[2]), Number(tag[3])] : undefined;
}

/**
 * Why an image cannot be used; undefined when it can, or when its tag tells no version.
 *
 * @internal
 */
export function checkImageVersion(image: string): string | undefined {
  const version = versionOfImage(image);
  if (version === undefined || !isOlder(version, OLDEST_VERSION)) return undefined;
  return (
    `image '${image}' is distributed-llama ${versionName(version)} by its tag; it must be ` +
    `${versionName(OLDEST_VERSION)} or newer (older ones hang for ever when a worker is lost, and cannot bind to ` +
    `127.0.0.1). images/dllama/Dockerfile builds one; a tag that does not read as a version is accepted as it is`
  );
}

/** Whether a version comes before another. @internal */
export function isOlder(version: DllamaVersion, other: DllamaVersion): boolean {
  const difference = version.map((part, index) => part - other[index]).find((value) => value !== 0);
  return difference !== undefined && difference < 0;
}
