import type { Position } from '../validation/yaml-documents';

/** Something that `check` has found. @internal */
export interface Finding extends Position {
  /** `pod-security`, `schema`, or `yaml` for what is no YAML. */
  readonly rule: string;
  /** The file's name as it was given. */
  readonly file: string;
  /** `Job llm/qwen3-weights-1a2b3c4d`; undefined in what is no YAML. */
  readonly object?: string;
  /** `spec.template.spec.containers[0].image` */
  readonly field?: string;
  /** What is wrong and what to do, as the rest of a sentence that begins with the field or the object. */
  readonly message: string;
  /** What goes wrong in the cluster otherwise. */
  readonly why: string;
}

/** What `check` has looked at, and what it has found there. @internal */
export interface CheckResult {
  readonly findings: readonly Finding[];
  readonly kubernetesVersion: string;
  readonly files: number;
  readonly objects: number;
}

/** `spec.replicas is "2"; it must be a whole number` @internal */
export function sentenceOf({ field, message }: Finding): string {
  return field === undefined ? message : `${field} ${message}`;
}
