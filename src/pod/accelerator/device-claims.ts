import { shortHash } from '../content-hash';
import { InputError } from '../input-error';
import { atLeast } from '../kubernetes-version';
import { ANNOTATION } from '../metadata';
import { addObject, Owner, standardLabels } from '../owner';
import type { ClaimOfPods, DeviceAlternative, DeviceClaim, DeviceRequest } from './accelerator-spec';

/** Claims of DRA, in the API that a Kubernetes version has. */

/** From which minor version on the API group is served, and whether by default. */
const GROUP = 'resource.k8s.io';
const STABLE = 34;
const BETA2 = 33;
const BETA1 = 32;

/** The rule that pods with claims are excused from where the user says that the cluster has DRA on. @internal */
export const DEVICE_CLAIMS_RULE = 'device-claims';

/** The part of the construct that a claim is. */
const COMPONENT = 'devices';

/** @internal */
export interface ClaimApi {
  readonly apiVersion: string;
  /** What the user says of the cluster, where DRA is off by default. */
  readonly acknowledged?: string;
}

/**
 * The version of the API: v1 from 1.34 on. 1.33 has v1beta2, 1.32 v1beta1, both off by default.
 *
 * @throws when the Kubernetes version has none, or has it behind a feature gate that nobody says is on
 * @internal
 */
export function claimApi({ scope, kubernetesVersion }: Owner, { gateIsOn }: DeviceClaim): ClaimApi {
  if (atLeast(kubernetesVersion, STABLE)) return { apiVersion: `${GROUP}/v1` };
  if (!atLeast(kubernetesVersion, BETA1)) {
    throw new InputError(scope, 'accelerator', 'by DRA', {
      allowed: `extended resources: Kubernetes ${kubernetesVersion} has DRA as an alpha only, in another form`,
      advice: INSTEAD,
    });
  }
  if (!gateIsOn) {
    throw new InputError(scope, 'accelerator', 'by DRA', {
      allowed: `extended resources: in Kubernetes ${kubernetesVersion} DRA is a beta that is off by default`,
      advice:
        `${INSTEAD} Or set kubernetesVersion to 1.34 or newer. Where the cluster has the feature gate ` +
        'DynamicResourceAllocation and the API group on, say featureGateIsOn: true.',
    });
  }
  return {
    apiVersion: `${GROUP}/${atLeast(kubernetesVersion, BETA2) ? 'v1beta2' : 'v1beta1'}`,
    acknowledged: 'featureGateIsOn says that the cluster has DynamicResourceAllocation on',
  };
}

const INSTEAD =
  'Ask for an extended resource instead: Accelerator.nvidia({ count }), .amd, .intel, .gaudi, .tpu or .custom.';

/** An object that pods claim devices by, named after its spec, which nobody can change. @internal */
export interface ClaimObject {
  readonly kind: 'ResourceClaim' | 'ResourceClaimTemplate';
  readonly name: string;
  add(): void;
}

/**
 * @throws when the version has no alternatives
 * @internal
 */
export function claimObject(
  owner: Owner,
  { apiVersion, acknowledged }: ClaimApi,
  { kind, requests }: Extract<ClaimOfPods, { kind: 'template' | 'shared' }>,
): ClaimObject {
  const claim = {
    devices: { requests: requests.map((request) => renderRequest(owner, apiVersion, request)) },
  };
  const template = kind === 'template';
  // What Kubernetes makes of a template has these labels, and no others: by them the claims of a pod are found.
  const spec = template ? { metadata: { labels: standardLabels(owner, COMPONENT) }, spec: claim } : claim;
  const object = {
    kind: template ? ('ResourceClaimTemplate' as const) : ('ResourceClaim' as const),
    name: `${owner.name}-devices-${shortHash(spec)}`,
  };
  return {
    ...object,
    add: () => {
      addObject(owner, template ? 'DeviceTemplate' : 'Devices', {
        apiVersion,
        ...object,
        component: COMPONENT,
        // Running pods keep their devices until the new ones are there.
        annotations: {
          [ANNOTATION.syncOptions]: 'PruneLast=true',
          [ANNOTATION.skipChecks]: acknowledged && `served-api: ${acknowledged}`,
        },
        body: { spec },
      });
    },
  };
}

function renderRequest(owner: Owner, apiVersion: string, { name, alternatives }: DeviceRequest): object {
  if (alternatives.length > 1) {
    if (apiVersion !== `${GROUP}/v1`) {
      throw new InputError(owner.scope, 'accelerator.alternatives', `${alternatives.length - 1} of them`, {
        allowed: `none before Kubernetes 1.34; the version is ${owner.kubernetesVersion}`,
        advice: 'Leave them out, or raise kubernetesVersion.',
      });
    }
    return {
      name,
      firstAvailable: alternatives.map((alternative) => ({
        name: alternative.name,
        ...exactly(alternative),
      })),
    };
  }
  const [only] = alternatives;
  // v1beta1 has the fields one level up.
  return apiVersion === `${GROUP}/v1beta1` ? { name, ...exactly(only) } : { name, exactly: exactly(only) };
}

function exactly({ deviceClassName, count, selectors }: DeviceAlternative): object {
  return {
    deviceClassName,
    ...(count === undefined ? { allocationMode: 'All' } : { allocationMode: 'ExactCount', count }),
    ...(selectors.length ? { selectors: selectors.map((expression) => ({ cel: { expression } })) } : {}),
  };
}
