import { InputError } from '../pod/input-error';
import { checkKubernetesVersion, DEFAULT_KUBERNETES_VERSION } from '../pod/kubernetes-version';
import {
  CheckedObject,
  checkObjects,
  FOREIGN_RULES,
  ForeignRules,
  KubeObject,
  Violation,
  whyOf,
} from './check';
import { IRule, ownRules } from './own-rules';
import type { Rule } from './rule';

/** What `properties:` in cdk8s.yaml may hold. */
export interface LlmValidationProps {
  /**
   * The oldest Kubernetes version among the clusters that apply the files, from 1.28 to 1.36, in quotes: `'1.31'`.
   *
   * @default 1.31
   */
  readonly kubernetesVersion?: string;

  /**
   * Which rules hold for objects that this library did not make, by their label `app.kubernetes.io/managed-by`:
   * `all`, or `essential`, as in `PhasedApp`: those of Kubernetes, of Pod Security `restricted` and of GitOps,
   * without the house style of this library.
   *
   * @default all
   */
  readonly foreignRules?: string;

  /**
   * Rules of your own, which a subclass of `LlmValidation` gives: YAML cannot.
   *
   * @default - none
   */
  readonly rules?: IRule[];
}

const PROPERTIES = ['kubernetesVersion', 'foreignRules', 'rules'];

/** What the cdk8s command line gives to a plugin, as far as it is used here. */
interface Context {
  readonly manifests: readonly string[];
  parseManifest(path: string): unknown[];
  readonly report: {
    addViolation(violation: ReturnType<typeof reportOf>): void;
    submit(status: 'success' | 'failure', metadata: Record<string, string>): void;
  };
}

/**
 * A plugin of the cdk8s command line: `cdk8s synth` checks what it wrote, or any YAML that an app puts there,
 * against the schemas of its kinds and the rules of this library, and fails when they are broken.
 *
 * In cdk8s.yaml:
 *
 *     validations:
 *       - package: ./node_modules/cdk8s-llm
 *         version: 0.1.0
 *         class: LlmValidation
 *         properties: { kubernetesVersion: '1.31' }
 *
 * An object is excused from a rule by the annotation `cdk8s-llm/skip-checks: "<rule>: <reason>"`, one rule a line.
 */
export class LlmValidation {
  private readonly kubernetesVersion: string;
  private readonly foreignRules: ForeignRules;
  private readonly rules: readonly Rule[];

  /**
   * @throws when a property is unknown or has a value that it cannot have, when there are no schemas for the
   * version, or when two rules have one id
   */
  constructor(props: LlmValidationProps = {}) {
    const unknown = Object.keys(props).filter((name) => !PROPERTIES.includes(name));
    if (unknown.length > 0) {
      throw new InputError('LlmValidation', 'properties', unknown, { allowed: PROPERTIES.join(', ') });
    }
    // Without quotes, 1.30 in YAML is the number 1.3, which is refused here.
    const version: unknown = props.kubernetesVersion ?? DEFAULT_KUBERNETES_VERSION;
    checkKubernetesVersion('LlmValidation', version);
    this.kubernetesVersion = version;
    const { foreignRules = 'all' } = props;
    const known = FOREIGN_RULES.find((name) => name === foreignRules);
    if (known === undefined) {
      throw new InputError('LlmValidation', 'foreignRules', foreignRules, {
        allowed: FOREIGN_RULES.join(', '),
      });
    }
    this.foreignRules = known;
    this.rules = ownRules('LlmValidation', props.rules);
  }

  /**
   * Checks all manifests together.
   *
   * @param context a `ValidationContext` of cdk8s-cli
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- cdk8s-cli is no dependency of this library
  public async validate(context: any): Promise<void> {
    const { manifests, report } = context as Context;
    const objects = manifests.flatMap((manifest) => objectsOf(context as Context, manifest));
    const violations = checkObjects(objects, {
      kubernetesVersion: this.kubernetesVersion,
      foreignRules: this.foreignRules,
      rules: this.rules,
    });
    for (const violation of violations) {
      report.addViolation(reportOf(violation, whyOf(violation.rule, this.rules)));
    }
    report.submit(violations.length > 0 ? 'failure' : 'success', {
      kubernetesVersion: this.kubernetesVersion,
      objects: String(objects.length),
    });
    return Promise.resolve();
  }
}

/** The objects of a file, those of its Lists among them. An empty document is none. */
function objectsOf(context: Context, manifest: string): CheckedObject[] {
  const documents = context.parseManifest(manifest) as (KubeObject | null)[];
  return documents
    .filter((document) => document !== null)
    .flatMap((document) =>
      document.kind === 'List' && Array.isArray(document.items)
        ? (document.items as KubeObject[])
        : [document],
    )
    .map((object) => ({ object, where: manifest }));
}

function reportOf({ rule, object, where, field, message }: Violation, why: string) {
  const sentence = field === undefined ? message : `${field} ${message}`;
  return {
    ruleName: rule,
    recommendation: why,
    fix: sentence,
    violatingResources: [
      { resourceName: object, manifestPath: where, locations: field === undefined ? [] : [field] },
    ],
  };
}
