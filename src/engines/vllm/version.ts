/**
 * The version of vLLM in an image, by its tag (`v0.19.0`, `v0.20.0-cu129`, `v0.8.5.post1`) or by what its name says
 * (`rocm6.4_vllm_0.10.1_20250909`, `vllm-0.26.0-ptupstream:1.24.1`). Undefined where neither tells.
 *
 * @internal
 */
export function versionOfImage(image: string): string | undefined {
  const [name, tag] = withoutDigest(image);
  const ofTag = /^v?(\d+\.\d+\.\d+(?:\.post\d+|rc\d+)?)(?=$|[-_+.])/.exec(tag);
  const ofName = /vllm[-_]v?(\d+\.\d+\.\d+(?:\.post\d+|rc\d+)?)(?=$|[-_+.:])/.exec(`${name}:${tag}`);
  return (ofName ?? ofTag)?.[1];
}

function withoutDigest(image: string): [name: string, tag: string] {
  const [reference] = image.split('@');
  const [, name, tag = ''] = /^(.*?)(?::([^:/]*))?$/.exec(reference)!;
  return [name.slice(name.lastIndexOf('/') + 1), tag];
}

/** Whether a text is a version in vLLM's own spelling, with or without `v`. @internal */
export function isVersion(text: string): boolean {
  return /^v?\d+\.\d+\.\d+(\.post\d+|rc\d+)?$/.test(text);
}

/**
 * Less than, equal to or more than 0, as the first version is older than, like or newer than the second. A release
 * candidate counts as its release: it has the same flags.
 *
 * @internal
 */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  const at = a.findIndex((number, index) => number !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}

/** Whether a version is `least` or newer. @internal */
export function atLeastVersion(version: string, least: string): boolean {
  return compareVersions(version, least) >= 0;
}

function numbersOf(version: string): number[] {
  const [, major, minor, patch, post = '0'] = /^v?(\d+)\.(\d+)\.(\d+)(?:\.post(\d+)|rc\d+)?$/.exec(version)!;
  return [major, minor, patch, post].map(Number);
}
