import { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import type { MakerOptions } from '../artifact/stores/app-stores';
import { canonicalJson } from '../pod/content-hash';
import { optionsByName } from '../pod/job-options';
import { bytesOf } from '../pod/quantity';
import type { FineTuneProps } from './fine-tune-props';
import { renderFineTune } from './fine-tune-render';
import { FineTuneSpec, resolveFineTune, resolveFineTuneVolumes } from './fine-tune-spec';

/**
 * A model that is fine-tuned: a Job that trains in an image of your own, goes on at its last checkpoint when it is
 * preempted, and publishes what was trained once that is verified.
 *
 * @example
 *
 * const tuned = new FineTune(pipeline.tune, 'support', {
 *   model: weights.artifact,
 *   datasets: { train: dataset.artifact },
 *   image: 'registry.example.com/trl:0.24.0',
 *   preset: FineTunePreset.trl({ method: TrlMethod.SFT }),
 *   result: FineTuneResult.LORA_ADAPTER,
 *   accelerator: Accelerator.nvidia({ count: 1 }),
 * });
 */
export class FineTune extends Construct {
  /** The result, for whatever takes the base model or an adapter of it. */
  public readonly artifact: Artifact;

  /**
   * @throws when there is not exactly one of command and preset, when neither devices nor CPUs are chosen, when the
   * preset cannot train so, when several nodes cannot mount the stores, when memory cannot be computed
   */
  constructor(scope: Construct, id: string, props: FineTuneProps) {
    super(scope, id);
    const spec = resolveFineTune(this, props ?? {});
    this.artifact = spec.artifact;
    if (this.artifact.store._makes(spec.owner, this.artifact, agreed(spec), spec.passing)) {
      renderFineTune({ ...spec, ...resolveFineTuneVolumes(spec) });
    }
  }
}

/** What two that share the Job have to agree on, by the names of the properties that say it. */
function agreed(spec: FineTuneSpec): MakerOptions {
  const { accelerator, scratch, sharedMemory, cpu, memory, env, deadlineSeconds, graceSeconds } = spec;
  return {
    accelerator: canonicalJson(accelerator ?? null),
    scratch: bytesOf(scratch),
    scratchStorageClass: spec.scratchStorageClass,
    sharedMemory: bytesOf(sharedMemory),
    cpu,
    memory: bytesOf(memory),
    secretEnv: canonicalJson(env.filter((variable) => 'secret' in variable)),
    deadline: deadlineSeconds,
    gracePeriod: graceSeconds,
    queueName: spec.queueName,
    programImage: spec.programImage,
    ...optionsByName(spec.options),
  };
}
