/** TPUs of Google Kubernetes Engine. */
export enum TpuType {
  /** TPU v4. */
  V4 = 'tpu-v4-podslice',
  /** TPU v5e. */
  V5E = 'tpu-v5-lite-podslice',
  /** TPU v5p. */
  V5P = 'tpu-v5p-slice',
  /** TPU v6e, Trillium. */
  V6E = 'tpu-v6e-slice',
  /** TPU7x, Ironwood. */
  TPU7X = 'tpu7x',
}

/** @internal */
export interface TpuFacts {
  /** Sides of a topology: 2x4, or 2x2x1. */
  readonly dimensions: 2 | 3;
  /** High-bandwidth memory of a chip, in GiB (Cloud TPU, system architecture). */
  readonly gibibytes: number;
  /** How many chips a machine can have, the largest first (GKE, plan TPUs). */
  readonly chipsOfMachines: readonly number[];
}

/** @internal */
export const TPU_FACTS: Readonly<Record<TpuType, TpuFacts>> = {
  [TpuType.V4]: { dimensions: 3, gibibytes: 32, chipsOfMachines: [4] },
  [TpuType.V5E]: { dimensions: 2, gibibytes: 16, chipsOfMachines: [8, 4, 1] },
  [TpuType.V5P]: { dimensions: 3, gibibytes: 95, chipsOfMachines: [4] },
  [TpuType.V6E]: { dimensions: 2, gibibytes: 32, chipsOfMachines: [8, 4, 1] },
  [TpuType.TPU7X]: { dimensions: 3, gibibytes: 192, chipsOfMachines: [4, 1] },
};
