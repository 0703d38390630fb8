import type { Construct } from 'constructs';
import { ArtifactFormat } from '../artifact/format';
import type { ModelFacts } from '../engines/model-facts';
import { weightBytes } from '../engines/model-size';
import { Parallelism, parallelismProblem } from '../engines/parallelism';
import { explainMemory, ServingDemand, servingMemory } from '../engines/serving-memory';
import { flagsOf } from '../engines/vllm/command';
import type { VllmDevice } from '../engines/vllm/images';
import { atLeastVersion } from '../engines/vllm/version';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import { checkFlag, checkPositiveInteger } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { VllmServerProps } from './vllm-server-props';

/** How a copy of the model is divided. @internal */
export interface VllmLayout {
  readonly nodes: number;
  readonly tensorParallel: number;
  readonly pipelineParallel: number;
  readonly dataParallel: number;
  /** Undefined without devices, and where a claim of somebody else decides. */
  readonly devicesPerPod?: number;
  /** Processes of a pod that hold a part of the model each. */
  readonly workersPerPod: number;
}

/**
 * Divides the model among all devices of all nodes, as vLLM's documents recommend: pipelines between nodes, tensors
 * within them.
 *
 * @throws when a number is none
 * @internal
 */
export function resolveLayout(scope: Construct, props: VllmServerProps): VllmLayout {
  const whole = (field: 'nodes' | 'tensorParallel' | 'pipelineParallel' | 'dataParallel') =>
    props[field] === undefined ? undefined : checkPositiveInteger(scope, field, props[field]);
  const nodes = whole('nodes') ?? 1;
  const dataParallel = whole('dataParallel') ?? 1;
  const devicesPerPod = props.accelerator?._spec?.count;
  const devices = devicesPerPod === undefined ? undefined : devicesPerPod * nodes;
  const pipelineParallel =
    whole('pipelineParallel') ??
    (nodes > 1 && dataParallel === 1 && props.tensorParallel === undefined ? nodes : undefined);
  const tensorParallel =
    whole('tensorParallel') ??
    Math.max(1, Math.floor((devices ?? 1) / ((pipelineParallel ?? 1) * dataParallel)));
  const pipelines =
    pipelineParallel ?? Math.max(1, Math.floor((devices ?? 1) / (tensorParallel * dataParallel)));
  return {
    nodes,
    tensorParallel,
    pipelineParallel: pipelines,
    dataParallel,
    devicesPerPod,
    workersPerPod: Math.max(1, Math.ceil((tensorParallel * pipelines * dataParallel) / nodes)),
  };
}

/**
 * @throws when the devices are not all used, when the model cannot be divided so
 * @internal
 */
export function checkLayout(scope: Construct, props: VllmServerProps, layout: VllmLayout): void {
  const { nodes, tensorParallel, pipelineParallel, dataParallel, devicesPerPod } = layout;
  checkFlag(scope, 'expertParallel', props.expertParallel);
  const hosts = props.accelerator?._spec?.hosts ?? 1;
  if (hosts > 1) {
    throw new InputError(scope, 'accelerator', `a slice of ${hosts} hosts`, {
      allowed: 'a slice of one host, as vLLM needs a Ray cluster for more of them',
      advice: 'Take a smaller topology of larger chips, or quantized weights.',
    });
  }
  const devices = devicesPerPod === undefined ? undefined : devicesPerPod * nodes;
  const problem = parallelismProblem(parallelismOf(props, layout), devices, props.model.facts);
  if (problem) {
    throw new InputError(scope, `${problem.number}Parallel`, problem.given, {
      allowed: problem.allowed,
      advice: problem.advice,
    });
  }
  if (nodes > 1 && dataParallel > 1 && tensorParallel * pipelineParallel > (devicesPerPod ?? 1)) {
    throw new InputError(scope, 'dataParallel', dataParallel, {
      allowed: `1, as each model is on more than one of the ${nodes} nodes`,
      advice: 'Use replicas for more models that are on several nodes each.',
    });
  }
}

function parallelismOf(props: VllmServerProps, layout: VllmLayout): Parallelism {
  return {
    tensor: layout.tensorParallel,
    pipeline: layout.pipelineParallel,
    data: layout.dataParallel,
    expert: props.expertParallel ?? false,
  };
}

/**
 * Of properties that are checked already.
 *
 * @throws when a part of the model does not fit its device
 * @internal
 */
export function checkMemory(
  scope: Construct,
  props: VllmServerProps,
  layout: VllmLayout,
  version: string,
): void {
  const demand = memoryDemand(props, parallelismOf(props, layout), version);
  if (!demand || servingMemory(demand).fits) return;
  const { maxModelLen, accelerator } = props;
  const details = {
    allowed: 'what the memory of the devices has room for',
    advice: explainMemory(demand),
  };
  if (maxModelLen !== undefined) throw new InputError(scope, 'maxModelLen', maxModelLen, details);
  throw new InputError(scope, 'accelerator', describeDevices(accelerator!._spec), details);
}

/** `8 x NVIDIA-L4`. */
function describeDevices({ count, product, vendor }: AcceleratorSpec): string {
  return `${count ?? 'some'} x ${product ?? `a device of ${vendor}`}`;
}

/** Flags by which weights or cache are smaller, or elsewhere, than the properties say. */
const MOVES_MEMORY = [
  '--max-model-len',
  '--quantization',
  '-q',
  '--kv-cache-dtype',
  '--gpu-memory-utilization',
  '--hf-overrides',
  '--cpu-offload-gb',
  '--offload-backend',
  '--offload-group-size',
  '--kv-cache-memory-bytes',
];

/** What each device must hold; undefined where something of it is not known. */
function memoryDemand(
  props: VllmServerProps,
  parallelism: Parallelism,
  version: string,
): ServingDemand | undefined {
  const { model, accelerator, maxModelLen, extraArgs } = props;
  const { facts } = model;
  const deviceBytes = accelerator?._spec?.memoryBytes;
  if (facts === undefined || deviceBytes === undefined || model.format !== ArtifactFormat.HUGGING_FACE) {
    return undefined;
  }
  if (flagsOf(extraArgs).some((flag) => MOVES_MEMORY.includes(flag))) return undefined;
  const shrunk = quantizedTo(props, facts);
  return {
    facts,
    parallelism,
    ...(shrunk === undefined ? {} : { weightBytes: weightBytes(facts) * shrunk }),
    kvCacheBytes: kvCacheBytes(props, facts),
    contextTokens: maxModelLen ?? facts.maxSeqLen,
    deviceBytes,
    utilization: utilizationOf(props, version),
  };
}

/** The share of a device's memory that the server takes. @internal */
export function utilizationOf({ gpuMemoryUtilization }: VllmServerProps, version: string): number {
  return gpuMemoryUtilization ?? (atLeastVersion(version, '0.20.0') ? 0.92 : 0.9);
}

/** What is left of 16-bit weights that are quantized while they are loaded: no less than a quarter. */
function quantizedTo({ quantization }: VllmServerProps, facts: ModelFacts): number | undefined {
  if (quantization === undefined || facts.quantization !== undefined) return undefined;
  return quantization.startsWith('fp8') ? 0.5 : 0.25;
}

/** Bytes of a number in the cache: its type begins with its name, or is the model's. */
function kvCacheBytes({ kvCacheDtype = 'auto' }: VllmServerProps, { dtype }: ModelFacts): number {
  if (/^(fp8|int8)/.test(kvCacheDtype)) return 1;
  if (/^(auto|bfloat16|float16)$/.test(kvCacheDtype)) {
    return kvCacheDtype === 'auto' && dtype === 'float32' ? 4 : 2;
  }
  // Those of 4 bits, and 3 bits, whatever scales they have.
  return 0.375;
}

/** Whose devices a server has. @internal */
export function deviceOf({ accelerator }: VllmServerProps): VllmDevice {
  return accelerator?._spec?.vendor ?? 'cpu';
}
