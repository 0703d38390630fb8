import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { CACHE_FOLDER, HOME_FOLDER } from '../engines/vllm/environment';
import type { VllmDevice } from '../engines/vllm/images';
import { kvTransferBytes } from '../engines/vllm/kv-transfer';
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

/** @throws when the claim or its folder is none @internal */
export function writable(
  scope: Construct,
  { compileCache }: VllmServerProps,
  owner: Owner,
): WritableFolder[] {
  return [
    { name: 'tmp', path: '/tmp', size: Size.gibibytes(4) },
    { name: 'home', path: HOME_FOLDER, size: Size.gibibytes(1) },
    compileCache
      ? { name: 'cache', path: CACHE_FOLDER, claim: compileClaim(scope, compileCache, owner) }
      : { name: 'cache', path: CACHE_FOLDER, size: Size.gibibytes(10) },
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

/** CPUs and memory, where the user says nothing, and the least that can work. @internal */
export function resources(
  props: VllmServerProps,
  device: VllmDevice,
  layout: VllmLayout,
  artifacts: MountedArtifacts,
): EngineSpec['resources'] {
  if (device !== 'cpu') {
    // Each process spins on what it waits for; weights pass through the page cache, which may be taken away.
    const workers = layout.workersPerPod;
    const offloaded = props.kvTransfer ? kvTransferBytes(props.kvTransfer._spec) : 0;
    return {
      cpu: String(2 + 2 * workers),
      memory: mebibytesFor(BASE_BYTES + workers * WORKER_BYTES + offloaded),
    };
  }
  const cache = bytesOf(props.cpuKvCache ?? Size.gibibytes(4)) * layout.workersPerPod;
  const weights = artifacts.bytes;
  if (weights === undefined) {
    return {
      cpu: CPUS_WITHOUT_DEVICES,
      memoryAdvice:
        `Give memory: the size of the model's files, ${bytesQuantity(mebibytesFor(cache))} of key-value cache, and ` +
        `${bytesQuantity(Size.gibibytes(BASE_BYTES / GIB))} for the processes. Or give ModelCache the facts of the model.`,
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
