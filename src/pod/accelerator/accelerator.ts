import type {
  AmdProps,
  CustomAcceleratorProps,
  GaudiProps,
  IntelProps,
  NvidiaProps,
  TpuProps,
} from './accelerator-props';
import type { Placement } from '../pod-spec';
import type { AcceleratorSpec } from './accelerator-spec';
import { draSpec, existingClaimSpec } from './dra';
import type { DraProps, ExistingClaimProps } from './dra-props';
import { amdSpec, customSpec, gaudiSpec, intelSpec, nvidiaSpec } from './extended-resources';
import { multiply } from './times';
import { tpuSpec } from './tpu';

/**
 * The devices of a pod: what it asks for, and where it runs for them. A platform team writes down once what its
 * cluster has, and whoever serves a model takes so many of it.
 *
 * @example
 * const L4 = Accelerator.nvidia({ product: 'NVIDIA-L4' });
 * new VllmServer(pipeline.serve, 'chat', { model, accelerator: L4.times(8) });
 */
export class Accelerator {
  /**
   * NVIDIA GPUs, or parts of them, by NVIDIA's device plugin: `nvidia.com/gpu`, `nvidia.com/mig-1g.10gb`.
   *
   * @throws when a value is none that a pod can have, or values contradict each other
   */
  public static nvidia(props: NvidiaProps = {}): Accelerator {
    return new Accelerator(nvidiaSpec(props));
  }

  /**
   * AMD GPUs by AMD's device plugin: `amd.com/gpu`.
   *
   * @throws when a value is none that a pod can have, or values contradict each other
   */
  public static amd(props: AmdProps = {}): Accelerator {
    return new Accelerator(amdSpec(props));
  }

  /**
   * Intel GPUs by Intel's device plugin: `gpu.intel.com/xe` or `gpu.intel.com/i915`.
   *
   * @throws when a value is none that a pod can have, or values contradict each other
   */
  public static intel(props: IntelProps = {}): Accelerator {
    return new Accelerator(intelSpec(props));
  }

  /**
   * Intel Gaudi by Habana's device plugin: `habana.ai/gaudi`.
   *
   * @throws when a value is none that a pod can have, or values contradict each other
   */
  public static gaudi(props: GaudiProps = {}): Accelerator {
    return new Accelerator(gaudiSpec(props));
  }

  /**
   * TPUs of Google Kubernetes Engine: `google.com/tpu`. That pods which do not run as root may open them was not tried;
   * `TpuProps` has what to do where they may not.
   *
   * @throws when the topology is none of the type
   */
  public static tpu(props: TpuProps): Accelerator {
    return new Accelerator(tpuSpec(props));
  }

  /**
   * Devices of any other vendor, or such that are shared by time-slicing: whatever a device plugin offers.
   *
   * @throws when a value is none that a pod can have, or values contradict each other
   */
  public static custom(props: CustomAcceleratorProps): Accelerator {
    return new Accelerator(customSpec(props));
  }

  /**
   * Devices by dynamic resource allocation (DRA): a ResourceClaimTemplate, or one ResourceClaim for all pods, by the
   * API that the Kubernetes version has. Needs 1.34.
   *
   * @throws when a value is none that a claim can have
   */
  public static dra(props: DraProps): Accelerator {
    return new Accelerator(draSpec(props));
  }

  /**
   * The devices of a ResourceClaim that is in the namespace: shared with all other pods that name it.
   *
   * @throws when it is no name
   */
  public static existingClaim(name: string, props: ExistingClaimProps = {}): Accelerator {
    return new Accelerator(existingClaimSpec('Accelerator.existingClaim', 'existing-claim', name, props));
  }

  /**
   * Devices by a ResourceClaimTemplate that is in the namespace: each pod has its own.
   *
   * @throws when it is no name
   */
  public static existingClaimTemplate(name: string, props: ExistingClaimProps = {}): Accelerator {
    const where = 'Accelerator.existingClaimTemplate';
    return new Accelerator(existingClaimSpec(where, 'existing-template', name, props));
  }

  /** @internal */
  public static _of(spec: AcceleratorSpec): Accelerator {
    return new Accelerator(spec);
  }

  private constructor(
    /** @internal */
    public readonly _spec: AcceleratorSpec,
  ) {}

  /**
   * The same, so many times as many devices for each pod. Network devices remain as they are.
   *
   * @throws when it is no whole number of at least 1, or the number of devices is not to be multiplied: of a TPU
   * slice its topology decides, of ids their list, of all devices the node, of an existing claim whoever made it
   */
  public times(factor: number): Accelerator {
    return new Accelerator(multiply(this._spec, factor));
  }

  /**
   * The labels and tolerations by which pods are on nodes with the devices: for a store whose claim one node at a time
   * can mount, so that the download is where the server can be: `ModelStore.claim({ placement: L4.placement })`.
   * Nodes that are chosen by their memory or name are not told by it.
   */
  public get placement(): Placement {
    const { nodeSelector, tolerations } = this._spec;
    return { nodeSelector, tolerations };
  }

  /** Devices of each pod; undefined where that is not known before it runs. */
  public get count(): number | undefined {
    return this._spec.count;
  }
}
