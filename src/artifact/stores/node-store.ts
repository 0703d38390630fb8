import { checkLabels } from '../../pod/labels';
import { InputError } from '../../pod/input-error';
import { checkPlacement } from '../../pod/placement';
import type { Placement, Toleration } from '../../pod/pod-spec';
import type { NodeFolderVolume } from './store-volume';

/** Which node a folder is on. Either its name, or labels that it alone has. */
export interface NodeFolderOptions {
  /**
   * The node's name: the value of its label `kubernetes.io/hostname`.
   *
   * @default - the node that has the labels
   */
  readonly hostname?: string;

  /**
   * Labels that this node has and no other: on any other, the folder is another one.
   *
   * @default - the node that has the name
   */
  readonly nodeSelector?: { [label: string]: string };

  /** The taints of the node, which all pods that mount the folder then tolerate. @default - none */
  readonly tolerations?: Toleration[];
}

/** A folder on a node's disk as plain data. @internal */
export interface NodeFolderSpec {
  readonly kind: 'node';
  readonly path: string;
  readonly placement: Placement & { readonly nodeSelector: { [label: string]: string } };
  /** Whether each of the nodes has it with all that is in it. */
  readonly onEachNode?: boolean;
}

/** Folders that hold the node itself: writing a model to one of them is no use, and may end the node. */
const SYSTEM_FOLDERS = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
];

/** Who names the folder, in errors. */
interface NodeFolderUse {
  readonly where: string;
  /** What has to be true of the folder. */
  readonly needs: string;
}

const STORE: NodeFolderUse = {
  where: 'ModelStore.nodeFolder',
  needs: 'The folder must be there, and user 65532 must be able to write to it.',
};

/**
 * @param use who names the folder: a store, unless it says otherwise
 * @internal
 */
export function nodeFolder(path: string, options: NodeFolderOptions, use = STORE): NodeFolderSpec {
  const { where } = use;
  checkPath(use, path);
  const { hostname, nodeSelector, tolerations } = options ?? {};
  if ((hostname === undefined) === (nodeSelector === undefined)) {
    throw new InputError(where, 'hostname', hostname, {
      allowed: 'either hostname or nodeSelector',
      advice: 'The folder is on one node, and all pods that use it have to run there.',
    });
  }
  if (nodeSelector !== undefined && Object.keys(nodeSelector).length === 0) {
    throw new InputError(where, 'nodeSelector', nodeSelector, {
      allowed: 'one label or more, which one node alone has',
    });
  }
  const labels =
    hostname !== undefined
      ? checkLabels(where, 'hostname', { 'kubernetes.io/hostname': hostname })
      : (nodeSelector as { [label: string]: string });
  const placement = { nodeSelector: labels, tolerations };
  checkPlacement(where, 'placement', placement);
  return { kind: 'node', path, placement };
}

function checkPath({ where, needs }: NodeFolderUse, path: string): void {
  const names = typeof path === 'string' ? path.split('/').slice(1) : [];
  const isFolder =
    typeof path === 'string' &&
    path.startsWith('/') &&
    names.every((name) => /^[\w.@+-]+$/.test(name) && name !== '.' && name !== '..');
  if (!isFolder || SYSTEM_FOLDERS.includes(`/${names[0]}`)) {
    throw new InputError(where, 'path', path, {
      allowed: "an absolute path that is not of the system: '/var/lib/models'",
      advice: needs,
    });
  }
}

/** The volume is the same in every namespace. @internal */
export function nodeFolderVolume({ path, placement, onEachNode }: NodeFolderSpec): NodeFolderVolume {
  return { kind: 'node', path, placement, onEachNode };
}
