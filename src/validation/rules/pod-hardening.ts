import { Pod, PodContainer, podField } from '../object-set';
import { Rule } from '../rule';
import { SecurityContext } from '../shapes';
import { quote } from '../suggest';
import { Add, HARMLESS_CAPABILITY, unlessOptedOut } from './pod-security';

/** Rule 7, where it is stricter than Pod Security `restricted`: fixed ids, a read-only root, no token, no links. */

const podHardening: Rule = {
  id: 'pod-hardening',
  of: 7,
  style: true,
  why: 'A program that is broken into changes nothing, and asks nothing of the API server.',
  pod: (pod, report) => {
    const add = unlessOptedOut(pod, report);
    checkPod(pod, add);
    for (const container of pod.containers) checkContainer(container, pod.spec.securityContext ?? {}, add);
  },
};

function checkPod(pod: Pod, add: Add): void {
  const { automountServiceAccountToken, enableServiceLinks } = pod.spec;
  if (automountServiceAccountToken !== false) {
    const message = `is ${quote(automountServiceAccountToken)}; it must be false: the pod does not talk to the API server`;
    add('automountServiceAccountToken', podField(pod, 'automountServiceAccountToken'), message);
  }
  if (enableServiceLinks !== false) {
    const message = `is ${quote(enableServiceLinks)}; it must be false: variables of other Services change what programs do`;
    add('enableServiceLinks', podField(pod, 'enableServiceLinks'), message);
  }
}

function checkContainer({ container, field }: PodContainer, pod: SecurityContext, add: Add): void {
  const own = container.securityContext ?? {};
  const at = (name: string) => `${field}.securityContext.${name}`;
  if (own.readOnlyRootFilesystem !== true) {
    const message = `is ${quote(own.readOnlyRootFilesystem)}; it must be true: mount an emptyDir where the program writes`;
    add('readOnlyRootFilesystem', at('readOnlyRootFilesystem'), message);
  }
  if (own.capabilities?.add?.length && own.capabilities.add.every((name) => name === HARMLESS_CAPABILITY)) {
    const message = `is ${quote(own.capabilities.add)}; leave it out: listen at a port above 1023`;
    add('capabilities', at('capabilities.add'), message);
  }
  for (const id of ['runAsUser', 'runAsGroup'] as const) {
    if ((own[id] ?? pod[id]) !== undefined) continue;
    const message = 'is nothing, here and for the pod; it must be a fixed number, the same in every phase';
    add(id, at(id), message);
  }
}

export const POD_HARDENING_RULES: readonly Rule[] = [podHardening];
