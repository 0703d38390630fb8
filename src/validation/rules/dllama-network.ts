import { Entry, Pod } from '../object-set';
import { Report, Rule } from '../rule';
import { NetworkPolicySpec, Probe, ServiceSpec } from '../shapes';
import { quote } from '../suggest';
import { DllamaProcess, dllamaPort, dllamaProcesses, flagValues, namesOfPort } from './dllama-process';

/** Whoever connects to a distributed-llama process and says the wrong thing, or nothing, ends it. */

const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;
const CONNECTING = ['tcpSocket', 'httpGet', 'grpc'] as const;

/** Programs that open connections, as they stand in commands. */
const CONNECTING_PROGRAM =
  /(^|[\s/;|&("'])(nc|ncat|netcat|telnet|curl|wget|grpc_health_probe)([\s"']|$)|\/dev\/tcp\//;

const dllamaProbes: Rule = {
  id: 'dllama-probes',
  of: 12,
  why:
    'An idle distributed-llama process ends when a connection to it is opened and closed, be ' +
    'it by a probe.',
  pod: (pod, report) => {
    const processes = dllamaProcesses(pod);
    if (processes.length === 0) return;
    for (const { container, field } of pod.containers) {
      for (const name of PROBES) {
        const probe = container[name];
        if (probe && touches(probe, field, processes))
          report(pod.entry, `${field}.${name}`, `${ADVICE} Use exec on a script that reads /proc/net/tcp`);
      }
      const own = processes.some(({ at }) => at.field === field);
      for (const name of PROBES) {
        const command = container[name]?.exec?.command?.join(' ');
        if (own && command && CONNECTING_PROGRAM.test(command))
          report(
            pod.entry,
            `${field}.${name}.exec.command`,
            `is ${quote(command)}; ${ADVICE} Read /proc/net/tcp instead`,
          );
      }
    }
    for (const { container, field, role } of pod.containers) {
      const command = [...(container.command ?? []), ...(container.args ?? [])].join(' ');
      if (role !== 'init' || !/\b(nc|ncat|netcat)\s+(-\w+\s+)*-\w*z/.test(command)) continue;
      report(pod.entry, field, `waits by ${quote(command)}; ${ADVICE} Wait for the name to resolve instead`);
    }
  },
};

const ADVICE = 'must not connect: a connection that is opened and closed ends the process.';

/** Whether a probe connects to a distributed-llama process of its pod. */
function touches(probe: Probe, field: string, processes: readonly DllamaProcess[]): boolean {
  const kind = CONNECTING.find((name) => probe[name]);
  if (kind === undefined) return false;
  const port = probe[kind]?.port;
  return processes.some((process) => {
    if (process.at.field === field) return true;
    return namesOfPort(process.at.container, dllamaPort(process)).some((name) => name === port);
  });
}

const dllamaFront: Rule = {
  id: 'dllama-front',
  of: 'distributed-llama',
  style: true,
  why:
    'A stray connection, a chunked or malformed request or a long answer ends or blocks a ' +
    'bare dllama-api.',
  pod: (pod, report) => {
    for (const { role, args, field } of dllamaProcesses(pod)) {
      if (role !== 'root') continue;
      const host = flagValues(args, '--host')?.[0];
      if (host === '127.0.0.1') continue;
      report(
        pod.entry,
        field,
        `has --host ${quote(host)}; it must be 127.0.0.1, with a front in the same pod ` +
          'that takes requests and passes on one at a time',
      );
    }
  },
  set: (set, report) => {
    for (const service of set.ofKind('Service')) {
      for (const pod of set.selected(service)) checkServiceTarget(service, pod, report);
    }
  },
};

/** No Service leads to a root itself; to a worker only a headless one, which gives names. */
function checkServiceTarget(service: Entry, pod: Pod, report: Report): void {
  const { ports = [], clusterIP } = service.spec as ServiceSpec;
  for (const process of dllamaProcesses(pod)) {
    if (process.role === 'worker' && clusterIP === 'None') continue;
    const names = namesOfPort(process.at.container, dllamaPort(process));
    ports.forEach((port, index) => {
      if (!names.includes(port.targetPort ?? port.port)) return;
      const right =
        process.role === 'root'
          ? "the front's port"
          : 'a name of each worker: make the Service headless (clusterIP: None)';
      report(
        service,
        `spec.ports[${index}].targetPort`,
        `leads to the ${process.role} of ${pod.entry.toString()} itself; it must lead to ${right}`,
      );
    });
  }
}

const dllamaClosed: Rule = {
  id: 'dllama-closed',
  of: 9,
  style: true,
  why: "A worker obeys whoever connects to it, and ends by any byte that is not the root's.",
  kinds: ['NetworkPolicy'],
  object: (entry, report, set) => {
    const worker = set
      .selected(entry)
      .find((pod) => dllamaProcesses(pod).some(({ role }) => role === 'worker'));
    if (!worker) return;
    (entry.spec as NetworkPolicySpec).ingress?.forEach((rule, index) => {
      const named =
        (rule.from ?? []).length > 0 &&
        rule.from?.every(({ podSelector, namespaceSelector, ipBlock }) => {
          const labels = { ...podSelector?.matchLabels };
          return (
            !ipBlock &&
            !namespaceSelector &&
            (Object.keys(labels).length > 0 || (podSelector?.matchExpressions ?? []).length > 0)
          );
        });
      if (named) return;
      report(
        entry,
        `spec.ingress[${index}].from`,
        `is ${quote(rule.from)}; only the root and the workers of the same topology may ` +
          `reach ${worker.entry.toString()}: name them by podSelector`,
      );
    });
  },
};

export const DLLAMA_NETWORK_RULES: readonly Rule[] = [dllamaProbes, dllamaFront, dllamaClosed];
