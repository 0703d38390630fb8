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
