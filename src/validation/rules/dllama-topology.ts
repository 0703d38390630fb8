import { claimsOf, Entry, ObjectSet, podField } from '../object-set';
import { Report, Rule } from '../rule';
import { ReplicatedSpec, ServiceSpec } from '../shapes';
import { quote } from '../suggest';
import { allDllamaProcesses, dllamaPort, dllamaProcesses, flagValues } from './dllama-process';

/** What root and workers of distributed-llama are, and to each other. */

const dllamaWorkers: Rule = {
  id: 'dllama-workers',
  of: 'distributed-llama',
  style: true,
  why:
    'The root dials each worker by a name of its own, whichever is up first, and no worker ' +
    'is of use without the others.',
  pod: (pod, report, set) => {
    if (!dllamaProcesses(pod).some(({ role }) => role === 'worker')) return;
    const { entry } = pod;
    if (claimsOf(pod).length > 0) {
      report(
        entry,
        podField(pod, 'volumes'),
        'has a claim; a worker gets its part of the model from the root: leave it out',
      );
    }
    if (entry.kind !== 'StatefulSet') {
      report(
        entry,
        'kind',
        `is ${entry.kind}; workers are a StatefulSet, so that each has a name that lasts`,
      );
      return;
    }
    const spec = entry.spec as ReplicatedSpec;
    if (spec.podManagementPolicy !== 'Parallel') {
      report(
        entry,
        'spec.podManagementPolicy',
        `is ${quote(spec.podManagementPolicy)}; it must be "Parallel": workers are ready only together`,
      );
    }
    const service = set.find('Service', entry.namespace, spec.serviceName ?? '');
    if (service) checkWorkerService(service, report);
  },
};

function checkWorkerService(service: Entry, report: Report): void {
  const { publishNotReadyAddresses, ipFamilies } = service.spec as ServiceSpec;
  if (publishNotReadyAddresses !== true) {
    const message =
      `is ${quote(publishNotReadyAddresses)}; it must be true: the root finds workers before ` +
      'they are ready';
    report(service, 'spec.publishNotReadyAddresses', message);
  }
  if (ipFamilies && !ipFamilies.includes('IPv4')) {
    report(
      service,
      'spec.ipFamilies',
      `is ${quote(ipFamilies)}; it must have IPv4: distributed-llama knows no other`,
    );
  }
}

const dllamaRoot: Rule = {
  id: 'dllama-root',
  of: 'distributed-llama',
  why: 'Workers serve one root; a second one waits for ever, and the roll-out with it.',
  pod: (pod, report) => {
    const isRoot = dllamaProcesses(pod).some(({ role }) => role === 'root');
    const { entry } = pod;
    if (!isRoot || (entry.kind !== 'Deployment' && entry.kind !== 'StatefulSet')) return;
    const spec = entry.spec as ReplicatedSpec;
    if (spec.replicas !== 1)
      report(entry, 'spec.replicas', `is ${quote(spec.replicas)}; it must be 1: workers serve one root`);
    if (entry.kind === 'Deployment' && spec.strategy?.type !== 'Recreate') {
      report(
        entry,
        'spec.strategy.type',
        `is ${quote(spec.strategy?.type)}; it must be "Recreate": a new root gets the ` +
          'workers only when the old one is gone',
      );
    }
  },
  set: (set, report) => {
    for (const scaler of [...set.ofKind('HorizontalPodAutoscaler'), ...set.ofKind('ScaledObject')]) {
      const { scaleTargetRef } = scaler.spec as { scaleTargetRef?: { kind?: string; name?: string } };
      const target = set.find(
        scaleTargetRef?.kind ?? 'Deployment',
        scaler.namespace,
        scaleTargetRef?.name ?? '',
      );
      const scaled = target && set.podOf(target);
      if (!scaled || dllamaProcesses(scaled).length === 0) continue;
      report(
        scaler,
        'spec.scaleTargetRef',
        `is ${target.toString()}; the number of distributed-llama's processes is fixed: it cannot be scaled`,
      );
    }
  },
};

const dllamaWorkerNames: Rule = {
  id: 'dllama-worker-names',
  of: 'distributed-llama',
  why:
    'The root waits for ever for a worker that there is not, and knows nothing of one that ' +
    'it is not told.',
  set: (set, report) => {
    const roots = allDllamaProcesses(set).filter(({ role }) => role === 'root');
    const rootOf = new Map<string, Entry>();
    for (const root of roots) {
      const hosts = flagValues(root.args, '--workers') ?? [];
      const sets = new Set<Entry>();
      for (const host of hosts) {
        const { problem, worker } = resolveWorker(set, root.pod.entry.namespace, host);
        if (problem !== undefined)
          report(root.pod.entry, root.field, `has ${quote(host)} among --workers; ${problem}`);
        if (worker) sets.add(worker);
        const other = rootOf.get(host);
        if (other) {
          const message =
            `has ${quote(host)} among --workers, which serves ${other.toString()}; a worker ` +
            'serves one root';
          report(root.pod.entry, root.field, message);
        }
        rootOf.set(host, root.pod.entry);
      }
      const replicas = [...sets].reduce(
        (sum, entry) => sum + ((entry.spec as ReplicatedSpec).replicas ?? 1),
        0,
      );
      if (replicas > hosts.length) {
        report(
          root.pod.entry,
          root.field,
          `names ${hosts.length} workers of ${replicas} that ${[...sets].join(', ')} have; name them all`,
        );
      }
    }
  },
};

const NO_POD_NAME =
  'it must be the name of one pod, <set>-<number>.<service>.<namespace>.svc.cluster.local:<port>: ' +
  'a Service has many addresses, of which only the first would be used';

/** The StatefulSet that a worker's name belongs to, `<set>-<number>.<service>[.<namespace>...]:<port>`. */
function resolveWorker(
  set: ObjectSet,
  namespace: string,
  host: string,
): { problem?: string; worker?: Entry } {
  const parts = /^(.+)-(\d+)\.([^.:]+)(?:\.([^.:]+))?[^:]*:(\d+)$/.exec(host);
  if (!parts) return /^[\d.]+:\d+$/.test(host) ? {} : { problem: NO_POD_NAME };
  const [, name, ordinal, service, place, port] = parts;
  const entry = set.find('StatefulSet', place ?? namespace, name);
  if (!entry) return { problem: `there is no StatefulSet ${name} here` };
  const spec = entry.spec as ReplicatedSpec;
  if (Number(ordinal) >= (spec.replicas ?? 1)) {
    return {
      worker: entry,
      problem: `${entry.toString()} has ${spec.replicas ?? 1} replicas, numbered from 0`,
    };
  }
  if (spec.serviceName !== service) {
    return {
      worker: entry,
      problem: `the governing Service of ${entry.toString()} is ${quote(spec.serviceName)}`,
    };
  }
  const pod = set.podOf(entry);
  const process = pod && dllamaProcesses(pod)[0];
  if (process && dllamaPort(process) !== Number(port)) {
    return { worker: entry, problem: `${entry.toString()} listens at port ${dllamaPort(process)}` };
  }
  return { worker: entry };
}

export const DLLAMA_TOPOLOGY_RULES: readonly Rule[] = [dllamaWorkers, dllamaRoot, dllamaWorkerNames];
