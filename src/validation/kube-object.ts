/**
 * What a check is given: Kubernetes objects as plain data, as they stand in YAML.
 */

/** A Kubernetes object as plain data. @internal */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name?: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever stands in YAML
    [field: string]: any;
  };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever stands in YAML
  [field: string]: any;
}

/** An object with the place that a person finds it at. @internal */
export interface CheckedObject {
  readonly object: KubeObject;
  /** Construct path or file, for messages. */
  readonly where: string;
}

/** An object that breaks a rule. @internal */
export interface Violation {
  /** The rule's id: `job-name-hash`. */
  readonly rule: string;
  readonly severity: 'error';
  /** Construct path or file. */
  readonly where: string;
  /** `Job llm/qwen3-weights-1a2b3c4d`. */
  readonly object: string;
  /** `spec.template.spec.containers[0].image`. */
  readonly field?: string;
  /** What was given, what is allowed, what to do. */
  readonly message: string;
}
