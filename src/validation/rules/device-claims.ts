import { Pod, podField } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';

/** Devices by dynamic resource allocation, in pods. */

/** From which minor version on it works without a feature gate that someone turned on. */
const BY_DEFAULT = 34;

const deviceClaims: Rule = {
  id: 'device-claims',
  of: 'Kubernetes',
  why: 'A pod whose claims the API server drops, or no container names, runs without its devices.',
  pod: (pod, report, set) => {
    const claims = pod.spec.resourceClaims ?? [];
    const field = podField(pod, 'resourceClaims');
    if (claims.length > 0 && set.minor < BY_DEFAULT) {
      const off = `is off by default before Kubernetes 1.${BY_DEFAULT}; the target is 1.${set.minor}`;
      report(pod.entry, field, `has claims of devices, and dynamic resource allocation ${off}`);
    }
    claims.forEach((claim, index) => {
      if (usersOf(pod, claim.name) > 0) return;
      report(pod.entry, `${field}[${index}]`, `${quote(claim.name)} is used by no container; leave it out`);
    });
    const names = claims.map(({ name }) => name);
    for (const { container, field: place } of pod.containers) {
      container.resources?.claims?.forEach(({ name }, index) => {
        if (names.includes(name)) return;
        const known = names.map(quote).join(', ') || 'none';
        report(
          pod.entry,
          `${place}.resources.claims[${index}].name`,
          `is ${quote(name)}, which is no claim of the pod; it has ${known}`,
        );
      });
    }
  },
};

function usersOf(pod: Pod, claim: string): number {
  return pod.containers.filter(({ container }) =>
    container.resources?.claims?.some(({ name }) => name === claim),
  ).length;
}

export const DEVICE_CLAIM_RULES: readonly Rule[] = [deviceClaims];
