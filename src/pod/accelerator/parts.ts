import type { IConstruct } from 'constructs';
import { InputError } from '../input-error';
import type { AcceleratorSpec } from './accelerator-spec';

/**
 * CUDA shows a process one part of a GPU alone, whatever the pod has (NVIDIA's MIG user guide).
 *
 * @throws when the pod has several of which its one server could use one
 * @internal
 */
export function checkParts(scope: IConstruct, { parts, count }: AcceleratorSpec): void {
  if (!parts || count === 1) return;
  throw new InputError(scope, 'accelerator', `${count ?? 'all'} parts of GPUs (MIG)`, {
    allowed: '1: a process of CUDA can use one part alone, and parts cannot reach each other',
    advice: 'Take a larger profile, whole GPUs, or replicas with a part each.',
  });
}
