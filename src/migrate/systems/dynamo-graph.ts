/** The services of a DynamoGraphDeployment that serve a DynamoModel. */
import { call, list, literal, object, ref } from '../plan';
import { idWithin, PipelineBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import type { Notes, Translation } from '../translation';
import { optional, size } from '../values';
import type { TranslatedModel } from './dynamo-model';

interface Resourced {
  readonly cpu?: string;
  readonly memory?: string;
  readonly gpu?: string;
}

interface ServiceSpec {
  readonly modelRef?: string;
  readonly replicas?: number;
  readonly componentType?: string;
  readonly subComponentType?: string;
  readonly dynamoNamespace?: string;
  readonly envFromSecret?: string;
  readonly resources?: { readonly requests?: Resourced; readonly limits?: Resourced };
  readonly extraPodSpec?: unknown;
}

/** @internal */
export interface GraphSpec {
  readonly services: Readonly<Record<string, ServiceSpec>>;
}

/** @internal */
export function translateGraph(
  graph: Resource<GraphSpec>,
  models: readonly TranslatedModel[],
  translation: Translation,
): void {
  const notes = translation.of(graph);
  const services = Object.entries(graph.spec.services);
  for (const [name, service] of services) {
    const at = `spec.services.${name}`;
    if (service.modelRef === undefined) {
      notes.warn(
        at,
        'It has no modelRef, and is a part of Dynamo, which goes on to run it: each server that is made here speaks the OpenAI API by itself.',
      );
    } else {
      translateService({ graph, name, at, service }, models, notes);
    }
  }
}

interface Service {
  readonly graph: Resource<GraphSpec>;
  readonly name: string;
  readonly at: string;
  readonly service: ServiceSpec;
}

function translateService(
  { graph, name, at, service }: Service,
  models: readonly TranslatedModel[],
  notes: Notes,
): void {
  const { modelRef = '', replicas, resources } = service;
  const model = models.find(
    ({ resource }) => resource.name === modelRef && resource.namespace === graph.namespace,
  );
  if (!model) {
    notes.refuse(`${at}.modelRef`, modelRef, {
      allowed: `a DynamoModel of namespace ${graph.namespace} in the files`,
      advice: `Add it: kubectl get dynamomodels.nvidia.com ${modelRef} -n ${graph.namespace} -o yaml`,
    });
  }
  warnOfRuntime(at, service, notes);
  const gpus =
    resources?.limits?.gpu ??
    resources?.requests?.gpu ??
    notes.ask(`${at}.resources.limits.gpu`, `${name}/gpus`, {
      given: undefined,
      allowed: 'how many GPUs each copy has: 1, 2, 4, 8',
      form: /^[1-9]\d*$/,
      why: 'A server that asks for none gets none.',
      command: `kubectl get nodes -o custom-columns='NODE:.metadata.name,GPUS:.status.allocatable.nvidia\\.com/gpu,GPU:.metadata.labels.nvidia\\.com/gpu\\.product'`,
    });
  if (!model) return;
  model.pipeline.addOrigin(graph);
  const cpu = resources?.limits?.cpu ?? resources?.requests?.cpu;
  const memory = resources?.limits?.memory ?? resources?.requests?.memory;
  model.pipeline.construct(
    { class: 'VllmServer', phase: 'serve', id: serverId(model.pipeline, name) },
    object({
      model: ref(model.cache, 'artifact'),
      servedModelNames: list([literal(model.resource.spec.name)]),
      accelerator: call('Accelerator.nvidia', object({ count: literal(Number(gpus || '1')) })),
      replicas: replicas === undefined ? undefined : literal(replicas),
      cpu: optional(cpu),
      memory: memory === undefined ? undefined : size(memory),
    }),
    notes.taken(),
  );
}

/** `VllmDecodeWorker` as `vllm-decode-worker`. */
function serverId(pipeline: PipelineBuilder, name: string): string {
  const id = name
    .replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return idWithin(pipeline, id === '' ? 'server' : id, 'server');
}

/** What tells Dynamo's own runtime, which no server here is. */
function warnOfRuntime(at: string, service: ServiceSpec, notes: Notes): void {
  const fields = (['componentType', 'subComponentType', 'dynamoNamespace', 'extraPodSpec'] as const).filter(
    (field) => service[field] !== undefined,
  );
  if (fields.length > 0) {
    notes.warn(
      fields.map((field) => `${at}.${field}`).join(', '),
      "It tells Dynamo's runtime what part of a graph the pod is. A whole vLLM server is made, which prefills and decodes; its flags are properties of VllmServer.",
    );
  }
  if (service.envFromSecret !== undefined) {
    notes.warn(
      `${at}.envFromSecret`,
      'The server fetches nothing, and needs no token. It is left out; in code, secretEnv names single keys.',
    );
  }
  const { requests, limits } = service.resources ?? {};
  const differing = (['cpu', 'memory', 'gpu'] as const).filter(
    (field) =>
      requests?.[field] !== undefined && limits?.[field] !== undefined && requests[field] !== limits[field],
  );
  if (differing.length > 0) {
    notes.warn(
      differing.map((field) => `${at}.resources.requests.${field}`).join(', '),
      'Requests of servers are their limits, which are taken.',
    );
  }
}
