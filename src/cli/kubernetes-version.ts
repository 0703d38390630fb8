import { checkKubernetesVersion, DEFAULT_KUBERNETES_VERSION } from '../pod/kubernetes-version';
import type { Arguments } from './arguments';
import { usageError } from './exit-codes';

/** The value of `--kubernetes-version`, or the default. @internal */
export function kubernetesVersionFrom(args: Arguments): string {
  const version = args.value('kubernetes-version') ?? DEFAULT_KUBERNETES_VERSION;
  try {
    checkKubernetesVersion('--kubernetes-version', version);
  } catch (error) {
    throw usageError((error as Error).message);
  }
  return version;
}
