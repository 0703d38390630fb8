/** The user and group of all our pods: not root, and not an id that an image is likely to give files to. */
export const POD_USER = 65532;

/** The pod's half of Pod Security `restricted`, with fixed ids so that every phase can read what another wrote. */
export function podSecurityContext(): Record<string, unknown> {
  return {
    runAsNonRoot: true,
    runAsUser: POD_USER,
    runAsGroup: POD_USER,
    fsGroup: POD_USER,
    // A model's volume holds few but large files; changing their group once is enough.
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** The container's half. */
export function containerSecurityContext(): Record<string, unknown> {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  };
}
