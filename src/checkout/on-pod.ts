import { Size } from 'cdk8s';
import { shortHash } from '../pod/content-hash';
import { python } from '../pod/guard';
import { ANNOTATION } from '../pod/metadata';
import { NO_DEVICES_ENV } from '../pod/no-devices';
import { addObject, Owner } from '../pod/owner';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import type { Preparation } from '../serving/preparation';
import { CheckoutSpec, WORKSPACE } from './checkout';

const PROGRAM = 'apply_checkout.py';

/** Where the pod has the checkout, and below it the folder itself, which appears by a rename. */
const VOLUME_FOLDER = '/checkout';
const TREE = `${VOLUME_FOLDER}/vllm`;
const PARTS_FOLDER = '/etc/cdk8s-llm/checkout';

/** Of the pod. */
const TREE_VOLUME = 'checkout';
const PARTS_VOLUME = 'checkout-parts';

/**
 * Bytes of a ConfigMap, of which base64 makes 240,000: with what else is in the object less than the 262,144 that
 * `kubectl apply` can keep in its annotation.
 */
const PART_BYTES = 180_000;

const MIB = 1024 ** 2;

/** Python and its modules. */
const BASE_MEMORY = 128 * MIB;

const LOGS = Size.mebibytes(64);

/** What a pod must have so that its program runs from a checkout. @internal */
export interface PreparedFolder extends Preparation {
  /** Of the container that runs from it. */
  readonly env: Record<string, string>;
  /** Where that container starts. */
  readonly workingDir: string;
}

/**
 * @param image of the container that runs from the checkout, which the folder is made of
 * @internal
 */
export function checkoutOnPod(owner: Owner, checkout: CheckoutSpec, image: string): PreparedFolder {
  const { patch, treeSize, packageRoot } = checkout;
  const parts = partsOf(owner, patch.bytes);
  return {
    ...folder({
      image,
      treeSize,
      workspace: checkout.workspace,
      args: [
        `--parts=${PARTS_FOLDER}`,
        `--sha256=${patch.sha256}`,
        `--unpacked-bytes=${patch.unpackedBytes}`,
      ],
      mounts: [{ name: PARTS_VOLUME, mountPath: PARTS_FOLDER, readOnly: true }],
      volumes: [
        { name: PARTS_VOLUME, projected: { sources: parts.map(({ name }) => ({ configMap: { name } })) } },
      ],
      // The parts, what they unpack to, and the file that is written.
      memory: 2 * patch.bytes.length + 3 * patch.unpackedBytes,
      pythonPath: packageRoot === '' ? TREE : `${TREE}/${packageRoot}`,
    }),
    annotations: { [ANNOTATION.checkout]: describe(checkout) },
    add: (component) => parts.forEach((part) => addPart(owner, component, part)),
  };
}

/** vLLM itself has about 100 MB (2026), and forks keep what they please. */
const REPOSITORY_SIZE = Size.gibibytes(2);

/** Where a pod has the files of a repository of vLLM. @internal */
export interface MountedRepository {
  readonly folder: string;
  readonly commit: string;
  readonly mounts: Record<string, unknown>[];
}

/** A repository in the place of a checkout. @internal */
export function repositoryOnPod(
  { folder: repository, commit, mounts }: MountedRepository,
  image: string,
): PreparedFolder {
  return {
    ...folder({
      image,
      treeSize: REPOSITORY_SIZE,
      workspace: WORKSPACE,
      args: [`--repository=${repository}`, `--commit=${commit}`],
      mounts,
      volumes: [],
      memory: 0,
      // In the one folder or the other, as its commit has it.
      pythonPath: `${TREE}:${TREE}/src`,
    }),
    annotations: {},
    add: () => undefined,
  };
}

interface Folder {
  readonly image: string;
  readonly treeSize: Size;
  readonly workspace: string;
  /** What says which changes are made. */
  readonly args: string[];
  readonly mounts: Record<string, unknown>[];
  readonly volumes: Record<string, unknown>[];
  /** Bytes, beside what Python takes. */
  readonly memory: number;
  readonly pythonPath: string;
}

/** What is alike wherever the changes come from. */
function folder(of: Folder): Omit<PreparedFolder, 'annotations' | 'add'> {
  const treeBytes = bytesOf(of.treeSize);
  return {
    programs: [PROGRAM],
    initContainers: [
      {
        name: 'apply-checkout',
        image: of.image,
        command: python(PROGRAM),
        args: [...of.args, `--tree=${TREE}`, `--tree-bytes=${treeBytes}`, `--workspace=${of.workspace}`],
        env: NO_DEVICES_ENV,
        mounts: [...of.mounts, { name: TREE_VOLUME, mountPath: VOLUME_FOLDER }],
        resources: {
          cpu: '500m',
          cpuLimit: '2',
          memory: mebibytesFor(BASE_MEMORY + of.memory),
          storage: mebibytesFor(bytesOf(LOGS) + treeBytes),
        },
      },
    ],
    volumes: [...of.volumes, { name: TREE_VOLUME, emptyDir: { sizeLimit: bytesQuantity(of.treeSize) } }],
    // What was verified is what runs, after a restart of the container too.
    mounts: [{ name: TREE_VOLUME, mountPath: VOLUME_FOLDER, readOnly: true }],
    bytes: treeBytes,
    env: {
      // Before the installed package, for all processes that the program starts.
      PYTHONPATH: of.pythonPath,
      PYTHONPYCACHEPREFIX: '/tmp/pycache',
    },
    workingDir: TREE,
  };
}

/** For people: what differs is in the ConfigMaps. */
function describe({ base, patch, changed, deleted }: CheckoutSpec): string {
  return `base ${base}, ${changed.length} files changed, ${deleted.length} deleted, sha256 ${patch.sha256}`;
}

interface Part {
  /** The ConfigMap's. */
  readonly name: string;
  readonly data: Record<string, string>;
}

function partsOf(owner: Owner, bytes: Uint8Array): Part[] {
  const count = Math.ceil(bytes.length / PART_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const content = bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
    // Read in the order of their names.
    const data = { [`part-${String(index).padStart(3, '0')}`]: Buffer.from(content).toString('base64') };
    return { name: `${owner.name}-checkout-${shortHash(data)}`, data };
  });
}

function addPart(owner: Owner, component: string, { name, data }: Part): void {
  const [file] = Object.keys(data);
  addObject(owner, `Checkout-${file}`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    component,
    annotations: {
      [ANNOTATION.content]: file,
      // The old pods' parts are not to go before the new pods are there.
      [ANNOTATION.syncOptions]: 'PruneLast=true',
      [ANNOTATION.fluxSubstitute]: 'disabled',
    },
    body: { immutable: true, binaryData: data },
  });
}
