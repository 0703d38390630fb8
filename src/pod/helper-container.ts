import { hasNativeSidecars } from './kubernetes-version';
import { ContainerSpec } from './pod-spec';

/** The containers of a pod. */
interface Containers {
  readonly initContainers: ContainerSpec[];
  readonly containers: ContainerSpec[];
}

/**
 * Adds a container that serves the others of its pod: a native sidecar, up before they start and gone only after
 * them.
 *
 * Kubernetes 1.28 would take that for an init container like any other, and wait for its end for ever. There it is
 * one of the others, started and stopped together with them: it must bear that they are not there yet, and finish
 * what it has begun when it is stopped, while they go on for so long.
 *
 * @param preStop the command by which the helper stays for the time that their own hooks take, where it is stopped
 * together with them
 */
export function withHelper(
  kubernetesVersion: string,
  { initContainers, containers }: Containers,
  helper: ContainerSpec,
  preStop: string[],
): Containers {
  if (hasNativeSidecars(kubernetesVersion)) {
    const sidecar = { ...helper, more: { restartPolicy: 'Always', ...helper.more } };
    return { initContainers: [...initContainers, sidecar], containers };
  }
  const other = {
    ...helper,
    more: { ...helper.more, lifecycle: { preStop: { exec: { command: preStop } } } },
  };
  return { initContainers, containers: [...containers, other] };
}
