/** The user and group of all our pods: not root, and not an id that an image is likely to give files to. */
export const POD_USER = 65532;

/** As whom the programs of a pod run whose image needs other ids. Never root. */
export interface PodUser {
  readonly user: number;
  readonly group: number;
  /** Groups besides, by which the files of its image may be read. */
  readonly supplementalGroups?: readonly number[];
}

/**
 * The pod's half of Pod Security `restricted`, with fixed ids so that every phase can read what another wrote. The
 * group of the volumes' files is always the same, and every program of the pod is in it.
 */
export function podSecurityContext(
  who: PodUser = { user: POD_USER, group: POD_USER },
): Record<string, unknown> {
  return {
    runAsNonRoot: true,
    runAsUser: who.user,
    runAsGroup: who.group,
    ...(who.supplementalGroups?.length ? { supplementalGroups: who.supplementalGroups } : {}),
    fsGroup: POD_USER,
    // A model's volume holds few but large files; changing their group once is enough.
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** The container's half. */
export function containerSecurityContext({ writableRoot = false } = {}): Record<string, unknown> {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: !writableRoot,
  };
}
