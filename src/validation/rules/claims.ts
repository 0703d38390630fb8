import { ANNOTATION } from '../../pod/metadata';
import { STORE_VOLUME } from '../../pod/store-folder';
import { isDrawnTo } from '../drawn-together';
import { Entry, Pod, podField, SERVER_KINDS } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';
import { hasSyncOption } from './content';
import { dllamaProcesses } from './dllama-process';

/** Rules 3 and 5: claims keep their data, and nobody waits for ever for one. */

const keepClaims: Rule = {
  id: 'keep-claims',
  of: 3,
  why: 'What took hours to make is not to go with the file that declared it, nor with the application.',
  kinds: ['PersistentVolumeClaim', 'PersistentVolume', 'Namespace'],
  object: (entry, report) => {
    if (!entry.ours) return;
    const options = ['Prune=false', 'Delete=false'];
    // A namespace of ours is applied by Flux; Argo CD makes its own and deletes none.
    if (entry.kind !== 'Namespace' && !options.every((option) => hasSyncOption(entry, option))) {
      const given = quote(entry.annotations[ANNOTATION.syncOptions]);
      const message = `is ${given}; it must have Prune=false,Delete=false, or Argo CD deletes it with its data`;
      report(entry, `metadata.annotations["${ANNOTATION.syncOptions}"]`, message);
    }
    if (entry.annotations[ANNOTATION.fluxPrune] !== 'disabled') {
      const given = quote(entry.annotations[ANNOTATION.fluxPrune]);
      const message = `is ${given}; it must be "disabled", or Flux deletes it with its data`;
      report(entry, `metadata.annotations["${ANNOTATION.fluxPrune}"]`, message);
    }
  },
};

const SHARED_MODES = new Set(['ReadWriteMany', 'ReadOnlyMany']);

const sharedClaim: Rule = {
  id: 'shared-claim',
  of: 5,
  why:
    'A ReadWriteOnce volume is on one node: a waiting server elsewhere keeps it from the Job ' +
    'that it waits for.',
  kinds: ['PersistentVolumeClaim'],
  object: (entry, report, set) => {
    const modes = (entry.spec as { accessModes?: string[] }).accessModes ?? [];
    if (modes.some((mode) => SHARED_MODES.has(mode))) return;
    const users = set.usersOf(entry.namespace, entry.name);
    if (users.length < 2 && (users[0]?.replicas ?? 1) < 2) return;
    if (modes.includes('ReadWriteOncePod')) {
      const message =
        'is ReadWriteOncePod, for one pod at a time; the claim is mounted by ' +
        `${names(users)}. Use ReadWriteOnce or ReadWriteMany`;
      report(entry, 'spec.accessModes', message);
      return;
    }
    for (const pod of users) {
      if (!isDrawnTo(pod, users))
        report(pod.entry, podField(pod, 'affinity.podAffinity'), coLocate(entry, users, pod));
    }
  },
};

function coLocate(claim: Entry, users: readonly Pod[], pod: Pod): string {
  const others = users.filter((user) => user !== pod);
  const shared =
    others.length > 0 ? `is mounted by ${names(others)} too` : `is mounted by its ${pod.replicas} replicas`;
  return (
    `does not draw the pod to the node of the claim ${quote(claim.name)}, which is ` +
    `ReadWriteOnce and ${shared}. ` +
    'Require, with topologyKey kubernetes.io/hostname, a label that all of them carry; or ' +
    'make the claim ReadWriteMany'
  );
}

function names(pods: readonly Pod[]): string {
  return pods.map((pod) => pod.entry.toString()).join(', ');
}

/** The volumes of our pods that hold artifacts. */
const STORE_VOLUMES = new RegExp(`^${STORE_VOLUME}(-\\d+)?$`);

const modelReadOnly: Rule = {
  id: 'model-read-only',
  of: 5,
  why: 'An artifact is immutable; what serves it must not be able to change it.',
  pod: (pod, report) => {
    const isOurs = pod.entry.ours || dllamaProcesses(pod).length > 0;
    if (!isOurs || !SERVER_KINDS.has(pod.entry.kind)) return;
    const writable = new Set(
      (pod.spec.volumes ?? [])
        .filter((volume) => volume.persistentVolumeClaim && !volume.persistentVolumeClaim.readOnly)
        // Other claims of our servers hold caches.
        .filter((volume) => !pod.entry.ours || STORE_VOLUMES.test(volume.name))
        .map((volume) => volume.name),
    );
    if (writable.size === 0) return;
    for (const { container, field } of pod.containers) {
      container.volumeMounts?.forEach((mount, index) => {
        if (!writable.has(mount.name) || mount.readOnly) return;
        const message = `is ${quote(mount.readOnly)}; it must be true: a server only reads the artifacts`;
        report(pod.entry, `${field}.volumeMounts[${index}].readOnly`, message);
      });
    }
  },
};

export const CLAIM_RULES: readonly Rule[] = [keepClaims, sharedClaim, modelReadOnly];
