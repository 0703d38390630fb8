/**
 * How a model's weights are stored for distributed-llama. The type of the buffers between its processes
 * follows from it, so that only the two pairs that it can run can be written.
 */
export enum FloatType {
  /** Four bits and a scale for every 32 weights: 4.5 bits a weight. What to take by default. */
  Q40 = 'q40',
  /** 32 bits a weight, as converted, for comparison and for small models. */
  F32 = 'f32',
}

/**
 * What `--buffer-float-type` must be: of the sixteen pairs of weights and buffers only q40 with q80 and f32
 * with f32 run; distributed-llama's own default (f32) breaks q40.
 *
 * @internal
 */
export function bufferFloatType(weights: FloatType): 'q80' | 'f32' {
  return weights === FloatType.Q40 ? 'q80' : 'f32';
}

/** Values that share one scale in a quantized block. @internal */
export const BLOCK_SIZE = 32;

const BYTES_PER_BLOCK = { f32: 4 * BLOCK_SIZE, q40: 2 + BLOCK_SIZE / 2, q80: 2 + BLOCK_SIZE };

/** Size of `count` values, in bytes. @internal */
export function bytesOf(type: 'f32' | 'q40' | 'q80', count: number): number {
  return (count / BLOCK_SIZE) * BYTES_PER_BLOCK[type];
}
