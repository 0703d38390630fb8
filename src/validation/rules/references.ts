import { Entry, includesLabels, ObjectSet, Pod, podField, selects } from '../object-set';
import { Report, Rule } from '../rule';
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
    checkPorts(entry, 'spec.ports', ports, SERVICE_PORT_NAME, ({ port }) => port, report);
    demandPortNames(entry, 'spec.ports', ports, report);
    checkTargets(entry, set, (target) => typeof target === 'string', report);
  },
};

const declaredPorts: Rule = {
  id: 'declared-ports',
  of: 'Kubernetes',
  style: true,
  why: 'A port that a pod does not declare, or that has no name beside others, is known to nobody but its program.',
  kinds: ['Service'],
  object: (entry, report, set) => {
    checkTargets(entry, set, (target) => typeof target === 'number', report);
  },
  pod: (pod, report) => {
    for (const { container, field } of pod.containers)
      demandPortNames(pod.entry, `${field}.ports`, container.ports ?? [], report);
  },
};

/** Each target port of a Service, of those that matter, is a port of the pods that it selects. */
function checkTargets(
  entry: Entry,
  set: ObjectSet,
  matters: (target: number | string) => boolean,
  report: Report,
): void {
  const pods = set.selected(entry);
  if (pods.length === 0) return;
  (entry.spec as ServiceSpec).ports?.forEach((port, index) => {
    const target = port.targetPort ?? port.port;
    if (!matters(target)) return;
    const known = pods.flatMap(portsOf);
    if (known.some(({ name, containerPort }) => target === name || target === containerPort)) return;
    const names =
      known.map((p) => `${p.name ?? '(no name)'} ${p.containerPort}`).join(', ') || 'no port at all';
    const message = `leads to ${quote(target)}; the pods of ${pods[0].entry.toString()} have ${names}`;
    report(entry, `spec.ports[${index}].targetPort`, message);
  });
}

function portsOf(pod: Pod): ContainerPort[] {
  return pod.containers.flatMap(({ container }) => container.ports ?? []);
}

interface PortName {
  readonly pattern: RegExp;
  readonly words: string;
}

const SERVICE_PORT_NAME: PortName = {
  pattern: /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  words: 'up to 63 lower case letters, digits and -',
};
const CONTAINER_PORT_NAME: PortName = {
  pattern: /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9](-?[a-z0-9])*$/,
  words: 'up to 15 lower case letters, digits and single -',
};

/** Of several ports, each has a name. */
function demandPortNames(
  entry: Entry,
  field: string,
  ports: readonly { name?: string }[],
  report: Report,
): void {
  if (ports.length < 2) return;
  ports.forEach(({ name }, index) => {
    if (!name) report(entry, `${field}[${index}].name`, 'is missing; of several ports each has a name');
  });
}

/** Names are names, and neither name nor number is there twice. */
function checkPorts<T extends { name?: string; protocol?: string }>(
  entry: Entry,
  field: string,
  ports: readonly T[],
  { pattern, words }: PortName,
  numberOf: (port: T) => number,
  report: Report,
): void {
  const seen = new Set<string>();
  ports.forEach((port, index) => {
    const at = `${field}[${index}]`;
    const number = `${port.protocol ?? 'TCP'} ${numberOf(port)}`;
    if (port.name) {
      if (!pattern.test(port.name))
        report(entry, `${at}.name`, `is ${quote(port.name)}; it must be ${words}`);
      else if (seen.has(port.name))
        report(entry, `${at}.name`, `is ${quote(port.name)}, as another port's; name each its own`);
      seen.add(port.name);
    }
    if (seen.has(number)) report(entry, at, `is ${number}, as another port is`);
    seen.add(number);
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
      checkPorts(
        pod.entry,
        `${field}.ports`,
        container.ports,
        CONTAINER_PORT_NAME,
        ({ containerPort }) => containerPort,
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
  why: 'The API server refuses a pod that mounts what it does not have.',
  pod: (pod, report) => {
    const templates = (pod.entry.spec as ReplicatedSpec).volumeClaimTemplates ?? [];
    const volumes = (pod.spec.volumes ?? []).map((volume) => volume.name);
    const names = [...volumes, ...templates.flatMap((template) => template.metadata?.name ?? [])];
    for (const { container, field } of pod.containers) {
      const paths = new Set<string>();
      container.volumeMounts?.forEach((mount, index) => {
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
    }
    volumes.forEach((name, index) => {
      if (volumes.indexOf(name) === index) return;
      report(pod.entry, podField(pod, `volumes[${index}]`), `is named ${quote(name)}, as another volume is`);
    });
  },
};

const volumesUsed: Rule = {
  id: 'volumes-used',
  of: 'Kubernetes',
  style: true,
  why: 'A volume that nobody mounts does nothing, but for holding the pod up where it is not there.',
  pod: (pod, report) => {
    const mounts = pod.containers.flatMap(({ container }) => [
      ...(container.volumeMounts ?? []),
      ...(container.volumeDevices ?? []),
    ]);
    const used = new Set(mounts.map(({ name }) => name));
    pod.spec.volumes?.forEach(({ name }, index) => {
      if (used.has(name)) return;
      const message = `${quote(name)} is mounted by no container; leave it out, or mount it`;
      report(pod.entry, podField(pod, `volumes[${index}]`), message);
    });
  },
};

/** The names that a pod refers to Secrets and ConfigMaps by: their schemas let them be left out. */
const referenceNames: Rule = {
  id: 'reference-names',
  of: 'Kubernetes',
  why: 'A reference without a name is to nothing, and the pod never starts.',
  pod: (pod, report) => {
    const check = (reference: object | undefined, key: string, field: string) => {
      const name = (reference as Record<string, unknown> | undefined)?.[key];
      if (reference === undefined || (name !== undefined && name !== '')) return;
      const given = name === undefined ? 'is missing' : 'is empty';
      report(pod.entry, `${field}.${key}`, `${given}; name the object that is meant`);
    };
    for (const { container, field } of pod.containers) {
      container.env?.forEach(({ valueFrom }, index) => {
        for (const source of ['secretKeyRef', 'configMapKeyRef'] as const)
          check(valueFrom?.[source], 'name', `${field}.env[${index}].valueFrom.${source}`);
      });
      container.envFrom?.forEach((from, index) => {
        for (const source of ['secretRef', 'configMapRef'] as const)
          check(from[source], 'name', `${field}.envFrom[${index}].${source}`);
      });
    }
    pod.spec.volumes?.forEach(({ secret, configMap }, index) => {
      const field = podField(pod, `volumes[${index}]`);
      check(secret, 'secretName', `${field}.secret`);
      check(configMap, 'name', `${field}.configMap`);
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
  declaredPorts,
  podPorts,
  volumesExist,
  volumesUsed,
  referenceNames,
  uniqueContainers,
  headlessService,
];
