/**
 * The labels and annotations that our objects carry, by name. The one place where they are spelt.
 */

/** Standard labels, on every object. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export const LABEL = {
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  /** Which worker slots of a topology a pod serves: `shared`, or the number of a slot of its own. */
  slots: 'cdk8s-llm/slots',
  /** Which copy of a server a pod belongs to, where a copy is several pods. */
  copy: 'cdk8s-llm/copy',
  /** Of which version of a server a pod is: a hash of the templates of all its pods. */
  podRevision: 'cdk8s-llm/pod-revision',
  /** The LocalQueue by which Kueue admits the pods of a Deployment, StatefulSet or LeaderWorkerSet: on that object. */
  queue: 'kueue.x-k8s.io/queue-name',
} as const;

export const MANAGED_BY = 'cdk8s-llm';

export const ANNOTATION = {
  // How Argo CD and Flux treat the object.
  syncWave: 'argocd.argoproj.io/sync-wave',
  syncOptions: 'argocd.argoproj.io/sync-options',
  compareOptions: 'argocd.argoproj.io/compare-options',
  fluxPrune: 'kustomize.toolkit.fluxcd.io/prune',
  fluxSubstitute: 'kustomize.toolkit.fluxcd.io/substitute',
  // What is in it.
  /** Bumped by a person to run a Job again; part of the hash in its name. */
  attempt: 'cdk8s-llm/attempt',
  /** A script or other content, whose hash is in the object's name. */
  content: 'cdk8s-llm/content',
  source: 'cdk8s-llm/source',
  repository: 'cdk8s-llm/repository',
  revision: 'cdk8s-llm/revision',
  licence: 'cdk8s-llm/licence',
  /** What the source proves of the bytes: `content`, `version` or `none`. */
  proof: 'cdk8s-llm/proof',
  artifactKey: 'cdk8s-llm/artifact-key',
  artifactPath: 'cdk8s-llm/artifact-path',
  /** The folders of the artifacts that this one was made from, nearest first, with spaces between them. */
  parents: 'cdk8s-llm/parents',
  /** The keys of the artifacts that a workload waits for, with spaces between them. */
  needsArtifact: 'cdk8s-llm/needs-artifact',
  /** The keys of the artifacts to which a server's other objects lead, with spaces between them: those wait for nothing. */
  servesArtifact: 'cdk8s-llm/serves-artifact',
  /** Where what a server reads besides its model is from: `<role>: <source>, key <key>`, one a line. */
  alsoServes: 'cdk8s-llm/also-serves',
  /** What a cache keeps on its nodes: `<kind> <name>: <source>, key <key>`, one a line. */
  keeps: 'cdk8s-llm/keeps',
  /** The artifacts that a Job removes, by key or folder. */
  evicts: 'cdk8s-llm/evicts',
  /** Expected size of an artifact in bytes, where it is known at synth. */
  artifactBytes: 'cdk8s-llm/artifact-bytes',
  /** What differs between the checkout that a workload runs from and the image: how much, and its hash. */
  checkout: 'cdk8s-llm/checkout',
  /** A named departure from Pod Security `restricted`, with the reason. */
  podSecurityOptOut: 'cdk8s-llm/pod-security-opt-out',
  /** Rules that the object is excused from: `<rule>: <reason>`, one a line. */
  skipChecks: 'cdk8s-llm/skip-checks',
  /** What a Secret is for: `<secret>/<key>[,<key>]=<purpose>`, one a line. */
  secrets: 'cdk8s-llm/secrets',
} as const;

/** The text of an annotation that has a line for each of what is said, once; undefined when nothing is. */
export function annotationLines(said: readonly (string | undefined)[]): string | undefined {
  const lines = said.filter((line) => line !== undefined && line !== '');
  return lines.length > 0 ? [...new Set(lines)].join('\n') : undefined;
}

/** The label of pods that mount a claim which only one node can mount: they are drawn to one node by it. */
export function claimLabel(claimName: string): string {
  return `claim.cdk8s-llm/${claimName.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '')}`;
}
