/** DynamoModel: a model in a claim, at a version; and the services of a DynamoGraphDeployment that serve it. */
import { parseHuggingFaceAddress } from '../../artifact/sources/hugging-face';
import { parseNgcAddress } from '../../artifact/sources/ngc';
import { withoutCredentials } from '../../pod/input-error';
import { call, Expression, list, literal, object, ref } from '../plan';
import { idWithin, PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Resource } from '../resource';
import { bucketProps, factsOf, huggingFace, Repository, s3Place, webSource } from '../sources';
import type { Notes, Translation } from '../translation';
import { accessModes, isOneNode, optional, SHA256, size, texts } from '../values';

interface DynamoModelSpec {
  readonly name: string;
  readonly version?: string;
  readonly sourceURL: string;
  readonly secretRef?: string;
  readonly downloaderRef?: string;
  readonly pvc: {
    readonly create?: boolean;
    readonly name?: string;
    readonly storageClass?: string;
    readonly size?: string;
    readonly volumeAccessMode?: string;
  };
}

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

interface GraphSpec {
  readonly services: Readonly<Record<string, ServiceSpec>>;
}

/** What servers take of a model. */
interface TranslatedModel {
  readonly resource: Resource<DynamoModelSpec>;
  readonly pipeline: PipelineBuilder;
  /** The variable of its ModelCache. */
  readonly cache: string;
}

/** @internal */
export function translateDynamo(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  const graphs = resources.of<GraphSpec>('dynamo-graph-deployment.json');
  const models = resources.of<DynamoModelSpec>('dynamo-model.json').map((resource) => {
    const isServed = graphs.some(
      ({ namespace, spec }) =>
        namespace === resource.namespace &&
        Object.values(spec.services).some(({ modelRef }) => modelRef === resource.name),
    );
    return translateModel(resource, translation.of(resource), plan, isServed);
  });
  for (const graph of graphs) translateGraph(graph, models, translation);
}

function translateModel(
  resource: Resource<DynamoModelSpec>,
  notes: Notes,
  plan: PlanBuilder,
  isServed: boolean,
): TranslatedModel {
  const pipeline = plan.pipeline(resource);
  const { source, facts } = sourceOf(resource, notes, pipeline);
  const store = storeOf(resource, notes, () =>
    isServed ? ref(pipeline.constant('gpu', call('Accelerator.nvidia')).to, 'placement') : undefined,
  );
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({ source, store, facts }),
    notes.taken(),
  );
  return { resource, pipeline, cache };
}

function sourceOf(
  { spec, namespace }: Resource<DynamoModelSpec>,
  notes: Notes,
  pipeline: PipelineBuilder,
): { readonly source: Expression; readonly facts?: Expression } {
  const { sourceURL, secretRef, version, downloaderRef } = spec;
  const repository =
    sourceURL.startsWith('hf://') || /^https:\/\/huggingface\.co\//.test(sourceURL)
      ? parseHuggingFaceAddress(sourceURL)
      : undefined;
  const bucket = s3Place(sourceURL);
  const catalog = parseNgcAddress(sourceURL);
  const isWeb = /^https?:\/\//.test(sourceURL);
  const secret = () => (secretRef === undefined ? undefined : pipeline.secret(secretRef));
  const known = repository ?? bucket ?? catalog ?? (isWeb ? {} : undefined);
  if (known && downloaderRef !== undefined) {
    notes.warn(
      'spec.downloaderRef',
      `DynamoModel never reads it, and the scheme of ${withoutCredentials(sourceURL)} has a source of its own here. It is left out.`,
    );
  }
  if (repository) {
    const given: Repository = {
      ...repository,
      field: 'spec.sourceURL',
      revision: version ?? repository.revision,
      revisionField: version === undefined ? undefined : 'spec.version',
      tokenSecret: secret(),
    };
    if (version !== undefined)
      notes.warn(
        'spec.version',
        `DynamoModel never hands it to a download, which takes whatever main is. Here it is the state that is fetched.`,
      );
    if (repository.repo !== spec.name)
      notes.warn(
        'spec.name',
        `It is not the repository of sourceURL, ${repository.repo}, which is fetched. Servers answer to the name.`,
      );
    if (secretRef !== undefined) warnOfKey(notes, secretRef, namespace, 'HF_TOKEN', 'token');
    return { source: huggingFace(notes, given), facts: factsOf(notes, given) };
  }
  if (bucket) return { source: bucketSource(spec, notes, bucket, secret()) };
  if (catalog) {
    if (secretRef !== undefined) warnOfKey(notes, secretRef, namespace, undefined, 'NGC_API_KEY');
    return { source: catalogSource(spec, notes, catalog, secret()) };
  }
  if (isWeb) return { source: fileSource(spec, notes, secret()) };
  return { source: customSource(spec, notes) };
}

/** DynamoModel hands over all keys of a Secret; this library reads one. */
function warnOfKey(
  notes: Notes,
  secret: string,
  namespace: string,
  from: string | undefined,
  to: string,
): void {
  const copy =
    from === undefined
      ? ''
      : ` Copy it: kubectl patch secret ${secret} -n ${namespace} -p ` +
        `"{\\"data\\":{\\"${to}\\":\\"$(kubectl get secret ${secret} -n ${namespace} -o jsonpath='{.data.${from}}')\\"}}"`;
  notes.warn(
    'spec.secretRef',
    `The Secret has to hold its value under the key ${to}${from === undefined ? '' : `, not ${from}`}.${copy}`,
  );
}

function bucketSource(
  { version }: DynamoModelSpec,
  notes: Notes,
  place: { bucket: string; prefix: string },
  credentialsSecret: Expression | undefined,
): Expression {
  if (version !== undefined)
    notes.warn(
      'spec.version',
      'A folder of a bucket has no version. What pins it is the sha256 of a list of its files.',
    );
  const folder = ['s3:/', place.bucket, place.prefix].filter((part) => part !== '').join('/');
  const sha256 = notes.ask('spec.sourceURL', 'sha256', {
    given: folder,
    allowed: 'the sha256 of the file SHA256SUMS in the folder, which lists the others: 64 hexadecimal digits',
    form: SHA256,
    why: 'What is in a bucket can change.',
    command:
      `aws s3 sync ${folder} model && cd model && find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS && ` +
      `aws s3 cp SHA256SUMS ${folder}/ && sha256sum SHA256SUMS | cut -c 1-64`,
  });
  return call(
    'ModelSource.s3',
    object({
      ...bucketProps({ ...place }),
      credentialsSecret,
      manifest: object({ sha256: literal(sha256), path: literal('SHA256SUMS') }),
    }),
  );
}

function catalogSource(
  { version }: DynamoModelSpec,
  notes: Notes,
  { model, version: inAddress }: { readonly model: string; readonly version?: string },
  apiKeySecret: Expression | undefined,
): Expression {
  if (version !== undefined)
    notes.warn(
      'spec.version',
      'DynamoModel never hands it to a download. Here it is the version that is fetched.',
    );
  const told = version ?? inAddress;
  const given = told !== undefined && told !== 'latest' ? told : undefined;
  const asked =
    given ??
    notes.ask('spec.version', 'version', {
      given: told,
      allowed: 'a version of the model in the catalog',
      form: /^[A-Za-z0-9][\w.+-]*$/,
      why: 'The latest one changes under a running model.',
      command: `ngc registry model list '${model}:*'`,
    });
  return call('ModelSource.ngc', literal(model), object({ version: literal(asked), apiKeySecret }));
}

function fileSource(
  { sourceURL, version }: DynamoModelSpec,
  notes: Notes,
  tokenSecret: Expression | undefined,
): Expression {
  if (version !== undefined)
    notes.warn('spec.version', 'A file of a web server has no version. What pins it is its sha256.');
  if (tokenSecret)
    notes.warn(
      'spec.secretRef',
      'The Secret has to hold a token under the key token, which is sent as Bearer.',
    );
  const shown = withoutCredentials(sourceURL).replace(/[?#].*/s, '');
  const address = { field: 'spec.sourceURL', url: sourceURL, shown, kind: 'file or archive' };
  return webSource(notes, address, { tokenSecret });
}

/** A downloader by its name, which no resource says more of. */
function customSource(
  { sourceURL, downloaderRef, version, name, secretRef }: DynamoModelSpec,
  notes: Notes,
): Expression {
  if (downloaderRef === undefined) {
    notes.refuse('spec.sourceURL', withoutCredentials(sourceURL), {
      allowed:
        "'hf://org/name', 's3://bucket/prefix', 'ngc://org/model', 'https://host/path', or any other with downloaderRef",
    });
  } else {
    notes.warn(
      'spec.downloaderRef',
      'DynamoModel never reads it. The downloader that is meant runs, by the contract of docs/custom-source.md.',
    );
  }
  if (secretRef !== undefined) {
    notes.refuse('spec.secretRef', secretRef, {
      allowed: 'nothing beside a downloader of your own, whose variables are not known here',
      advice: 'Leave it out, render, and give ModelSource.custom its secrets in code: to-code writes it.',
    });
  }
  const image = notes.ask('spec.downloaderRef', 'image', {
    given: downloaderRef,
    allowed: 'the image of the downloader, pinned by tag or digest',
    form: /^\S+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    command: `kubectl get all,configmaps -A | grep ${downloaderRef ?? 'downloader'}`,
  });
  const command = notes.ask('spec.downloaderRef', 'command', {
    given: downloaderRef,
    allowed:
      'its command that fills the folder $(MODEL_DIR), as a JSON list: ["mlflow", "artifacts", "download", "-d", "$(MODEL_DIR)"]',
    form: /^\s*\[\s*"([^"\\]|\\.)*"(\s*,\s*"([^"\\]|\\.)*")*\s*\]\s*$/,
    command: `docker run --rm ${image === '' ? 'IMAGE' : image} --help`,
  });
  const told =
    version ??
    notes.ask('spec.version', 'version', {
      given: version,
      allowed: 'the version of the model that the command asks for, one that never changes',
      form: /^[^\p{Cc}]+$/u,
      command: `docker run --rm ${image === '' ? 'IMAGE' : image} --help`,
    });
  return call(
    'ModelSource.custom',
    object({
      image: literal(image),
      command: texts(command === '' ? [] : (JSON.parse(command) as string[])),
      version: literal(told),
      name: literal(name),
      env: object({
        SOURCE_URL: literal(sourceURL),
        MODEL_NAME: literal(name),
        MODEL_VERSION: literal(told),
      }),
    }),
  );
}

/** The claim, under the name by which other pods of the namespace may mount it. */
function storeOf(
  { spec, name, namespace }: Resource<DynamoModelSpec>,
  notes: Notes,
  placementOfServers: () => Expression | undefined,
): Expression {
  const { create = true, storageClass, volumeAccessMode = 'ReadWriteMany' } = spec.pvc;
  const claim = spec.pvc.name ?? name;
  if (volumeAccessMode === 'ReadWriteOncePod') {
    notes.refuse('spec.pvc.volumeAccessMode', volumeAccessMode, {
      allowed: 'ReadWriteMany, ReadWriteOnce, ReadOnlyMany',
      advice: 'The pods that fetch and that serve both mount it.',
    });
  }
  const modes = accessModes([volumeAccessMode]);
  const placement = isOneNode([volumeAccessMode]) ? placementOfServers() : undefined;
  if (!create) {
    for (const field of ['storageClass', 'size'] as const) {
      if (spec.pvc[field] !== undefined)
        notes.warn(
          `spec.pvc.${field}`,
          `The claim ${claim} is there already (create: false). It is left out.`,
        );
    }
    return call('ModelStore.existingClaim', literal(claim), object({ accessModes: modes, placement }));
  }
  if (spec.pvc.size === undefined) {
    notes.refuse('spec.pvc.size', undefined, {
      allowed: "the size of the new claim: '200Gi'",
      advice: 'Or name one that is there, with create: false.',
    });
  }
  notes.warn(
    'spec.pvc.create',
    `The DynamoModel owns the claim ${claim}, which goes with it. Before you delete it, let go of the claim: ` +
      `kubectl patch pvc ${claim} -n ${namespace} --type=json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'`,
  );
  return call(
    'ModelStore.claim',
    object({
      name: literal(claim),
      size: size(spec.pvc.size ?? '1Gi'),
      storageClassName: optional(storageClass),
      accessModes: modes,
      placement,
    }),
  );
}

function translateGraph(
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
