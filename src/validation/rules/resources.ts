import { Rule } from '../rule';
import { quantity } from '../quantity';
import { quote } from '../suggest';

/** Rule 10: every container says what it takes. */

const NAMES = ['cpu', 'memory', 'ephemeral-storage'] as const;

const resources: Rule = {
  id: 'resources',
  of: 10,
  style: true,
  why: 'What asks for nothing is put anywhere and killed first; what has no limit kills others.',
  pod: (pod, report) => {
    for (const { container, field } of pod.containers) {
      const requests = container.resources?.requests ?? {};
      const limits = container.resources?.limits ?? {};
      for (const name of NAMES) {
        for (const [list, values] of [
          ['requests', requests],
          ['limits', limits],
        ] as const) {
          if (values[name] !== undefined) continue;
          report(
            pod.entry,
            `${field}.resources.${list}["${name}"]`,
            'is missing; every container, init containers too, requests and limits cpu, ' +
              'memory and ephemeral-storage',
          );
        }
      }
    }
  },
};

const requestsWithinLimits: Rule = {
  id: 'requests-within-limits',
  of: 'Kubernetes',
  why: 'The API server refuses the pod.',
  pod: (pod, report) => {
    for (const { container, field } of pod.containers) {
      const { requests = {}, limits = {} } = container.resources ?? {};
      for (const name in requests) {
        if (limits[name] === undefined || quantity(requests[name]) <= quantity(limits[name])) continue;
        report(
          pod.entry,
          `${field}.resources.requests["${name}"]`,
          `is ${quote(requests[name])}, more than its limit ${quote(limits[name])}`,
        );
      }
    }
  },
};

export const RESOURCE_RULES: readonly Rule[] = [resources, requestsWithinLimits];
