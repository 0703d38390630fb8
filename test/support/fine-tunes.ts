import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import {
  Accelerator,
  Artifact,
  FineTune,
  FineTuneProps,
  FineTuneResult,
  ModelSource,
  ModelStore,
} from '../../src';
import { cache, COMMIT, downloaded } from './models';

export const TRAINER_IMAGE = 'registry.example.com/trainer:1.0';

/** A dataset of Hugging Face, in the store of its model. */
export function dataset(scope: Construct, store: ModelStore, id = 'tickets'): Artifact {
  const source = ModelSource.huggingFace(`acme/${id}`, { revision: COMMIT, dataset: true });
  return cache(scope, { source, store }, id).artifact;
}

/** A fine-tuning by a command of one's own, on one GPU. */
export function fineTune(scope: Construct, props: Partial<FineTuneProps> = {}, id = 'support'): FineTune {
  const model = props.model ?? downloaded(scope);
  const trainer = props.preset ? {} : { command: ['python3', '/app/train.py'] };
  const devices = props.cpuOnly
    ? { memory: Size.gibibytes(32) }
    : { accelerator: Accelerator.nvidia({ count: 1 }) };
  return new FineTune(scope, id, {
    image: TRAINER_IMAGE,
    result: FineTuneResult.FULL_WEIGHTS,
    ...trainer,
    ...devices,
    ...props,
    model,
  });
}
