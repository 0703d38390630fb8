import { Size } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { contentHash } from '../pod/content-hash';
import { InputError } from '../pod/input-error';
import { ANNOTATION } from '../pod/metadata';
import { addObject, Owner } from '../pod/owner';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import type { EngineFile, EngineSpec, WritableFolder } from './engine-spec';

/** The volumes of an engine besides those of its models: what it writes, and the files that it is given. */

const SHARED_MEMORY = 'shm';

/** Names that other volumes of the pod have, besides `models-1` and so on. */
const TAKEN = ['models', 'programs', SHARED_MEMORY];

/** A ConfigMap's name must have room for the base name before it and the hash behind it. */
const MAX_FILE_NAME = 13;

/** What the API server takes for all the data of a ConfigMap. */
const MAX_TEXT_BYTES = 1024 * 1024;

type Volumes = Pick<EngineSpec, 'writable' | 'sharedMemory' | 'files'>;

/**
 * @throws when two volumes have one name or one folder, when one is mounted in another that is read-only, when a text is
 * too long for a ConfigMap
 * @internal
 */
export function checkVolumes(
  scope: IConstruct,
  { writable, files = [], artifacts }: Volumes & Pick<EngineSpec, 'artifacts'>,
): void {
  const names = new Set(TAKEN);
  const checkName = (field: string, name: string) => {
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
      throw new InputError(scope, field, name, { allowed: "at most 63 lower-case letters, digits and '-'" });
    }
    if (names.has(name) || /^models-\d+$/.test(name)) {
      throw new InputError(scope, field, name, { allowed: 'a name that no other volume of the pod has' });
    }
    names.add(name);
  };
  for (const { name } of writable) checkName('writable folder', name);
  for (const file of files) {
    checkName('files', file.name);
    if ('texts' in file) checkTexts(scope, file.name, file.texts);
  }
  // What the user says comes last: an error then names that, and not what is always there.
  checkFolders(scope, [
    { field: 'sharedMemory', path: '/dev/shm', readOnly: false },
    ...writable.filter(({ field }) => field === undefined).map(writableMount),
    ...artifacts.mountPoints.map((mount) => ({ ...mount, readOnly: true })),
    ...files.map(({ folder }) => ({ field: 'files', path: folder, readOnly: true })),
    ...writable.filter(({ field }) => field !== undefined).map(writableMount),
  ]);
}

/** A folder of a container at which a volume is mounted, and the property that says so. */
interface MountPoint {
  readonly field: string;
  readonly path: string;
  readonly readOnly: boolean;
}

function writableMount({ field = 'writable folder', path }: WritableFolder): MountPoint {
  return { field, path, readOnly: false };
}

/** The container runtime makes the folder that a volume is mounted at, and cannot do so where it may not write. */
function checkFolders(scope: IConstruct, mounts: readonly MountPoint[]): void {
  mounts.forEach(({ field, path, readOnly }, index) => {
    const refuse = (allowed: string) => {
      throw new InputError(scope, field, path, { allowed });
    };
    if (!/^(\/[^\s:/]+)+$/.test(path) || /\/\.\.?(\/|$)/.test(path)) {
      refuse("an absolute path without ':', '.' and '..'");
    }
    for (const other of mounts.slice(0, index)) {
      if (other.path === path) refuse('a folder that no other volume is mounted at');
      if (other.readOnly && isBelow(path, other.path)) {
        refuse(
          `a folder that is not in ${other.path}, which is mounted to be read: nothing can be mounted there`,
        );
      }
      if (readOnly && isBelow(other.path, path)) {
        refuse(
          `a folder that ${other.path} is not in: it is mounted to be read, and nothing can be mounted there`,
        );
      }
    }
  });
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function checkTexts(scope: IConstruct, name: string, texts: Record<string, string>): void {
  if (name.length > MAX_FILE_NAME) {
    throw new InputError(scope, 'files', name, { allowed: `a name of at most ${MAX_FILE_NAME} characters` });
  }
  const bytes = Object.values(texts).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAX_TEXT_BYTES) {
    throw new InputError(scope, name, `${bytes} bytes`, {
      allowed: `${MAX_TEXT_BYTES} bytes, which is what a ConfigMap can hold`,
    });
  }
}

/** What the container's request of ephemeral storage has less than its limit. @internal */
export function spareBytes(writable: readonly WritableFolder[]): number {
  return writable.reduce(
    (sum, { size, likely }) => sum + (size && likely ? bytesOf(size) - bytesOf(likely) : 0),
    0,
  );
}

/** What the container's limit of ephemeral storage must allow for. @internal */
export function writtenBytes(writable: readonly WritableFolder[]): number {
  return writable.reduce((sum, { size }) => sum + (size ? bytesOf(size) : 0), 0);
}

/** The pod's volumes. @internal */
export function volumesOf(
  owner: Owner,
  { writable, sharedMemory, files = [] }: Volumes,
): Record<string, unknown>[] {
  return [
    ...writable.map(({ name, size, claim }) =>
      claim
        ? { name, persistentVolumeClaim: { claimName: claim.name } }
        : { name, emptyDir: size ? { sizeLimit: bytesQuantity(size) } : {} },
    ),
    ...(sharedMemory
      ? [{ name: SHARED_MEMORY, emptyDir: { medium: 'Memory', sizeLimit: bytesQuantity(sharedMemory) } }]
      : []),
    ...files.map((file) => ({ name: file.name, ...sourceOf(owner, file) })),
  ];
}

/** Read by the pod's group alone: a Secret's files belong to root. */
const SECRET_MODE = 0o440;

function sourceOf(owner: Owner, file: EngineFile): Record<string, unknown> {
  if ('texts' in file) return { configMap: { name: configMapName(owner, file.name, file.texts) } };
  if ('configMap' in file) return { configMap: { name: file.configMap, items: file.items } };
  return { secret: { secretName: file.secret, items: file.items, defaultMode: SECRET_MODE } };
}

/** The container's mounts. @internal */
export function mountsOf({ writable, sharedMemory, files = [] }: Volumes): Record<string, unknown>[] {
  return [
    ...writable.map(({ name, path, claim }) => ({
      name,
      mountPath: path,
      ...(claim?.subPath ? { subPath: claim.subPath } : {}),
    })),
    ...(sharedMemory ? [{ name: SHARED_MEMORY, mountPath: '/dev/shm' }] : []),
    ...files.map(({ name, folder }) => ({ name, mountPath: folder, readOnly: true })),
  ];
}

/** Adds the ConfigMaps of the texts. @internal */
export function addTexts(owner: Owner, component: string, files: readonly EngineFile[] = []): void {
  for (const file of files) {
    if (!('texts' in file)) continue;
    addObject(owner, `Files-${file.name}`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: configMapName(owner, file.name, file.texts),
      component,
      annotations: {
        [ANNOTATION.content]: Object.keys(file.texts).join(', '),
        // The old server's files are not to go before the new server is there.
        [ANNOTATION.syncOptions]: 'PruneLast=true',
        [ANNOTATION.fluxSubstitute]: 'disabled',
      },
      body: { immutable: true, data: file.texts },
    });
  }
}

function configMapName(owner: Owner, name: string, texts: Record<string, string>): string {
  return `${owner.name}-${name}-${contentHash(texts)}`;
}

/** The memory that a container's limit must have for what it computes with and what is in /dev/shm. @internal */
export function withSharedMemory(memory: Size, sharedMemory: Size | undefined): Size {
  return sharedMemory ? mebibytesFor(bytesOf(memory) + bytesOf(sharedMemory)) : memory;
}
