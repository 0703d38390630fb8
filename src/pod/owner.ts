import { ApiObject, Chart, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { Phase, phaseName } from '../phases/phase';
import { InputError } from './input-error';
import { kubernetesVersionOf } from './kubernetes-version';
import { ANNOTATION, LABEL, MANAGED_BY } from './metadata';
import { baseName, phaseOf, pipelineName } from './names';

/** A construct as its objects know it. */
export interface Owner {
  readonly scope: Construct;
  /** The base of its objects' names. */
  readonly name: string;
  readonly namespace: string;
  readonly pipeline: string;
  readonly phase: Phase;
  /** What it is, for `app.kubernetes.io/name`: `model-cache`. */
  readonly app: string;
  readonly kubernetesVersion: string;
}

/** An object as we write it. */
export interface ObjectSpec {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Its part in the construct, for `app.kubernetes.io/component`: that of the pods that it is for, or what it is. */
  readonly component: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string | undefined>;
  /** False for a cluster-scoped object. @default true */
  readonly namespaced?: boolean;
  /** Everything beside apiVersion, kind and metadata. */
  readonly body: Record<string, unknown>;
}

/**
 * Resolves what a construct's objects have in common.
 *
 * @param app what the construct is
 * @param phase the phase it belongs to in a plain chart
 * @param allowed the phases whose charts may hold it
 * @throws when it stands in the chart of another phase, or when its chart has no namespace
 */
export function ownerOf(scope: Construct, app: string, phase: Phase, allowed: readonly Phase[]): Owner {
  const chart = Chart.of(scope);
  const marked = phaseOf(scope) as Phase | undefined;
  if (marked !== undefined && !allowed.includes(marked)) {
    throw new InputError(scope, 'scope', `pipeline.${phaseName(marked)}`, {
      allowed: allowed.map((p) => `pipeline.${phaseName(p)}`).join(', '),
      advice: 'A phase opens when the Jobs of the phase before it are complete; this belongs in another one.',
    });
  }
  if (!chart.namespace) {
    throw new InputError(scope, 'namespace', undefined, {
      allowed: 'a chart with a namespace',
      advice: "Give the Chart one: new Chart(app, 'id', { namespace: 'llm' }).",
    });
  }
  return {
    scope,
    name: baseName(scope),
    namespace: chart.namespace,
    pipeline: pipelineName(scope),
    phase: marked ?? phase,
    app,
    kubernetesVersion: kubernetesVersionOf(scope),
  };
}

/** The labels by which an owner's pods are selected. They never change, because selectors cannot. */
export function selectorLabels(owner: Owner, component: string): Record<string, string> {
  return { [LABEL.name]: owner.app, [LABEL.instance]: owner.name, [LABEL.component]: component };
}

/** All standard labels. */
export function standardLabels(owner: Owner, component: string): Record<string, string> {
  return {
    [LABEL.name]: owner.app,
    [LABEL.instance]: owner.name,
    [LABEL.component]: component,
    [LABEL.partOf]: owner.pipeline,
    [LABEL.managedBy]: MANAGED_BY,
  };
}

/** Adds an object to the owner's chart, with the metadata that all our objects have. */
export function addObject(owner: Owner, id: string, spec: ObjectSpec): ApiObject {
  const { apiVersion, kind, name, component, labels, annotations, namespaced = true, body } = spec;
  const object = new ApiObject(owner.scope, id, {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: owner.namespace,
      labels: { ...standardLabels(owner, component), ...labels },
      annotations: defined({ [ANNOTATION.syncWave]: String(owner.phase), ...annotations }),
    },
    ...body,
  });
  // cdk8s gives every object its chart's namespace.
  if (!namespaced) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
  return object;
}

/** Without the entries that are undefined. */
export function defined(entries: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).filter((e): e is [string, string] => e[1] !== undefined));
}
