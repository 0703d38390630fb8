import { Construct } from 'constructs';
import { Phase } from '../phases/phase';
import { Accelerator } from '../pod/accelerator/accelerator';
import { claimApi, claimObject } from '../pod/accelerator/device-claims';
import { checkKind, checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { ownerOf } from '../pod/owner';

/** What `SharedDevices` are told. */
export interface SharedDevicesProps {
  /** The devices, by `Accelerator.dra`. */
  readonly accelerator: Accelerator;
}

/**
 * Devices that the pods of several servers share: one ResourceClaim, which all of them name. For devices and drivers
 * that can be shared, and servers that leave each other room: nothing divides the memory among them.
 *
 * @example
 * const gpu = new SharedDevices(pipeline.serve, 'gpu', { accelerator: Accelerator.dra({ deviceClass: 'gpu.nvidia.com' }) });
 * new VllmServer(pipeline.serve, 'chat', { model: chat, accelerator: gpu.accelerator, gpuMemoryUtilization: 0.45 });
 * new VllmServer(pipeline.serve, 'embed', { model: embed, accelerator: gpu.accelerator, gpuMemoryUtilization: 0.45 });
 */
export class SharedDevices extends Construct {
  /** The devices, for servers of the same namespace. */
  public readonly accelerator: Accelerator;

  /**
   * @throws when the accelerator is not by DRA or is a claim that is there already, when the Kubernetes version has no
   * DRA
   */
  constructor(scope: Construct, id: string, props: SharedDevicesProps) {
    super(scope, id);
    checkProps(this, props ?? {});
    const owner = ownerOf(this, 'shared-devices', Phase.SERVE, [Phase.SERVE]);
    const { _spec: spec } = checkKind(
      this,
      'accelerator',
      props?.accelerator,
      ({ _spec }) => _spec !== undefined,
      {
        allowed: 'an Accelerator',
      },
    );
    const { request } = spec;
    if (request.by !== 'claim' || !('requests' in request.claim)) {
      throw new InputError(
        this,
        'accelerator',
        request.by === 'claim' ? 'a claim that is there' : request.name,
        {
          allowed: 'devices by Accelerator.dra({ ... })',
          advice:
            'Extended resources belong to one container; a claim that is there can be named by several servers.',
        },
      );
    }
    const claim = claimObject(owner, claimApi(owner, request), { ...request.claim, kind: 'shared' });
    claim.add();
    this.accelerator = Accelerator._of({
      ...spec,
      request: { ...request, claim: { kind: 'existing-claim', name: claim.name } },
    });
  }
}
