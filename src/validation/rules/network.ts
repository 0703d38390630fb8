import { Entry, SERVER_KINDS } from '../object-set';
import { Rule } from '../rule';
import { NetworkPolicySpec } from '../shapes';

/** Rule 9: what is not named is closed. */

const closedPods: Rule = {
  id: 'closed-pods',
  of: 9,
  style: true,
  why: 'A pod that no NetworkPolicy selects talks to all, and all to it.',
  set: (set, report) => {
    for (const pod of set.pods) {
      const types = new Set(set.selecting('NetworkPolicy', pod).flatMap(policyTypes));
      const open = ['Ingress', 'Egress'].filter((type) => !types.has(type));
      if (open.length === 0) continue;
      const message =
        `is selected by no NetworkPolicy for ${open.join(' and ').toLowerCase()}. Add one ` +
        `whose podSelector matches the pod's labels, with policyTypes ["Ingress", "Egress"]`;
      report(pod.entry, pod.field === '' ? 'metadata.labels' : `${pod.field}.metadata.labels`, message);
    }
  },
};

function policyTypes(policy: Entry): string[] {
  const spec = policy.spec as NetworkPolicySpec;
  return spec.policyTypes ?? (spec.egress ? ['Ingress', 'Egress'] : ['Ingress']);
}

const DNS_PORT = 53;

const serversStayIn: Rule = {
  id: 'servers-stay-in',
  of: 9,
  why: 'Downloads reach out; a server that is broken into must not.',
  kinds: ['NetworkPolicy'],
  object: (entry, report, set) => {
    if (!entry.ours) return;
    const server = set.selected(entry).find((pod) => SERVER_KINDS.has(pod.entry.kind));
    if (!server) return;
    (entry.spec as NetworkPolicySpec).egress?.forEach((rule, index) => {
      const isDns = (rule.ports ?? []).length > 0 && rule.ports?.every(({ port }) => port === DNS_PORT);
      const everyone =
        !rule.to?.length ||
        rule.to.some(({ ipBlock }) => ipBlock?.cidr === '0.0.0.0/0' || ipBlock?.cidr === '::/0');
      if (isDns || !everyone) return;
      const message =
        `lets ${server.entry.toString()} reach everyone; name whom it needs in 'to' (DNS, ` +
        'port 53, may stay open)';
      report(entry, `spec.egress[${index}]`, message);
    });
  },
};

export const NETWORK_RULES: readonly Rule[] = [closedPods, serversStayIn];
