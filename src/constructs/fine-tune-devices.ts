import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import { weightBytes } from '../engines/model-size';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import { checkFlag, checkKind, checkPositiveInteger, checkSize } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import type { FineTuneProps } from './fine-tune-props';

const GIB = 1024 ** 3;

/** The devices of a node; undefined where it trains on CPUs. @throws when neither is chosen, or both @internal */
export function resolveDevices(
  scope: Construct,
  { accelerator, cpuOnly }: FineTuneProps,
): AcceleratorSpec | undefined {
  if (checkFlag(scope, 'cpuOnly', cpuOnly)) {
    if (accelerator === undefined) return undefined;
    throw new InputError(scope, 'accelerator', 'an Accelerator', { allowed: 'nothing, as cpuOnly is true' });
  }
  const spec = checkKind(scope, 'accelerator', accelerator, (given) => given._spec !== undefined, {
    allowed: 'an Accelerator, or cpuOnly: true',
    advice:
      'Make one: Accelerator.nvidia({ count: 1 }). A runtime class alone gives a pod all GPUs of its node, which the ' +
      'scheduler then gives to others too.',
  })!._spec;
  if (spec.hosts > 1) {
    throw new InputError(scope, 'accelerator', `a slice of ${spec.hosts} hosts`, {
      allowed: 'devices of one node, and nodes',
    });
  }
  return spec;
}

/** @throws when it is not known how many devices a node has @internal */
export function resolveProcesses(
  scope: Construct,
  { processesPerNode }: FineTuneProps,
  accelerator: AcceleratorSpec | undefined,
): number {
  if (processesPerNode !== undefined) {
    const given = checkPositiveInteger(scope, 'processesPerNode', processesPerNode);
    if (accelerator?.count !== undefined && given > accelerator.count) {
      throw new InputError(scope, 'processesPerNode', given, {
        allowed: `at most ${accelerator.count}, one for each device of a node`,
      });
    }
    return given;
  }
  if (accelerator === undefined || accelerator.parts) return 1;
  if (accelerator.count !== undefined) return accelerator.count;
  throw new InputError(scope, 'processesPerNode', undefined, {
    allowed: 'a number, as the accelerator does not say how many devices a node has',
  });
}

/** @internal */
export function resolveSharedMemory(
  scope: Construct,
  { sharedMemory }: FineTuneProps,
  processes: number,
): Size {
  if (sharedMemory !== undefined) return checkSize(scope, 'sharedMemory', sharedMemory);
  return Size.gibibytes(processes > 1 ? 1 + processes : 1);
}

/** @throws when it is not known what the model takes @internal */
export function resolveTrainingMemory(
  scope: Construct,
  { model, memory, cpuOnly }: FineTuneProps,
  processes: number,
  sharedMemory: Size,
): Size {
  if (memory !== undefined) {
    checkSize(scope, 'memory', memory);
    if (bytesOf(memory) > bytesOf(sharedMemory)) return memory;
    throw new InputError(scope, 'memory', bytesQuantity(memory), {
      allowed: `more than the ${bytesQuantity(sharedMemory)} of /dev/shm, which count in it`,
    });
  }
  const bytes = bytesOfModel(model);
  if (cpuOnly) {
    throw new InputError(scope, 'memory', undefined, {
      allowed: 'an amount, because on CPUs it also holds gradients, optimizer and activations',
      advice:
        bytes === undefined ? undefined : `The weights alone are ${bytesQuantity(mebibytesFor(bytes))}.`,
    });
  }
  if (bytes === undefined) {
    throw new InputError(scope, 'memory', undefined, {
      allowed: 'an amount, because the size of the base model is not known',
      advice: 'Give memory, or give ModelCache the facts of the model (ModelFacts.fromConfigFile).',
    });
  }
  return mebibytesFor(2 * bytes + 4 * GIB * processes + bytesOf(sharedMemory));
}

/** What a checkpoint takes besides the result, in bytes; 0 where that is not known. @internal */
export function resolveCheckpointBytes(
  scope: Construct,
  { model, checkpointSpace }: FineTuneProps,
  isAdapter: boolean,
): number {
  if (checkpointSpace !== undefined) return bytesOf(checkSize(scope, 'checkpointSpace', checkpointSpace));
  return isAdapter ? GIB : 4 * (bytesOfModel(model) ?? 0);
}

/** The size of a model's files, about. @internal */
export function bytesOfModel({ bytes, facts }: Artifact): number | undefined {
  return bytes ?? (facts && weightBytes(facts));
}
