import type { Size } from 'cdk8s';
import type { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import { checkSize } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { ANNOTATION } from '../../pod/metadata';
import { addObject, Owner } from '../../pod/owner';
import { checkPlacement } from '../../pod/placement';
import type { Placement } from '../../pod/pod-spec';
import { bytesQuantity } from '../../pod/quantity';
import { checkAccessModes, isReadOnly } from './access-modes';
import type { ClaimVolume } from './store-volume';

/** A new claim. */
export interface ClaimStoreProps {
  /**
   * How much it holds: all artifacts in it together. Refused where it is less than what is known of them at
   * synth, and 5 % for the file system.
   */
  readonly size: Size;

  /**
   * The storage class.
   *
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;

  /**
   * How it can be mounted. With `ReadWriteOnce` all pods that mount it are drawn to one node.
   *
   * @default [ReadWriteOnce]
   */
  readonly accessModes?: PersistentVolumeAccessMode[];

  /**
   * The claim's name. Needed where several pipelines share the claim: it would be another claim as soon as the
   * first of them went.
   *
   * @default - the name of the first construct that uses it
   */
  readonly name?: string;

  /**
   * Where all pods run that mount it, Jobs and servers: the zone and the taints of the server's nodes. A class
   * that binds when the first pod is scheduled then makes the volume where the server can run.
   *
   * @default - anywhere
   */
  readonly placement?: Placement;
}

/** A claim that exists. */
export interface ExistingClaimOptions {
  /**
   * How it can be mounted. To a claim that is `ReadOnlyMany` alone nothing is written: the artifacts must be
   * there, and what would make them makes no Job.
   *
   * @default [ReadWriteOnce] - the careful choice: all pods that mount it are drawn to one node
   */
  readonly accessModes?: PersistentVolumeAccessMode[];

  /**
   * Where all pods run that mount it, Jobs and servers.
   *
   * @default - anywhere
   */
  readonly placement?: Placement;
}

/** A claim as plain data. @internal */
export interface ClaimSpec {
  readonly kind: 'claim';
  /** What a new claim is; undefined for one that exists. */
  readonly create?: { readonly size: Size; readonly storageClassName?: string };
  /** Undefined for a new claim that is named after its first user. */
  readonly name?: string;
  readonly accessModes: string[];
  readonly placement: Placement;
}

/** The mode that every cluster has. */
const DEFAULT_MODES = ['ReadWriteOnce'];

/** @internal */
export function newClaim(props: ClaimStoreProps): ClaimSpec {
  const where = 'ModelStore.claim';
  const { size, name, storageClassName, accessModes, placement } = props ?? {};
  checkSize(where, 'size', size, 'what the artifacts in it need together, for instance Size.gibibytes(20)');
  if (name !== undefined) checkClaimName(where, name);
  const modes = checkAccessModes(where, accessModes ?? DEFAULT_MODES);
  if (isReadOnly(modes)) {
    throw new InputError(where, 'accessModes', modes, {
      allowed: 'at least one mode that can be written to',
      advice: 'A download has to fill it.',
    });
  }
  return {
    kind: 'claim',
    create: { size, storageClassName },
    name,
    accessModes: modes,
    placement: checkPlacement(where, 'placement', placement),
  };
}

/** @internal */
export function existingClaim(name: string, options: ExistingClaimOptions): ClaimSpec {
  const where = 'ModelStore.existingClaim';
  checkClaimName(where, name);
  return {
    kind: 'claim',
    name,
    accessModes: checkAccessModes(where, options?.accessModes ?? DEFAULT_MODES),
    placement: checkPlacement(where, 'placement', options?.placement),
  };
}

function checkClaimName(where: string, name: string): void {
  if (typeof name !== 'string' || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
    throw new InputError(where, 'name', name, {
      allowed: "the name of a PersistentVolumeClaim: lower-case letters, digits, '-' and '.'",
    });
  }
}

/**
 * What keeps a claim that holds artifacts: no tool may prune it, nor delete it together with its
 * application. `IgnoreExtraneous` keeps a claim that left Git from showing as OutOfSync for ever.
 *
 * @internal
 */
export const KEPT: Record<string, string> = {
  [ANNOTATION.syncOptions]: 'Prune=false,Delete=false',
  [ANNOTATION.compareOptions]: 'IgnoreExtraneous',
  [ANNOTATION.fluxPrune]: 'disabled',
};

/**
 * The volume of a claim, which is made with its first user unless it exists: a class that binds on first use
 * would block the phases before that user's for ever.
 *
 * @internal
 */
export function claimVolume(user: Owner, spec: ClaimSpec): ClaimVolume {
  const claimName = spec.name ?? user.name;
  if (spec.create) {
    const { size, storageClassName } = spec.create;
    addObject(user, 'Claim', {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      name: claimName,
      component: 'store',
      annotations: KEPT,
      body: {
        spec: {
          accessModes: spec.accessModes,
          ...(storageClassName !== undefined ? { storageClassName } : {}),
          resources: { requests: { storage: bytesQuantity(size) } },
        },
      },
    });
  }
  return {
    kind: 'claim',
    namespace: user.namespace,
    claimName,
    accessModes: spec.accessModes,
    bindsLate: spec.create !== undefined,
    placement: spec.placement,
  };
}
