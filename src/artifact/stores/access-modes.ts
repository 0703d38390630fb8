import { InputError } from '../../pod/input-error';

/** How a claim can be mounted, and what that means for pods that share it. */

const ACCESS_MODES = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];

/**
 * Whether one node at a time can mount a claim. ReadOnlyMany beside ReadWriteOnce does not help: while a Job
 * writes, the disk is on the Job's node alone.
 *
 * @internal
 */
export function isOneNode(accessModes: readonly string[]): boolean {
  return !accessModes.includes('ReadWriteMany') && !isReadOnly(accessModes);
}

/** Whether nothing can be put into a claim: whatever is in it was put there by another way. @internal */
export function isReadOnly(accessModes: readonly string[]): boolean {
  return accessModes.length > 0 && accessModes.every((mode) => mode === 'ReadOnlyMany');
}

/**
 * @param where names the factory
 * @throws when they are no list, name a mode that does not exist, or one that several phases cannot share
 * @internal
 */
export function checkAccessModes(where: string, modes: readonly string[]): string[] {
  const refuse = (allowed: string, advice: string) => {
    throw new InputError(where, 'accessModes', modes, { allowed, advice });
  };
  const known = 'ReadWriteOnce, ReadOnlyMany, ReadWriteMany';
  if (!Array.isArray(modes)) {
    refuse(`a list of ${known}`, 'Write it in brackets: [PersistentVolumeAccessMode.READ_WRITE_ONCE].');
  }
  const unknown: unknown = modes.find((mode) => !ACCESS_MODES.includes(mode));
  if (unknown !== undefined) refuse(known, `There is no mode ${JSON.stringify(unknown)}.`);
  if (modes.length === 0) refuse(known, 'Name one at least.');
  if (modes.includes('ReadWriteOncePod')) {
    refuse(
      known,
      'ReadWriteOncePod is for a single pod, and the pods of several phases mount the store: a server that ' +
        'waits for its model would keep the claim from the Job that brings it.',
    );
  }
  return [...modes];
}
