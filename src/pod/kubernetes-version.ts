import { IConstruct } from 'constructs';
import { InputError } from './input-error';

/** The version that is meant where nothing is said. */
export const DEFAULT_KUBERNETES_VERSION = '1.31';

/** The context key by which a plain `cdk8s.App` can name another version. */
export const KUBERNETES_VERSION_CONTEXT = 'cdk8s-llm/kubernetesVersion';

const OLDEST = 28;
const NEWEST = 36;

/** All versions that this library has schemas for, the oldest first. @internal */
export const KUBERNETES_VERSIONS = Array.from(
  { length: NEWEST - OLDEST + 1 },
  (_, index) => `1.${OLDEST + index}`,
);

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
  if (typeof given !== 'string' || !KUBERNETES_VERSIONS.includes(given)) {
    throw new InputError(scope, 'kubernetesVersion', given, {
      allowed: `'1.${OLDEST}' to '1.${NEWEST}'`,
      advice: 'Name the oldest version among the clusters that apply these files, without a patch number.',
    });
  }
}

/** From which minor version on a feature works on every cluster, without a feature gate that someone turned on. */
const SINCE = {
  /** An init container that goes on beside the others. Behind the gate SidecarContainers in 1.28. */
  nativeSidecars: 29,
  /** When a Job replaces a pod. Behind the gate JobPodReplacementPolicy in 1.28. */
  podReplacementPolicy: 29,
  /** A hook that sleeps without a program of the image. Behind the gate PodLifecycleSleepAction in 1.29. */
  sleepAction: 30,
  /** A volume that is an OCI image. Behind the gate ImageVolume in 1.31 to 1.34; the runtime must know it too. */
  imageVolumes: 35,
} as const;

/** Whether an init container can stay, up before the others start and gone only after them. */
export function hasNativeSidecars(version: string): boolean {
  return atLeast(version, SINCE.nativeSidecars);
}

/** Whether a Job can say when it replaces a pod that ends. */
export function hasPodReplacementPolicy(version: string): boolean {
  return atLeast(version, SINCE.podReplacementPolicy);
}

/** Whether a hook can sleep by itself. */
export function hasSleepAction(version: string): boolean {
  return atLeast(version, SINCE.sleepAction);
}

/** Whether a pod can mount an image as a volume, by `subPath` too. */
export function hasImageVolumes(version: string): boolean {
  return atLeast(version, SINCE.imageVolumes);
}

/** Whether `version` is `1.<minor>` or newer. */
export function atLeast(version: string, minor: number): boolean {
  return Number(version.split('.')[1]) >= minor;
}
