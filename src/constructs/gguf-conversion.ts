import { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import type { MakerOptions } from '../artifact/stores/app-stores';
import { bytesOf } from '../pod/quantity';
import { optionsByName } from '../pod/job-options';
import type { GgufConversionProps } from './gguf-conversion-props';
import { renderGgufConversion } from './gguf-conversion-render';
import { GgufConversionSpec, resolveGgufConversion, resolveGgufVolumes } from './gguf-conversion-spec';

/**
 * A model converted to GGUF, and quantized, by llama.cpp's own tools: a Job that writes one `.gguf` file, checks what
 * it says of itself and that it is whole, and publishes it.
 *
 * Code that comes with a model (`trust_remote_code`) is run for the few architectures whose converter asks for it, as a
 * user without rights, and where nothing can be reached but what the Job is told to.
 *
 * @example
 *
 * const gguf = new GgufConversion(pipeline.convert, 'gguf', { model: weights.artifact, weights: GgufType.Q4_K_M });
 */
export class GgufConversion extends Construct {
  /** The GGUF file, for `LlamaServer`. */
  public readonly artifact: Artifact;

  /**
   * @throws when the model is none of Hugging Face's format, when the quantization needs an importance matrix, when the
   * image cannot convert, when memory or disk cannot be computed
   */
  constructor(scope: Construct, id: string, props: GgufConversionProps) {
    super(scope, id);
    const spec = resolveGgufConversion(this, props ?? {});
    this.artifact = spec.artifact;
    if (this.artifact.store._makes(spec.owner, this.artifact, agreed(spec), spec.passing)) {
      renderGgufConversion({ ...spec, ...resolveGgufVolumes(spec) });
    }
  }
}

/** What two conversions that share the Job have to agree on, by the names of the properties that say it. */
function agreed({ threads, memory, image, scratch, options }: GgufConversionSpec): MakerOptions {
  return {
    threads,
    memory: bytesOf(memory),
    image,
    scratch: scratch && bytesOf(scratch),
    ...optionsByName(options),
  };
}
