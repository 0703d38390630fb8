import { ObjectSet } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';

/** Rule 2, for the objects that point Argo CD and Flux at a pipeline. */

interface ApplicationSpec {
  source?: { directory?: { recurse?: boolean } };
  syncPolicy?: {
    automated?: { prune?: boolean; selfHeal?: boolean };
    retry?: { refresh?: boolean };
    syncOptions?: string[];
  };
}

interface KustomizationSpec {
  dependsOn?: { name: string; namespace?: string }[];
  sourceRef?: { kind: string; name: string; namespace?: string };
  prune?: boolean;
  wait?: boolean;
  force?: boolean;
  timeout?: string;
  retryInterval?: string;
}

/** Options by which Argo CD would not wait, or would delete what is to be kept. */
const HARMFUL_OPTIONS = /^(ApplyOutOfSyncOnly|Replace|Force)=true$/;

const argoApplication: Rule = {
  id: 'argo-application',
  of: 2,
  why: 'Waves gate only when Argo CD prunes, heals and looks at every object at each sync.',
  kinds: ['Application', 'ApplicationSet'],
  object: (entry, report) => {
    if (!entry.ours) return;
    const isSet = entry.kind === 'ApplicationSet';
    const path = isSet ? 'spec.template.spec' : 'spec';
    const spec = (
      isSet ? (entry.spec as { template?: { spec?: object } }).template?.spec : entry.spec
    ) as ApplicationSpec;
    const policy = spec?.syncPolicy;
    const demand = (field: string, value: boolean | undefined, why: string) => {
      if (value !== true) report(entry, `${path}.${field}`, `is ${quote(value)}; it must be true: ${why}`);
    };
    demand('source.directory.recurse', spec?.source?.directory?.recurse, 'each phase is a folder of its own');
    demand(
      'syncPolicy.automated.prune',
      policy?.automated?.prune,
      'old Jobs go when new ones with new names come',
    );
    demand('syncPolicy.automated.selfHeal', policy?.automated?.selfHeal, 'a deleted Job is to run again');
    demand(
      'syncPolicy.retry.refresh',
      policy?.retry?.refresh,
      'a retry is to take the newest commit, not the one that failed',
    );
    for (const option of policy?.syncOptions ?? []) {
      if (!HARMFUL_OPTIONS.test(option)) continue;
      report(
        entry,
        `${path}.syncPolicy.syncOptions`,
        `has ${quote(option)}; take it out: waves would open early, or objects be replaced`,
      );
    }
  },
};

const fluxKustomization: Rule = {
  id: 'flux-kustomization',
  of: 2,
  why: 'A phase opens when the one before it is ready, at the same commit, with its Jobs complete.',
  kinds: ['Kustomization'],
  object: (entry, report, set) => {
    if (!entry.ours) return;
    const spec = entry.spec as KustomizationSpec;
    const demand = (field: string, value: unknown, right: boolean, why: string) => {
      if (value !== right) report(entry, `spec.${field}`, `is ${quote(value)}; it must be ${right}: ${why}`);
    };
    demand('wait', spec.wait, true, 'ready is to mean that the Jobs are complete');
    demand('prune', spec.prune, true, 'old Jobs go when new ones with new names come');
    if (spec.force !== undefined)
      demand('force', spec.force, false, 'it would delete claims with their data');
    if (spec.timeout === undefined || minutes(spec.timeout) > LONGEST_WAIT) {
      report(
        entry,
        'spec.timeout',
        `is ${quote(spec.timeout)}; it must be at most ${LONGEST_WAIT}m: while Flux waits, ` +
          'it takes no new commit and serves no one else',
      );
    }
    if (spec.retryInterval === undefined) {
      report(
        entry,
        'spec.retryInterval',
        'is missing; without it the next look at a Job is an interval away. Set it, to 1m for instance',
      );
    }
    checkChain(spec, entry.namespace, set, (field, message) => report(entry, field, message));
  },
};

const LONGEST_WAIT = 10;

function checkChain(
  spec: KustomizationSpec,
  namespace: string,
  set: ObjectSet,
  report: (f: string, m: string) => void,
): void {
  spec.dependsOn?.forEach((dependency, index) => {
    const other = set.find('Kustomization', dependency.namespace ?? namespace, dependency.name);
    if (!other) {
      report(`spec.dependsOn[${index}]`, `is ${quote(dependency.name)}; there is no such Kustomization here`);
      return;
    }
    const source = (other.spec as KustomizationSpec).sourceRef;
    if (quote(source) === quote(spec.sourceRef)) return;
    const message =
      `is ${quote(dependency.name)}, whose sourceRef is ${quote(source)} and not ` +
      `${quote(spec.sourceRef)}; phases keep step only on one source`;
    report(`spec.dependsOn[${index}]`, message);
  });
}

/** A duration such as `1h5m` in minutes. */
function minutes(duration: string): number {
  const unit: Record<string, number> = { h: 60, m: 1, s: 1 / 60 };
  return [...duration.matchAll(/(\d+(?:\.\d+)?)([hms])/g)].reduce(
    (sum, [, n, u]) => sum + Number(n) * unit[u],
    0,
  );
}

export const GITOPS_TOOL_RULES: readonly Rule[] = [argoApplication, fluxKustomization];
