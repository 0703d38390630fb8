import { ANNOTATION } from '../pod/metadata';
import { addObject, Owner } from '../pod/owner';
import { bytesQuantity } from '../pod/quantity';
import { ClaimSpec, StoreVolume } from './model-store';

/**
 * What keeps a claim that holds artifacts: no tool may prune it, nor delete it together with its
 * application. `IgnoreExtraneous` keeps a claim that left Git from showing as OutOfSync for ever.
 */
export const KEPT: Record<string, string> = {
  [ANNOTATION.syncOptions]: 'Prune=false,Delete=false',
  [ANNOTATION.compareOptions]: 'IgnoreExtraneous',
  [ANNOTATION.fluxPrune]: 'disabled',
};

/** The volume of a claim, which is made unless it exists. */
export function claimVolume(user: Owner, spec: ClaimSpec): StoreVolume {
  const claimName = spec.name ?? user.name;
  if (spec.create) {
    addObject(user, 'Claim', {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      name: claimName,
      annotations: KEPT,
      body: {
        spec: {
          accessModes: spec.accessModes,
          ...(spec.create.storageClassName !== undefined
            ? { storageClassName: spec.create.storageClassName }
            : {}),
          resources: { requests: { storage: bytesQuantity(spec.create.size) } },
        },
      },
    });
  }
  return { namespace: user.namespace, claimName, accessModes: spec.accessModes };
}
