import { nodeFolder, NodeFolderOptions, nodeFolderVolume } from '../stores/node-store';
import { folderName } from './checks';
import { FolderContent, resolveContent } from './folder-content';
import { FolderPins, LIST_FILES, resolvePins } from './folder-pins';
import { SOURCE_FOLDER, SourceProof, SourceSpec } from './source-spec';

/**
 * A folder of a node's disk, which user 65532 can read. This departs from Pod Security: the namespace must allow
 * `hostPath` (level `privileged`), and the synthesized README lists the Job. Exactly one of `files`, `manifest` and
 * `unpinned` says what proves the files; exactly one of `hostname` and `nodeSelector`, where they are.
 */
export interface NodeFolderSourceProps extends NodeFolderOptions, FolderPins, FolderContent {}

const WHERE = 'ModelSource.nodeFolder';
const NEEDS = 'The folder must be there, and user 65532 must be able to read it.';

/**
 * @param path the folder's absolute path on the node
 * @throws when the path is none or one of the system, when not exactly one pin and one way to find the node is given
 * @internal
 */
export function nodeFolderSource(path: string, given: NodeFolderSourceProps): SourceSpec {
  const props = given ?? {};
  const volume = nodeFolderVolume(nodeFolder(path, props, { where: WHERE, needs: NEEDS }));
  const pins = resolvePins(WHERE, props, {}, HOW_TO_PIN);
  return {
    kind: 'mounted',
    name: folderName(path.slice(1), 'node'),
    identity: {
      type: 'node',
      ...pins.identity,
      // What is proven is the same wherever it lies.
      ...(pins.proof === SourceProof.NONE ? { path, nodeSelector: volume.placement.nodeSelector } : {}),
    },
    address: `node:${path}@${pins.revision}`,
    repository: path.slice(1),
    revision: pins.revision,
    proof: pins.proof,
    ...resolveContent(WHERE, props),
    fetch: {
      by: 'program',
      args: [
        `--folder=${SOURCE_FOLDER}`,
        ...pins.args,
        '--origin=type=node',
        `--origin=address=node:${path}`,
      ],
      endpoints: [],
      secrets: [],
      needsFolder: false,
      volume,
    },
  };
}

const HOW_TO_PIN = `List the files on the node (${LIST_FILES}), and give the path and the own sha256 of that list as manifest.`;
