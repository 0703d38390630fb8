/**
 * The builds of releases, whose images are tagged anew from those of the build (docs/release.md and
 * .github/workflows/make-release.yml of ggml-org/llama.cpp; the numbers as the releases' nightly-tag.txt has them, and
 * as v0.7.0 says of itself).
 */
const RELEASES: Readonly<Record<string, number>> = {
  'v0.3.0': 10621,
  'v0.4.0': 10809,
  'v0.4.1': 10964,
  'v0.5.0': 11146,
  'v0.6.0': 11429,
  'v0.7.0': 11669,
};

/** The build before the first release that is known here. */
const BEFORE_RELEASES = 10361;

/** What a version may look like, for errors. @internal */
export const LLAMA_VERSION_FORM = "a build 'b6500' or a release 'v0.4.1'";

/**
 * The version that an image's tag names: `server-cuda-b6500` or `server-v0.4.1`; undefined where it names none.
 *
 * @internal
 */
export function llamaVersionOf(image: string): string | undefined {
  const tag = /:([^:/@]+)(@.*)?$/.exec(image)?.[1];
  return tag === undefined ? undefined : /(?:^|-)(b\d+|v\d+\.\d+\.\d+)$/.exec(tag)?.[1];
}

/** @internal */
export function isLlamaVersion(version: string): boolean {
  return typeof version === 'string' && /^(b[1-9]\d{0,6}|v\d+\.\d+\.\d+)$/.test(version);
}

/** Less than, equal to or more than 0: builds and releases stand in one row. @internal */
export function compareLlamaVersions(one: string, other: string): number {
  return position(one) - position(other);
}

/** The build; of a release that is not known here, a place between the builds of its neighbours. */
function position(version: string): number {
  if (version.startsWith('b')) return Number(version.slice(1));
  const known = Object.entries(RELEASES);
  const older = known.filter(([release]) => order(release) <= order(version)).at(-1);
  if (older?.[0] === version) return older[1];
  return (older?.[1] ?? BEFORE_RELEASES) + 0.5 + order(version) / 1e12;
}

function order(release: string): number {
  const [major, minor, patch] = release.slice(1).split('.').map(Number);
  return (major * 1000 + minor) * 1000 + patch;
}
