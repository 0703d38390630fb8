import type { Construct } from 'constructs';
import { checkPositiveInteger } from '../pod/checks';
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
 * @throws when the devices are not all used, when the model cannot be divided so, when a part does not fit its device
 * @internal
 */
export function checkLayout(scope: Construct, props: VllmServerProps, layout: VllmLayout): void {
  const { nodes, tensorParallel, pipelineParallel, dataParallel, devicesPerPod } = layout;
  const wanted = tensorParallel * pipelineParallel * dataParallel;
  const devices = (devicesPerPod ?? 1) * nodes;
  if (devicesPerPod !== undefined && wanted !== devices) {
    const parts = `tensorParallel ${tensorParallel} x pipelineParallel ${pipelineParallel} x dataParallel ${dataParallel}`;
    throw new InputError(scope, 'tensorParallel', tensorParallel, {
      allowed: `numbers whose product is the ${devices} devices of a copy (${parts} is ${wanted})`,
      advice: `Leave tensorParallel out, or ask for ${wanted} devices in all.`,
    });
  }
  if (nodes > 1 && dataParallel > 1 && tensorParallel * pipelineParallel > (devicesPerPod ?? 1)) {
    throw new InputError(scope, 'dataParallel', dataParallel, {
      allowed: `1, as each model is on more than one of the ${nodes} nodes`,
      advice: 'Use replicas for more models that are on several nodes each.',
    });
  }
}
