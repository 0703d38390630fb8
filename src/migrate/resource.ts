/** A resource of one of the five systems, as a file has it. */

/** What Kubernetes says of every resource. @internal */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[];
  readonly [writtenByTheCluster: string]: unknown;
}

/** A resource that fits its schema. @internal */
export interface Resource<Spec = unknown> {
  readonly file: string;
  /** Which document of the file, from 1. */
  readonly document: number;
  /** Its place in the file, as errors begin: `models.yaml, document 1: Model llm/qwen`. */
  readonly where: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly status?: unknown;
}

/** For the comment over a pipeline: `Model llm/qwen (models.yaml, document 1)`. @internal */
export function originOf({ file, document, kind, namespace, name }: Resource): string {
  return `${kind} ${namespace}/${name} (${file}, document ${document})`;
}
