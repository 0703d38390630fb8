import { Entry, includesLabels, Pod, podField, selects } from '../object-set';
import { Rule } from '../rule';
import { ContainerPort, ReplicatedSpec, ServiceSpec } from '../shapes';
import { nearest, quote } from '../suggest';

/** What one part says of another is so: selectors, ports, volumes. */

const selectorMatches: Rule = {
  id: 'selector-matches',
  of: 'Kubernetes',
  why:
    'The API server refuses a workload that does not select its own pods; a Service that ' +
    'selects none leads nowhere.',
  kinds: ['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  object: (entry, report) => {
    const { selector, template } = entry.spec as ReplicatedSpec;
    const labels = template.metadata?.labels ?? {};
    if (selector && selects(selector, labels)) return;
    const message =
      `is ${quote(selector?.matchLabels ?? selector)}, which does not match the template's ` +
      `labels ${quote(labels)}`;
    report(entry, 'spec.selector', message);
  },
  set: (set, report) => {
    for (const kind of ['Service', 'PodDisruptionBudget', 'NetworkPolicy'] as const) {
      for (const entry of set.ofKind(kind)) {
        if (!entry.ours || set.selected(entry).length > 0) continue;
        if (kind === 'Service' && !(entry.spec as ServiceSpec).selector) continue;
        const field = kind === 'NetworkPolicy' ? 'spec.podSelector' : 'spec.selector';
        report(entry, field, 'selects no pod of these objects; it must match the labels of a pod template');
      }
    }
  },
};

const servicePorts: Rule = {
  id: 'service-ports',
  of: 'Kubernetes',
  why: 'A Service whose target port no pod has refuses every connection.',
  kinds: ['Service'],
  object: (entry, report, set) => {
    const { ports = [] } = entry.spec as ServiceSpec;
    checkPortNames(entry, 'spec.ports', ports, (port) => `${port.protocol ?? 'TCP'} ${port.port}`, report);
    const pods = set.selected(entry);
    if (pods.length === 0) return;
    ports.forEach((port, index) => {
      const target = port.targetPort ?? port.port;
      const known = pods.flatMap(portsOf);
      if (known.some((p) => (typeof target === 'string' ? p.name === target : p.containerPort === target)))
        return;
      const names =
        known.map((p) => `${p.name ?? '(no name)'} ${p.containerPort}`).join(', ') || 'no port at all';
      const message = `leads to ${quote(target)}; the pods of ${pods[0].entry.toString()} have ${names}`;
      report(entry, `spec.ports[${index}].targetPort`, message);
    });
  },
};

function portsOf(pod: Pod): ContainerPort[] {
  return pod.containers.flatMap(({ container }) => container.ports ?? []);
}

const PORT_NAME = /^(?=.*[a-z])[a-z0-9](-?[a-z0-9]){0,14}$/;

/** Ports have names, and neither name nor number twice. */
function checkPortNames<T extends { name?: string }>(
  entry: Entry,
  field: string,
  ports: readonly T[],
  number: (port: T) => string,
  report: Parameters<NonNullable<Rule['object']>>[1],
): void {
  const seen = new Set<string>();
  ports.forEach((port, index) => {
    const at = `${field}[${index}]`;
    if (!port.name)
      report(entry, `${at}.name`, 'is missing; a port has a name, so that others need not know its number');
    else if (!PORT_NAME.test(port.name)) {
      report(
        entry,
        `${at}.name`,
        `is ${quote(port.name)}; it must be up to 15 lower case letters, digits and single -`,
      );
    } else if (seen.has(port.name))
      report(entry, `${at}.name`, `is ${quote(port.name)}, as another port's; name each its own`);
    if (seen.has(number(port))) report(entry, at, `is ${number(port)}, as another port is`);
    seen.add(port.name ?? '').add(number(port));
  });
}

const podPorts: Rule = {
  id: 'pod-ports',
  of: 'Kubernetes',
  why: 'A name that two containers give is the port of the one or the other.',
  pod: (pod, report) => {
    const seen = new Map<string, string>();
    for (const { container, field } of pod.containers) {
      if (!container.ports) continue;
      checkPortNames(
        pod.entry,
        `${field}.ports`,
        container.ports,
        (p) => `${p.protocol ?? 'TCP'} ${p.containerPort}`,
        report,
      );
      for (const { name, containerPort, protocol } of container.ports) {
        for (const id of [name, `${protocol ?? 'TCP'} ${containerPort}`]) {
          const other = id === undefined ? undefined : seen.get(id);
          if (other !== undefined && other !== container.name) {
            report(pod.entry, `${field}.ports`, `has ${id}, as the container ${other} of the same pod has`);
          }
          if (id !== undefined) seen.set(id, container.name);
        }
      }
    }
  },
};

const volumesExist: Rule = {
  id: 'volumes-exist',
  of: 'Kubernetes',
  why: 'A pod that mounts what it does not have is refused; a volume that nobody mounts does nothing.',
  pod: (pod, report) => {
    const templates = (pod.entry.spec as ReplicatedSpec).volumeClaimTemplates ?? [];
    const volumes = (pod.spec.volumes ?? []).map((volume) => volume.name);
    const names = [...volumes, ...templates.flatMap((template) => template.metadata?.name ?? [])];
    const used = new Set<string>();
    for (const { container, field } of pod.containers) {
      const paths = new Set<string>();
      container.volumeMounts?.forEach((mount, index) => {
        used.add(mount.name);
        if (!names.includes(mount.name)) {
          const meant = nearest(mount.name, names);
          const hint =
            meant === undefined
              ? `the pod has ${names.join(', ') || 'none'}`
              : `did you mean ${quote(meant)}?`;
          report(
            pod.entry,
            `${field}.volumeMounts[${index}].name`,
            `is ${quote(mount.name)}, which is no volume of the pod; ${hint}`,
          );
        }
        if (paths.has(mount.mountPath)) {
          report(
            pod.entry,
            `${field}.volumeMounts[${index}].mountPath`,
            `is ${quote(mount.mountPath)}, where another volume is mounted`,
          );
        }
        paths.add(mount.mountPath);
      });
      container.volumeDevices?.forEach((device) => used.add(device.name));
    }
    volumes.forEach((name, index) => {
      const field = podField(pod, `volumes[${index}]`);
      if (volumes.indexOf(name) !== index)
        report(pod.entry, field, `is named ${quote(name)}, as another volume is`);
      else if (!used.has(name))
        report(pod.entry, field, `${quote(name)} is mounted by no container; leave it out, or mount it`);
    });
  },
};

const uniqueContainers: Rule = {
  id: 'unique-containers',
  of: 'Kubernetes',
  why: 'The API server refuses the pod.',
  pod: (pod, report) => {
    const names = pod.containers.map(({ container }) => container.name);
    pod.containers.forEach(({ container, field }, index) => {
      if (names.indexOf(container.name) !== index)
        report(pod.entry, `${field}.name`, `is ${quote(container.name)}, as another container's`);
    });
  },
};

/** A Service's own names are made of its pods' set: it must be there. */
const headlessService: Rule = {
  id: 'governing-service',
  of: 'Kubernetes',
  why: 'The pods of a StatefulSet have names only by a headless Service that selects them.',
  kinds: ['StatefulSet'],
  object: (entry, report, set) => {
    const { serviceName, template } = entry.spec as ReplicatedSpec;
    if (!serviceName) return;
    const service = set.find('Service', entry.namespace, serviceName);
    if (!service) {
      if (entry.ours)
        report(
          entry,
          'spec.serviceName',
          `is ${quote(serviceName)}; there is no such Service in the namespace`,
        );
      return;
    }
    const spec = service.spec as ServiceSpec;
    if (spec.clusterIP !== 'None')
      report(
        service,
        'spec.clusterIP',
        `is ${quote(spec.clusterIP)}; it must be "None": ${entry.toString()} gets its pods' names from it`,
      );
    if (includesLabels(template.metadata?.labels ?? {}, spec.selector ?? {})) return;
    report(
      service,
      'spec.selector',
      `does not select the pods of ${entry.toString()}, whose governing Service it is`,
    );
  },
};

export const REFERENCE_RULES: readonly Rule[] = [
  selectorMatches,
  servicePorts,
  podPorts,
  volumesExist,
  uniqueContainers,
  headlessService,
];
