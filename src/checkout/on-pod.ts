import { Size } from 'cdk8s';
import { shortHash } from '../pod/content-hash';
import { python } from '../pod/guard';
import { ANNOTATION } from '../pod/metadata';
import { addObject, Owner } from '../pod/owner';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import type { EngineVariable } from '../serving/engine-spec';
import type { Preparation } from '../serving/preparation';
import type { CheckoutSpec } from './checkout';

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
export interface CheckoutOnPod extends Preparation {
  /** Of the container that runs from it. */
  readonly env: EngineVariable[];
  /** Where that container starts. */
  readonly workingDir: string;
}

/**
 * @param image of the container that runs from the checkout, which the folder is made of
 * @internal
 */
export function checkoutOnPod(owner: Owner, checkout: CheckoutSpec, image: string): CheckoutOnPod {
  const { patch, treeSize } = checkout;
  const parts = partsOf(owner, patch.bytes);
  return {
    programs: [PROGRAM],
    initContainers: [
      {
        name: 'apply-checkout',
        image,
        command: python(PROGRAM),
        args: [
          `--parts=${PARTS_FOLDER}`,
          `--sha256=${patch.sha256}`,
          `--unpacked-bytes=${patch.unpackedBytes}`,
          `--tree=${TREE}`,
          `--tree-bytes=${bytesOf(treeSize)}`,
          `--workspace=${checkout.workspace}`,
        ],
        mounts: [
          { name: PARTS_VOLUME, mountPath: PARTS_FOLDER, readOnly: true },
          { name: TREE_VOLUME, mountPath: VOLUME_FOLDER },
        ],
        resources: {
          cpu: '500m',
          cpuLimit: '2',
          // The parts, what they unpack to, and the file that is written.
          memory: mebibytesFor(BASE_MEMORY + 2 * patch.bytes.length + 3 * patch.unpackedBytes),
          storage: mebibytesFor(bytesOf(LOGS) + bytesOf(treeSize)),
        },
      },
    ],
    volumes: [
      {
        name: PARTS_VOLUME,
        projected: { sources: parts.map(({ name }) => ({ configMap: { name } })) },
      },
      { name: TREE_VOLUME, emptyDir: { sizeLimit: bytesQuantity(treeSize) } },
    ],
    // What was verified is what runs, after a restart of the container too.
    mounts: [{ name: TREE_VOLUME, mountPath: VOLUME_FOLDER, readOnly: true }],
    bytes: bytesOf(treeSize),
    env: [
      // Before the installed package, for all processes that the program starts.
      { name: 'PYTHONPATH', value: checkout.packageRoot === '' ? TREE : `${TREE}/${checkout.packageRoot}` },
      { name: 'PYTHONPYCACHEPREFIX', value: '/tmp/pycache' },
    ],
    workingDir: TREE,
    annotations: { [ANNOTATION.checkout]: describe(checkout) },
    add: (component) => parts.forEach((part) => addPart(owner, component, part)),
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

function partsOf(owner: Owner, bytes: Buffer): Part[] {
  const count = Math.ceil(bytes.length / PART_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const content = bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
    // Read in the order of their names.
    const data = { [`part-${String(index).padStart(3, '0')}`]: content.toString('base64') };
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
