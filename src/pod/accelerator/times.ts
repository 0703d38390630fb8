import { InputError } from '../input-error';
import { AcceleratorSpec, ClaimOfPods, MOST_DEVICES } from './accelerator-spec';
import { checkCount } from './node-choice';

const WHERE = 'Accelerator.times';

/** @throws as Accelerator.times does. @internal */
export function multiply(spec: AcceleratorSpec, factor: number): AcceleratorSpec {
  checkCount(WHERE, 'factor', factor);
  if (factor === 1) return spec;
  if (spec.vendor === 'tpu' && spec.request.by === 'resource') {
    refuse(factor, 'the topology says how many chips there are: choose another one');
  }
  const { request } = spec;
  return {
    ...spec,
    count: spec.count === undefined ? undefined : spec.count * factor,
    request:
      request.by === 'resource'
        ? { ...request, amount: request.amount * factor }
        : { ...request, claim: multiplyClaim(request.claim, factor) },
  };
}

function multiplyClaim(claim: ClaimOfPods, factor: number): ClaimOfPods {
  if (!('requests' in claim)) {
    refuse(factor, 'the claim is there already, with the devices that it has');
  }
  const requests = claim.requests.map((request) => ({
    ...request,
    alternatives: request.alternatives.map((alternative) => {
      if (alternative.count === undefined) refuse(factor, 'all devices of a node are asked for');
      if (alternative.listed) refuse(factor, 'the devices are listed by their ids');
      const count = alternative.count * factor;
      if (count > MOST_DEVICES)
        refuse(factor, `a claim can have ${MOST_DEVICES} devices, and this were ${count}`);
      return { ...alternative, count };
    }),
  }));
  return { ...claim, requests };
}

function refuse(factor: number, because: string): never {
  throw new InputError(WHERE, 'factor', factor, { allowed: `1, as ${because}` });
}
