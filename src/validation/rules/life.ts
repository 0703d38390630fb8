import { isKeptOnOneNode } from '../drawn-together';
import { Entry, isAsked, jobSpec, ObjectSet, Pod, podField, SERVER_KINDS } from '../object-set';
import { Rule } from '../rule';
import { Container, ReplicatedSpec } from '../shapes';
import { quote } from '../suggest';

/** Rules 6, 13 and 14: scaling, shutdown, disruption. */

/** Kinds that decide how many copies of another object run, and the most that they let run. */
const SCALERS: Record<string, (spec: ScalerSpec) => number> = {
  HorizontalPodAutoscaler: ({ maxReplicas = 1 }) => maxReplicas,
  HTTPScaledObject: ({ replicas }) => replicas?.max ?? 100,
  ScaledObject: ({ maxReplicaCount = 100 }) => maxReplicaCount,
};

interface ScalerSpec {
  readonly scaleTargetRef?: { readonly kind?: string; readonly name?: string };
  readonly maxReplicas?: number;
  readonly maxReplicaCount?: number;
  readonly replicas?: { readonly max?: number };
}

/** What is scaled, with the autoscaler and the most copies that it lets run. */
function scaledBy(set: ObjectSet): Map<Entry, { scaler: Entry; most: number }> {
  const scaled = new Map<Entry, { scaler: Entry; most: number }>();
  for (const [kind, most] of Object.entries(SCALERS)) {
    for (const scaler of set.ofKind(kind)) {
      const spec = scaler.spec as ScalerSpec;
      const { kind: of = 'Deployment', name = '' } = spec.scaleTargetRef ?? {};
      const target = set.find(of, scaler.namespace, name);
      if (target) scaled.set(target, { scaler, most: most(spec) });
    }
  }
  return scaled;
}

const oneOwnerOfReplicas: Rule = {
  id: 'replicas-owner',
  of: 6,
  why: 'Each sync would set the replicas back to what the file says, against the autoscaler.',
  set: (set, report) => {
    for (const [target, { scaler }] of scaledBy(set)) {
      const { replicas } = target.spec as ReplicatedSpec;
      if (replicas === undefined) continue;
      report(target, 'spec.replicas', `is ${replicas}; leave it out: ${scaler.toString()} decides it`);
    }
  },
};

const gracefulShutdown: Rule = {
  id: 'graceful-shutdown',
  of: 13,
  style: true,
  why:
    'The preStop hook runs within the grace period; what is left after it is all that the ' +
    'server has to finish.',
  pod: (pod, report) => {
    const grace = pod.spec.terminationGracePeriodSeconds ?? 30;
    for (const { container } of pod.containers) {
      const seconds = preStopSeconds(container);
      if (seconds === undefined || grace > seconds) continue;
      const message =
        `is ${grace}; it must be more than the ${seconds} s that preStop of ` +
        `${container.name} takes, by what the server needs to finish`;
      report(pod.entry, podField(pod, 'terminationGracePeriodSeconds'), message);
    }
  },
};

/** How long a preStop hook takes, as far as it can be read. */
function preStopSeconds(container: Container): number | undefined {
  const hook = container.lifecycle?.preStop;
  if (hook?.sleep) return hook.sleep.seconds;
  const sleep = /(?:^|[\s;/.])sleep[\s(]+(\d+)/.exec(hook?.exec?.command?.join(' ') ?? '');
  return sleep ? Number(sleep[1]) : undefined;
}

/** The exit codes of our programs that no retry can cure. */
const FINAL_CODES = [64, 65, 66, 73, 77];

const jobFailures: Rule = {
  id: 'job-failures',
  of: 14,
  style: true,
  why: 'A drained node is no failure, and a wrong checksum is not cured by fetching hours of data again.',
  kinds: ['Job'],
  object: (entry, report) => {
    const spec = jobSpec(entry);
    const restart = spec.template.spec.restartPolicy;
    if (restart !== 'Never') {
      report(
        entry,
        'spec.template.spec.restartPolicy',
        `is ${quote(restart)}; it must be "Never", so that exit codes reach the podFailurePolicy`,
      );
    }
    if (spec.backoffLimit === undefined) {
      report(entry, 'spec.backoffLimit', 'is missing; say how many failures are retried, 6 for instance');
    }
    const rules = spec.podFailurePolicy?.rules ?? [];
    const ignoresDisruption = rules.some(
      (rule) =>
        rule.action === 'Ignore' && rule.onPodConditions?.some(({ type }) => type === 'DisruptionTarget'),
    );
    if (!ignoresDisruption) {
      report(
        entry,
        'spec.podFailurePolicy.rules',
        'has no rule that ignores DisruptionTarget; add {action: Ignore, onPodConditions: ' +
          '[{type: DisruptionTarget, status: "True"}]}',
      );
    }
    if (!entry.ours) return;
    const final = rules
      .filter((rule) => rule.action === 'FailJob' && rule.onExitCodes?.operator === 'In')
      .flatMap((rule) => rule.onExitCodes?.values ?? []);
    const missing = FINAL_CODES.filter((code) => !final.includes(code));
    if (missing.length === 0) return;
    report(
      entry,
      'spec.podFailurePolicy.rules',
      `does not fail the Job on exit code ${missing.join(', ')}; add {action: FailJob, ` +
        `onExitCodes: {operator: In, values: [${FINAL_CODES.join(', ')}]}}`,
    );
  },
};

/** The servers of which several copies run, or may run, with a word on how many. */
function replicated(set: ObjectSet): { pod: Pod; copies: string }[] {
  const scaled = scaledBy(set);
  return set.pods.flatMap((pod) => {
    const { entry } = pod;
    if (!SERVER_KINDS.has(entry.kind) || !isAsked(pod)) return [];
    const { replicas } = entry.spec as ReplicatedSpec;
    if (replicas !== undefined) return replicas > 1 ? [{ pod, copies: String(replicas) }] : [];
    const most = scaled.get(entry)?.most ?? 1;
    return most > 1 ? [{ pod, copies: `up to ${most}` }] : [];
  });
}

const disruptionBudget: Rule = {
  id: 'disruption-budget',
  of: 14,
  style: true,
  why: 'Without a PodDisruptionBudget a drain takes all replicas at once.',
  set: (set, report) => {
    for (const { pod, copies } of replicated(set)) {
      if (set.selecting('PodDisruptionBudget', pod).length > 0) continue;
      report(
        pod.entry,
        'spec.replicas',
        `is ${copies}, and no PodDisruptionBudget selects the pods; add one`,
      );
    }
  },
};

const spread: Rule = {
  id: 'spread',
  of: 14,
  style: true,
  why: 'Replicas on one node go with it.',
  set: (set, report) => {
    for (const { pod, copies } of replicated(set)) {
      // Its groups are on several nodes each, and placed as groups.
      if (pod.entry.kind === 'LeaderWorkerSet') continue;
      // A claim or a folder of one node keeps them all there.
      if (isKeptOnOneNode(pod)) continue;
      const anti = pod.spec.affinity?.podAntiAffinity;
      const terms = [
        ...(pod.spec.topologySpreadConstraints ?? []),
        ...(anti?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
        ...(anti?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
      ];
      if (terms.length > 0) continue;
      report(
        pod.entry,
        podField(pod, 'topologySpreadConstraints'),
        `is missing with ${copies} replicas; spread them by kubernetes.io/hostname (or by podAntiAffinity)`,
      );
    }
  },
};

export const LIFE_RULES: readonly Rule[] = [
  oneOwnerOfReplicas,
  gracefulShutdown,
  jobFailures,
  disruptionBudget,
  spread,
];
