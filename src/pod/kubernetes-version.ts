import { IConstruct } from 'constructs';
import { InputError } from './input-error';

/** The version that is meant where nothing is said. */
export const DEFAULT_KUBERNETES_VERSION = '1.31';

/** The context key by which a plain `cdk8s.App` can name another version. */
export const KUBERNETES_VERSION_CONTEXT = 'cdk8s-llm/kubernetesVersion';

/** What this library has schemas for. */
const OLDEST = 29;
const NEWEST = 36;

/**
 * The Kubernetes version that a construct is synthesized for: PhasedApp's, or the app's context
 * `cdk8s-llm/kubernetesVersion`, or 1.31.
 */
export function kubernetesVersionOf(scope: IConstruct): string {
  const given: unknown = scope.node.tryGetContext(KUBERNETES_VERSION_CONTEXT) ?? DEFAULT_KUBERNETES_VERSION;
  checkKubernetesVersion(scope, given);
  return given;
}

export function checkKubernetesVersion(scope: IConstruct | string, given: unknown): asserts given is string {
  const minor = typeof given === 'string' ? /^1\.(\d+)$/.exec(given) : null;
  if (!minor || Number(minor[1]) < OLDEST || Number(minor[1]) > NEWEST) {
    throw new InputError(scope, 'kubernetesVersion', given, {
      allowed: `'1.${OLDEST}' to '1.${NEWEST}'`,
      advice: 'Name the oldest version among the clusters that apply these files, without a patch number.',
    });
  }
}

/** From which minor version on a feature works on every cluster, without a feature gate that someone turned on. */
const SINCE = {
  /** A volume that is an OCI image. Behind the gate ImageVolume in 1.31 to 1.34; the runtime must know it too. */
  imageVolumes: 35,
} as const;

/** Whether a pod can mount an image as a volume, by `subPath` too. */
export function hasImageVolumes(version: string): boolean {
  return atLeast(version, SINCE.imageVolumes);
}

/** Whether `version` is `1.<minor>` or newer. */
export function atLeast(version: string, minor: number): boolean {
  return Number(version.split('.')[1]) >= minor;
}
