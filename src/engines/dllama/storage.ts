import { FloatType } from './float-type';

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
