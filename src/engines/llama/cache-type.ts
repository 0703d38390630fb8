/** How llama-server stores keys or values of the tokens that it has read. Named as ggml names them. */
export enum CacheType {
  /** 4 bytes for each number. */
  F32 = 'f32',
  /** 2 bytes. */
  F16 = 'f16',
  /** 2 bytes, with the range of f32. */
  BF16 = 'bf16',
  /** 8.5 bits: hardly worse than f16. */
  Q8_0 = 'q8_0',
  /** 6 bits. */
  Q5_1 = 'q5_1',
  /** 5.5 bits. */
  Q5_0 = 'q5_0',
  /** 5 bits. */
  Q4_1 = 'q4_1',
  /** 4.5 bits. */
  Q4_0 = 'q4_0',
  /** 4.5 bits, not evenly spaced. */
  IQ4_NL = 'iq4_nl',
}
