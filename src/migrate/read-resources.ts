import { readDocuments } from '../validation/yaml-documents';
import { nearest } from '../validation/suggest';
import type { Metadata, Resource } from './resource';
import { readSchema, schemaProblems } from './schema-errors';
import type { Translation } from './translation';

/** A file that was read. @internal */
export interface InputText {
  /** As a person finds it. */
  readonly name: string;
  readonly text: string;
}

/** The schemas, by what resources say that they are. @internal */
export const SCHEMAS: Readonly<Record<string, string>> = {
  'koldun.gorizond.io/v1 Model': 'koldun-model.json',
  'koldun.gorizond.io/v1 Dllama': 'koldun-dllama.json',
  'koldun.gorizond.io/v1 Root': 'koldun-root.json',
  'koldun.gorizond.io/v1 Worker': 'koldun-worker.json',
  'ai.re-cinq.com/v1 Job': 'ai-operator-job.json',
  'nvidia.com/v1alpha1 DynamoModel': 'dynamo-model.json',
  'nvidia.com/v1alpha1 DynamoGraphDeployment': 'dynamo-graph-deployment.json',
  'canhazgpu.dev/v1alpha1 CachePlan': 'cache-plan.json',
  'model.example.com/v1alpha1 ModelServe': 'model-serve.json',
};

/** What k8shazgpu's claims are: those of Kubernetes, told by an annotation what runs with them. */
const VLLM_CLAIM = 'vllm-claim.json';

/** Annotations that say so. */
const WORKLOADS = ['canhazgpu.dev/workload', 'k8shazgpu.com/pod-spec'];

/** Where k8shazgpu's own pods run, which belong to no namespace's resource. */
const CLUSTER_SCOPED: Readonly<Record<string, string>> = { 'cache-plan.json': 'canhazgpu-system' };

/** What the cluster writes into every resource. */
const OF_THE_CLUSTER = [
  ...['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp'],
  ...['deletionGracePeriodSeconds', 'selfLink', 'managedFields', 'ownerReferences', 'finalizers'],
];

/** What kubectl and operators write into annotations. */
const ANNOTATIONS_OF_THE_CLUSTER = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'koldun.gorizond.io/model-generation',
  'koldun.gorizond.io/slot',
  'koldun.gorizond.io/job-deleted-at',
];

/** What people tell the operators by annotations, by the schema of the resource. */
const ANNOTATIONS_FOR: Readonly<Record<string, RegExp>> = {
  'koldun-model.json': /^koldun\.gorizond\.io\/(ttl-seconds|force-size-rerun)$/,
  [VLLM_CLAIM]: /^(canhazgpu\.dev\/|k8shazgpu\.com\/pod-spec$)/,
};

/** The resources of all files. @internal */
export class Resources {
  private readonly bySchema = new Map<string, Resource[]>();

  /** @returns the one of that identity that is there already, if there is one: it stays */
  public add(schema: string, resource: Resource): Resource | undefined {
    const others = this.bySchema.get(schema) ?? [];
    const same = others.find(
      ({ name, namespace }) => name === resource.name && namespace === resource.namespace,
    );
    if (!same) this.bySchema.set(schema, [...others, resource]);
    return same;
  }

  /** Those of a schema, in the order of the files. */
  public of<Spec>(schema: string): Resource<Spec>[] {
    return (this.bySchema.get(schema) ?? []) as Resource<Spec>[];
  }

  public get count(): number {
    return [...this.bySchema.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

/**
 * Reads and checks all resources of the five systems.
 *
 * @param namespace of those that name none
 * @param translation is told what is wrong, and what is left out
 * @internal
 */
export function readResources(
  files: readonly InputText[],
  namespace: string | undefined,
  translation: Translation,
): Resources {
  const resources = new Resources();
  for (const { name: file, text } of files) {
    const { documents, errors } = readDocuments(text);
    for (const { message, position } of errors) {
      translation.refuse(`${file}, line ${position.line}`, 'document', 'no YAML', {
        allowed: 'a Kubernetes resource',
        advice: message,
      });
    }
    documents.forEach(({ value }, index) => {
      for (const object of membersOf(value))
        addResource(resources, { file, document: index + 1, object }, namespace, translation);
    });
  }
  if (resources.count === 0 && translation.problems.length === 0) {
    translation.refuse(files.map(({ name }) => name).join(', ') || 'no file', 'resources', undefined, {
      allowed: Object.keys(SCHEMAS).join(', '),
      advice:
        'Print those of a cluster: kubectl get models.koldun.gorizond.io,dllamas.koldun.gorizond.io -A -o yaml',
    });
  }
  return resources;
}

/** What `kubectl get` prints of several is one document. */
function membersOf(document: unknown): unknown[] {
  if (typeof document !== 'object' || document === null) return [document];
  const { kind, items } = document as { kind?: unknown; items?: unknown };
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items : [document];
}

interface Found {
  readonly file: string;
  readonly document: number;
  readonly object: unknown;
}

interface Loose {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly metadata?: {
    readonly name?: unknown;
    readonly namespace?: unknown;
    readonly annotations?: unknown;
    readonly labels?: unknown;
  } | null;
}

function addResource(
  resources: Resources,
  { file, document, object }: Found,
  namespaceGiven: string | undefined,
  translation: Translation,
): void {
  const place = `${file}, document ${document}`;
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    translation.refuse(place, 'document', Array.isArray(object) ? 'a list' : 'no object', {
      allowed: 'a Kubernetes resource',
    });
    return;
  }
  const { apiVersion, kind, metadata } = object as Loose;
  const schema = schemaOf(object);
  const inNamespace =
    textOf(metadata?.namespace) ?? namespaceGiven ?? (schema && CLUSTER_SCOPED[schema]) ?? 'default';
  const name = textOf(metadata?.name) ?? '?';
  const where = `${place}: ${textOf(kind) ?? 'resource'} ${inNamespace}/${name}`;
  const resource: Resource = {
    file,
    document,
    where,
    apiVersion: textOf(apiVersion) ?? '',
    kind: textOf(kind) ?? '',
    namespace: inNamespace,
    name,
    metadata: (metadata ?? { name }) as Metadata,
    spec: (object as { spec?: unknown }).spec,
    status: (object as { status?: unknown }).status,
  };
  if (!schema) {
    leaveOut(resource, translation);
    return;
  }
  const problems = schemaProblems(where, schema, object);
  translation.problems.push(...problems);
  if (problems.length > 0) return;
  const same = resources.add(schema, resource);
  if (same) {
    translation.refuse(where, 'metadata.name', name, {
      allowed: `one ${resource.kind} of that name in namespace ${inNamespace}`,
      advice: `There is one already: ${same.file}, document ${same.document}.`,
    });
  }
  noteMetadata(resource, schema, translation);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function schemaOf({ apiVersion, kind, metadata }: Loose): string | undefined {
  const known = SCHEMAS[`${String(apiVersion)} ${String(kind)}`];
  if (known) return known;
  const annotations = Object.keys(metadata?.annotations ?? {});
  return WORKLOADS.some((name) => annotations.includes(name)) ? VLLM_CLAIM : undefined;
}

/** What is none of the five systems' resources: something of theirs that was misspelt, what they made, or another. */
function leaveOut(resource: Resource, translation: Translation): void {
  const { apiVersion, kind, namespace, where } = resource;
  const given = `${apiVersion} ${kind}`;
  const known = Object.keys(SCHEMAS);
  const ofGroup = known.filter((each) => each.split('/')[0] === apiVersion.split('/')[0]);
  if (ofGroup.length > 0 || apiVersion === '' || kind === '') {
    const meant = nearest(given, known);
    translation.refuse(where, 'apiVersion, kind', given, {
      allowed: (ofGroup.length > 0 ? ofGroup : known).join(', '),
      advice: meant === undefined ? undefined : `Did you mean ${meant}?`,
    });
    return;
  }
  const maker = makerOf(resource);
  if (maker) {
    translation.refuse(where, 'kind', kind, {
      allowed: `the ${maker.kind} that it was made of`,
      advice: `Print it: kubectl get ${maker.plural} -n ${namespace} -o yaml`,
    });
    return;
  }
  const message =
    kind === 'Secret'
      ? 'Secrets are never taken over, so that their values stay out of Git. It must be there, in the namespace of the pipeline.'
      : 'It is no resource of the five systems, and left as it is: apply it yourself.';
  translation.of(resource).warn('kind', message);
}

/** Of whose objects an object is, by the labels that operators give them. */
function makerOf({ metadata, spec }: Resource): { kind: string; plural: string } | undefined {
  const selector = (spec as { selector?: { matchLabels?: object } } | undefined)?.selector?.matchLabels ?? {};
  const labels = Object.keys({ ...metadata.labels, ...selector });
  if (labels.includes('model_serve_cr'))
    return { kind: 'ModelServe', plural: 'modelserves.model.example.com' };
  if (labels.includes('koldun.gorizond.io/component'))
    return { kind: 'Model or Dllama', plural: 'models.koldun.gorizond.io,dllamas.koldun.gorizond.io' };
  if (labels.includes('dynamo.nvidia.com/model'))
    return { kind: 'DynamoModel', plural: 'dynamomodels.nvidia.com' };
  return undefined;
}

/** What Kubernetes has of every resource, and nothing is made of. */
function noteMetadata(resource: Resource, schema: string, translation: Translation): void {
  const { metadata, namespace, status } = resource;
  const notes = translation.of(resource);
  const annotations = Object.keys(metadata.annotations ?? {});
  const written = [
    ...OF_THE_CLUSTER.filter((field) => metadata[field] !== undefined && metadata[field] !== null).map(
      (field) => `metadata.${field}`,
    ),
    ...annotations.filter((name) => ANNOTATIONS_OF_THE_CLUSTER.includes(name)).map(annotationField),
    ...(status === undefined ? [] : ['status']),
  ];
  if (written.length > 0)
    notes.warn(written.join(', '), 'The cluster wrote it, and writes it anew. It is not read.');
  if (metadata.namespace === undefined && CLUSTER_SCOPED[schema] === undefined) {
    notes.warn('metadata.namespace', `It is missing: ${namespace} is taken.`);
  }
  if (Object.keys(metadata.labels ?? {}).length > 0) {
    notes.warn(
      'metadata.labels',
      'Nothing that is made has them: it has the standard labels. In code, app.pipeline(name, { namespace, labels }) gives it more.',
    );
  }
  const others = annotations.filter(
    (name) => !ANNOTATIONS_OF_THE_CLUSTER.includes(name) && !ANNOTATIONS_FOR[schema]?.test(name),
  );
  if (others.length > 0)
    notes.warn(
      'metadata.annotations',
      `Nothing that is made has them, and none is told anything by them: ${others.join(', ')}.`,
    );
}

/** @internal */
export function annotationField(name: string): string {
  return `metadata.annotations["${name}"]`;
}

/** All schemas of resources. @internal */
export function resourceSchemas(): string[] {
  const schemas = [...Object.values(SCHEMAS), VLLM_CLAIM];
  schemas.forEach(readSchema);
  return schemas;
}
