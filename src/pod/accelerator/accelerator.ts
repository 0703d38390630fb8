import type { AcceleratorSpec } from './accelerator-spec';

/** The devices of a pod: what it asks for, and where it runs for them. */
export class Accelerator {
  private constructor(
    /** @internal */
    public readonly _spec: AcceleratorSpec,
  ) {}
}
