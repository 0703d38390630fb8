import { ANNOTATION } from '../../pod/metadata';
import { Pod, PodContainer, podField } from '../object-set';
import { Report, Rule } from '../rule';
import { SecurityContext } from '../shapes';
import { nearest, quote } from '../suggest';

/** Rule 7: Pod Security `restricted`. What we ask for beyond it is in pod-hardening.ts. */

/** Names by which a pod can opt out of one demand, of `restricted` or of ours. */
const DEPARTURES = [
  'allowPrivilegeEscalation',
  'appArmorProfile',
  'automountServiceAccountToken',
  'capabilities',
  'enableServiceLinks',
  'hostIPC',
  'hostNetwork',
  'hostPID',
  'hostPath',
  'hostPort',
  'privileged',
  'procMount',
  'readOnlyRootFilesystem',
  'runAsGroup',
  'runAsNonRoot',
  'runAsUser',
  'seLinuxOptions',
  'seccompProfile',
  'sysctls',
  'volumeType',
  'windowsHostProcess',
] as const;

type Departure = (typeof DEPARTURES)[number];

/** Volume sources that `restricted` allows; an image is as read-only as a ConfigMap. */
const VOLUME_SOURCES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_syncookies',
]);

/** The one that `restricted` lets a container add, to listen at a port below 1024. @internal */
export const HARMLESS_CAPABILITY = 'NET_BIND_SERVICE';

const SAFE_SELINUX_TYPES = new Set([
  undefined,
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);

const podSecurity: Rule = {
  id: 'pod-security',
  of: 7,
  why: 'A program that is broken into gets no further than its own files.',
  pod: (pod, report) => {
    const add = unlessOptedOut(pod, report);
    checkPod(pod, add);
    for (const container of pod.containers) checkContainer(container, pod.spec.securityContext ?? {}, add);
  },
};

/** Says what a pod departs from, where, and what is wrong there. @internal */
export type Add = (departure: Departure, field: string, message: string) => void;

/** Reports what the pod does not opt out of. @internal */
export function unlessOptedOut(pod: Pod, report: Report): Add {
  const optOuts = podSecurityOptOuts(pod);
  return (departure, field, message) => {
    if (optOuts.has(departure)) return;
    report(
      pod.entry,
      field,
      `${message} (or opt out by the annotation ${ANNOTATION.podSecurityOptOut}: "${departure}: <reason>")`,
    );
  };
}

const podSecurityOptOut: Rule = {
  id: 'pod-security-opt-out',
  of: 7,
  why: 'An opt-out says what it departs from and why, for the person who approves it.',
  pod: (pod, report) => {
    const field = `metadata.annotations["${ANNOTATION.podSecurityOptOut}"]`;
    for (const [name, reason] of podSecurityOptOuts(pod)) {
      if (!(DEPARTURES as readonly string[]).includes(name)) {
        const meant = nearest(name, DEPARTURES);
        const hint = meant === undefined ? `allowed are ${DEPARTURES.join(', ')}` : `did you mean ${meant}?`;
        report(pod.entry, field, `names ${quote(name)}, which is no departure; ${hint}`);
      } else if (reason === '') {
        report(pod.entry, field, `opts out of ${name} without a reason; write "${name}: <reason>"`);
      }
    }
  },
};

/**
 * What a pod opts out of, by the annotation of its object or its template: a line `<departure>: <reason>` each.
 *
 * @internal
 */
export function podSecurityOptOuts(pod: Pod): Map<string, string> {
  const name = ANNOTATION.podSecurityOptOut;
  const text = pod.entry.annotations[name] ?? pod.template.metadata?.annotations?.[name];
  const optOuts = new Map<string, string>();
  for (const line of text?.split('\n') ?? []) {
    if (line.trim() === '') continue;
    const [departure, ...reason] = line.split(':');
    optOuts.set(departure.trim(), reason.join(':').trim());
  }
  return optOuts;
}

function checkPod(pod: Pod, add: Add): void {
  const { spec } = pod;
  for (const name of ['hostNetwork', 'hostPID', 'hostIPC'] as const) {
    if (spec[name]) add(name, podField(pod, name), 'is true; leave it out: it opens the node to the pod');
  }
  spec.volumes?.forEach((volume, index) => {
    const source = Object.keys(volume).find((key) => key !== 'name' && !VOLUME_SOURCES.has(key));
    if (source === undefined) return;
    const departure = source === 'hostPath' ? 'hostPath' : 'volumeType';
    const message = `is not allowed by Pod Security restricted; allowed are ${[...VOLUME_SOURCES].join(', ')}`;
    add(departure, podField(pod, `volumes[${index}].${source}`), message);
  });
  const context = spec.securityContext;
  for (const { name } of context?.sysctls ?? []) {
    if (!SAFE_SYSCTLS.has(name))
      add('sysctls', podField(pod, 'securityContext.sysctls'), `has ${name}, which is not safe`);
  }
  if (context) checkCommon(context, podField(pod, 'securityContext'), add);
}

function checkContainer({ container, field }: PodContainer, pod: SecurityContext, add: Add): void {
  const own = container.securityContext ?? {};
  const at = (name: string) => `${field}.securityContext.${name}`;
  if (own.privileged)
    add('privileged', at('privileged'), 'is true; leave it out: it opens the node to the container');
  if (own.allowPrivilegeEscalation !== false) {
    add(
      'allowPrivilegeEscalation',
      at('allowPrivilegeEscalation'),
      `is ${quote(own.allowPrivilegeEscalation)}; it must be false`,
    );
  }
  if (!own.capabilities?.drop?.includes('ALL')) {
    add('capabilities', at('capabilities.drop'), `is ${quote(own.capabilities?.drop)}; it must be ["ALL"]`);
  }
  const added = own.capabilities?.add ?? [];
  if (added.some((capability) => capability !== HARMLESS_CAPABILITY))
    add(
      'capabilities',
      at('capabilities.add'),
      `is ${quote(added)}; leave it out: all capabilities are dropped`,
    );
  if ((own.procMount ?? 'Default') !== 'Default')
    add('procMount', at('procMount'), `is ${quote(own.procMount)}; leave it out`);

  if ((own.runAsNonRoot ?? pod.runAsNonRoot) !== true) {
    add(
      'runAsNonRoot',
      at('runAsNonRoot'),
      `is ${quote(own.runAsNonRoot ?? pod.runAsNonRoot)}, here and for the pod; it must be true`,
    );
  }
  if ((own.runAsUser ?? pod.runAsUser) === 0)
    add('runAsUser', at('runAsUser'), 'is 0, here or for the pod; it must be above 0: 0 is root');
  const profile = own.seccompProfile ?? pod.seccompProfile;
  if (profile?.type !== 'RuntimeDefault' && profile?.type !== 'Localhost') {
    add(
      'seccompProfile',
      at('seccompProfile.type'),
      `is ${quote(profile?.type)}, here and for the pod; it must be "RuntimeDefault"`,
    );
  }
  checkCommon(own, `${field}.securityContext`, add);
  container.ports?.forEach((port, index) => {
    if (!port.hostPort) return;
    add(
      'hostPort',
      `${field}.ports[${index}].hostPort`,
      `is ${port.hostPort}; leave it out: it opens the node's own port`,
    );
  });
}

/** What a pod and a container can both say. */
function checkCommon(context: SecurityContext, field: string, add: Add): void {
  const { appArmorProfile, seLinuxOptions, windowsOptions } = context;
  if (appArmorProfile?.type === 'Unconfined')
    add('appArmorProfile', `${field}.appArmorProfile.type`, 'is "Unconfined"; leave it out');
  if (
    seLinuxOptions &&
    (!SAFE_SELINUX_TYPES.has(seLinuxOptions.type) || seLinuxOptions.user || seLinuxOptions.role)
  ) {
    add(
      'seLinuxOptions',
      `${field}.seLinuxOptions`,
      `is ${quote(seLinuxOptions)}; leave out user and role, and name a container type`,
    );
  }
  if (windowsOptions?.hostProcess)
    add('windowsHostProcess', `${field}.windowsOptions.hostProcess`, 'is true; leave it out');
}

export const POD_SECURITY_RULES: readonly Rule[] = [podSecurity, podSecurityOptOut];
