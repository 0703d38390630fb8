import type { Construct } from 'constructs';
import { DllamaLayout, DllamaRole, explainMemory, podMemory } from '../engines/dllama/memory';
import type { Accelerator } from '../pod/accelerator/accelerator';
import type { AcceleratorSpec, AcceleratorVendor } from '../pod/accelerator/accelerator-spec';
import { AcceleratorOnPod, acceleratorOnPod } from '../pod/accelerator/on-pod';
import { checkKind } from '../pod/checks';
import { canonicalJson } from '../pod/content-hash';
import { InputError } from '../pod/input-error';
import type { Owner } from '../pod/owner';

const MIB = 1024 ** 2;

/** A process computes on the first device that its container has: it uses one, and each container has one. */
export const GPU_INDEX = 0;

/** What computes on a device takes one thread (docs/HOW_TO_RUN_GPU.md of b4rtaz/distributed-llama). */
export const DEVICE_THREADS = 1;

/** The device of a process, as its pod has it. @internal */
export interface DllamaDevice {
  readonly spec: AcceleratorSpec;
  readonly onPod: AcceleratorOnPod;
  /** Variables of its container. */
  readonly env: { name: string; value: string }[];
}

/** Those that have no driver for Vulkan. */
const WITHOUT_VULKAN: readonly AcceleratorVendor[] = ['gaudi', 'tpu'];

/** The devices of a topology, by what each is given. Devices that are asked for alike are the same objects. */
export class DllamaDevices {
  private readonly known = new Map<string, DllamaDevice>();

  public constructor(
    private readonly scope: Construct,
    private readonly owner: Owner,
  ) {}

  /** @throws when distributed-llama cannot compute on it, or each process would not have one of its own */
  public of(field: string, accelerator: Accelerator | undefined): DllamaDevice | undefined {
    if (accelerator === undefined) return undefined;
    const { _spec: spec } = checkKind(
      this.scope,
      field,
      accelerator,
      ({ _spec }) => typeof _spec?.vendor === 'string',
      { allowed: 'an Accelerator', advice: 'Make one: Accelerator.amd({ count: 1 }).' },
    );
    this.check(field, spec);
    const key = canonicalJson(spec);
    const device = this.known.get(key) ?? {
      spec,
      onPod: acceleratorOnPod(this.owner, spec),
      // The driver's libraries for Vulkan are left out unless they are asked for.
      env:
        spec.vendor === 'nvidia' ? [{ name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'graphics,utility' }] : [],
    };
    this.known.set(key, device);
    return device;
  }

  /** Adds what the pods name. */
  public addObjects(): void {
    for (const { onPod } of this.known.values()) onPod.objects();
  }

  private check(field: string, spec: AcceleratorSpec): void {
    const refuse = (given: string, allowed: string, advice?: string) => {
      throw new InputError(this.scope, field, given, { allowed, advice });
    };
    if (WITHOUT_VULKAN.includes(spec.vendor)) {
      refuse(spec.vendor, 'devices that have Vulkan, by which distributed-llama computes: GPUs');
    }
    if (spec.parts) {
      refuse('parts of GPUs (MIG)', 'whole GPUs: parts have no Vulkan, by which distributed-llama computes');
    }
    if (spec.hosts > 1 || (spec.count ?? 1) > 1) {
      const given = spec.hosts > 1 ? `a slice of ${spec.hosts} hosts` : `${spec.count} devices of a pod`;
      refuse(given, '1: a process uses one device', 'More devices are more workers: raise replicaPower.');
    }
    const { request } = spec;
    if (request.by !== 'claim') return;
    if (request.claim.kind === 'existing-claim' || request.claim.kind === 'shared') {
      refuse(
        'one claim of all pods',
        'a device for each process',
        'Each pod has a claim of its own by Accelerator.dra or Accelerator.existingClaimTemplate.',
      );
    }
    const others = [...this.known.values()].filter((known) => known.spec.request.by === 'claim');
    if (request.claim.kind === 'template' && others.some((known) => known.spec !== spec)) {
      refuse(
        'a second kind of Accelerator.dra',
        'one for all processes',
        'Make a ResourceClaimTemplate for the others, and give Accelerator.existingClaimTemplate.',
      );
    }
  }
}

/** @throws when what the process holds of the model is more than its device can @internal */
export function checkDeviceMemory(
  scope: Construct,
  field: string,
  device: DllamaDevice | undefined,
  role: DllamaRole,
  layout: DllamaLayout | undefined,
): void {
  const { memoryBytes } = device?.spec ?? {};
  const required = layout && podMemory(layout)[role]?.required;
  if (layout === undefined || required === undefined || memoryBytes === undefined) return;
  if (required.total <= memoryBytes) return;
  throw new InputError(scope, field, `a device of ${Math.floor(memoryBytes / MIB)} MiB`, {
    allowed: `${Math.ceil(required.total / MIB)} MiB or more for the ${role}`,
    advice: `${explainMemory(layout, role)}. More workers, or a smaller maxSeqLen, need less of each.`,
  });
}
