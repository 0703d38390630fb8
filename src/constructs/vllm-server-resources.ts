import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { CACHE_FOLDER, HOME_FOLDER } from '../engines/vllm/environment';
import type { VllmDevice } from '../engines/vllm/images';
import { kvTransferBytes } from '../engines/vllm/kv-transfer';
import { flagsOf } from '../engines/vllm/command';
import { atLeastVersion } from '../engines/vllm/version';
import { checkFlag, checkKind, checkSize } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { Owner } from '../pod/owner';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import type { EngineSpec, WritableFolder } from '../serving/engine-spec';
import type { MountedArtifacts } from '../serving/mounted-artifacts';
import { CPUS_WITHOUT_DEVICES } from './vllm-server-environment';
import type { VllmLayout } from './vllm-server-layout';
import type { VllmServerProps } from './vllm-server-props';

/** What the processes of one pod share, by whose devices they have: vLLM's documents on Docker and on Kubernetes. */
const SHARED_MEMORY: Partial<Record<VllmDevice, Size>> = { amd: Size.gibibytes(8), cpu: Size.gibibytes(4) };
const SHARED_MEMORY_OF_OTHERS = Size.gibibytes(2);

const GIB = 1024 ** 3;

/**
 * What may be written, and what a start is likely to write: nodes with many devices have little storage for each.
 *
 * @throws when the claim or its folder is none
 * @internal
 */
export function writable(
  scope: Construct,
  { compileCache }: VllmServerProps,
  owner: Owner,
): WritableFolder[] {
  return [
    { name: 'tmp', path: '/tmp', size: Size.gibibytes(4), likely: Size.mebibytes(256) },
    { name: 'home', path: HOME_FOLDER, size: Size.gibibytes(1), likely: Size.mebibytes(64) },
    compileCache
      ? { name: 'cache', path: CACHE_FOLDER, claim: compileClaim(scope, compileCache, owner) }
      : { name: 'cache', path: CACHE_FOLDER, size: Size.gibibytes(10), likely: Size.gibibytes(1) },
  ];
}

function compileClaim(
  scope: Construct,
  { claim, folder, shared }: NonNullable<VllmServerProps['compileCache']>,
  owner: Owner,
) {
  checkKind(scope, 'compileCache.claim', claim, ({ name }) => typeof name === 'string' && name !== '', {
    allowed: 'a claim of cdk8s-plus',
    advice: "Name one that exists: PersistentVolumeClaim.fromClaimName(scope, 'id', 'its-name').",
  });
  const subPath = folder ?? owner.name;
  if (!/^[^/\s][^\s:]*[^/\s]$|^[^/\s]$/.test(subPath) || subPath.split('/').includes('..')) {
    throw new InputError(scope, 'compileCache.folder', folder, {
      allowed: "a folder of the claim, without '/' at the ends and without '..'",
    });
  }
  return { name: claim.name, subPath, shared: checkFlag(scope, 'compileCache.shared', shared) ?? false };
}

/** What the processes of a pod share; undefined where there is one. @internal */
export function sharedMemory(
  scope: Construct,
  props: VllmServerProps,
  device: VllmDevice,
  { nodes, workersPerPod }: VllmLayout,
): Size | undefined {
  if (props.sharedMemory !== undefined) return checkSize(scope, 'sharedMemory', props.sharedMemory);
  if (nodes === 1 && workersPerPod === 1) return undefined;
  return SHARED_MEMORY[device] ?? SHARED_MEMORY_OF_OTHERS;
}

/** The API server and the engine; the libraries, and what a process of Python with PyTorch takes. */
const BASE_BYTES = 8 * GIB;

/** Each process that drives a device: PyTorch, the libraries of the device, buffers that are pinned. */
const WORKER_BYTES = 4 * GIB;

/** Weights are read through buffers, and some formats are repacked: a tenth beside them, and PyTorch. */
const CPU_OVERHEAD = 1.1;

/** For each device, where requests of the first engine wait (`--swap-space`, vllm/config.py); the second has none. */
const SWAP_BYTES = 4 * GIB;
const WITHOUT_SWAP_SINCE = '0.11.0';

/** Flags by which the memory of the pod holds weights or cache of the devices, each with a size of its own. */
const TAKES_MEMORY = [
  '--cpu-offload-gb',
  '--cpu-offload-params',
  '--offload-backend',
  '--offload-group-size',
  '--kv-offloading-size',
  '--swap-space',
];

/** What the amounts follow from, besides the properties. @internal */
export interface ResourceFacts {
  readonly device: VllmDevice;
  readonly version: string;
  readonly layout: VllmLayout;
  readonly artifacts: MountedArtifacts;
}

/** CPUs and memory, where the user says nothing, and the least that can work. @internal */
export function resources(
  props: VllmServerProps,
  { device, version, layout, artifacts }: ResourceFacts,
): EngineSpec['resources'] {
  if (device !== 'cpu') {
    // Each process spins on what it waits for; weights pass through the page cache, which may be taken away.
    const workers = layout.workersPerPod;
    const offloaded = props.kvTransfer ? kvTransferBytes(props.kvTransfer._spec) : 0;
    const swap = atLeastVersion(version, WITHOUT_SWAP_SINCE) ? 0 : SWAP_BYTES;
    const memory = mebibytesFor(BASE_BYTES + workers * (WORKER_BYTES + swap) + offloaded);
    const cpu = String(2 + 2 * workers);
    const takes = flagsOf(props.extraArgs).find((flag) => TAKES_MEMORY.includes(flag));
    if (takes === undefined) return { cpu, memory };
    return {
      cpu,
      memoryAdvice: `Give memory: ${bytesQuantity(memory)}, and what ${takes} keeps in it for all devices of the pod.`,
    };
  }
  const cache = bytesOf(props.cpuKvCache ?? Size.gibibytes(4)) * layout.workersPerPod;
  const weights = artifacts.bytes;
  if (weights === undefined) {
    return {
      cpu: CPUS_WITHOUT_DEVICES,
      memoryAdvice:
        `Give memory, as ${artifacts.unsized}: the size of the files, ${bytesQuantity(mebibytesFor(cache))} of ` +
        `key-value cache, and ${bytesQuantity(Size.gibibytes(BASE_BYTES / GIB))} for the processes.`,
    };
  }
  const least = mebibytesFor(weights * layout.dataParallel + cache + BASE_BYTES / 2);
  return {
    cpu: CPUS_WITHOUT_DEVICES,
    memory: mebibytesFor(weights * layout.dataParallel * CPU_OVERHEAD + cache + BASE_BYTES),
    leastMemory: {
      size: least,
      reason:
        `${bytesQuantity(mebibytesFor(weights * layout.dataParallel))} of weights, ` +
        `${bytesQuantity(mebibytesFor(cache))} of key-value cache and 4Gi for the processes.`,
    },
  };
}
